mod http;
mod program;
mod syslog;

use std::fs;

use tiercel_detection::Priority;
use tiercel_detection::event::Timestamp;

use super::*;
use crate::config::{FileOutput, Format};

pub(super) fn alert(message: &str) -> Alert {
    Alert {
        time: Timestamp(1_000_000_000),
        rule: "Some rule".into(),
        priority: Priority::Notice,
        source: "syscall".into(),
        hostname: "web-1".into(),
        output: message.into(),
        fields: Vec::new(),
        tags: [].into(),
    }
}

fn to_file(file: FileOutput) -> OutputsConfig {
    OutputsConfig { file: Some(file), ..OutputsConfig::default() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

#[test]
fn alerts_are_appended_to_the_file_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.log");
    fs::write(&path, "before\n").unwrap();
    let file = FileOutput { path: path.clone(), format: Format::Text };
    let mut outputs = Outputs::start(&to_file(file)).unwrap();
    outputs.offer(&[alert("one"), alert("two")]);
    assert!(outputs.finish(soon()));
    assert_eq!(fs::read_to_string(&path).unwrap(), "before\none\ntwo\n");
}

#[test]
fn after_rotation_lines_go_to_the_new_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts.log");
    let file = FileOutput { path: path.clone(), format: Format::Json };
    let mut outputs = Outputs::start(&to_file(file)).unwrap();
    fs::rename(&path, folder.path().join("alerts.log.1")).unwrap();
    outputs.reopener().reopen();
    outputs.offer(&[alert("after")]);
    assert!(outputs.finish(soon()));
    assert!(fs::read_to_string(&path).unwrap().contains("\"output\":\"after\""));
}

#[test]
fn a_file_that_cannot_be_opened_stops_the_start() {
    let file = FileOutput { path: "/proc/nowhere/alerts.log".into(), format: Format::Json };
    assert!(Outputs::start(&to_file(file)).is_err());
}

#[test]
fn without_outputs_nothing_is_queued() {
    let mut outputs = Outputs::start(&OutputsConfig::default()).unwrap();
    outputs.offer(&[alert("nobody hears it")]);
    assert!(outputs.finish(soon()));
}
