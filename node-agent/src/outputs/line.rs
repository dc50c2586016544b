//! An alert as one line.

use tiercel_detection::Alert;
use tiercel_detection::alert::JsonKeys;

use crate::config::Format;

/// How the lines of one output look.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Text or JSON.
    pub format: Format,
    /// What a JSON line carries.
    pub keys: JsonKeys,
}

impl Style {
    /// The line that Falco would print, without the line end.
    pub fn line(&self, alert: &Alert) -> String {
        match self.format {
            Format::Text => alert.output.to_string(),
            Format::Json => alert.to_json(self.keys),
        }
    }
}

/// The line that Falco would print when nothing is configured, without the line end.
pub fn line(alert: &Alert, format: Format) -> String {
    Style { format, keys: JsonKeys::default() }.line(alert)
}
