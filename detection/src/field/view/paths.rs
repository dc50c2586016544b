//! `fs.path.*`: the paths of successful system calls on paths.

use super::super::{FieldId, Value};
use super::{EventView, descriptor, generic};
use crate::event::{EventKind, ParameterValue, kinds};

#[expect(clippy::wildcard_enum_match_arm, reason = "the class has no other fields")]
pub(super) fn value(view: EventView<'_>, id: FieldId) -> Option<Value<'_>> {
    if !succeeded(view) {
        return None;
    }
    let kind = view.event.kind;
    if matches!(kind, kinds::FCHMOD | kinds::FCHOWN) && matches!(id, FieldId::FsPathName | FieldId::FsPathNameraw) {
        return descriptor::name(view).map(Value::text);
    }
    let (parameter, raw) = match id {
        FieldId::FsPathName => (single(kind)?, false),
        FieldId::FsPathNameraw => (single(kind)?, true),
        FieldId::FsPathSource => (pair(kind)?.0, false),
        FieldId::FsPathSourceraw => (pair(kind)?.0, true),
        FieldId::FsPathTarget => (pair(kind)?.1, false),
        FieldId::FsPathTargetraw => (pair(kind)?.1, true),
        _ => return None,
    };
    path(view, parameter, raw)
}

/// Falco takes every open but one that returned -1 for a success.
fn succeeded(view: EventView<'_>) -> bool {
    match view.event.kind {
        kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 => view.event.result != Some(-1),
        _ => view.event.result == Some(0),
    }
}

fn single(kind: EventKind) -> Option<&'static str> {
    Some(match kind {
        kinds::MKDIR | kinds::MKDIRAT | kinds::RMDIR | kinds::UNLINK | kinds::CHOWN | kinds::LCHOWN => "path",
        kinds::UNLINKAT | kinds::UMOUNT | kinds::UMOUNT2 | kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 => "name",
        kinds::CHMOD | kinds::FCHMODAT => "filename",
        kinds::FCHOWNAT => "pathname",
        kinds::QUOTACTL => "special",
        _ => return None,
    })
}

/// Source and target.
fn pair(kind: EventKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        kinds::RENAME | kinds::RENAMEAT | kinds::RENAMEAT2 => ("oldpath", "newpath"),
        kinds::LINK | kinds::LINKAT => ("newpath", "oldpath"),
        kinds::SYMLINK | kinds::SYMLINKAT => ("linkpath", "target"),
        kinds::MOUNT => ("dev", "dir"),
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other values are no paths")]
fn path<'a>(view: EventView<'a>, parameter: &str, raw: bool) -> Option<Value<'a>> {
    match &generic::named(view, parameter)?.value {
        ParameterValue::Path { given, resolved } => match (raw, resolved) {
            (false, Some(resolved)) => Some(Value::text(resolved)),
            _ => Some(Value::text(given)),
        },
        ParameterValue::Text(text) => Some(Value::text(text)),
        _ => None,
    }
}
