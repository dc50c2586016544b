//! The replicated log: the only room that knows the consensus library.

mod clock;
mod cluster;
mod config;
mod log;
mod machine;
mod network;
mod peers;
mod proposal;
mod service;
mod snapshot;
mod status;
#[cfg(test)]
mod tests;
mod types;
mod watcher;
mod wire;

pub use cluster::{Cluster, PROPOSE_TIMEOUT, StartError};
pub use config::{ClusterConfig, ClusterConfigError, SnapshotTriggers};
pub use log::LogError;
pub use machine::Feed;
pub use proposal::{Admitted, Handover, ProposeError};
pub use snapshot::{SnapshotError, SnapshotFile};
pub use status::{ClusterStatus, Leadership, MemberStatus, Role};
pub use types::{Member, NodeId, TypeConfig};
pub use watcher::Failure;
