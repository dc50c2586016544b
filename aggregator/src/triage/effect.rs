//! What applying a command asks of the world around the state.

use std::sync::Arc;

use tiercel_detection::event::Text;
use tiercel_proto::AlertId;

use super::{Reply, StoredAlert, UnixMillis};

/// The result of one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// For its proposer.
    pub reply: Reply,
    /// For this node.
    pub effects: Vec<Effect>,
}

/// One thing to do. The state does not depend on whether it is done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Remember an accepted alert.
    Record(Record),
    /// A receiver is owed something new.
    Owe {
        /// The receiver.
        receiver: Text,
    },
}

/// An accepted alert with what was decided about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its identity.
    pub id: AlertId,
    /// When the cluster took it.
    pub received_at: UnixMillis,
    /// The alert.
    pub alert: StoredAlert,
    /// What was decided.
    pub verdict: Verdict,
    /// How often the finding has been seen in its window, this time included.
    pub seen: u64,
}

/// What was decided about one accepted alert; each alert has exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// These receivers hear of it; receivers whose outbox is full hear of it in a summary.
    Told {
        /// The receivers.
        receivers: Arc<[Text]>,
    },
    /// The same finding was told within its window.
    Repeat {
        /// The first alert of the window.
        of: AlertId,
    },
    /// Its rule is above its limit: a storm summary will count it.
    Folded,
    /// No receiver wants it.
    Unrouted,
}
