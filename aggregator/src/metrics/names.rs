//! Every metric that the aggregator exports.

use super::exposition::{Family, counter, gauge, histogram};

// As falco-exporter names it: a counter without `_total`.
pub(super) const FALCO_EVENTS: Family =
    counter("falco_events", "Alerts, as falco-exporter counts them; priority 0 is emergency, 7 is debug.");

// As falcosidekick names them. Its priorities run the other way.
pub(super) const SIDEKICK_EVENTS: Family = counter(
    "falcosecurity_falcosidekick_falco_events_total",
    "Alerts, as falcosidekick counts them; priority 8 is emergency, 1 is debug.",
);
pub(super) const SIDEKICK_INPUTS: Family =
    counter("falcosecurity_falcosidekick_inputs_total", "Requests to the HTTP input of this node.");
pub(super) const SIDEKICK_OUTPUTS: Family =
    counter("falcosecurity_falcosidekick_outputs_total", "Attempts of this node to deliver, by kind of receiver.");

pub(super) const BUILD_INFO: Family = gauge("tiercel_aggregator_build_info", "Always 1; the version is in the label.");

// Replicated: equal on all nodes at the same log index. Take one node or the maximum, never the sum over nodes.
pub(super) const ACCEPTED: Family =
    counter("tiercel_aggregator_alerts_accepted_total", "Alerts taken in, each once (replicated).");
pub(super) const OUTCOMES: Family = counter(
    "tiercel_aggregator_alerts_outcome_total",
    "Accepted alerts by what was decided; the sum is alerts_accepted_total (replicated).",
);
pub(super) const DUPLICATES: Family = counter(
    "tiercel_aggregator_ingest_duplicates_total",
    "Alerts that came again under a number already counted (replicated).",
);
pub(super) const INVALID: Family =
    counter("tiercel_aggregator_ingest_invalid_total", "Items that were no alerts (replicated).");
pub(super) const ACKNOWLEDGED_EARLIER: Family = counter(
    "tiercel_aggregator_ingest_acknowledged_earlier_total",
    "Alerts that agents need not send again: a cluster whose state is gone had acknowledged them (replicated).",
);
pub(super) const LOST: Family =
    counter("tiercel_aggregator_alerts_lost_total", "Alerts that agents had to give up and said so (replicated).");
pub(super) const REFUSED_BATCHES: Family =
    counter("tiercel_aggregator_ingest_batches_refused_total", "Batches that were not taken (replicated).");
pub(super) const PRODUCERS_RETIRED: Family = counter(
    "tiercel_aggregator_producers_retired_total",
    "Producer lanes forgotten because they were silent for long (replicated).",
);
pub(super) const FINDINGS_EVICTED: Family = counter(
    "tiercel_aggregator_findings_evicted_total",
    "Findings forgotten before their window ended because there were too many (replicated).",
);
pub(super) const ROUTED: Family =
    counter("tiercel_aggregator_routed_total", "Pairs of alert and receiver by what became of them (replicated).");
pub(super) const NOTIFICATIONS: Family =
    counter("tiercel_aggregator_notifications_total", "Notifications made (replicated).");
pub(super) const DELIVERED: Family =
    counter("tiercel_aggregator_notifications_delivered_total", "Notifications that arrived (replicated).");
pub(super) const DEAD: Family =
    counter("tiercel_aggregator_notifications_dead_total", "Notifications given up (replicated).");
pub(super) const COALESCED: Family = counter(
    "tiercel_aggregator_storm_summaries_coalesced_total",
    "Storm summaries that were added to one still waiting (replicated).",
);
pub(super) const RETRIES: Family =
    counter("tiercel_aggregator_notification_retries_total", "Attempts that failed and were put off (replicated).");
pub(super) const AMBIGUOUS: Family = counter(
    "tiercel_aggregator_notification_ambiguous_total",
    "Attempts whose outcome will never be known (replicated).",
);
pub(super) const IMBALANCE: Family = gauge(
    "tiercel_aggregator_accounting_imbalance",
    "How far sums that must be equal are apart; anything but 0 is a defect (replicated).",
);
pub(super) const OUTBOX: Family =
    gauge("tiercel_aggregator_outbox_notifications", "Notifications owed, by receiver and state (replicated).");
pub(super) const OUTBOX_OLDEST: Family = gauge(
    "tiercel_aggregator_outbox_oldest_timestamp_seconds",
    "When the oldest notification that is owed was decided (replicated).",
);

// This node's.
pub(super) const ATTEMPTS: Family = counter(
    "tiercel_aggregator_notification_attempts_total",
    "Attempts of this node to deliver, by receiver and outcome.",
);
pub(super) const ATTEMPT_SECONDS: Family =
    histogram("tiercel_aggregator_notification_attempt_seconds", "How long attempts of this node took.");
pub(super) const INGEST_STREAMS: Family =
    gauge("tiercel_aggregator_ingest_streams", "Agents that are connected to this node.");
pub(super) const INGEST_BATCHES: Family =
    counter("tiercel_aggregator_ingest_batches_total", "Batches that came in at this node.");
pub(super) const INGEST_PROPOSALS: Family = counter(
    "tiercel_aggregator_ingest_proposals_total",
    "Proposals that this node made of batches; one fsync of the cluster carries each.",
);
pub(super) const INGEST_PROPOSED: Family =
    counter("tiercel_aggregator_ingest_proposed_items_total", "Items in those proposals.");
pub(super) const INGEST_ACKNOWLEDGED: Family =
    counter("tiercel_aggregator_ingest_batches_acknowledged_total", "Batches of this node that were acknowledged.");
pub(super) const INGEST_PUT_OFF: Family = counter(
    "tiercel_aggregator_ingest_batches_put_off_total",
    "Batches of this node whose agent was asked to come back.",
);
pub(super) const INGEST_WAITING_BYTES: Family =
    gauge("tiercel_aggregator_ingest_waiting_bytes", "Bytes of alerts that wait for a proposal at this node.");
pub(super) const RAFT_ROLE: Family = gauge("tiercel_aggregator_raft_role", "1 for the role that this node has.");
pub(super) const RAFT_TERM: Family = gauge("tiercel_aggregator_raft_term", "The election that this node knows of.");
pub(super) const RAFT_HAS_LEADER: Family =
    gauge("tiercel_aggregator_raft_has_leader", "1 if this node knows a leader.");
pub(super) const RAFT_LEADER: Family = gauge("tiercel_aggregator_raft_leader_id", "The leader, 0 if none is known.");
pub(super) const RAFT_LAST_LOG: Family =
    gauge("tiercel_aggregator_raft_last_log_index", "Last entry in the log of this node.");
pub(super) const RAFT_APPLIED: Family =
    gauge("tiercel_aggregator_raft_applied_index", "Last entry that this node applied.");
pub(super) const RAFT_SNAPSHOT: Family =
    gauge("tiercel_aggregator_raft_snapshot_index", "Last entry in the snapshot of this node.");
pub(super) const RAFT_QUORUM_SILENCE: Family = gauge(
    "tiercel_aggregator_raft_quorum_silent_seconds",
    "Time since a quorum last answered this leader; absent on the others.",
);
pub(super) const RAFT_MEMBERS: Family = gauge("tiercel_aggregator_raft_members", "Members, by whether they vote.");
pub(super) const RAFT_MATCHED: Family = gauge(
    "tiercel_aggregator_raft_matched_index",
    "Last entry that the leader knows each member to have; absent on the others.",
);
pub(super) const HISTORY_ALERTS: Family = gauge("tiercel_aggregator_history_alerts", "Alerts in the history.");
pub(super) const HISTORY_BYTES: Family = gauge("tiercel_aggregator_history_bytes", "Bytes of alerts in the history.");
pub(super) const HISTORY_QUEUED: Family =
    gauge("tiercel_aggregator_history_queued_alerts", "Alerts that wait for the history writer.");
pub(super) const HISTORY_SHED: Family = counter(
    "tiercel_aggregator_history_shed_alerts_total",
    "Alerts left out of the history because its writer could not keep up.",
);
pub(super) const HISTORY_TRIMMED: Family =
    counter("tiercel_aggregator_history_trimmed_alerts_total", "Alerts that retention removed from the history.");
pub(super) const HISTORY_ERRORS: Family =
    counter("tiercel_aggregator_history_write_errors_total", "Writes to the history that failed and were repeated.");
pub(super) const HISTORY_NEWEST: Family = gauge(
    "tiercel_aggregator_history_newest_timestamp_seconds",
    "When the newest alert in the history arrived at the cluster.",
);
pub(super) const SERIES: Family =
    gauge("tiercel_aggregator_event_series", "Label sets of falco_events; further ones are counted under other.");
pub(super) const SERIES_FOLDED: Family = counter(
    "tiercel_aggregator_event_series_folded_alerts_total",
    "Alerts counted under other because there were too many label sets.",
);
pub(super) const CERTIFICATE_NOT_AFTER: Family =
    gauge("tiercel_aggregator_certificate_not_after_timestamp_seconds", "When the certificate of this node ends.");
pub(super) const CERTIFICATE_EXPIRY: Family = gauge(
    "tiercel_aggregator_certificate_expiry_seconds",
    "Time until the certificate of this node ends; negative when it has.",
);
