//! The uplink: takes alerts, keeps them on disk, and hands them to the cluster until a quorum has them.
//!
//! ```text
//! AlertBatch ─► actor ─► worker thread: spool (disk) + decisions (pure) ─► link thread: gRPC over mTLS ─► aggregator
//!                              ▲                                                │
//!                              └──────────── acknowledgements, refusals ────────┘
//! ```

pub mod actor;
mod config;
mod decisions;
mod link;
pub mod metrics;
pub mod spool;
#[cfg(test)]
mod tests;
mod worker;

pub use actor::{AlertBatch, ReportNode, StartError, UplinkActor, UplinkHandle, start};
pub use config::UplinkConfig;
pub use decisions::{Command, Input, Uplink};
pub use metrics::{LinkState, NodeReport, UplinkMetrics};
pub use spool::{Spool, SpoolOptions};
