//! A machine made of tables, and observations that are short to write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tiercel_detection::event::{Event, FdKind, L4Protocol, ParameterValue, Text};

use crate::capture::Class;
use crate::capture::observation::{Act, Entry, Exec, Exit, Fork, Observation, Open, TaskIdentity};
use crate::enrich::{
    Account, AccountTables, ContainerCandidate, ContainerNews, Enricher, HostChange, NamedFile, Options,
    RuntimeContainer, ScannedProcess, Snapshot, World,
};

pub(super) const SECOND_NS: u64 = 1_000_000_000;

/// Namespaces of the host and of a container.
pub(super) const HOST: [u32; 4] = [10, 20, 30, 40];
pub(super) const APART: [u32; 4] = [11, 21, 31, 40];

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) processes: BTreeMap<u32, ScannedProcess>,
    pub(super) accounts: BTreeMap<u32, AccountTables>,
    pub(super) containers: BTreeMap<Text, RuntimeContainer>,
    pub(super) files: Vec<NamedFile>,
    pub(super) change: Option<HostChange>,
    pub(super) questions: Vec<String>,
    pub(super) has_runtimes: bool,
    pub(super) news: Vec<ContainerNews>,
}

/// The tables, shared with the test.
#[derive(Debug, Clone, Default)]
pub(super) struct TestWorld(Arc<Mutex<Tables>>);

impl TestWorld {
    pub(super) fn edit<T>(&self, edit: impl FnOnce(&mut Tables) -> T) -> T {
        edit(&mut self.0.lock().unwrap())
    }

    pub(super) fn questions(&self) -> Vec<String> {
        self.edit(|tables| std::mem::take(&mut tables.questions))
    }
}

impl World for TestWorld {
    fn process(&mut self, pid: u32) -> Option<ScannedProcess> {
        self.edit(|tables| {
            tables.questions.push(format!("process {pid}"));
            tables.processes.get(&pid).cloned()
        })
    }

    fn accounts_of(&mut self, pid: u32) -> Option<AccountTables> {
        self.edit(|tables| {
            tables.questions.push(format!("accounts of {pid}"));
            tables.accounts.get(&pid).cloned()
        })
    }

    fn container(&mut self, candidate: &ContainerCandidate) -> Option<RuntimeContainer> {
        self.edit(|tables| {
            tables.questions.push(format!("container {}", candidate.name));
            tables.containers.get(&candidate.cgroup).cloned()
        })
    }

    fn ask_container(&mut self, id: &Text, engine: &Text) -> bool {
        self.edit(|tables| {
            tables.questions.push(format!("runtime {engine} {id}"));
            tables.has_runtimes
        })
    }

    fn container_news(&mut self) -> Vec<ContainerNews> {
        self.edit(|tables| std::mem::take(&mut tables.news))
    }

    fn named_files(&mut self, paths: &[Text]) -> Vec<NamedFile> {
        self.edit(|tables| {
            tables.questions.push("files".to_owned());
            tables.files.iter().filter(|file| paths.contains(&file.path)).cloned().collect()
        })
    }

    fn host_change(&mut self) -> Option<HostChange> {
        self.edit(|tables| tables.change.take())
    }
}

pub(super) fn account(id: u32, name: &str) -> Account {
    Account { id, name: name.into(), ..Account::default() }
}

/// init (1) and bash (100), which runs `bash /root/run.sh`.
pub(super) fn snapshot() -> Snapshot {
    let process = |pid: u32, parent_pid: u32, command: &str, exe_path: &str| ScannedProcess {
        pid,
        parent_pid,
        start_ticks: u64::from(pid),
        virtual_pid: pid,
        session_id: 100,
        group_id: pid,
        virtual_group_id: pid,
        name: command.split(' ').next().unwrap().into(),
        arguments: command.split(' ').map(Text::from).collect(),
        cwd: "/root".into(),
        exe_path: exe_path.into(),
        login_uid: u32::MAX,
        namespaces: HOST,
        cgroup: "/".into(),
        ..ScannedProcess::default()
    };
    Snapshot {
        hostname: "web-1".to_owned(),
        boot_offset_ns: 1_000 * SECOND_NS,
        namespaces: HOST,
        accounts: AccountTables {
            users: vec![account(0, "root"), account(1000, "alice")],
            groups: vec![account(0, "root"), account(1000, "staff")],
        },
        processes: vec![process(100, 1, "bash /root/run.sh", "/usr/bin/bash"), process(1, 0, "init", "/usr/sbin/init")],
    }
}

pub(super) fn enricher(world: &TestWorld) -> Enricher {
    Enricher::new(&snapshot(), Box::new(world.clone()), Options::default())
}

pub(super) fn enricher_with(world: &TestWorld, options: Options) -> Enricher {
    Enricher::new(&snapshot(), Box::new(world.clone()), options)
}

/// An act of a process that started at tick `pid`, one millisecond after tick 1000 and `pid` ticks.
pub(super) fn observation(pid: u32, act: Act) -> Observation {
    Observation {
        boot_ns: 10 * SECOND_NS,
        cpu: 0,
        class: Class::Normal,
        sequence: 1,
        pid,
        tid: pid,
        started_boot_ns: started(pid),
        uid: 0,
        gid: 0,
        entry: Entry::Syscall,
        act,
    }
}

/// The kernel's finer value of the start that the snapshot gives in ticks.
pub(super) fn started(pid: u32) -> u64 {
    u64::from(pid) * 10_000_000 + 1_234_567
}

pub(super) fn task(pid: u32, parent: u32, name: &str) -> TaskIdentity {
    TaskIdentity {
        parent_pid: parent,
        parent_started_boot_ns: started(parent),
        virtual_pid: pid,
        virtual_tid: pid,
        session_id: 100,
        group_id: pid,
        virtual_group_id: pid,
        login_uid: u32::MAX,
        namespaces: HOST,
        cgroup: "/".into(),
        name: name.into(),
        ..TaskIdentity::default()
    }
}

pub(super) fn exec(pid: u32, parent: u32, command: &str) -> Observation {
    let arguments: Vec<Text> = command.split(' ').map(Text::from).collect();
    let exe_path = format!("/usr/bin/{}", arguments[0]);
    observation(
        pid,
        Act::Exec(Box::new(Exec {
            syscall: 59,
            task: task(pid, parent, &arguments[0]),
            filename: exe_path.as_str().into(),
            exe_path: exe_path.as_str().into(),
            arguments,
            cwd: "/root".into(),
            exe_writable: true,
            ..Exec::default()
        })),
    )
}

pub(super) fn fork(parent: u32, child: u32, name: &str) -> Observation {
    observation(
        parent,
        Act::Fork(Fork {
            syscall: 56,
            child: task(child, parent, name),
            child_pid: child,
            child_tid: child,
            child_started_boot_ns: started(child),
        }),
    )
}

pub(super) fn exit(pid: u32, reaper_pid: u32) -> Observation {
    observation(pid, Act::Exit(Exit { code: 0, last_thread: true, reaper_pid }))
}

pub(super) fn open(pid: u32, given: &str) -> Observation {
    observation(
        pid,
        Act::Open(Open { syscall: 257, result: 3, directory_fd: -100, given: given.into(), ..Open::default() }),
    )
}

/// The task in an exec or fork, to be changed.
pub(super) fn task_of(observation: &mut Observation) -> &mut TaskIdentity {
    match &mut observation.act {
        Act::Exec(exec) => &mut exec.task,
        Act::Fork(fork) => &mut fork.child,
        Act::Exit(_)
        | Act::Open(_)
        | Act::Network(_)
        | Act::Path(_)
        | Act::Dup(_)
        | Act::Scalar(_)
        | Act::Changed(_) => {
            panic!("only exec and fork carry a whole task")
        }
    }
}

/// `evt.args`, near enough to Falco's rendering to compare with what it printed.
pub(super) fn arguments(event: &Event) -> String {
    let one = |value: &ParameterValue| match value {
        ParameterValue::Empty => "<NA>".to_owned(),
        ParameterValue::Signed(number) | ParameterValue::Errno(number) => number.to_string(),
        ParameterValue::Unsigned(number) => number.to_string(),
        ParameterValue::Hex(number) => format!("{number:X}"),
        ParameterValue::Octal(number) => format!("{number:o}"),
        ParameterValue::Fd { number: -100, .. } => "-100(AT_FDCWD)".to_owned(),
        ParameterValue::Fd { number, kind: None, .. } => number.to_string(),
        ParameterValue::Fd { number, kind: Some(kind), protocol, name } => {
            format!("{number}(<{}{}>{name})", character(*kind), transport(*protocol))
        }
        ParameterValue::Pid { id, name } => with(id, name.as_deref()),
        ParameterValue::Uid { id: u32::MAX, .. } | ParameterValue::Gid { id: u32::MAX, .. } => "-1(<NONE>)".to_owned(),
        ParameterValue::Uid { id, name } | ParameterValue::Gid { id, name } => with(id, name.as_deref()),
        ParameterValue::Flags(bits, table) => {
            let set = |bit: u64| if *bits == 0 { bit == 0 } else { bit != 0 && bits & bit == bit };
            let names: Vec<_> = table.rows.iter().filter(|(bit, _)| set(*bit)).map(|(_, name)| *name).collect();
            with(bits, Some(&names.join("|")))
        }
        ParameterValue::Enum(number, table) => {
            with(number, table.rows.iter().find(|(value, _)| value == number).map(|(_, name)| *name))
        }
        ParameterValue::Mode(bits) => format!("0{bits:o}"),
        ParameterValue::Path { given, resolved } => with(given, resolved.as_deref()),
        ParameterValue::Shown { raw, resolved } => with(raw, Some(resolved.as_ref())),
        ParameterValue::Text(text) => text.to_string(),
        ParameterValue::Bytes(bytes) => String::from_utf8_lossy(bytes).replace('\0', "."),
    };
    let rendered: Vec<_> = event.parameters.iter().map(|p| format!("{}={}", p.name, one(&p.value))).collect();
    rendered.join(" ")
}

fn with(raw: impl std::fmt::Display, resolved: Option<&str>) -> String {
    match resolved {
        Some(resolved) if !resolved.is_empty() => format!("{raw}({resolved})"),
        _ => raw.to_string(),
    }
}

fn character(kind: FdKind) -> char {
    match kind {
        FdKind::File => 'f',
        FdKind::Directory => 'd',
        FdKind::Ipv4 => '4',
        FdKind::Ipv6 => '6',
        FdKind::Unix => 'u',
        FdKind::Netlink => 'n',
        FdKind::Pipe => 'p',
        FdKind::Memfd => 'm',
        FdKind::Bpf => 'b',
        FdKind::Event
        | FdKind::Signal
        | FdKind::EventPoll
        | FdKind::Inotify
        | FdKind::Timer
        | FdKind::Userfaultfd
        | FdKind::IoUring
        | FdKind::Pidfd
        | FdKind::Unknown => 'o',
    }
}

fn transport(protocol: L4Protocol) -> &'static str {
    match protocol {
        L4Protocol::Tcp => "t",
        L4Protocol::Udp => "u",
        L4Protocol::Icmp => "i",
        L4Protocol::Raw => "r",
        L4Protocol::Unknown => "",
    }
}
