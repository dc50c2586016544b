//! Fields that are asked of the machine while the event is judged.

use super::super::{Argument, FieldId, Value};
use super::EventView;
use crate::event::{Endpoint, Event, FdKind, Resources, Role, Surroundings, Text};

/// Threads, descriptors, memory and time of the process.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are answered elsewhere or never set")]
pub(super) fn process(view: EventView<'_>, id: FieldId) -> Option<Value<'_>> {
    let (event, machine) = (view.event, view.event.moment.machine.as_deref()?);
    let resources = || machine.resources(event);
    let memory = |which: usize| Some(Value::Unsigned(resources()?.memory_kib?[which]));
    let of_main = |which| if is_main(event) { memory(which) } else { Some(Value::Unsigned(0)) };
    let cpu = |share: fn(Resources) -> f64| Some(Value::Float(share(resources()?)));
    match id {
        FieldId::ProcNthreads => Some(Value::Unsigned(resources()?.threads)),
        FieldId::ProcNchilds => Some(Value::Unsigned(resources()?.threads.saturating_sub(1))),
        FieldId::ProcFdlimit => Some(Value::Signed(resources()?.fd_limit)),
        FieldId::ProcFdopencount => Some(Value::Unsigned(machine.fd_count(event)?)),
        FieldId::ProcFdusage => Some(Value::Float(usage(machine.fd_count(event)?, resources()?.fd_limit))),
        FieldId::ProcVmsize => memory(0),
        FieldId::ProcVmrss => memory(1),
        FieldId::ProcVmswap => memory(2),
        FieldId::ThreadVmsize => of_main(0),
        FieldId::ThreadVmrss => of_main(1),
        FieldId::ThreadPfmajor => Some(Value::Unsigned(resources()?.page_faults[0])),
        FieldId::ThreadPfminor => Some(Value::Unsigned(resources()?.page_faults[1])),
        FieldId::ThreadCpu => cpu(|it| it.cpu_percent[0] + it.cpu_percent[1]),
        FieldId::ThreadCpuUser => cpu(|it| it.cpu_percent[0]),
        FieldId::ThreadCpuSystem => cpu(|it| it.cpu_percent[1]),
        FieldId::ProcStdinName => name(machine.descriptor(event, 0)?),
        FieldId::ProcStdoutName => name(machine.descriptor(event, 1)?),
        FieldId::ProcStderrName => name(machine.descriptor(event, 2)?),
        FieldId::ProcStdinType => kind(machine.descriptor(event, 0)?),
        FieldId::ProcStdoutType => kind(machine.descriptor(event, 1)?),
        FieldId::ProcStderrType => kind(machine.descriptor(event, 2)?),
        _ => None,
    }
}

/// The kinds of all open descriptors, each once, or that of one descriptor.
pub(super) fn descriptor_kinds<'a>(view: EventView<'_>, argument: &Argument) -> Option<Value<'a>> {
    let (event, machine) = (view.event, view.event.moment.machine.as_deref()?);
    let named = |kind: FdKind| Value::text(kind.name());
    match argument {
        Argument::None => {
            let kinds = machine.fd_kinds(event).filter(|kinds| !kinds.is_empty())?;
            Some(Value::List(kinds.into_iter().map(named).collect()))
        }
        Argument::Index(number) => Some(Value::List(vec![named(machine.descriptor(event, *number)?.0)])),
        Argument::Key(_) | Argument::Pattern(_) => None,
    }
}

/// Calls `test` with each name of an end of the socket until it says true; with the empty name when it has none.
pub(super) fn any_host_name(view: EventView<'_>, id: FieldId, mut test: impl FnMut(&Value<'_>) -> bool) -> bool {
    if view.event.fd.as_ref().is_none_or(|fd| fd.kind.is_none()) {
        return false;
    }
    match host_names(view, id) {
        Some(names) if !names.is_empty() => names.iter().any(|name| test(&Value::text(name))),
        // Falco finds a name for whatever the descriptor is, an empty one if it knows none.
        _ => test(&Value::text("")),
    }
}

/// The first name of an end of the socket, as outputs print it.
pub(super) fn host_name(view: EventView<'_>, id: FieldId) -> Option<Value<'_>> {
    host_names(view, id)?.first().map(|name| Value::owned(name.to_string()))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only names of addresses arrive here")]
fn host_names(view: EventView<'_>, id: FieldId) -> Option<std::sync::Arc<[Text]>> {
    let machine: &dyn Surroundings = view.event.moment.machine.as_deref()?;
    let socket = view.event.fd.as_ref()?.socket.as_ref()?;
    let told = |end: Option<Endpoint>| end.filter(|_| socket.remote.is_some() && socket.role != Role::Unknown);
    let end = match id {
        FieldId::FdCipName => socket.client(),
        FieldId::FdSipName => socket.server(),
        FieldId::FdLipName => told(socket.local),
        FieldId::FdRipName => told(socket.remote),
        _ => None,
    };
    machine.names_of(end?.address)
}

fn is_main(event: &Event) -> bool {
    event.thread_id == event.process.pid
}

fn name<'a>((_, name): (FdKind, Text)) -> Option<Value<'a>> {
    Some(Value::owned(name.to_string()))
}

fn kind<'a>((kind, _): (FdKind, Text)) -> Option<Value<'a>> {
    Some(Value::text(kind.name()))
}

/// Percent of the limit; 0 without one.
pub(super) fn usage(count: u64, limit: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 52 bits")]
    if limit > 0 { count as f64 * 100.0 / limit as f64 } else { 0.0 }
}
