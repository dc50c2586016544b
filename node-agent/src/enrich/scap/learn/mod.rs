//! What each event changes in the state.

mod files;
mod network;
mod process;

use tiercel_detection::event::FdKind;

use super::call::Call;
use super::descriptor::Descriptor;
use super::state::CaptureState;
use crate::capture::scap::CapturedEvent;

use network::Way;

pub(super) use files::absolute as absolute_name;
pub(super) use process::forget;

/// Learns from an event, with the entry of the call where that says what the exit does not.
pub(super) fn learn(state: &mut CaptureState, call: Call<'_>, entry: Option<&CapturedEvent>) {
    match call.row.name {
        "clone" | "clone3" | "fork" | "vfork" => process::cloned(state, call),
        "execve" | "execveat" => process::executed(state, call, entry),
        "procexit" => process::exited(state, call),
        "setuid" | "setresuid" | "setreuid" => process::user_changed(state, call),
        "setgid" | "setresgid" | "setregid" => process::group_changed(state, call),
        "setsid" => process::session_made(state, call),
        "capset" => process::capabilities_changed(state, call),
        "unshare" | "setns" => process::namespace_changed(state, call),
        "switch" => process::switched(state, call),
        "brk" | "mmap" | "mmap2" | "munmap" => process::memory_changed(state, call),
        "setrlimit" | "getrlimit" | "prlimit" => process::limit_told(state, call),
        "container" => document(state, call),
        "useradded" | "userdeleted" | "groupadded" | "groupdeleted" => process::account_changed(state, call),
        "open" | "openat" | "openat2" | "creat" | "open_by_handle_at" => files::opened(state, call, entry),
        "chdir" => files::directory_changed(state, call),
        "fchdir" => files::directory_changed_by_descriptor(state, call),
        "getcwd" => files::directory_told(state, call),
        "close" => files::closed(state, call),
        "dup" | "dup2" | "dup3" => files::duplicated(state, call),
        "fcntl" => files::controlled(state, call),
        "pipe" | "pipe2" => files::piped(state, call),
        "eventfd" | "eventfd2" => made(state, call, FdKind::Event),
        "signalfd" | "signalfd4" => made(state, call, FdKind::Signal),
        "timerfd_create" => made(state, call, FdKind::Timer),
        "inotify_init" | "inotify_init1" => made(state, call, FdKind::Inotify),
        "epoll_create" | "epoll_create1" => made(state, call, FdKind::EventPoll),
        "userfaultfd" => made(state, call, FdKind::Userfaultfd),
        "io_uring_setup" => made(state, call, FdKind::IoUring),
        "pidfd_open" => files::process_opened(state, call),
        "pidfd_getfd" => files::taken_over(state, call),
        "prctl" => process::controlled(state, call),
        "bpf" => made(state, call, FdKind::Bpf),
        "memfd_create" => made(state, call, FdKind::Memfd),
        "socket" => network::made(state, call),
        "socketpair" => network::paired(state, call),
        "bind" => network::bound(state, call),
        "connect" => network::connected(state, call, entry),
        "accept" | "accept4" => network::accepted(state, call),
        "read" | "readv" | "pread" | "preadv" | "recv" | "recvfrom" | "recvmsg" | "recvmmsg" => {
            network::transferred(state, call, Way::In);
        }
        "write" | "writev" | "pwrite" | "pwritev" | "send" | "sendto" | "sendmsg" | "sendmmsg" => {
            network::transferred(state, call, Way::Out);
        }
        _ => {}
    }
}

/// The frequent events that change nothing of any process but its descriptors and resources.
#[rustfmt::skip]
const KEEPING_PROCESSES: [&str; 47] = [
    "access", "bind", "brk", "close", "connect", "dup", "dup2", "dup3", "epoll_wait", "fcntl", "fstat", "futex",
    "getdents", "getdents64", "ioctl", "lseek", "lstat", "mmap", "mprotect", "munmap", "nanosleep", "open", "openat",
    "pipe", "poll", "ppoll", "pread", "preadv", "procinfo", "pwrite", "pwritev", "read", "readv", "recv", "recvfrom",
    "recvmsg", "select", "send", "sendmsg", "sendto", "socket", "stat", "switch", "syscall", "write", "writev",
    "newfstatat",
];

/// Whether every process looks after an event as it did before.
pub(super) fn keeps_processes(call: Call<'_>) -> bool {
    KEEPING_PROCESSES.contains(&call.row.name)
}

fn document(state: &mut CaptureState, call: Call<'_>) {
    if let Some(document) = call.bytes("json") {
        state.containers.learn(document);
    }
}

/// A new descriptor of which only the kind is known.
fn made(state: &mut CaptureState, call: Call<'_>, kind: FdKind) {
    let name = call.text("name").unwrap_or_default();
    if let Some(fd) = call.result() {
        add(state, call, fd, Descriptor::named(kind, &name));
    }
}

/// Adds a descriptor to the acting thread, which then is the one that its event is about.
fn add(state: &mut CaptureState, call: Call<'_>, fd: i64, descriptor: Descriptor) {
    if fd < 0 {
        return;
    }
    if let Some(table) = state.threads.descriptors_mut(call.event.tid) {
        table.insert(fd, descriptor);
    }
    if let Some(thread) = state.threads.get_mut(call.event.tid) {
        thread.last_fd = fd;
    }
}
