//! Everything that can happen to the replicated state. What is not here cannot change it.

use std::fmt;

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;
use tiercel_proto::envelope::{Generation, Lane, Sequence, SpoolId};
use uuid::Uuid;

use super::{NotificationId, StoredAlert, UnixMillis};

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Gives the cluster its id; only the first one counts.
    Found {
        /// The id.
        cluster_id: Uuid,
    },
    /// Takes alerts in.
    Admit(Admission),
    /// Reserves notifications for one attempt each.
    Claim {
        /// When.
        at: UnixMillis,
        /// Who will send.
        owner: Owner,
        /// How long the attempt may take; after that nobody may assume that it did not happen, and nobody waits.
        valid_ms: u64,
        /// Which.
        ids: Vec<NotificationId>,
    },
    /// Records how attempts ended.
    Complete {
        /// When.
        at: UnixMillis,
        /// Who sent.
        owner: Owner,
        /// The attempts.
        completions: Vec<Completion>,
    },
    /// Takes claims back whose owner is gone and whose time is over: their outcome will never be known.
    Revoke {
        /// When.
        at: UnixMillis,
        /// Which, with the attempt that is meant.
        attempts: Vec<(NotificationId, u32)>,
    },
    /// Lets time pass.
    Tick {
        /// To when.
        at: UnixMillis,
    },
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found { cluster_id } => write!(formatter, "found {cluster_id}"),
            Self::Admit(admission) => write!(formatter, "admit {} batches", admission.batches.len()),
            Self::Claim { ids, .. } => write!(formatter, "claim {}", ids.len()),
            Self::Complete { completions, .. } => write!(formatter, "complete {}", completions.len()),
            Self::Revoke { attempts, .. } => write!(formatter, "revoke {}", attempts.len()),
            Self::Tick { at } => write!(formatter, "tick {at}"),
        }
    }
}

/// Batches that arrived at about the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When the leader took them.
    pub received_at: UnixMillis,
    /// The leader's limits: they travel with the alerts, so each alert is judged by exactly one set on all replicas.
    pub policy: Policy,
    /// The batches.
    pub batches: Vec<Batch>,
}

/// The limits that decide what is told and what is only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// How long the same finding is only counted, from its first alert on.
    pub dedup_window_ms: u64,
    /// How many notifications a minute a rule may cause in the long run.
    pub rule_rate_per_minute: u32,
    /// How many it may cause at once.
    pub rule_burst: u32,
    /// How long alerts are folded before a storm summary tells of them.
    pub storm_interval_ms: u64,
}

/// Consecutive items from one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Who numbered them.
    pub origin: Origin,
    /// The items in order.
    pub items: Vec<Item>,
}

/// Who numbers alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// An agent's spool: a repeat is recognised for ever.
    Spool {
        /// Name in the agent's certificate.
        node: Text,
        /// The spool.
        spool: SpoolId,
        /// The run of the agent.
        generation: Generation,
        /// The lane.
        lane: Lane,
        /// Sequence of the first item.
        first: Sequence,
    },
    /// A source without numbers (Falco's HTTP output): the state numbers what it takes.
    Direct,
}

/// One item of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// An alert.
    Alert(StoredAlert),
    /// Alerts that the agent had to give up.
    Skip {
        /// How many sequences it stands for; at least 1.
        count: u64,
        /// Why.
        reason: Text,
    },
    /// Something that is no alert. It takes its number, so that it cannot wedge the lane.
    Invalid {
        /// Why.
        reason: Text,
    },
}

impl Item {
    /// How many sequences it stands for.
    pub fn sequences(&self) -> u64 {
        match self {
            Self::Alert(_) | Self::Invalid { .. } => 1,
            Self::Skip { count, .. } => *count,
        }
    }
}

/// Who holds a claim: one run of one leader in one term. A node that restarts may go on leading in its old term, but it
/// no longer knows what it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// The term in which it led.
    pub term: u64,
    /// Its node id.
    pub node: u64,
    /// A random number of the process.
    pub run: u64,
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "node {} in term {}", self.node, self.term)
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The notification.
    pub id: NotificationId,
    /// The attempt.
    pub attempt: u32,
    /// The end.
    pub outcome: Outcome,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It failed and is worth another attempt.
    Retry {
        /// Not before.
        due: UnixMillis,
        /// Whether the receiver may have it all the same.
        may_have_arrived: bool,
        /// What went wrong.
        error: Text,
    },
    /// It will never arrive.
    Dead {
        /// In one of few words, for counting.
        reason: DeathReason,
        /// What went wrong.
        error: Text,
    },
}

/// Why a notification was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DeathReason {
    /// The receiver said that it will never take it.
    Refused,
    /// It was retried for as long as a notification is worth it.
    Expired,
}

impl DeathReason {
    /// The name for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// What the proposer of a command learns from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// One for each batch, in order.
    Admitted(Vec<BatchReply>),
    /// The claims that were granted, with the attempt that each one is.
    Claimed(Vec<(NotificationId, u32)>),
    /// Nothing to say.
    Done,
}

impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Admitted(batches) => write!(formatter, "admitted {} batches", batches.len()),
            Self::Claimed(claims) => write!(formatter, "claimed {}", claims.len()),
            Self::Done => formatter.write_str("done"),
        }
    }
}

/// What became of one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatchReply {
    /// Everything up to that sequence is counted, now or before.
    Accepted {
        /// The sequence; for direct batches the last number given.
        through: Sequence,
    },
    /// Items before it are missing; nothing of it was taken.
    Gap {
        /// The sequence that must come next.
        expected: Sequence,
    },
    /// Another node sends under the same spool id; nothing of it was taken.
    Conflict,
    /// There is no room for another producer; nothing of it was taken.
    Full,
}
