//! Sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tiercel_detection::event::{Endpoint, FdKind, L4Protocol, Role};

use super::super::address::{self, Address, Tuple, ends_text};
use super::super::call::Call;
use super::super::descriptor::{Descriptor, Ends};
use super::super::state::CaptureState;
use super::add;
use crate::capture::scap::CapturedEvent;

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
        socket.l4 = protocol(call.number("type").unwrap_or(0), call.number("proto").unwrap_or(0));
    }
    add(state, call, fd, socket);
}

/// Flags in the type of a socket are overlooked, unless the type alone decides.
fn protocol(kind: i64, protocol: i64) -> L4Protocol {
    match (protocol, kind) {
        (6 | 17 | 1, TYPE_RAW) | (255, _) => L4Protocol::Raw,
        (6, _) => L4Protocol::Tcp,
        (17, _) => L4Protocol::Udp,
        (1, _) => L4Protocol::Icmp,
        (0, kind) if kind & TYPE_MASK == TYPE_STREAM => L4Protocol::Tcp,
        (0, kind) if kind & TYPE_MASK == TYPE_DATAGRAM => L4Protocol::Udp,
        _ => L4Protocol::Unknown,
    }
}

pub(super) fn paired(state: &mut CaptureState, call: Call<'_>) {
    // Equal numbers are those of a pair that was not recorded.
    if call.result().is_none_or(|result| result < 0) || call.number("fd1") == call.number("fd2") {
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

pub(super) fn connected(state: &mut CaptureState, call: Call<'_>, entry: Option<&CapturedEvent>) {
    let result = call.result().unwrap_or(-1);
    if result < 0 && result != EINPROGRESS {
        return;
    }
    let Some(socket) = socket(state, call) else { return };
    socket.connected = true;
    match call.bytes("tuple").and_then(address::tuple) {
        Some(Tuple::Ip { source, destination, v6 }) => {
            let changed = !joins(socket, v6, source, destination);
            set_family(socket, v6);
            socket.ends = match (socket.role, socket.told_l4()) {
                (Role::Server, L4Protocol::Udp) if changed => Ends::Pair(destination, source),
                _ if changed => Ends::Pair(source, destination),
                _ => socket.ends,
            };
            name_by_ends(socket);
        }
        Some(unix @ Tuple::Unix { .. }) if socket.kind == FdKind::Unix => socket.name = unix.to_string().into(),
        Some(Tuple::Unix { .. }) => return,
        None => return asked(socket, entry),
    }
    if socket.role == Role::Unknown {
        socket.role = Role::Client;
    }
}

/// The connection is not recorded; the entry of the call says where it should lead.
fn asked(socket: &mut Descriptor, entry: Option<&CapturedEvent>) {
    let address = entry.and_then(|entry| address::address(entry.values.get(1)?));
    if let Some(Address::Ip(destination)) = address {
        let nowhere = Endpoint { address: unspecified(destination), port: 0 };
        let source = if let Ends::Pair(source, _) = socket.ends { source } else { nowhere };
        set_family(socket, destination.address.is_ipv6());
        socket.ends = Ends::Pair(source, destination);
    }
}

fn unspecified(like: Endpoint) -> IpAddr {
    if like.address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

fn set_family(socket: &mut Descriptor, v6: bool) {
    socket.kind = if v6 { FdKind::Ipv6 } else { FdKind::Ipv4 };
}

/// Whether a socket has these ends already, either way round.
fn joins(socket: &Descriptor, v6: bool, one: Endpoint, other: Endpoint) -> bool {
    let same_family = (socket.kind == FdKind::Ipv6) == v6;
    same_family && (socket.ends == Ends::Pair(one, other) || socket.ends == Ends::Pair(other, one))
}

fn name_by_ends(socket: &mut Descriptor) {
    if let Ends::Pair(first, second) = socket.ends {
        socket.name = ends_text(first, second).into();
    }
}

pub(super) fn accepted(state: &mut CaptureState, call: Call<'_>) {
    let Some(fd) = call.result().filter(|fd| *fd >= 0) else { return };
    let Some(tuple) = call.bytes("tuple").and_then(address::tuple) else { return };
    let mut socket = Descriptor::named(FdKind::Unix, &tuple.to_string());
    socket.role = Role::Server;
    socket.connected = true;
    if let Tuple::Ip { source, destination, v6 } = tuple {
        set_family(&mut socket, v6);
        socket.l4 = L4Protocol::Tcp;
        socket.ends = Ends::Pair(source, destination);
    }
    add(state, call, fd, socket);
}

/// Which way data went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// Data went through a descriptor. Sockets without a connection may have changed their peer by it.
pub(super) fn transferred(state: &mut CaptureState, call: Call<'_>, way: Way) {
    if call.result().is_none_or(|result| result < 0) {
        return;
    }
    let tuple = call.bytes("tuple").and_then(address::tuple);
    if socket(state, call).is_none() {
        guess_socket(state, call, way, tuple.as_ref());
    }
    let Some(socket) = socket(state, call) else { return };
    if socket.is_ip() && !matches!(socket.ends, Ends::Bound(_)) {
        socket.connected = true;
    }
    if !socket.name.is_empty() && socket.told_l4() == L4Protocol::Tcp {
        return;
    }
    match tuple {
        Some(Tuple::Ip { source, destination, v6 }) if socket.is_ip() => {
            let mut spoken = socket.clone();
            match meets(&mut spoken, source, destination, v6) {
                true => talk(state, call, way, spoken),
                false => *socket = spoken,
            }
        }
        Some(unix @ Tuple::Unix { .. }) => {
            socket.kind = FdKind::Unix;
            socket.name = unix.to_string().into();
        }
        _ => {}
    }
}

/// A socket that was made before the capture began is taken for one of UDP when it sends.
fn guess_socket(state: &mut CaptureState, call: Call<'_>, way: Way, tuple: Option<&Tuple>) {
    let sends = way == Way::Out && matches!(call.row.name, "send" | "sendto" | "sendmsg");
    if let Some(Tuple::Ip { v6, .. }) = tuple.filter(|_| sends) {
        let mut socket = Descriptor::of(if *v6 { FdKind::Ipv6 } else { FdKind::Ipv4 });
        socket.l4 = L4Protocol::Udp;
        add(state, call, call.number("fd").unwrap_or(-1), socket);
    }
}

/// Takes over the ends of a message; `false` when they are the known ones.
fn meets(socket: &mut Descriptor, source: Endpoint, destination: Endpoint, v6: bool) -> bool {
    if joins(socket, v6, source, destination) {
        return false;
    }
    if let (Ends::Bound(_), IpAddr::V6(peer)) = (socket.ends, destination.address) {
        // Falco keeps the port of a bound socket where it keeps the peer's address of another one.
        let [low, high, ..] = peer.octets();
        socket.ends = Ends::Bound(Endpoint { port: u16::from_le_bytes([low, high]), ..source });
        socket.l4 = L4Protocol::Unknown;
        socket.name = ends_text(source, destination).into();
        return false;
    }
    set_family(socket, v6);
    socket.ends = Ends::Pair(source, destination);
    true
}

/// A socket that is not one of TCP has got other ends by a message.
fn talk(state: &mut CaptureState, call: Call<'_>, way: Way, mut spoken: Descriptor) {
    if spoken.l4 == L4Protocol::Unknown {
        spoken.l4 = L4Protocol::Udp;
    }
    let Ends::Pair(source, destination) = spoken.ends else { return };
    let (source, destination) = state.interfaces.complete(source, destination);
    if spoken.role == Role::Unknown {
        spoken.role = guess_role(state, call.event.tid, source, way);
    }
    // What a client receives comes from the server, and what a server sends goes to the client.
    spoken.ends = match (way, spoken.role) {
        (Way::In, Role::Client) | (Way::Out, Role::Server) => Ends::Pair(destination, source),
        _ => Ends::Pair(source, destination),
    };
    name_by_ends(&mut spoken);
    if let Some(socket) = socket(state, call) {
        *socket = spoken;
    }
}

/// Who receives first is a server, who sends first a client. Of IPv6, Falco compares parts of the address with the
/// ports of IPv4 sockets.
fn guess_role(state: &CaptureState, tid: i64, source: Endpoint, way: Way) -> Role {
    let by_way = if way == Way::In { Role::Server } else { Role::Client };
    let IpAddr::V6(address) = source.address else { return by_way };
    let octets = address.octets();
    let [first, second] = [8, 10].map(|at| u16::from_le_bytes([octets[at], octets[at + 1]]));
    let table = state.threads.descriptors(tid);
    let sockets = || table.iter().flat_map(|table| table.iter()).filter(|it| it.kind == FdKind::Ipv4);
    let ports = |it: &Descriptor| match it.ends {
        Ends::None => (Some(0), 0),
        Ends::Bound(own) => (None, own.port),
        Ends::Pair(source, destination) => (Some(source.port), destination.port),
    };
    let serves = sockets().any(|it| ports(it).1 == second);
    let asks = sockets().any(|it| ports(it).0 == Some(first));
    match (serves, asks) {
        (true, true) => by_way,
        (true, false) => Role::Server,
        (false, _) => Role::Client,
    }
}
