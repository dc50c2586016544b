//! The parameters of a captured event by name.

use crate::capture::scap::CapturedEvent;
use crate::capture::scap::tables::{EventRow, ParameterKind, ParameterRow};

/// Events that are about the capture or the machine.
const NOTICES: [&str; 11] = [
    "container",
    "cpu_hotplug",
    "drop",
    "groupadded",
    "groupdeleted",
    "infra",
    "notification",
    "procinfo",
    "scapevent",
    "useradded",
    "userdeleted",
];

/// An event with its row of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) event: &'a CapturedEvent,
    pub(super) row: &'static EventRow,
}

impl<'a> Call<'a> {
    /// It tells of a container or an account. Those at the beginning of a capture only serve its state.
    pub(super) fn is_inventory(self) -> bool {
        matches!(self.row.name, "container" | "useradded" | "userdeleted" | "groupadded" | "groupdeleted")
    }

    /// It is about the capture or the machine.
    pub(super) fn is_notice(self) -> bool {
        NOTICES.contains(&self.row.name)
    }

    /// The bytes of a parameter; `None` when it is not there or empty.
    pub(super) fn bytes(self, name: &str) -> Option<&'a [u8]> {
        self.event.values.get(self.row.position(name)?).filter(|value| !value.is_empty()).map(|value| &**value)
    }

    /// A number of any width.
    pub(super) fn number(self, name: &str) -> Option<i64> {
        let position = self.row.position(name)?;
        signed(self.row.parameters[position].kind, self.event.values.get(position)?)
    }

    /// A number without a sign.
    pub(super) fn unsigned(self, name: &str) -> Option<u64> {
        self.bytes(name).and_then(unsigned)
    }

    /// A number without a sign of 32 bits.
    pub(super) fn word(self, name: &str) -> Option<u32> {
        u32::try_from(self.unsigned(name)?).ok()
    }

    /// Text up to its NUL.
    pub(super) fn text(self, name: &str) -> Option<String> {
        self.bytes(name).map(text)
    }

    /// What the call returned: the first parameter, if it is called so.
    pub(super) fn result(self) -> Option<i64> {
        let alone = self.row.parameters.len() == 1;
        let first = self.row.parameters.first().filter(|row| is_result(row, alone))?;
        signed(first.kind, self.event.values.first()?)
    }
}

/// Calls that cannot fail return nothing but the id that was asked for.
fn is_result(row: &ParameterRow, alone: bool) -> bool {
    let id = matches!(row.kind, ParameterKind::Uid | ParameterKind::Gid);
    matches!(row.name, "res" | "fd" | "res_or_fd") || alone && id
}

/// Text up to its NUL.
pub(super) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    readable(&bytes[..end])
}

/// Parts that are separated by NUL; the last one may lack it.
pub(super) fn parts(bytes: &[u8]) -> Vec<String> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    bytes.split(|byte| *byte == 0).map(readable).collect()
}

/// Text in which everything that is not UTF-8, and every control character, is U+FFFD.
fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    match text.contains(char::is_control) {
        true => text.replace(char::is_control, "\u{fffd}"),
        false => text.into_owned(),
    }
}

/// A number of 1, 2, 4 or 8 bytes.
pub(super) fn unsigned(bytes: &[u8]) -> Option<u64> {
    Some(match bytes.len() {
        1 => u64::from(bytes[0]),
        2 => u64::from(u16::from_le_bytes(*bytes.first_chunk()?)),
        4 => u64::from(u32::from_le_bytes(*bytes.first_chunk()?)),
        8 => u64::from_le_bytes(*bytes.first_chunk()?),
        _ => return None,
    })
}

/// A number with its sign, where the kind has one.
pub(super) fn signed(kind: ParameterKind, bytes: &[u8]) -> Option<i64> {
    use ParameterKind::*;
    let number = unsigned(bytes)?;
    let narrow = matches!(kind, I8 | I16 | I32 | Fd32 | Pid32);
    Some(match (narrow, bytes.len()) {
        (true, 1) => i64::from(i8::from_le_bytes(*bytes.first_chunk()?)),
        (true, 2) => i64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
        (true, 4) => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
        _ => number.cast_signed(),
    })
}
