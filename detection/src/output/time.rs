//! Times as outputs print them.

use jiff::tz::TimeZone;

use super::OutputContext;
use crate::event::Timestamp;

/// Nanoseconds in a second.
pub(crate) const NANOSECONDS: u64 = 1_000_000_000;

/// Local time of day with nanoseconds.
pub(crate) fn of_day(time: Timestamp, context: &OutputContext) -> String {
    format(time, &context.time_zone, "%H:%M:%S.%9f")
}

/// Local time of day.
pub(crate) fn of_day_seconds(time: Timestamp, context: &OutputContext) -> String {
    format(time, &context.time_zone, "%H:%M:%S")
}

/// Local date and time with nanoseconds.
pub(crate) fn date(time: Timestamp, context: &OutputContext) -> String {
    format(time, &context.time_zone, "%Y-%m-%d %H:%M:%S.%9f")
}

/// Local date and time.
pub(crate) fn date_seconds(time: Timestamp, context: &OutputContext) -> String {
    format(time, &context.time_zone, "%Y-%m-%d %H:%M:%S")
}

/// ISO 8601 in UTC with nanoseconds and a numeric offset.
pub(crate) fn iso8601(time: Timestamp) -> String {
    format(time, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%S.%9f+0000")
}

/// RFC 3339 in UTC with nanoseconds, as the `time` key of JSON alerts has it.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    format(time, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%S.%9fZ")
}

fn format(time: Timestamp, zone: &TimeZone, pattern: &str) -> String {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(time.0)).unwrap_or(jiff::Timestamp::MAX);
    jiff::ZonedDateTime::new(moment, zone.clone()).strftime(pattern).to_string()
}
