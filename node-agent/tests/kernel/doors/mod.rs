//! Every operation through every door into the kernel: the events are the same but for `evt.via`.

mod door;
mod int80;
mod ring;
mod steps;

use std::collections::BTreeMap;
use std::io::Write;

use regex::Regex;
use tiercel_agent::capture::observation::{Entry, Observation};
use tiercel_agent::capture::{KernelSource, WantedCalls};
use tiercel_agent::enrich::{Enricher, Machine, Options};
use tiercel_detection::event::{Event, Via};
use tiercel_detection::field::EventView;
use tiercel_detection::output::Format;
use tiercel_detection::{OutputContext, TimeFormat};

use crate::harness::{Observed, Stage, observe_with, skip};

pub(crate) use steps::{evade, perform};

/// What must be equal. The result has the descriptors, which are equal because all doors open the same files.
const TEXT: &str = "*%evt.type res=%evt.res args=(%evt.args) fd=%fd.name type=%fd.type vpid=%proc.vpid";

/// The doors, each with what its events say.
const DOORS: [(&str, Entry, Via); 4] = [
    ("syscall", Entry::Syscall, Via::Syscall),
    ("int80", Entry::Compat, Via::Compat),
    ("io_uring", Entry::IoUring, Via::IoUring),
    ("io_uring polled", Entry::IoUring, Via::IoUring),
];

/// The events of one door: the text of each step.
type Table = BTreeMap<usize, String>;

fn context() -> OutputContext {
    OutputContext { hostname: "node".into(), time_zone: jiff::tz::TimeZone::UTC, time_format: TimeFormat::Iso8601 }
}

fn observe_events(act: &str) -> Option<(Observed, Vec<(Entry, Event)>)> {
    let stage = Stage::set(act)?;
    let mut machine = Machine::new();
    let snapshot = machine.snapshot().unwrap();
    let mut enricher = Enricher::new(&snapshot, Box::new(machine), Options::default());
    let source = KernelSource::open(&stage.options()).unwrap();
    let observed = observe_with(stage, source);
    let event = |one: &Observation| Some((one.entry, enricher.handle(one)?));
    let events = observed.observations.iter().filter_map(event).collect();
    Some((observed, events))
}

/// Replaces what differs between two runs of the same: directories, ports, inodes, addresses in the kernel, process ids.
fn neutral(text: &str, observed: &Observed) -> String {
    let replacements = [
        (r"(127\.0\.0\.1|0\.0\.0\.0):[0-9]{4,5}", "$1:PORT"),
        (r"ino=[0-9]+", "ino=INODE"),
        (r"0x[0-9a-f]{8,}|\b[0-9a-f]{16}\b", "ADDRESS"),
        (r"(addr|data)=[0-9A-F]{6,}", "$1=NUMBER"),
    ];
    let text = observed.short(text).replace(&observed.pid.to_string(), "PID");
    replacements.iter().fold(text, |text, (pattern, by)| Regex::new(pattern).unwrap().replace_all(&text, *by).into())
}

fn line(event: &Event, observed: &Observed) -> String {
    let context = context();
    let filled = Format::parse(TEXT).unwrap().fill(&EventView::new(event, &context)).unwrap();
    neutral(&filled.text, observed)
}

/// Performs all steps through a door; the steps mark themselves by opens of `step-N`.
fn table(door: &str, entry: Entry, via: Via) -> Option<Table> {
    let (observed, events) = observe_events(&format!("door {door}"))?;
    let mut table = Table::new();
    let mut step = None;
    for (from, event) in &events {
        let name = event.fd.as_ref().map_or("", |fd| &*fd.name);
        if let Some(number) = name.rsplit_once("/step-").and_then(|(_, number)| number.parse().ok()) {
            step = Some(number);
        } else if let (Some(step), true) = (step, *from == entry) {
            assert_eq!(event.via, via, "step {step} of {door}");
            table.entry(step).or_insert_with(|| line(event, &observed));
        }
    }
    Some(table)
}

#[test]
fn every_door_gives_the_same_events() {
    let tables: Vec<Option<Table>> = DOORS.iter().map(|(door, entry, via)| table(door, *entry, *via)).collect();
    let [Some(native), others @ ..] = tables.as_slice() else { return };
    let mut matrix = format!("{:20}", "");
    DOORS.iter().for_each(|(door, ..)| matrix += &format!("{door:17}"));
    let mut differences = Vec::new();
    for (number, name, doors) in steps::described() {
        let expected = native.get(&number);
        matrix += &format!("\n{name:20}{:17}", if expected.is_some() { "recorded" } else { "MISSING" });
        differences.extend(expected.is_none().then(|| format!("{name}: no event of the system call")));
        for (index, table) in others.iter().enumerate() {
            let verdict = match table.as_ref().and_then(|table| table.get(&number)) {
                _ if !doors.contains(&DOORS[index + 1].0) => "-",
                None => "MISSING",
                Some(text) if Some(text) == expected => "same",
                Some(_) => "DIFFERENT",
            };
            matrix += &format!("{verdict:17}");
            if verdict == "MISSING" || verdict == "DIFFERENT" {
                let found = table.as_ref().and_then(|table| table.get(&number));
                differences.push(format!("{name} by {}:\n  {expected:?}\n  {found:?}", DOORS[index + 1].0));
            }
        }
    }
    tell(&matrix);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[expect(clippy::explicit_write, reason = "eprintln is captured and shown only when a test fails")]
fn tell(matrix: &str) {
    writeln!(std::io::stderr(), "{matrix}").unwrap();
}

/// Every recorded call is a step, or is named here with the reason why it is none.
#[test]
fn no_recorded_call_is_forgotten() {
    let steps: Vec<&str> = steps::described().into_iter().map(|(_, name, _)| name).collect();
    let all = WantedCalls::all();
    let forgotten: Vec<&str> = (0..u16::MAX)
        .filter(|number| all.contains(*number))
        .map(|number| crate::harness::call_name(number.into()))
        .filter(|name| !steps.contains(name) && !steps::ELSEWHERE.contains(name))
        .collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

/// Requests that avoid being told about.
#[test]
fn a_ring_that_hides_its_results_hides_nothing() {
    let Some((observed, events)) = observe_events("ring evasions") else { return };
    let lines: Vec<String> =
        events.iter().filter(|(entry, _)| *entry == Entry::IoUring).map(|(_, event)| line(event, &observed)).collect();
    if lines.is_empty() {
        return skip("evasions of io_uring: it is switched off here");
    }
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    let text = lines.join("\n");
    assert_eq!(count("unlinkat res=SUCCESS args=(res=0 dirfd=-100(AT_FDCWD) name=$D/silent"), 1, "{text}");
    assert_eq!(count("mkdirat res=SUCCESS args=(res=0 dirfd=-100(AT_FDCWD) path=$D/crowd"), 40, "{text}");
    assert_eq!(count("accept4 res=SUCCESS"), 2, "each result of one request is an event:\n{text}");
    let slot = lines.iter().find(|line| line.starts_with("openat ") && line.contains("link")).unwrap();
    assert!(slot.contains("INODE"), "{slot}");
    assert_eq!(count("dup res="), 1, "{text}");
    assert!(lines.iter().any(|line| line.starts_with("dup ") && line.contains("fd=$D/secret")), "{text}");
    assert_eq!(count("$D/long/"), 1, "{text}");
}
