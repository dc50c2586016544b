//! Real captures, judged as Falco 0.44.1 judged them: alerts of its rule files, values of its fields, matches of
//! filters.
//!
//! The captures and what Falco said of them are found through `TIERCEL_COMPAT_DIR`; without them nothing is tested.

#![expect(clippy::unwrap_used, reason = "what is missing in the data of a test ends the test")]
#![expect(clippy::print_stdout, reason = "the scores are what these tests are run for")]

mod alerts;
mod damage;
mod fields;
mod filters;
mod replay;
mod value_filters;
mod writer;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use tiercel_agent::capture::scap::{Reader, ScapError};
use tiercel_agent::enrich::scap::CaptureState;
use tiercel_detection::{Engine, Event, LoadOptions, Matching, OutputContext, RuleFile, RuleSet, TimeFormat};

/// The captures that floors were measured with: those of the folder beside the project.
const CAPTURES_MEASURED: usize = 22;

/// Disagreements that are listed, most frequent first.
const LISTED_MAX: usize = 20;

/// The folder with captures, or `None` and a loud line.
fn folder() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("TIERCEL_COMPAT_DIR").map_or_else(default, PathBuf::from).join("scap");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: no captures in {}; set TIERCEL_COMPAT_DIR", folder.display());
    None
}

/// A file or folder below the folder with captures; a loud line when this set of captures comes without it.
fn part(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: there is no {}", path.display());
    None
}

/// The files of a folder whose names end so, by what precedes the ending, in order.
fn files(folder: &Path, ending: &str) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    let named = |path: PathBuf| Some((path.file_name()?.to_str()?.strip_suffix(ending)?.to_owned(), path));
    paths.filter_map(named).collect()
}

/// The captures below a folder, by their path with `_` for `/`, as the files with Falco's answers are named.
fn captures(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(directory) = pending.pop() {
        for path in std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|extension| extension == "scap") {
                let name = path.with_extension("");
                let name = name.strip_prefix(folder).unwrap().to_str().unwrap().replace('/', "_");
                found.insert(name, path);
            }
        }
    }
    found
}

/// An engine for rule files, as the answers were made: all rules that match, times in ISO 8601.
fn engine(rules: &[RuleFile]) -> Engine {
    let options = LoadOptions { matching: Matching::All, append_output: false, ..LoadOptions::default() };
    let (rules, report) = RuleSet::load(rules, &options);
    assert!(report.is_ok(), "{report}");
    let context =
        OutputContext { hostname: "golden".into(), time_zone: TimeZone::UTC, time_format: TimeFormat::Iso8601 };
    Engine::new(rules, context)
}

/// Calls `judge` with each event of a capture. One that cannot be read to its end is told of, and what follows counts
/// as missing.
fn each_event(capture: &Path, judge: impl FnMut(&Event)) {
    if let Err(error) = try_each_event(capture, judge) {
        println!("DAMAGED: {}: {error}", capture.display());
    }
}

fn try_each_event(capture: &Path, mut judge: impl FnMut(&Event)) -> Result<(), ScapError> {
    let (mut reader, metadata) = Reader::open(capture)?;
    let mut state = CaptureState::new(&metadata);
    while let Some(captured) = reader.next_event()? {
        if let Some(event) = state.handle(&captured) {
            judge(&event);
        }
    }
    Ok(())
}

/// How many answers were the same, and what differed how often.
#[derive(Debug, Default)]
struct Score {
    agreed: u64,
    total: u64,
    /// Agreed and total by capture.
    captures: BTreeMap<String, (u64, u64)>,
    kinds: BTreeMap<String, (u64, String)>,
}

impl Score {
    /// Counts one answer about a capture; the kind of a difference is what it is grouped by, the example is shown for
    /// the first one.
    fn count(&mut self, capture: &str, same: bool, kind: impl FnOnce() -> String, example: impl FnOnce() -> String) {
        if !self.captures.contains_key(capture) {
            self.captures.insert(capture.to_owned(), (0, 0));
        }
        let of_capture = self.captures.get_mut(capture).unwrap();
        of_capture.1 += 1;
        self.total += 1;
        if same {
            of_capture.0 += 1;
            self.agreed += 1;
            return;
        }
        self.kinds.entry(kind()).or_insert_with(|| (0, format!("{capture}: {}", example()))).0 += 1;
    }

    /// Prints the score and fails when it is below what was reached with the captures beside the project, in millionths.
    #[track_caller]
    fn report(&self, what: &str, floor_ppm: u64) {
        println!("{what}: agreed {} of {}", self.agreed, self.total);
        for (capture, (agreed, total)) in self.captures.iter().filter(|(_, (agreed, total))| agreed < total) {
            println!("  {capture}: agreed {agreed} of {total}");
        }
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        kinds.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let listed = if std::env::var_os("TIERCEL_COMPAT_ALL").is_some() { usize::MAX } else { LISTED_MAX };
        for (kind, (count, example)) in kinds.iter().take(listed) {
            println!("  {count:>7} {kind}: {example}");
        }
        if kinds.len() > listed {
            println!("  and {} more kinds; TIERCEL_COMPAT_ALL=1 lists them", kinds.len() - listed);
        }
        assert!(self.total > 0, "{what}: nothing was compared");
        let reached = self.agreed * 1_000_000 / self.total;
        let measured = std::env::var_os("TIERCEL_COMPAT_DIR").is_none()
            && folder().is_some_and(|folder| captures(&folder).len() == CAPTURES_MEASURED);
        assert!(!measured || reached >= floor_ppm, "{what}: {reached} ppm agree, {floor_ppm} did before");
    }
}
