//! What Falco's schema says about each live event: category, its dealings with descriptors, its parameters.
//! Sorted by name.

use super::EventKind;

/// Type of a parameter, as far as `evt.rawarg` compares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// A signed number.
    Signed,
    /// An unsigned number.
    Unsigned,
    /// A point in time.
    AbsoluteTime,
    /// A duration.
    RelativeTime,
    /// Text or a path.
    Text,
    /// Raw bytes.
    Bytes,
    /// A user or group id.
    Account,
    /// Anything that no comparison is defined for.
    Opaque,
}

/// A row of the schema.
#[derive(Debug)]
pub struct Schema {
    /// Name of the event.
    pub name: &'static str,
    /// `evt.category`.
    pub category: &'static str,
    /// It is a system call, not a notification.
    pub syscall: bool,
    /// It makes, uses or destroys a descriptor: the `fd.*` fields exist.
    pub has_fd: bool,
    /// It reads from a descriptor.
    pub reads: bool,
    /// It writes to a descriptor.
    pub writes: bool,
    /// It waits.
    pub waits: bool,
    /// Parameters in order.
    pub parameters: &'static [(&'static str, ParameterType)],
}

const GENERIC: Schema = Schema {
    name: "syscall",
    category: "other",
    syscall: true,
    has_fd: false,
    reads: false,
    writes: false,
    waits: false,
    parameters: &[("ID", ParameterType::Unsigned), ("nativeID", ParameterType::Unsigned)],
};

impl Schema {
    /// What is said of a call that has no row of its own.
    pub fn generic() -> &'static Self {
        &GENERIC
    }

    /// The row that system calls without a row of their own share.
    pub fn is_generic(&self) -> bool {
        self.name == GENERIC.name
    }
}

impl EventKind {
    /// What the schema says about the kind; system calls without a row of their own share one.
    pub fn schema(self) -> &'static Schema {
        match INDEX[self.index()] {
            NO_ROW => &GENERIC,
            row => &ROWS[row as usize],
        }
    }
}

/// The row of each kind, found when the crate is compiled.
const INDEX: [u16; EventKind::COUNT] = index();

const NO_ROW: u16 = u16::MAX;

#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 65535 rows")]
const fn index() -> [u16; EventKind::COUNT] {
    let mut index = [NO_ROW; EventKind::COUNT];
    let (mut kind, mut row) = (0, 0);
    // Both tables are sorted, so one walk over them finds every row.
    while row < ROWS.len() {
        if EventKind::is_name_of(kind, ROWS[row].name) {
            index[kind] = row as u16;
            row += 1;
        }
        kind += 1;
    }
    index
}

type Parameters = &'static [(&'static str, ParameterType)];

const SYSCALL: u8 = 1;
const FD: u8 = 2;
const READS: u8 = 4;
const WRITES: u8 = 8;
const WAITS: u8 = 16;

const fn row(name: &'static str, category: &'static str, flags: u8, parameters: Parameters) -> Schema {
    Schema {
        name,
        category,
        syscall: flags & SYSCALL != 0,
        has_fd: flags & FD != 0,
        reads: flags & READS != 0,
        writes: flags & WRITES != 0,
        waits: flags & WAITS != 0,
        parameters,
    }
}

use ParameterType::*;

#[rustfmt::skip]
const ROWS: [Schema; 180] = [
    row("accept", "net", SYSCALL | FD, &[("fd", Signed), ("tuple", Opaque), ("queuepct", Unsigned), ("queuelen", Unsigned), ("queuemax", Unsigned)]),
    row("accept4", "net", SYSCALL | FD, &[("fd", Signed), ("tuple", Opaque), ("queuepct", Unsigned), ("queuelen", Unsigned), ("queuemax", Unsigned), ("flags", Signed)]),
    row("access", "file", SYSCALL, &[("res", Signed), ("name", Text), ("mode", Unsigned)]),
    row("asyncevent", "other", 0, &[("plugin_id", Unsigned), ("name", Text), ("data", Bytes)]),
    row("bind", "net", SYSCALL | FD, &[("res", Signed), ("addr", Opaque), ("fd", Signed)]),
    row("bpf", "other", SYSCALL | FD, &[("fd", Signed), ("cmd", Unsigned)]),
    row("brk", "memory", SYSCALL, &[("res", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("addr", Unsigned)]),
    row("capset", "process", SYSCALL, &[("res", Signed), ("cap_inheritable", Unsigned), ("cap_permitted", Unsigned), ("cap_effective", Unsigned)]),
    row("chdir", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("chmod", "file", SYSCALL, &[("res", Signed), ("filename", Text), ("mode", Unsigned)]),
    row("chown", "file", SYSCALL, &[("res", Signed), ("path", Text), ("uid", Unsigned), ("gid", Unsigned)]),
    row("chroot", "process", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("clone", "process", SYSCALL, &[("res", Signed), ("exe", Text), ("args", Bytes), ("tid", Signed), ("pid", Signed), ("ptid", Signed), ("cwd", Text), ("fdlimit", Signed), ("pgft_maj", Unsigned), ("pgft_min", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("comm", Text), ("cgroups", Bytes), ("flags", Unsigned), ("uid", Unsigned), ("gid", Unsigned), ("vtid", Signed), ("vpid", Signed), ("pidns_init_start_ts", Unsigned)]),
    row("clone3", "process", SYSCALL, &[("res", Signed), ("exe", Text), ("args", Bytes), ("tid", Signed), ("pid", Signed), ("ptid", Signed), ("cwd", Text), ("fdlimit", Signed), ("pgft_maj", Unsigned), ("pgft_min", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("comm", Text), ("cgroups", Bytes), ("flags", Unsigned), ("uid", Unsigned), ("gid", Unsigned), ("vtid", Signed), ("vpid", Signed), ("pidns_init_start_ts", Unsigned)]),
    row("close", "IO-other", SYSCALL | FD, &[("res", Signed), ("fd", Signed)]),
    row("close_range", "IO-other", SYSCALL, &[("res", Signed), ("first", Unsigned), ("last", Unsigned), ("flags", Unsigned)]),
    row("connect", "net", SYSCALL | FD, &[("res", Signed), ("tuple", Opaque), ("fd", Signed), ("addr", Opaque)]),
    row("container", "process", 0, &[("json", Text)]),
    row("copy_file_range", "file", SYSCALL | FD | READS | WRITES, &[("res", Signed), ("fdout", Signed), ("offout", Unsigned), ("fdin", Signed), ("offin", Unsigned), ("len", Unsigned)]),
    row("cpu_hotplug", "system", 0, &[("cpu", Unsigned), ("action", Unsigned)]),
    row("creat", "file", SYSCALL | FD, &[("fd", Signed), ("name", Text), ("mode", Unsigned), ("dev", Unsigned), ("ino", Unsigned), ("creat_flags", Unsigned)]),
    row("delete_module", "other", SYSCALL, &[("res", Signed), ("name", Text), ("flags", Unsigned)]),
    row("drop", "internal", 0, &[("ratio", Unsigned)]),
    row("dup", "IO-other", SYSCALL | FD, &[("res", Signed), ("oldfd", Signed)]),
    row("dup2", "IO-other", SYSCALL | FD, &[("res", Signed), ("oldfd", Signed), ("newfd", Signed)]),
    row("dup3", "IO-other", SYSCALL | FD, &[("res", Signed), ("oldfd", Signed), ("newfd", Signed), ("flags", Unsigned)]),
    row("epoll_create", "wait", SYSCALL | FD, &[("res", Signed), ("size", Signed)]),
    row("epoll_create1", "wait", SYSCALL | FD, &[("res", Signed), ("flags", Unsigned)]),
    row("epoll_wait", "wait", SYSCALL | WAITS, &[("res", Signed), ("maxevents", Signed)]),
    row("eventfd", "IPC", SYSCALL | FD, &[("res", Signed), ("initval", Unsigned), ("flags", Unsigned)]),
    row("eventfd2", "IPC", SYSCALL | FD, &[("res", Signed), ("flags", Unsigned), ("initval", Unsigned)]),
    row("execve", "process", SYSCALL, &[("res", Signed), ("exe", Text), ("args", Bytes), ("tid", Signed), ("pid", Signed), ("ptid", Signed), ("cwd", Text), ("fdlimit", Unsigned), ("pgft_maj", Unsigned), ("pgft_min", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("comm", Text), ("cgroups", Bytes), ("env", Bytes), ("tty", Unsigned), ("vpgid", Signed), ("loginuid", Account), ("flags", Unsigned), ("cap_inheritable", Unsigned), ("cap_permitted", Unsigned), ("cap_effective", Unsigned), ("exe_ino", Unsigned), ("exe_ino_ctime", AbsoluteTime), ("exe_ino_mtime", AbsoluteTime), ("uid", Account), ("trusted_exepath", Text), ("pgid", Signed), ("gid", Account), ("filename", Text)]),
    row("execveat", "process", SYSCALL, &[("res", Signed), ("exe", Text), ("args", Bytes), ("tid", Signed), ("pid", Signed), ("ptid", Signed), ("cwd", Text), ("fdlimit", Unsigned), ("pgft_maj", Unsigned), ("pgft_min", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("comm", Text), ("cgroups", Bytes), ("env", Bytes), ("tty", Unsigned), ("vpgid", Signed), ("loginuid", Account), ("flags", Unsigned), ("cap_inheritable", Unsigned), ("cap_permitted", Unsigned), ("cap_effective", Unsigned), ("exe_ino", Unsigned), ("exe_ino_ctime", AbsoluteTime), ("exe_ino_mtime", AbsoluteTime), ("uid", Account), ("trusted_exepath", Text), ("pgid", Signed), ("gid", Account)]),
    row("fchdir", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed)]),
    row("fchmod", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("mode", Unsigned)]),
    row("fchmodat", "file", SYSCALL | FD, &[("res", Signed), ("dirfd", Signed), ("filename", Text), ("mode", Unsigned)]),
    row("fchown", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("uid", Unsigned), ("gid", Unsigned)]),
    row("fchownat", "file", SYSCALL | FD, &[("res", Signed), ("dirfd", Signed), ("pathname", Text), ("uid", Unsigned), ("gid", Unsigned), ("flags", Unsigned)]),
    row("fcntl", "IO-other", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("cmd", Unsigned), ("arg", Unsigned)]),
    row("finit_module", "other", SYSCALL | FD | READS, &[("res", Signed), ("fd", Signed), ("uargs", Text), ("flags", Unsigned)]),
    row("flock", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("operation", Unsigned)]),
    row("fork", "process", SYSCALL, &[("res", Signed), ("exe", Text), ("args", Bytes), ("tid", Signed), ("pid", Signed), ("ptid", Signed), ("cwd", Text), ("fdlimit", Signed), ("pgft_maj", Unsigned), ("pgft_min", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("comm", Text), ("cgroups", Bytes), ("flags", Unsigned), ("uid", Unsigned), ("gid", Unsigned), ("vtid", Signed), ("vpid", Signed), ("pidns_init_start_ts", Unsigned)]),
    row("fsconfig", "system", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("cmd", Unsigned), ("key", Text), ("value_bytebuf", Bytes), ("value_charbuf", Text), ("aux", Signed)]),
    row("fstat", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed)]),
    row("fstat64", "file", SYSCALL, &[("res", Signed)]),
    row("futex", "IPC", SYSCALL, &[("res", Signed), ("addr", Unsigned), ("op", Unsigned), ("val", Unsigned)]),
    row("getcwd", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("getdents", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed)]),
    row("getdents64", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed)]),
    row("getegid", "user", SYSCALL, &[("egid", Account)]),
    row("geteuid", "user", SYSCALL, &[("euid", Account)]),
    row("getgid", "user", SYSCALL, &[("gid", Account)]),
    row("getpeername", "net", SYSCALL, &[]),
    row("getresgid", "user", SYSCALL, &[("res", Signed), ("rgid", Account), ("egid", Account), ("sgid", Account)]),
    row("getresuid", "user", SYSCALL, &[("res", Signed), ("ruid", Account), ("euid", Account), ("suid", Account)]),
    row("getrlimit", "process", SYSCALL, &[("res", Signed), ("cur", Signed), ("max", Signed), ("resource", Unsigned)]),
    row("getsockname", "net", SYSCALL, &[]),
    row("getsockopt", "net", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("level", Unsigned), ("optname", Unsigned), ("val", Opaque), ("optlen", Unsigned)]),
    row("getuid", "user", SYSCALL, &[("uid", Account)]),
    row("groupadded", "process", 0, &[("gid", Unsigned), ("name", Text), ("container_id", Text)]),
    row("groupdeleted", "process", 0, &[("gid", Unsigned), ("name", Text), ("container_id", Text)]),
    row("infra", "internal", 0, &[("source", Text), ("name", Text), ("description", Text), ("scope", Text)]),
    row("init_module", "other", SYSCALL, &[("res", Signed), ("img", Bytes), ("length", Unsigned), ("uargs", Text)]),
    row("inotify_init", "IPC", SYSCALL | FD, &[("res", Signed), ("flags", Unsigned)]),
    row("inotify_init1", "IPC", SYSCALL | FD, &[("res", Signed), ("flags", Unsigned)]),
    row("io_uring_enter", "IO-other", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("to_submit", Unsigned), ("min_complete", Unsigned), ("flags", Unsigned), ("sig", Unsigned)]),
    row("io_uring_register", "IO-other", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("opcode", Unsigned), ("arg", Unsigned), ("nr_args", Unsigned)]),
    row("io_uring_setup", "IO-other", SYSCALL | FD, &[("res", Signed), ("entries", Unsigned), ("sq_entries", Unsigned), ("cq_entries", Unsigned), ("flags", Unsigned), ("sq_thread_cpu", Unsigned), ("sq_thread_idle", Unsigned), ("features", Unsigned)]),
    row("ioctl", "IO-other", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("request", Unsigned), ("argument", Unsigned)]),
    row("keyctl", "other", SYSCALL, &[("res", Signed), ("operation", Unsigned), ("arg2", Opaque), ("arg3", Opaque), ("arg4", Opaque), ("arg5", Opaque)]),
    row("kill", "signal", SYSCALL, &[("res", Signed), ("pid", Signed), ("sig", Unsigned)]),
    row("lchown", "file", SYSCALL, &[("res", Signed), ("path", Text), ("uid", Unsigned), ("gid", Unsigned)]),
    row("link", "file", SYSCALL, &[("res", Signed), ("oldpath", Text), ("newpath", Text)]),
    row("linkat", "file", SYSCALL, &[("res", Signed), ("olddir", Signed), ("oldpath", Text), ("newdir", Signed), ("newpath", Text), ("flags", Unsigned)]),
    row("listen", "net", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("backlog", Signed)]),
    row("llseek", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("offset", Unsigned), ("whence", Unsigned)]),
    row("lseek", "file", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("offset", Unsigned), ("whence", Unsigned)]),
    row("lstat", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("lstat64", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("memfd_create", "memory", SYSCALL | FD, &[("fd", Signed), ("name", Text), ("flags", Unsigned)]),
    row("mkdir", "file", SYSCALL, &[("res", Signed), ("path", Text), ("mode", Unsigned)]),
    row("mkdirat", "file", SYSCALL | FD, &[("res", Signed), ("dirfd", Signed), ("path", Text), ("mode", Unsigned)]),
    row("mknod", "other", SYSCALL, &[("res", Signed), ("path", Text), ("mode", Unsigned), ("dev", Unsigned)]),
    row("mknodat", "other", SYSCALL | FD, &[("res", Signed), ("dirfd", Signed), ("path", Text), ("mode", Unsigned), ("dev", Unsigned)]),
    row("mlock", "memory", SYSCALL, &[("res", Signed), ("addr", Unsigned), ("len", Unsigned)]),
    row("mlock2", "memory", SYSCALL, &[("res", Signed), ("addr", Unsigned), ("len", Unsigned), ("flags", Unsigned)]),
    row("mlockall", "memory", SYSCALL, &[("res", Signed), ("flags", Unsigned)]),
    row("mmap", "memory", SYSCALL | FD, &[("res", Signed), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("addr", Unsigned), ("length", Unsigned), ("prot", Unsigned), ("flags", Unsigned), ("fd", Signed), ("offset", Unsigned)]),
    row("mmap2", "memory", SYSCALL | FD, &[("res", Signed), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("addr", Unsigned), ("length", Unsigned), ("prot", Unsigned), ("flags", Unsigned), ("fd", Signed), ("pgoffset", Unsigned)]),
    row("mount", "file", SYSCALL, &[("res", Signed), ("dev", Text), ("dir", Text), ("type", Text), ("flags", Unsigned)]),
    row("mprotect", "memory", SYSCALL, &[("res", Signed), ("addr", Unsigned), ("length", Unsigned), ("prot", Unsigned)]),
    row("munlock", "memory", SYSCALL, &[("res", Signed), ("addr", Unsigned), ("len", Unsigned)]),
    row("munlockall", "memory", SYSCALL, &[("res", Signed)]),
    row("munmap", "memory", SYSCALL, &[("res", Signed), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("addr", Unsigned), ("length", Unsigned)]),
    row("nanosleep", "sleep", SYSCALL | WAITS, &[("res", Signed), ("interval", RelativeTime)]),
    row("newfstatat", "file", SYSCALL | FD, &[("res", Signed), ("dirfd", Signed), ("path", Text), ("flags", Unsigned)]),
    row("notification", "other", 0, &[("id", Text), ("desc", Text)]),
    row("open", "file", SYSCALL | FD, &[("fd", Signed), ("name", Text), ("flags", Unsigned), ("mode", Unsigned), ("dev", Unsigned), ("ino", Unsigned)]),
    row("open_by_handle_at", "file", SYSCALL | FD, &[("fd", Signed), ("mountfd", Signed), ("flags", Unsigned), ("path", Text), ("dev", Unsigned), ("ino", Unsigned)]),
    row("openat", "file", SYSCALL | FD, &[("fd", Signed), ("dirfd", Signed), ("name", Text), ("flags", Unsigned), ("mode", Unsigned), ("dev", Unsigned), ("ino", Unsigned)]),
    row("openat2", "file", SYSCALL | FD, &[("fd", Signed), ("dirfd", Signed), ("name", Text), ("flags", Unsigned), ("mode", Unsigned), ("resolve", Unsigned), ("dev", Unsigned), ("ino", Unsigned)]),
    row("page_fault", "other", 0, &[("addr", Unsigned), ("ip", Unsigned), ("error", Unsigned)]),
    row("pidfd_getfd", "process", SYSCALL | FD, &[("fd", Signed), ("pid_fd", Signed), ("target_fd", Signed), ("flags", Unsigned)]),
    row("pidfd_open", "process", SYSCALL | FD, &[("fd", Signed), ("pid", Signed), ("flags", Unsigned)]),
    row("pipe", "IPC", SYSCALL | FD, &[("res", Signed), ("fd1", Signed), ("fd2", Signed), ("ino", Unsigned)]),
    row("pipe2", "IPC", SYSCALL | FD, &[("res", Signed), ("fd1", Signed), ("fd2", Signed), ("ino", Unsigned), ("flags", Unsigned)]),
    row("pluginevent", "other", 0, &[("plugin_id", Unsigned), ("event_data", Bytes)]),
    row("poll", "wait", SYSCALL | WAITS, &[("res", Signed), ("fds", Opaque), ("timeout", Signed)]),
    row("ppoll", "wait", SYSCALL | WAITS, &[("res", Signed), ("fds", Opaque), ("timeout", RelativeTime), ("sigmask", Unsigned)]),
    row("prctl", "process", SYSCALL, &[("res", Signed), ("option", Unsigned), ("arg2_str", Text), ("arg2_int", Signed)]),
    row("pread", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned), ("pos", Unsigned)]),
    row("preadv", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("size", Unsigned), ("data", Bytes), ("fd", Signed), ("pos", Unsigned)]),
    row("prlimit", "process", SYSCALL, &[("res", Signed), ("newcur", Signed), ("newmax", Signed), ("oldcur", Signed), ("oldmax", Signed), ("pid", Signed), ("resource", Unsigned)]),
    row("process_vm_readv", "IPC", SYSCALL, &[("res", Signed), ("pid", Signed), ("data", Bytes)]),
    row("process_vm_writev", "IPC", SYSCALL, &[("res", Signed), ("pid", Signed), ("data", Bytes)]),
    row("procexit", "process", 0, &[("status", Signed), ("ret", Signed), ("sig", Unsigned), ("core", Unsigned), ("reaper_tid", Signed)]),
    row("procinfo", "internal", 0, &[("cpu_usr", Unsigned), ("cpu_sys", Unsigned)]),
    row("ptrace", "process", SYSCALL, &[("res", Signed), ("addr", Opaque), ("data", Opaque), ("request", Unsigned), ("pid", Signed)]),
    row("pwrite", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned), ("pos", Unsigned)]),
    row("pwritev", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned), ("pos", Unsigned)]),
    row("quotactl", "user", SYSCALL, &[("res", Signed), ("special", Text), ("quotafilepath", Text), ("dqb_bhardlimit", Unsigned), ("dqb_bsoftlimit", Unsigned), ("dqb_curspace", Unsigned), ("dqb_ihardlimit", Unsigned), ("dqb_isoftlimit", Unsigned), ("dqb_btime", RelativeTime), ("dqb_itime", RelativeTime), ("dqi_bgrace", RelativeTime), ("dqi_igrace", RelativeTime), ("dqi_flags", Unsigned), ("quota_fmt_out", Unsigned), ("cmd", Unsigned), ("type", Unsigned), ("id", Unsigned), ("quota_fmt", Unsigned)]),
    row("read", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned)]),
    row("readv", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("size", Unsigned), ("data", Bytes), ("fd", Signed)]),
    row("recv", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned), ("tuple", Opaque)]),
    row("recvfrom", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("data", Bytes), ("tuple", Opaque), ("fd", Signed), ("size", Unsigned)]),
    row("recvmmsg", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("fd", Signed), ("size", Unsigned), ("data", Bytes), ("tuple", Opaque), ("msgcontrol", Bytes)]),
    row("recvmsg", "IO-read", SYSCALL | FD | READS, &[("res", Signed), ("size", Unsigned), ("data", Bytes), ("tuple", Opaque), ("msgcontrol", Bytes), ("fd", Signed)]),
    row("rename", "file", SYSCALL, &[("res", Signed), ("oldpath", Text), ("newpath", Text)]),
    row("renameat", "file", SYSCALL, &[("res", Signed), ("olddirfd", Signed), ("oldpath", Text), ("newdirfd", Signed), ("newpath", Text)]),
    row("renameat2", "file", SYSCALL, &[("res", Signed), ("olddirfd", Signed), ("oldpath", Text), ("newdirfd", Signed), ("newpath", Text), ("flags", Unsigned)]),
    row("rmdir", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("scapevent", "internal", 0, &[("event_type", Unsigned), ("event_data", Unsigned)]),
    row("seccomp", "other", SYSCALL, &[("res", Signed), ("op", Unsigned), ("flags", Unsigned)]),
    row("select", "wait", SYSCALL | WAITS, &[("res", Signed)]),
    row("semctl", "process", SYSCALL, &[("res", Signed), ("semid", Signed), ("semnum", Signed), ("cmd", Unsigned), ("val", Signed)]),
    row("semget", "process", SYSCALL, &[("res", Signed), ("key", Signed), ("nsems", Signed), ("semflg", Unsigned)]),
    row("semop", "process", SYSCALL, &[("res", Signed), ("nsops", Unsigned), ("sem_num_0", Unsigned), ("sem_op_0", Signed), ("sem_flg_0", Unsigned), ("sem_num_1", Unsigned), ("sem_op_1", Signed), ("sem_flg_1", Unsigned), ("semid", Signed)]),
    row("send", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned), ("tuple", Opaque)]),
    row("sendfile", "IO-write", SYSCALL | FD, &[("res", Signed), ("offset", Unsigned), ("out_fd", Signed), ("in_fd", Signed), ("size", Unsigned)]),
    row("sendmmsg", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("fd", Signed), ("size", Unsigned), ("data", Bytes), ("tuple", Opaque)]),
    row("sendmsg", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned), ("tuple", Opaque)]),
    row("sendto", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned), ("tuple", Opaque)]),
    row("setgid", "user", SYSCALL, &[("res", Signed), ("gid", Account)]),
    row("setns", "process", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("nstype", Unsigned)]),
    row("setpgid", "process", SYSCALL, &[("res", Signed), ("pid", Signed), ("pgid", Signed)]),
    row("setregid", "user", SYSCALL, &[("res", Signed), ("rgid", Account), ("egid", Account)]),
    row("setresgid", "user", SYSCALL, &[("res", Signed), ("rgid", Account), ("egid", Account), ("sgid", Account)]),
    row("setresuid", "user", SYSCALL, &[("res", Signed), ("ruid", Account), ("euid", Account), ("suid", Account)]),
    row("setreuid", "user", SYSCALL, &[("res", Signed), ("ruid", Account), ("euid", Account)]),
    row("setrlimit", "process", SYSCALL, &[("res", Signed), ("cur", Signed), ("max", Signed), ("resource", Unsigned)]),
    row("setsid", "process", SYSCALL, &[("res", Signed)]),
    row("setsockopt", "net", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("level", Unsigned), ("optname", Unsigned), ("val", Opaque), ("optlen", Unsigned)]),
    row("setuid", "user", SYSCALL, &[("res", Signed), ("uid", Account)]),
    row("shutdown", "net", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("how", Unsigned)]),
    row("signaldeliver", "signal", 0, &[("spid", Signed), ("dpid", Signed), ("sig", Unsigned)]),
    row("signalfd", "signal", SYSCALL | FD, &[("res", Signed), ("fd", Signed), ("mask", Unsigned), ("flags", Unsigned)]),
    row("signalfd4", "signal", SYSCALL | FD, &[("res", Signed), ("flags", Unsigned), ("fd", Signed), ("mask", Unsigned)]),
    row("socket", "net", SYSCALL | FD, &[("fd", Signed), ("domain", Unsigned), ("type", Unsigned), ("proto", Unsigned), ("flags", Unsigned)]),
    row("socketpair", "IPC", SYSCALL | FD, &[("res", Signed), ("fd1", Signed), ("fd2", Signed), ("source", Unsigned), ("peer", Unsigned), ("domain", Unsigned), ("type", Unsigned), ("proto", Unsigned)]),
    row("splice", "IO-other", SYSCALL | FD, &[("res", Signed), ("fd_in", Signed), ("fd_out", Signed), ("size", Unsigned), ("flags", Unsigned)]),
    row("stat", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("stat64", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("switch", "scheduler", 0, &[("next", Signed), ("pgft_maj", Unsigned), ("pgft_min", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned)]),
    row("symlink", "file", SYSCALL, &[("res", Signed), ("target", Text), ("linkpath", Text)]),
    row("symlinkat", "file", SYSCALL | FD, &[("res", Signed), ("target", Text), ("linkdirfd", Signed), ("linkpath", Text)]),
    row("syscall", "other", SYSCALL, &[("ID", Unsigned), ("nativeID", Unsigned)]),
    row("tgkill", "signal", SYSCALL, &[("res", Signed), ("pid", Signed), ("tid", Signed), ("sig", Unsigned)]),
    row("timerfd_create", "time", SYSCALL | FD, &[("res", Signed), ("clockid", Unsigned), ("flags", Unsigned)]),
    row("tkill", "signal", SYSCALL, &[("res", Signed), ("tid", Signed), ("sig", Unsigned)]),
    row("umount", "file", SYSCALL, &[("res", Signed), ("name", Text)]),
    row("umount2", "file", SYSCALL, &[("res", Signed), ("name", Text), ("flags", Unsigned)]),
    row("unlink", "file", SYSCALL, &[("res", Signed), ("path", Text)]),
    row("unlinkat", "file", SYSCALL | FD, &[("res", Signed), ("dirfd", Signed), ("name", Text), ("flags", Unsigned)]),
    row("unshare", "process", SYSCALL, &[("res", Signed), ("flags", Unsigned)]),
    row("useradded", "process", 0, &[("uid", Unsigned), ("gid", Unsigned), ("name", Text), ("home", Text), ("shell", Text), ("container_id", Text)]),
    row("userdeleted", "process", 0, &[("uid", Unsigned), ("gid", Unsigned), ("name", Text), ("home", Text), ("shell", Text), ("container_id", Text)]),
    row("userfaultfd", "file", SYSCALL | FD, &[("res", Signed), ("flags", Unsigned)]),
    row("vfork", "process", SYSCALL, &[("res", Signed), ("exe", Text), ("args", Bytes), ("tid", Signed), ("pid", Signed), ("ptid", Signed), ("cwd", Text), ("fdlimit", Signed), ("pgft_maj", Unsigned), ("pgft_min", Unsigned), ("vm_size", Unsigned), ("vm_rss", Unsigned), ("vm_swap", Unsigned), ("comm", Text), ("cgroups", Bytes), ("flags", Unsigned), ("uid", Unsigned), ("gid", Unsigned), ("vtid", Signed), ("vpid", Signed), ("pidns_init_start_ts", Unsigned)]),
    row("write", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned)]),
    row("writev", "IO-write", SYSCALL | FD | WRITES, &[("res", Signed), ("data", Bytes), ("fd", Signed), ("size", Unsigned)]),
];
