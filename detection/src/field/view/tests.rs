//! What the fields of an event say that depend on its stream and on the machine around it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::condition::{Condition, DEPTH_MAX};
use crate::engine::tests::{context, event};
use crate::event::{
    Endpoint, FdKind, FileDescriptor, L4Protocol, Moment, Resources, Role, Socket, Surroundings, kinds,
};
use crate::output::Format;

/// A machine that counts how often it is asked.
#[derive(Debug, Default)]
struct Told {
    questions: AtomicU64,
    names: Vec<(IpAddr, Vec<Text>)>,
}

impl Told {
    fn asked(&self) {
        self.questions.fetch_add(1, Ordering::Relaxed);
    }
}

impl Surroundings for Told {
    fn resources(&self, _: &Event) -> Option<Resources> {
        self.asked();
        Some(Resources {
            threads: 4,
            memory_kib: Some([3000, 200, 10]),
            page_faults: [1, 70],
            cpu_percent: [1.5, 0.25],
            fd_limit: 50,
        })
    }

    fn fd_count(&self, _: &Event) -> Option<u64> {
        self.asked();
        Some(5)
    }

    fn fd_kinds(&self, _: &Event) -> Option<Vec<FdKind>> {
        self.asked();
        Some(vec![FdKind::File, FdKind::Ipv4])
    }

    fn descriptor(&self, _: &Event, number: u32) -> Option<(FdKind, Text)> {
        self.asked();
        (number == 0).then(|| (FdKind::Pipe, "pipe:[7]".into()))
    }

    fn names_of(&self, address: IpAddr) -> Option<std::sync::Arc<[Text]>> {
        self.asked();
        self.names.iter().find(|(known, _)| *known == address).map(|(_, names)| names.clone().into())
    }
}

fn connect(machine: Told) -> Event {
    let end = |text: &str, port| Some(Endpoint { address: text.parse().unwrap(), port });
    let socket = Socket {
        protocol: L4Protocol::Tcp,
        local: end("10.0.0.1", 40000),
        remote: end("192.0.2.7", 443),
        role: Role::Client,
        ..Socket::default()
    };
    let fd = FileDescriptor { number: 3, kind: Some(FdKind::Ipv4), socket: Some(socket), ..FileDescriptor::default() };
    let mut event = event(kinds::CONNECT, Process::unknown(9), &[]);
    event.fd = Some(fd);
    event.moment.machine = Some(std::sync::Arc::new(machine));
    event
}

#[track_caller]
fn check(event: &Event, condition: &str, expected: bool) {
    let context = context();
    let mut compiled = Condition::compile(condition, DEPTH_MAX).unwrap();
    assert_eq!(compiled.holds(&EventView::new(event, &context)), expected, "{condition}");
}

fn print(event: &Event, format: &str) -> String {
    let context = context();
    Format::parse(&format!("*{format}")).unwrap().fill(&EventView::new(event, &context)).unwrap().text
}

#[test]
fn times_are_counted_from_the_first_event_and_from_the_one_before() {
    let mut event = event(kinds::CONNECT, Process::unknown(9), &[]);
    event.moment.first = Timestamp(event.time.0 - 3_000_000_007);
    event.moment.previous = Timestamp(event.time.0 - 1_000_000_002);
    let format = "%evt.reltime %evt.reltime.s %evt.reltime.ns %evt.deltatime %evt.deltatime.s %evt.deltatime.ns";
    assert_eq!(print(&event, format), "3000000007 3 7 1000000002 1 2");
    check(&event, "evt.deltatime = 1000000002 and evt.reltime.s = 3", true);
    // A record of another CPU may come a little late.
    event.moment.previous = Timestamp(event.time.0 + 5);
    check(&event, "evt.deltatime = 0", true);
}

#[test]
fn an_event_is_around_a_moment_when_so_many_milliseconds_reach_it() {
    let mut event = event(kinds::CONNECT, Process::unknown(9), &[]);
    event.time = Timestamp(1_000_000_000);
    for (moment_ns, within) in [
        (1_000_000_000, true),
        (1_002_000_000, true),
        (1_002_000_001, false),
        (998_000_000, true),
        (997_999_999, false),
    ] {
        check(&event, &format!("evt.around[{moment_ns}] = 2"), within);
    }
}

#[test]
fn resources_and_descriptors_are_those_that_the_machine_tells() {
    let event = connect(Told::default());
    let numbers = "%proc.nthreads %proc.nchilds %proc.vmsize %proc.vmrss %proc.vmswap %thread.pfmajor %thread.pfminor";
    assert_eq!(print(&event, numbers), "4 3 3000 200 10 1 70");
    assert_eq!(print(&event, "%proc.fdopencount of %proc.fdlimit"), "5 of 50");
    assert_eq!(print(&event, "%proc.stdin.type %proc.stdin.name %proc.stdout.type"), "pipe pipe:[7] <NA>");
    check(
        &event,
        "proc.fdusage = 10 and thread.cpu > 1 and thread.cpu < 2 and thread.cpu.user > 1 and thread.cpu.system < 1",
        true,
    );
    check(&event, "fd.types intersects (ipv4) and fd.types[0] intersects (pipe)", true);
    check(&event, "thread.vmsize = 3000", true);
    let worker = Event { thread_id: 10, ..connect(Told::default()) };
    check(&worker, "thread.vmsize = 0 and thread.vmrss = 0 and proc.vmsize = 3000", true);
    let recorded = Event { moment: Moment::default(), ..connect(Told::default()) };
    check(&recorded, "proc.nthreads exists or proc.fdopencount exists or proc.stdin.type exists", false);
}

#[test]
fn the_machine_is_not_asked_before_everything_else_has_matched() {
    let told = std::sync::Arc::new(Told::default());
    let mut event = connect(Told::default());
    event.moment.machine = Some(told.clone());
    check(&event, "evt.type = connect and proc.name = nobody and proc.nthreads > 1", false);
    assert_eq!(told.questions.load(Ordering::Relaxed), 0);
    check(&event, "evt.type = connect and proc.nthreads > 1", true);
    assert_eq!(told.questions.load(Ordering::Relaxed), 1);
}

#[test]
fn names_of_an_address_are_compared_each() {
    let names = vec![("192.0.2.7".parse().unwrap(), vec!["db.example".into(), "www.example".into()])];
    let event = connect(Told { names, ..Told::default() });
    for (condition, expected) in [
        ("fd.sip.name = www.example", true),
        ("fd.sip.name in (other.example, db.example)", true),
        ("fd.sip.name = other.example", false),
        ("fd.sip.name != other.example", true),
        ("fd.sip.name != db.example", false),
        ("fd.rip.name = db.example and fd.rip.name = www.example", true),
        ("fd.cip.name = db.example", false),
        ("fd.cip.name != db.example", true),
        ("fd.lip.name = \"\"", true),
    ] {
        check(&event, condition, expected);
    }
    assert_eq!(print(&event, "%fd.sip.name %fd.cip.name"), "db.example <NA>");
}
