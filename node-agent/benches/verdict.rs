//! How many records a second one core takes from the encoded frame to the verdict of every rule.
//!
//! `cargo bench -p tiercel-agent --bench verdict`. Rules: Falco's official ones when `TIERCEL_COMPAT_DIR` (or
//! `../shared/data` beside the workspace) has them, the built-in ones as well in any case. Records: the file that
//! `TIERCEL_BENCH_RECORDING` names, a recording made now (as root), or the one that comes with the demo.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the result")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::Context as _;
use tiercel_agent::capture::{KernelOptions, Progress, Scope};
use tiercel_agent::config::RulesConfig;
use tiercel_agent::detect::{Detector, LoadedRules, rules};
use tiercel_agent::input::Input;
use tiercel_agent::recorder::Recorder;
use tiercel_detection::{Matching, Priority};

/// Each row runs at least so long: below a second the clock and the caches decide.
const ROW_TIME_MIN: Duration = Duration::from_secs(2);

/// What is recorded when no recording is given: forks, execs, opens, network and names of files, as a build or a test
/// run on a server makes them; and one act that the rules are about.
const WORKLOAD: &str = r#"
folder=$(mktemp -d)
for i in $(seq 250); do
  cat /etc/hostname /etc/passwd >/dev/null
  ls -l /usr/lib >/dev/null
  echo "$i" >"$folder/$i" && mv "$folder/$i" "$folder/x" && chmod 600 "$folder/x" && rm "$folder/x"
  (: </dev/null) 2>/dev/null
done
cat /etc/shadow >/dev/null
rm -r "$folder"
"#;

/// One row of the table.
struct Row {
    what: String,
    records: u64,
    took: Duration,
    alerts: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("failed to make a directory")?;
    let Some(recording) = find_recording(folder.path())? else {
        println!("SKIPPED verdict: no recording, and none can be made (not root, or no kernel programs)");
        return Ok(());
    };
    let mut rows = vec![measure("decode only", &recording, None)?];
    let builtin = load(Vec::new())?;
    rows.push(measure(&format!("built-in rules ({})", builtin.report.rules_enabled), &recording, Some(&builtin))?);
    match official_rules() {
        Some(files) => {
            let official = load(files)?;
            let what = format!("official rules ({})", official.report.rules_enabled);
            rows.push(measure(&what, &recording, Some(&official))?);
        }
        None => println!("SKIPPED official rules: TIERCEL_COMPAT_DIR names no folder with them"),
    }
    println!(
        "\n{:<28} {:>10} {:>12} {:>10} {:>8}",
        "decode to verdict, 1 core", "records", "records/s", "ns/record", "alerts"
    );
    for Row { what, records, took, alerts } in rows {
        let per_second = records as f64 / took.as_secs_f64();
        let nanoseconds = took.as_nanos() as f64 / records as f64;
        println!("{what:<28} {records:>10} {per_second:>12.0} {nanoseconds:>10.0} {alerts:>8}");
    }
    Ok(())
}

/// Replays the recording until the row has run long enough; opening it is not part of the time.
fn measure(what: &str, recording: &Path, rules: Option<&LoadedRules>) -> anyhow::Result<Row> {
    let mut row = Row { what: what.to_owned(), records: 0, took: Duration::ZERO, alerts: 0 };
    while row.took < ROW_TIME_MIN {
        let Input { mut source, enricher, context, .. } = Input::recording(recording)?;
        let mut detector = rules.map(|loaded| Detector::new(enricher, loaded.rules.clone(), context));
        let mut batch = Vec::new();
        let started = Instant::now();
        loop {
            let drained = source.next_batch(&mut batch)?;
            if let Some(detector) = &mut detector {
                row.alerts += detector.handle(&batch).len() as u64;
            }
            row.records += batch.len() as u64;
            batch.clear();
            if drained.progress == Progress::Finished {
                break;
            }
        }
        row.took += started.elapsed();
        anyhow::ensure!(row.records > 0, "the recording {} is empty", recording.display());
    }
    Ok(row)
}

fn load(files: Vec<PathBuf>) -> anyhow::Result<LoadedRules> {
    let minimum_priority = Priority::Debug;
    let config = RulesConfig { files, matching: Matching::First, minimum_priority, watch: false, with_audit: false };
    let loaded = rules::load(&config)?;
    anyhow::ensure!(loaded.report.is_ok(), "the rules have mistakes:\n{}", loaded.report);
    Ok(loaded)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn official_rules() -> Option<Vec<PathBuf>> {
    let folder = env::var_os("TIERCEL_COMPAT_DIR").map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let files: Vec<_> = names.iter().map(|name| folder.join("rules").join(name)).collect();
    files.iter().all(|file| file.is_file()).then_some(files)
}

fn find_recording(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = env::var_os("TIERCEL_BENCH_RECORDING") {
        return Ok(Some(path.into()));
    }
    if nix::unistd::geteuid().is_root() {
        let path = folder.join("bench.tcap");
        match make_recording(&path) {
            Ok(()) => return Ok(Some(path)),
            Err(error) => println!("no recording could be made: {error:#}"),
        }
    }
    let bundled = ["deploy/demo/demo.tcap", "loadtest/fixtures/demo.tcap"].map(|path| workspace().join(path));
    Ok(bundled.into_iter().find(|path| path.is_file()))
}

/// Records the workload and nothing else of this machine.
fn make_recording(path: &Path) -> anyhow::Result<()> {
    let mut workload = Command::new("sh")
        .args(["-c", &format!("read go; {WORKLOAD}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("failed to start the workload")?;
    let mut go = workload.stdin.take();
    let recorder = Recorder {
        ring_bytes: KernelOptions::default().ring_bytes,
        scope: Scope::ProcessTree(workload.id()),
        environment: false,
        paths: load(Vec::new())?.rules.literal_paths(),
    };
    let summary = recorder.record(path, || {
        // Dropping the pipe lets the shell go: the sensor is attached when this is first called.
        drop(go.take());
        workload.try_wait().is_ok_and(|status| status.is_some())
    });
    if summary.is_err() {
        workload.kill().or_else(ignore_gone).context("failed to end the workload")?;
    }
    let summary = summary?;
    println!("recorded {} records ({} bytes), {} lost", summary.observations, summary.bytes, summary.losses.lost());
    Ok(())
}

fn ignore_gone(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::InvalidInput { Ok(()) } else { Err(error) }
}
