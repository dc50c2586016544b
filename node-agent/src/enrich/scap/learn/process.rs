//! Threads come, run other programs, change their identity and go.

use tiercel_detection::event::{Capabilities, Timestamp};

use super::super::call::Call;
use super::super::state::CaptureState;
use super::super::thread::{Thread, clone, texts};
use super::files::{absolute, closes_on_exec};

/// A thread id that was used again may not be older than this.
const STALE_AFTER_NS: u64 = 2_000_000_000;

/// Every capability of a new user namespace.
const CAPABILITIES_ALL: u64 = 0x1ff_ffff_ffff;

pub(super) fn cloned(state: &mut CaptureState, call: Call<'_>) {
    match call.result() {
        Some(0) => child_appeared(state, call),
        Some(child) if child > 0 => parent_returned(state, call, child),
        _ => {}
    }
}

/// The parent came back from the call: the child is known from now on, unless only the child itself can say who it is.
fn parent_returned(state: &mut CaptureState, call: Call<'_>, child: i64) {
    let tid = call.event.tid;
    let flags = call.word("flags").unwrap_or(0);
    if state.threads.get(tid).is_none() {
        let mut parent = Thread::unknown(tid);
        parent.pid = call.number("pid").unwrap_or(tid);
        parent.ptid = call.number("ptid").unwrap_or(-1);
        parent.vtid = call.number("vtid").unwrap_or(tid);
        parent.process.virtual_pid = call.number("vpid").unwrap_or(parent.pid);
        describe_program(&mut parent, call);
        state.threads.insert(parent);
    }
    let namespaced = call.number("vtid").is_some_and(|vtid| vtid != tid);
    if flags & (clone::CHILD_IN_PIDNS | clone::NEWPID) != 0 || namespaced {
        return;
    }
    if let Some(known) = state.threads.get(child) {
        let age = call.event.time_ns.saturating_sub(known.process.started_at.0);
        if age < STALE_AFTER_NS {
            return;
        }
    }
    let Some(caller) = state.threads.get(tid) else { return };
    let mut made = newborn(caller, child, flags);
    let thread = flags & clone::THREAD != 0;
    made.pid = if thread { caller.pid } else { child };
    made.ptid = if thread || flags & clone::PARENT != 0 { caller.ptid } else { caller.pid };
    made.vtid = child;
    made.process.virtual_pid = made.pid;
    finish(state, call, made, tid, flags);
}

/// The child came back from the call.
fn child_appeared(state: &mut CaptureState, call: Call<'_>) {
    let tid = call.event.tid;
    if let Some(known) = state.threads.get(tid) {
        let age = call.event.time_ns.saturating_sub(known.process.started_at.0);
        if known.process.started_at.0 != 0 && age < STALE_AFTER_NS {
            return;
        }
        state.threads.remove(tid);
    }
    let flags = call.word("flags").unwrap_or(0);
    let pid = call.number("pid").unwrap_or(tid);
    let ptid = call.number("ptid").unwrap_or(-1);
    let source = if flags & clone::THREAD != 0 { pid } else { ptid };
    let mut made = match state.threads.get(source) {
        Some(source) => newborn(source, tid, flags),
        None => Thread::unknown(tid),
    };
    made.flags = flags;
    (made.pid, made.ptid) = (pid, ptid);
    made.vtid = call.number("vtid").unwrap_or(tid);
    made.process.virtual_pid = call.number("vpid").unwrap_or(pid);
    finish(state, call, made, source, flags);
}

/// A copy of what a child takes over.
fn newborn(parent: &Thread, tid: i64, flags: u32) -> Thread {
    let mut made = Thread::unknown(tid);
    made.process = parent.process.clone();
    made.flags = flags;
    (made.uid, made.gid, made.login_uid) = (parent.uid, parent.gid, parent.login_uid);
    made.cwd = parent.cwd.clone();
    made.cgroups = parent.cgroups.clone();
    made.fd_limit = parent.fd_limit;
    made
}

fn finish(state: &mut CaptureState, call: Call<'_>, mut made: Thread, source: i64, flags: u32) {
    describe_program(&mut made, call);
    made.process.started_at = Timestamp(call.event.time_ns);
    if flags & clone::THREAD == 0
        && let Some(table) = state.threads.descriptors(source)
    {
        made.descriptors = table.clone();
    }
    if flags & clone::THREAD != 0 {
        made.flags |= clone::FILES | clone::FS;
    }
    state.threads.insert(made);
}

/// What clone and execve say of the program and the resources of a thread.
fn describe_program(thread: &mut Thread, call: Call<'_>) {
    if let Some(comm) = call.text("comm").or_else(|| call.text("exe")) {
        thread.set_name(&comm);
    }
    if let Some(exe) = call.text("exe") {
        thread.process.exe = exe.into();
    }
    thread.set_arguments(call.bytes("args").unwrap_or_default());
    if let Some(cgroups) = call.bytes("cgroups") {
        thread.cgroups = super::super::thread::cgroups(cgroups);
    }
    if let Some(limit) = call.number("fdlimit") {
        thread.fd_limit = limit;
    }
    for (index, name) in ["vm_size", "vm_rss", "vm_swap"].iter().enumerate() {
        thread.memory_kib[index] = call.unsigned(name).unwrap_or(thread.memory_kib[index]);
    }
    for (index, name) in ["pgft_maj", "pgft_min"].iter().enumerate() {
        thread.page_faults[index] = call.unsigned(name).unwrap_or(thread.page_faults[index]);
    }
    thread.uid = call.word("uid").unwrap_or(thread.uid);
    thread.gid = call.word("gid").unwrap_or(thread.gid);
    if let Some(started) = call.unsigned("pidns_init_start_ts") {
        thread.process.pid_namespace_started_at = Timestamp(started);
    }
}

pub(super) fn executed(state: &mut CaptureState, call: Call<'_>) {
    if call.result() != Some(0) {
        return;
    }
    let tid = call.event.tid;
    let exe_path = match (call.text("trusted_exepath"), call.text("filename")) {
        (Some(path), _) => path,
        (None, Some(name)) => absolute(state, call, &name, None),
        (None, None) => String::new(),
    };
    let pid = call.number("pid").unwrap_or(tid);
    let others: Vec<i64> =
        state.threads.iter().filter(|it| it.pid == pid && it.tid != tid && it.pid != -1).map(|it| it.tid).collect();
    for other in others {
        state.threads.remove(other);
    }
    let Some(thread) = state.threads.get_mut(tid) else { return };
    if thread.pid == -1 {
        thread.vtid = tid;
        thread.process.virtual_pid = pid;
        thread.process.session_id = -1;
    }
    thread.pid = pid;
    thread.ptid = call.number("ptid").unwrap_or(thread.ptid);
    thread.flags = 0;
    describe_program(thread, call);
    thread.set_exe_path(&exe_path);
    let process = &mut thread.process;
    if let Some(environment) = call.bytes("env") {
        process.environment = texts(environment);
    }
    process.tty = call.word("tty").unwrap_or(process.tty);
    process.virtual_group_id = call.number("vpgid").unwrap_or(process.virtual_group_id);
    process.group_id = call.number("pgid").unwrap_or(process.group_id);
    thread.login_uid = call.word("loginuid").unwrap_or(thread.login_uid);
    let flags = call.word("flags").unwrap_or(0);
    process.exe_writable = flags & 1 != 0;
    process.exe_upper_layer = flags & 2 != 0;
    process.exe_from_memfd = flags & 4 != 0;
    process.exe_lower_layer = flags & 8 != 0;
    capabilities(call, &mut process.capabilities);
    process.exe_inode = call.unsigned("exe_ino").unwrap_or(0);
    process.exe_changed_at = Timestamp(call.unsigned("exe_ino_ctime").unwrap_or(0));
    process.exe_modified_at = Timestamp(call.unsigned("exe_ino_mtime").unwrap_or(0));
    thread.descriptors.retain(|_, descriptor| !closes_on_exec(descriptor));
}

fn capabilities(call: Call<'_>, known: &mut Capabilities) {
    known.inheritable = call.unsigned("cap_inheritable").unwrap_or(known.inheritable);
    known.permitted = call.unsigned("cap_permitted").unwrap_or(known.permitted);
    known.effective = call.unsigned("cap_effective").unwrap_or(known.effective);
}

/// The thread is seen as long as its last event is judged.
pub(super) fn exited(state: &mut CaptureState, call: Call<'_>) {
    let tid = call.event.tid;
    let Some(thread) = state.threads.get_mut(tid) else { return };
    thread.dead = true;
    let (pid, parent) = (thread.pid, thread.ptid);
    state.leaving.threads.push(tid);
    let named = call.number("reaper_tid").filter(|reaper| *reaper > 0);
    let sibling = || state.threads.iter().find(|it| it.pid == pid && it.tid != tid && !it.dead).map(|it| it.tid);
    let init = || state.threads.get(1).map(|init| init.tid);
    let reaper = named.or_else(sibling).or_else(init).unwrap_or(if parent == 1 { 1 } else { 0 });
    for child in state.threads.iter_mut().filter(|it| it.ptid == tid) {
        child.ptid = reaper;
    }
}

/// Removes a thread that has ended.
pub(in super::super) fn forget(state: &mut CaptureState, tid: i64) {
    state.threads.remove(tid);
}

fn succeeded<'a>(state: &'a mut CaptureState, call: Call<'_>) -> Option<&'a mut Thread> {
    let done = call.result().is_some_and(|result| result >= 0);
    state.threads.get_mut(call.event.tid).filter(|_| done)
}

pub(super) fn user_changed(state: &mut CaptureState, call: Call<'_>) {
    // That an id of -1 leaves the user as it is escapes Falco, and so it knows no user then.
    let id = call.word("euid").or_else(|| call.word("uid"));
    if let (Some(thread), Some(id)) = (succeeded(state, call), id) {
        thread.uid = id;
    }
}

pub(super) fn group_changed(state: &mut CaptureState, call: Call<'_>) {
    let id = call.word("egid").or_else(|| call.word("gid"));
    if let (Some(thread), Some(id)) = (succeeded(state, call), id) {
        thread.gid = id;
    }
}

pub(super) fn session_made(state: &mut CaptureState, call: Call<'_>) {
    if let (Some(id), Some(thread)) = (call.result(), succeeded(state, call)) {
        thread.process.session_id = id;
    }
}

pub(super) fn capabilities_changed(state: &mut CaptureState, call: Call<'_>) {
    if let Some(thread) = succeeded(state, call) {
        capabilities(call, &mut thread.process.capabilities);
    }
}

pub(super) fn namespace_changed(state: &mut CaptureState, call: Call<'_>) {
    let flags = call.word("flags").or_else(|| call.word("nstype")).unwrap_or(0);
    if let Some(thread) = succeeded(state, call).filter(|_| flags & clone::NEWUSER != 0) {
        let all = CAPABILITIES_ALL;
        thread.process.capabilities = Capabilities { permitted: all, effective: all, inheritable: all };
    }
}

pub(super) fn switched(state: &mut CaptureState, call: Call<'_>) {
    let Some(thread) = state.threads.get_mut(call.event.tid) else { return };
    for (index, name) in ["pgft_maj", "pgft_min"].iter().enumerate() {
        thread.page_faults[index] = call.unsigned(name).unwrap_or(thread.page_faults[index]);
    }
    remember_memory(state, call.event.tid, call);
}

/// Memory is that of the process, whichever of its threads asked for it.
pub(super) fn memory_changed(state: &mut CaptureState, call: Call<'_>) {
    let thread = state.threads.get(call.event.tid);
    let main = thread.and_then(|thread| state.threads.main_of(thread)).map_or(call.event.tid, |main| main.tid);
    remember_memory(state, main, call);
}

fn remember_memory(state: &mut CaptureState, tid: i64, call: Call<'_>) {
    if let Some(thread) = state.threads.get_mut(tid) {
        for (index, name) in ["vm_size", "vm_rss", "vm_swap"].iter().enumerate() {
            thread.memory_kib[index] = call.unsigned(name).unwrap_or(thread.memory_kib[index]);
        }
    }
}

/// Number of the limit of descriptors in captures.
const LIMIT_OF_DESCRIPTORS: i64 = 7;

pub(super) fn limit_told(state: &mut CaptureState, call: Call<'_>) {
    if call.number("resource") != Some(LIMIT_OF_DESCRIPTORS) {
        return;
    }
    let limit = ["newcur", "oldcur", "cur"].iter().find_map(|name| call.number(name).filter(|limit| *limit != -1));
    if let (Some(thread), Some(limit)) = (succeeded(state, call), limit) {
        thread.fd_limit = limit;
    }
}

pub(super) fn account_changed(state: &mut CaptureState, call: Call<'_>) {
    let text = |name: &str| call.text(name).unwrap_or_default();
    let container = text("container_id");
    let (user, group) = (call.word("uid").unwrap_or(u32::MAX), call.word("gid").unwrap_or(u32::MAX));
    match call.row.name {
        "useradded" => state.accounts.add_user(&container, user, &text("name"), &text("home"), &text("shell")),
        "userdeleted" => state.accounts.remove_user(&container, user),
        "groupadded" => state.accounts.add_group(&container, group, &text("name")),
        _ => state.accounts.remove_group(&container, group),
    }
}
