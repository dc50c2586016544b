//! The pure replicated state: committed commands in, decisions out.
//!
//! Nothing here does IO, reads a clock, draws a random number or depends on the order of a hash map, and no decision
//! depends on this node's configuration: whatever a decision needs stands in the command. That is why replicas that
//! applied the same commands hold the same state, byte for byte.

mod alert;
mod buckets;
mod command;
mod counters;
mod delivery;
mod effect;
mod findings;
mod moment;
mod notification;
mod outbox;
mod producers;
mod render;
mod route;
mod state;
mod storms;
#[cfg(test)]
mod tests;

pub use alert::{DecodeAlertError, Severity, StoredAlert};
pub use command::{
    Admission, Batch, BatchReply, Command, Completion, DeathReason, Item, Origin, Outcome, Owner, Policy, Reply,
};
pub use counters::Counters;
pub use delivery::{Backlog, OpenClaim};
pub use effect::{Applied, Effect, Record, Verdict};
pub use moment::UnixMillis;
pub use notification::{Content, Finding, Notification, NotificationId, StormSummary};
pub use route::Route;
pub use state::{DIRECT_SPOOL, State};
