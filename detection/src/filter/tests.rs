//! Property: no event that a rule fires for is refused, whatever the rules and the events are.
//!
//! `PROPTEST_CASES=2600 cargo nextest run -p tiercel-detection no_event_that_fires` judges a million events.

use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::engine::Engine;
use crate::engine::tests::{context, event as blank};
use crate::event::flags::{
    BPF_COMMANDS, CHMOD_MODE, CLONE_FLAGS, FILE_FLAGS, PTRACE_REQUESTS, SOCKET_FAMILIES, ppm_open_flags,
};
use crate::event::{
    Container, Details, Endpoint, FdKind, FileDescriptor, FlagTable, Parameter, ParameterValue, Parameters, Process,
    Role, Socket, Text, User, kinds,
};
use crate::rule::{LoadOptions, Matching, RuleFile};

/// Events that each set of rules is tried on.
const EVENTS: usize = 400;

const KINDS: [EventKind; 12] = [
    kinds::OPENAT,
    kinds::OPEN,
    kinds::OPENAT2,
    kinds::CREAT,
    kinds::FCHMOD,
    kinds::CHMOD,
    kinds::RENAME,
    kinds::CONNECT,
    kinds::SOCKET,
    kinds::PTRACE,
    kinds::BPF,
    kinds::UNSHARE,
];

/// Few, so that rules and events meet, with all that makes names differ: dots, slashes, relative ones.
const PATHS: [&str; 14] = [
    "/etc/shadow",
    "/etc/ssl/cert",
    "/etc",
    "/",
    "//etc/shadow",
    "/etc/../etc/shadow",
    "/etc/",
    "etc/shadow",
    "shadow",
    "/tmp/x",
    "/home/u/.ssh/id",
    "/proc/1/environ",
    "<UNKNOWN>/x",
    "",
];

/// Parts of texts that conditions compare with.
const PARTS: [&str; 14] = [
    "/etc/shadow",
    "/etc/",
    "/etc",
    "/",
    "shadow",
    "/tmp",
    "../",
    "/proc/*/environ",
    "/home/*/.ssh/*",
    "*shadow",
    "cert",
    "x",
    "environ",
    "//",
];

const FLAG_NAMES: [&str; 12] = [
    "O_TRUNC",
    "O_CREAT",
    "O_RDWR",
    "O_",
    "S_ISUID",
    "S_IX",
    "PTRACE_ATTACH",
    "PTRACE_",
    "BPF_PROG_LOAD",
    "AF_INET",
    "CLONE_NEWUSER",
    "1",
];

fn pick(items: &'static [&'static str]) -> prop::sample::Select<&'static str> {
    prop::sample::select(items)
}

fn list(items: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(pick(items), 1..4).prop_map(|items| {
        let quoted: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
        quoted.join(", ")
    })
}

fn check() -> impl Strategy<Value = String> {
    let path_field = pick(&[
        "fd.name",
        "fd.nameraw",
        "fd.directory",
        "fd.filename",
        "evt.arg.name",
        "evt.arg.path",
        "evt.arg.oldpath",
        "evt.arg.newpath",
        "evt.arg.filename",
        "fs.path.name",
    ]);
    let number_field = pick(&[
        "evt.rawres",
        "fd.num",
        "user.uid",
        "fd.port",
        "fd.sport",
        "fd.cport",
        "fd.lport",
        "fd.rport",
        "evt.rawarg.flags",
        "evt.rawarg.res",
        "evt.rawarg.mode",
        "evt.rawarg.request",
    ]);
    let flag_field =
        pick(&["evt.arg.flags", "evt.arg.mode", "evt.arg.request", "evt.arg.cmd", "evt.arg.domain", "evt.res"]);
    let number = prop::sample::select(vec![0, 1, 2, 3, 22, 443, 512, 1000]);
    let one = pick(&["=", "!=", "startswith", "endswith", "contains", "icontains", "glob"]);
    let some = pick(&["in", "pmatch", "startswith anyof", "contains oneof", "= allof", "endswith allof"]);
    let relation = pick(&["=", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        4 => (path_field.clone(), one.clone(), pick(&PARTS)).prop_map(|(field, operator, text)| format!("{field} {operator} \"{text}\"")),
        3 => (path_field, some, list(&PARTS)).prop_map(|(field, operator, texts)| format!("{field} {operator} ({texts})")),
        3 => (number_field.clone(), relation, number.clone()).prop_map(|(field, relation, number)| format!("{field} {relation} {number}")),
        2 => (number_field, prop::collection::vec(number, 1..4)).prop_map(|(field, numbers)| {
            format!("{field} in ({})", numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }),
        3 => (flag_field.clone(), one, pick(&FLAG_NAMES)).prop_map(|(field, operator, name)| format!("{field} {operator} \"{name}\"")),
        1 => (flag_field, list(&FLAG_NAMES)).prop_map(|(field, names)| format!("{field} in ({names})")),
        2 => (pick(&["read", "write", "exec", "create"]), any::<bool>()).prop_map(|(what, wanted)| format!("evt.is_open_{what} = {wanted}")),
        1 => pick(&["evt.res = SUCCESS", "evt.res != SUCCESS", "evt.res in (ENOENT, EPERM)", "evt.failed = true"]).prop_map(str::to_owned),
        1 => pick(&["fd.typechar = 'f'", "fd.typechar in ('4', '6')", "fd.type = ipv4", "fd.l4proto = tcp", "fd.l4proto != tcp"]).prop_map(str::to_owned),
        1 => pick(&["container.id != host", "not container.id = host", "container.id = host", "fd.directory = /", "fd.directory in (/, /etc)"]).prop_map(str::to_owned),
        1 => pick(&["proc.name = cat", "fd.name exists", "fd.num exists"]).prop_map(str::to_owned),
        2 => prop::sample::select(KINDS.to_vec()).prop_map(|kind| format!("evt.type = {}", kind.name())),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    check().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
            1 => inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

/// Draws from lists; a seed gives the same events again, and a failure names it.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn path(&mut self) -> Text {
        self.pick(&PATHS).into()
    }

    fn path_value(&mut self) -> ParameterValue {
        ParameterValue::Path { given: self.path(), resolved: self.chance(30).then(|| self.path()) }
    }

    /// A value of the table, and seldom one that is not in it.
    fn row(&mut self, table: &'static FlagTable) -> u64 {
        match self.below(6) {
            0 => self.pick(&[0, 1, 2, 3, 8, u64::MAX]),
            _ => self.pick(table.rows).0,
        }
    }

    fn bits(&mut self, table: &'static FlagTable) -> u64 {
        (0..self.below(3)).fold(0, |all, _| all | self.row(table))
    }

    fn open_flags(&mut self) -> ParameterValue {
        let linux = self.pick(&[0, 1, 2, 3]) | self.pick(&[0, 0o1100]);
        let created = self.chance(50);
        match self.below(10) {
            0 => ParameterValue::Unsigned(self.pick(&[0, 1, 2, 4])),
            _ => ParameterValue::Flags(ppm_open_flags(linux, created, false, false), FILE_FLAGS),
        }
    }

    /// The parameters of the kind, as a source makes them and, seldom, as none does.
    fn parameters(&mut self, kind: EventKind, result: i64) -> Parameters {
        let res = ("res", ParameterValue::Errno(result));
        let octal = ("mode", ParameterValue::Octal(self.pick(&[0, 0o644, 0o755, 0o4000])));
        let mode =
            |dice: &mut Self| ("mode", ParameterValue::Mode(u32::try_from(dice.bits(CHMOD_MODE)).unwrap_or(u32::MAX)));
        let list = match kind {
            kinds::CREAT => vec![("name", self.path_value()), octal],
            kinds::FCHMOD => vec![res, mode(self)],
            kinds::CHMOD => vec![res, ("filename", self.path_value()), mode(self)],
            kinds::RENAME => vec![res, ("oldpath", self.path_value()), ("newpath", self.path_value())],
            kinds::SOCKET => vec![("domain", ParameterValue::Enum(self.row(SOCKET_FAMILIES), SOCKET_FAMILIES))],
            kinds::PTRACE => {
                let table = if self.chance(90) { PTRACE_REQUESTS } else { BPF_COMMANDS };
                vec![res, ("request", ParameterValue::Enum(self.row(table), table))]
            }
            kinds::BPF => vec![("cmd", ParameterValue::Enum(self.row(BPF_COMMANDS), BPF_COMMANDS))],
            kinds::UNSHARE => vec![res, ("flags", ParameterValue::Flags(self.bits(CLONE_FLAGS), CLONE_FLAGS))],
            kinds::CONNECT => vec![res],
            _ => vec![("name", self.path_value()), ("flags", self.open_flags()), octal],
        };
        list.into_iter().filter(|_| self.chance(90)).map(|(name, value)| Parameter { name, value }).collect()
    }

    fn socket(&mut self) -> Socket {
        let mut end = || {
            let port = self.pick(&[22, 443, 512, 40_000]);
            self.chance(80).then(|| Endpoint { address: IpAddr::from([10, 0, 0, 1]), port })
        };
        let (local, remote) = (end(), end());
        let role = self.pick(&[Role::Client, Role::Server, Role::Unknown]);
        Socket { protocol: self.pick(&PROTOCOLS), role, local, remote, connected: false, server_is_local: None }
    }

    fn descriptor(&mut self, kind: EventKind, result: i64) -> FileDescriptor {
        let is_socket = kind == kinds::CONNECT || kind == kinds::SOCKET;
        let of_sockets = [FdKind::Ipv4, FdKind::Ipv6];
        let of_files = [FdKind::File, FdKind::Directory];
        let name = self.path();
        FileDescriptor {
            number: result,
            kind: self.chance(80).then(|| self.pick(if is_socket { &of_sockets } else { &of_files })),
            raw_name: if self.chance(70) { name.clone() } else { self.path() },
            name,
            aliases: (0..self.below(3)).map(|_| self.path()).collect(),
            socket: (is_socket && self.chance(80)).then(|| self.socket()),
            ..FileDescriptor::default()
        }
    }

    fn process(&mut self) -> Process {
        let container = Container { id: "c0ffee".into(), ..Container::default() };
        Process {
            name: self.pick(&["cat", "sh"]).into(),
            user: Arc::new(User { id: self.pick(&[0, 1000, u32::MAX]), ..User::default() }),
            container: self.chance(50).then(|| Arc::new(container)),
            ..Process::default()
        }
    }

    fn event(&mut self) -> Event {
        let kind = self.pick(&KINDS);
        let result = self.pick(&[-2, -1, 0, 3, 512, -512]);
        let nobodys = Details { without_process: true, ..Details::default() };
        Event {
            result: self.chance(90).then_some(result),
            parameters: self.parameters(kind, result),
            fd: self.chance(85).then(|| self.descriptor(kind, result)),
            details: self.chance(10).then(|| Box::new(nobodys)),
            ..blank(kind, self.process(), &[])
        }
    }
}

fn load(conditions: &[String]) -> RuleSet {
    let rule = |(number, condition): (usize, &String)| {
        format!(
            "- {{rule: r{number}, desc: x, priority: INFO, output: x, condition: '{}'}}\n",
            condition.replace('\'', "''")
        )
    };
    let text = conditions.iter().enumerate().map(rule).collect();
    let options = LoadOptions { matching: Matching::All, append_output: false, ..LoadOptions::default() };
    let (rules, report) = RuleSet::load(&[RuleFile { name: "generated".into(), text }], &options);
    assert!(report.is_ok(), "{report}");
    rules
}

proptest! {
    #[test]
    fn no_event_that_fires_is_refused(
        conditions in prop::collection::vec(condition(), 1..4),
        seed in 1..u64::MAX,
    ) {
        let rules = load(&conditions);
        let filters = rules.value_filters();
        let mut engine = Engine::new(rules, context());
        let mut alerts = Vec::new();
        let mut dice = Dice(seed);
        for _ in 0..EVENTS {
            let event = dice.event();
            alerts.clear();
            engine.evaluate(&event, &mut alerts);
            prop_assert!(alerts.is_empty() || filters.passes(&event), "{event:?} {:?}", filters.of(event.kind));
        }
    }
}

/// The filter of a kind under one rule, as text.
fn filter_of(kind: &str, condition: &str) -> String {
    let filters = load(&[condition.to_owned()]).value_filters();
    format!("{:?}", filters.of(EventKind::from_name(kind).unwrap()).terms())
}

#[test]
fn filters_say_what_a_condition_needs() {
    let wanted =
        "evt.type in (open, openat) and evt.is_open_write = true and fd.name startswith /etc and proc.name = x";
    let filters = load(&[wanted.to_owned()]).value_filters();
    let [term] = filters.of(kinds::OPENAT).terms() else { panic!("{filters:?}") };
    let [Atom::Path(PathSubject::Descriptor, patterns), flags] = term.atoms() else { panic!("{term:?}") };
    assert_eq!(patterns, &PathPatterns::prefixes(["/etc".into()]));
    assert_eq!(flags, &Atom::Bits { parameter: "flags", table: None, any: 2 });
    assert_eq!(filter_of("creat", wanted), "[]");
    assert_eq!(filter_of("creat", "not evt.is_open_write = true and fd.num >= 0 and proc.name = x"), {
        let at_least_zero = Ranges::new([(0, i64::MAX)]);
        format!("[Term([Number(Descriptor, {at_least_zero:?})])]")
    });
    let nothing = "evt.type = openat and (fd.name = /etc/shadow or proc.name = x)";
    assert_eq!(filter_of("openat", nothing), "[Term([])]");
}

#[test]
fn alternatives_that_differ_in_one_test_become_one() {
    let several =
        "evt.type = ptrace and (evt.arg.request contains PTRACE_ATTACH or evt.arg.request contains PTRACE_SEIZE)";
    let filters = load(&[several.to_owned()]).value_filters();
    let [term] = filters.of(kinds::PTRACE).terms() else { panic!("{filters:?}") };
    let [Atom::Number(Quantity::Choice("request", _), ranges)] = term.atoms() else { panic!("{term:?}") };
    let named = PTRACE_REQUESTS.rows.iter().filter(|(value, _)| ranges.contains((*value).try_into().unwrap()));
    let names: Vec<&str> = named.map(|(_, name)| *name).collect();
    assert!(names.contains(&"PTRACE_ATTACH") && names.contains(&"PTRACE_SEIZE") && names.len() < 6, "{names:?}");
}
