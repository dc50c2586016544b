use std::path::Path;

use super::*;
use crate::config::ProgramOutput;

fn running(command: &str, keep_alive: bool, timeout: Duration) -> Outputs {
    let program = ProgramOutput { command: command.to_owned(), keep_alive, timeout, format: Format::Text };
    Outputs::start(&OutputsConfig { program: Some(program), ..OutputsConfig::default() }).unwrap()
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn each_alert_gets_a_run_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let command = format!("sed 's/^/run: /' >> {0}; echo end >> {0}", path.display());
    let mut outputs = running(&command, false, Duration::from_secs(10));
    outputs.offer(&[alert("one"), alert("two")]);
    assert!(outputs.finish(soon()));
    assert_eq!(lines(&path), ["run: one", "end", "run: two", "end"]);
}

#[test]
fn a_kept_program_reads_all_alerts_and_ends_with_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let command = format!("cat >> {0}; echo end >> {0}", path.display());
    let mut outputs = running(&command, true, Duration::from_secs(10));
    outputs.offer(&[alert("one"), alert("two")]);
    assert!(outputs.finish(soon()));
    assert_eq!(lines(&path), ["one", "two", "end"]);
}

#[test]
fn a_kept_program_that_ends_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let command = format!("head -n 1 >> {}", path.display());
    let mut outputs = running(&command, true, Duration::from_secs(10));
    for number in 1..=3 {
        outputs.offer(&[alert(&format!("alert {number}"))]);
        let deadline = soon();
        while lines(&path).len() < number {
            assert!(Instant::now() < deadline, "{:?}", lines(&path));
            std::thread::sleep(FINISH_POLL);
        }
        // The program has written its line and ends; what is written to it meanwhile would be lost with it.
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(outputs.finish(soon()));
    assert_eq!(lines(&path), ["alert 1", "alert 2", "alert 3"]);
}

#[test]
fn a_program_that_hangs_is_killed_with_its_children_and_the_next_alert_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alerts");
    let marker = folder.path().join("hung");
    let script = format!(
        "read line; if [ ! -e {marker} ]; then touch {marker}; sleep 60; fi; echo \"$line\" >> {path}",
        marker = marker.display(),
        path = path.display()
    );
    let mut outputs = running(&script, false, Duration::from_millis(500));
    let started = Instant::now();
    outputs.offer(&[alert("hangs"), alert("goes on")]);
    assert!(outputs.finish(soon()));
    assert!(started.elapsed() < Duration::from_secs(9));
    assert_eq!(lines(&path), ["goes on"]);
}
