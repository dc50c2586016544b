//! `agent.yaml` as written: every key, each with its place, nothing judged yet.

use super::containers::RawContainers;
use super::document::Node;
use super::fault::Fault;
use super::kubernetes_audit::RawKubernetesAudit;
use super::losses::RawLosses;
use super::outputs::RawOutputs;
use super::quantity::Bytes;
use super::reader::{At, Section};

/// The whole file.
#[derive(Debug)]
pub(super) struct RawConfig {
    /// `node.name`: what alerts carry as host name.
    pub(super) node_name: Option<At<String>>,
    /// `rules`.
    pub(super) rules: RawRules,
    /// `capture`.
    pub(super) capture: RawCapture,
    /// `kubernetes_audit`.
    pub(super) kubernetes_audit: RawKubernetesAudit,
    /// `containers`.
    pub(super) containers: RawContainers,
    /// `uplink`.
    pub(super) uplink: RawUplink,
    /// `outputs`.
    pub(super) outputs: RawOutputs,
    /// `status.listen`: address of the status server.
    pub(super) status_listen: Option<At<String>>,
}

/// `rules`: what to detect.
#[derive(Debug)]
pub(super) struct RawRules {
    /// Files or directories of rules.
    pub(super) files: Option<Vec<At<String>>>,
    /// `first` or `all`.
    pub(super) matching: Option<At<String>>,
    /// Rules below this priority are not loaded.
    pub(super) minimum_priority: Option<At<String>>,
    /// Reload when a file changes.
    pub(super) watch: Option<At<bool>>,
}

/// `capture`: what to watch.
#[derive(Debug)]
pub(super) struct RawCapture {
    /// `kernel` or `recording`.
    pub(super) source: Option<At<String>>,
    /// The recording to replay.
    pub(super) recording: Option<At<String>>,
    /// Bytes of the ring buffer of each class.
    pub(super) ring_bytes: Option<At<Bytes>>,
    /// `fair_limit`: bulk records a second of each cgroup while the bulk ring is nearly full.
    pub(super) fair_limit: Option<At<u32>>,
    /// `losses`: what to do about lost records.
    pub(super) losses: RawLosses,
    /// `scope.cgroup`: watch only this cgroup and those below it.
    pub(super) scope_cgroup: Option<At<String>>,
    /// `scope.process_tree`: watch only this process and its descendants.
    pub(super) scope_process_tree: Option<At<u32>>,
}

/// `uplink`: where alerts go.
#[derive(Debug)]
pub(super) struct RawUplink {
    /// Addresses of the aggregators, host:port.
    pub(super) aggregators: Option<Vec<At<String>>>,
    /// Name that the certificate of the aggregator must carry.
    pub(super) server_name: Option<At<String>>,
    /// `tls.ca`.
    pub(super) ca: Option<At<String>>,
    /// `tls.certificate`.
    pub(super) certificate: Option<At<String>>,
    /// `tls.key`.
    pub(super) key: Option<At<String>>,
    /// `spool.directory`.
    pub(super) spool_directory: Option<At<String>>,
    /// `spool.bytes_max`.
    pub(super) spool_bytes_max: Option<At<Bytes>>,
}

impl RawConfig {
    /// Reads the tree; what does not fit is added to `faults`.
    pub(super) fn read(root: Node, faults: &mut Vec<Fault>) -> Self {
        let mut root = Section::new(root, "", faults);
        let mut node = root.section("node", faults);
        let node_name = node.text("name", faults);
        node.finish(faults);
        let rules = RawRules::read(root.section("rules", faults), faults);
        let capture = RawCapture::read(root.section("capture", faults), faults);
        let kubernetes_audit = RawKubernetesAudit::read(root.section("kubernetes_audit", faults), faults);
        let containers = RawContainers::read(root.section("containers", faults), faults);
        let uplink = RawUplink::read(root.section("uplink", faults), faults);
        let outputs = RawOutputs::read(root.section("outputs", faults), faults);
        let mut status = root.section("status", faults);
        let status_listen = status.text("listen", faults);
        status.finish(faults);
        root.finish(faults);
        Self { node_name, rules, capture, kubernetes_audit, containers, uplink, outputs, status_listen }
    }
}

impl RawRules {
    fn read(mut section: Section, faults: &mut Vec<Fault>) -> Self {
        let raw = Self {
            files: section.texts("files", faults),
            matching: section.text("matching", faults),
            minimum_priority: section.text("minimum_priority", faults),
            watch: section.parse("watch", "true or false", faults),
        };
        section.finish(faults);
        raw
    }
}

impl RawCapture {
    fn read(mut section: Section, faults: &mut Vec<Fault>) -> Self {
        let source = section.text("source", faults);
        let recording = section.text("recording", faults);
        let ring_bytes = section.parse("ring_bytes", "a size such as 8MiB", faults);
        let fair_limit = section.parse("fair_limit", "records a second, 0 for no limit", faults);
        let losses = RawLosses::read(section.section("losses", faults), faults);
        let mut scope = section.section("scope", faults);
        let scope_cgroup = scope.text("cgroup", faults);
        let scope_process_tree = scope.parse("process_tree", "a process id", faults);
        scope.finish(faults);
        section.finish(faults);
        Self { source, recording, ring_bytes, fair_limit, losses, scope_cgroup, scope_process_tree }
    }
}

impl RawUplink {
    fn read(mut section: Section, faults: &mut Vec<Fault>) -> Self {
        let aggregators = section.texts("aggregators", faults);
        let server_name = section.text("server_name", faults);
        let mut tls = section.section("tls", faults);
        let ca = tls.text("ca", faults);
        let certificate = tls.text("certificate", faults);
        let key = tls.text("key", faults);
        tls.finish(faults);
        let mut spool = section.section("spool", faults);
        let spool_directory = spool.text("directory", faults);
        let spool_bytes_max = spool.parse("bytes_max", "a size such as 512MiB", faults);
        spool.finish(faults);
        section.finish(faults);
        Self { aggregators, server_name, ca, certificate, key, spool_directory, spool_bytes_max }
    }
}
