//! Every metric of the agent with its meaning: ours begin with `tiercel_agent_`, those that Falco has too have
//! Falco's names, so that its dashboards show this agent.
//!
//! The stages add up: records received = events judged + events out of scope + records that only keep state; with an
//! uplink, alerts made = alerts spooled + alerts lost + alerts still in its mailbox, and alerts recovered + alerts
//! spooled = alerts acked + alerts dropped + alerts waiting.

use std::collections::HashMap;

use metrics::{Counter, Gauge, Label, counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tiercel_detection::Alert;
use tiercel_detection::event::Text;

use crate::capture::{CapabilityMatrix, Class, HookState, LossReport};
use crate::clock::now;
use crate::detect::{FileDigest, HeldCounts, LostRecords, StageCounters};
use crate::enrich::{LookupCounts, TableCounts};
use crate::uplink::{LinkState, UplinkMetrics};

/// Installs the recorder of this process and says what each metric means.
///
/// # Errors
/// When another recorder is installed already.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    for (name, meaning) in COUNTERS {
        describe_counter!(*name, *meaning);
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(*name, *meaning);
    }
    Ok(handle)
}

const COUNTERS: &[(&str, &str)] = &[
    ("tiercel_agent_records_received_total", "Records of the kernel programs that reached detection"),
    ("tiercel_agent_records_made_total", "Records that the kernel programs made, lost ones included, by class"),
    (
        "tiercel_agent_records_lost_total",
        "Records that could not be handed over, by class; `refused` are bulk records of \
      cgroups that had used up their share",
    ),
    ("tiercel_agent_processes_unfollowed_total", "Processes of the scope that are not followed: its table was full"),
    ("tiercel_agent_records_state_only_total", "Records that changed what is known of processes and are no event"),
    ("tiercel_agent_events_judged_total", "Events that the rules were asked about"),
    ("tiercel_agent_audit_events_judged_total", "Requests to an API server that the rules were asked about"),
    ("tiercel_agent_audit_events_rejected_total", "Audit events that could not be read"),
    ("tiercel_agent_audit_requests_refused_total", "Requests of the audit webhook that were not taken, by reason"),
    ("tiercel_agent_events_out_of_scope_total", "Events of processes outside `capture.scope`"),
    ("tiercel_agent_alerts_made_total", "Alerts that the rules and the agent itself made"),
    ("tiercel_agent_alerts_lost_total", "Alerts that did not reach the spool, by reason"),
    ("tiercel_agent_alerts_recovered_total", "Alerts that earlier runs had left in the spool"),
    ("tiercel_agent_alerts_spooled_total", "Alerts that were written to the spool"),
    ("tiercel_agent_alerts_acked_total", "Alerts that a quorum of the cluster has"),
    ("tiercel_agent_alerts_dropped_total", "Alerts that the spool gave up, by reason"),
    ("tiercel_agent_uplink_sent_total", "Alerts handed to a connection, repeats included"),
    ("tiercel_agent_uplink_resent_total", "Alerts handed to a connection again"),
    ("tiercel_agent_uplink_reconnects_total", "Connections made after the first one"),
    ("tiercel_agent_uplink_refusals_total", "Batches that an aggregator did not take"),
    ("tiercel_agent_spool_disk_failures_total", "How often the disk refused what the spool wrote"),
    ("tiercel_agent_output_alerts_written_total", "Alerts written to local outputs"),
    ("tiercel_agent_output_alerts_lost_total", "Alerts not written to local outputs, by reason"),
    ("tiercel_agent_rule_reloads_total", "Attempts to load rules anew, by result"),
    ("tiercel_agent_container_events_held_total", "Events that waited for what a container runtime says"),
    (
        "tiercel_agent_container_events_undescribed_total",
        "Events that were judged before the runtime of their container had answered",
    ),
    (
        "tiercel_agent_container_pretenders_total",
        "How often a process with the namespaces of the host was met in the cgroup of a container",
    ),
    (
        "tiercel_agent_container_kept_total",
        "How often a process was taken for its container's own although its cgroup does not say so",
    ),
    ("tiercel_agent_container_cgroups_forgotten_total", "Cgroup paths that were forgotten for others"),
    ("tiercel_agent_container_lookups_total", "Containers that runtimes were asked about"),
    ("tiercel_agent_container_lookup_retries_total", "Attempts to ask about a container beyond the first one"),
    ("tiercel_agent_container_lookup_outcomes_total", "What came of questions about containers, by outcome"),
    ("falcosecurity_falco_rules_matches_total", "Alerts of each rule"),
    ("falcosecurity_scap_n_evts_total", "Records that the kernel programs made, those that were lost included"),
    ("falcosecurity_scap_n_drops_total", "Records that were lost"),
    ("falcosecurity_falco_outputs_queue_num_drops_total", "Alerts that found the queue of the local outputs full"),
    ("falcosecurity_falco_duration_seconds_total", "Seconds since the agent was started"),
];

const GAUGES: &[(&str, &str)] = &[
    (
        "tiercel_agent_hook",
        "1 for the state that a hook is in: tp_btf and raw_tp are attached, refused is needed and not",
    ),
    ("tiercel_agent_paths_unfollowed", "Paths of the rules whose files are not recognised under other names: too many"),
    ("tiercel_agent_detect_queue_batches", "Batches of records on their way to detection"),
    ("tiercel_agent_alerts_waiting", "Alerts in the spool that are not acknowledged"),
    ("tiercel_agent_spool_bytes", "Bytes of the spool, by where they are"),
    ("tiercel_agent_uplink_connected", "1 while there is a connection to an aggregator"),
    ("tiercel_agent_processes", "Processes in the process table"),
    ("tiercel_agent_containers", "Containers that are remembered"),
    ("tiercel_agent_container_events_waiting", "Events that wait for what a container runtime says"),
    ("tiercel_agent_rules_enabled", "Rules that can fire"),
    ("falcosecurity_falco_start_timestamp_nanoseconds", "When the agent was started"),
    ("falcosecurity_falco_host_boot_timestamp_nanoseconds", "When the machine was started"),
    ("falcosecurity_falco_host_num_cpus_total", "Processors of the machine"),
    ("falcosecurity_falco_reload_timestamp_nanoseconds", "When rules were last loaded"),
    ("falcosecurity_falco_memory_rss_bytes", "Resident memory of the agent"),
    ("falcosecurity_falco_memory_vsz_bytes", "Virtual memory of the agent"),
    ("falcosecurity_falco_cpu_usage_ratio", "Processor time of the agent divided by its lifetime"),
];

/// What capture and the kernel count.
#[derive(Debug)]
pub struct CaptureMetrics {
    made: Counter,
    made_by_class: [Counter; 3],
    dropped: Counter,
    lost_critical: Counter,
    lost_normal: Counter,
    lost_bulk: Counter,
    malformed: Counter,
    refused: Counter,
    unfollowed: Counter,
    per_cpu: HashMap<u16, (Counter, Counter)>,
    /// Batches that were sent and not begun; detection takes them off again.
    pub queued: Gauge,
}

impl Default for CaptureMetrics {
    fn default() -> Self {
        let lost = |class: &'static str| counter!("tiercel_agent_records_lost_total", "class" => class);
        Self {
            made: counter!("falcosecurity_scap_n_evts_total"),
            made_by_class: ["critical", "normal", "bulk"]
                .map(|class| counter!("tiercel_agent_records_made_total", "class" => class)),
            dropped: counter!("falcosecurity_scap_n_drops_total"),
            lost_critical: lost("critical"),
            lost_normal: lost("normal"),
            lost_bulk: lost("bulk"),
            malformed: lost("malformed"),
            refused: lost("refused"),
            unfollowed: counter!("tiercel_agent_processes_unfollowed_total"),
            per_cpu: HashMap::new(),
            queued: queue_gauge(),
        }
    }
}

impl CaptureMetrics {
    /// Publishes a report, which is cumulative.
    pub fn publish(&mut self, report: &LossReport) {
        let lost = LostRecords::of(report);
        self.made.absolute(report.made());
        self.dropped.absolute(lost.total());
        self.lost_critical.absolute(lost.critical);
        self.lost_normal.absolute(lost.normal);
        self.lost_bulk.absolute(lost.bulk);
        self.malformed.absolute(lost.malformed);
        self.refused.absolute(lost.refused);
        self.unfollowed.absolute(lost.unfollowed);
        for (class, counter) in [Class::Critical, Class::Normal, Class::Bulk].into_iter().zip(&self.made_by_class) {
            counter.absolute(report.classes.iter().filter(|row| row.class == class).map(|row| row.made).sum());
        }
        let mut sums: HashMap<u16, (u64, u64)> = HashMap::new();
        for row in &report.classes {
            let sum = sums.entry(row.cpu).or_default();
            *sum = (sum.0 + row.made, sum.1 + row.lost + row.refused);
        }
        for (cpu, (made, lost)) in sums {
            let counters = self.per_cpu.entry(cpu).or_insert_with(|| {
                let label = || [Label::new("cpu", cpu.to_string())];
                (
                    counter!("falcosecurity_scap_n_evts_cpu_total", label().iter()),
                    counter!("falcosecurity_scap_n_drops_cpu_total", label().iter()),
                )
            });
            counters.0.absolute(made);
            counters.1.absolute(lost);
        }
    }
}

/// Publishes how many paths of the rules are not known under other names.
pub fn publish_unfollowed_paths(count: usize) {
    gauge!("tiercel_agent_paths_unfollowed").set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
}

/// Publishes in which state each hook is.
pub fn publish_hooks(capabilities: &CapabilityMatrix) {
    for hook in &capabilities.hooks {
        for state in HookState::NAMES {
            let is_so = hook.state.name() == state;
            gauge!("tiercel_agent_hook", "hook" => hook.name, "state" => state).set(if is_so { 1.0 } else { 0.0 });
        }
    }
}

fn queue_gauge() -> Gauge {
    gauge!("tiercel_agent_detect_queue_batches")
}

/// What detection counts.
#[derive(Debug)]
pub struct DetectMetrics {
    received: Counter,
    judged: Counter,
    out_of_scope: Counter,
    state_only: Counter,
    documents: Counter,
    made: Counter,
    /// Alerts that the uplink could not take because it has ended.
    pub alerts_lost: Counter,
    processes: Gauge,
    /// See [`CaptureMetrics::queued`].
    pub queued: Gauge,
    rules: HashMap<Text, Counter>,
}

impl Default for DetectMetrics {
    fn default() -> Self {
        Self {
            received: counter!("tiercel_agent_records_received_total"),
            judged: counter!("tiercel_agent_events_judged_total"),
            out_of_scope: counter!("tiercel_agent_events_out_of_scope_total"),
            state_only: counter!("tiercel_agent_records_state_only_total"),
            documents: counter!("tiercel_agent_audit_events_judged_total"),
            made: counter!("tiercel_agent_alerts_made_total"),
            alerts_lost: counter!("tiercel_agent_alerts_lost_total", "reason" => "uplink_ended"),
            processes: gauge!("tiercel_agent_processes"),
            queued: queue_gauge(),
            rules: HashMap::new(),
        }
    }
}

impl DetectMetrics {
    /// Publishes the counters of the stages, which are cumulative.
    pub fn publish(&self, counters: StageCounters) {
        self.received.absolute(counters.received);
        self.judged.absolute(counters.judged);
        self.out_of_scope.absolute(counters.out_of_scope);
        self.state_only.absolute(counters.state_only);
        self.documents.absolute(counters.documents);
        self.processes.set(f64::from(u32::try_from(counters.processes).unwrap_or(u32::MAX)));
    }

    /// Counts alerts, each for its rule.
    pub fn count(&mut self, alerts: &[Alert]) {
        self.made.increment(alerts.len() as u64);
        for alert in alerts {
            if !self.rules.contains_key(&alert.rule) {
                self.rules.insert(alert.rule.clone(), matches_counter(alert));
            }
            self.rules[&alert.rule].increment(1);
        }
    }

    /// Forgets which labels rules have: after a reload a rule may have another priority and other tags.
    pub fn rules_changed(&mut self) {
        self.rules.clear();
    }
}

/// Publishes what is known of containers and how it came to be known.
pub fn publish_containers(containers: u64, held: HeldCounts, table: TableCounts, lookups: LookupCounts) {
    gauge!("tiercel_agent_containers").set(f64::from(u32::try_from(containers).unwrap_or(u32::MAX)));
    gauge!("tiercel_agent_container_events_waiting").set(f64::from(u32::try_from(held.waiting).unwrap_or(u32::MAX)));
    counter!("tiercel_agent_container_events_held_total").absolute(held.held);
    counter!("tiercel_agent_container_events_undescribed_total").absolute(held.gave_up);
    counter!("tiercel_agent_container_pretenders_total").absolute(table.pretenders);
    counter!("tiercel_agent_container_kept_total").absolute(table.kept);
    counter!("tiercel_agent_container_cgroups_forgotten_total").absolute(table.forgotten);
    counter!("tiercel_agent_container_lookups_total").absolute(lookups.asked);
    counter!("tiercel_agent_container_lookup_retries_total").absolute(lookups.retries);
    for (outcome, count) in [
        ("found", lookups.found),
        ("unknown", lookups.unknown),
        ("failed", lookups.failed),
        ("refused", lookups.refused),
    ] {
        counter!("tiercel_agent_container_lookup_outcomes_total", "outcome" => outcome).absolute(count);
    }
}

fn matches_counter(alert: &Alert) -> Counter {
    let mut labels = vec![
        Label::new("rule_name", alert.rule.to_string()),
        Label::new("priority", alert.priority.number().to_string()),
        Label::new("source", alert.source.to_string()),
    ];
    labels.extend(alert.tags.iter().map(|tag| Label::new(format!("tag_{}", label_name(tag)), "true")));
    counter!("falcosecurity_falco_rules_matches_total", labels)
}

/// Label names hold letters, digits and `_`.
fn label_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Publishes what the uplink counts, which is cumulative and adds up because it is taken at one moment.
pub fn publish_uplink(uplink: &UplinkMetrics) {
    let spool = &uplink.spool;
    counter!("tiercel_agent_alerts_recovered_total").absolute(spool.recovered);
    counter!("tiercel_agent_alerts_spooled_total").absolute(spool.spooled);
    counter!("tiercel_agent_alerts_acked_total").absolute(spool.acknowledged);
    for (reason, count) in &spool.skipped {
        counter!("tiercel_agent_alerts_dropped_total", "reason" => reason.name()).absolute(*count);
    }
    counter!("tiercel_agent_uplink_sent_total").absolute(uplink.sent);
    counter!("tiercel_agent_uplink_resent_total").absolute(uplink.resent);
    counter!("tiercel_agent_uplink_reconnects_total").absolute(uplink.reconnects);
    counter!("tiercel_agent_uplink_refusals_total").absolute(uplink.refusals);
    counter!("tiercel_agent_spool_disk_failures_total").absolute(spool.disk_failures);
    gauge!("tiercel_agent_alerts_waiting").set(spool.waiting as f64);
    gauge!("tiercel_agent_spool_bytes", "where" => "disk").set(spool.disk_bytes as f64);
    gauge!("tiercel_agent_spool_bytes", "where" => "memory").set(spool.memory_bytes as f64);
    let connected = matches!(uplink.link, LinkState::Connected { .. });
    gauge!("tiercel_agent_uplink_connected").set(if connected { 1.0 } else { 0.0 });
}

/// Publishes which rules are loaded.
pub fn publish_rules(rules_enabled: usize, digests: &[FileDigest], previous: &[FileDigest]) {
    gauge!("tiercel_agent_rules_enabled").set(f64::from(u32::try_from(rules_enabled).unwrap_or(u32::MAX)));
    gauge!("falcosecurity_falco_reload_timestamp_nanoseconds").set(now().0 as f64);
    for (files, value) in [(previous, 0.0), (digests, 1.0)] {
        for FileDigest { name, sha256 } in files {
            gauge!("falcosecurity_falco_sha256_rules_files_info", "file_name" => name.clone(), "sha256" => sha256.clone())
                .set(value);
        }
    }
}

/// Publishes what does not change while the agent runs.
pub fn publish_identity(hostname: &str, engine_name: &'static str, boot_ns: u64) {
    let version = env!("CARGO_PKG_VERSION");
    let kernel_release = nix::sys::utsname::uname().map(|names| names.release().to_string_lossy().into_owned());
    let kernel_release = kernel_release.unwrap_or_default();
    gauge!("falcosecurity_falco_version_info", "version" => version).set(1.0);
    gauge!("falcosecurity_falco_kernel_release_info", "kernel_release" => kernel_release).set(1.0);
    gauge!("falcosecurity_evt_hostname_info", "hostname" => hostname.to_owned()).set(1.0);
    gauge!("falcosecurity_scap_engine_name_info", "engine_name" => engine_name, "evt_source" => "syscall").set(1.0);
    gauge!("falcosecurity_falco_start_timestamp_nanoseconds").set(now().0 as f64);
    gauge!("falcosecurity_falco_host_boot_timestamp_nanoseconds").set(boot_ns as f64);
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    gauge!("falcosecurity_falco_host_num_cpus_total").set(f64::from(u32::try_from(cpus).unwrap_or(u32::MAX)));
}
