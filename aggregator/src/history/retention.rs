//! How much of the past is kept.

use std::time::Duration;

use crate::triage::UnixMillis;

/// The bounds of the history; what is older or does not fit goes, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Longest age by time of arrival.
    pub age_max: Duration,
    /// Most bytes of stored alerts. The file itself may be larger: it keeps freed pages for reuse.
    pub bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_max: Duration::from_secs(30 * 24 * 3600), bytes_max: 1 << 30 }
    }
}

impl Retention {
    /// Alerts that arrived before this moment are too old.
    pub(super) fn oldest_kept(&self, now: UnixMillis) -> UnixMillis {
        let age_ms = u64::try_from(self.age_max.as_millis()).unwrap_or(u64::MAX);
        UnixMillis(now.0.saturating_sub(age_ms))
    }
}
