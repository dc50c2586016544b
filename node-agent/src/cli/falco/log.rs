//! The log as Falco writes it: a time, a colon, the message.

use std::fmt;
use std::io;

use tiercel_detection::TimeFormat;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use super::settings::Settings;

/// Starts the log for the whole process.
pub(super) fn start(settings: &Settings, verbose: bool) {
    let level = match settings.log_level.to_ascii_lowercase().as_str() {
        _ if !settings.log_stderr => "off",
        _ if verbose => "debug",
        "emergency" | "alert" | "critical" | "error" => "error",
        "warning" => "warn",
        "debug" => "debug",
        _ => "info",
    };
    // What the libraries below say at these levels is not what an operator of Falco expects in this log.
    let others = if level == "off" { "off" } else { "warn" };
    let filter = EnvFilter::new(format!("{others},tiercel_agent={level}"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(false);
    builder.with_level(false).with_target(false).with_timer(FalcoTime(settings.time_format)).init();
}

/// `Wed Nov 25 04:00:29 2026:` or, in UTC, `2026-11-25T04:00:29+0000:`.
struct FalcoTime(TimeFormat);

impl FormatTime for FalcoTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let now = jiff::Timestamp::now();
        match self.0 {
            TimeFormat::TimeOfDay => {
                let local = jiff::ZonedDateTime::new(now, jiff::tz::TimeZone::system());
                write!(writer, "{}:", local.strftime("%a %b %e %H:%M:%S %Y"))
            }
            TimeFormat::Iso8601 => write!(writer, "{}:", now.strftime("%Y-%m-%dT%H:%M:%S+0000")),
        }
    }
}
