//! An alert as one line.

use tiercel_detection::Alert;

use crate::config::Format;

/// The line that Falco would print, without the line end.
pub fn line(alert: &Alert, format: Format) -> String {
    match format {
        Format::Text => alert.output.to_string(),
        Format::Json => alert.to_falco_json(),
    }
}
