//! Outputs: format strings to texts and field values.

mod format;
pub(crate) mod time;

use crate::event::Text;

pub use format::{Filled, Format, FormatError};

/// What outputs say that events do not know.
#[derive(Debug, Clone)]
pub struct OutputContext {
    /// Name of the node (`evt.hostname`, `hostname`).
    pub hostname: Text,
    /// The zone in which times of day are printed.
    pub time_zone: jiff::tz::TimeZone,
}
