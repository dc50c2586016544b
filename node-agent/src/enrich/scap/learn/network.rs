//! Sockets.

use tiercel_detection::event::{Endpoint, FdKind, L4Protocol, Role};

use super::super::address::{self, Address, Tuple, ends_text};
use super::super::call::Call;
use super::super::descriptor::{Descriptor, Ends};
use super::super::state::CaptureState;
use super::add;

/// The errno of a connect that goes on in the background.
const EINPROGRESS: i64 = -115;

/// Bits of a socket type that are no flags.
const TYPE_MASK: i64 = 0xff;
const TYPE_STREAM: i64 = 1;
const TYPE_DATAGRAM: i64 = 2;
const TYPE_RAW: i64 = 3;

pub(super) fn made(state: &mut CaptureState, call: Call<'_>) {
    let Some(fd) = call.result().filter(|fd| *fd >= 0) else { return };
    let kind = match call.number("domain") {
        Some(1) => FdKind::Unix,
        Some(2) => FdKind::Ipv4,
        Some(10) => FdKind::Ipv6,
        Some(16) => FdKind::Netlink,
        _ => FdKind::Unknown,
    };
    let mut socket = Descriptor::of(kind);
    if socket.is_ip() {
        socket.l4 = protocol(call.number("type").unwrap_or(0) & TYPE_MASK, call.number("proto").unwrap_or(0));
    }
    add(state, call, fd, socket);
}

fn protocol(kind: i64, protocol: i64) -> L4Protocol {
    match (protocol, kind) {
        (6 | 17 | 1, TYPE_RAW) | (255, _) => L4Protocol::Raw,
        (6, _) | (0, TYPE_STREAM) => L4Protocol::Tcp,
        (17, _) | (0, TYPE_DATAGRAM) => L4Protocol::Udp,
        (1, _) => L4Protocol::Icmp,
        _ => L4Protocol::Unknown,
    }
}

pub(super) fn paired(state: &mut CaptureState, call: Call<'_>) {
    if call.result().is_none_or(|result| result < 0) {
        return;
    }
    for end in ["fd1", "fd2"] {
        add(state, call, call.number(end).unwrap_or(-1), Descriptor::of(FdKind::Unix));
    }
}

fn socket<'a>(state: &'a mut CaptureState, call: Call<'_>) -> Option<&'a mut Descriptor> {
    let fd = state.threads.get(call.event.tid)?.last_fd;
    state.threads.descriptors_mut(call.event.tid)?.get_mut(fd)
}

pub(super) fn bound(state: &mut CaptureState, call: Call<'_>) {
    if call.result().is_none_or(|result| result < 0) {
        return;
    }
    let Some(address) = call.bytes("addr").and_then(address::address) else { return };
    let Some(socket) = socket(state, call) else { return };
    socket.name = address.to_string().into();
    if let Address::Ip(end) = address
        && end.port > 0
    {
        socket.kind = family(end);
        socket.ends = Ends::Bound(end);
        socket.role = Role::Server;
    }
}

fn family(end: Endpoint) -> FdKind {
    if end.address.is_ipv4() { FdKind::Ipv4 } else { FdKind::Ipv6 }
}

pub(super) fn connected(state: &mut CaptureState, call: Call<'_>) {
    let result = call.result().unwrap_or(-1);
    if result < 0 && result != EINPROGRESS {
        return;
    }
    let tuple = call.bytes("tuple").and_then(address::tuple);
    let Some(socket) = socket(state, call) else { return };
    socket.connected = true;
    let Some(tuple) = tuple else { return };
    socket.name = tuple.to_string().into();
    socket.role = Role::Client;
    match tuple {
        Tuple::Ip { source, destination, v6 } => {
            socket.kind = kind_of_tuple(v6, destination);
            socket.ends = Ends::Pair(source, destination);
        }
        Tuple::Unix { .. } => socket.kind = FdKind::Unix,
    }
}

/// A connection of an IPv6 socket between IPv4 addresses counts as IPv4.
fn kind_of_tuple(v6: bool, destination: Endpoint) -> FdKind {
    if v6 && destination.address.is_ipv6() { FdKind::Ipv6 } else { FdKind::Ipv4 }
}

pub(super) fn accepted(state: &mut CaptureState, call: Call<'_>) {
    let Some(fd) = call.result().filter(|fd| *fd >= 0) else { return };
    let Some(tuple) = call.bytes("tuple").and_then(address::tuple) else { return };
    let mut socket = Descriptor::named(FdKind::Unix, &tuple.to_string());
    socket.role = Role::Server;
    socket.connected = true;
    if let Tuple::Ip { source, destination, v6 } = tuple {
        socket.kind = kind_of_tuple(v6, destination);
        socket.l4 = L4Protocol::Tcp;
        socket.ends = Ends::Pair(source, destination);
    }
    add(state, call, fd, socket);
}

/// Data went through a descriptor. Sockets without a connection may have changed their peer by it.
pub(super) fn transferred(state: &mut CaptureState, call: Call<'_>) {
    if call.result().is_none_or(|result| result < 0) {
        return;
    }
    let sends =
        matches!(call.row.name, "sendto" | "sendmsg" | "sendmmsg" | "write" | "writev" | "send" | "pwrite" | "pwritev");
    let tuple = call.bytes("tuple").and_then(address::tuple);
    let tid = call.event.tid;
    if let Some(Tuple::Ip { source, destination, v6 }) = &tuple
        && sends
        && socket(state, call).is_none()
    {
        let source = Endpoint { address: state.sender(source.address, destination.address), ..*source };
        let sender = sender(source, *destination, *v6);
        let fd = state.threads.get(tid).map_or(-1, |thread| thread.last_fd);
        return add(state, call, fd, sender);
    }
    let tuple = tuple.map(|tuple| match tuple {
        Tuple::Ip { source, destination, v6 } => {
            let address = state.sender(source.address, destination.address);
            Tuple::Ip { source: Endpoint { address, ..source }, destination, v6 }
        }
        unix @ Tuple::Unix { .. } => unix,
    });
    let guess = socket(state, call).map(|it| it.ends).and_then(|ends| match (&tuple, ends) {
        (Some(Tuple::Ip { destination, .. }), _) => Some(guess_role(state, tid, *destination)),
        (_, Ends::Pair(_, destination)) => Some(guess_role(state, tid, destination)),
        _ => None,
    });
    let Some(socket) = socket(state, call) else { return };
    match tuple {
        Some(Tuple::Ip { source, destination, .. }) if socket.is_ip() && socket.l4 != L4Protocol::Tcp => {
            talk(socket, source, destination, guess, sends);
        }
        Some(unix @ Tuple::Unix { .. }) if socket.kind == FdKind::Unix => socket.name = unix.to_string().into(),
        _ if socket.is_ip() && socket.role == Role::Unknown && matches!(socket.ends, Ends::Pair(..)) => {
            socket.role = guess.unwrap_or_default();
            order(socket);
        }
        _ => {}
    }
}

/// A socket that was made before the capture began, as its first message tells.
fn sender(source: Endpoint, destination: Endpoint, v6: bool) -> Descriptor {
    let mut socket = Descriptor::named(kind_of_tuple(v6, destination), &ends_text(source, destination));
    socket.l4 = L4Protocol::Udp;
    socket.ends = Ends::Pair(source, destination);
    socket.role = Role::Client;
    socket.connected = true;
    socket
}

/// A datagram socket spoke with a peer.
fn talk(socket: &mut Descriptor, source: Endpoint, destination: Endpoint, guess: Option<Role>, sends: bool) {
    if matches!(socket.ends, Ends::Bound(_)) {
        return;
    }
    if socket.role == Role::Unknown {
        socket.role = guess.unwrap_or_default();
    }
    // What a client receives comes from the server, and what a server sends goes to the client.
    let client_first = match socket.role {
        Role::Client => sends,
        Role::Server => !sends,
        Role::Unknown => true,
    };
    let (client, server) = if client_first { (source, destination) } else { (destination, source) };
    if socket.ends == Ends::Pair(client, server) {
        return;
    }
    socket.ends = Ends::Pair(client, server);
    socket.connected = true;
    socket.name = ends_text(client, server).into();
}

/// Puts the client first in the name of a connection whose role has just become known.
fn order(socket: &mut Descriptor) {
    if let Ends::Pair(first, second) = socket.ends {
        socket.name = ends_text(first, second).into();
    }
}

/// A process that listens on the port is the server; else it is the client.
fn guess_role(state: &CaptureState, tid: i64, destination: Endpoint) -> Role {
    let Some(table) = state.threads.descriptors(tid) else { return Role::Unknown };
    let listens = table.iter().any(|it| it.listening_port() == Some(destination.port));
    if listens { Role::Server } else { Role::Client }
}
