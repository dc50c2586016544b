//! Calls on sockets.

use smallvec::smallvec;
use tiercel_detection::event::flags::{FILE_FLAGS, SHUTDOWN_HOW, SOCKET_FAMILIES, ppm_descriptor_flags};
use tiercel_detection::event::{
    Endpoint, EventKind, FileDescriptor, L4Protocol, Parameter, Parameters, Role, Text, Trust, kinds,
};

use super::{
    Built, Scene, bytes, choice, empty, errno, flags, hex, int, new_fd, no_descriptor, signed, text_or_null,
    unknown_descriptor, unsigned, used_fd, word,
};
use crate::capture::observation::{Address, Network};
use crate::enrich::sockets::{self, AF_UNIX, Memory};

/// `EINPROGRESS`: a connection that is under way counts as made.
const IN_PROGRESS: i64 = -115;

/// The flag bits in the type argument of socket(2): `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
const SOCKET_FLAGS: u32 = 0o2_004_000;

/// The event of a call on a socket.
pub(in crate::enrich) fn network(kind: EventKind, call: &Network, scene: &mut Scene<'_>) -> Built {
    let (parameters, fd) = match kind {
        kinds::SOCKET => socket(call, scene),
        kinds::CONNECT => connect(call, scene),
        kinds::ACCEPT | kinds::ACCEPT4 => accept(kind, call, scene),
        kinds::BIND => bind(call, scene),
        kinds::LISTEN => listen(call, scene),
        kinds::SENDTO | kinds::SENDMSG | kinds::SENDMMSG => send(kind, call, scene),
        kinds::RECVFROM | kinds::RECVMSG | kinds::RECVMMSG => receive(kind, call, scene),
        _ => other(kind, call, scene),
    };
    let trust = if call.socket.is_some() && !rests_on_the_program(kind, call) { Trust::Kernel } else { Trust::User };
    Built { kind, result: Some(call.result), parameters, fd: Some(fd), trust }
}

/// The address in the event is the one that the program wrote, which another thread may have changed since: the
/// receiver of a datagram, and what a call asked for that failed.
fn rests_on_the_program(kind: EventKind, call: &Network) -> bool {
    match kind {
        kinds::CONNECT => call.result < 0 && call.result != IN_PROGRESS,
        kinds::BIND => call.result < 0,
        kinds::SENDTO | kinds::SENDMSG | kinds::SENDMMSG => call.given.is_some(),
        _ => false,
    }
}

fn socket(call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let fd = match &call.socket {
        Some(socket) if call.result >= 0 => {
            scene.sockets.forget(socket);
            sockets::descriptor(call.result, socket, Memory::default())
        }
        _ => no_descriptor(),
    };
    let [domain, kind, protocol, ..] = call.arguments.map(word);
    let parameters = smallvec![
        new_fd("fd", call.result, &fd),
        choice("domain", u64::from(domain), SOCKET_FAMILIES),
        unsigned("type", u64::from(kind)),
        unsigned("proto", u64::from(protocol)),
        flags("flags", ppm_descriptor_flags(kind & SOCKET_FLAGS), FILE_FLAGS),
    ];
    (parameters, fd)
}

/// The peer of a connection that was made is the kernel's; only for a failed one it is what the program asked for.
fn connect(call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let made = call.result >= 0 || call.result == IN_PROGRESS;
    let number = i64::from(call.fd);
    let address = text_or_empty("addr", call.given.as_ref());
    let Some(socket) = &call.socket else {
        let fd = unknown_descriptor(number);
        return (
            smallvec![errno("res", call.result), text_or_null("tuple", None), used_fd("fd", number, &fd), address],
            fd,
        );
    };
    let asked = sockets::endpoint(call.given.as_ref());
    let actual = sockets::endpoint(socket.remote.as_ref()).filter(|end| end.port != 0);
    let peer = if made { actual.or(asked) } else { asked };
    let memory = Memory { role: Role::Client, peer, connected: made };
    let mut fd = sockets::descriptor(number, socket, memory);
    let tuple = match socket.family {
        AF_UNIX => Some(sockets::unix_tuple_text(socket, call.given.as_ref())),
        _ => sockets::tuple_text(sockets::endpoint(socket.local.as_ref()), peer),
    };
    if socket.family == AF_UNIX && made {
        fd.name = tuple.clone().unwrap_or_default().into();
        // The name that the server is bound to: a symbolic link to it is another name.
        let bound: Text = sockets::unix_tuple_text(socket, socket.remote.as_ref()).into();
        if socket.remote.is_some() && bound != fd.name {
            fd.aliases.push(bound);
        }
    }
    if made {
        fd.name_changed = scene.sockets.recall(socket).is_none_or(|before| before.peer != peer);
        scene.sockets.remember(socket, memory);
    }
    (smallvec![errno("res", call.result), text_or_null("tuple", tuple), used_fd("fd", number, &fd), address], fd)
}

fn accept(kind: EventKind, call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let (fd, tuple) = match &call.socket {
        Some(socket) if call.result >= 0 => {
            let peer = sockets::endpoint(socket.remote.as_ref());
            let memory = Memory { role: Role::Server, peer, connected: true };
            scene.sockets.remember(socket, memory);
            let fd = FileDescriptor { name_changed: true, ..sockets::descriptor(call.result, socket, memory) };
            let tuple = fd.name.to_string();
            (fd, Some(tuple).filter(|tuple| !tuple.is_empty()))
        }
        _ => (no_descriptor(), None),
    };
    let mut parameters: Parameters = smallvec![new_fd("fd", call.result, &fd), text_or_null("tuple", tuple)];
    parameters.extend(["queuepct", "queuelen", "queuemax"].map(empty));
    if kind == kinds::ACCEPT4 {
        parameters.push(hex("flags", u64::from(word(call.arguments[3]))));
    }
    (parameters, fd)
}

/// A ring keeps no pointer to the address: then it is the one that the socket has got.
fn bind(call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let number = i64::from(call.fd);
    let got = call.socket.as_ref().and_then(|socket| socket.local.as_ref()).filter(|_| call.result >= 0);
    let given = call.given.as_ref().or(got);
    let mut fd = unknown_descriptor(number);
    if let Some(socket) = &call.socket {
        let bound = call.result >= 0;
        let local = sockets::endpoint(socket.local.as_ref());
        let serves = bound && sockets::endpoint(given).or(local).is_some_and(|end| end.port != 0);
        let role = if serves { Role::Server } else { Role::Unknown };
        let memory = Memory { role, ..Memory::default() };
        fd = sockets::descriptor(number, socket, memory);
        if bound {
            let address = given.and_then(sockets::address_text);
            fd.name = if serves { fd.name } else { address.unwrap_or_default().into() };
            fd.name_changed = !fd.name.is_empty();
            scene.sockets.remember(socket, memory);
        }
    }
    let address = text_or_empty("addr", given);
    (smallvec![errno("res", call.result), address, used_fd("fd", number, &fd)], fd)
}

fn listen(call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let number = i64::from(call.fd);
    let fd = call.socket.as_ref().map_or_else(
        || unknown_descriptor(number),
        |socket| {
            let memory = Memory { role: Role::Server, ..Memory::default() };
            if call.result >= 0 {
                scene.sockets.remember(socket, memory);
            }
            sockets::descriptor(number, socket, memory)
        },
    );
    let backlog = signed("backlog", i64::from(int(call.arguments[1])));
    (smallvec![errno("res", call.result), used_fd("fd", number, &fd), backlog], fd)
}

fn send(kind: EventKind, call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let peer = sockets::endpoint(call.given.as_ref());
    let fd = speak(call, peer, scene);
    let tuple = peer.and_then(|peer| {
        let local = call.socket.as_ref().and_then(|socket| sockets::endpoint(socket.local.as_ref()));
        sockets::tuple_text(local, Some(peer))
    });
    let res = errno("res", call.result);
    let data = bytes("data", &call.data);
    let number = used_fd("fd", i64::from(call.fd), &fd);
    let size = unsigned("size", size(kind, call));
    let tuple = text_or_null("tuple", tuple);
    let parameters = match kind {
        kinds::SENDMMSG => smallvec![res, number, size, data, tuple],
        _ => smallvec![res, data, number, size, tuple],
    };
    (parameters, fd)
}

fn receive(kind: EventKind, call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let fd = speak(call, sockets::endpoint(call.given.as_ref()), scene);
    let flow = fd.socket.as_ref().filter(|socket| socket.protocol != L4Protocol::Tcp);
    let tuple = flow.and_then(|socket| sockets::tuple_text(Some(socket.remote?), socket.local));
    let res = errno("res", call.result);
    let data = bytes("data", &call.data);
    let number = used_fd("fd", i64::from(call.fd), &fd);
    let size = unsigned("size", size(kind, call));
    let tuple = text_or_null("tuple", tuple);
    let control = || text_or_null("msgcontrol", None);
    let parameters = match kind {
        kinds::RECVFROM => smallvec![res, data, tuple, number, size],
        kinds::RECVMSG => smallvec![res, size, data, tuple, control(), number],
        _ => smallvec![res, number, size, data, tuple, control()],
    };
    (parameters, fd)
}

/// The descriptor of a socket that sends or receives. One that is not TCP takes on the peer it speaks to.
fn speak(call: &Network, peer: Option<Endpoint>, scene: &mut Scene<'_>) -> FileDescriptor {
    let number = i64::from(call.fd);
    let Some(socket) = &call.socket else { return unknown_descriptor(number) };
    let before = scene.sockets.recall(socket).unwrap_or_else(|| sockets::guess(socket));
    let takes_on = peer.is_some() && sockets::protocol(socket) != L4Protocol::Tcp && call.result >= 0;
    if !takes_on {
        return sockets::descriptor(number, socket, before);
    }
    let role = if before.role == Role::Unknown { Role::Client } else { before.role };
    let memory = Memory { role, peer, connected: before.connected };
    scene.sockets.remember(socket, memory);
    FileDescriptor { name_changed: before.peer != peer, ..sockets::descriptor(number, socket, memory) }
}

fn other(kind: EventKind, call: &Network, scene: &mut Scene<'_>) -> (Parameters, FileDescriptor) {
    let fd = speak(call, None, scene);
    let number = i64::from(call.fd);
    let parameters = match kind {
        kinds::SHUTDOWN => {
            smallvec![
                errno("res", call.result),
                used_fd("fd", number, &fd),
                choice("how", call.arguments[1], SHUTDOWN_HOW),
            ]
        }
        _ => smallvec![errno("res", call.result), used_fd("fd", number, &fd)],
    };
    (parameters, fd)
}

/// Bytes asked for, where an argument says so, else bytes moved.
fn size(kind: EventKind, call: &Network) -> u64 {
    match kind {
        kinds::SENDTO | kinds::RECVFROM => call.arguments[2],
        _ => u64::try_from(call.result).unwrap_or(0),
    }
}

fn text_or_empty(name: &'static str, address: Option<&Address>) -> Parameter {
    match address.and_then(sockets::address_text) {
        Some(address) => super::text(name, address),
        None => empty(name),
    }
}
