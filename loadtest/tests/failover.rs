//! Three aggregators on loopback, a storm of alerts, and the leader killed in the middle of it: nothing that was
//! acknowledged is lost, nothing is counted twice, and a receiver can tell the repeats that are possible.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test ends where it fails; the figures are its result")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tiercel_loadtest::harness::{Cluster, ClusterSetup, Daemon, Delivery, Pki, Scratch, WebhookSink, binary, wait_for};
use tiercel_loadtest::storm::Sums;
use tiercel_proto::mtls::{Role, TlsFiles};

/// Alerts of the storm.
const ALERTS: u64 = 12_000;

/// Alerts a second: the storm is still going on when the leader dies.
const RATE: u64 = 3_000;

/// The leader is killed once so many alerts are acknowledged.
const KILL_AFTER: u64 = 3_000;

const STORM_LIMIT: Duration = Duration::from_secs(90);
const SETTLE_LIMIT: Duration = Duration::from_secs(30);

#[test]
fn killed_leader_loses_nothing_and_counts_nothing_twice() {
    let scratch = Scratch::new("failover").unwrap();
    let pki = Pki::create(&scratch.join("pki")).unwrap();
    let sink = WebhookSink::start().unwrap();
    let setup = ClusterSetup { members: 3, webhook: sink.url(), rate_per_minute: 60 };
    let mut cluster = Cluster::start(scratch.path(), &pki, &setup).unwrap();
    let leader = cluster.wait_for_leader(SETTLE_LIMIT).unwrap();

    // The storm is connected to the leader, so that the kill takes its connection too.
    let mut addresses = cluster.ingest_addresses();
    addresses.rotate_left(leader);
    let mut storm = start_storm(&scratch, &addresses, &pki.issue(Role::Agent, "storm").unwrap());
    wait_for_acknowledged(&cluster, &storm, KILL_AFTER);
    let before = acknowledged(&storm);
    cluster.node_mut(leader).kill().unwrap();
    let killed_at = Instant::now();
    println!("killed node {} (the leader) with {before} alerts acknowledged", cluster.node(leader).id());
    wait_for_acknowledged(&cluster, &storm, before + 1);
    println!("time to new acknowledgements: {:?}", killed_at.elapsed());
    let new_leader = cluster.wait_for_leader(SETTLE_LIMIT).unwrap();
    assert_ne!(new_leader, leader);

    let sums = wait_for_sums(&mut storm);
    println!("storm: {sums:?}");
    assert_eq!(sums.acknowledged, ALERTS, "the storm was not taken whole");
    assert!(sums.reconnections > 0, "the storm was not connected to the leader");

    cluster.node_mut(leader).restart().unwrap();
    for position in 0..cluster.len() {
        check_node(&cluster, position, &sums);
    }
    check_deliveries(&cluster, new_leader, &sink);
}

fn start_storm(scratch: &Scratch, addresses: &[SocketAddr], tls: &TlsFiles) -> Daemon {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let mut arguments = vec!["storm".to_owned(), "--server-name".to_owned(), "localhost".to_owned()];
    for (name, value) in [("--ca", text(&tls.ca)), ("--certificate", text(&tls.certificate)), ("--key", text(&tls.key))]
    {
        arguments.extend([name.to_owned(), value]);
    }
    for (name, value) in [("--alerts", ALERTS), ("--rate", RATE), ("--timeout", STORM_LIMIT.as_secs())] {
        arguments.extend([name.to_owned(), value.to_string()]);
    }
    arguments.extend(addresses.iter().flat_map(|address| ["--aggregator".to_owned(), address.to_string()]));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Daemon::start("storm", &binary("tiercel-loadtest").unwrap(), &arguments, scratch.path()).unwrap()
}

/// How far the storm says that it was acknowledged.
fn acknowledged(storm: &Daemon) -> u64 {
    let output = storm.output();
    let numbers = output.lines().filter_map(|line| line.strip_prefix("acknowledged ")?.parse().ok());
    numbers.max().unwrap_or_default()
}

fn wait_for_acknowledged(cluster: &Cluster, storm: &Daemon, count: u64) {
    let reached = wait_for("acknowledgements", STORM_LIMIT, || (acknowledged(storm) >= count).then_some(()));
    reached.unwrap_or_else(|error| {
        let logs = (0..cluster.len()).map(|position| cluster.node(position).daemon().log_tail());
        panic!("{error}: {} of {count}{}{}", acknowledged(storm), storm.log_tail(), logs.collect::<String>())
    });
}

fn wait_for_sums(storm: &mut Daemon) -> Sums {
    let ended = wait_for("the end of the storm", STORM_LIMIT, || (!storm.is_running()).then_some(()));
    ended.unwrap_or_else(|error| panic!("{error}{}", storm.log_tail()));
    let output = storm.output();
    let sums = output.lines().find_map(|line| serde_json::from_str(line).ok());
    sums.unwrap_or_else(|| panic!("the storm printed no sums{}", storm.log_tail()))
}

/// A member, also the one that was dead for a while, counts and keeps every alert of the storm exactly once.
fn check_node(cluster: &Cluster, position: usize, sums: &Sums) {
    let counters = wait_for("a member to catch up", SETTLE_LIMIT, || {
        let counters = cluster.get(position, "/api/v1/counters").ok()?;
        (counters["accepted"] == sums.alerts).then_some(counters)
    });
    let counters = counters.unwrap_or_else(|error| {
        panic!("{error}: {:?}{}", cluster.get(position, "/api/v1/counters"), cluster.node(position).daemon().log_tail())
    });
    println!("node {} counts {counters}", cluster.node(position).id());
    assert_eq!(counters["imbalance"], 0, "the sums do not add up: {counters}");
    assert_eq!(counters["lost"].as_object().map_or(0, serde_json::Map::len), 0, "{counters}");
    let history = wait_for("the history of a member", SETTLE_LIMIT, || {
        let history = cluster.history(position).ok()?;
        (history.len() as u64 >= sums.alerts).then_some(history)
    });
    let history = history.unwrap();
    let numbers: BTreeSet<u64> = history.iter().filter_map(number).collect();
    assert_eq!(history.len() as u64, sums.alerts, "the history has alerts twice");
    assert_eq!(numbers.len() as u64, sums.alerts, "the history lacks alerts");
    assert_eq!(numbers.last(), Some(&sums.alerts));
}

/// The number that a storm writes into each of its alerts.
fn number(alert: &Value) -> Option<u64> {
    alert["output"].as_str()?.rsplit_once("number=")?.1.parse().ok()
}

/// No notification came twice without saying that it might.
fn check_deliveries(cluster: &Cluster, leader: usize, sink: &WebhookSink) {
    wait_for("all notifications to be delivered", SETTLE_LIMIT, || {
        let counters = cluster.get(leader, "/api/v1/counters").ok()?;
        let notifications = &counters["notifications"];
        (notifications["total"].as_u64()? > 0 && notifications["total"] == notifications["delivered"]).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", cluster.get(leader, "/api/v1/counters")));
    let mut by_id: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    for delivery in sink.deliveries() {
        let id = delivery.header("webhook-id").expect("a notification has an id").to_owned();
        by_id.entry(id).or_default().push(delivery);
    }
    let repeated: Vec<_> = by_id.iter().filter(|(_, deliveries)| deliveries.len() > 1).collect();
    println!("{} notifications delivered, {} of them repeated and marked so", by_id.len(), repeated.len());
    for (id, deliveries) in repeated {
        let unmarked =
            deliveries.iter().skip(1).filter(|delivery| delivery.header("x-possible-duplicate") != Some("true"));
        assert_eq!(unmarked.count(), 0, "notification {id} came twice and does not say so: {deliveries:?}");
    }
    assert!(!by_id.is_empty(), "no notification was delivered");
}
