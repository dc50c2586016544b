//! What the sockets of the machine were last seen doing, and the `fd.*` fields of an event on one of them.
//!
//! The kernel's record has the addresses of a socket but neither who connected to whom nor whom an unconnected UDP
//! socket spoke to before; that is remembered here by socket inode.

use std::collections::VecDeque;
use std::net::IpAddr;

use rustc_hash::FxHashMap;
use tiercel_detection::event::{Endpoint, FdKind, FileDescriptor, L4Protocol, Role, Socket, Text};

use crate::capture::observation::{Address, SocketObject};

/// Sockets that are remembered; the one remembered longest goes first.
const SOCKETS_MAX: usize = 65_536;

/// First port that Linux gives to clients (`net.ipv4.ip_local_port_range`).
const FIRST_EPHEMERAL_PORT: u16 = 32_768;

/// Address families of `socket.h`.
pub(super) const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;

/// Socket types of `socket.h`.
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;
const SOCK_RAW: u16 = 3;

/// What is known of a socket from earlier calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Which end it is.
    pub(super) role: Role,
    /// Whom it last spoke to.
    pub(super) peer: Option<Endpoint>,
    /// It was connected, or accepted.
    pub(super) connected: bool,
}

/// Sockets by inode.
#[derive(Debug, Default)]
pub(super) struct SocketTable {
    memories: FxHashMap<u64, Memory>,
    arrivals: VecDeque<u64>,
}

impl SocketTable {
    /// What is known of a socket.
    pub(super) fn recall(&self, socket: &SocketObject) -> Option<Memory> {
        self.memories.get(&socket.inode).copied()
    }

    /// Remembers what a socket does now.
    pub(super) fn remember(&mut self, socket: &SocketObject, memory: Memory) {
        if socket.inode == 0 {
            return;
        }
        if self.memories.insert(socket.inode, memory).is_none() {
            self.arrivals.push_back(socket.inode);
        }
        if self.arrivals.len() > SOCKETS_MAX
            && let Some(oldest) = self.arrivals.pop_front()
        {
            self.memories.remove(&oldest);
        }
    }

    /// Forgets a socket: its inode number was given to a new one.
    pub(super) fn forget(&mut self, socket: &SocketObject) {
        self.memories.remove(&socket.inode);
    }
}

/// The kind of descriptor that a socket of this family is; IPv4 peers of an IPv6 socket make it IPv4, as in Falco.
pub(super) fn kind(socket: &SocketObject, peer: Option<Endpoint>) -> FdKind {
    match socket.family {
        AF_UNIX => FdKind::Unix,
        AF_NETLINK => FdKind::Netlink,
        AF_INET => FdKind::Ipv4,
        AF_INET6 => match peer.or_else(|| endpoint(socket.local.as_ref())).map(|end| end.address) {
            Some(IpAddr::V4(address)) if !address.is_unspecified() => FdKind::Ipv4,
            Some(IpAddr::V4(_) | IpAddr::V6(_)) | None => FdKind::Ipv6,
        },
        _ => FdKind::Unknown,
    }
}

/// The transport of a socket.
pub(super) fn protocol(socket: &SocketObject) -> L4Protocol {
    const ICMP: u16 = 1;
    const TCP: u16 = 6;
    const UDP: u16 = 17;
    const ICMPV6: u16 = 58;
    if !matches!(socket.family, AF_INET | AF_INET6) {
        return L4Protocol::Unknown;
    }
    match (socket.kind, socket.protocol) {
        (SOCK_RAW, _) => L4Protocol::Raw,
        (_, ICMP | ICMPV6) => L4Protocol::Icmp,
        (_, TCP) | (SOCK_STREAM, 0) => L4Protocol::Tcp,
        (_, UDP) | (SOCK_DGRAM, 0) => L4Protocol::Udp,
        _ => L4Protocol::Unknown,
    }
}

/// The IP end of an address.
pub(super) fn endpoint(address: Option<&Address>) -> Option<Endpoint> {
    match address? {
        Address::Ip(address, port) => Some(Endpoint { address: address.to_canonical(), port: *port }),
        Address::Unix(_) | Address::Other(_) => None,
    }
}

/// `ip:port`, without brackets, as Falco writes it.
pub(super) fn endpoint_text(end: Endpoint) -> String {
    format!("{}:{}", end.address, end.port)
}

/// An address as `evt.arg.addr` prints it.
pub(super) fn address_text(address: &Address) -> Option<String> {
    match address {
        Address::Ip(..) => endpoint(Some(address)).map(endpoint_text),
        Address::Unix(path) => Some(path.to_string()),
        Address::Other(_) => None,
    }
}

/// The flow from one end to the other.
pub(super) fn tuple_text(from: Option<Endpoint>, to: Option<Endpoint>) -> Option<String> {
    let to = to?;
    let from = from.unwrap_or(Endpoint { address: unspecified_like(to.address), port: 0 });
    Some(format!("{}->{}", endpoint_text(from), endpoint_text(to)))
}

/// Addresses in the kernel of both ends of a unix socket, and the path that the server is bound to.
pub(super) fn unix_tuple_text(socket: &SocketObject, given: Option<&Address>) -> String {
    let path = [given, socket.remote.as_ref(), socket.local.as_ref()].into_iter().flatten().find_map(|address| {
        let Address::Unix(path) = address else { return None };
        (!path.is_empty()).then(|| path.clone())
    });
    let [own, peer] = socket.unix_pointers;
    format!("{own:x}->{peer:x} {}", path.as_deref().unwrap_or_default())
}

/// The descriptor of a socket with what is remembered of it. A socket whose role is not known has no transport in
/// Falco's fields, and rules rely on that.
pub(super) fn descriptor(number: i64, socket: &SocketObject, memory: Memory) -> FileDescriptor {
    let local = endpoint(socket.local.as_ref());
    let ip = matches!(socket.family, AF_INET | AF_INET6);
    let protocol = if memory.role == Role::Unknown { L4Protocol::Unknown } else { protocol(socket) };
    FileDescriptor {
        number,
        kind: Some(kind(socket, memory.peer)),
        name: name(socket, memory, local),
        inode: socket.inode,
        socket: ip.then_some(Socket {
            protocol,
            role: memory.role,
            local,
            remote: memory.peer,
            connected: memory.connected,
            server_is_local: None,
        }),
        ..FileDescriptor::default()
    }
}

fn name(socket: &SocketObject, memory: Memory, local: Option<Endpoint>) -> Text {
    let text = match socket.family {
        AF_INET | AF_INET6 => match (memory.role, memory.peer) {
            (Role::Server, Some(peer)) => tuple_text(Some(peer), local),
            (Role::Client | Role::Unknown, Some(peer)) => tuple_text(local, Some(peer)),
            (Role::Server, None) => local.map(endpoint_text),
            (Role::Client | Role::Unknown, None) => None,
        },
        AF_UNIX if memory.connected => Some(unix_tuple_text(socket, None)),
        _ => None,
    };
    text.unwrap_or_default().into()
}

/// What can be said of a socket that was there before capture began: who connected follows from the ports.
pub(super) fn guess(socket: &SocketObject) -> Memory {
    let local = endpoint(socket.local.as_ref());
    let peer = endpoint(socket.remote.as_ref()).filter(|end| end.port != 0);
    let role = match (local, peer) {
        (Some(local), Some(peer)) => match (local.port >= FIRST_EPHEMERAL_PORT, peer.port >= FIRST_EPHEMERAL_PORT) {
            (true, false) => Role::Client,
            (false, true) => Role::Server,
            (true, true) | (false, false) => Role::Unknown,
        },
        _ => Role::Unknown,
    };
    let connected = peer.is_some() || socket.family == AF_UNIX && socket.unix_pointers[1] != 0;
    Memory { role, peer, connected }
}

fn unspecified_like(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
    }
}
