//! The replicated alert aggregator: agents' alerts in, each counted once on a quorum, notifications out.

pub mod api;
pub mod app;
pub mod config;
pub mod dispatch;
pub mod doors;
pub mod history;
pub mod http_input;
pub mod ingest;
pub mod metrics;
pub mod notify;
pub mod raft;
#[cfg(test)]
pub(crate) mod testing;
pub mod triage;
