//! What an operator sees of tiercel-certs.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tiercel_certs::{Authority, PairFiles, Request, Validity, inspect};
use tiercel_proto::mtls::Role;

fn run(dir: &Path, arguments: &str) -> Output {
    let arguments = arguments.split_whitespace();
    Command::new(env!("CARGO_BIN_EXE_tiercel-certs")).args(arguments).current_dir(dir).output().unwrap()
}

#[track_caller]
fn check(dir: &Path, arguments: &str, code: i32, expected: &str) {
    let output = run(dir, arguments);
    let text = String::from_utf8_lossy(if code == 0 { &output.stdout } else { &output.stderr }).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(text.contains(expected), "expected {expected:?} in:\n{text}");
}

fn with_authority() -> TempDir {
    let dir = TempDir::new().unwrap();
    check(dir.path(), "init --dir pki --trust-domain example.org", 0, "wrote pki/ca.key (secret)");
    dir
}

fn request(role: Role, name: &str, validity: Validity) -> Request {
    Request { role, name: name.to_owned(), dns_names: Vec::new(), addresses: Vec::new(), validity }
}

#[test]
fn keys_are_for_their_owner_only() {
    let dir = with_authority();
    check(dir.path(), "issue agent web-1 --dir pki", 0, "wrote pki/agent-web-1.pem");
    for key in ["pki/ca.key", "pki/agent-web-1.key"] {
        let mode = fs::metadata(dir.path().join(key)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{key}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let dir = with_authority();
    check(dir.path(), "issue client ops --dir pki", 0, "");
    let before = fs::read(dir.path().join("pki/client-ops.key")).unwrap();
    check(dir.path(), "issue client ops --dir pki", 1, "pki/client-ops.pem exists already, nothing was written");
    fs::remove_file(dir.path().join("pki/client-ops.pem")).unwrap();
    check(dir.path(), "issue client ops --dir pki", 1, "pki/client-ops.key exists already, nothing was written");
    check(dir.path(), "init --dir pki", 1, "pki/ca.pem exists already, nothing was written");
    assert_eq!(fs::read(dir.path().join("pki/client-ops.key")).unwrap(), before);
    assert!(!dir.path().join("pki/client-ops.pem").exists());
}

#[test]
fn aggregator_is_good_for_loopback_and_for_what_was_asked() {
    let dir = with_authority();
    check(dir.path(), "issue aggregator a1 --dir pki --dns a1.example.org --ip 10.0.0.1 --ip 127.0.0.1", 0, "");
    let names = "URI spiffe://example.org/aggregator/a1, DNS localhost, DNS a1.example.org, \
                 IP 127.0.0.1, IP ::1, IP 10.0.0.1\n";
    check(dir.path(), "inspect pki/aggregator-a1.pem", 0, names);
}

#[test]
fn inspect_fails_when_a_certificate_has_expired() {
    let dir = with_authority();
    let authority = Authority::load(&dir.path().join("pki")).unwrap();
    let now = SystemTime::now();
    let expired = authority.issue(&request(Role::Agent, "old", Validity::ended(now, 3))).unwrap();
    expired.save(&dir.path().join("pki"), Role::Agent, "old").unwrap();
    let output = run(dir.path(), "inspect pki/agent-old.pem pki/ca.pem");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains("(EXPIRED 3 days ago)"), "{text}");
    assert!(text.contains("role        authority"), "the others are printed too: {text}");
}

#[test]
fn inspect_warns_thirty_days_ahead() {
    let dir = with_authority();
    check(dir.path(), "issue agent soon --dir pki --days 30", 0, "");
    check(dir.path(), "inspect pki/agent-soon.pem", 0, "(29 days left, WARNING: renew it soon)");
    check(dir.path(), "issue agent later --dir pki --days 32", 0, "");
    check(dir.path(), "inspect pki/agent-later.pem", 0, "(31 days left)");
}

#[test]
fn days_left_turn_negative_at_the_last_second() {
    let dir = with_authority();
    let inspection = inspect(&dir.path().join("pki/ca.pem")).unwrap();
    let second = Duration::from_secs(1);
    assert_eq!(inspection.days_left(inspection.not_after - second), 0);
    assert_eq!(inspection.days_left(inspection.not_after + second), -1);
    assert!(!inspection.is_expired(inspection.not_after));
    assert!(inspection.is_expired(inspection.not_after + second));
}

#[test]
fn renewal_keeps_identity_and_names_and_changes_the_key() {
    let dir = with_authority();
    check(dir.path(), "issue aggregator a1 --dir pki --dns a1.example.org --days 5", 0, "");
    let files = PairFiles::of(&dir.path().join("pki"), Role::Aggregator, "a1");
    let (old, old_key) = (inspect(&files.certificate).unwrap(), fs::read(&files.key).unwrap());
    check(dir.path(), "renew pki/aggregator-a1.pem --dir pki", 0, "wrote pki/aggregator-a1.key (secret)");
    let new = inspect(&files.certificate).unwrap();
    assert_eq!((new.identity, new.dns_names, new.addresses), (old.identity, old.dns_names, old.addresses));
    assert!(new.not_after > old.not_after + Duration::from_secs(300 * 86_400));
    assert_ne!(fs::read(&files.key).unwrap(), old_key);
    assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn mistakes_are_named() {
    let dir = with_authority();
    check(dir.path(), "issue agent x --dir nowhere", 1, "create one with `tiercel-certs init --dir nowhere`");
    check(dir.path(), "issue agent ../x --dir pki", 1, "`../x` cannot be a name");
    check(dir.path(), "issue aggregator x --dir pki --dns 10.0.0.1", 1, "`10.0.0.1` is not a DNS name");
    check(dir.path(), "init --dir other --trust-domain a/b", 1, "`a/b` cannot be a trust domain");
    check(dir.path(), "inspect pki/ca.key", 1, "failed to read pki/ca.key: no certificate in it");
    check(dir.path(), "issue agent x --dir pki --days 0", 2, "0 is not in 1..=36500");
    assert!(!dir.path().join("other").exists());
}
