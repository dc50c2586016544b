//! What a proposer hears back.

use serde::{Deserialize, Serialize};

use super::{Member, NodeId};
use crate::triage::{Batch, BatchReply};
use futures::future::BoxFuture;

/// Batches that are on the disks of a quorum, applied, and counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admitted {
    /// The log entry that carries them.
    pub log_index: u64,
    /// One for each batch.
    pub replies: Vec<BatchReply>,
}

/// Why a proposal has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ProposeError {
    /// Another node leads, or none; nothing was done.
    #[error("not the leader")]
    NotLeader {
        /// The leader, when known.
        leader: Option<(NodeId, Member)>,
    },
    /// We lead, but no quorum has answered lately; nothing was done.
    #[error("no quorum answered for {silent_ms} ms")]
    NoQuorum {
        /// For how long.
        silent_ms: u64,
    },
    /// Too much is under way; nothing was done.
    #[error("too many proposals are under way")]
    Busy,
    /// The deadline passed, or the connection broke: it may have been done or not, or may still be.
    #[error("outcome of the proposal is unknown")]
    Unknown,
    /// The node stops; nothing was done.
    #[error("node is stopping")]
    Stopping,
}

/// Takes what a follower hands over. The node that does must lead: nothing is handed on twice.
pub trait Handover: Send + Sync + 'static {
    /// Admits the batches.
    fn admit(&self, batches: Vec<Batch>) -> BoxFuture<'_, Result<Admitted, ProposeError>>;
}
