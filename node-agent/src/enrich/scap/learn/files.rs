//! Files, pipes and directories.

use tiercel_detection::event::FdKind;

use super::super::call::Call;
use super::super::descriptor::Descriptor;
use super::super::path::join;
use super::super::state::CaptureState;
use super::add;
use crate::capture::scap::CapturedEvent;
use crate::capture::scap::tables;

/// Falco's encoding of `O_DIRECTORY`.
const OPEN_DIRECTORY: u32 = 0x400;
/// Falco's encoding of `O_CLOEXEC`.
const CLOSE_ON_EXEC: u32 = 0x1000;
/// Where descriptors of processes point.
const PROCESSES: &str = "/proc/";
/// Falco's numbers of the commands of fcntl that make a descriptor.
const DUPLICATE: u32 = 1;
const DUPLICATE_CLOSE_ON_EXEC: u32 = 26;

/// The text for a path that was not recorded.
const NO_PATH: &str = "<NA>";
/// Stands for the directory behind a descriptor that is not known.
pub(super) const UNKNOWN_DIRECTORY: &str = "<UNKNOWN>";
/// The first flag that the call itself does not have: flags from here on are facts that the exit adds.
const ADDED_FLAGS: u32 = !(0x4000 - 1);
const UPPER_LAYER: u32 = 0x8000;
const LOWER_LAYER: u32 = 0x1_0000;

pub(super) fn opened(state: &mut CaptureState, call: Call<'_>, entry: Option<&CapturedEvent>) {
    let Some(fd) = call.result().filter(|fd| *fd >= 0) else { return };
    let opening = Opening::new(call, entry);
    let kind = if opening.flags & OPEN_DIRECTORY != 0 { FdKind::Directory } else { FdKind::File };
    let path = joined(&directory_of(state, call, &opening), &opening.name);
    let mut descriptor = Descriptor::named(kind, &path);
    descriptor.raw_name = crate::enrich::path::without_repeated_slashes(&opening.name).into();
    descriptor.open_flags = opening.flags;
    descriptor.device = call.unsigned("dev").unwrap_or(0);
    descriptor.inode = call.unsigned("ino").unwrap_or(0);
    add(state, call, fd, descriptor);
}

/// What is opened. The entry of the call is believed before its exit: another thread may have changed the path between
/// both, after the kernel had read it.
struct Opening {
    name: String,
    flags: u32,
    dirfd: Option<i64>,
}

impl Opening {
    fn new(call: Call<'_>, entry: Option<&CapturedEvent>) -> Self {
        let name = call.text("name").or_else(|| call.text("path")).unwrap_or_default();
        let flags = match call.row.name {
            "creat" => layers(call.word("creat_flags").unwrap_or(0)),
            _ => call.word("flags").unwrap_or(0),
        };
        let given = Self { name, flags, dirfd: call.number("dirfd") };
        let entry = entry.and_then(|event| Some(Call { event, row: tables::event(event.code)? }));
        let Some(entry) = entry.filter(|entry| entry.bytes("name").is_some()) else { return given };
        match entry.text("name") {
            Some(name) if name != NO_PATH => Self {
                name,
                flags: entry.word("flags").unwrap_or(0) | given.flags & ADDED_FLAGS,
                dirfd: entry.number("dirfd"),
            },
            _ => given,
        }
    }
}

/// The layer of an overlay that creat found the file in.
fn layers(creat_flags: u32) -> u32 {
    const CREAT_UPPER_LAYER: u32 = 1;
    const CREAT_LOWER_LAYER: u32 = 2;
    match creat_flags {
        flags if flags & CREAT_UPPER_LAYER != 0 => UPPER_LAYER,
        flags if flags & CREAT_LOWER_LAYER != 0 => LOWER_LAYER,
        _ => 0,
    }
}

fn directory_of(state: &CaptureState, call: Call<'_>, opening: &Opening) -> String {
    match call.row.name {
        "openat" | "openat2" => match opening.dirfd {
            None => String::new(),
            dirfd => directory(state, call, &opening.name, dirfd),
        },
        "open_by_handle_at" => String::new(),
        _ => state.threads.cwd(call.event.tid).to_owned(),
    }
}

/// The directory that a path starts from.
pub(super) fn directory(state: &CaptureState, call: Call<'_>, path: &str, base: Option<i64>) -> String {
    const AT_FDCWD: i64 = -100;
    let tid = call.event.tid;
    match base {
        _ if path.starts_with('/') => String::new(),
        None | Some(AT_FDCWD) => state.threads.cwd(tid).to_owned(),
        Some(fd) => match state.threads.descriptors(tid).and_then(|table| table.get(fd)) {
            Some(directory) => directory.name.to_string(),
            None => UNKNOWN_DIRECTORY.to_owned(),
        },
    }
}

/// A path as an absolute one, as far as its directory is known.
pub(in super::super) fn absolute(state: &CaptureState, call: Call<'_>, path: &str, base: Option<i64>) -> String {
    joined(&directory(state, call, path, base), path)
}

fn joined(directory: &str, path: &str) -> String {
    if directory == UNKNOWN_DIRECTORY { format!("{directory}/{path}") } else { join(directory, path) }
}

pub(super) fn directory_changed(state: &mut CaptureState, call: Call<'_>) {
    if let Some(path) = call.text("path")
        && call.result() == Some(0)
    {
        go(state, call, &path);
    }
}

pub(super) fn directory_changed_by_descriptor(state: &mut CaptureState, call: Call<'_>) {
    let Some(fd) = call.number("fd").filter(|_| call.result() == Some(0)) else { return };
    let name = state.threads.descriptors(call.event.tid).and_then(|table| table.get(fd)).map(|it| it.name.clone());
    if let Some(name) = name {
        go(state, call, &name);
    }
}

pub(super) fn directory_told(state: &mut CaptureState, call: Call<'_>) {
    if let Some(path) = call.text("path").filter(|path| path.starts_with('/'))
        && call.result().is_some_and(|result| result >= 0)
    {
        go(state, call, &path);
    }
}

fn go(state: &mut CaptureState, call: Call<'_>, directory: &str) {
    let owner = state.threads.directory_owner(call.event.tid);
    if let Some(thread) = owner.and_then(|owner| state.threads.get_mut(owner)) {
        thread.set_cwd(directory);
    }
}

/// The descriptor goes before the next event.
pub(super) fn closed(state: &mut CaptureState, call: Call<'_>) {
    if let Some(fd) = call.number("fd").filter(|_| call.result().is_some_and(|result| result >= 0)) {
        state.leaving.descriptors.push((call.event.tid, fd));
    }
}

pub(super) fn duplicated(state: &mut CaptureState, call: Call<'_>) {
    let flags = call.word("flags").unwrap_or(0);
    duplicate(state, call, call.number("oldfd"), flags & CLOSE_ON_EXEC);
}

pub(super) fn controlled(state: &mut CaptureState, call: Call<'_>) {
    match call.word("cmd") {
        Some(DUPLICATE) => duplicate(state, call, call.number("fd"), 0),
        Some(DUPLICATE_CLOSE_ON_EXEC) => duplicate(state, call, call.number("fd"), CLOSE_ON_EXEC),
        _ => {}
    }
}

fn duplicate(state: &mut CaptureState, call: Call<'_>, old: Option<i64>, close_on_exec: u32) {
    let (Some(new), Some(old)) = (call.result().filter(|fd| *fd >= 0), old) else { return };
    let known = state.threads.descriptors(call.event.tid).and_then(|table| table.get(old)).cloned();
    if let Some(mut descriptor) = known {
        descriptor.open_flags = descriptor.open_flags & !CLOSE_ON_EXEC | close_on_exec;
        add(state, call, new, descriptor);
    }
}

/// A descriptor for a process, by which descriptors of that process can be taken over.
pub(super) fn process_opened(state: &mut CaptureState, call: Call<'_>) {
    let (Some(fd), Some(pid)) = (call.result(), call.number("pid")) else { return };
    let mut descriptor = Descriptor::named(FdKind::Pidfd, &format!("{PROCESSES}{pid}"));
    descriptor.open_flags = call.word("flags").unwrap_or(0);
    add(state, call, fd, descriptor);
}

/// A copy of a descriptor of another process.
pub(super) fn taken_over(state: &mut CaptureState, call: Call<'_>) {
    let known = |tid: i64, fd: Option<i64>| state.threads.descriptors(tid)?.get(fd?);
    let owner = known(call.event.tid, call.number("pid_fd")).filter(|it| it.kind == FdKind::Pidfd);
    let owner = owner.and_then(|it| it.name.strip_prefix(PROCESSES)?.parse().ok());
    let taken = owner.and_then(|owner| known(owner, call.number("target_fd"))).cloned();
    if let (Some(fd), Some(descriptor)) = (call.result(), taken) {
        add(state, call, fd, descriptor);
    }
}

pub(super) fn piped(state: &mut CaptureState, call: Call<'_>) {
    if call.result().is_none_or(|result| result < 0) {
        return;
    }
    for end in ["fd1", "fd2"] {
        let mut pipe = Descriptor::of(FdKind::Pipe);
        pipe.inode = call.unsigned("ino").unwrap_or(0);
        pipe.open_flags = call.word("flags").unwrap_or(0);
        add(state, call, call.number(end).unwrap_or(-1), pipe);
    }
}

/// Whether execve closes it.
pub(super) fn closes_on_exec(descriptor: &Descriptor) -> bool {
    descriptor.open_flags & CLOSE_ON_EXEC != 0
}
