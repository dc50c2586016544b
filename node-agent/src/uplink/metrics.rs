//! What the uplink tells about itself.

use std::time::Instant;

use super::spool::SpoolCounts;

/// The state of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Nothing was tried yet, or the next attempt has not begun; why the last one ended.
    Waiting {
        /// `None` before the first attempt.
        reason: Option<String>,
    },
    /// An attempt is being made.
    Connecting {
        /// Where to.
        address: String,
    },
    /// There is a connection.
    Connected {
        /// Where to.
        address: String,
    },
}

/// The sums of this run and the state of the connection. The sums of the spool always add up:
/// `recovered + spooled = acknowledged + skipped + waiting`.
#[derive(Debug, Clone)]
pub struct UplinkMetrics {
    /// What went into the spool and what became of it.
    pub spool: SpoolCounts,
    /// Alerts that were handed to a connection, repeats included.
    pub sent: u64,
    /// Those of them that were repeats.
    pub resent: u64,
    /// How often a connection was made after the first one.
    pub reconnects: u64,
    /// How often an aggregator did not take a batch.
    pub refusals: u64,
    /// The connection.
    pub link: LinkState,
    /// When the last acknowledgement came.
    pub acknowledged_at: Option<Instant>,
    /// When the worker last went round; it does so at least every second unless the disk hangs.
    pub progress_at: Instant,
}

/// What the rest of the agent tells the cluster through the uplink.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeReport {
    /// Events that were judged since the start.
    pub events_total: u64,
    /// Events that were lost since the start.
    pub lost_total: u64,
    /// What the sensor can see on this machine.
    pub capabilities: Vec<String>,
    /// Which rules are loaded.
    pub rules_sha256: String,
}
