//! What is known of each event that a capture can carry. Codes never change their meaning; parameters are only ever
//! appended.

mod calls;
mod conversions;
mod events;
mod flags;

use tiercel_detection::event::FlagTable;

use super::conversion::Conversion;

/// How a parameter is laid out and what it means.
#[expect(missing_docs, reason = "the name of each kind says what it is")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    Empty,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Text,
    Bytes,
    Errno,
    Address,
    Tuple,
    Fd,
    Fd32,
    Pid,
    Pid32,
    FdList,
    Path,
    RelativePath,
    SyscallId,
    Signal,
    Duration,
    Time,
    Port,
    Bool,
    Ipv4,
    Ipv6,
    Dynamic,
    Flags8,
    Flags16,
    Flags32,
    Enum8,
    Enum16,
    Enum32,
    Uid,
    Gid,
    Mode,
    TextList,
}

impl ParameterKind {
    /// Bytes of its value, 0 when they vary.
    pub fn width(self) -> usize {
        use ParameterKind::*;
        match self {
            I8 | U8 | Signal | Flags8 | Enum8 => 1,
            I16 | U16 | SyscallId | Port | Flags16 | Enum16 => 2,
            I32 | U32 | Fd32 | Pid32 | Bool | Ipv4 | Flags32 | Enum32 | Uid | Gid | Mode => 4,
            I64 | U64 | Errno | Fd | Pid | Duration | Time => 8,
            Ipv6 => 16,
            Empty | Text | Bytes | Address | Tuple | FdList | Path | RelativePath | Dynamic | TextList => 0,
        }
    }
}

/// How a number prints.
#[expect(missing_docs, reason = "the name of each format says what it is")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Decimal,
    Hex,
    Octal,
}

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub struct ParameterRow {
    /// Falco's name of it.
    pub name: &'static str,
    /// What it is.
    pub kind: ParameterKind,
    /// How it prints.
    pub format: Format,
    /// Names of its values.
    pub names: Option<&'static FlagTable>,
    /// What a value that says its own kind can be.
    pub choices: &'static [ParameterRow],
    /// The parameter that holds the directory descriptor of a relative path.
    pub base: Option<usize>,
}

/// An event.
#[derive(Debug)]
pub struct EventRow {
    /// Falco's name of it.
    pub name: &'static str,
    flags: u16,
    /// It is a system call.
    pub syscall: bool,
    /// Its parameters.
    pub parameters: &'static [ParameterRow],
}

impl EventRow {
    /// It makes a descriptor.
    pub fn creates_fd(&self) -> bool {
        self.flags & 1 != 0
    }

    /// It makes, uses or closes a descriptor.
    pub fn has_fd(&self) -> bool {
        self.flags & 7 != 0
    }

    /// It speaks of the capture, not of a thread.
    pub fn is_stateless(&self) -> bool {
        self.flags & 0x100 != 0
    }

    pub(super) fn is_unused(&self) -> bool {
        self.flags & 0x40 != 0
    }

    pub(super) fn is_old(&self) -> bool {
        self.flags & 0x200 != 0
    }

    pub(super) fn is_managed(&self) -> bool {
        self.flags & 0x1000 != 0
    }

    pub(super) fn has_large_payload(&self) -> bool {
        self.flags & 0x800 != 0
    }

    /// The position of a parameter.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.parameters.iter().position(|row| row.name == name)
    }
}

/// The row of a code.
pub fn event(code: u16) -> Option<&'static EventRow> {
    events::EVENTS.get(usize::from(code))
}

/// The name of a system call by the code that generic events carry.
pub fn call(code: u16) -> Option<&'static str> {
    calls::CALLS.get(usize::from(code)).copied().filter(|name| !name.is_empty())
}

/// What becomes of an event with that many parameters.
pub(super) fn conversion(code: u16, parameters: usize) -> Option<&'static Conversion> {
    let key = |row: &Conversion| (row.code, usize::from(row.parameters));
    let index = conversions::CONVERSIONS.binary_search_by_key(&(code, parameters), key).ok()?;
    Some(&conversions::CONVERSIONS[index])
}

const fn event_row(name: &'static str, flags: u16, syscall: bool, parameters: &'static [ParameterRow]) -> EventRow {
    EventRow { name, flags, syscall, parameters }
}

const fn parameter(name: &'static str, kind: ParameterKind, format: Format) -> ParameterRow {
    ParameterRow { name, kind, format, names: None, choices: &[], base: None }
}

const fn with_names(
    name: &'static str,
    kind: ParameterKind,
    format: Format,
    names: &'static FlagTable,
) -> ParameterRow {
    ParameterRow { names: Some(names), ..parameter(name, kind, format) }
}

const fn with_choice(name: &'static str, format: Format, choices: &'static [ParameterRow]) -> ParameterRow {
    ParameterRow { choices, ..parameter(name, ParameterKind::Dynamic, format) }
}

const fn with_base(name: &'static str, base: usize) -> ParameterRow {
    ParameterRow { base: Some(base), ..parameter(name, ParameterKind::RelativePath, Format::Decimal) }
}
