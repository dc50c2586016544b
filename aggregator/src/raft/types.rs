//! The types with which the consensus library is used here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::SnapshotFile;
use crate::triage::{Command, Reply};

openraft::declare_raft_types!(
    /// Commands of triage, replicated.
    pub TypeConfig:
        D = Command,
        R = Reply,
        NodeId = u64,
        Node = Member,
        SnapshotData = SnapshotFile,
);

/// Number of a node; given once, never used for another.
pub type NodeId = u64;

/// How a member of the cluster is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// `host:port` for peers.
    pub raft: String,
    /// `host:port` for agents.
    pub ingest: String,
}

impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "raft {} ingest {}", self.raft, self.ingest)
    }
}

pub(super) type Entry = openraft::Entry<TypeConfig>;
pub(super) type LogId = openraft::LogId<NodeId>;
pub(super) type Vote = openraft::Vote<NodeId>;
pub(super) type Membership = openraft::StoredMembership<NodeId, Member>;
pub(super) type SnapshotMeta = openraft::SnapshotMeta<NodeId, Member>;
pub(super) type Snapshot = openraft::Snapshot<TypeConfig>;
pub(super) type StorageError = openraft::StorageError<NodeId>;
pub(super) type RaftError<E = openraft::error::Infallible> = openraft::error::RaftError<NodeId, E>;
pub(super) type Raft = openraft::Raft<TypeConfig>;
pub(super) type RaftMetrics = openraft::RaftMetrics<NodeId, Member>;
