//! Files, pipes and directories.

use tiercel_detection::event::FdKind;

use super::super::call::Call;
use super::super::descriptor::Descriptor;
use super::super::path::join;
use super::super::state::CaptureState;
use super::add;

/// Falco's encoding of `O_DIRECTORY`.
const OPEN_DIRECTORY: u32 = 0x400;
/// Falco's encoding of `O_CLOEXEC`.
const CLOSE_ON_EXEC: u32 = 0x1000;
/// Falco's numbers of the commands of fcntl that make a descriptor.
const DUPLICATE: u32 = 1;
const DUPLICATE_CLOSE_ON_EXEC: u32 = 26;

pub(super) fn opened(state: &mut CaptureState, call: Call<'_>) {
    let Some(fd) = call.result().filter(|fd| *fd >= 0) else { return };
    let raw = call.text("name").or_else(|| call.text("path")).unwrap_or_default();
    let flags = call.word("flags").unwrap_or(0);
    let kind = if flags & OPEN_DIRECTORY != 0 { FdKind::Directory } else { FdKind::File };
    let mut descriptor = Descriptor::named(kind, &absolute(state, call, &raw, call.number("dirfd")));
    descriptor.raw_name = crate::enrich::path::without_repeated_slashes(&raw).into();
    descriptor.open_flags = flags;
    descriptor.device = call.unsigned("dev").unwrap_or(0);
    descriptor.inode = call.unsigned("ino").unwrap_or(0);
    add(state, call, fd, descriptor);
}

/// A path as an absolute one, as far as its directory is known.
pub(in super::super) fn absolute(state: &CaptureState, call: Call<'_>, path: &str, base: Option<i64>) -> String {
    const AT_FDCWD: i64 = -100;
    let tid = call.event.tid;
    match base {
        Some(fd) if fd != AT_FDCWD && !path.starts_with('/') => {
            match state.threads.descriptors(tid).and_then(|table| table.get(fd)) {
                Some(directory) => join(&directory.name, path),
                None => format!("<UNKNOWN>/{path}"),
            }
        }
        _ => join(state.threads.cwd(tid), path),
    }
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
pub(in super::super) fn closes_on_exec(descriptor: &Descriptor) -> bool {
    descriptor.open_flags & CLOSE_ON_EXEC != 0
}
