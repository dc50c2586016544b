//! Events as a busy server makes them, and rule sets of any size to judge them by.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tiercel_detection::event::flags::{FILE_FLAGS, ppm_open_flags};
use tiercel_detection::event::{
    Container, Endpoint, Event, EventKind, FdKind, FileDescriptor, L4Protocol, Moment, Parameter, ParameterValue,
    Parameters, Process, Role, Socket, Text, Timestamp, Trust, User, Via, kinds,
};
use tiercel_detection::{OutputContext, RuleFile, TimeFormat};

/// Opened for reading on every server all the time.
const READ: [&str; 12] = [
    "/etc/ld.so.cache",
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libssl.so.3",
    "/proc/self/stat",
    "/proc/meminfo",
    "/sys/fs/cgroup/memory.current",
    "/usr/share/zoneinfo/UTC",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/app/node_modules/express/lib/router/index.js",
    "/var/lib/postgresql/15/main/base/16384/2619",
    "/usr/lib/python3.11/site-packages/requests/__pycache__/api.cpython-311.pyc",
];

const WRITTEN: [&str; 4] =
    ["/var/log/app/access.log", "/tmp/upload-31337.part", "/dev/null", "/var/lib/postgresql/15/main/pg_wal/00001"];

/// Name, executable and arguments of processes that serve.
const SERVERS: [(&str, &str, &str); 6] = [
    ("nginx", "/usr/sbin/nginx", "-g daemon off;"),
    ("node", "/usr/local/bin/node", "/app/server.js --port 8080 --max-old-space-size=2048"),
    ("python3", "/usr/bin/python3.11", "-m gunicorn app.wsgi --workers 4 --bind 0.0.0.0:8000"),
    ("postgres", "/usr/lib/postgresql/15/bin/postgres", "-D /var/lib/postgresql/15/main"),
    ("java", "/opt/jdk/bin/java", "-Xmx4g -XX:+UseG1GC -cp /opt/app/lib/*:/opt/app/classes com.example.app.Main"),
    ("cron", "/usr/sbin/cron", "-f"),
];

const COMMANDS: [(&str, &str, &str); 5] = [
    ("ls", "/usr/bin/ls", "-l /var/tmp/build"),
    ("date", "/usr/bin/date", "+%s"),
    ("sed", "/usr/bin/sed", "-e s/a/b/ -n input.txt"),
    ("gcc", "/usr/bin/gcc", "-O2 -Wall -Iinclude -c src/main.c -o build/main.o"),
    ("git", "/usr/bin/git", "rev-parse --short HEAD"),
];

/// What is printed around every alert.
pub(crate) fn context() -> OutputContext {
    OutputContext { hostname: "bench".into(), time_zone: jiff::tz::TimeZone::UTC, time_format: TimeFormat::default() }
}

fn user(id: u32, name: &str) -> Arc<User> {
    Arc::new(User { id, name: name.into(), home: "/home/app".into(), shell: "/bin/sh".into() })
}

fn process((name, exe_path, arguments): (&str, &str, &str), contained: bool) -> Arc<Process> {
    let words: Vec<Text> = arguments.split(' ').map(Text::from).collect();
    let container = Container {
        id: "48c79bbc242d".into(),
        full_id: "48c79bbc242d48c79bbc242d48c79bbc242d48c79bbc242d48c79bbc242d4545".into(),
        engine: "containerd".into(),
        name: Some("app".into()),
        image_repository: Some("registry.example.com/shop/app".into()),
        image_tag: Some("1.42.0".into()),
        privileged: Some(false),
        ..Container::default()
    };
    Arc::new(Process {
        pid: 4711,
        parent_pid: 4700,
        virtual_pid: 11,
        session_id: 1,
        group_id: 4700,
        virtual_group_id: 1,
        name: name.into(),
        exe: exe_path.into(),
        exe_path: exe_path.into(),
        arguments: words.into(),
        arguments_text: arguments.into(),
        command_line: format!("{name} {arguments}").into(),
        cwd: "/app/".into(),
        user: user(1000, "app"),
        group: user(1000, "app"),
        container: contained.then(|| Arc::new(container)),
        ..Process::default()
    })
}

/// Servers, half of them in containers. Events of one process share it, as they do in the agent.
fn servers() -> Vec<Arc<Process>> {
    [true, false].into_iter().flat_map(|contained| SERVERS.map(|server| process(server, contained))).collect()
}

fn event(kind: EventKind, process: Arc<Process>, result: i64) -> Event {
    let parent = |name| self::process((name, "/usr/bin/parent", "--foreground"), false);
    Event {
        number: 1,
        time: Timestamp(1_795_430_033_419_063_181),
        cpu: 0,
        kind,
        via: Via::Syscall,
        trust: Trust::Kernel,
        thread_id: process.pid,
        virtual_thread_id: process.virtual_pid,
        process,
        lineage: ["supervisor", "containerd-shim", "systemd"].map(parent).into(),
        result: Some(result),
        parameters: Parameters::new(),
        fd: None,
        moment: Moment::default(),
        details: None,
    }
}

fn parameter(name: &'static str, value: ParameterValue) -> Parameter {
    Parameter { name, value }
}

fn path(text: &Text) -> ParameterValue {
    ParameterValue::Path { given: text.clone(), resolved: None }
}

fn open(process: Arc<Process>, file: &str, write: bool) -> Event {
    let name: Text = file.into();
    let (read_only, write_create) = (0, 0o101);
    let flags = ppm_open_flags(if write { write_create } else { read_only }, false, false, false);
    let number =
        ParameterValue::Fd { number: 7, kind: Some(FdKind::File), protocol: L4Protocol::Unknown, name: name.clone() };
    let cwd = ParameterValue::Fd { number: -100, kind: None, protocol: L4Protocol::Unknown, name: "".into() };
    let fd =
        FileDescriptor { number: 7, kind: Some(FdKind::File), name: name.clone(), raw_name: name.clone(), ..fd_none() };
    let parameters = [
        parameter("fd", number),
        parameter("dirfd", cwd),
        parameter("name", path(&name)),
        parameter("flags", ParameterValue::Flags(flags, FILE_FLAGS)),
        parameter("mode", ParameterValue::Octal(0o644)),
    ];
    Event { parameters: parameters.into_iter().collect(), fd: Some(fd), ..event(kinds::OPENAT, process, 7) }
}

fn fd_none() -> FileDescriptor {
    FileDescriptor::default()
}

fn exec(command: (&str, &str, &str), contained: bool) -> Event {
    let process = process(command, contained);
    let parameters = [
        parameter("res", ParameterValue::Errno(0)),
        parameter("exe", ParameterValue::Text(process.exe.clone())),
        parameter("args", ParameterValue::Text(process.arguments_text.clone())),
        parameter("flags", ParameterValue::Flags(0, tiercel_detection::event::flags::EXECVE_FLAGS)),
    ];
    Event { parameters: parameters.into_iter().collect(), ..event(kinds::EXECVE, process, 0) }
}

fn connect(process: Arc<Process>, address: [u8; 4], port: u16) -> Event {
    let end = |address: [u8; 4], port| Some(Endpoint { address: IpAddr::from(address), port });
    let socket = Socket {
        protocol: L4Protocol::Tcp,
        role: Role::Client,
        local: end([10, 0, 0, 7], 40_000),
        remote: end(address, port),
        connected: true,
        server_is_local: Some(false),
    };
    let [a, b, c, d] = address;
    let name = format!("10.0.0.7:40000->{a}.{b}.{c}.{d}:{port}");
    let fd = FileDescriptor {
        number: 9,
        kind: Some(FdKind::Ipv4),
        name: name.into(),
        socket: Some(socket),
        ..FileDescriptor::default()
    };
    Event { fd: Some(fd), ..event(kinds::CONNECT, process, 0) }
}

fn rename(process: Arc<Process>) -> Event {
    let parameters = [
        parameter("res", ParameterValue::Errno(0)),
        parameter("oldpath", path(&"/var/lib/app/state.json.tmp".into())),
        parameter("newpath", path(&"/var/lib/app/state.json".into())),
    ];
    Event { parameters: parameters.into_iter().collect(), ..event(kinds::RENAME, process, 0) }
}

/// Reads of files.
pub(crate) fn opens() -> Vec<Event> {
    let servers = servers();
    let server = |at: usize| Arc::clone(&servers[at % servers.len()]);
    (0..60).map(|at| open(server(at), READ[at % READ.len()], false)).collect()
}

/// Starts of programs.
pub(crate) fn execs() -> Vec<Event> {
    (0..30).map(|at| exec(COMMANDS[at % COMMANDS.len()], at % 2 == 0)).collect()
}

/// Connections to a database and to a cache.
pub(crate) fn connects() -> Vec<Event> {
    let servers = servers();
    let server = |at: usize| Arc::clone(&servers[at % servers.len()]);
    (0..30).map(|at| connect(server(at), [10, 0, 1, 9], if at % 3 == 0 { 6379 } else { 5432 })).collect()
}

/// All of these together with writes and renames, in the shares of a server that works.
pub(crate) fn mix() -> Vec<Event> {
    let servers = servers();
    let server = |at: usize| Arc::clone(&servers[at % servers.len()]);
    let writes = (0..20).map(|at| open(server(at), WRITTEN[at % WRITTEN.len()], true));
    let renames = (0..5).map(|at| rename(server(at)));
    let mut events: Vec<Event> = opens();
    events.extend(writes);
    events.extend(execs().into_iter().take(15));
    events.extend(connects().into_iter().take(15));
    events.extend(renames);
    // Neighbours in time are seldom of one kind; 37 has no common divisor with the number of events.
    let count = events.len();
    (0..count).map(|at| events[at * 37 % count].clone()).collect()
}

/// Falco's official rule files, where the compatibility data has them.
pub(crate) fn official(names: &[&str]) -> Option<Vec<RuleFile>> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("TIERCEL_COMPAT_DIR").map_or_else(default, PathBuf::from).join("rules");
    let read = |name: &&str| {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        Some(RuleFile { name: (*name).to_owned(), text })
    };
    names.iter().map(read).collect()
}

/// The official files: what is on by default, and everything.
pub(crate) const STABLE: &[&str] = &["falco_rules.yaml"];
/// All official files.
pub(crate) const ALL: &[&str] = &["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

/// Rules of the kinds that sites write themselves, none of which the events above satisfy.
pub(crate) fn generated(count: usize) -> RuleFile {
    let rules = (0..count).map(|number| {
        let condition = match number % 6 {
            0 => format!(
                "evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.typechar = 'f' \
                 and fd.name in (/srv/app{number}/secret.key, /srv/app{number}/token) and not proc.name in (app{number}, backup)"
            ),
            1 => format!(
                "evt.type in (execve, execveat) and proc.name in (tool{number}, tool{number}-cli) and proc.pname in (sh, bash, dash)"
            ),
            2 => format!("evt.type = connect and proc.name = worker{number} and not fd.sport in (443, {})", 1024 + number),
            3 => format!(
                "evt.type in (open, openat, openat2) and evt.is_open_write = true and fd.name startswith /opt/product{number}/bin/"
            ),
            4 => format!("evt.type in (execve, execveat) and proc.cmdline contains \"--exploit-{number}=\" and user.uid != 0"),
            _ => format!("evt.type in (openat, rename, unlinkat) and proc.name = daemon{number} and not user.name = app"),
        };
        format!("- rule: site rule {number}\n  desc: generated\n  condition: {condition}\n  output: site %proc.name\n  priority: NOTICE\n")
    });
    RuleFile { name: "generated.yaml".into(), text: rules.collect() }
}
