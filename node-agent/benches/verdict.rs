//! What judging real events costs one core, by the number of rules, and what it costs to make events of records.
//!
//! `cargo bench -p tiercel-agent --bench verdict`. Rules: Falco's official ones when `TIERCEL_COMPAT_DIR` (or
//! `../shared/data` beside the workspace) has them, with generated ones up to the number of the row. Events: the file
//! that `TIERCEL_BENCH_RECORDING` names, a recording made now (as root), or the one that comes with the demo; and the
//! captures of Falco and sysdig in `TIERCEL_COMPAT_DIR`. All times are times of the CPU, so that other programs disturb
//! little; the best of several rounds counts.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the result")]

#[path = "../../detection/benches/counting.rs"]
mod counting;
#[path = "../../detection/benches/workload.rs"]
#[expect(dead_code, reason = "only its rules are used here; its events are not recorded ones")]
mod workload;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::Context as _;
use tiercel_agent::capture::scap::Reader;
use tiercel_agent::capture::{KernelOptions, Observation, Progress, Scope};
use tiercel_agent::config::RulesConfig;
use tiercel_agent::detect::{Detector, LoadedRules, rules};
use tiercel_agent::enrich::scap::CaptureState;
use tiercel_agent::input::Input;
use tiercel_agent::recorder::Recorder;
use tiercel_detection::{Engine, Event, LoadOptions, Matching, Priority, RuleFile, RuleSet};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Each round runs at least so long: enough to level out interrupts.
const ROUND_TIME_MIN: Duration = Duration::from_millis(150);

/// Of so many rounds the best counts.
const ROUNDS: u32 = 5;

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
    let recording = find_recording(folder.path())?;
    let sets = rule_sets()?;
    let mut sources = Vec::new();
    match &recording {
        Some(recording) => sources.push(("recorded", recorded_events(recording)?)),
        None => {
            println!("SKIPPED recorded events: no recording, and none can be made (not root, or no kernel programs)")
        }
    }
    match captured_events()? {
        Some(events) => sources.push(("replayed", events)),
        None => println!("SKIPPED replayed events: TIERCEL_COMPAT_DIR names no folder with captures"),
    }
    println!(
        "\n{:<10} {:>6} {:>8} {:>9} {:>12} {:>16} {:>14} {:>8}",
        "events", "rules", "judged", "ns/event", "events/s", "allocs/no alert", "refused early", "alerts"
    );
    for (source, events) in &sources {
        for set in &sets {
            judge(source, events, set);
        }
    }
    if let Some(recording) = &recording {
        println!("\n{:<36} {:>9} {:>12} {:>10}", "recorded, 1 core", "records", "records/s", "ns/record");
        from_records(recording, &sets)?;
    }
    Ok(())
}

/// Rules of one row.
struct Rules {
    enabled: usize,
    set: RuleSet,
}

/// The official rules that are on by default, all of them, and these with generated ones.
fn rule_sets() -> anyhow::Result<Vec<Rules>> {
    let official = workload::official(workload::ALL);
    if official.is_none() {
        println!("SKIPPED official rules: TIERCEL_COMPAT_DIR names no folder with them");
    }
    let with = |count: usize| {
        let mut files = official.clone().unwrap_or_default();
        files.push(workload::generated(count));
        files
    };
    let stable = workload::official(workload::STABLE);
    let files = [stable, official.clone(), Some(with(907)), Some(with(9_907))];
    files.into_iter().flatten().map(|files| prepare(&files)).collect()
}

fn prepare(files: &[RuleFile]) -> anyhow::Result<Rules> {
    let (set, report) = RuleSet::load(files, &LoadOptions::default());
    anyhow::ensure!(report.is_ok(), "the rules have mistakes:\n{report}");
    Ok(Rules { enabled: report.rules_enabled, set })
}

/// Judges the events of which the rules ask for the kind, as the agent does.
fn judge(source: &str, events: &[Event], Rules { enabled, set }: &Rules) {
    let kinds = set.required_kinds();
    let filters = set.value_filters();
    let mut engine = Engine::new(set.clone(), workload::context());
    let mut alerts = Vec::new();
    let mut quiet = Vec::new();
    let (mut judged, mut refused, mut fired) = (0_u64, 0_u64, 0_usize);
    for event in events.iter().filter(|event| kinds.contains(event.kind)) {
        judged += 1;
        refused += u64::from(!filters.passes(event));
        engine.evaluate(event, &mut alerts);
        if alerts.is_empty() {
            quiet.push(event);
        }
        fired += alerts.len();
        alerts.clear();
    }
    let before = counting::allocations();
    quiet.iter().for_each(|event| engine.evaluate(event, &mut alerts));
    let allocations = (counting::allocations() - before) as f64 / quiet.len() as f64;
    let wanted: Vec<&Event> = events.iter().filter(|event| kinds.contains(event.kind)).collect();
    let ns = best_ns(wanted.len(), || {
        wanted.iter().for_each(|event| engine.evaluate(event, &mut alerts));
        alerts.clear();
    });
    println!(
        "{source:<10} {enabled:>6} {judged:>8} {ns:>9.1} {:>12.0} {allocations:>16.3} {:>12.1} % {fired:>8}",
        1e9 / ns,
        refused as f64 * 100.0 / judged as f64
    );
}

/// What the records of a recording cost on their way to the verdict, held in memory.
fn from_records(recording: &Path, sets: &[Rules]) -> anyhow::Result<()> {
    let records = observations(recording)?;
    let row = |what: &str, ns: f64| println!("{what:<36} {:>9} {:>12.0} {ns:>10.0}", records.len(), 1e9 / ns);
    let read = best_ns(records.len(), || {
        observations(recording).expect("it could be read before");
    });
    row("read and decode the recording", read);
    for Rules { enabled, set } in &sets[..sets.len().min(2)] {
        let mut spent = [f64::INFINITY; 2];
        for _ in 0..ROUNDS {
            // The state of the machine is made anew, since a replay begins where the recording began.
            let Input { mut enricher, .. } = Input::recording(recording)?;
            enricher.want(set.required_kinds());
            enricher.follow_paths(set.literal_paths());
            spent[0] = spent[0].min(cpu_ns(records.len(), || {
                records.iter().for_each(|record| drop(enricher.handle(record)));
            }));
            let Input { enricher, context, .. } = Input::recording(recording)?;
            let mut detector = Detector::new(enricher, set.clone(), context);
            spent[1] = spent[1].min(cpu_ns(records.len(), || {
                records.chunks(64).for_each(|batch| drop(detector.handle(batch)));
            }));
        }
        row(&format!("make events for {enabled} rules"), spent[0]);
        row(&format!("make and judge events, {enabled} rules"), spent[1]);
    }
    Ok(())
}

fn observations(recording: &Path) -> anyhow::Result<Vec<Observation>> {
    let Input { mut source, .. } = Input::recording(recording)?;
    let (mut records, mut batch) = (Vec::new(), Vec::new());
    while source.next_batch(&mut batch)?.progress != Progress::Finished {
        records.append(&mut batch);
    }
    records.append(&mut batch);
    anyhow::ensure!(!records.is_empty(), "the recording {} is empty", recording.display());
    Ok(records)
}

fn recorded_events(recording: &Path) -> anyhow::Result<Vec<Event>> {
    let Input { mut enricher, .. } = Input::recording(recording)?;
    let records = observations(recording)?;
    Ok(records.iter().filter_map(|record| enricher.handle(record)).collect())
}

/// The events of all captures; a damaged one gives what it has.
fn captured_events() -> anyhow::Result<Option<Vec<Event>>> {
    let mut pending = vec![data_folder().join("scap")];
    if !pending[0].is_dir() {
        return Ok(None);
    }
    let mut events = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            let entries = path.read_dir().with_context(|| format!("failed to read {}", path.display()))?;
            pending.extend(entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?);
        } else if path.extension().is_some_and(|extension| extension == "scap") {
            let Ok((mut reader, metadata)) = Reader::open(&path) else { continue };
            let mut state = CaptureState::new(&metadata);
            while let Ok(Some(captured)) = reader.next_event() {
                events.extend(state.handle(&captured));
            }
        }
    }
    Ok(Some(events))
}

/// Nanoseconds that one of `count` items takes, best of several rounds.
fn best_ns(count: usize, mut pass: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let mut passes = 0_usize;
        let ns = cpu_ns(1, || {
            while started.elapsed() < ROUND_TIME_MIN {
                pass();
                passes += 1;
            }
        });
        best = best.min(ns / passes as f64 / count as f64);
    }
    best
}

fn cpu_ns(count: usize, work: impl FnOnce()) -> f64 {
    let (started, started_cpu) = (Instant::now(), cpu_time());
    work();
    let took = match (started_cpu, cpu_time()) {
        (Some(before), Some(after)) => after - before,
        _ => started.elapsed(),
    };
    took.as_nanos() as f64 / count as f64
}

/// How long this thread has had a CPU.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
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

fn data_folder() -> PathBuf {
    env::var_os("TIERCEL_COMPAT_DIR").map_or_else(|| workspace().join("../shared/data"), PathBuf::from)
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
