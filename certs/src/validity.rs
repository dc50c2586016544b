//! The time in which a certificate holds.

use std::time::{Duration, SystemTime};

/// How far certificates are backdated, so that a peer whose clock is behind does not refuse a fresh one.
const CLOCK_SKEW: Duration = Duration::from_secs(300);

const DAY: Duration = Duration::from_secs(86_400);

/// From when until when. Nothing keeps a test from asking for a time that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

impl Validity {
    /// From now on for so many days.
    pub fn days(now: SystemTime, days: u32) -> Self {
        Self { not_before: now - CLOCK_SKEW, not_after: now + DAY * days }
    }

    /// A time that ended so many days ago.
    pub fn ended(now: SystemTime, days_ago: u32) -> Self {
        Self { not_before: now - DAY * (days_ago + 1), not_after: now - DAY * days_ago }
    }
}
