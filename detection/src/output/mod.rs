//! Outputs: format strings to texts and field values.

mod format;
pub(crate) mod time;

use crate::event::{Text, Timestamp};

pub use format::{Filled, Format, FormatError};

/// What outputs say that events do not know.
#[derive(Debug, Clone)]
pub struct OutputContext {
    /// Name of the node (`evt.hostname`, `hostname`).
    pub hostname: Text,
    /// The zone in which times of day are printed.
    pub time_zone: jiff::tz::TimeZone,
    /// How the time at the beginning of a line is printed.
    pub time_format: TimeFormat,
}

impl OutputContext {
    /// The time as a line begins with it.
    pub fn stamp(&self, time: Timestamp) -> String {
        match self.time_format {
            TimeFormat::TimeOfDay => time::of_day(time, self),
            TimeFormat::Iso8601 => time::iso8601(time),
        }
    }
}

/// How the time at the beginning of a line is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeFormat {
    /// `13:53:31.726060287`, local.
    #[default]
    TimeOfDay,
    /// `2026-07-31T13:53:31.726060287+0000`, in UTC (Falco's `time_format_iso_8601`).
    Iso8601,
}

impl TimeFormat {
    /// The field of that form, under which `output_fields` has the nanoseconds since the epoch.
    pub(crate) fn field(self) -> &'static str {
        match self {
            Self::TimeOfDay => "evt.time",
            Self::Iso8601 => "evt.time.iso8601",
        }
    }
}
