//! What receivers see: each notification once, again only with a reason, and marked when it may be a repeat.

use tiercel_aggregator::triage::{Command, Content, Counters, DeathReason, State};

use crate::agent::{Agent, Answer};
use crate::bench::{Bench, run, wait_until};
use crate::receiver::{Behaviour, Receiver};

async fn counters_when(bench: &Bench, node: u64, what: &str, holds: impl Fn(&Counters) -> bool) -> Counters {
    let counters = wait_until(what, || Some(bench.node(node).cluster.counters()).filter(&holds)).await;
    assert_eq!(bench.node(node).cluster.read(State::imbalance), 0);
    counters
}

#[test]
fn notification_arrives_once_and_is_recorded() {
    run(async {
        let mut bench = Bench::new(1);
        let receiver = Receiver::new([]);
        bench.start_with(1, receiver.receivers()).await;
        bench.leader().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["shell", "shell", "read"]).await, Answer::Ack(3));
        let counters = counters_when(&bench, 1, "two deliveries", |sums| sums.delivered == 2).await;
        assert_eq!((counters.notifications, counters.attempts, counters.repeats), (2, 2, 1));
        let seen = receiver.seen();
        assert_eq!(seen.len(), 2);
        let Content::Finding(finding) = &seen[0].content else { panic!("a finding") };
        assert_eq!((&*finding.alert.rule, seen[0].attempt, seen[0].possible_repeat), ("shell", 1, false));
        assert_eq!(finding.repeats, 1);
        assert_ne!(seen[0].key, seen[1].key);
    });
}

#[test]
fn failure_is_repeated_and_refusal_is_not() {
    run(async {
        let mut bench = Bench::new(1);
        let receiver = Receiver::new([Behaviour::Fail, Behaviour::Refuse]);
        bench.start_with(1, receiver.receivers()).await;
        bench.leader().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["first"]).await, Answer::Ack(1));
        counters_when(&bench, 1, "a failure", |sums| sums.retries == 1).await;
        assert_eq!(agent.send(2, &["second"]).await, Answer::Ack(2));
        let counters =
            counters_when(&bench, 1, "both ends", |sums| sums.delivered == 1 && sums.dead_total() == 1).await;
        assert_eq!(counters.dead.get(&DeathReason::Refused), Some(&1));
        let seen = receiver.seen();
        assert_eq!(seen.len(), 3);
        assert_eq!((seen[0].id, seen[0].attempt), (seen[2].id, 1));
        assert_eq!((seen[2].attempt, seen[2].possible_repeat), (2, false), "a known failure is no possible repeat");
    });
}

#[test]
fn attempt_that_may_have_arrived_is_repeated_with_a_mark() {
    run(async {
        let mut bench = Bench::new(1);
        let receiver = Receiver::new([Behaviour::Lose, Behaviour::Hang]);
        bench.start_with(1, receiver.receivers()).await;
        bench.leader().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["lost"]).await, Answer::Ack(1));
        wait_until("the first attempt", || receiver.seen().first().cloned()).await;
        assert_eq!(agent.send(2, &["slow"]).await, Answer::Ack(2));
        counters_when(&bench, 1, "both deliveries", |sums| sums.delivered == 2 && sums.retries == 2).await;
        let mut marks: Vec<_> = receiver.seen().iter().map(|seen| (seen.id, seen.possible_repeat)).collect();
        marks.sort();
        assert_eq!(marks.iter().map(|(_, mark)| *mark).collect::<Vec<_>>(), [false, true, false, true]);
    });
}

#[test]
fn refusals_in_a_row_slow_the_attempts_down() {
    run(async {
        let mut bench = Bench::new(1);
        let receiver = Receiver::new([Behaviour::Refuse; 64]);
        bench.start_with(1, receiver.receivers()).await;
        bench.leader().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        let rules: Vec<String> = (0..64).map(|number| format!("rule {number}")).collect();
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        assert_eq!(agent.send(1, &rules).await, Answer::Ack(64));
        counters_when(&bench, 1, "refusals", |sums| sums.dead_total() >= 3).await;
        // Shorter than the shortest pause: without one the rest would be gone by now.
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
        let dead = bench.node(1).cluster.counters().dead_total();
        assert!(dead < 32, "{dead} given up at once");
    });
}

#[test]
fn next_leader_repeats_what_may_have_arrived_and_says_so() {
    run(async {
        let mut bench = Bench::new(3);
        let receiver = Receiver::new([Behaviour::Hang]);
        for id in bench.ids() {
            bench.start_with(id, receiver.receivers()).await;
        }
        let leader = bench.leader().await;
        let mut agent = Agent::connect(&bench, leader, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["shell"]).await, Answer::Ack(1));
        wait_until("the first attempt", || receiver.seen().first().cloned()).await;
        bench.kill(leader);
        let next = bench.leader().await;
        let counters = counters_when(&bench, next, "the repeat", |sums| sums.delivered == 1).await;
        assert_eq!((counters.ambiguous, counters.attempts), (1, 2));
        let seen = receiver.seen();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].key, seen[1].key, "the same notification under the same key");
        assert_eq!((seen[0].possible_repeat, seen[1].possible_repeat), (false, true));
    });
}

#[test]
fn notifications_go_on_when_the_log_is_an_hour_ahead_of_the_clock() {
    run(async {
        let mut bench = Bench::new(1);
        let receiver = Receiver::new([Behaviour::Fail]);
        bench.start_with(1, receiver.receivers()).await;
        bench.leader().await;
        let hour_ahead = bench.node(1).cluster.now().plus_ms(3_600_000);
        bench.node(1).cluster.propose(Command::Tick { at: hour_ahead }).await.unwrap();
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["shell"]).await, Answer::Ack(1));
        let counters = counters_when(&bench, 1, "the delivery", |sums| sums.delivered == 1).await;
        assert_eq!((counters.attempts, counters.retries), (2, 1), "the retry is due though the clock is behind");
    });
}

#[test]
fn receiver_that_is_not_configured_keeps_its_notifications() {
    run(async {
        let mut bench = Bench::new(1);
        bench.start_all().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["shell"]).await, Answer::Ack(1));
        bench.stop(1).await;
        let receiver = Receiver::new([]);
        bench.start_with(1, receiver.receivers()).await;
        let counters = counters_when(&bench, 1, "the delivery", |sums| sums.delivered == 1).await;
        assert_eq!(counters.attempts, 1);
        assert_eq!(receiver.seen().len(), 1);
    });
}
