use std::os::unix::net::UnixDatagram;

use super::*;
use crate::config::SyslogOutput;

fn to_socket(socket: &std::path::Path) -> OutputsConfig {
    let syslog = SyslogOutput { socket: socket.to_owned(), format: Format::Text };
    OutputsConfig { syslog: Some(syslog), ..OutputsConfig::default() }
}

fn received(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..length].to_vec()).unwrap()
}

#[test]
fn alerts_arrive_with_facility_and_severity() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    let mut outputs = Outputs::start(&to_socket(&path)).unwrap();
    outputs.offer(&[alert("somebody did something")]);
    let message = received(&daemon);
    assert!(message.starts_with("<13>Jan  1 "), "{message}");
    let sender = format!(" tiercel-agent[{}]: somebody did something", std::process::id());
    assert!(message.ends_with(&sender), "{message}");
    assert!(outputs.finish(soon()));
}

#[test]
fn a_restarted_daemon_gets_what_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let daemon = UnixDatagram::bind(&path).unwrap();
    let mut outputs = Outputs::start(&to_socket(&path)).unwrap();
    outputs.offer(&[alert("before")]);
    assert!(received(&daemon).ends_with(": before"));
    drop(daemon);
    fs::remove_file(&path).unwrap();
    let daemon = UnixDatagram::bind(&path).unwrap();
    outputs.offer(&[alert("after")]);
    assert!(received(&daemon).ends_with(": after"));
    assert!(outputs.finish(soon()));
}

#[test]
fn a_machine_without_a_system_log_is_told_at_the_start() {
    let error = Outputs::start(&to_socket("/nowhere/log".as_ref())).unwrap_err();
    assert_eq!(error.to_string(), "failed to open /nowhere/log");
}
