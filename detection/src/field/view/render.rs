//! Parameters as Falco prints them: raw, resolved, and both.

use std::borrow::Cow;
use std::fmt::Write as _;

use smallvec::SmallVec;

use super::super::Value;
use super::super::value::printable;
use super::errno;
use crate::event::flags::CHMOD_MODE;
use crate::event::{FlagTable, L4Protocol, Parameter, ParameterValue};

/// The directory descriptor that means the current directory.
const AT_FDCWD: i64 = -100;

/// `name=raw(resolved)` of every parameter.
pub(super) fn all(parameters: &[Parameter]) -> String {
    let mut text = String::new();
    for (index, parameter) in parameters.iter().enumerate() {
        if index > 0 {
            text.push(' ');
        }
        let raw = raw(&parameter.value);
        text.push_str(parameter.name);
        text.push('=');
        text.push_str(&raw);
        // A relative path shows what it means even where that is the same text.
        let told = |resolved: &Cow<'_, str>| *resolved != raw || matches!(parameter.value, ParameterValue::Path { .. });
        if let Some(resolved) = resolved(&parameter.value).filter(|it| !it.is_empty() && told(it)) {
            text.push('(');
            text.push_str(&resolved);
            text.push(')');
        }
    }
    text
}

/// The resolved text, or the raw one when that is empty.
fn text(value: &ParameterValue) -> Cow<'_, str> {
    resolved(value).filter(|resolved| !resolved.is_empty()).unwrap_or_else(|| raw(value))
}

/// What comparisons and outputs see: the bytes of data, the text of everything else.
pub(super) fn compared(value: &ParameterValue) -> Value<'_> {
    if let ParameterValue::Bytes(bytes) = value { Value::Bytes(Cow::Borrowed(bytes)) } else { Value::Text(text(value)) }
}

/// The same for conditions: texts that have to be made are made in `scratch`, so that looking costs no memory.
pub(super) fn compared_in<'a>(value: &'a ParameterValue, scratch: &'a mut Scratch) -> Value<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others are at hand as text, or seldom in conditions")]
    let made = match value {
        ParameterValue::Flags(bits, table) => scratch.names(*bits, flag_names_of(*bits, table)),
        ParameterValue::Enum(number, table) => scratch.names(*number, enum_names_of(*number, table)),
        ParameterValue::Signed(number) => write!(scratch, "{number}"),
        ParameterValue::Errno(number) if *number >= 0 => write!(scratch, "{number}"),
        ParameterValue::Unsigned(number) => write!(scratch, "{number}"),
        ParameterValue::Hex(number) => write!(scratch, "{number:X}"),
        ParameterValue::Octal(number) => write!(scratch, "{}{number:o}", leading_zero(*number)),
        // Permissions without names show their digits.
        ParameterValue::Mode(mode) if mode & 0o7777 != 0 => scratch.names(0, mode_names_of((*mode).into())),
        _ => return compared(value),
    };
    made.expect("a scratch takes everything");
    Value::text(scratch.as_str())
}

/// Room for a text that is needed for one comparison.
#[derive(Default)]
pub(super) struct Scratch(SmallVec<[u8; SCRATCH_BYTES]>);

/// Holds the names of all flags of a call; what is longer goes to the heap.
const SCRATCH_BYTES: usize = 256;

impl Scratch {
    /// Names with bars between them, or the number if there are none.
    fn names(&mut self, number: u64, names: impl Iterator<Item = &'static str>) -> std::fmt::Result {
        for name in names {
            if !self.0.is_empty() {
                self.write_char('|')?;
            }
            self.write_str(name)?;
        }
        if self.0.is_empty() { write!(self, "{number}") } else { Ok(()) }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only texts are written to it")
    }
}

impl std::fmt::Write for Scratch {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// The value with its native type; `None` when no comparison is defined for it.
pub(super) fn native(value: &ParameterValue) -> Option<Value<'_>> {
    Some(match value {
        ParameterValue::Signed(number) | ParameterValue::Errno(number) => Value::Signed(*number),
        ParameterValue::Fd { number, .. } | ParameterValue::Pid { id: number, .. } => Value::Signed(*number),
        ParameterValue::Unsigned(number) | ParameterValue::Flags(number, _) | ParameterValue::Enum(number, _) => {
            Value::Unsigned(*number)
        }
        ParameterValue::Hex(number) | ParameterValue::Octal(number) => Value::Unsigned(*number),
        ParameterValue::Mode(mode) => Value::Unsigned((*mode).into()),
        ParameterValue::Uid { id, .. } | ParameterValue::Gid { id, .. } => Value::Unsigned((*id).into()),
        ParameterValue::Path { given: text, .. } | ParameterValue::Text(text) => Value::text(text),
        ParameterValue::Bytes(bytes) => Value::Bytes(Cow::Borrowed(bytes)),
        ParameterValue::Shown { .. } | ParameterValue::Empty => return None,
    })
}

/// Octal numbers begin with a zero, like in C; zero itself has no other.
fn leading_zero(number: u64) -> &'static str {
    if number == 0 { "" } else { "0" }
}

fn raw(value: &ParameterValue) -> Cow<'_, str> {
    match value {
        ParameterValue::Empty => Cow::Borrowed("<NA>"),
        ParameterValue::Signed(number) | ParameterValue::Errno(number) => number.to_string().into(),
        ParameterValue::Fd { number, .. } | ParameterValue::Pid { id: number, .. } => number.to_string().into(),
        ParameterValue::Unsigned(number) | ParameterValue::Flags(number, _) | ParameterValue::Enum(number, _) => {
            number.to_string().into()
        }
        ParameterValue::Uid { id: u32::MAX, .. } | ParameterValue::Gid { id: u32::MAX, .. } => Cow::Borrowed("-1"),
        ParameterValue::Uid { id, .. } | ParameterValue::Gid { id, .. } => id.to_string().into(),
        ParameterValue::Hex(number) => format!("{number:X}").into(),
        ParameterValue::Octal(number) => format!("{}{number:o}", leading_zero(*number)).into(),
        ParameterValue::Mode(mode) => format!("{mode:o}").into(),
        ParameterValue::Path { given, .. } => Cow::Borrowed(given),
        ParameterValue::Shown { raw, .. } => Cow::Borrowed(raw),
        ParameterValue::Text(text) => Cow::Borrowed(text),
        ParameterValue::Bytes(bytes) => printable(bytes).into(),
    }
}

fn resolved(value: &ParameterValue) -> Option<Cow<'_, str>> {
    match value {
        ParameterValue::Empty | ParameterValue::Signed(_) | ParameterValue::Unsigned(_) => None,
        ParameterValue::Hex(_) | ParameterValue::Octal(_) => None,
        ParameterValue::Text(_) | ParameterValue::Bytes(_) => None,
        ParameterValue::Shown { resolved, .. } => Some(Cow::Borrowed(resolved)),
        ParameterValue::Errno(number) => errno_name(*number),
        ParameterValue::Fd { number: AT_FDCWD, .. } => Some(Cow::Borrowed("AT_FDCWD")),
        ParameterValue::Fd { number, .. } if *number < 0 => errno_name(*number),
        ParameterValue::Fd { kind, protocol, name, .. } => {
            kind.map(|kind| format!("<{}{}>{name}", kind.character(), protocol_character(*protocol)).into())
        }
        ParameterValue::Pid { name, .. } => name.as_deref().map(Cow::Borrowed),
        ParameterValue::Uid { id: u32::MAX, .. } | ParameterValue::Gid { id: u32::MAX, .. } => {
            Some(Cow::Borrowed("<NONE>"))
        }
        ParameterValue::Uid { name, .. } | ParameterValue::Gid { name, .. } => {
            Some(Cow::Borrowed(name.as_deref().unwrap_or("<NA>")))
        }
        ParameterValue::Flags(value, table) => Some(flag_names(*value, table).into()),
        ParameterValue::Enum(value, table) => Some(enum_names(*value, table).into()),
        ParameterValue::Mode(mode) => Some(mode_names((*mode).into()).into()),
        ParameterValue::Path { resolved, .. } => resolved.as_deref().map(Cow::Borrowed),
    }
}

fn errno_name<'a>(number: i64) -> Option<Cow<'a, str>> {
    if number >= 0 {
        return None;
    }
    errno::name(-number).map(Cow::Borrowed)
}

fn protocol_character(protocol: L4Protocol) -> &'static str {
    match protocol {
        L4Protocol::Tcp => "t",
        L4Protocol::Udp => "u",
        L4Protocol::Icmp => "i",
        L4Protocol::Raw => "r",
        L4Protocol::Unknown => "",
    }
}

/// Names of the set bits in table order. Each name takes its bits away, so that `O_RDWR` hides `O_RDONLY`; a name of
/// value 0 stands only for 0.
fn flag_names(value: u64, table: &FlagTable) -> String {
    flag_names_of(value, table).collect::<Vec<_>>().join("|")
}

fn flag_names_of(value: u64, table: &FlagTable) -> impl Iterator<Item = &'static str> {
    let mut left = value;
    table.rows.iter().filter_map(move |(bits, name)| {
        let found = if *bits == 0 { value == 0 } else { left & bits == *bits };
        left &= if found { !bits } else { u64::MAX };
        found.then_some(*name)
    })
}

fn enum_names(value: u64, table: &FlagTable) -> String {
    enum_names_of(value, table).collect::<Vec<_>>().join("|")
}

fn enum_names_of(value: u64, table: &FlagTable) -> impl Iterator<Item = &'static str> {
    table.rows.iter().filter(move |(row, _)| *row == value).map(|(_, name)| *name)
}

/// Permission names in table order; what is left is printed whole as soon as it equals one entry.
fn mode_names(mode: u64) -> String {
    mode_names_of(mode).collect::<Vec<_>>().join("|")
}

fn mode_names_of(mode: u64) -> impl Iterator<Item = &'static str> {
    let mut left = mode & 0o7777;
    CHMOD_MODE.rows.iter().filter_map(move |(bit, name)| {
        let found = left & bit != 0;
        left &= !bit;
        found.then_some(*name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FdKind;
    use crate::event::flags::{BPF_COMMANDS, FILE_FLAGS, SOCKET_FAMILIES};

    fn parameter(name: &'static str, value: ParameterValue) -> Parameter {
        Parameter { name, value }
    }

    #[test]
    fn a_socket_event_prints_as_falco_printed_it() {
        let fd = ParameterValue::Fd {
            number: 3,
            kind: Some(FdKind::Unknown),
            protocol: L4Protocol::Unknown,
            name: "".into(),
        };
        let parameters = [
            parameter("fd", fd),
            parameter("domain", ParameterValue::Enum(17, SOCKET_FAMILIES)),
            parameter("type", ParameterValue::Unsigned(3)),
            parameter("proto", ParameterValue::Unsigned(768)),
            parameter("flags", ParameterValue::Flags(0, FILE_FLAGS)),
        ];
        assert_eq!(all(&parameters), "fd=3(<o>) domain=17(AF_PACKET) type=3 proto=768 flags=0(O_NONE)");
    }

    #[test]
    fn flags_print_in_table_order_and_hide_what_they_cover() {
        assert_eq!(flag_names(0x4106, FILE_FLAGS), "O_TRUNC|O_CREAT|O_WRONLY|O_F_CREATED");
        assert_eq!(flag_names(0x1003, FILE_FLAGS), "O_RDWR|O_CLOEXEC");
        assert_eq!(enum_names(10, BPF_COMMANDS), "BPF_PROG_TEST_RUN|BPF_PROG_RUN");
        assert_eq!(mode_names(0o711), "S_IXOTH|S_IXGRP|S_IXUSR|S_IWUSR|S_IRUSR");
    }

    #[test]
    fn ids_and_results_resolve_to_names() {
        let uid =
            |id, name: Option<&str>| all(&[parameter("uid", ParameterValue::Uid { id, name: name.map(Into::into) })]);
        assert_eq!(uid(5, None), "uid=5(<NA>)");
        assert_eq!(uid(5, Some("test")), "uid=5(test)");
        assert_eq!(uid(u32::MAX, None), "uid=-1(<NONE>)");
        assert_eq!(all(&[parameter("res", ParameterValue::Errno(-2))]), "res=-2(ENOENT)");
        let cwd = ParameterValue::Fd { number: -100, kind: None, protocol: L4Protocol::Unknown, name: "".into() };
        assert_eq!(all(&[parameter("dirfd", cwd)]), "dirfd=-100(AT_FDCWD)");
    }
}
