//! The descriptors of a process.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use tiercel_detection::event::{Endpoint, FdKind, L4Protocol, Role, Text};

use super::address::{endpoint_text, ends_text, unmapped};
use super::call::text;
use super::interfaces::Interfaces;
use crate::capture::scap::{DescriptorEntry, DescriptorTarget, L4};

/// Descriptors that are followed for a process; Falco's bound.
const DESCRIPTORS_MAX: usize = 4096;

/// The ends of an IP socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Not connected, not bound.
    None,
    /// Bound.
    Bound(Endpoint),
    /// Client and server, as far as the role is known; else source and destination.
    Pair(Endpoint, Endpoint),
}

/// What a descriptor refers to.
#[derive(Debug, Clone)]
pub(super) struct Descriptor {
    pub(super) kind: FdKind,
    pub(super) name: Text,
    pub(super) raw_name: Text,
    pub(super) open_flags: u32,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) l4: L4Protocol,
    pub(super) ends: Ends,
    pub(super) role: Role,
    pub(super) connected: bool,
}

impl Descriptor {
    /// Something of which only the kind is known.
    pub(super) fn of(kind: FdKind) -> Self {
        Self::named(kind, "")
    }

    /// Something with a name.
    pub(super) fn named(kind: FdKind, name: &str) -> Self {
        Self {
            kind,
            name: name.into(),
            raw_name: "".into(),
            open_flags: 0,
            device: 0,
            inode: 0,
            l4: L4Protocol::Unknown,
            ends: Ends::None,
            role: Role::Unknown,
            connected: false,
        }
    }

    /// An IP socket.
    pub(super) fn is_ip(&self) -> bool {
        matches!(self.kind, FdKind::Ipv4 | FdKind::Ipv6)
    }

    /// The transport as Falco tells it: not before the socket has a role.
    pub(super) fn told_l4(&self) -> L4Protocol {
        match self.ends {
            Ends::Bound(_) => self.l4,
            Ends::None | Ends::Pair(..) if self.l4 == L4Protocol::Raw => L4Protocol::Raw,
            Ends::None | Ends::Pair(..) if self.role == Role::Unknown => L4Protocol::Unknown,
            Ends::None | Ends::Pair(..) => self.l4,
        }
    }

    /// The port that it listens on.
    pub(super) fn listening_port(&self) -> Option<u16> {
        match self.ends {
            Ends::Bound(end) => Some(end.port),
            Ends::None | Ends::Pair(..) => None,
        }
    }

    /// Finds out which end of a connection from before the capture is the client's.
    pub(super) fn assign_role(&mut self, listening: &FxHashSet<u16>) {
        let Ends::Pair(source, destination) = self.ends else { return };
        if self.kind != FdKind::Ipv4 {
            return;
        }
        let serves = listening.contains(&source.port);
        self.role = if serves { Role::Server } else { Role::Client };
        if serves {
            self.ends = Ends::Pair(destination, source);
            self.name = ends_text(destination, source).into();
        }
    }

    /// As the list of a capture has it.
    pub(super) fn captured(entry: &DescriptorEntry, interfaces: &Interfaces) -> Self {
        let mut found = Self::of(kind_of(entry.kind));
        found.inode = entry.inode;
        match &entry.target {
            DescriptorTarget::Connection { source, destination, l4 } => {
                let ends = [endpoint(*source), endpoint(*destination)];
                let mapped = ends.iter().all(|end| end.address.to_canonical().is_ipv4());
                let [source, destination] = ends.map(|end| if mapped { unmapped(end) } else { end });
                found.kind = if mapped { FdKind::Ipv4 } else { FdKind::Ipv6 };
                let [source, destination] =
                    if mapped { interfaces.complete(source, destination).into() } else { [source, destination] };
                found.l4 = protocol(*l4);
                found.ends = Ends::Pair(source, destination);
                found.connected = found.l4 == L4Protocol::Tcp;
                found.name = ends_text(source, destination).into();
            }
            DescriptorTarget::Server { address, l4 } => {
                found.l4 = protocol(*l4);
                found.role = Role::Server;
                found.ends = Ends::Bound(endpoint(*address));
                found.name = endpoint_text(endpoint(*address)).into();
            }
            DescriptorTarget::Unix { path, .. } => {
                found.name = text(path).into();
                found.role = if found.name.is_empty() { Role::Client } else { Role::Server };
            }
            DescriptorTarget::File { flags, name, device } => {
                found.open_flags = *flags;
                found.name = text(name).into();
                found.device = u64::from(*device);
            }
            DescriptorTarget::Named { name } => found.name = text(name).into(),
        }
        found
    }
}

fn endpoint((address, port): (std::net::IpAddr, u16)) -> Endpoint {
    Endpoint { address, port }
}

fn protocol(l4: L4) -> L4Protocol {
    match l4 {
        L4::Unknown => L4Protocol::Unknown,
        L4::Tcp => L4Protocol::Tcp,
        L4::Udp => L4Protocol::Udp,
        L4::Icmp => L4Protocol::Icmp,
        L4::Raw => L4Protocol::Raw,
    }
}

/// The kind behind the number that captures give it.
fn kind_of(number: u8) -> FdKind {
    match number {
        1 | 16 => FdKind::File,
        2 => FdKind::Directory,
        3 | 5 => FdKind::Ipv4,
        4 | 6 => FdKind::Ipv6,
        7 => FdKind::Pipe,
        8 => FdKind::Unix,
        9 => FdKind::Event,
        11 => FdKind::Signal,
        12 => FdKind::EventPoll,
        13 => FdKind::Inotify,
        14 => FdKind::Timer,
        15 => FdKind::Netlink,
        17 => FdKind::Bpf,
        18 => FdKind::Userfaultfd,
        19 => FdKind::IoUring,
        20 => FdKind::Memfd,
        21 => FdKind::Pidfd,
        _ => FdKind::Unknown,
    }
}

/// Number to descriptor.
#[derive(Debug, Clone, Default)]
pub(super) struct DescriptorTable(BTreeMap<i64, Descriptor>);

impl DescriptorTable {
    pub(super) fn get(&self, fd: i64) -> Option<&Descriptor> {
        self.0.get(&fd)
    }

    pub(super) fn get_mut(&mut self, fd: i64) -> Option<&mut Descriptor> {
        self.0.get_mut(&fd)
    }

    /// Adds or replaces; a new one that finds the table full is not followed.
    pub(super) fn insert(&mut self, fd: i64, descriptor: Descriptor) {
        if self.0.len() < DESCRIPTORS_MAX || self.0.contains_key(&fd) {
            self.0.insert(fd, descriptor);
        }
    }

    pub(super) fn remove(&mut self, fd: i64) {
        self.0.remove(&fd);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Descriptor) -> bool) {
        self.0.retain(|_, descriptor| keep(descriptor));
    }

    pub(super) fn each_mut(&mut self, change: impl Fn(&mut Descriptor)) {
        self.0.values_mut().for_each(change);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// In order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Descriptor> {
        self.0.values()
    }
}
