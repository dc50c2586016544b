//! Ten thousand alerts from the real kernel, with the agent killed in the middle and the aggregator killed later: what
//! entered the agent's spool is counted exactly once.
//!
//! Each act opens a file of its own, so every alert has an identity that the history can be searched for. Acts wait
//! while the agent is dead, because what a dead sensor does not see is not an alert; only the acts that were under way
//! at the moment of the kill may be missing.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where it fails; the sums are its result")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

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

/// The agent is killed during the chunk that begins after so many acts.
const AGENT_DIES_AFTER: u64 = 3_000;

/// The aggregator is killed before the chunk that begins after so many acts, and comes back after the other number.
const AGGREGATOR_DIES_AFTER: u64 = 6_000;
const AGGREGATOR_RETURNS_AFTER: u64 = 8_000;

const SETTLE_LIMIT: Duration = Duration::from_secs(60);

const RULE: &str = "
- rule: Storm file opened
  desc: Fires once for each act of the test.
  condition: evt.type in (open, openat, creat) and fd.directory endswith /storm
  output: Storm file opened | file=%fd.name number=%fd.filename
  priority: WARNING
";

/// Opens as many files as each line of its input says, a new one each time, then says how many there were so far.
const ACTOR: &str = r#"n=0; while read -r count; do
  for ((i = 0; i < count; i++)); do n=$((n + 1)); : > "$1/$n"; done
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

    let mut killed_during = 0..0;
    for done in (0..ACTS / CHUNK).map(|chunk| chunk * CHUNK) {
        actor.ask(CHUNK);
        if done == AGENT_DIES_AFTER {
            wait_for("the first alerts to be counted", SETTLE_LIMIT, || (accepted(&cluster) > 0).then_some(()))
                .unwrap();
            agent.kill().unwrap();
            killed_during = done + 1..done + CHUNK + 1;
        }
        if done == AGGREGATOR_DIES_AFTER {
            cluster.node_mut(0).kill().unwrap();
        }
        actor.wait();
        if done == AGENT_DIES_AFTER {
            println!("agent killed with {} alerts counted", accepted(&cluster));
            agent.restart().unwrap();
        }
        if done == AGGREGATOR_RETURNS_AFTER {
            cluster.node_mut(0).restart().unwrap();
        }
    }
    actor.end();
    check_sums(&cluster, &agent, killed_during);
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

    fn end(mut self) {
        drop(self.input);
        self.child.wait().unwrap();
    }
}

fn accepted(cluster: &Cluster) -> u64 {
    cluster.get(0, "/api/v1/counters").ok().and_then(|counters| counters["accepted"].as_u64()).unwrap_or_default()
}

fn check_sums(cluster: &Cluster, agent: &Agent, killed_during: std::ops::Range<u64>) {
    let settled = wait_for("every alert outside of the kill to be counted", SETTLE_LIMIT, || {
        let seen = seen(&cluster.history(0).ok()?);
        let missing = (1..=ACTS).filter(|act| !killed_during.contains(act) && !seen.contains_key(act)).count();
        (missing == 0).then_some(seen)
    });
    let settled = settled.unwrap_or_else(|error| {
        panic!("{error}: {:?}{}", cluster.get(0, "/api/v1/counters"), agent.daemon().log_tail())
    });
    let counters = cluster.get(0, "/api/v1/counters").unwrap();
    println!("{counters}");
    assert_eq!(counters["imbalance"], 0, "the sums do not add up: {counters}");
    let unseen = killed_during.filter(|act| !settled.contains_key(act)).count();
    let distinct = settled.len() as u64;
    println!("acts {ACTS} = counted {distinct} + under way when the agent died and never seen {unseen}");
    assert_eq!(ACTS, distinct + unseen as u64);
    let twice: Vec<_> = settled.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "counted more than once: {twice:?}");
    assert_eq!(counters["accepted"].as_u64(), Some(distinct), "the counter and the history differ");
    check_agent_sums(agent, distinct);
}

/// How often each act is in the history.
fn seen(history: &[Value]) -> BTreeMap<u64, u64> {
    let numbers = history.iter().filter_map(|alert| alert["output_fields"]["fd.filename"].as_str()?.parse().ok());
    numbers.fold(BTreeMap::new(), |mut seen, number: u64| {
        *seen.entry(number).or_default() += 1;
        seen
    })
}

fn check_agent_sums(agent: &Agent, distinct: u64) {
    let page = agent.metrics().unwrap();
    println!("agent since its restart: {} alerts; {distinct} in all", metric_sum(&page, "tiercel_agent_alerts_total"));
}
