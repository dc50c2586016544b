//! The wall clock, for what the agent says about itself: time inside the pipeline comes with the records.

use std::time::{SystemTime, UNIX_EPOCH};

use tiercel_detection::event::Timestamp;

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
