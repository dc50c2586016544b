//! From the mailbox to the cluster over a real connection: every alert is counted once, whatever is in the way.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tiercel_detection::event::Timestamp;
use tiercel_detection::{Alert, Priority};
use tiercel_proto::mtls::Role;

use super::fake_aggregator::{Cluster, FakeAggregator, Manner, Pki};
use crate::uplink::{
    AlertBatch, LinkState, NodeReport, ReportNode, SpoolOptions, StartError, UplinkConfig, UplinkHandle, start,
};

/// Longest wait for anything; a test that gets there has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Scene {
    pki: Pki,
    spool: TempDir,
    cluster: Cluster,
}

impl Scene {
    fn new() -> Self {
        Self { pki: Pki::new(), spool: TempDir::new().unwrap(), cluster: Cluster::default() }
    }

    fn aggregator(&self, name: &str, manner: Manner) -> FakeAggregator {
        FakeAggregator::start(&self.pki, name, &self.cluster, manner)
    }

    fn config(&self, aggregators: &[&str]) -> UplinkConfig {
        UplinkConfig {
            aggregators: aggregators.iter().map(ToString::to_string).collect(),
            server_name: None,
            tls: self.pki.issue(Role::Agent, &format!("web-{}", self.cluster.read(|counts| counts.agents.len()))),
            spool: SpoolOptions { directory: self.spool.path().to_owned(), bytes_max: 64 * 1024 * 1024 },
            agent_version: "0.1.0".to_owned(),
            boot_id: "boot".to_owned(),
        }
    }

    fn agent(&self, aggregators: &[&str]) -> UplinkHandle {
        start(self.config(aggregators)).unwrap()
    }

    /// Every number below `count` was counted exactly once.
    #[track_caller]
    fn check_counted(&self, count: u64) {
        let numbers = self.cluster.read(|counts| counts.alerts.clone());
        let distinct: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!(numbers.len(), distinct.len(), "an alert was counted twice");
        assert_eq!(distinct, (0..count).collect());
    }
}

fn alerts(numbers: std::ops::Range<u64>) -> Vec<Alert> {
    let priorities = [Priority::Critical, Priority::Warning, Priority::Notice, Priority::Debug];
    numbers
        .map(|number| Alert {
            time: Timestamp(number),
            rule: "rule".into(),
            priority: priorities[usize::try_from(number).unwrap() % priorities.len()],
            source: "syscall".into(),
            hostname: "web-1".into(),
            output: "output".into(),
            fields: Vec::new(),
            tags: [].into(),
        })
        .collect()
}

async fn send(agent: &UplinkHandle, numbers: std::ops::Range<u64>) {
    let recipient = agent.recipient();
    for first in numbers.clone().step_by(100) {
        recipient.send(AlertBatch(alerts(first..(first + 100).min(numbers.end)))).await.unwrap();
    }
}

async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Ends the agent in the middle of its work: its threads go with the last handle, and the next one waits for the lock.
async fn restart(agent: UplinkHandle, scene: &Scene, aggregators: &[&str]) -> UplinkHandle {
    drop(agent);
    let config = scene.config(aggregators);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match start(config.clone()) {
            Ok(agent) => return agent,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[track_caller]
fn check_sums(agent: &UplinkHandle, produced: u64) {
    let spool = agent.metrics().spool;
    let skipped: u64 = spool.skipped.values().sum();
    assert_eq!(spool.spooled, produced);
    assert_eq!(spool.recovered + spool.spooled, spool.acknowledged + skipped + spool.waiting, "{spool:?}");
}

#[actix::test]
async fn alerts_reach_the_cluster_under_the_name_in_the_certificate() {
    let scene = Scene::new();
    let aggregator = scene.aggregator("a1", Manner::Good);
    let agent = scene.agent(&[&aggregator.address]);
    let report = NodeReport { events_total: 42, rules_sha256: "abc".to_owned(), ..NodeReport::default() };
    agent.report_recipient().send(ReportNode(report)).await.unwrap();
    send(&agent, 0..1000).await;
    assert_eq!(agent.flush(PATIENCE).await, Some(0));
    scene.check_counted(1000);
    check_sums(&agent, 1000);
    let metrics = agent.metrics();
    assert_eq!(metrics.link, LinkState::Connected { address: aggregator.address.clone() });
    assert_eq!((metrics.sent, metrics.resent, metrics.reconnects), (1000, 0, 0));
    scene.cluster.read(|counts| {
        assert_eq!(counts.agents, ["spiffe://tiercel/agent/web-0"]);
        assert_eq!(counts.hellos[0].generation, 1);
        assert!(counts.heartbeats.iter().all(|heartbeat| heartbeat.time_unix_nanos > 0));
    });
}

#[actix::test]
async fn lost_acknowledgements_and_broken_streams_do_not_count_twice() {
    let scene = Scene::new();
    let aggregator = scene.aggregator("a1", Manner::Rude);
    let agent = scene.agent(&[&aggregator.address]);
    send(&agent, 0..3000).await;
    assert_eq!(agent.flush(PATIENCE).await, Some(0));
    scene.check_counted(3000);
    check_sums(&agent, 3000);
    assert!(agent.metrics().reconnects > 0);
    assert!(scene.cluster.read(|counts| counts.duplicates) > 0, "something was sent again");
    assert!(agent.metrics().resent > 0);
}

#[actix::test]
async fn busy_aggregator_gets_everything_in_the_end() {
    let scene = Scene::new();
    let aggregator = scene.aggregator("a1", Manner::Busy);
    let agent = scene.agent(&[&aggregator.address]);
    send(&agent, 0..3000).await;
    assert_eq!(agent.flush(PATIENCE).await, Some(0));
    scene.check_counted(3000);
    assert!(agent.metrics().refusals > 0);
    assert_eq!(agent.metrics().reconnects, 0);
}

#[actix::test]
async fn next_address_is_used_when_one_is_dead() {
    let scene = Scene::new();
    let first = scene.aggregator("a1", Manner::Good);
    let second = scene.aggregator("a2", Manner::Good);
    let agent = scene.agent(&[&first.address, &second.address]);
    send(&agent, 0..500).await;
    assert_eq!(agent.flush(PATIENCE).await, Some(0));
    drop(first);
    let killed_at = Instant::now();
    send(&agent, 500..1000).await;
    assert_eq!(agent.flush(PATIENCE).await, Some(0));
    assert!(killed_at.elapsed() < Duration::from_secs(4), "fail-over took {:?}", killed_at.elapsed());
    scene.check_counted(1000);
    assert_eq!(agent.metrics().link, LinkState::Connected { address: second.address.clone() });
}

#[actix::test]
async fn agent_that_ends_abruptly_sends_the_rest_after_its_restart() {
    let scene = Scene::new();
    let mute = scene.aggregator("a1", Manner::Mute);
    let agent = scene.agent(&[&mute.address]);
    send(&agent, 0..2000).await;
    wait_until("some batches to arrive", || scene.cluster.read(|counts| counts.batches >= 4)).await;
    wait_until("all alerts to be spooled", || agent.metrics().spool.spooled == 2000).await;
    let good = scene.aggregator("a2", Manner::Good);
    let agent = restart(agent, &scene, &[&good.address]).await;
    assert_eq!(agent.metrics().spool.recovered, 2000);
    send(&agent, 2000..2500).await;
    assert_eq!(agent.flush(PATIENCE).await, Some(0));
    scene.check_counted(2500);
    check_sums(&agent, 500);
    let generations: BTreeSet<_> =
        scene.cluster.read(|counts| counts.hellos.iter().map(|hello| hello.generation).collect());
    assert_eq!(generations, BTreeSet::from([1, 2]));
}

#[actix::test]
async fn without_an_aggregator_alerts_wait_and_the_reason_is_shown() {
    let scene = Scene::new();
    let agent = scene.agent(&["127.0.0.1:1"]);
    send(&agent, 0..100).await;
    assert_eq!(agent.flush(Duration::from_millis(50)).await, Some(100));
    wait_until("a reason", || matches!(agent.metrics().link, LinkState::Waiting { reason: Some(_) })).await;
    let LinkState::Waiting { reason: Some(reason) } = agent.metrics().link else { panic!("just seen") };
    assert!(reason.contains("failed to connect to 127.0.0.1:1: Connection refused"), "{reason}");
    check_sums(&agent, 100);
}

#[actix::test]
async fn aggregator_of_another_installation_gets_nothing() {
    let (scene, other) = (Scene::new(), Scene::new());
    let stranger = other.aggregator("a1", Manner::Good);
    let agent = scene.agent(&[&stranger.address]);
    send(&agent, 0..10).await;
    wait_until("a reason", || matches!(agent.metrics().link, LinkState::Waiting { reason: Some(_) })).await;
    let LinkState::Waiting { reason: Some(reason) } = agent.metrics().link else { panic!("just seen") };
    assert!(reason.contains("certificate is from an unknown authority"), "{reason}");
    assert_eq!(other.cluster.read(|counts| counts.batches), 0);
    assert_eq!(agent.metrics().spool.waiting, 10);
}

#[actix::test]
async fn renewed_certificate_is_used_for_the_next_connection() {
    let scene = Scene::new();
    let rude = scene.aggregator("a1", Manner::Rude);
    let config = scene.config(&[&rude.address]);
    let agent = start(config.clone()).unwrap();
    wait_until("a connection", || scene.cluster.read(|counts| !counts.agents.is_empty())).await;
    let renewed = scene.pki.issue(Role::Agent, "web-renewed");
    std::fs::copy(&renewed.key, &config.tls.key).unwrap();
    std::fs::copy(&renewed.certificate, &config.tls.certificate).unwrap();
    send(&agent, 0..3000).await;
    assert_eq!(agent.flush(PATIENCE).await, Some(0));
    let agents = scene.cluster.read(|counts| counts.agents.clone());
    assert_eq!(agents.last().map(String::as_str), Some("spiffe://tiercel/agent/web-renewed"));
}

#[actix::test]
async fn start_fails_with_the_name_of_what_is_wrong() {
    let scene = Scene::new();
    let mut config = scene.config(&["127.0.0.1:1"]);
    let agent = start(config.clone()).unwrap();
    let busy = start(config.clone()).map(|_| ()).unwrap_err();
    assert!(matches!(busy, StartError::Spool(_)), "{busy}");
    drop(agent);
    config.tls.certificate = Path::new("/nonexistent.pem").to_owned();
    let error = start(config).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("failed to read certificate /nonexistent.pem: "), "{error}");
}
