//! Fields that the machine is asked for while an event is judged, end to end: rules, kernel, /proc.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tiercel_agent::capture::observation::Act;
use tiercel_agent::capture::{KernelOptions, KernelSource, Observation, Scope, WantedCalls};
use tiercel_agent::detect::Detector;
use tiercel_agent::enrich::{Enricher, LiveMachine, Machine, Options};
use tiercel_detection::alert::FieldValue;
use tiercel_detection::{Alert, LoadOptions, OutputContext, RuleFile, RuleSet, TimeFormat};

use crate::harness::{drain_until, obstacle, skip};

const RULE: &str = "
- rule: marker opened
  desc: Asks for all that the machine can tell of the process.
  condition: evt.type in (open, openat) and fd.name endswith /marker and proc.nthreads = 1 and proc.stdin.type = pipe
  output: >
    %proc.fdopencount %proc.fdlimit %proc.fdusage %proc.nthreads %proc.nchilds %proc.vmsize %proc.vmrss %proc.vmswap
    %thread.vmsize %thread.vmrss %thread.pfmajor %thread.pfminor %thread.cpu %proc.stdin.type %proc.stdin.name
    %proc.stdout.type %proc.stderr.type %proc.stderr.name %fd.types %fd.types[7] %evt.reltime %evt.deltatime
  priority: INFO
";

/// Opens the marker twice with a pause between, says so, and waits for its input to end.
const SCRIPT: &str =
    "read -r sign; exec 7</dev/null; : <marker; read -t 0.05 -r none; : <marker; echo ready; read -r end";

fn detector() -> Detector {
    let mut machine = Machine::new();
    let snapshot = machine.snapshot().unwrap();
    let options = Options { machine: Some(Arc::new(LiveMachine::default())), ..Options::default() };
    let enricher = Enricher::new(&snapshot, Box::new(machine), options);
    let files = [RuleFile { name: "asked.yaml".to_owned(), text: RULE.to_owned() }];
    let (rules, report) = RuleSet::load(&files, &LoadOptions { append_output: false, ..LoadOptions::default() });
    assert!(report.is_ok(), "{report}");
    let time_zone = jiff::tz::TimeZone::UTC;
    Detector::new(
        enricher,
        rules,
        OutputContext { hostname: "node".into(), time_zone, time_format: TimeFormat::Iso8601 },
    )
}

fn number(alert: &Alert, field: &str) -> f64 {
    value(alert, field).to_string().parse().unwrap_or_else(|_| panic!("{field} is no number in {alert:?}"))
}

fn value<'a>(alert: &'a Alert, field: &str) -> &'a FieldValue {
    let found = alert.fields.iter().find(|(name, _)| **name == *field);
    &found.unwrap_or_else(|| panic!("no {field} in {alert:?}")).1
}

fn status(pid: u32, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn what_a_rule_asks_of_the_machine_is_what_proc_says() {
    if let Some(obstacle) = obstacle() {
        return skip(&format!("questions to the machine: {obstacle}"));
    }
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("marker"), "").unwrap();
    let mut command = Command::new("/bin/bash");
    command.args(["-c", SCRIPT]).current_dir(&directory).stderr(Stdio::null());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let pid = child.id();
    let scope = Scope::ProcessTree(pid);
    let options = KernelOptions { calls: WantedCalls::all(), scope, ..KernelOptions::default() };
    let mut source = KernelSource::open(&options).unwrap();
    let mut detector = detector();
    child.stdin.as_mut().unwrap().write_all(b"go\n").unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
    let marked = |one: &Observation| matches!(&one.act, Act::Open(open) if open.given.ends_with("marker"));
    let observations = drain_until(&mut source, |all| all.iter().filter(|one| marked(one)).count() == 2);
    let alerts = detector.handle(&observations);
    let [first, second] = &alerts[..] else { panic!("{} alerts", alerts.len()) };

    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let limit: f64 = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)
        .map(|(soft, _)| u32::try_from(soft).unwrap().into())
        .unwrap();
    let open = number(first, "proc.fdopencount");
    assert_eq!((open, number(first, "proc.fdlimit")), (f64::from(u32::try_from(descriptors).unwrap()), limit));
    assert!((number(first, "proc.fdusage") - open * 100.0 / limit).abs() < 0.06);
    assert_eq!((number(first, "proc.nthreads"), number(first, "proc.nchilds")), (1.0, 0.0));
    for (field, key) in [
        ("proc.vmsize", "VmSize"),
        ("proc.vmrss", "VmRSS"),
        ("proc.vmswap", "VmSwap"),
        ("thread.vmsize", "VmSize"),
        ("thread.vmrss", "VmRSS"),
    ] {
        assert_eq!(number(first, field), status(pid, key), "{field}");
    }
    assert!(number(first, "thread.pfminor") > 50.0 && number(first, "thread.pfmajor") >= 0.0);
    assert!((0.0..=100.0).contains(&number(first, "thread.cpu")));
    let text = |field: &str| value(first, field).to_string();
    assert_eq!([text("proc.stdin.type"), text("proc.stdout.type"), text("proc.stderr.type")], ["pipe", "pipe", "file"]);
    assert_eq!(text("proc.stderr.name"), "/dev/null");
    assert_eq!(text("proc.stdin.name"), fs::read_link(format!("/proc/{pid}/fd/0")).unwrap().to_str().unwrap());
    assert_eq!([text("fd.types"), text("fd.types[7]")], ["(pipe,file)", "(file)"]);

    assert!(number(second, "evt.reltime") > number(first, "evt.reltime"));
    let between = number(second, "evt.deltatime");
    let since_first = number(second, "evt.reltime") - number(first, "evt.reltime");
    assert!(between > 40_000_000.0 && between <= since_first, "{between} of {since_first}");
    drop(child.stdin.take());
    child.wait().unwrap();
}
