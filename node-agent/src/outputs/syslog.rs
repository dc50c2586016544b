//! The local system log: one datagram an alert, as syslog(3) would send it.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use tiercel_detection::{Alert, Priority};

use super::Output;
use super::line::Style;
use super::tally::Tally;

/// `LOG_USER`, the facility of programs that choose none.
const FACILITY: u8 = 1;

/// What the log calls us.
const IDENTITY: &str = "tiercel-agent";

/// The socket of the system log.
pub(super) struct Syslog {
    socket: UnixDatagram,
    path: PathBuf,
    style: Style,
    process_id: u32,
    tally: Tally,
}

impl Syslog {
    pub(super) fn open(path: &Path, style: Style) -> io::Result<Self> {
        let tally = Tally::new("syslog", path.display().to_string());
        Ok(Self { socket: connect(path)?, path: path.to_owned(), style, process_id: std::process::id(), tally })
    }

    /// The log daemon may have been restarted: its new socket has the old name.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        if self.socket.send(datagram).is_ok() {
            return Ok(());
        }
        self.socket = connect(&self.path)?;
        self.socket.send(datagram).map(drop)
    }
}

impl Output for Syslog {
    fn write(&mut self, alert: &Alert) {
        let datagram = datagram(alert, &self.style.line(alert), self.process_id, &TimeZone::system());
        match self.send(datagram.as_bytes()) {
            Ok(()) => self.tally.wrote(),
            Err(error) => self.tally.lost("write_failed", &error),
        }
    }
}

/// Never waits: a log daemon that does not read must not hold up the other outputs.
fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

/// RFC 3164 as it is spoken on the local socket: no host name.
fn datagram(alert: &Alert, line: &str, process_id: u32, time_zone: &TimeZone) -> String {
    let moment = jiff::Timestamp::from_nanosecond(i128::from(alert.time.0)).unwrap_or(jiff::Timestamp::MAX);
    let time = jiff::ZonedDateTime::new(moment, time_zone.clone()).strftime("%b %e %H:%M:%S");
    format!("<{}>{time} {IDENTITY}[{process_id}]: {line}", FACILITY * 8 + severity(alert.priority))
}

/// Falco's priorities are the severities of syslog, by name and by number.
fn severity(priority: Priority) -> u8 {
    priority.number()
}

#[cfg(test)]
mod tests {
    use super::super::tests::alert;
    use super::*;

    #[test]
    fn a_datagram_has_facility_severity_time_and_sender() {
        let mut alert = alert("the line");
        for (priority, number) in [(Priority::Emergency, 8), (Priority::Notice, 13), (Priority::Debug, 15)] {
            alert.priority = priority;
            let expected = format!("<{number}>Jan  1 00:00:01 tiercel-agent[7]: the line");
            assert_eq!(datagram(&alert, "the line", 7, &TimeZone::UTC), expected);
        }
    }
}
