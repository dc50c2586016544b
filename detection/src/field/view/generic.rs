//! `evt.*`.

use super::super::{Argument, FieldId, FieldRef, FieldType, Value};
use super::{EventView, descriptor, errno, render};
use crate::event::{EventKind, FdKind, Parameter, ParameterValue, Trust, Via, kinds};
use crate::output::time;

/// Read access in Falco's encoding of open flags.
pub(crate) const READ: u64 = 1;
/// Write access.
pub(crate) const WRITE: u64 = 1 << 1;
/// Asks for the file to be created.
pub(crate) const CREATE: u64 = 1 << 2;
/// Asks for a file without a name.
pub(crate) const TEMPORARY: u64 = 0x2000;
/// The file was created.
pub(crate) const CREATED: u64 = 0x4000;
/// Execute permission of anyone.
pub(crate) const MODE_EXECUTE: u64 = 0o111;

#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are never set")]
pub(super) fn value<'a>(view: EventView<'a>, field: &FieldRef) -> Option<Value<'a>> {
    let event = view.event;
    let schema = view.schema();
    let failed = event.result.is_some_and(|result| result < 0);
    Some(match field.id {
        FieldId::EvtNum => Value::Unsigned(event.number),
        FieldId::EvtTime | FieldId::EvtOutputtime => Value::owned(time::of_day(event.time, view.context)),
        FieldId::EvtTimeS => Value::owned(time::of_day_seconds(event.time, view.context)),
        FieldId::EvtTimeIso8601 => Value::owned(time::iso8601(event.time)),
        FieldId::EvtDatetime => Value::owned(time::date(event.time, view.context)),
        FieldId::EvtDatetimeS => Value::owned(time::date_seconds(event.time, view.context)),
        FieldId::EvtRawtime => Value::Unsigned(event.time.0),
        FieldId::EvtRawtimeS => Value::Unsigned(event.time.0 / time::NANOSECONDS),
        FieldId::EvtRawtimeNs => Value::Unsigned(event.time.0 % time::NANOSECONDS),
        FieldId::EvtSource => Value::text("syscall"),
        FieldId::EvtIsAsync => Value::Bool(notice(view).is_some()),
        FieldId::EvtAsynctype => Value::text(notice(view)?),
        FieldId::EvtReltime | FieldId::EvtReltimeNs | FieldId::EvtReltimeS => {
            Value::Unsigned(unit(since_first_ns(view), field.id))
        }
        FieldId::EvtDeltatime | FieldId::EvtDeltatimeNs | FieldId::EvtDeltatimeS => {
            let printed_ns = if view.details().is_some() { 0 } else { since_previous_ns(view) };
            Value::Unsigned(unit(printed_ns, field.id))
        }
        // Nobody knows what the machine of a capture is called for its watchers.
        FieldId::EvtHostname if event.details.is_some() => Value::text(""),
        FieldId::EvtHostname => Value::text(&view.context.hostname),
        // Falco has entries of what is no call, and exits of calls.
        FieldId::EvtDir => Value::text(if schema.syscall { "<" } else { ">" }),
        FieldId::EvtType => Value::text(event.kind.name()),
        FieldId::EvtTypeIs => Value::Unsigned(u64::from(is_kind(event.kind, &field.argument))),
        FieldId::SyscallType if schema.syscall => Value::text(event.kind.name()),
        FieldId::EvtCategory => Value::text(category(view)),
        FieldId::EvtCpu => Value::Signed(event.cpu.into()),
        // The parameters of calls without an event of their own are of no use to anybody.
        FieldId::EvtArgs | FieldId::EvtInfo if schema.is_generic() => Value::text(""),
        FieldId::EvtArgs | FieldId::EvtInfo => Value::owned(render::all(&event.parameters)),
        FieldId::EvtArg => argument_text(view, &field.argument)?,
        FieldId::EvtRawarg => of_type(render::native(&parameter(view, &field.argument)?.value)?, field.value_type()),
        FieldId::EvtAbspath => absolute_path(view, &field.argument)?,
        FieldId::EvtBuffer => Value::Bytes(data(view)?.into()),
        FieldId::EvtBuflen => Value::Unsigned(transferred(view)?),
        FieldId::EvtRes => result_text(event.result?),
        FieldId::EvtRawres => Value::Signed(event.result?),
        FieldId::EvtFailed => Value::Bool(event.result? < 0),
        FieldId::EvtIsIo => Value::Bool(schema.reads || schema.writes),
        FieldId::EvtIsIoRead => Value::Bool(schema.reads),
        FieldId::EvtIsIoWrite => Value::Bool(schema.writes),
        FieldId::EvtIoDir if schema.reads => Value::text("read"),
        FieldId::EvtIoDir if schema.writes => Value::text("write"),
        FieldId::EvtIsWait => Value::Bool(schema.waits),
        FieldId::EvtIsSyslog => {
            Value::Bool(schema.writes && descriptor::name(view).is_some_and(|name| name.contains("/dev/log")))
        }
        FieldId::EvtCount | FieldId::EvtCountExit => Value::Unsigned(1),
        FieldId::EvtCountError => Value::Unsigned(u64::from(failed)),
        FieldId::EvtCountErrorFile => Value::Unsigned(u64::from(failed && schema.category == "file")),
        FieldId::EvtCountErrorNet => Value::Unsigned(u64::from(failed && schema.category == "net")),
        FieldId::EvtCountErrorMemory => Value::Unsigned(u64::from(failed && schema.category == "memory")),
        FieldId::EvtCountErrorOther => {
            Value::Unsigned(u64::from(failed && !matches!(schema.category, "file" | "net" | "memory")))
        }
        FieldId::EvtIsOpenRead => Value::Bool(open_flags(view).is_some_and(|flags| flags & READ != 0)),
        FieldId::EvtIsOpenWrite => Value::Bool(open_flags(view).is_some_and(|flags| flags & WRITE != 0)),
        FieldId::EvtIsOpenExec => Value::Bool(makes_executable(view)),
        FieldId::EvtIsOpenCreate => Value::Bool(open_flags(view).is_some_and(|flags| creates(flags, failed))),
        FieldId::EvtVia => Value::text(match event.via {
            Via::Syscall => "syscall",
            Via::IoUring => "io_uring",
            Via::Compat => "compat",
        }),
        FieldId::EvtTrust => Value::text(match event.trust {
            Trust::Kernel => "kernel",
            Trust::User => "user",
        }),
        _ => return None,
    })
}

/// What an event tells that is about no call.
fn notice(view: EventView<'_>) -> Option<&str> {
    if let Some(details) = view.details() {
        return details.notice.as_deref();
    }
    let ParameterValue::Text(name) = &named(view, "name")?.value else { return None };
    (view.event.kind == kinds::ASYNCEVENT).then_some(name)
}

/// Events disagree about the sign of parameters of the same name; rules are compiled for one of them.
fn of_type(value: Value<'_>, kind: Option<FieldType>) -> Value<'_> {
    match (kind, value) {
        (Some(FieldType::Signed), Value::Unsigned(number)) => Value::Signed(number.cast_signed()),
        (Some(FieldType::Unsigned), Value::Signed(number)) => Value::Unsigned(number.cast_unsigned()),
        (_, value) => value,
    }
}

/// What the event is about; of transfers it depends on what they go through.
fn category(view: EventView<'_>) -> &'static str {
    let category = view.schema().category;
    if !category.starts_with("IO-") {
        return category;
    }
    match view.event.fd.as_ref().and_then(|fd| fd.kind) {
        Some(FdKind::File | FdKind::Directory) => "file",
        Some(FdKind::Ipv4 | FdKind::Ipv6) => "net",
        Some(FdKind::Pipe | FdKind::Unix | FdKind::Event | FdKind::Signal | FdKind::Inotify) => "ipc",
        _ => "unknown",
    }
}

/// The time since the event before, in the unit of the field.
pub(super) fn since_previous(view: EventView<'_>, id: FieldId) -> u64 {
    unit(since_previous_ns(view), id)
}

fn since_first_ns(view: EventView<'_>) -> u64 {
    match view.details() {
        Some(details) => details.since_first_ns,
        None => view.event.time.0.saturating_sub(view.event.moment.first.0),
    }
}

fn since_previous_ns(view: EventView<'_>) -> u64 {
    match view.details() {
        Some(details) => details.since_previous_ns,
        None => view.event.time.0.saturating_sub(view.event.moment.previous.0),
    }
}

/// How many milliseconds, begun ones included, lie between the event and the time in brackets.
pub(super) fn distance_ms<'a>(view: EventView<'_>, argument: &Argument) -> Option<Value<'a>> {
    const NANOSECONDS_PER_MS: u64 = 1_000_000;
    let Argument::Key(text) = argument else { return None };
    let moment_ns: u64 = text.parse().ok()?;
    Some(Value::Unsigned(view.event.time.0.abs_diff(moment_ns).div_ceil(NANOSECONDS_PER_MS)))
}

/// The whole seconds, the nanoseconds beyond them, or all of it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields are in nanoseconds")]
fn unit(ns: u64, id: FieldId) -> u64 {
    match id {
        FieldId::EvtReltimeS | FieldId::EvtDeltatimeS => ns / time::NANOSECONDS,
        FieldId::EvtReltimeNs | FieldId::EvtDeltatimeNs => ns % time::NANOSECONDS,
        _ => ns,
    }
}

fn is_kind(kind: EventKind, argument: &Argument) -> bool {
    matches!(argument, Argument::Key(name) if **name == *kind.name())
}

fn parameter<'a>(view: EventView<'a>, argument: &Argument) -> Option<&'a Parameter> {
    match argument {
        Argument::Index(index) => view.event.parameters.get(usize::try_from(*index).ok()?),
        Argument::Key(name) => named(view, name),
        Argument::None | Argument::Pattern(_) => None,
    }
}

pub(super) fn named<'a>(view: EventView<'a>, name: &str) -> Option<&'a Parameter> {
    view.event.parameters.iter().find(|parameter| parameter.name == name)
}

/// The text of a parameter. Under another name of the file, the parameter that named the file says that name.
fn argument_text<'a>(view: EventView<'a>, argument: &Argument) -> Option<Value<'a>> {
    let value = &parameter(view, argument)?.value;
    match view.alias {
        Some(alias) if names_the_file(view, value) => Some(Value::text(alias)),
        _ => Some(render::compared(value)),
    }
}

/// Tests the text of a parameter without making it on the heap.
pub(super) fn test_argument(
    view: EventView<'_>,
    argument: &Argument,
    mut test: impl FnMut(&Value<'_>) -> bool,
) -> bool {
    let Some(Parameter { value, .. }) = parameter(view, argument) else { return false };
    match view.alias {
        Some(alias) if names_the_file(view, value) => test(&Value::text(alias)),
        _ => test(&render::compared_in(value, &mut render::Scratch::default())),
    }
}

fn names_the_file(view: EventView<'_>, value: &ParameterValue) -> bool {
    let ParameterValue::Path { given, resolved } = value else { return false };
    view.event.fd.as_ref().is_some_and(|fd| fd.name == *resolved.as_ref().unwrap_or(given))
}

/// The path of a call that names the directory it starts from.
fn absolute_path<'a>(view: EventView<'a>, argument: &Argument) -> Option<Value<'a>> {
    if !matches!(
        view.event.kind,
        kinds::OPENAT
            | kinds::OPENAT2
            | kinds::RENAMEAT
            | kinds::RENAMEAT2
            | kinds::SYMLINKAT
            | kinds::LINKAT
            | kinds::UNLINKAT
            | kinds::MKDIRAT
    ) {
        return None;
    }
    let source = matches!(argument, Argument::Key(key) if &**key != "dst");
    let mut paths = view.event.parameters.iter().filter_map(|parameter| {
        let ParameterValue::Path { given, resolved } = &parameter.value else { return None };
        Some(resolved.as_ref().unwrap_or(given))
    });
    paths.nth(usize::from(!source)).map(|path| Value::text(path))
}

/// How much went through the descriptor, if it is known; Falco says so of all calls that may transfer something.
fn transferred(view: EventView<'_>) -> Option<u64> {
    let known = view.event.fd.as_ref().is_some_and(|fd| fd.kind.is_some());
    let transfers = known && view.schema().category.starts_with("IO-");
    view.event.result.filter(|_| transfers).and_then(|result| u64::try_from(result).ok())
}

fn data(view: EventView<'_>) -> Option<&[u8]> {
    let ParameterValue::Bytes(bytes) = &named(view, "data")?.value else { return None };
    Some(bytes)
}

pub(crate) fn result_text<'a>(result: i64) -> Value<'a> {
    if result >= 0 {
        return Value::text("SUCCESS");
    }
    errno::name(-result).map_or_else(|| Value::owned(result.to_string()), Value::text)
}

/// Flags of the open family, `None` for other events.
fn open_flags(view: EventView<'_>) -> Option<u64> {
    let family = matches!(view.event.kind, kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 | kinds::OPEN_BY_HANDLE_AT);
    if !family {
        return None;
    }
    number(named(view, "flags")?)
}

fn makes_executable(view: EventView<'_>) -> bool {
    let executable = || named(view, "mode").and_then(number).is_some_and(|mode| mode & MODE_EXECUTE != 0);
    match view.event.kind {
        kinds::CREAT => executable(),
        kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 => {
            open_flags(view).is_some_and(|flags| flags & (CREATE | TEMPORARY) != 0) && executable()
        }
        _ => false,
    }
}

fn creates(flags: u64, failed: bool) -> bool {
    flags & CREATED != 0 || flags & TEMPORARY != 0 && !failed
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the other values are no bits")]
fn number(parameter: &Parameter) -> Option<u64> {
    match &parameter.value {
        ParameterValue::Unsigned(bits) | ParameterValue::Octal(bits) | ParameterValue::Hex(bits) => Some(*bits),
        ParameterValue::Flags(bits, _) | ParameterValue::Enum(bits, _) => Some(*bits),
        ParameterValue::Mode(mode) => Some((*mode).into()),
        _ => None,
    }
}
