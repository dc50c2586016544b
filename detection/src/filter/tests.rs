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
    Endpoint, FdKind, FileDescriptor, FlagTable, Parameter, ParameterValue, Parameters, Process, Role, Socket, Text,
    User, kinds,
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

fn path() -> impl Strategy<Value = Text> {
    prop::sample::select(PATHS.to_vec()).prop_map(Text::from)
}

fn path_value() -> impl Strategy<Value = ParameterValue> {
    (path(), prop::option::weighted(0.3, path())).prop_map(|(given, resolved)| ParameterValue::Path { given, resolved })
}

fn row(table: &'static FlagTable) -> impl Strategy<Value = u64> {
    prop_oneof![4 => prop::sample::select(table.rows).prop_map(|(value, _)| value), 1 => 0..9_u64, 1 => Just(u64::MAX)]
}

fn bits(table: &'static FlagTable) -> impl Strategy<Value = u64> {
    prop::collection::vec(row(table), 0..3).prop_map(|rows| rows.into_iter().fold(0, |all, bits| all | bits))
}

/// The parameters of the kind, as a source makes them and, seldom, as none does.
fn parameters(kind: EventKind, result: i64) -> BoxedStrategy<Parameters> {
    let of = |name: &'static str, value: BoxedStrategy<ParameterValue>| {
        prop::option::weighted(0.9, value).prop_map(move |value| value.map(|value| Parameter { name, value })).boxed()
    };
    let res = || of("res", Just(ParameterValue::Errno(result)).boxed());
    let path = |name| of(name, path_value().boxed());
    let open_flags = || {
        let made = (0..4_u32, any::<bool>(), any::<bool>()).prop_map(|(access, create, created)| {
            let linux = access | if create { 0o1100 } else { 0 };
            ParameterValue::Flags(ppm_open_flags(linux, created, false, false), FILE_FLAGS)
        });
        of("flags", prop_oneof![9 => made, 1 => (0..9_u64).prop_map(ParameterValue::Unsigned)].boxed())
    };
    let mode =
        || of("mode", prop::sample::select(vec![0, 0o644, 0o755, 0o4000]).prop_map(ParameterValue::Octal).boxed());
    let permissions = || {
        let made = bits(CHMOD_MODE).prop_map(|bits| ParameterValue::Mode(u32::try_from(bits).unwrap_or(u32::MAX)));
        of("mode", made.boxed())
    };
    let list = match kind {
        kinds::CREAT => vec![path("name"), mode()],
        kinds::FCHMOD => vec![res(), permissions()],
        kinds::CHMOD => vec![res(), path("filename"), permissions()],
        kinds::RENAME => vec![res(), path("oldpath"), path("newpath")],
        kinds::SOCKET => {
            vec![of("domain", row(SOCKET_FAMILIES).prop_map(|it| ParameterValue::Enum(it, SOCKET_FAMILIES)).boxed())]
        }
        kinds::PTRACE => {
            let own = row(PTRACE_REQUESTS).prop_map(|it| ParameterValue::Enum(it, PTRACE_REQUESTS));
            let other = row(BPF_COMMANDS).prop_map(|it| ParameterValue::Enum(it, BPF_COMMANDS));
            vec![res(), of("request", prop_oneof![9 => own, 1 => other].boxed())]
        }
        kinds::BPF => vec![of("cmd", row(BPF_COMMANDS).prop_map(|it| ParameterValue::Enum(it, BPF_COMMANDS)).boxed())],
        kinds::UNSHARE => {
            vec![res(), of("flags", bits(CLONE_FLAGS).prop_map(|it| ParameterValue::Flags(it, CLONE_FLAGS)).boxed())]
        }
        kinds::CONNECT => vec![res()],
        _ => vec![path("name"), open_flags(), mode()],
    };
    list.into_iter()
        .fold(Just(Parameters::new()).boxed(), |all, next| {
            (all, next)
                .prop_map(|(mut all, next)| {
                    all.extend(next);
                    all
                })
                .boxed()
        })
        .boxed()
}

fn socket() -> impl Strategy<Value = Socket> {
    let end = || {
        prop::option::weighted(0.8, prop::sample::select(vec![22_u16, 443, 512, 40_000]))
            .prop_map(|port| port.map(|port| Endpoint { address: IpAddr::from([10, 0, 0, 1]), port }))
    };
    let role = prop::sample::select(vec![Role::Client, Role::Server, Role::Unknown]);
    (prop::sample::select(PROTOCOLS.to_vec()), role, end(), end(), any::<bool>()).prop_map(
        |(protocol, role, local, remote, connected)| Socket {
            protocol,
            role,
            local,
            remote,
            connected,
            server_is_local: None,
        },
    )
}

fn descriptor(kind: EventKind, result: i64) -> impl Strategy<Value = FileDescriptor> {
    let is_socket = kind == kinds::CONNECT || kind == kinds::SOCKET;
    let kinds = if is_socket { vec![FdKind::Ipv4, FdKind::Ipv6] } else { vec![FdKind::File, FdKind::Directory] };
    let socket = if is_socket { prop::option::weighted(0.8, socket()).boxed() } else { Just(None).boxed() };
    let names = (path(), path(), prop::bool::weighted(0.7), prop::collection::vec(path(), 0..3));
    (names, prop::option::weighted(0.8, prop::sample::select(kinds)), socket).prop_map(
        move |((name, given, is_same, aliases), kind, socket)| FileDescriptor {
            number: result,
            kind,
            raw_name: if is_same { name.clone() } else { given },
            name,
            aliases: aliases.into_iter().collect(),
            socket,
            ..FileDescriptor::default()
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    let result = prop::sample::select(vec![-2_i64, -1, 0, 3, 512, -512]);
    (prop::sample::select(KINDS.to_vec()), result).prop_flat_map(|(kind, result)| {
        let uid = prop::sample::select(vec![0_u32, 1000, u32::MAX]);
        let fd = prop::option::weighted(0.85, descriptor(kind, result));
        (parameters(kind, result), fd, uid, any::<bool>(), prop::bool::weighted(0.9)).prop_map(
            move |(parameters, fd, uid, is_cat, is_told)| {
                let user = Arc::new(User { id: uid, ..User::default() });
                let name = if is_cat { "cat" } else { "sh" };
                let process = Process { name: name.into(), user, ..Process::default() };
                Event { result: is_told.then_some(result), parameters, fd, ..blank(kind, process, &[]) }
            },
        )
    })
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
        events in prop::collection::vec(event(), EVENTS),
    ) {
        let rules = load(&conditions);
        let filters = rules.value_filters();
        let mut engine = Engine::new(rules, context());
        let mut alerts = Vec::new();
        for event in &events {
            alerts.clear();
            engine.evaluate(event, &mut alerts);
            prop_assert!(alerts.is_empty() || filters.passes(event), "{:?} {:#?}", event, filters.of(event.kind));
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
    assert_eq!(
        filter_of("openat", wanted),
        "[Term([Path(Descriptor, PathPatterns([Prefix(\"/etc\")])), Bits { parameter: \"flags\", table: None, any: 2 }])]"
    );
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
