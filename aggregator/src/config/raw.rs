//! `aggregator.yaml` as written: every key, all optional where there is a default, values still as text.

use std::path::PathBuf;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::notify::RawReceiver;

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConfig {
    /// This node.
    pub(super) node: RawNode,
    /// Folder for everything that must survive.
    pub(super) data: Option<PathBuf>,
    /// Addresses to listen on.
    #[serde(default)]
    pub(super) listen: RawListen,
    /// The certificates of this node.
    pub(super) tls: RawTls,
    /// The nodes and how they watch each other.
    #[serde(default)]
    pub(super) cluster: RawCluster,
    /// When a finding is only counted.
    #[serde(default)]
    pub(super) dedup: RawDedup,
    /// When a rule is folded.
    #[serde(default)]
    pub(super) limits: RawLimits,
    /// Who hears of what.
    pub(super) route: RawRoute,
    /// The receivers.
    #[serde(default)]
    pub(super) receivers: Vec<RawReceiver>,
    /// How much of the past is kept.
    #[serde(default)]
    pub(super) history: RawHistory,
    /// The operators' door.
    #[serde(default)]
    pub(super) api: RawApi,
}

/// `node: {id: 1, name: aggregator-1}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNode {
    /// Given once, never reused.
    pub(super) id: Spanned<u64>,
    /// For people.
    pub(super) name: Option<String>,
}

/// `listen: {ingest: 127.0.0.1:5050, ...}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListen {
    /// Agents.
    pub(super) ingest: Option<Spanned<String>>,
    /// Peers.
    pub(super) raft: Option<Spanned<String>>,
    /// Falco's HTTP output, and metrics.
    pub(super) http_input: Option<Spanned<String>>,
    /// Operators.
    pub(super) api: Option<Spanned<String>>,
}

/// `tls: {ca: FILE, certificate: FILE, key: FILE}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    /// The authority.
    pub(super) ca: PathBuf,
    /// Our certificate.
    pub(super) certificate: PathBuf,
    /// Its key.
    pub(super) key: PathBuf,
}

/// `cluster: {bootstrap: true, members: [...], ...}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    /// Whether a new folder may form the cluster.
    pub(super) bootstrap: Option<bool>,
    /// All nodes; absent means that this node is alone.
    #[serde(default)]
    pub(super) members: Vec<Spanned<RawMember>>,
    /// How often the leader shows itself.
    pub(super) heartbeat: Option<Spanned<String>>,
    /// After which silence a node stands for election.
    #[serde(default)]
    pub(super) election_timeout: RawElectionTimeout,
}

/// `{id: 1, raft: host:5051, ingest: host:5050}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMember {
    /// Its id.
    pub(super) id: u64,
    /// Where peers reach it.
    pub(super) raft: String,
    /// Where agents reach it.
    pub(super) ingest: String,
}

/// `election_timeout: {min: 1500ms, max: 3000ms}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawElectionTimeout {
    /// The shortest.
    pub(super) min: Option<Spanned<String>>,
    /// The longest.
    pub(super) max: Option<Spanned<String>>,
}

/// `dedup: {window: 5m}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDedup {
    /// How long the same finding is only counted.
    pub(super) window: Option<Spanned<String>>,
}

/// `limits: {per_rule: {...}, storm_interval: 1m}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    /// For each rule.
    #[serde(default)]
    pub(super) per_rule: RawRate,
    /// How long alerts are folded before a summary tells of them.
    pub(super) storm_interval: Option<Spanned<String>>,
}

/// `{rate_per_minute: 60, burst: 60}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    /// In the long run.
    pub(super) rate_per_minute: Option<Spanned<u32>>,
    /// At once.
    pub(super) burst: Option<Spanned<u32>>,
}

/// The root of the route tree.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    /// Who hears of what no child takes.
    pub(super) receiver: Spanned<String>,
    /// Its children.
    #[serde(default)]
    pub(super) routes: Vec<RawChildRoute>,
}

/// `{match: ['priority <= warning'], receiver: pager, continue: false}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawChildRoute {
    /// All must hold.
    #[serde(default, rename = "match")]
    pub(super) matchers: Vec<Spanned<String>>,
    /// Absent means that of the parent.
    pub(super) receiver: Option<Spanned<String>>,
    /// Whether the routes after it are asked too.
    #[serde(default, rename = "continue")]
    pub(super) goes_on: bool,
    /// Its children.
    #[serde(default)]
    pub(super) routes: Vec<RawChildRoute>,
}

/// `history: {retention: 30d, bytes_max: 1GiB}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHistory {
    /// Longest age.
    pub(super) retention: Option<Spanned<String>>,
    /// Most bytes.
    pub(super) bytes_max: Option<Spanned<String>>,
}

/// `api: {token_file: FILE}`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApi {
    /// A file with a bearer token.
    pub(super) token_file: Option<PathBuf>,
}
