//! The replicated alert aggregator: agents' alerts in, each counted once on a quorum, notifications out.

pub mod history;
pub mod notify;
pub mod raft;
pub mod triage;
