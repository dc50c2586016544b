//! What no recorded capture shows: old lists of processes, flags of events, captures in one file, and the order of
//! events in which Falco keeps or loses what it knows.

use std::io::Cursor;

use tiercel_agent::capture::scap::Reader;
use tiercel_agent::enrich::scap::CaptureState;
use tiercel_detection::RuleFile;

use super::engine;
use super::writer::{Capture, Layout, PROCESSES, PROCESSES_EARLY, counted, process, text, wide, word};

const CLOSE: u16 = 5;
const OPEN: u16 = 3;
const READ: u16 = 7;
const SOCKET: u16 = 19;
const BIND: u16 = 21;
const CONNECT: u16 = 23;
const RECVFROM: u16 = 35;
const CREAT: u16 = 59;
const PROCEXIT: u16 = 186;
const CLONE: u16 = 223;
const EXECVE: u16 = 293;
const CONTAINER: u16 = 324;
const EXECVEAT_ENTRY: u16 = 330;
const PRCTL: u16 = 401;
const PIDFD_GETFD: u16 = 407;
const PIDFD_OPEN: u16 = 409;

/// A capture with a machine on which these threads run: tid, pid, parent.
fn machine(threads: &[(i64, i64, i64)]) -> Capture {
    let list: Vec<u8> = threads.iter().flat_map(|(tid, pid, parent)| process(9, *tid, *pid, *parent)).collect();
    Capture::new().block(0x7777, b"later").block(0x215, &list)
}

/// Adds an event of the present layout.
fn then(capture: Capture, at: u64, tid: i64, code: u16, values: &[Vec<u8>]) -> Capture {
    capture.event(Layout::Second, at, tid, code, values)
}

fn open(capture: Capture, tid: i64, fd: i64, name: &str) -> Capture {
    then(capture, 1, tid, OPEN, &[wide(fd), text(name), word(1), word(0), word(0), wide(0)])
}

fn read(capture: Capture, tid: i64, fd: i64) -> Capture {
    then(capture, 2, tid, READ, &[wide(0), Vec::new(), wide(fd), word(8)])
}

/// The parameters of clone as `bash` makes them.
fn clone(result: i64, tid: i64, parent: i64, flags: u32) -> Vec<Vec<u8>> {
    let numbers = [wide(tid), wide(tid), wide(parent)];
    let resources = [wide(1024), wide(1), wide(2), word(3), word(4), word(5)];
    let rest = [text("bash"), Vec::new(), word(flags), word(0), word(0), wide(tid), wide(tid), wide(0)];
    [&[wide(result), text("/bin/bash"), Vec::new()][..], &numbers, &[text("/")], &resources, &rest].concat()
}

fn ipv4(address: [u8; 4], port: u16) -> Vec<u8> {
    [&address[..], &port.to_le_bytes()].concat()
}

fn tuple4(source: ([u8; 4], u16), destination: ([u8; 4], u16)) -> Vec<u8> {
    [&[2][..], &ipv4(source.0, source.1), &ipv4(destination.0, destination.1)].concat()
}

/// The values of fields, `-` for what has none or an empty one, for each event that rules see.
#[track_caller]
fn check(capture: Capture, fields: &[&str], expected: &[&str]) {
    let output: String = fields.iter().map(|field| format!(" %{field}")).collect();
    let rule = serde_json::json!([{
        "rule": "fields", "desc": "all", "condition": "evt.num > 0", "output": output, "priority": "DEBUG",
    }]);
    let mut engine = engine(&[RuleFile { name: "fields.yaml".to_owned(), text: rule.to_string() }]);
    let (mut reader, metadata) = Reader::from_input(Cursor::new(capture.bytes())).unwrap();
    let mut state = CaptureState::new(&metadata);
    let mut found = Vec::new();
    while let Some(captured) = reader.next_event().unwrap() {
        let Some(event) = state.handle(&captured) else { continue };
        let mut alerts = Vec::new();
        engine.evaluate(&event, &mut alerts);
        let alert: serde_json::Value = serde_json::from_str(&alerts[0].to_falco_json()).unwrap();
        let value = |field: &&str| {
            let value = &alert["output_fields"][*field];
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if shown.is_empty() || value.is_null() { "-".to_owned() } else { shown }
        };
        found.push(fields.iter().map(value).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(found, expected);
}

#[test]
fn each_version_of_the_list_of_processes_tells_what_it_has() {
    let versions = (1..).zip(PROCESSES).chain((1..).zip(PROCESSES_EARLY));
    for (version, kind) in versions {
        let list = [process(version, 7, 7, 1), process(version, 8, 8, 7)].concat();
        let bytes = Capture::new().block(kind, &list).bytes();
        let (_, metadata) = Reader::from_input(Cursor::new(bytes)).unwrap();
        let [first, second] = &metadata.processes[..] else { panic!("{version}: {}", metadata.processes.len()) };
        let since = |first: u8, value: i64, default: i64| if version >= first { value } else { default };
        assert_eq!((second.tid, second.pid, second.ptid), (8, 8, 7), "{version}");
        assert_eq!((&*first.comm, &*first.exe), (&b"cat"[..], &b"/bin/cat"[..]), "{version}");
        assert_eq!((first.uid, first.gid, first.fd_limit), (500, 501, 1024), "{version}");
        assert_eq!(first.memory_kib, if version >= 2 { [21, 22, 23] } else { [0; 3] }, "{version}");
        assert_eq!(first.page_faults, if version >= 2 { [24, 25] } else { [0; 2] }, "{version}");
        assert_eq!(first.environment.is_empty(), version < 3, "{version}");
        assert_eq!((first.vtid, first.vpid), (since(4, 7, -1), since(4, 7, -1)), "{version}");
        assert_eq!(first.cgroups.is_empty(), version < 4, "{version}");
        assert_eq!(first.root.is_empty(), version < 5, "{version}");
        assert_eq!(first.sid, since(6, 11, -1), "{version}");
        assert_eq!(first.exe_path.is_empty(), version < 7, "{version}");
        assert_eq!(first.vpgid, since(8, 12, -1), "{version}");
        let tail = (i64::from(first.login_uid), i64::from(first.tty), first.pgid);
        assert_eq!(tail, (since(9, 1000, u32::MAX.into()), since(9, 34_816, 0), since(9, 13, -1)), "{version}");
        assert_eq!(first.capabilities, if version >= 9 { [41, 42, 43] } else { [0; 3] }, "{version}");
        assert_eq!(first.exe_inode, if version >= 9 { [51, 52, 53] } else { [0; 3] }, "{version}");
        let flags = [first.exe_writable, first.exe_upper_layer, first.exe_from_memfd, first.exe_lower_layer];
        assert_eq!(flags, [version >= 9, false, false, version >= 9], "{version}");
    }
}

#[test]
fn descriptors_of_both_lists_are_known_by_name() {
    let entry = [wide(3), wide(42), vec![16], word(1), counted(b"/etc/passwd")].concat();
    let pipe = [wide(4), wide(43), vec![7], counted(b"pipe:[43]")].concat();
    let sized = |entry: &[u8]| [word(u32::try_from(entry.len() + 4).unwrap()), entry.to_vec()].concat();
    // A kind that came later is passed over by its length.
    let later = [wide(5), wide(44), vec![99], b"anything".to_vec()].concat();
    let with_device = [entry.clone(), word(0x0803)].concat();
    for (kind, entries) in [
        (0x203, [entry.clone(), pipe.clone()].concat()),
        (0x8001_abcd, [entry.clone(), pipe.clone()].concat()),
        (0x218, [sized(&with_device), sized(&pipe), sized(&later)].concat()),
    ] {
        let capture = machine(&[(7, 7, 0)]).block(kind, &[wide(7), entries].concat());
        let capture = read(read(capture, 7, 3), 7, 4);
        let device = if kind == 0x218 { "803" } else { "0" };
        let expected = [format!("/etc/passwd file {device} 42"), "pipe:[43] pipe 0 43".to_owned()];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check(capture, &["fd.name", "fd.type", "fd.dev", "fd.ino"], &expected);
    }
}

#[test]
fn events_of_each_layout_are_the_same_event() {
    for layout in [Layout::First, Layout::Second, Layout::Large] {
        let values = [wide(3), text("/etc/hosts"), word(1), word(0), word(5), wide(6)];
        let capture = machine(&[(7, 7, 0)]).event(layout, 1, 7, OPEN, &values);
        check(capture, &["evt.type", "fd.name", "fd.ino", "proc.name"], &["open /etc/hosts 6 cat"]);
    }
}

#[test]
fn an_event_for_the_state_only_is_not_judged_but_counted() {
    let values = [wide(5), text("/etc/shadow"), word(1), word(0), word(0), wide(0)];
    let capture = machine(&[(7, 7, 0)]).flagged(1, 1, 7, OPEN, &values);
    check(read(capture, 7, 5), &["evt.num", "evt.type", "fd.name"], &["2 read /etc/shadow"]);
    let capture = machine(&[(7, 7, 0)]).flagged(0, 1, 7, OPEN, &values);
    check(capture, &["evt.num", "evt.type", "fd.name"], &["1 open /etc/shadow"]);
}

#[test]
fn a_second_capture_in_the_file_knows_nothing_of_the_first() {
    let first = open(machine(&[(7, 7, 0)]), 7, 5, "/etc/shadow");
    let second = read(machine(&[(9, 9, 0)]), 9, 5);
    let again = read(second, 7, 5);
    let expected = ["open /etc/shadow cat", "read - cat", "read - <NA>"];
    check(first.then(again), &["evt.type", "fd.name", "proc.name"], &expected);
}

#[test]
fn an_entry_serves_one_exit() {
    let capture = machine(&[(7, 7, 0)]).event(Layout::First, 1, 7, CLOSE - 1, &[wide(3)]);
    let capture = capture.event(Layout::First, 1, 7, CLOSE, &[wide(0)]);
    let capture = capture.event(Layout::First, 2, 7, CLOSE, &[wide(0)]);
    check(capture, &["evt.type", "evt.rawarg.fd"], &["close 3", "close 0"]);
}

#[test]
fn only_the_child_of_vfork_says_that_it_is_there() {
    const VFORK: u32 = 1 << 27;
    let capture = then(machine(&[(7, 7, 0)]), 1, 7, CLONE, &clone(8, 7, 0, VFORK));
    let capture = then(capture, 1, 8, CLONE, &clone(0, 8, 7, VFORK));
    let capture = then(capture, 2, 7, CLONE, &clone(9, 7, 0, 0));
    let capture = read(read(capture, 9, 3), 10, 3);
    let expected = ["cat -", "bash 7", "cat -", "bash 7", "<NA> -"];
    check(capture, &["proc.name", "proc.ppid"], &expected);
}

#[test]
fn a_parent_that_was_not_recorded_is_none() {
    let capture = read(machine(&[(7, 7, 999), (8, 8, 7)]), 7, 3);
    check(read(capture, 8, 3), &["proc.pid", "proc.ppid"], &["7 -", "8 7"]);
}

#[test]
fn threads_use_the_descriptors_of_a_main_thread_that_has_ended() {
    let thread = clone(0, 8, 1, 1 << 13);
    let thread = [&thread[..4], &[wide(7)][..], &thread[5..]].concat();
    let capture = open(machine(&[(7, 7, 0)]), 7, 3, "/etc/hosts");
    let capture = then(capture, 1, 8, CLONE, &thread);
    let exit = |capture, tid| then(capture, 3, tid, PROCEXIT, &[wide(0), wide(0), vec![0], vec![0], wide(0)]);
    let capture = read(exit(capture, 7), 8, 3);
    let capture = read(exit(capture, 8), 7, 3);
    let expected = ["open /etc/hosts 7", "clone - 7", "procexit - 7", "read /etc/hosts 7", "procexit - 7", "read - -1"];
    check(capture, &["evt.type", "fd.name", "proc.pid"], &expected);
}

#[test]
fn orphans_go_to_the_next_ancestor_that_takes_them() {
    const SET_CHILD_SUBREAPER: u32 = 36;
    let family = || machine(&[(1, 1, 0), (7, 7, 1), (8, 8, 7), (9, 9, 8)]);
    let exit = |capture, reaper| then(capture, 3, 8, PROCEXIT, &[wide(0), wide(0), vec![0], vec![0], wide(reaper)]);
    let takes = |capture| then(capture, 1, 7, PRCTL, &[wide(0), word(SET_CHILD_SUBREAPER), Vec::new(), wide(1)]);
    for (capture, expected) in [
        (exit(family(), 0), vec!["procexit 7", "read 1"]),
        (exit(takes(family()), 0), vec!["prctl 1", "procexit 7", "read 7"]),
        (exit(takes(family()), 1), vec!["prctl 1", "procexit 7", "read 1"]),
    ] {
        check(read(capture, 9, 3), &["evt.type", "proc.ppid"], &expected);
    }
}

#[test]
fn a_bound_datagram_socket_is_named_by_who_speaks_to_it() {
    let capture = machine(&[(7, 7, 0)]);
    let capture = then(capture, 1, 7, SOCKET, &[wide(3), word(2), word(2), word(0)]);
    let address = [vec![2], ipv4([0; 4], 53)].concat();
    let capture = then(capture, 1, 7, BIND, &[wide(0), address, wide(3)]);
    let tuple = tuple4(([10, 0, 0, 2], 4000), ([10, 0, 0, 1], 53));
    let received = [wide(4), b"ping".to_vec(), tuple, wide(3), word(64)];
    let capture = then(capture, 2, 7, RECVFROM, &received);
    let expected = ["socket - <NA>", "bind 0.0.0.0:53 udp", "recvfrom 10.0.0.2:4000->10.0.0.1:53 udp"];
    check(capture, &["evt.type", "fd.name", "fd.l4proto"], &expected);
}

#[test]
fn an_ipv6_connection_is_one_of_ipv4_if_both_ends_are() {
    let mapped = |last: u8| [[0; 10].as_slice(), &[0xff, 0xff, 10, 0, 0, last]].concat();
    let connect = |source: Vec<u8>| {
        let capture = then(machine(&[(7, 7, 0)]), 1, 7, SOCKET, &[wide(3), word(10), word(1), word(0)]);
        let tuple = [vec![10], source, vec![1, 2], mapped(9), vec![80, 0]].concat();
        then(capture, 1, 7, CONNECT, &[wide(0), tuple, wide(3), Vec::new()])
    };
    let fields = ["evt.type", "fd.type", "fd.name", "fd.l4proto"];
    check(connect(mapped(1)), &fields, &["socket ipv6 - <NA>", "connect ipv4 10.0.0.1:513->10.0.0.9:80 tcp"]);
    let expected = ["socket ipv6 - <NA>", "connect ipv6 :::513->::ffff:10.0.0.9:80 tcp"];
    check(connect(vec![0; 16]), &fields, &expected);
}

#[test]
fn creat_tells_the_layer_of_the_file() {
    for (flags, expected) in [(0_u16, "false false"), (1, "true false"), (2, "false true")] {
        let values = [wide(3), text("/tmp/x"), word(0o644), word(5), wide(6), flags.to_le_bytes().to_vec()];
        let capture = then(machine(&[(7, 7, 0)]), 1, 7, CREAT, &values);
        check(capture, &["fd.is_upper_layer", "fd.is_lower_layer"], &[expected]);
    }
}

/// What execve leaves behind, as captures of some years ago tell it: without the path of the file.
fn executed() -> Vec<Vec<u8>> {
    let mut values = clone(0, 7, 0, 0);
    values[2] = text("-l");
    values.truncate(15);
    values
}

#[test]
fn the_path_of_a_program_is_that_of_the_entry_of_its_call() {
    const AT_FDCWD: i64 = -100;
    const AT_EMPTY_PATH: u32 = 1;
    let run = |fd: i64, name: &str, flags: u32| {
        let capture = open(machine(&[(7, 7, 0)]), 7, 5, "/opt/tools");
        let capture = then(capture, 1, 7, EXECVEAT_ENTRY, &[wide(fd), text(name), word(flags)]);
        then(capture, 1, 7, EXECVE, &executed())
    };
    for (capture, expected) in [
        (run(5, "run", 0), "/opt/tools/run"),
        (run(5, "<NA>", AT_EMPTY_PATH), "/opt/tools"),
        (run(AT_FDCWD, "run", 0), "/root/run"),
        (run(5, "/bin/run", 0), "/bin/run"),
        (run(6, "run", 0), "<NA>"),
    ] {
        check(capture, &["proc.exepath"], &["/usr/bin/cat", expected]);
    }
}

#[test]
fn what_an_older_execve_does_not_say_stays() {
    let entry = then(machine(&[(7, 7, 0)]), 1, 7, EXECVE - 1, &[text("/bin/bash")]);
    let capture = then(entry, 1, 7, EXECVE, &executed());
    let fields = ["proc.exepath", "proc.cmdline", "proc.is_exe_writable", "proc.exe_ino", "proc.sid"];
    check(capture, &fields, &["/bin/bash bash -l true 51 11"]);
}

#[test]
fn a_descriptor_is_taken_over_from_another_process() {
    let capture = open(machine(&[(7, 7, 0), (8, 8, 7)]), 8, 6, "/etc/shadow");
    let capture = then(capture, 1, 7, PIDFD_OPEN, &[wide(3), wide(8), word(0)]);
    let capture = then(capture, 1, 7, PIDFD_GETFD, &[wide(4), wide(3), wide(6), word(0)]);
    let expected = ["open /etc/shadow", "pidfd_open /proc/8", "pidfd_getfd /etc/shadow", "read /etc/shadow"];
    check(read(capture, 7, 4), &["evt.type", "fd.name"], &expected);
}

#[test]
fn a_container_is_told_by_a_large_event_longer_than_any_other() {
    let id = "cdde3b8b16ab96f1228c45ce23e9229ee50118a16d1cf2154562c5959680c012";
    let label = "x".repeat(100_000);
    let document = serde_json::json!({"container": {
        "type": 0, "id": &id[..12], "name": "web", "image": "nginx:1", "labels": {"long": label},
    }});
    let capture = read(machine(&[(7, 7, 0)]), 7, 3);
    let capture = capture.event(Layout::Large, 1, -1, CONTAINER, &[text(&document.to_string())]);
    let mut inside = clone(0, 9, 7, 1 << 29);
    inside[14] = text(&format!("cpuset=/docker/{id}"));
    inside[18] = wide(1);
    let capture = then(capture, 2, 9, CLONE, &inside);
    let expected = ["read host host", "container cdde3b8b16ab web", "clone cdde3b8b16ab web"];
    check(capture, &["evt.type", "container.id", "container.name"], &expected);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    let header = |magic: u32, major: u8| [&magic.to_le_bytes()[..], &[major, 0, 0, 0], &[0xff; 8]].concat();
    for (body, expected) in [
        (header(0x4d3c_2b1a, 1), "the other byte order"),
        (header(0x1a2b_3c4d, 2), "of a version that came later"),
        (header(7, 1), "this is not a capture"),
    ] {
        let bytes = Capture::default().block(0x0a0d_0d0a, &body).bytes();
        let error = Reader::from_input(Cursor::new(bytes)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
