//! Records received and losses reported are together exactly the calls that were made: programs of a known number of
//! calls run under the official rules.
//!
//! The counts are small by default; with `TIERCEL_LOAD_FULL=1` they are 2,000,000 opens, 5,000 forks with an exec and
//! 50,000 connections.

#![cfg(target_arch = "x86_64")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it saw, and ends where it fails")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::libc;
use tiercel_loadtest::harness::{
    Agent, AgentSetup, KernelLock, Program, Records, Scope, Scratch, free_address, kernel_refusal, official_rules,
    skip, wait_for,
};

/// Asks for the calls that the loads make, whatever the official rules ask for, and never fires.
const COUNTED_RULE: &str = "
- rule: Counted
  desc: Asks for calls
  condition: evt.type in (openat, socket, bind, listen, connect, accept4) and proc.name = \"never-so-called\"
  output: counted
  priority: DEBUG
";

/// How long a load may take, and how long a program may take to start.
const LOAD_LIMIT: Duration = Duration::from_secs(120);

/// A load of so many calls, with the records that it makes: rare ones and bulk ones.
struct Load {
    name: &'static str,
    count: u64,
    program: Program,
    rare: u64,
    bulk: u64,
}

#[test]
fn every_call_is_received_or_reported_as_lost() {
    const NAME: &str = "every_call_is_received_or_reported_as_lost";
    if let Some(why) = kernel_refusal() {
        return skip(NAME, &why);
    }
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("counted").unwrap();
    let scope = Scope::create("counted").unwrap();
    if matches!(scope, Scope::ProcessTree) {
        return skip(
            NAME,
            "the unified cgroup hierarchy cannot be written, and this process itself must not be counted",
        );
    }
    let mut rules = vec![scratch.write("00-counted.yaml", COUNTED_RULE).unwrap()];
    rules.extend(official_rules().unwrap_or_default());
    println!("{} rule files", rules.len());
    let setup = AgentSetup { rules, scope: scope.section(), uplink: None };
    let agent = Agent::start(&scratch.join("agent"), &setup).unwrap();
    for load in loads(&scratch) {
        run(load, &agent, &scope, &scratch);
    }
}

fn loads(scratch: &Scratch) -> [Load; 3] {
    let is_full = std::env::var_os("TIERCEL_LOAD_FULL").is_some();
    let [opens, execs, connections] = if is_full { [2_000_000, 5_000, 50_000] } else { [100_000, 300, 2_000] };
    // Each program ends, which is one rare record.
    [
        Load { name: "opens", count: opens, program: open_loop(opens), rare: 1, bulk: opens },
        // Born, executed, ended.
        Load { name: "execs", count: execs, program: exec_loop(execs, scratch), rare: 3 * execs + 1, bulk: 0 },
        // socket, connect and accept4 for each, and socket, bind and listen.
        Load {
            name: "connections",
            count: connections,
            program: connect_loop(connections),
            rare: 3 * connections + 4,
            bulk: 0,
        },
    ]
}

fn open_loop(count: u64) -> Program {
    let mut program = Program::default();
    let path = program.text("/dev/null");
    program.wait_for_sign();
    program.repeat(count, |program| {
        program.call(libc::SYS_openat, &[u64::MAX - 99, path, 0, 0]);
        program.call(libc::SYS_close, &[3]);
    });
    program
}

fn exec_loop(count: u64, scratch: &Scratch) -> Program {
    let nothing = scratch.join("nothing");
    Program::default().write(&nothing).unwrap();
    let mut program = Program::default();
    let path = program.text(nothing.to_str().unwrap());
    let (arguments, environment) = (program.list(&[path]), program.list(&[]));
    program.wait_for_sign();
    program.repeat(count, |program| {
        program.child(|program| program.call(libc::SYS_execve, &[path, arguments, environment]));
        program.wait_for_child(0);
    });
    program
}

/// A server and its clients in one process. Clients reset their connections, so that no port stays in use.
fn connect_loop(count: u64) -> Program {
    const LISTENER: u64 = 3;
    const CLIENT: u64 = 4;
    const SERVER: u64 = 5;
    let mut program = Program::default();
    let port = free_address().unwrap().port().to_be_bytes();
    let address = program.bytes(&[2, 0, port[0], port[1], 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let reset = program.bytes(&[1, 0, 0, 0, 0, 0, 0, 0]);
    program.wait_for_sign();
    program.call(libc::SYS_socket, &[2, 1, 0]);
    program.call(libc::SYS_bind, &[LISTENER, address, 16]);
    program.call(libc::SYS_listen, &[LISTENER, 16]);
    program.repeat(count, |program| {
        program.call(libc::SYS_socket, &[2, 1, 0]);
        program.call(libc::SYS_setsockopt, &[CLIENT, 1, 13, reset, 8]);
        program.call(libc::SYS_connect, &[CLIENT, address, 16]);
        program.call(libc::SYS_accept4, &[LISTENER, 0, 0, 0]);
        program.call(libc::SYS_close, &[CLIENT]);
        program.call(libc::SYS_close, &[SERVER]);
    });
    program
}

/// Runs a load from a moment when all is counted to the next one.
fn run(load: Load, agent: &Agent, scope: &Scope, scratch: &Scratch) {
    let Load { name, count, program, rare, bulk } = load;
    let path = scratch.join(name);
    program.write(&path).unwrap();
    let mut process = scope.command(&path).stdin(Stdio::piped()).spawn().unwrap();
    wait_for("the program", LOAD_LIMIT, || is_running(process.id(), &path).then_some(())).unwrap();
    let before = Records::settled(agent).unwrap();
    let started = Instant::now();
    process.stdin.take().unwrap().write_all(b"!").unwrap();
    let status = wait_for("its end", LOAD_LIMIT, || process.try_wait().unwrap()).unwrap();
    let took = started.elapsed();
    assert!(status.success(), "{name}: {status}");
    let records = Records::settled(agent).unwrap().since(&before);
    println!("{name}: {count} in {took:?}, {} ns each; {records:?}", took.as_nanos() / u128::from(count));
    assert_eq!((records.made_rare, records.made_bulk), (rare, bulk), "{name}: records made");
    assert_eq!(records.received + records.unseen(), rare + bulk, "{name}: received and lost");
    assert_eq!(records.lost_critical, 0, "{name}: no load of these pushes out what must not be lost");
}

fn is_running(pid: u32, program: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program)
}
