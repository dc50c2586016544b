//! What the kernel said, decoded but not yet interpreted: the door between `capture` and `enrich`.
//!
//! An observation holds only what the record held. Names of users, lineage, containers and Falco's parameters are
//! `enrich`'s work. Text is lossy UTF-8.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Text of an observation.
pub type Text = Arc<str>;

/// Which ring, and so which reserved capacity, a record went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// exec, fork, exit, credentials, modules, bpf, ptrace, mounts, namespaces.
    Critical,
    /// Network, unlink, rename, link, chmod, mkdir ...
    Normal,
    /// open and everything else that comes in floods.
    Bulk,
}

/// How an act entered the kernel. The order is that of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// A call of the native table, or no call at all.
    Syscall,
    /// A call of the 32-bit table, or of x32.
    Compat,
    /// A request of io_uring; the acting task is the one that submitted it or owns the ring.
    IoUring,
}

/// One record of the kernel programs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Observation {
    /// Nanoseconds since boot (CLOCK_BOOTTIME).
    pub boot_ns: u64,
    /// CPU that wrote it.
    pub cpu: u16,
    /// Its class.
    pub class: Class,
    /// Position among the records of this CPU and class, starting at 1; a hole is a loss.
    pub sequence: u64,
    /// Host process id (tgid) of the task that acted.
    pub pid: u32,
    /// Host thread id.
    pub tid: u32,
    /// Start of its thread group leader, nanoseconds since boot.
    pub started_boot_ns: u64,
    /// Effective user id at that moment.
    pub uid: u32,
    /// Effective group id at that moment.
    pub gid: u32,
    /// How it entered the kernel.
    pub entry: Entry,
    /// What it did.
    pub act: Act,
}

/// The acts, one variant for each record of the kernel programs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Act {
    /// A program was executed, or execve/execveat failed.
    Exec(Box<Exec>),
    /// A process or thread was made.
    Fork(Fork),
    /// A thread ended.
    Exit(Exit),
    /// The open family.
    Open(Open),
    /// Calls on sockets.
    Network(Network),
    /// Calls that take one or two paths: unlink, rename, link, symlink, chmod, chown, mkdir, rmdir, mknod, mount,
    /// umount, chdir, chroot ...
    Path(PathCall),
    /// dup, dup2, dup3, fcntl(F_DUPFD).
    Dup(Dup),
    /// Calls whose arguments are numbers (and at most one short text): ptrace, setuid ..., setns, unshare, kill, bpf,
    /// memfd_create, init_module, finit_module, userfaultfd, prctl, setsid ...
    Scalar(Scalar),
    /// A path of a call was changed while the call ran; follows the observation of the call.
    Changed(Changed),
}

/// Credentials and identity of a task, as the kernel has them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskIdentity {
    /// Host pid of the real parent (tgid).
    pub parent_pid: u32,
    /// Start of the parent's group leader, nanoseconds since boot.
    pub parent_started_boot_ns: u64,
    /// Process id in its own pid namespace.
    pub virtual_pid: u32,
    /// Thread id in its own pid namespace.
    pub virtual_tid: u32,
    /// Session id in its own pid namespace.
    pub session_id: u32,
    /// Process group id on the host.
    pub group_id: u32,
    /// Process group id in its own pid namespace.
    pub virtual_group_id: u32,
    /// Controlling terminal as a device number, 0 when there is none.
    pub tty: u32,
    /// Audit user id, `u32::MAX` when unset.
    pub login_uid: u32,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Capability sets: permitted, effective, inheritable.
    pub capabilities: [u64; 3],
    /// Inode numbers of the pid, mount, net and user namespaces.
    pub namespaces: [u32; 4],
    /// Start of the init of its pid namespace, nanoseconds since boot; 0 when unknown.
    pub pid_namespace_started_boot_ns: u64,
    /// Path of its cgroup: the cgroup-v2 path, or the one of a v1 controller when v2 has only the root.
    pub cgroup: Text,
    /// Command name.
    pub name: Text,
}

/// A program was executed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Exec {
    /// Number of the call: x86-64 execve (59), or execveat (322) when it failed; a program that was started carries 59
    /// whichever call started it.
    pub syscall: u32,
    /// 0, or the negative errno of a failed call; then only `filename`, `task`, and the credentials are filled.
    pub result: i64,
    /// The task after the exec.
    pub task: TaskIdentity,
    /// The path as given to the call (`bprm->filename`).
    pub filename: Text,
    /// Path of the executable as the kernel resolved it.
    pub exe_path: Text,
    /// argv, all of it that fits (4096 bytes).
    pub arguments: Vec<Text>,
    /// Environment, `KEY=value` each (4096 bytes); empty unless asked for.
    pub environment: Vec<Text>,
    /// Current directory.
    pub cwd: Text,
    /// Device of the executable's file system, encoded as `stat` does.
    pub exe_device: u64,
    /// Inode of the executable.
    pub exe_inode: u64,
    /// Hard links of that inode; 0 means that it has no name any more.
    pub exe_links: u32,
    /// Change and modification time of that inode, nanoseconds since the epoch.
    pub exe_changed_ns: u64,
    /// See `exe_changed_ns`.
    pub exe_modified_ns: u64,
    /// The user could write to the executable.
    pub exe_writable: bool,
    /// It was in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// It was in a lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// It was anonymous memory of memfd_create.
    pub exe_from_memfd: bool,
    /// argv or environment did not fit.
    pub truncated: bool,
}

/// A process or thread was made. The observation's pid and tid are the creator's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Fork {
    /// Number of the call that made it: clone (56), fork (57), vfork (58), clone3 (435); 0 when unknown.
    pub syscall: u32,
    /// The new task.
    pub child: TaskIdentity,
    /// Host pid (tgid) of the new task.
    pub child_pid: u32,
    /// Host tid of the new task; equal to `child_pid` for a process.
    pub child_tid: u32,
    /// Start of the child's group leader, nanoseconds since boot.
    pub child_started_boot_ns: u64,
}

/// A thread ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code as wait(2) encodes it.
    pub code: i32,
    /// It was the last thread of its group: the process is gone.
    pub last_thread: bool,
    /// Host pid of the process that inherits its children; 0 when unknown.
    pub reaper_pid: u32,
}

/// A file as the kernel has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileObject {
    /// Path through the mounts, seen from the root of the mount namespace of the task. Files that belong to no
    /// directory tree have a name without a slash: `pipe:[7]`, `socket:[7]`, `ns:[7]`, `memfd:name`,
    /// `anon_inode:[eventfd]`.
    pub path: Text,
    /// The path ends at a file that has no name any more.
    pub deleted: bool,
    /// The path was longer than what the kernel program walks (the head is missing).
    pub truncated: bool,
    /// Device of the file system, encoded as `stat` does.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
    /// Hard links.
    pub links: u32,
    /// `i_mode`: type and permission bits.
    pub mode: u32,
    /// Magic number of the file system (`statfs.f_type`).
    pub filesystem_magic: u32,
    /// In the upper layer of an overlay.
    pub upper_layer: bool,
    /// In a lower layer of an overlay.
    pub lower_layer: bool,
    /// Device and inode of the file in the layer that an overlay shows.
    pub in_layer: Option<(u64, u64)>,
}

/// The open family.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Open {
    /// Number of the call: open, openat, openat2, creat, open_by_handle_at (x86-64 numbers).
    pub syscall: u32,
    /// The new descriptor, or a negative errno.
    pub result: i64,
    /// The directory descriptor, -100 for the current directory.
    pub directory_fd: i32,
    /// Path of the directory that a relative `given` starts from; empty when `given` is absolute.
    pub directory: Text,
    /// The path as given, from user memory.
    pub given: Text,
    /// Kernel flags (`O_*`).
    pub flags: u32,
    /// Mode argument.
    pub mode: u32,
    /// `openat2`'s resolve bits.
    pub resolve: u32,
    /// The kernel says that this call created the file.
    pub created: bool,
    /// The opened file; `None` when the call failed.
    pub file: Option<FileObject>,
}

/// A socket address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// IPv4 or IPv6; mapped addresses as IPv4.
    Ip(IpAddr, u16),
    /// A unix socket path, `@name` for abstract ones, empty when unnamed.
    Unix(Text),
    /// Another family.
    Other(u16),
}

/// A socket as the kernel has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketObject {
    /// Address family.
    pub family: u16,
    /// SOCK_* without flags.
    pub kind: u16,
    /// IPPROTO_*.
    pub protocol: u16,
    /// TCP state number, 0 for others.
    pub state: u8,
    /// Our address.
    pub local: Option<Address>,
    /// The peer.
    pub remote: Option<Address>,
    /// Inode of the socket.
    pub inode: u64,
    /// For unix sockets: kernel addresses of this socket and its peer, as Falco prints them.
    pub unix_pointers: [u64; 2],
}

/// A call on a socket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Network {
    /// Number of the call: socket, connect, accept, accept4, bind, listen, sendto, sendmsg, recvfrom, recvmsg ...
    pub syscall: u32,
    /// What it returned.
    pub result: i64,
    /// The descriptor argument; for accept the listening one; for socket -1.
    pub fd: i32,
    /// Raw arguments of the call.
    pub arguments: [u64; 6],
    /// The socket of `fd` (for accept and socket: of the new descriptor); `None` when it could not be read.
    pub socket: Option<SocketObject>,
    /// The address that the call was given, read from user memory (connect, bind, sendto, sendmsg), or gave back there
    /// (recvfrom, recvmsg).
    pub given: Option<Address>,
    /// First bytes of the data (sendto, sendmsg, recvfrom, recvmsg), at most 80.
    pub data: Vec<u8>,
}

/// One path of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenPath {
    /// Directory descriptor, -100 for the current directory.
    pub directory_fd: i32,
    /// Path of the directory that a relative path starts from; empty when `given` is absolute.
    pub directory: Text,
    /// The path as given, from user memory.
    pub given: Text,
}

/// A call that takes one or two paths.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PathCall {
    /// Number of the call (x86-64).
    pub syscall: u32,
    /// What it returned.
    pub result: i64,
    /// Raw arguments of the call.
    pub arguments: [u64; 6],
    /// The first path (old path, target, source).
    pub first: GivenPath,
    /// The second path (new path, link path, mount point).
    pub second: Option<GivenPath>,
    /// For fchmod, fchown, fchdir: the file of the descriptor argument. For chdir the current directory and for chroot
    /// the root directory as it is after the call.
    pub file: Option<FileObject>,
    /// For mount: the file system type.
    pub text: Text,
}

/// Paths of a call that read differently when it began and when it ended.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Changed {
    /// Number of the call (x86-64).
    pub syscall: u32,
    /// What it returned.
    pub result: i64,
    /// Its paths when it ended, as its own observation has them; empty for one that it does not have.
    pub now: [Text; 2],
    /// Its paths when it began.
    pub then: [Text; 2],
}

/// A descriptor was copied.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Dup {
    /// Number of the call: dup, dup2, dup3, fcntl.
    pub syscall: u32,
    /// The new descriptor, or a negative errno.
    pub result: i64,
    /// Raw arguments of the call.
    pub arguments: [u64; 6],
    /// The file of the new descriptor, when it is not a socket.
    pub file: Option<FileObject>,
    /// The socket of the new descriptor, when it is one.
    pub socket: Option<SocketObject>,
}

/// A call whose arguments are numbers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Scalar {
    /// Number of the call (x86-64).
    pub syscall: u32,
    /// What it returned.
    pub result: i64,
    /// Raw arguments of the call.
    pub arguments: [u64; 6],
    /// One short text: memfd_create's name, finit_module's or init_module's parameters, prctl(PR_SET_NAME)'s name.
    pub text: Text,
    /// The file of a descriptor argument (setns, finit_module).
    pub file: Option<FileObject>,
    /// The task after the call, for calls that change it (setuid family, setns, unshare, setsid, setpgid, capset,
    /// prctl(PR_SET_NAME)).
    pub task: Option<Box<TaskIdentity>>,
}
