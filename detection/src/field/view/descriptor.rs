//! `fd.*`.

use super::super::{Argument, FieldId, FieldRef, Value};
use super::{EventView, live};
use crate::event::{Endpoint, EventKind, FdKind, FileDescriptor, L4Protocol, Role, Socket, kinds};

#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are never set")]
pub(super) fn value<'a>(view: EventView<'a>, field: &FieldRef) -> Option<Value<'a>> {
    let id = field.id;
    match id {
        FieldId::FdCipName | FieldId::FdSipName | FieldId::FdLipName | FieldId::FdRipName => {
            return live::host_name(view, id);
        }
        FieldId::FdTypes => return kinds_of_all(view, &field.argument),
        FieldId::FdName => return name(view).map(Value::text),
        FieldId::FdDirectory => return directory(view).map(Value::text),
        FieldId::FdTypechar => return type_character(view).map(Value::text),
        FieldId::FdContainername => return in_container(view, name(view)?),
        FieldId::FdContainerdirectory => return in_container(view, directory(view)?),
        FieldId::FdNameraw => return raw_name(view).map(Value::text),
        _ => {}
    }
    let fd = view.event.fd.as_ref()?;
    match id {
        // Falco says -1 for every failed call, whatever the errno was.
        FieldId::FdNum => return Some(Value::Signed(fd.number.max(-1))),
        FieldId::FdUid => return Some(Value::owned(format!("{}{}", view.event.thread_id, fd.number.max(-1)))),
        _ => {}
    }
    let kind = fd.kind?;
    Some(match id {
        FieldId::FdType => Value::text(kind.name()),
        FieldId::FdFilename if kind == FdKind::File => Value::text(file_name(name(view)?)),
        FieldId::FdL4proto => Value::text(protocol(fd)),
        FieldId::FdSockfamily => Value::text(family(kind)?),
        FieldId::FdIsServer => Value::Bool(fd.socket.as_ref().is_some_and(is_server)),
        FieldId::FdConnected => Value::Bool(fd.socket.as_ref().is_some_and(|socket| socket.connected)),
        FieldId::FdNameChanged => Value::Bool(fd.name_changed),
        FieldId::FdDev => Value::owned(format!("{:X}", fd.device)),
        FieldId::FdDevMajor => Value::Signed(((fd.device >> 8 & 0xfff) | (fd.device >> 32 & !0xfff)).cast_signed()),
        FieldId::FdDevMinor => Value::Signed(((fd.device & 0xff) | (fd.device >> 12 & 0xffff_ff00)).cast_signed()),
        FieldId::FdIno => Value::Signed(fd.inode.cast_signed()),
        FieldId::FdIsUpperLayer => Value::Bool(fd.upper_layer),
        FieldId::FdIsLowerLayer => Value::Bool(fd.lower_layer),
        FieldId::FdCnet | FieldId::FdSnet | FieldId::FdLnet | FieldId::FdRnet => {
            end(fd.socket.as_ref()?, id)?;
            Value::text("<IPNET>")
        }
        _ => return end(fd.socket.as_ref()?, id),
    })
}

/// The address that is compared with networks.
pub(super) fn network<'a>(view: EventView<'a>, id: FieldId) -> Option<Value<'a>> {
    let fd = view.event.fd.as_ref().filter(|fd| fd.kind.is_some())?;
    end(fd.socket.as_ref()?, id)
}

/// Fields of one end of a socket.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields have been answered before")]
fn end<'a>(socket: &Socket, id: FieldId) -> Option<Value<'a>> {
    let address = |end: Option<Endpoint>| end.map(|end| Value::Address(end.address));
    let port = |end: Option<Endpoint>| end.map(|end| Value::Unsigned(end.port.into()));
    let service = |end: Option<Endpoint>| end.map(service_name);
    // Local and remote are told of connections whose role is known.
    let told = |end: Option<Endpoint>| end.filter(|_| socket.remote.is_some() && socket.role != Role::Unknown);
    match id {
        FieldId::FdCip | FieldId::FdCnet => address(socket.client()),
        FieldId::FdSip | FieldId::FdSnet => address(socket.server()),
        FieldId::FdLip | FieldId::FdLnet => address(told(socket.local)),
        FieldId::FdRip | FieldId::FdRnet => address(told(socket.remote)),
        FieldId::FdCport => port(socket.client()),
        FieldId::FdSport => port(socket.server()),
        FieldId::FdLport => port(told(socket.local)),
        FieldId::FdRport => port(told(socket.remote)),
        FieldId::FdCproto if socket.local.is_none() && socket.remote.is_none() => {
            (socket.role != Role::Unknown).then(|| Value::text(""))
        }
        // A socket that only listens has no names of ports, but Falco says so with an empty text.
        FieldId::FdCproto | FieldId::FdSproto if socket.remote.is_none() => socket.server().map(|_| Value::text("")),
        FieldId::FdCproto => service(socket.client()),
        FieldId::FdSproto => service(socket.server()),
        FieldId::FdLproto => service(told(socket.local)),
        FieldId::FdRproto => service(told(socket.remote)),
        _ => None,
    }
}

/// Falco does not look ports up unless it is told to.
fn service_name<'a>(end: Endpoint) -> Value<'a> {
    Value::owned(end.port.to_string())
}

fn is_server(socket: &Socket) -> bool {
    socket.server_is_local.unwrap_or(socket.role == Role::Server)
}

/// The kinds of all open descriptors, each once, or that of one descriptor.
fn kinds_of_all<'a>(view: EventView<'a>, argument: &Argument) -> Option<Value<'a>> {
    if !view.schema().has_fd {
        return None;
    }
    let Some(details) = view.details() else { return live::descriptor_kinds(view, argument) };
    let kinds = details.fd_kinds.iter().map(|kind| Value::text(kind.name()));
    match argument {
        Argument::None => Some(Value::List(kinds.collect())).filter(|_| !details.fd_kinds.is_empty()),
        Argument::Index(fd) => {
            let (kind, _) = details.standard.get(usize::try_from(*fd).ok()?)?.as_ref()?;
            Some(Value::List(vec![Value::text(kind.name())]))
        }
        Argument::Key(_) | Argument::Pattern(_) => None,
    }
}

/// The name of the descriptor. An event of a kind that deals with descriptors always has one, be it empty.
pub(super) fn name(view: EventView<'_>) -> Option<&str> {
    match (&view.event.fd, view.alias) {
        (_, Some(alias)) => Some(alias),
        (Some(fd), None) => Some(&fd.name),
        (None, None) => view.schema().has_fd.then_some(""),
    }
}

fn raw_name(view: EventView<'_>) -> Option<&str> {
    match &view.event.fd {
        Some(fd) => Some(&fd.raw_name),
        None => view.schema().has_fd.then_some(""),
    }
}

/// What precedes the last slash; `/` when there is no other. Directories are their own, other descriptors than files
/// have none.
fn directory(view: EventView<'_>) -> Option<&str> {
    let name = name(view)?;
    match view.event.fd.as_ref().and_then(|fd| fd.kind) {
        Some(FdKind::Directory) => Some(name),
        None | Some(FdKind::File) => Some(match name.rfind('/') {
            None | Some(0) => "/",
            Some(last) if last + 1 == name.len() => name,
            Some(last) => &name[..last],
        }),
        Some(_) => None,
    }
}

fn file_name(name: &str) -> &str {
    match name.rsplit_once('/') {
        None => "/",
        Some((_, "")) => name,
        Some((_, file)) => file,
    }
}

fn in_container<'a>(view: EventView<'_>, text: &str) -> Option<Value<'a>> {
    let container = view.event.process.container.as_ref().map_or("", |container| &container.id);
    Some(Value::owned(format!("{container}:{text}")))
}

fn type_character(view: EventView<'_>) -> Option<&'static str> {
    match view.event.fd.as_ref().and_then(|fd| fd.kind) {
        Some(kind) => Some(kind.character()),
        None => view.schema().has_fd.then(|| expected_character(view.event.kind)),
    }
}

/// What a call that made nothing would have made. Falco's list lacks plain `open`.
fn expected_character(kind: EventKind) -> &'static str {
    match kind {
        kinds::OPENAT | kinds::OPENAT2 | kinds::CREAT => "f",
        kinds::SOCKET | kinds::ACCEPT | kinds::ACCEPT4 => "4",
        kinds::PIPE | kinds::PIPE2 => "p",
        kinds::EVENTFD | kinds::EVENTFD2 => "e",
        kinds::SIGNALFD | kinds::SIGNALFD4 => "s",
        kinds::EPOLL_CREATE | kinds::EPOLL_CREATE1 => "l",
        kinds::INOTIFY_INIT | kinds::INOTIFY_INIT1 => "i",
        kinds::TIMERFD_CREATE => "t",
        kinds::MEMFD_CREATE => "m",
        _ => "o",
    }
}

fn protocol(fd: &FileDescriptor) -> &'static str {
    fd.socket.as_ref().map_or(L4Protocol::Unknown, |socket| socket.protocol).name()
}

fn family(kind: FdKind) -> Option<&'static str> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "only sockets have a family")]
    match kind {
        FdKind::Ipv4 | FdKind::Ipv6 => Some("ip"),
        FdKind::Unix => Some("unix"),
        _ => None,
    }
}
