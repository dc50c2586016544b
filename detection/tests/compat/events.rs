//! The acts of the events that cases name.

use std::net::IpAddr;
use std::sync::Arc;

use tiercel_detection::Event;
use tiercel_detection::event::flags::{FILE_FLAGS, SOCKET_FAMILIES, ppm_open_flags};
use tiercel_detection::event::{
    Details, Endpoint, EventKind, FdKind, FileDescriptor, L4Protocol, Moment, Parameter, ParameterValue, Parameters,
    Process, Role, Socket, Text, Timestamp, Trust, Via, kinds,
};

fn process(pid: i64, name: &str) -> Arc<Process> {
    let exe: Text = format!("/bin/{name}").into();
    Arc::new(Process {
        pid,
        virtual_pid: pid,
        parent_pid: 1,
        session_id: 1,
        group_id: pid,
        virtual_group_id: pid,
        name: name.into(),
        exe: exe.clone(),
        exe_path: exe,
        command_line: name.into(),
        cwd: "/root/".into(),
        ..Process::default()
    })
}

/// An act of init.
fn event(kind: EventKind, result: i64, parameters: Vec<(&'static str, ParameterValue)>) -> Event {
    let parameters: Parameters = parameters.into_iter().map(|(name, value)| Parameter { name, value }).collect();
    Event {
        number: 1,
        time: Timestamp(1_566_230_400_000_000_000),
        cpu: 1,
        kind,
        via: Via::Syscall,
        trust: Trust::Kernel,
        thread_id: 1,
        virtual_thread_id: 1,
        process: process(1, "init"),
        lineage: [].into(),
        result: Some(result),
        parameters,
        fd: None,
        moment: Moment::default(),
        details: Some(Box::new(Details { fd_kinds: vec![FdKind::File], ..Details::default() })),
    }
}

fn path(path: &str) -> ParameterValue {
    ParameterValue::Path { given: path.into(), resolved: None }
}

fn descriptor(number: i64, kind: FdKind, name: &str) -> ParameterValue {
    let kind = Some(kind).filter(|_| number >= 0);
    ParameterValue::Fd { number, kind, protocol: L4Protocol::Unknown, name: name.into() }
}

pub(crate) fn getcwd() -> Event {
    event(kinds::GETCWD, -1, vec![("res", ParameterValue::Errno(-1)), ("path", path("/test/dir"))])
}

pub(crate) fn read(data: &[u8]) -> Event {
    let length = i64::try_from(data.len()).expect("a few bytes");
    let parameters = vec![
        ("res", ParameterValue::Errno(length)),
        ("data", ParameterValue::Bytes(data.into())),
        ("fd", descriptor(4, FdKind::File, "/tmp/data")),
        ("size", ParameterValue::Unsigned(data.len() as u64)),
    ];
    Event { fd: Some(file(4, "/tmp/data")), ..event(kinds::READ, length, parameters) }
}

fn file(number: i64, name: &str) -> FileDescriptor {
    FileDescriptor {
        number,
        kind: Some(FdKind::File).filter(|_| number >= 0),
        name: name.into(),
        raw_name: name.into(),
        ..FileDescriptor::default()
    }
}

/// With `O_RDWR` and `O_CREAT`.
pub(crate) fn open(number: i64, name: &str) -> Event {
    let flags = ppm_open_flags(0o102, false, false, false);
    let parameters = vec![
        ("fd", descriptor(number, FdKind::File, name)),
        ("name", path(name)),
        ("flags", ParameterValue::Flags(flags, FILE_FLAGS)),
        ("mode", ParameterValue::Mode(0)),
    ];
    Event { fd: Some(file(number, name)), ..event(kinds::OPEN, number, parameters) }
}

/// From port 54321 to port 443. Neither address is one of this machine, so that Falco takes the server for our end.
pub(crate) fn connect(client: &str, server: &str) -> Event {
    let end = |address: &str, port| Endpoint { address: address.parse::<IpAddr>().expect("an address"), port };
    let name = format!("{client}:54321->{server}:443");
    let socket = Socket {
        protocol: L4Protocol::Tcp,
        role: Role::Server,
        local: Some(end(server, 443)),
        remote: Some(end(client, 54321)),
        server_is_local: Some(false),
        connected: true,
    };
    let kind = if server.contains(':') { FdKind::Ipv6 } else { FdKind::Ipv4 };
    let parameters = vec![
        ("res", ParameterValue::Errno(0)),
        ("tuple", ParameterValue::Text(name.as_str().into())),
        ("fd", descriptor(7, kind, &name)),
        ("addr", ParameterValue::Text(format!("{server}:443").into())),
    ];
    let fd = FileDescriptor {
        number: 7,
        kind: Some(kind),
        name: name.into(),
        socket: Some(socket),
        ..FileDescriptor::default()
    };
    Event { fd: Some(fd), ..event(kinds::CONNECT, 0, parameters) }
}

pub(crate) fn socket() -> Event {
    let parameters = vec![
        ("fd", descriptor(4, FdKind::Ipv4, "")),
        ("domain", ParameterValue::Enum(2, SOCKET_FAMILIES)),
        ("type", ParameterValue::Unsigned(1)),
        ("proto", ParameterValue::Unsigned(0)),
    ];
    let fd = FileDescriptor { number: 4, kind: Some(FdKind::Ipv4), ..FileDescriptor::default() };
    let details = Details { fd_kinds: vec![FdKind::Ipv4, FdKind::File], ..Details::default() };
    Event { fd: Some(fd), details: Some(Box::new(details)), ..event(kinds::SOCKET, 4, parameters) }
}

pub(crate) fn epoll_create() -> Event {
    let parameters = vec![("res", ParameterValue::Errno(-22)), ("size", ParameterValue::Signed(-1))];
    event(kinds::EPOLL_CREATE, -22, parameters)
}

pub(crate) fn execve(name: &str, ancestors: &[&str]) -> Event {
    let exe = format!("/bin/{name}");
    let parameters = vec![
        ("res", ParameterValue::Errno(0)),
        ("exe", ParameterValue::Text(exe.as_str().into())),
        ("comm", ParameterValue::Text(name.into())),
        ("filename", path(&exe)),
    ];
    let pids = (1..=10).rev();
    let lineage: Vec<_> = ancestors.iter().zip(pids).map(|(name, pid)| process(pid, name)).collect();
    Event { process: process(20, name), lineage: lineage.into(), ..event(kinds::EXECVE, 0, parameters) }
}

pub(crate) fn rename() -> Event {
    let parameters = vec![
        ("res", ParameterValue::Errno(0)),
        ("oldpath", path("/tmp/s\u{fffd}")),
        ("newpath", path("/tmp/t\u{fffd}")),
    ];
    event(kinds::RENAME, 0, parameters)
}

pub(crate) fn open_by_handle_at(name: &str) -> Event {
    let parameters = vec![
        ("fd", descriptor(4, FdKind::File, name)),
        ("mountfd", descriptor(5, FdKind::Directory, "/tmp")),
        ("flags", ParameterValue::Flags(ppm_open_flags(0o2, false, false, false), FILE_FLAGS)),
        ("path", path(name)),
    ];
    Event { fd: Some(file(4, name)), ..event(kinds::OPEN_BY_HANDLE_AT, 4, parameters) }
}

pub(crate) fn chdir(path: &str) -> Event {
    event(kinds::CHDIR, 0, vec![("res", ParameterValue::Errno(0)), ("path", self::path(path))])
}
