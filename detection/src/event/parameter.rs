//! The parameters of an event, with Falco's names, order and rendering (`evt.arg.*`, `evt.args`).

use std::sync::Arc;

use smallvec::SmallVec;

use super::{FdKind, L4Protocol, Text};

/// Names of flag or enumeration values in the order in which Falco prints them.
#[derive(Debug, PartialEq, Eq)]
pub struct FlagTable {
    /// The name of the table.
    pub name: &'static str,
    /// (value, name) in print order.
    pub rows: &'static [(u64, &'static str)],
}

/// A parameter of an event.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Falco's name of it.
    pub name: &'static str,
    /// Its value.
    pub value: ParameterValue,
}

/// The parameters of an event in Falco's order.
pub type Parameters = SmallVec<[Parameter; 8]>;

/// A value with what is needed to print it raw and resolved.
#[derive(Debug, Clone)]
pub enum ParameterValue {
    /// Not captured or empty; prints as Falco's `<NA>`.
    Empty,
    /// A signed number.
    Signed(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// An unsigned number that prints in upper-case hexadecimal digits, without a prefix.
    Hex(u64),
    /// An unsigned number that prints in octal digits behind a zero.
    Octal(u64),
    /// A return value: negative ones resolve to an errno name.
    Errno(i64),
    /// A descriptor with what it refers to; negative ones resolve to an errno name, -100 to `AT_FDCWD`.
    Fd {
        /// The number.
        number: i64,
        /// What it refers to, when known.
        kind: Option<FdKind>,
        /// The transport, for sockets.
        protocol: L4Protocol,
        /// Its name.
        name: Text,
    },
    /// A process with its name.
    Pid {
        /// Host process id.
        id: i64,
        /// Command name, when known.
        name: Option<Text>,
    },
    /// A user id with its account name.
    Uid {
        /// The id, `u32::MAX` for none.
        id: u32,
        /// The account name; `None` when there is no such account.
        name: Option<Text>,
    },
    /// A group id with its name.
    Gid {
        /// The id, `u32::MAX` for none.
        id: u32,
        /// The group name; `None` when there is no such group.
        name: Option<Text>,
    },
    /// Bits with names, already in Falco's portable encoding.
    Flags(u64, &'static FlagTable),
    /// One of several values with names, already in Falco's portable encoding.
    Enum(u64, &'static FlagTable),
    /// Permission bits; prints octal and `S_I*` names.
    Mode(u32),
    /// A path: as given, and made absolute when that differs.
    Path {
        /// As the program gave it.
        given: Text,
        /// Absolute and cleaned; `None` when equal to `given`.
        resolved: Option<Text>,
    },
    /// A value whose texts its source has made: what it is and what it means.
    Shown {
        /// As it is.
        raw: Text,
        /// What it means.
        resolved: Text,
    },
    /// Text.
    Text(Text),
    /// Raw bytes.
    Bytes(Arc<[u8]>),
}
