//! Requests to the HTTP input, as it counts them.

use std::sync::atomic::{AtomicU64, Ordering};

/// Requests of this process.
#[derive(Debug, Default)]
pub struct InputCounters {
    accepted: AtomicU64,
    rejected: AtomicU64,
}

impl InputCounters {
    /// Counts a request whose alert was taken.
    pub fn count_accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was refused.
    pub fn count_rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests whose alert was taken.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Requests that were refused.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }
}
