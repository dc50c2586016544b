//! What Prometheus reads.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use super::{Exposition, write_certificate};
use crate::notify::{RawReceiver, build, file};
use crate::testing::{self, ToldCluster};

fn rendered() -> String {
    let (directory, history) = testing::history(2);
    let path = directory.path().join("alerts.jsonl");
    let audit = RawReceiver { name: "audit".into(), stdout: None, file: Some(file::RawConfig { path }), webhook: None };
    let receivers = build(&[audit]).unwrap();
    testing::metrics(&ToldCluster::new(), history, receivers).render()
}

#[track_caller]
fn check(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
}

#[test]
fn events_have_the_names_and_labels_of_the_exporters() {
    let text = rendered();
    check(&text, "# TYPE falco_events counter");
    check(
        &text,
        "falco_events{hostname=\"web-1\",k8s_ns_name=\"shop\",k8s_pod_name=\"web-1\",priority=\"4\",rule=\"Read sensitive file\",source=\"syscall\",tags=\",T1555,host,\"} 1",
    );
    check(
        &text,
        "falcosecurity_falcosidekick_falco_events_total{hostname=\"web-1\",k8s_ns_name=\"shop\",k8s_pod_name=\"web-2\",priority=\"4\",priority_raw=\"warning\",rule=\"Read sensitive file\",source=\"syscall\"} 1",
    );
}

#[test]
fn sums_are_those_of_the_replicated_state() {
    let text = rendered();
    check(&text, "tiercel_aggregator_alerts_accepted_total 10");
    check(&text, "tiercel_aggregator_alerts_outcome_total{outcome=\"rate_limit\"} 2");
    check(&text, "tiercel_aggregator_alerts_lost_total{reason=\"spool full\"} 5");
    check(&text, "tiercel_aggregator_accounting_imbalance 0");
    check(&text, "tiercel_aggregator_outbox_notifications{receiver=\"audit\",state=\"waiting\"} 1");
    check(&text, "tiercel_aggregator_outbox_oldest_timestamp_seconds{receiver=\"audit\"} 1795430000.5");
}

#[test]
fn the_node_shows_its_place_in_the_cluster() {
    let text = rendered();
    check(&text, "tiercel_aggregator_raft_role{role=\"leader\"} 1");
    check(&text, "tiercel_aggregator_raft_role{role=\"follower\"} 0");
    check(&text, "tiercel_aggregator_raft_applied_index 41");
    check(&text, "tiercel_aggregator_raft_members{votes=\"true\"} 2");
    check(&text, "tiercel_aggregator_raft_matched_index{member=\"2\"} 40");
    check(&text, "tiercel_aggregator_raft_quorum_silent_seconds 0.25");
    check(&text, "tiercel_aggregator_history_alerts 2");
    check(
        &text,
        "tiercel_aggregator_notification_attempts_total{receiver=\"audit\",kind=\"file\",outcome=\"delivered\"} 0",
    );
}

#[test]
fn every_family_is_declared_once_and_every_sample_belongs_to_one() {
    let text = rendered();
    let declared: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let unique: BTreeSet<&str> = declared.iter().copied().collect();
    assert_eq!(declared.len(), unique.len());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(unique.contains(family) || unique.contains(name), "{line}");
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
}

#[test]
fn the_end_of_the_certificate_is_a_moment_and_a_distance() {
    let mut exposition = Exposition::default();
    let now = UNIX_EPOCH + Duration::from_secs(1_000);
    write_certificate(&mut exposition, now + Duration::from_secs(60), now);
    let text = exposition.finish();
    check(&text, "tiercel_aggregator_certificate_not_after_timestamp_seconds 1060");
    check(&text, "tiercel_aggregator_certificate_expiry_seconds 60");
}
