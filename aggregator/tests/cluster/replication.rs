//! Whole nodes in one process over mutual TLS on loopback: what agents and peers see of them.

use std::time::Duration;

use tiercel_aggregator::raft::{Leadership, ProposeError, SnapshotTriggers};
use tiercel_aggregator::triage::{Command, State, UnixMillis};
use tiercel_proto::mtls::{ClientTls, Role};
use tiercel_proto::v1;
use tiercel_proto::v1::raft_client::RaftClient;

use crate::agent::{Agent, Answer};
use crate::bench::{Bench, files, run, wait_until};

#[test]
fn alerts_sent_to_any_node_are_counted_once_and_survive_the_leader() {
    run(async {
        let mut bench = Bench::new(3);
        bench.start_all().await;
        let leader = bench.leader().await;
        for id in bench.ids() {
            let name = format!("web-{id}");
            let mut agent = Agent::connect(&bench, id, &name).await.unwrap();
            assert_eq!(agent.send(1, &["shell", "read"]).await, Answer::Ack(2), "through node {id}");
            assert_eq!(agent.send(1, &["shell", "read", "write"]).await, Answer::Ack(3), "with a repeat");
        }
        bench.kill(leader);
        let next = bench.leader().await;
        let mut agent = Agent::connect(&bench, next, "web-1").await.unwrap();
        let answer = agent.send(3, &["write", "exec"]).await;
        assert_eq!(answer, Answer::Ack(4), "what was acknowledged is known to the next leader");

        let follower = bench.ids().into_iter().find(|id| *id != leader && *id != next).unwrap();
        bench.agreed_state().await;
        for id in [next, follower] {
            let counters = bench.node(id).cluster.counters();
            assert_eq!((counters.accepted, counters.duplicates), (10, 7), "on node {id}");
            assert_eq!(bench.node(id).cluster.read(State::imbalance), 0);
        }
    });
}

#[test]
fn node_that_comes_back_catches_up_from_its_disk_and_the_log() {
    run(async {
        let mut bench = Bench::new(3);
        bench.start_all().await;
        let leader = bench.leader().await;
        let away = bench.ids().into_iter().find(|id| *id != leader).unwrap();
        let mut agent = Agent::connect(&bench, leader, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["a"]).await, Answer::Ack(1));
        bench.stop(away).await;
        assert_eq!(agent.send(2, &["b", "c"]).await, Answer::Ack(3));
        bench.start(away).await;
        bench.agreed_state().await;
        assert_eq!(bench.node(away).cluster.counters().accepted, 3);
    });
}

#[test]
fn node_that_was_away_too_long_gets_a_snapshot() {
    run(async {
        let triggers = SnapshotTriggers { entries: 10, bytes: u64::MAX, bytes_kept: 0 };
        let mut bench = Bench::new(3).with_triggers(triggers);
        bench.start_all().await;
        let leader = bench.leader().await;
        let away = bench.ids().into_iter().find(|id| *id != leader).unwrap();
        bench.stop(away).await;
        let mut agent = Agent::connect(&bench, leader, "web-1").await.unwrap();
        for number in 1..=30 {
            assert_eq!(agent.send(number, &["a"]).await, Answer::Ack(number));
        }
        wait_until("a snapshot and a purge", || {
            bench.node(leader).cluster.status().purged_index.filter(|purged| *purged > 10)
        })
        .await;
        bench.start(away).await;
        bench.agreed_state().await;
        assert_eq!(bench.node(away).cluster.counters().accepted, 30);
        let snapshots = files(&bench.snapshots(away));
        assert_eq!(snapshots.len(), 1, "{snapshots:?}");
        assert!(snapshots[0].ends_with(".snapshot"), "{snapshots:?}");
    });
}

#[test]
fn single_node_is_the_same_after_a_restart() {
    run(async {
        let mut bench = Bench::new(1).with_triggers(SnapshotTriggers { entries: 8, bytes: u64::MAX, bytes_kept: 0 });
        bench.start_all().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        for number in 1..=12 {
            assert_eq!(agent.send(number, &["a"]).await, Answer::Ack(number));
        }
        wait_until("a snapshot", || bench.node(1).cluster.status().snapshot_index).await;
        assert_eq!(agent.send(13, &["b"]).await, Answer::Ack(13));
        let before = bench.agreed_state().await;
        let cluster_id = bench.node(1).cluster.status().cluster_id;
        bench.stop(1).await;
        bench.start(1).await;
        bench.leader().await;
        assert_eq!(bench.node(1).cluster.status().cluster_id, cluster_id);
        wait_until("the state to be rebuilt", || (bench.node(1).cluster.read(State::render) == before).then_some(()))
            .await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        assert_eq!(agent.send(13, &["b", "c"]).await, Answer::Ack(14));
        assert_eq!(bench.node(1).cluster.counters().accepted, 14);
    });
}

#[test]
fn leader_without_a_quorum_takes_nothing_in() {
    run(async {
        let mut bench = Bench::new(3);
        bench.start_all().await;
        let leader = bench.leader().await;
        for id in bench.ids().into_iter().filter(|id| *id != leader) {
            bench.kill(id);
        }
        wait_until("the leader to notice", || bench.node(leader).cluster.leads().err()).await;
        let tick = Command::Tick { at: UnixMillis(0) };
        let error = bench.node(leader).cluster.propose(tick).await.unwrap_err();
        assert!(matches!(error, ProposeError::NoQuorum { .. } | ProposeError::NotLeader { .. }), "{error:?}");
        let mut agent = Agent::connect(&bench, leader, "web-1").await.unwrap();
        let answer = agent.send(1, &["shell"]).await;
        assert!(matches!(answer, Answer::Retry { expected: 0, .. }), "{answer:?}");
    });
}

#[test]
fn gap_and_foreign_spool_are_answered_with_what_to_do() {
    run(async {
        let mut bench = Bench::new(1);
        bench.start_all().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["a"]).await, Answer::Ack(1));
        let answer = agent.send(4, &["d"]).await;
        assert!(matches!(&answer, Answer::Retry { expected: 2, .. }), "{answer:?}");
        // Many under way at once are answered in their order.
        for number in 2..=40 {
            agent.submit(number, &["x"]).await;
        }
        for number in 2..=40 {
            assert_eq!(agent.answer().await, Answer::Ack(number));
        }
    });
}

#[test]
fn item_that_is_no_alert_does_not_wedge_the_lane() {
    run(async {
        let mut bench = Bench::new(1);
        bench.start_all().await;
        let mut agent = Agent::connect(&bench, 1, "web-1").await.unwrap();
        let nameless = v1::Alert { priority: 4, ..v1::Alert::default() };
        let skip = v1::Skip { count: 5, reason: "spool full".to_owned(), ..v1::Skip::default() };
        let items = [v1::item::Kind::Alert(nameless), v1::item::Kind::Skip(skip)];
        agent.submit_items(1, items.into_iter().map(|kind| v1::Item { kind: Some(kind) }).collect()).await;
        assert_eq!(agent.answer().await, Answer::Ack(6));
        let counters = bench.node(1).cluster.counters();
        assert_eq!((counters.invalid, counters.lost_total(), counters.accepted), (1, 5, 0));
        // A batch that does not say where it belongs ends the stream.
        agent.submit_items(0, Vec::new()).await;
        let end = agent.try_answer().await.unwrap_err();
        assert_eq!(end, "failed to read batch: sequence 0 is not one");
    });
}

#[test]
fn each_door_opens_only_for_its_role() {
    run(async {
        let mut bench = Bench::new(1);
        bench.start_all().await;
        let agent = ClientTls::new(&bench.credentials(Role::Agent, "web-1"));
        let vote = v1::RaftRequest { body: Vec::new().into() };
        let refused = match agent.connect(bench.raft_address(1), None).await {
            Ok(channel) => RaftClient::new(channel)
                .vote(vote)
                .await
                .is_err_and(|status| status.code() != tonic::Code::InvalidArgument),
            Err(_) => true,
        };
        assert!(refused, "an agent got through to the peers' door");
        let peer = ClientTls::new(&bench.credentials(Role::Aggregator, "aggregator-1"));
        let channel = peer.connect(bench.raft_address(1), None).await.unwrap();
        let status = RaftClient::new(channel).vote(v1::RaftRequest { body: Vec::new().into() }).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument, "a peer is heard, and this message is none");
    });
}

#[test]
fn stopped_node_answers_what_it_took_and_hands_leadership_on() {
    run(async {
        let mut bench = Bench::new(3);
        bench.start_all().await;
        let leader = bench.leader().await;
        let mut agent = Agent::connect(&bench, leader, "web-1").await.unwrap();
        for number in 1..=20 {
            agent.submit(number, &["x"]).await;
        }
        wait_until("something to be taken", || (bench.node(leader).cluster.counters().accepted > 0).then_some(()))
            .await;
        bench.stop(leader).await;
        let mut acknowledged = 0;
        while let Ok(Answer::Ack(sequence)) = agent.try_answer().await {
            acknowledged = sequence;
        }
        let next = bench.leader().await;
        assert_ne!(next, leader);
        let accepted = wait_until("the next leader to apply", || {
            Some(bench.node(next).cluster.counters().accepted).filter(|accepted| *accepted >= acknowledged)
        })
        .await;
        assert!(acknowledged > 0 && acknowledged <= accepted);
        let seen = wait_until("the others to follow", || match bench.node(next).leadership() {
            Leadership::Here { term } => Some(term),
            Leadership::Elsewhere { .. } | Leadership::Nowhere => None,
        });
        assert!(tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap() > 1);
    });
}

#[test]
fn node_with_a_new_disk_harms_nobody() {
    run(async {
        let mut bench = Bench::new(3);
        bench.start_all().await;
        let leader = bench.leader().await;
        let wiped = bench.ids().into_iter().find(|id| *id != leader).unwrap();
        let mut agent = Agent::connect(&bench, leader, "web-1").await.unwrap();
        assert_eq!(agent.send(1, &["a", "b"]).await, Answer::Ack(2));
        bench.agreed_state().await;
        bench.stop(wiped).await;
        bench.wipe(wiped).await;
        bench.start(wiped).await;
        bench.agreed_state().await;
        assert_eq!(bench.node(wiped).cluster.counters().accepted, 2);
        assert!(bench.node(leader).cluster.leads().is_ok(), "the leader did not suffer");
    });
}
