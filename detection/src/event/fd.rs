//! File descriptors and sockets: the `fd.*` fields.

use std::net::IpAddr;

use smallvec::SmallVec;

use super::Text;

/// What a descriptor refers to (`fd.type`, `fd.typechar`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FdKind {
    /// A regular file, device or anything else that has a path.
    File,
    /// A directory.
    Directory,
    /// An IPv4 socket.
    Ipv4,
    /// An IPv6 socket.
    Ipv6,
    /// A unix domain socket.
    Unix,
    /// A netlink socket.
    Netlink,
    /// A pipe or fifo.
    Pipe,
    /// An eventfd.
    Event,
    /// A signalfd.
    Signal,
    /// An epoll instance.
    EventPoll,
    /// An inotify instance.
    Inotify,
    /// A timerfd.
    Timer,
    /// A BPF map, program or link.
    Bpf,
    /// A userfaultfd.
    Userfaultfd,
    /// An io_uring.
    IoUring,
    /// Anonymous memory made by memfd_create.
    Memfd,
    /// A pidfd.
    Pidfd,
    /// Something else (a packet socket, a perf event ...).
    #[default]
    Unknown,
}

impl FdKind {
    /// One character (`fd.typechar`).
    pub fn character(self) -> &'static str {
        match self {
            Self::File => "f",
            Self::Directory => "d",
            Self::Ipv4 => "4",
            Self::Ipv6 => "6",
            Self::Unix => "u",
            Self::Netlink => "n",
            Self::Pipe => "p",
            Self::Event => "e",
            Self::Signal => "s",
            Self::EventPoll => "l",
            Self::Inotify => "i",
            Self::Timer => "t",
            Self::Bpf => "b",
            Self::Userfaultfd => "u",
            Self::IoUring => "r",
            Self::Memfd => "m",
            Self::Pidfd => "P",
            Self::Unknown => "o",
        }
    }

    /// Falco's name of it (`fd.type`).
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Unix => "unix",
            Self::Netlink => "netlink",
            Self::Pipe => "pipe",
            Self::Event => "event",
            Self::Signal => "signalfd",
            Self::EventPoll => "eventpoll",
            Self::Inotify => "inotify",
            Self::Timer => "timerfd",
            Self::Bpf => "bpf",
            Self::Userfaultfd => "userfaultfd",
            Self::IoUring => "io_uring",
            Self::Memfd => "memfd",
            Self::Pidfd => "pidfd",
            Self::Unknown => "<NA>",
        }
    }
}

/// Transport protocol of a socket (`fd.l4proto`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum L4Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP or ICMPv6.
    Icmp,
    /// A raw IP socket.
    Raw,
    /// Not known, or not an IP socket.
    #[default]
    Unknown,
}

impl L4Protocol {
    /// Falco's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Raw => "raw",
            Self::Unknown => "<NA>",
        }
    }
}

/// Which end of a connection the acting process owns (`fd.is_server`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// It connected.
    Client,
    /// It accepted or listens.
    Server,
    /// Not known.
    #[default]
    Unknown,
}

/// An address with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// The IP address; IPv4-mapped IPv6 addresses are stored as IPv4.
    pub address: IpAddr,
    /// The port, host byte order.
    pub port: u16,
}

/// The socket behind a descriptor. Client and server are Falco's words: the client is the end that connected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Socket {
    /// Transport protocol.
    pub protocol: L4Protocol,
    /// Which end is ours.
    pub role: Role,
    /// Our end, as the kernel has it.
    pub local: Option<Endpoint>,
    /// The other end, as the kernel has it; absent for bound and listening sockets.
    pub remote: Option<Endpoint>,
    /// The server's address is one of this machine (`fd.is_server`); `None` where the source does not know the
    /// addresses of the machine, then the role decides.
    pub server_is_local: Option<bool>,
    /// Connected: connect returned 0 or EINPROGRESS, or it was accepted (`fd.connected`).
    pub connected: bool,
}

impl Socket {
    /// The end that connected (`fd.cip`, `fd.cport`); absent when the role is unknown or there is no peer.
    pub fn client(&self) -> Option<Endpoint> {
        match self.role {
            Role::Client => self.remote.and(self.local),
            Role::Server => self.remote,
            Role::Unknown => None,
        }
    }

    /// The end that listens (`fd.sip`, `fd.sport`); absent when the role is unknown.
    pub fn server(&self) -> Option<Endpoint> {
        match self.role {
            Role::Client => self.remote,
            Role::Server => self.local,
            Role::Unknown => None,
        }
    }
}

/// The descriptor of an event.
#[derive(Debug, Clone, Default)]
pub struct FileDescriptor {
    /// Its number; negative when the call that should have made it failed (`fd.num`).
    pub number: i64,
    /// What it refers to; `None` for a descriptor that nothing is known of, for example after a failed call.
    pub kind: Option<FdKind>,
    /// The path as the program gave it, made absolute and cleaned textually (Falco's view), or the tuple text of a
    /// socket (`fd.name`).
    pub name: Text,
    /// The path exactly as the program gave it (`fd.nameraw`); empty when the descriptor was not opened by path.
    pub raw_name: Text,
    /// Other names of the same file where they differ from `name`: the path that the kernel resolved, and the
    /// canonical path of its (device, inode). Rules are judged on each of them and fire if any fires.
    pub aliases: SmallVec<[Text; 2]>,
    /// Device number of the file system, encoded as `stat` does (`fd.dev`); 0 when unknown.
    pub device: u64,
    /// Inode number (`fd.ino`); 0 when unknown.
    pub inode: u64,
    /// The file is in the upper layer of an overlay (`fd.is_upper_layer`).
    pub upper_layer: bool,
    /// The file is in a lower layer of an overlay (`fd.is_lower_layer`).
    pub lower_layer: bool,
    /// The act changed the name of the descriptor (`fd.name_changed`): an unconnected UDP socket spoke to a new peer.
    pub name_changed: bool,
    /// The socket, when it is an IP socket.
    pub socket: Option<Socket>,
}
