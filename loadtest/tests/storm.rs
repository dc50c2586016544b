//! A storm in one cgroup hides nothing of what happens in another: every exec and every probe there is reported, the
//! losses of the storm are counted, and its cgroup is named.

#![cfg(target_arch = "x86_64")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it saw, and ends where it fails")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use nix::libc;
use serde_json::{Value, json};
use tiercel_loadtest::harness::{
    Agent, AgentSetup, KernelLock, Program, Records, Scope, Scratch, kernel_refusal, skip, wait_for,
};

const RULES: &str = "
- rule: Marked exec
  desc: An exec of the victim
  condition: evt.type = execve and proc.name = marked
  output: \"%proc.args\"
  priority: WARNING
- rule: Probe ptrace
  desc: A probe of the victim
  condition: evt.type = ptrace and proc.name = victim
  output: probe
  priority: WARNING
- rule: Probe bpf
  desc: A probe of the victim
  condition: evt.type = bpf and proc.name = victim
  output: probe
  priority: WARNING
- rule: Probe module
  desc: A probe of the victim
  condition: evt.type = finit_module and proc.name = victim
  output: probe
  priority: WARNING
- rule: Probe mount
  desc: A probe of the victim
  condition: evt.type = mount and proc.name = victim
  output: probe
  priority: WARNING
- rule: Opens
  desc: Asks for what the storm makes
  condition: evt.type in (open, openat) and proc.name = victim and fd.name = /never/opened
  output: open
  priority: DEBUG
";

/// Small enough that a storm fills it, whatever the speed of the agent.
const RING: &str = "256KiB";

const PROBES: [&str; 4] = ["Probe ptrace", "Probe bpf", "Probe module", "Probe mount"];
/// Rounds of one probe of each kind.
const ROUNDS: u64 = 25;
const EXECS_PER_ROUND: u64 = 40;

/// Bounds of the storm: processes that open, opens of each; processes that fork, forks of each.
const OPENERS: u64 = 3;
const OPENS: u64 = 400_000;
const FORKERS: u64 = 2_000;
const FORKS: u64 = 4;
/// Where the controller is there, the storm cannot have more processes at once.
const PROCESSES_MAX: &str = "256";

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn nothing_of_a_victim_is_lost_in_the_storm_of_another_cgroup() {
    const NAME: &str = "nothing_of_a_victim_is_lost_in_the_storm_of_another_cgroup";
    if let Some(why) = kernel_refusal() {
        return skip(NAME, &why);
    }
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("storm").unwrap();
    let scope = Scope::create("storm").unwrap();
    let (Some(stormy), Some(quiet)) = (below(&scope, "stormy"), below(&scope, "quiet")) else {
        return skip(NAME, "the unified cgroup hierarchy cannot be written");
    };
    let rules = vec![scratch.write("storm.yaml", RULES).unwrap()];
    let setup = AgentSetup { rules, scope: scope.section(), uplink: None };
    let small_ring = |config: &mut Value| config["capture"]["ring_bytes"] = json!(RING);
    let agent = Agent::start_with(&scratch.join("agent"), &setup, small_ring).unwrap();
    let storm = start(storm(), &scratch.join("storm"), &stormy);
    let victim = start(victim(&scratch), &scratch.join("victim"), &quiet);
    let mut children = [storm, victim];
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"!").unwrap();
    }
    for mut child in children {
        assert!(wait_for("its end", LIMIT, || child.try_wait().unwrap()).unwrap().success());
    }
    let records = Records::settled(&agent).unwrap();
    println!("{records:?}");
    check_victim(&agent.alerts());
    assert!(records.lost_other + records.refused > 0, "the storm was to fill the bulk ring: {records:?}");
    check_flood(agent);
}

/// A cgroup below that of the agent's scope.
fn below(scope: &Scope, name: &str) -> Option<Scope> {
    let Scope::Cgroup { directory, name: parent } = scope else { return None };
    let directory = directory.join(name);
    std::fs::create_dir(&directory).ok()?;
    // Only where the controller was handed down.
    if name == "stormy" && directory.join("pids.max").exists() {
        std::fs::write(directory.join("pids.max"), PROCESSES_MAX).unwrap();
    }
    Some(Scope::Cgroup { directory, name: format!("{parent}/{name}") })
}

fn start(program: Program, path: &Path, scope: &Scope) -> Child {
    program.write(path).unwrap();
    let child = scope.command(path).stdin(Stdio::piped()).spawn().unwrap();
    let exe = format!("/proc/{}/exe", child.id());
    wait_for("a program", LIMIT, || (std::fs::read_link(&exe).ok()? == path).then_some(())).unwrap();
    child
}

/// Processes that open files in a loop, and processes that fork processes.
fn storm() -> Program {
    let mut program = Program::default();
    let path = program.text("/dev/null");
    program.wait_for_sign();
    program.repeat(OPENERS, |program| {
        program.child(|program| {
            program.repeat(OPENS, |program| {
                program.call(libc::SYS_openat, &[u64::MAX - 99, path, 0, 0]);
                program.call(libc::SYS_close, &[3]);
            });
        });
    });
    program.repeat(FORKERS, |program| {
        program.child(|program| program.repeat(FORKS, |program| program.child(|_| ())));
        program.wait_for_child(libc::WNOHANG);
    });
    program.repeat(OPENERS + FORKERS, |program| program.wait_for_child(0));
    program
}

/// Executes a program with a number of its own a thousand times, and tries what needs privileges in between.
fn victim(scratch: &Scratch) -> Program {
    let marked = scratch.join("marked");
    Program::default().write(&marked).unwrap();
    let mut program = Program::default();
    let (path, nowhere) = (program.text(marked.to_str().unwrap()), program.text("/no/such/place"));
    let (environment, millisecond) =
        (program.list(&[]), program.bytes(&[[0; 8], 1_000_000_u64.to_le_bytes()].concat()));
    program.wait_for_sign();
    for round in 0..ROUNDS {
        program.call(libc::SYS_ptrace, &[16, 0x7fff_ffff, 0, 0]);
        program.call(libc::SYS_bpf, &[1, 0, 0]);
        program.call(libc::SYS_finit_module, &[u64::MAX, nowhere, 0]);
        program.call(libc::SYS_mount, &[nowhere, nowhere, nowhere, 0, 0]);
        for exec in 0..EXECS_PER_ROUND {
            let number = program.text(&(round * EXECS_PER_ROUND + exec).to_string());
            let arguments = program.list(&[path, number]);
            program.child(|program| program.call(libc::SYS_execve, &[path, arguments, environment]));
            program.wait_for_child(0);
            program.call(libc::SYS_nanosleep, &[millisecond, 0]);
        }
    }
    program
}

fn check_victim(alerts: &[Value]) {
    let of = |rule: &str| alerts.iter().filter(|alert| alert["rule"] == rule).collect::<Vec<_>>();
    let marks: BTreeSet<u64> = of("Marked exec")
        .iter()
        .filter_map(|alert| alert["output_fields"]["proc.args"].as_str()?.parse().ok())
        .collect();
    let missing: Vec<u64> = (0..ROUNDS * EXECS_PER_ROUND).filter(|mark| !marks.contains(mark)).collect();
    assert!(missing.is_empty(), "execs that were not reported: {missing:?}");
    for rule in PROBES {
        assert_eq!(of(rule).len() as u64, ROUNDS, "{rule}");
    }
}

/// The losses are told, at the latest when the agent ends, and the storm is named.
fn check_flood(mut agent: Agent) {
    agent.terminate().unwrap();
    let alerts = agent.alerts();
    let of = |rule: &str| alerts.iter().filter(|alert| alert["rule"] == rule).collect::<Vec<_>>();
    let lost = of("Tiercel internal: events lost");
    let told: u64 = lost.iter().filter_map(|alert| alert["output_fields"]["n_drops"].as_u64()).sum();
    let since_start = lost.last().unwrap()["output_fields"]["n_drops_since_start"].as_u64();
    println!("told {told} of {since_start:?} in {} alerts", lost.len());
    assert_eq!(Some(told), since_start, "every loss is told once");
    let named = of("Tiercel internal: flood")
        .iter()
        .filter_map(|alert| alert["output_fields"]["cgroup.path"].as_str())
        .collect::<BTreeSet<_>>();
    assert!(!named.is_empty() && named.iter().all(|path| path.ends_with("/stormy")), "{named:?}");
}
