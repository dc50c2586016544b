//! The command line.

use std::path::Path;
use std::process::{Command, Output};

use super::{folder, part};

const RULE: &str = "
- rule: Cat opens a file
  desc: a test
  condition: evt.type = open and proc.name = cat
  output: opened (file=%fd.name command=%proc.cmdline)
  priority: INFO
";

/// Replays a capture with [`RULE`].
fn replay(capture: &Path, output: &str) -> Output {
    let rules = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(rules.path(), RULE).unwrap();
    Command::new(env!("CARGO_BIN_EXE_tiercel-agent"))
        .arg("replay")
        .arg(capture)
        .arg("--rules")
        .arg(rules.path())
        .args(["--output", output])
        .env("TZ", "UTC")
        .output()
        .unwrap()
}

#[test]
fn replay_prints_alerts_as_falco_does() {
    let Some(folder) = folder() else { return };
    let Some(capture) = part(&folder, "falco/cat_write.scap") else { return };
    let text = replay(&capture, "text");
    assert!(text.status.success(), "{}", String::from_utf8_lossy(&text.stderr));
    let lines = String::from_utf8(text.stdout).unwrap();
    let first = lines.lines().next().unwrap();
    assert!(first.contains(": Informational opened (file=/etc/ld.so.cache command=cat /dev/null)"), "{first}");
    assert_eq!(lines.lines().count(), 4);
    let json = replay(&capture, "json");
    assert!(json.status.success());
    let lines = String::from_utf8(json.stdout).unwrap();
    let alert: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(alert["output_fields"]["fd.name"], "/etc/ld.so.cache");
}

#[test]
fn a_truncated_capture_gives_what_it_has_and_an_error_with_the_place() {
    let Some(folder) = folder() else { return };
    let Some(capture) = part(&folder, "falco/empty-old.scap") else { return };
    let whole = std::fs::read(capture).unwrap();
    let file = tempfile::NamedTempFile::with_suffix(".scap").unwrap();
    std::fs::write(file.path(), &whole[..whole.len() - 2]).unwrap();
    let output = replay(file.path(), "text");
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("failed to read capture at offset"), "{error}");
}
