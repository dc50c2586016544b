//! How the cluster is run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use openraft::SnapshotPolicy;

use super::types::{Member, NodeId};

/// Most entries of one append; their bytes are bounded apart.
const APPEND_ENTRIES_MAX: u64 = 64;

/// A peer this many entries behind gets a snapshot when the log no longer reaches back to it.
const LAG_ENTRIES_MAX: u64 = 20_000;

/// Longest time for one snapshot to reach a peer.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(300);

/// Settings of the replicated log on one node.
#[derive(Debug, Clone)]
pub struct ClusterConfig {
    /// This node.
    pub node: NodeId,
    /// The folder for the log and the snapshots.
    pub data: PathBuf,
    /// All nodes, this one included.
    pub members: BTreeMap<NodeId, Member>,
    /// Whether a new folder may form the cluster.
    pub bootstrap: bool,
    /// How often the leader shows that it is there.
    pub heartbeat: Duration,
    /// Shortest silence of the leader after which a node stands for election. Each node draws its own between the two.
    pub election_timeout_min: Duration,
    /// Longest one.
    pub election_timeout_max: Duration,
    /// When to write a snapshot.
    pub snapshot: SnapshotTriggers,
}

/// When a snapshot is due; whichever comes first. By count alone a quiet cluster with large entries would fill its disk.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotTriggers {
    /// Entries since the last one.
    pub entries: u64,
    /// Bytes of log since the last one.
    pub bytes: u64,
    /// Bytes of log that stay behind a snapshot, so that a peer that was away for a moment needs none.
    pub bytes_kept: u64,
}

impl Default for SnapshotTriggers {
    fn default() -> Self {
        Self { entries: 50_000, bytes: 128 << 20, bytes_kept: 256 << 20 }
    }
}

/// Settings that contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to check cluster settings: {0}")]
pub struct ClusterConfigError(String);

impl ClusterConfig {
    /// How long a leader may be silent before anybody stops believing in it. The consensus library lets followers wait
    /// this long, and then a time of their own of at most the same length: twice it is the longest silence.
    pub(super) fn lease(&self) -> Duration {
        self.election_timeout_max / 2
    }

    /// The shortest time that a follower waits after the lease; more than a heartbeat, which may just be late.
    fn patience_min(&self) -> Duration {
        self.election_timeout_min.saturating_sub(self.lease()).max(self.heartbeat * 5 / 4)
    }

    /// The settings as the consensus library wants them.
    pub(super) fn build(&self) -> Result<openraft::Config, ClusterConfigError> {
        if !self.members.contains_key(&self.node) {
            return Err(ClusterConfigError(format!("node {} is not among the members", self.node)));
        }
        openraft::Config {
            cluster_name: "tiercel".to_owned(),
            heartbeat_interval: milliseconds(self.heartbeat),
            election_timeout_min: milliseconds(self.patience_min()),
            election_timeout_max: milliseconds(self.lease()),
            max_payload_entries: APPEND_ENTRIES_MAX,
            replication_lag_threshold: LAG_ENTRIES_MAX,
            install_snapshot_timeout: milliseconds(SNAPSHOT_TIMEOUT),
            // Snapshots and purges follow our own triggers, which also count bytes.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            ..openraft::Config::default()
        }
        .validate()
        .map_err(|error| ClusterConfigError(error.to_string()))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_before_an_election_lies_between_the_two_timeouts() {
        let mut config = ClusterConfig {
            node: 1,
            data: PathBuf::new(),
            members: BTreeMap::from([(1, Member::default())]),
            bootstrap: false,
            heartbeat: Duration::from_millis(250),
            election_timeout_min: Duration::from_millis(2000),
            election_timeout_max: Duration::from_millis(3000),
            snapshot: SnapshotTriggers::default(),
        };
        let settings = config.build().unwrap();
        let lease = settings.election_timeout_max;
        assert_eq!((lease + settings.election_timeout_min, lease + settings.election_timeout_max), (2000, 3000));
        config.node = 2;
        let error = config.build().unwrap_err().to_string();
        assert_eq!(error, "failed to check cluster settings: node 2 is not among the members");
    }
}
