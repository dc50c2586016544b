//! `/metrics`: everything is read at the moment of the scrape from those who know it; nothing is counted twice.

mod events;
mod exposition;
mod inputs;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tiercel_proto::mtls::Credentials;

pub(crate) use exposition::CONTENT_TYPE;
pub use inputs::InputCounters;

use crate::api::{ClusterView, Sums};
use crate::history::{History, HistoryStats};
use crate::ingest::{IngestFigures, Intake};
use crate::notify::{LATENCY_BUCKETS_SECONDS, Notifier, Receivers};
use crate::raft::{ClusterStatus, Role};
use exposition::Exposition;

/// Where the figures come from.
#[derive(Clone)]
pub struct Metrics {
    /// The cluster.
    pub view: Arc<dyn ClusterView>,
    /// The past.
    pub history: Arc<History>,
    /// The receivers.
    pub receivers: Arc<Receivers>,
    /// The HTTP input.
    pub inputs: Arc<InputCounters>,
    /// The door of the agents.
    pub intake: Option<Intake>,
    /// The certificate of this node.
    pub credentials: Option<Credentials>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Metrics")
    }
}

impl Metrics {
    /// Writes all metrics in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut exposition = Exposition::default();
        let (status, sums, history) = (self.view.status(), self.view.sums(), self.history.stats());
        let series = self.history.series();
        exposition.family(names::BUILD_INFO).sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        events::write(&mut exposition, &series);
        write_sums(&mut exposition, &sums);
        write_outbox(&mut exposition, &sums);
        write_raft(&mut exposition, &status);
        write_attempts(&mut exposition, &self.receivers);
        write_inputs(&mut exposition, &self.inputs);
        if let Some(intake) = &self.intake {
            write_ingest(&mut exposition, &intake.figures());
        }
        write_history(&mut exposition, &history, series.len());
        if let Some(credentials) = &self.credentials {
            write_certificate(&mut exposition, credentials.not_after(), SystemTime::now());
        }
        exposition.finish()
    }
}

fn write_sums(exposition: &mut Exposition, sums: &Sums) {
    let counters = &sums.counters;
    for (family, value) in [
        (names::ACCEPTED, counters.accepted),
        (names::DUPLICATES, counters.duplicates),
        (names::INVALID, counters.invalid),
        (names::ACKNOWLEDGED_EARLIER, counters.acknowledged_earlier),
        (names::PRODUCERS_RETIRED, counters.producers_retired),
        (names::FINDINGS_EVICTED, counters.findings_evicted),
        (names::NOTIFICATIONS, counters.notifications),
        (names::DELIVERED, counters.delivered),
        (names::COALESCED, counters.coalesced),
        (names::RETRIES, counters.retries),
        (names::AMBIGUOUS, counters.ambiguous),
        (names::IMBALANCE, sums.imbalance),
    ] {
        exposition.family(family).sample(&[], value);
    }
    let mut write = |family, label, values: &[(&str, u64)]| {
        let mut samples = exposition.family(family);
        values.iter().for_each(|(name, value)| samples.sample(&[(label, name)], value));
    };
    write(
        names::OUTCOMES,
        "outcome",
        &[
            ("told", counters.told),
            ("repeat", counters.repeats),
            ("rate_limit", counters.folded),
            ("no_receiver", counters.unrouted),
        ],
    );
    write(
        names::REFUSED_BATCHES,
        "reason",
        &[("gap", counters.gaps), ("conflict", counters.conflicts), ("too_many_producers", counters.producers_refused)],
    );
    write(
        names::ROUTED,
        "outcome",
        &[
            ("told", counters.routed_told),
            ("rate_limit", counters.routed_folded),
            ("outbox_full", counters.routed_overflowed),
        ],
    );
    let lost: Vec<(&str, u64)> = counters.lost.iter().map(|(reason, lost)| (reason.as_ref(), *lost)).collect();
    write(names::LOST, "reason", &lost);
    let dead: Vec<(&str, u64)> = counters.dead.iter().map(|(reason, dead)| (reason.name(), *dead)).collect();
    write(names::DEAD, "reason", &dead);
}

fn write_outbox(exposition: &mut Exposition, sums: &Sums) {
    let mut samples = exposition.family(names::OUTBOX);
    for backlog in &sums.backlogs {
        samples.sample(&[("receiver", &backlog.receiver), ("state", "waiting")], backlog.waiting);
        samples.sample(&[("receiver", &backlog.receiver), ("state", "claimed")], backlog.claimed);
    }
    let mut samples = exposition.family(names::OUTBOX_OLDEST);
    for backlog in &sums.backlogs {
        samples.sample(&[("receiver", &backlog.receiver)], seconds(backlog.oldest_at.0));
    }
}

fn write_raft(exposition: &mut Exposition, status: &ClusterStatus) {
    let mut roles = exposition.family(names::RAFT_ROLE);
    for role in [Role::Leader, Role::Follower, Role::Candidate, Role::Learner, Role::Stopping] {
        roles.sample(&[("role", role.name())], u8::from(status.role == role));
    }
    let voters = status.members.iter().filter(|member| member.votes).count();
    let mut members = exposition.family(names::RAFT_MEMBERS);
    members.sample(&[("votes", "true")], voters);
    members.sample(&[("votes", "false")], status.members.len() - voters);
    for (family, value) in [
        (names::RAFT_TERM, Some(status.term)),
        (names::RAFT_HAS_LEADER, Some(u64::from(status.leader.is_some()))),
        (names::RAFT_LEADER, Some(status.leader.unwrap_or(0))),
        (names::RAFT_LAST_LOG, status.last_log_index),
        (names::RAFT_APPLIED, status.applied_index),
        (names::RAFT_SNAPSHOT, status.snapshot_index),
    ] {
        value.into_iter().for_each(|value| exposition.family(family).sample(&[], value));
    }
    if let Some(silent_ms) = status.quorum_silent_ms {
        exposition.family(names::RAFT_QUORUM_SILENCE).sample(&[], seconds(silent_ms));
    }
    let mut matched = exposition.family(names::RAFT_MATCHED);
    for member in &status.members {
        let index = member.matched_index.into_iter();
        index.for_each(|index| matched.sample(&[("member", &member.node.to_string())], index));
    }
}

fn write_attempts(exposition: &mut Exposition, receivers: &Receivers) {
    let mut attempts = exposition.family(names::ATTEMPTS);
    for (name, notifier) in receivers.iter() {
        let figures = notifier.figures();
        let outcomes =
            [("delivered", figures.delivered), ("retryable", figures.retryable), ("final", figures.permanent)];
        for (outcome, count) in outcomes {
            attempts.sample(&[("receiver", name), ("kind", notifier.kind()), ("outcome", outcome)], count);
        }
    }
    let mut took = exposition.family(names::ATTEMPT_SECONDS);
    for (name, notifier) in receivers.iter() {
        let figures = notifier.figures();
        let labels = [("receiver", name)];
        took.histogram(&labels, &LATENCY_BUCKETS_SECONDS, &figures.at_most, figures.attempts(), figures.seconds_total);
    }
    let mut by_kind: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (_, notifier) in receivers.iter() {
        let (ok, error) = by_kind.entry(notifier.kind()).or_default();
        *ok += notifier.figures().delivered;
        *error += notifier.figures().retryable + notifier.figures().permanent;
    }
    let mut outputs = exposition.family(names::SIDEKICK_OUTPUTS);
    for (kind, (ok, error)) in by_kind {
        outputs.sample(&[("destination", kind), ("status", "ok")], ok);
        outputs.sample(&[("destination", kind), ("status", "error")], error);
    }
}

fn write_inputs(exposition: &mut Exposition, inputs: &InputCounters) {
    let mut samples = exposition.family(names::SIDEKICK_INPUTS);
    samples.sample(&[("source", "requests"), ("status", "accepted")], inputs.accepted());
    samples.sample(&[("source", "requests"), ("status", "rejected")], inputs.rejected());
}

fn write_ingest(exposition: &mut Exposition, figures: &IngestFigures) {
    for (family, value) in [
        (names::INGEST_STREAMS, figures.streams),
        (names::INGEST_BATCHES, figures.batches),
        (names::INGEST_PROPOSALS, figures.proposals),
        (names::INGEST_PROPOSED, figures.proposed_items),
        (names::INGEST_ACKNOWLEDGED, figures.acknowledged),
        (names::INGEST_WAITING_BYTES, figures.waiting_bytes),
    ] {
        exposition.family(family).sample(&[], value);
    }
    let mut put_off = exposition.family(names::INGEST_PUT_OFF);
    let other = figures.put_off.saturating_sub(figures.busy + figures.unknown);
    for (reason, count) in [("busy", figures.busy), ("unknown_outcome", figures.unknown), ("other", other)] {
        put_off.sample(&[("reason", reason)], count);
    }
}

fn write_history(exposition: &mut Exposition, stats: &HistoryStats, series: usize) {
    for (family, value) in [
        (names::HISTORY_ALERTS, stats.totals.records),
        (names::HISTORY_BYTES, stats.totals.bytes),
        (names::HISTORY_QUEUED, stats.queued_records as u64),
        (names::HISTORY_SHED, stats.shed_records),
        (names::HISTORY_TRIMMED, stats.trimmed_records),
        (names::HISTORY_ERRORS, stats.write_errors),
        (names::SERIES, series as u64),
        (names::SERIES_FOLDED, stats.folded_series_alerts),
    ] {
        exposition.family(family).sample(&[], value);
    }
    if let Some(newest_at) = stats.totals.newest_at {
        exposition.family(names::HISTORY_NEWEST).sample(&[], seconds(newest_at.0));
    }
}

fn write_certificate(exposition: &mut Exposition, not_after: SystemTime, now: SystemTime) {
    let unix = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    exposition.family(names::CERTIFICATE_NOT_AFTER).sample(&[], unix(not_after));
    exposition.family(names::CERTIFICATE_EXPIRY).sample(&[], (unix(not_after) - unix(now)).round());
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a double for 285,000 years")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}
