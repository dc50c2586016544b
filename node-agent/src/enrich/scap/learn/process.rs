//! Threads come, run other programs, change their identity and go.

use tiercel_detection::event::{Capabilities, Process, Timestamp};

use super::super::call::Call;
use super::super::path::join;
use super::super::state::CaptureState;
use super::super::thread::{Thread, clone, key, texts};
use super::files::{UNKNOWN_DIRECTORY, closes_on_exec, directory};
use crate::capture::scap::CapturedEvent;
use crate::capture::scap::tables;

/// A thread that told of itself longer ago than this is another one of the same id, whose end was not recorded.
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
    let known = know(state, tid);
    if !known {
        place_caller(state, call);
    }
    let Some(caller) = state.threads.get(tid) else { return };
    // Inside a pid namespace the result is not the id that the host knows.
    let namespaced = flags & (clone::CHILD_IN_PIDNS | clone::NEWPID | clone::PARENT) != 0 || tid != caller.vtid;
    // A child of vfork has run another program or ended before its parent goes on.
    if namespaced || flags & clone::VFORK != 0 || call.row.name == "vfork" {
        return;
    }
    if state.threads.get(child).is_some_and(|it| it.flags & clone::INVERTED != 0) {
        return;
    }
    state.threads.remove(child);
    let Some(caller) = state.threads.get(tid) else { return };
    let thread = flags & clone::THREAD != 0;
    let mut made = newborn(caller, known, child);
    made.flags = flags;
    (made.pid, made.ptid) = if thread { (caller.pid, caller.ptid) } else { (child, caller.tid) };
    made.vtid = child;
    made.process.virtual_pid = made.pid;
    finish(state, call, made, known);
    if !known && let Some(caller) = state.threads.get_mut(tid) {
        describe_names(caller, call);
    }
}

/// Says whether a thread is known; if it is not, it is followed from now on.
fn know(state: &mut CaptureState, tid: i64) -> bool {
    if state.threads.get(tid).is_none() {
        state.threads.insert(Thread::unknown(tid));
    }
    state.threads.get(tid).is_some_and(|thread| !thread.is_unplaced())
}

/// The caller itself was not known; the event says where it belongs.
fn place_caller(state: &mut CaptureState, call: Call<'_>) {
    let tid = call.event.tid;
    if let Some(caller) = state.threads.get_mut(tid) {
        let virtual_pid = call.number("vpid");
        caller.vtid = call.number("vtid").filter(|_| virtual_pid.is_some()).unwrap_or(tid);
        caller.process.virtual_pid = virtual_pid.unwrap_or(-1);
    }
    state.threads.relocate(tid, call.number("pid").unwrap_or(0), call.number("ptid").unwrap_or(0));
}

/// The child came back from the call.
fn child_appeared(state: &mut CaptureState, call: Call<'_>) {
    let tid = call.event.tid;
    if let Some(known) = state.threads.get(tid)
        && known.process.started_at.0 != 0
    {
        if call.event.time_ns.wrapping_sub(known.process.started_at.0) < STALE_AFTER_NS {
            return;
        }
        state.threads.remove(tid);
    }
    let flags = call.word("flags").unwrap_or(0);
    let thread = flags & clone::THREAD != 0;
    let (pid, ptid) = (call.number("pid").unwrap_or(0), call.number("ptid").unwrap_or(0));
    let virtual_pid = call.number("vpid");
    let vtid = call.number("vtid").filter(|_| virtual_pid.is_some()).unwrap_or(tid);
    let source = if thread { pid } else { ptid };
    let known = know(state, source);
    if !known && thread {
        place_main(state, call, source, [pid, ptid, virtual_pid.unwrap_or(-1)]);
    }
    let Some(parent) = state.threads.get(source) else { return };
    let mut made = newborn(parent, known, tid);
    made.flags = flags | clone::INVERTED;
    (made.pid, made.ptid) = (pid, ptid);
    made.vtid = vtid;
    made.process.virtual_pid = virtual_pid.unwrap_or(-1);
    finish(state, call, made, known);
}

/// The main thread of a thread that tells of itself was not known.
fn place_main(state: &mut CaptureState, call: Call<'_>, tid: i64, [pid, ptid, virtual_pid]: [i64; 3]) {
    if let Some(main) = state.threads.get_mut(tid) {
        main.vtid = virtual_pid;
        main.process.virtual_pid = virtual_pid;
        describe_names(main, call);
    }
    state.threads.relocate(tid, pid, ptid);
}

/// A copy of what a child takes over; nothing of a parent that was not known.
fn newborn(parent: &Thread, known: bool, tid: i64) -> Thread {
    let mut made = Thread::unknown(tid);
    if known {
        made.process = parent.process.clone();
        made.process.key = key(tid);
        made.login_uid = parent.login_uid;
    }
    made
}

/// Threads use the descriptors and the directory of their main thread, other children get copies.
fn finish(state: &mut CaptureState, call: Call<'_>, mut made: Thread, known: bool) {
    describe_program(&mut made, call);
    made.process.started_at = Timestamp(call.event.time_ns);
    let told = call.unsigned("pidns_init_start_ts");
    let inside = made.flags & clone::NEWPID != 0 || made.is_in_pid_namespace();
    let started =
        if inside { told.map_or(0, |told| told.wrapping_add(state.booted_at_ns)) } else { state.booted_at_ns };
    made.process.pid_namespace_started_at = Timestamp(started);
    if made.flags & clone::THREAD != 0 {
        made.flags |= clone::FILES;
    } else if known {
        made.descriptors = state.threads.descriptors(made.ptid).cloned().unwrap_or_default();
        state.threads.cwd(made.ptid).clone_into(&mut made.cwd);
    }
    state.threads.insert(made);
}

/// What clone and execve call the program.
fn describe_names(thread: &mut Thread, call: Call<'_>) {
    if let Some(exe) = call.text("exe") {
        thread.process.exe = exe.into();
    }
    if let Some(name) = call.text("comm").or_else(|| call.text("exe")) {
        thread.set_name(&name);
    }
    thread.set_arguments(call.bytes("args").unwrap_or_default());
}

/// What clone and execve say of the program and the resources of a thread.
fn describe_program(thread: &mut Thread, call: Call<'_>) {
    describe_names(thread, call);
    if let Some(cgroups) = call.bytes("cgroups") {
        thread.cgroups = super::super::thread::cgroups(cgroups);
    }
    if let Some(limit) = call.number("fdlimit") {
        thread.fd_limit = limit;
    }
    resources(thread, call);
    thread.uid = call.word("uid").unwrap_or(thread.uid);
    thread.gid = call.word("gid").unwrap_or(thread.gid);
}

/// Memory and page faults are told together or not at all.
fn resources(thread: &mut Thread, call: Call<'_>) {
    if call.bytes("vm_swap").is_some() {
        thread.memory_kib = ["vm_size", "vm_rss", "vm_swap"].map(|name| call.unsigned(name).unwrap_or(0));
        thread.page_faults = ["pgft_maj", "pgft_min"].map(|name| call.unsigned(name).unwrap_or(0));
    }
}

pub(super) fn executed(state: &mut CaptureState, call: Call<'_>, entry: Option<&CapturedEvent>) {
    let tid = call.event.tid;
    if call.result().is_none_or(|result| result < 0) || state.threads.get(tid).is_none() {
        return;
    }
    take_place(state, call);
    let exe_path = call.text("trusted_exepath").or_else(|| given_path(state, call, entry?));
    let Some(thread) = state.threads.get_mut(tid) else { return };
    thread.dead = false;
    describe_program(thread, call);
    if let Some(path) = exe_path {
        thread.set_exe_path(&path);
    }
    thread.login_uid = call.word("loginuid").unwrap_or(thread.login_uid);
    thread.flags &= clone::INVERTED;
    let process = &mut thread.process;
    if let Some(environment) = call.bytes("env") {
        process.environment = texts(environment);
    }
    process.tty = call.word("tty").unwrap_or(process.tty);
    process.virtual_group_id = call.number("vpgid").unwrap_or(process.virtual_group_id);
    process.group_id = call.number("pgid").unwrap_or(-1);
    executable(call, process);
    capabilities(call, &mut process.capabilities);
    thread.descriptors.retain(|descriptor| !closes_on_exec(descriptor));
    let others =
        state.threads.get(tid).map(|thread| thread.pid).into_iter().flat_map(|pid| state.threads.of_process(pid));
    let others: Vec<i64> = others.filter(|it| !it.is_main() && it.tid != tid).map(|it| it.tid).collect();
    others.into_iter().for_each(|other| state.threads.remove(other));
}

/// The event says where a thread belongs that was not known.
fn take_place(state: &mut CaptureState, call: Call<'_>) {
    let tid = call.event.tid;
    let Some(thread) = state.threads.get_mut(tid) else { return };
    let pid = call.number("pid").unwrap_or(0);
    if thread.ptid >= 0 && pid >= 0 {
        let parent = thread.ptid;
        if thread.pid != pid {
            state.threads.relocate(tid, pid, parent);
        }
        return;
    }
    if thread.flags & clone::CHILD_IN_PIDNS == 0 {
        thread.vtid = tid;
        thread.process.virtual_pid = pid;
    }
    state.threads.relocate(tid, pid, call.number("ptid").unwrap_or(0));
}

/// The path that an older capture has in the entry of the call only.
fn given_path(state: &CaptureState, call: Call<'_>, entry: &CapturedEvent) -> Option<String> {
    const AT_EMPTY_PATH: u32 = 1;
    const NONE: &str = "<NA>";
    let entry = Call { event: entry, row: tables::event(entry.code)? };
    let name = |name: &str| entry.text(name).unwrap_or_default();
    if entry.row.name == "execve" {
        let name = name("filename");
        return Some(if name == NONE { name } else { join(state.threads.cwd(call.event.tid), &name) });
    }
    let (name, dirfd) = (name("pathname"), entry.number("dirfd").unwrap_or(0));
    let directory = directory(state, call, &name, Some(dirfd));
    Some(match entry.word("flags").unwrap_or(0) & AT_EMPTY_PATH != 0 {
        _ if directory == UNKNOWN_DIRECTORY => NONE.to_owned(),
        true => join("", &directory),
        false if name == NONE => name,
        false => join(&directory, &name),
    })
}

/// What execve says of the file of the program; older captures say nothing of it.
fn executable(call: Call<'_>, process: &mut Process) {
    if let Some(flags) = call.word("flags") {
        process.exe_writable = flags & 1 != 0;
        process.exe_upper_layer = flags & 2 != 0;
        process.exe_from_memfd = flags & 4 != 0;
        process.exe_lower_layer = flags & 8 != 0;
    }
    if let Some(modified) = call.unsigned("exe_ino_mtime") {
        process.exe_inode = call.unsigned("exe_ino").unwrap_or(0);
        process.exe_changed_at = Timestamp(call.unsigned("exe_ino_ctime").unwrap_or(0));
        process.exe_modified_at = Timestamp(modified);
    }
}

fn capabilities(call: Call<'_>, known: &mut Capabilities) {
    known.inheritable = call.unsigned("cap_inheritable").unwrap_or(known.inheritable);
    known.permitted = call.unsigned("cap_permitted").unwrap_or(known.permitted);
    known.effective = call.unsigned("cap_effective").unwrap_or(known.effective);
}

/// The thread is seen as long as its last event is judged.
pub(super) fn exited(state: &mut CaptureState, call: Call<'_>) {
    let tid = call.event.tid;
    if let Some(thread) = state.threads.get_mut(tid) {
        thread.dead = true;
        thread.reaper = call.number("reaper_tid").filter(|reaper| *reaper > 0);
        state.leaving.threads.push(tid);
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
    if let Some(thread) = state.threads.get_mut(call.event.tid) {
        resources(thread, call);
    }
}

/// Memory is that of the process, whichever of its threads asked for it.
pub(super) fn memory_changed(state: &mut CaptureState, call: Call<'_>) {
    let thread = state.threads.get(call.event.tid);
    let main = thread.and_then(|thread| state.threads.main_of(thread)).map_or(call.event.tid, |main| main.tid);
    let Some(thread) = state.threads.get_mut(main) else { return };
    thread.memory_kib[0] = call.unsigned("vm_size").unwrap_or(thread.memory_kib[0]);
    if let Some(swap) = call.unsigned("vm_swap") {
        thread.memory_kib[1] = call.unsigned("vm_rss").unwrap_or(0);
        thread.memory_kib[2] = swap;
    }
}

/// Number of the limit of descriptors in captures.
const LIMIT_OF_DESCRIPTORS: i64 = 7;

/// The limit is that of the process; prlimit may be about another one.
pub(super) fn limit_told(state: &mut CaptureState, call: Call<'_>) {
    let limit = call.number("newcur").or_else(|| call.number("cur")).filter(|limit| *limit != -1);
    let about = call.number("pid").filter(|pid| *pid != 0).unwrap_or(call.event.tid);
    let told = call.number("resource") == Some(LIMIT_OF_DESCRIPTORS) && call.result().is_some_and(|it| it >= 0);
    let main = state.threads.get(about).filter(|_| told).and_then(|thread| state.threads.main_of(thread));
    let main = main.map(|main| main.tid);
    if let (Some(main), Some(limit)) = (main.and_then(|main| state.threads.get_mut(main)), limit) {
        main.fd_limit = limit;
    }
}

/// A process says whether it takes orphans among its descendants, or asks whether it does.
pub(super) fn controlled(state: &mut CaptureState, call: Call<'_>) {
    const SET_CHILD_SUBREAPER: u32 = 36;
    const GET_CHILD_SUBREAPER: u32 = 37;
    let about = matches!(call.word("option"), Some(SET_CHILD_SUBREAPER | GET_CHILD_SUBREAPER));
    let done = call.result().is_some_and(|result| result >= 0);
    let thread = state.threads.get(call.event.tid).filter(|it| about && done && !it.is_unplaced());
    if let Some(pid) = thread.map(|it| it.pid) {
        state.threads.set_reaper(pid, call.number("arg2_int").unwrap_or(0) != 0);
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
