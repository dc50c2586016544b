//! Ten thousand alerts from the real kernel, with the agent killed in the middle and the aggregator killed later: what
//! entered the agent's spool is counted exactly once.
//!
//! Each act opens a file of its own, so every alert has an identity that the history can be searched for. Acts stop
//! while the agent is dead, because what a dead sensor does not see is not an alert; only acts that it had seen and not
//! yet written to its spool when it was killed may be missing.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where it fails; the sums are its result")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tiercel_loadtest::harness::{
    Agent, AgentSetup, Cluster, ClusterSetup, KernelLock, Pki, Scope, Scratch, WebhookSink, kernel_refusal, metric_sum,
    skip, wait_for,
};
use tiercel_proto::mtls::Role;

/// Acts, and alerts if none falls into the moment of the kill.
const ACTS: u64 = 10_000;

/// Acts between two looks at the world.
const CHUNK: u64 = 500;

/// The agent is killed in the middle of the chunk that begins after so many acts.
const AGENT_DIES_AFTER: u64 = 3_000;

/// The aggregator is killed in the middle of the one chunk and comes back after the other.
const AGGREGATOR_DIES_AFTER: u64 = 6_000;
const AGGREGATOR_RETURNS_AFTER: u64 = 8_000;

/// How far into its chunk a kill falls.
const INTO_CHUNK: u64 = 100;

const SETTLE_LIMIT: Duration = Duration::from_secs(60);

const RULE: &str = "
- rule: Storm file opened
  desc: Fires once for each act of the test.
  condition: evt.type in (open, openat, creat) and fd.directory endswith /storm
  output: Storm file opened | file=%fd.name number=%fd.filename
  priority: WARNING
";

/// Opens as many files as each line of its input says, a new one each time, then says how many there were so far. It
/// pauses now and then, so that the storm lasts a few seconds.
const ACTOR: &str = r#"n=0; while read -r count; do
  for ((i = 0; i < count; i++)); do n=$((n + 1)); : > "$1/$n"; ((n % 50)) || sleep 0.01; done
  echo "$n"
done"#;

struct Actor {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

#[test]
fn alerts_are_counted_once_over_the_death_of_agent_and_aggregator() {
    const TEST: &str = "alerts_are_counted_once_over_the_death_of_agent_and_aggregator";
    if let Some(why) = kernel_refusal() {
        return skip(TEST, &why);
    }
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("exactly-once").unwrap();
    let scope = Scope::create("exactly-once").unwrap();
    let pki = Pki::create(&scratch.join("pki")).unwrap();
    let sink = WebhookSink::start().unwrap();
    let setup = ClusterSetup { members: 1, webhook: sink.url(), rate_per_minute: 60 };
    let mut cluster = Cluster::start(scratch.path(), &pki, &setup).unwrap();
    let rules = vec![scratch.write("storm.yaml", RULE).unwrap()];
    let uplink = Some((cluster.ingest_addresses(), pki.issue(Role::Agent, "web-1").unwrap()));
    let setup = AgentSetup { rules, scope: scope.section(), uplink };
    let mut agent = Agent::start(&scratch.join("agent"), &setup).unwrap();
    let mut actor = Actor::start(&scope, &scratch.join("storm"));

    for done in (0..ACTS / CHUNK).map(|chunk| chunk * CHUNK) {
        if done == AGENT_DIES_AFTER {
            wait_for_accepted(&cluster, done);
        }
        actor.ask(CHUNK);
        if done == AGENT_DIES_AFTER {
            wait_for_accepted(&cluster, done + INTO_CHUNK);
            actor.signal(Signal::SIGSTOP);
            agent.kill().unwrap();
            println!("agent killed with {} alerts counted", accepted(&cluster));
            agent.restart().unwrap();
            actor.signal(Signal::SIGCONT);
        }
        if done == AGGREGATOR_DIES_AFTER {
            wait_for_accepted(&cluster, done + INTO_CHUNK);
            println!("aggregator killed with {} alerts counted", accepted(&cluster));
            cluster.node_mut(0).kill().unwrap();
        }
        actor.wait();
        if done == AGGREGATOR_RETURNS_AFTER {
            cluster.node_mut(0).restart().unwrap();
        }
    }
    actor.end();
    check_sums(&cluster, &agent);
}

impl Actor {
    fn start(scope: &Scope, directory: &Path) -> Self {
        std::fs::create_dir(directory).unwrap();
        let mut command = scope.command(Path::new("/bin/bash"));
        command.args(["-c", ACTOR, "actor"]).arg(directory);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    fn ask(&mut self, acts: u64) {
        writeln!(self.input, "{acts}").unwrap();
    }

    /// Waits until what was asked for is done.
    fn wait(&mut self) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    fn end(mut self) {
        drop(self.input);
        self.child.wait().unwrap();
    }
}

fn accepted(cluster: &Cluster) -> u64 {
    cluster.get(0, "/api/v1/counters").ok().and_then(|counters| counters["accepted"].as_u64()).unwrap_or_default()
}

fn wait_for_accepted(cluster: &Cluster, count: u64) {
    wait_for("alerts to be counted", SETTLE_LIMIT, || (accepted(cluster) >= count).then_some(())).unwrap();
}

fn check_sums(cluster: &Cluster, agent: &Agent) {
    let agent_sums = wait_until_acknowledged(agent);
    let counters = cluster.get(0, "/api/v1/counters").unwrap();
    println!("cluster: {counters}");
    let counted = counters["accepted"].as_u64().unwrap();
    let history = wait_for("the history to hold what is counted", SETTLE_LIMIT, || {
        cluster.history(0).ok().filter(|history| history.len() as u64 >= counted)
    });
    let seen = seen(&history.unwrap());
    let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "counted more than once: {twice:?}");
    assert_eq!(seen.len() as u64, counted, "the counter and the history differ");
    assert_eq!(counters["imbalance"], 0, "the sums do not add up: {counters}");
    assert!(counters["lost"].as_object().unwrap().is_empty(), "{counters}");

    let unseen: Vec<u64> = (1..=ACTS).filter(|act| !seen.contains_key(act)).collect();
    let first_run = counted - agent_sums.spooled;
    println!("acts {ACTS} = counted {counted} + in the memory of the agent when it was killed {}", unseen.len());
    println!("counted {counted} = spooled by the first run {first_run} + by the second run {}", agent_sums.spooled);
    assert_eq!(counted + unseen.len() as u64, ACTS);
    let kill = AGENT_DIES_AFTER + 1..=AGENT_DIES_AFTER + CHUNK;
    assert!(unseen.iter().all(|act| kill.contains(act)), "acts are missing that no kill explains: {unseen:?}");
    assert!(agent_sums.recovered <= first_run, "{agent_sums:?}");
}

/// What the second run of the agent says of its spool.
#[derive(Debug)]
struct AgentSums {
    recovered: u64,
    spooled: u64,
}

/// Waits until the spool is empty: everything that was in it is acknowledged, nothing was given up.
fn wait_until_acknowledged(agent: &Agent) -> AgentSums {
    let empty = wait_for("the spool to be empty", SETTLE_LIMIT, || {
        let page = agent.metrics().ok()?;
        let sum = |metric: &str| metric_sum(&page, &format!("tiercel_agent_alerts_{metric}"));
        let is_settled = sum("waiting") == 0 && sum("made_total") == sum("spooled_total");
        is_settled.then(|| {
            let [recovered, spooled, acked, dropped] =
                ["recovered_total", "spooled_total", "acked_total", "dropped_total"].map(sum);
            println!("agent: recovered {recovered} + spooled {spooled} = acknowledged {acked} + dropped {dropped}");
            assert_eq!((recovered + spooled, dropped), (acked, 0));
            AgentSums { recovered, spooled }
        })
    });
    empty.unwrap_or_else(|error| panic!("{error}{}", agent.daemon().log_tail()))
}

/// How often each act is in the history.
fn seen(history: &[Value]) -> BTreeMap<u64, u64> {
    let numbers = history.iter().filter_map(|alert| alert["output_fields"]["fd.filename"].as_str()?.parse().ok());
    numbers.fold(BTreeMap::new(), |mut seen, number: u64| {
        *seen.entry(number).or_default() += 1;
        seen
    })
}
