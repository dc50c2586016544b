//! `proc.*`, `thread.*`, `user.*`, `group.*`.

use super::super::{Argument, FieldId, FieldRef, Value};
use super::{EventView, capability, live};
use crate::event::{Process, Timestamp, User};

#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are never set")]
pub(super) fn value<'a>(view: EventView<'a>, field: &FieldRef) -> Option<Value<'a>> {
    let process = &*view.event.process;
    let parent = || view.ancestor(1);
    Some(match field.id {
        FieldId::ProcName => Value::text(&process.name),
        FieldId::ProcPname => Value::text(&parent()?.name),
        FieldId::ProcExe => Value::text(&process.exe),
        FieldId::ProcPexe => Value::text(&parent()?.exe),
        FieldId::ProcExepath => Value::text(&process.exe_path),
        FieldId::ProcPexepath => Value::text(&parent()?.exe_path),
        FieldId::ProcCmdline => Value::text(&process.command_line),
        FieldId::ProcPcmdline => Value::text(&parent()?.command_line),
        // Without a distance Falco prints the process itself.
        FieldId::ProcApid if field.argument == Argument::None => Value::Signed(known(process.pid)?),
        FieldId::ProcAname
        | FieldId::ProcAexe
        | FieldId::ProcAexepath
        | FieldId::ProcAcmdline
        | FieldId::ProcAargs
        | FieldId::ProcApid => return ancestor(view, field),
        FieldId::ProcAenv => return ancestor_environment(view, &field.argument),
        FieldId::ProcArgs => arguments(process, &field.argument),
        FieldId::ProcCmdnargs => Value::Unsigned(process.arguments.len() as u64),
        FieldId::ProcCmdlenargs => Value::Unsigned(process.arguments.iter().map(|it| it.len() as u64).sum()),
        FieldId::ProcExeline => Value::owned(exe_line(process)),
        FieldId::ProcEnv => environment(process, &field.argument)?,
        FieldId::ProcCwd => Value::text(&process.cwd),
        FieldId::ProcLoginshellid => Value::Signed(view.family().filter(|it| it.name.ends_with("sh")).last()?.pid),
        FieldId::ProcTty => Value::Unsigned(process.tty.into()),
        FieldId::ProcPid => Value::Signed(process.pid),
        FieldId::ProcPpid => Value::Signed(parent()?.pid),
        FieldId::ProcVpid => Value::Signed(known(process.virtual_pid)?),
        FieldId::ProcPvpid => Value::Signed(known(parent()?.virtual_pid)?),
        FieldId::ProcSid => Value::Signed(process.session_id),
        FieldId::ProcVpgid => Value::Signed(process.virtual_group_id),
        FieldId::ProcPgid => Value::Signed(process.group_id),
        FieldId::ProcSname => leader(view, Group::Session, |it| &it.name),
        FieldId::ProcSidExe => leader(view, Group::Session, |it| &it.exe),
        FieldId::ProcSidExepath => leader(view, Group::Session, |it| &it.exe_path),
        FieldId::ProcVpgidName => leader(view, Group::Virtual, |it| &it.name),
        FieldId::ProcVpgidExe => leader(view, Group::Virtual, |it| &it.exe),
        FieldId::ProcVpgidExepath => leader(view, Group::Virtual, |it| &it.exe_path),
        FieldId::ProcPgidName => leader(view, Group::Host, |it| &it.name),
        FieldId::ProcPgidExe => leader(view, Group::Host, |it| &it.exe),
        FieldId::ProcPgidExepath => leader(view, Group::Host, |it| &it.exe_path),
        FieldId::ProcIsSidLeader => Value::Bool(process.session_id == process.virtual_pid),
        FieldId::ProcIsVpgidLeader => Value::Bool(process.virtual_group_id == process.virtual_pid),
        FieldId::ProcIsPgidLeader => Value::Bool(process.group_id == process.pid),
        FieldId::ProcDuration => since(view, process)?,
        // For a parent whose start is not known Falco says how many descriptors are open.
        FieldId::ProcPpidDuration => match (since(view, parent()?), view.details()) {
            (Some(since), _) => since,
            (None, Some(details)) => Value::Unsigned(details.fd_count),
            (None, None) => return None,
        },
        FieldId::ProcPidTs => Value::Unsigned(set(process.started_at)?),
        FieldId::ProcPpidTs => Value::Unsigned(parent()?.started_at.0),
        FieldId::ProcPidnsInitStartTs => Value::Unsigned(set(process.pid_namespace_started_at)?),
        FieldId::ProcIsExeWritable => Value::Bool(process.exe_writable),
        FieldId::ProcIsExeUpperLayer => Value::Bool(process.exe_upper_layer),
        FieldId::ProcIsExeLowerLayer => Value::Bool(process.exe_lower_layer),
        FieldId::ProcIsExeFromMemfd => Value::Bool(process.exe_from_memfd),
        FieldId::ProcExeIno
        | FieldId::ProcExeInoCtime
        | FieldId::ProcExeInoMtime
        | FieldId::ProcExeInoCtimeDurationProcStart
        | FieldId::ProcExeInoCtimeDurationPidnsStart => return executable(process, field.id),
        FieldId::ThreadCapPermitted => Value::owned(capability::names(process.capabilities.permitted)),
        FieldId::ThreadCapInheritable => Value::owned(capability::names(process.capabilities.inheritable)),
        FieldId::ThreadCapEffective => Value::owned(capability::names(process.capabilities.effective)),
        FieldId::ThreadTid => Value::Signed(view.event.thread_id),
        FieldId::ThreadVtid => Value::Signed(known(view.event.virtual_thread_id)?),
        FieldId::ThreadIsmain => Value::Bool(view.event.thread_id == process.pid),
        FieldId::ThreadNametid => Value::owned(format!("{}{}", process.name, view.event.thread_id)),
        FieldId::ThreadExectime | FieldId::ThreadTotexectime => {
            view.details()?;
            Value::Unsigned(0)
        }
        FieldId::ThreadCgroups | FieldId::ThreadCgroup if process.cgroup.is_empty() => return None,
        FieldId::ThreadCgroups | FieldId::ThreadCgroup => Value::text(&process.cgroup),
        _ => return resources(view, field.id),
    })
}

/// What is known of an event without a process.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields need a process")]
pub(super) fn of_nobody<'a>(view: EventView<'a>, id: FieldId) -> Option<Value<'a>> {
    match id {
        FieldId::ThreadTid => Some(Value::Signed(view.event.thread_id)),
        FieldId::ThreadExectime => Some(Value::Unsigned(0)),
        _ => None,
    }
}

/// Threads, descriptors, memory: a source with tables of them has them, else the machine is asked.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other fields of the class are never set")]
fn resources(view: EventView<'_>, id: FieldId) -> Option<Value<'_>> {
    let Some(details) = view.details() else { return live::process(view, id) };
    let [size, resident, swapped] = details.memory_kib;
    let main = |kib: u64| if view.event.thread_id == view.event.process.pid { kib } else { 0 };
    let standard = |fd: usize| details.standard[fd].as_ref();
    Some(match id {
        FieldId::ProcNthreads => Value::Unsigned(details.threads),
        FieldId::ProcNchilds => Value::Unsigned(details.threads.saturating_sub(1)),
        FieldId::ProcFdlimit => Value::Signed(details.fd_limit),
        FieldId::ProcFdopencount => Value::Unsigned(details.fd_count),
        FieldId::ProcFdusage => Value::Float(live::usage(details.fd_count, details.fd_limit)),
        FieldId::ProcVmsize => Value::Unsigned(size),
        FieldId::ProcVmrss => Value::Unsigned(resident),
        FieldId::ProcVmswap => Value::Unsigned(swapped),
        FieldId::ThreadVmsize => Value::Unsigned(main(size)),
        FieldId::ThreadVmrss => Value::Unsigned(main(resident)),
        FieldId::ThreadPfmajor => Value::Unsigned(details.page_faults[0]),
        FieldId::ThreadPfminor => Value::Unsigned(details.page_faults[1]),
        FieldId::ProcStdinName => Value::text(&standard(0)?.1),
        FieldId::ProcStdoutName => Value::text(&standard(1)?.1),
        FieldId::ProcStderrName => Value::text(&standard(2)?.1),
        FieldId::ProcStdinType => Value::text(standard(0)?.0.name()),
        FieldId::ProcStdoutType => Value::text(standard(1)?.0.name()),
        FieldId::ProcStderrType => Value::text(standard(2)?.0.name()),
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "users and groups have no other fields")]
pub(super) fn account(view: EventView<'_>, id: FieldId) -> Option<Value<'_>> {
    let process = &*view.event.process;
    Some(match id {
        FieldId::UserUid => Value::Unsigned(process.user.id.into()),
        FieldId::UserName => Value::text(&process.user.name),
        FieldId::UserHomedir => Value::text(or_na(&process.user, &process.user.home)),
        FieldId::UserShell => Value::text(or_na(&process.user, &process.user.shell)),
        FieldId::UserLoginuid => {
            Value::Signed(if process.login_user.id == u32::MAX { -1 } else { process.login_user.id.into() })
        }
        FieldId::UserLoginname => Value::text(&process.login_user.name),
        FieldId::GroupGid => Value::Unsigned(process.group.id.into()),
        FieldId::GroupName => Value::text(&process.group.name),
        _ => return None,
    })
}

/// The value of an `proc.a*` field for one ancestor.
#[expect(clippy::wildcard_enum_match_arm, reason = "only these fields ask an ancestor")]
pub(super) fn of_ancestor(process: &Process, id: FieldId) -> Option<Value<'_>> {
    Some(match id {
        FieldId::ProcAname => Value::text(&process.name),
        FieldId::ProcAexe => Value::text(&process.exe),
        FieldId::ProcAexepath => Value::text(&process.exe_path),
        FieldId::ProcAcmdline => Value::text(&process.command_line),
        FieldId::ProcAargs => Value::text(&process.arguments_text),
        FieldId::ProcApid => Value::Signed(process.pid),
        _ => return None,
    })
}

/// One ancestor by its distance; without a distance all of them, joined, as outputs print them.
fn ancestor<'a>(view: EventView<'a>, field: &FieldRef) -> Option<Value<'a>> {
    if field.argument != Argument::None {
        return of_ancestor(indexed(view, &field.argument)?, field.id);
    }
    let values = view.family().skip(1).filter_map(|process| of_ancestor(process, field.id));
    let texts: Vec<String> = values.map(|value| value.to_field_value().to_string()).collect();
    // What comes before the first text is nothing, not blanks.
    let first = texts.iter().position(|text| !text.is_empty())?;
    Some(Value::owned(texts[first..].join(" ")))
}

fn indexed<'a>(view: EventView<'a>, argument: &Argument) -> Option<&'a Process> {
    match argument {
        Argument::Index(index) => view.ancestor(usize::try_from(*index).ok()?),
        Argument::None => view.ancestor(1),
        Argument::Key(_) | Argument::Pattern(_) => None,
    }
}

/// All arguments, or one; one that is not there is empty, not missing.
fn arguments<'a>(process: &'a Process, argument: &Argument) -> Value<'a> {
    match argument {
        Argument::Index(index) => {
            let one = usize::try_from(*index).ok().and_then(|index| process.arguments.get(index));
            Value::text(one.map(|it| &**it).unwrap_or_default())
        }
        Argument::None | Argument::Key(_) | Argument::Pattern(_) => Value::text(&process.arguments_text),
    }
}

/// The whole environment, or one variable of it; one that is not there is empty.
fn environment<'a>(process: &'a Process, argument: &Argument) -> Option<Value<'a>> {
    match argument {
        Argument::Key(name) => Some(Value::text(variable(process, name).unwrap_or_default())),
        Argument::None | Argument::Index(_) | Argument::Pattern(_) => Some(Value::owned(process.environment.join(" "))),
    }
}

fn variable<'a>(process: &'a Process, name: &str) -> Option<&'a str> {
    let mut pairs = process.environment.iter().filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// The environment of an ancestor, or a variable of the nearest one that has it.
fn ancestor_environment<'a>(view: EventView<'a>, argument: &Argument) -> Option<Value<'a>> {
    match argument {
        Argument::Key(name) => {
            let found = view.family().skip(1).find_map(|process| variable(process, name));
            Some(Value::text(found.unwrap_or_default()))
        }
        Argument::Index(_) => Some(Value::owned(indexed(view, argument)?.environment.join(" "))),
        Argument::None | Argument::Pattern(_) => Some(Value::owned(view.event.process.environment.join(" "))),
    }
}

/// Falco leaves the blank behind a program without arguments.
fn exe_line(process: &Process) -> String {
    format!("{} {}", process.exe, process.arguments_text)
}

fn known(id: i64) -> Option<i64> {
    (id != -1).then_some(id)
}

fn set(time: Timestamp) -> Option<u64> {
    (time.0 != 0).then_some(time.0)
}

fn since<'a>(view: EventView<'_>, process: &Process) -> Option<Value<'a>> {
    let started = set(process.started_at)?;
    Some(Value::Unsigned(view.event.time.0.saturating_sub(started)))
}

/// Falco prints home and shell of an account without entry as `<NA>`.
fn or_na<'a>(user: &User, text: &'a str) -> &'a str {
    if text.is_empty() && &*user.name == "<NA>" { "<NA>" } else { text }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only fields of the executable arrive here")]
fn executable<'a>(process: &Process, id: FieldId) -> Option<Value<'a>> {
    if process.exe_inode == 0 {
        return None;
    }
    let changed = process.exe_changed_at.0;
    Some(match id {
        FieldId::ProcExeIno => Value::Signed(process.exe_inode.cast_signed()),
        FieldId::ProcExeInoCtime => Value::Unsigned(changed),
        FieldId::ProcExeInoMtime => Value::Unsigned(process.exe_modified_at.0),
        // Falco computes it in 64 bits without a sign; a process older than its executable shows a huge number.
        FieldId::ProcExeInoCtimeDurationProcStart => Value::Unsigned(process.started_at.0.wrapping_sub(changed)),
        _ => Value::Unsigned(changed.checked_sub(set(process.pid_namespace_started_at)?)?),
    })
}

/// The groups of processes that have a leader.
#[derive(Clone, Copy)]
enum Group {
    Session,
    Virtual,
    Host,
}

impl Group {
    fn id(self, process: &Process) -> i64 {
        match self {
            Self::Session => process.session_id,
            Self::Virtual => process.virtual_group_id,
            Self::Host => process.group_id,
        }
    }
}

/// A text of the leader of a group. The leader is the process whose host id is the group's id; inside a pid namespace,
/// where that id says nothing, or when it is gone, the oldest of the unbroken line of ancestors in the same group.
fn leader<'a>(view: EventView<'a>, group: Group, text: fn(&'a Process) -> &'a str) -> Value<'a> {
    if let Some(details) = view.details() {
        return Value::text(details.leaders[group as usize].as_deref().map(text).unwrap_or_default());
    }
    let process = &*view.event.process;
    let id = group.id(process);
    if id == -1 {
        return Value::text("");
    }
    let host = matches!(group, Group::Host) || process.virtual_pid == process.pid;
    let direct = || view.family().find(|it| it.pid == id);
    let oldest = || view.family().take_while(|it| group.id(it) == id).last();
    let leader = if host { direct().or_else(oldest) } else { oldest() };
    Value::text(leader.map(text).unwrap_or_default())
}
