//! The tests that a kernel program can make, with their meaning for an event.

use super::patterns::PathPatterns;
use super::ranges::Ranges;
use crate::event::{Event, FdKind, FlagTable, L4Protocol, ParameterValue, Text, kinds};

/// A number that is known before anything is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// What the call returned.
    Result,
    /// The descriptor that the call made, -1 when it failed.
    Descriptor,
    /// What the descriptor refers to: a place in [`DESCRIPTOR_KINDS`].
    DescriptorKind,
    /// The transport of a socket: a place in [`PROTOCOLS`].
    Protocol,
    /// The port of either end of a socket; it is enough that one of them is in the set.
    Port,
    /// The effective user id.
    User,
    /// 1 in a container, 0 on the host. A program knows it of the control groups that user space has named to it.
    Contained,
    /// A parameter of the event that is a number.
    Parameter(&'static str),
    /// A parameter that is one of several values, in the encoding of a table.
    Choice(&'static str, &'static FlagTable),
}

/// The kinds of descriptors, by the number that [`Quantity::DescriptorKind`] has for them.
pub const DESCRIPTOR_KINDS: [FdKind; 18] = [
    FdKind::File,
    FdKind::Directory,
    FdKind::Ipv4,
    FdKind::Ipv6,
    FdKind::Unix,
    FdKind::Netlink,
    FdKind::Pipe,
    FdKind::Event,
    FdKind::Signal,
    FdKind::EventPoll,
    FdKind::Inotify,
    FdKind::Timer,
    FdKind::Bpf,
    FdKind::Userfaultfd,
    FdKind::IoUring,
    FdKind::Memfd,
    FdKind::Pidfd,
    FdKind::Unknown,
];

/// The transports, by the number that [`Quantity::Protocol`] has for them.
pub const PROTOCOLS: [L4Protocol; 5] =
    [L4Protocol::Tcp, L4Protocol::Udp, L4Protocol::Icmp, L4Protocol::Raw, L4Protocol::Unknown];

/// Which path is looked at.
///
/// A program may refuse by a path only if it knows every name that the rules are judged on. For a file that is opened
/// these are three: the path as given, where the kernel found the file, and what rules call its device and inode. So it
/// must let pass a path that is relative, cut, ends in a slash or contains `//` or `/.` (what cleaning or the current
/// directory would make of it, only user space knows); a file whose device and inode user space has named; and a regular
/// file with several links, for which user space looks its names up anew. Then the given and the found path decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathSubject {
    /// The file of the descriptor, under each of its names: as given and made absolute, as the kernel resolved it, and
    /// as the rules know its device and inode.
    Descriptor,
    /// The path as the program gave it, repeated slashes left out (`fd.nameraw`).
    Given,
    /// A parameter of the event.
    Parameter(&'static str),
}

/// A test. An event for which the value is not known satisfies every test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Atom {
    /// The number is in a set.
    Number(Quantity, Ranges),
    /// The parameter has one of these bits.
    Bits {
        /// The parameter.
        parameter: &'static str,
        /// The encoding of its bits; `None` when it is a plain number.
        table: Option<&'static FlagTable>,
        /// The bits, of which one is enough.
        any: u64,
    },
    /// The path satisfies one of the patterns, under one of its names.
    Path(PathSubject, PathPatterns),
}

impl Atom {
    /// Whether the value is known not to satisfy the test.
    pub fn refuses(&self, event: &Event) -> bool {
        match self {
            Self::Number(Quantity::Port, ranges) => refuses_ports(event, ranges),
            Self::Number(quantity, ranges) => number(event, *quantity).is_some_and(|number| !ranges.contains(number)),
            Self::Bits { parameter, table, any } => bits(event, parameter, *table).is_some_and(|bits| bits & any == 0),
            Self::Path(subject, patterns) => {
                let fails = |name: &Text| !patterns.is_match(name);
                names(event, *subject).is_some_and(|(first, others)| fails(first) && others.iter().all(fails))
            }
        }
    }

    /// Whether every event that satisfies this one satisfies the other one.
    pub(super) fn implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(own, inner), Self::Number(theirs, outer)) => own == theirs && inner.is_within(outer),
            (Self::Bits { any: inner, .. }, Self::Bits { any: outer, .. }) => {
                self.is_about_the_same_as(other) && inner & !outer == 0
            }
            (Self::Path(own, inner), Self::Path(theirs, outer)) => own == theirs && inner.implies(outer),
            (Self::Number(..) | Self::Bits { .. } | Self::Path(..), _) => false,
        }
    }

    /// The test that holds when either holds, where one test can say so.
    pub(super) fn or(&self, other: &Self) -> Option<Self> {
        if !self.is_about_the_same_as(other) {
            return None;
        }
        match (self, other) {
            (Self::Number(quantity, left), Self::Number(_, right)) => Some(Self::Number(*quantity, left.union(right))),
            (Self::Bits { parameter, table, any: left }, Self::Bits { any: right, .. }) => {
                Some(Self::Bits { parameter, table: *table, any: left | right })
            }
            (Self::Path(subject, left), Self::Path(_, right)) => {
                left.union(right).map(|both| Self::Path(*subject, both))
            }
            (Self::Number(..) | Self::Bits { .. } | Self::Path(..), _) => None,
        }
    }

    fn is_about_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(left, _), Self::Number(right, _)) => left == right,
            (
                Self::Bits { parameter: left, table: left_table, .. },
                Self::Bits { parameter: right, table: right_table, .. },
            ) => left == right && left_table == right_table,
            (Self::Path(left, _), Self::Path(right, _)) => left == right,
            (Self::Number(..) | Self::Bits { .. } | Self::Path(..), _) => false,
        }
    }
}

fn number(event: &Event, quantity: Quantity) -> Option<i64> {
    let kind = || event.fd.as_ref().and_then(|fd| fd.kind);
    let place = |at: Option<usize>| at.and_then(|at| i64::try_from(at).ok());
    match quantity {
        Quantity::Result => event.result,
        Quantity::Descriptor => event.fd.as_ref().map(|fd| fd.number.max(-1)),
        Quantity::DescriptorKind => place(DESCRIPTOR_KINDS.iter().position(|known| Some(*known) == kind())),
        Quantity::Protocol => {
            kind()?;
            let socket = event.fd.as_ref().and_then(|fd| fd.socket.as_ref());
            let protocol = socket.map_or(L4Protocol::Unknown, |socket| socket.protocol);
            place(PROTOCOLS.iter().position(|known| *known == protocol))
        }
        // Asked for by the caller: there are two.
        Quantity::Port => None,
        // An event that belongs to no process says nothing of these, and rules take that for a no.
        Quantity::User => has_process(event).then(|| event.process.user.id.into()),
        Quantity::Contained => has_process(event).then(|| event.process.container.is_some().into()),
        Quantity::Parameter(name) => value(event, name).and_then(plain_number),
        Quantity::Choice(name, table) => {
            let ParameterValue::Enum(number, known) = value(event, name)? else { return None };
            i64::try_from(*number).ok().filter(|_| *known == table)
        }
    }
}

fn has_process(event: &Event) -> bool {
    !event.details.as_ref().is_some_and(|details| details.without_process)
}

fn refuses_ports(event: &Event, ranges: &Ranges) -> bool {
    let socket = event.fd.as_ref().and_then(|fd| fd.socket.as_ref());
    let mut ports = socket.into_iter().flat_map(|socket| [socket.local, socket.remote]).flatten().peekable();
    ports.peek().is_some() && !ports.any(|end| ranges.contains(end.port.into()))
}

fn value<'a>(event: &'a Event, name: &str) -> Option<&'a ParameterValue> {
    event.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| &parameter.value)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other values are no numbers")]
fn plain_number(value: &ParameterValue) -> Option<i64> {
    match value {
        ParameterValue::Signed(number) | ParameterValue::Errno(number) => Some(*number),
        ParameterValue::Unsigned(number) | ParameterValue::Hex(number) | ParameterValue::Octal(number) => {
            i64::try_from(*number).ok()
        }
        ParameterValue::Flags(number, _) | ParameterValue::Enum(number, _) => i64::try_from(*number).ok(),
        ParameterValue::Mode(mode) => Some((*mode).into()),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other values are no bits")]
fn bits(event: &Event, name: &str, wanted: Option<&'static FlagTable>) -> Option<u64> {
    match value(event, name)? {
        ParameterValue::Flags(bits, table) | ParameterValue::Enum(bits, table) => {
            Some(*bits).filter(|_| wanted.is_none_or(|wanted| wanted == *table))
        }
        ParameterValue::Mode(mode) => {
            let table = crate::event::flags::CHMOD_MODE;
            Some((*mode).into()).filter(|_| wanted.is_none_or(|wanted| wanted == table))
        }
        ParameterValue::Unsigned(bits) | ParameterValue::Hex(bits) | ParameterValue::Octal(bits) => {
            Some(*bits).filter(|_| wanted.is_none())
        }
        _ => None,
    }
}

/// The names of a path, as far as the kernel can know all of them: a path that is not absolute, or has something to
/// clean, has a name that only user space makes.
fn names(event: &Event, subject: PathSubject) -> Option<(&Text, &[Text])> {
    let fd = event.fd.as_ref();
    let aliases = fd.map_or(&[][..], |fd| fd.aliases.as_slice());
    match subject {
        PathSubject::Descriptor => {
            let fd = fd?;
            let known = match event.kind {
                kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 | kinds::CREAT => {
                    is_clean(&fd.raw_name) && fd.raw_name == fd.name
                }
                // The name is where the kernel found the file.
                kinds::FCHMOD | kinds::FCHOWN | kinds::FCHDIR => is_clean(&fd.name),
                _ => false,
            } && aliases.iter().all(|alias| is_clean(alias));
            known.then_some((&fd.name, aliases))
        }
        PathSubject::Given => fd.map(|fd| (&fd.raw_name, &[][..])),
        #[expect(clippy::wildcard_enum_match_arm, reason = "the other values are no paths")]
        PathSubject::Parameter(name) => match value(event, name)? {
            ParameterValue::Path { given, resolved: None } => Some((given, aliases)),
            ParameterValue::Text(text) => Some((text, aliases)),
            _ => None,
        },
    }
}

/// Whether the path is absolute and cleaning it would change nothing.
fn is_clean(path: &str) -> bool {
    path.starts_with('/') && (path.len() == 1 || !path.ends_with('/')) && !path.contains("//") && !path.contains("/.")
}
