//! The tables: (value, name) in the order in which Falco prints the names.

use super::super::FlagTable;

/// Open flags (`open`, `openat`, `openat2`, and the descriptor flags of `socket`, `dup3`, `pipe2`, `userfaultfd`).
pub const FILE_FLAGS: &FlagTable = &FlagTable {
    name: "file_flags",
    rows: &[
        (2048, "O_LARGEFILE"),
        (1024, "O_DIRECTORY"),
        (512, "O_DIRECT"),
        (256, "O_TRUNC"),
        (128, "O_SYNC"),
        (64, "O_NONBLOCK"),
        (32, "O_EXCL"),
        (16, "O_DSYNC"),
        (8, "O_APPEND"),
        (4, "O_CREAT"),
        (3, "O_RDWR"),
        (2, "O_WRONLY"),
        (1, "O_RDONLY"),
        (4096, "O_CLOEXEC"),
        (0, "O_NONE"),
        (8192, "O_TMPFILE"),
        (16384, "O_F_CREATED"),
        (32768, "FD_UPPER_LAYER"),
        (65536, "FD_LOWER_LAYER"),
    ],
};

/// Overlay flags of `creat`.
pub const CREAT_FLAGS: &FlagTable =
    &FlagTable { name: "creat_flags", rows: &[(1, "FD_UPPER_LAYER_CREAT"), (2, "FD_LOWER_LAYER_CREAT")] };

/// Address families.
pub const SOCKET_FAMILIES: &FlagTable = &FlagTable {
    name: "socket_families",
    rows: &[
        (39, "AF_NFC"),
        (38, "AF_ALG"),
        (37, "AF_CAIF"),
        (36, "AF_IEEE802154"),
        (35, "AF_PHONET"),
        (34, "AF_ISDN"),
        (33, "AF_RXRPC"),
        (32, "AF_IUCV"),
        (31, "AF_BLUETOOTH"),
        (30, "AF_TIPC"),
        (29, "AF_CAN"),
        (26, "AF_LLC"),
        (25, "AF_WANPIPE"),
        (24, "AF_PPPOX"),
        (23, "AF_IRDA"),
        (22, "AF_SNA"),
        (21, "AF_RDS"),
        (20, "AF_ATMSVC"),
        (19, "AF_ECONET"),
        (18, "AF_ASH"),
        (17, "AF_PACKET"),
        (16, "AF_ROUTE"),
        (16, "AF_NETLINK"),
        (15, "AF_KEY"),
        (14, "AF_SECURITY"),
        (13, "AF_NETBEUI"),
        (12, "AF_DECnet"),
        (11, "AF_ROSE"),
        (10, "AF_INET6"),
        (9, "AF_X25"),
        (8, "AF_ATMPVC"),
        (7, "AF_BRIDGE"),
        (6, "AF_NETROM"),
        (5, "AF_APPLETALK"),
        (4, "AF_IPX"),
        (3, "AF_AX25"),
        (2, "AF_INET"),
        (1, "AF_LOCAL"),
        (1, "AF_UNIX"),
        (0, "AF_UNSPEC"),
    ],
};

/// Requests of `ptrace`.
pub const PTRACE_REQUESTS: &FlagTable = &FlagTable {
    name: "ptrace_requests",
    rows: &[
        (38, "PTRACE_SINGLEBLOCK"),
        (37, "PTRACE_SYSEMU_SINGLESTEP"),
        (36, "PTRACE_SYSEMU"),
        (35, "PTRACE_ARCH_PRCTL"),
        (34, "PTRACE_SET_THREAD_AREA"),
        (33, "PTRACE_GET_THREAD_AREA"),
        (32, "PTRACE_OLDSETOPTIONS"),
        (31, "PTRACE_SETFPXREGS"),
        (30, "PTRACE_GETFPXREGS"),
        (29, "PTRACE_SETFPREGS"),
        (28, "PTRACE_GETFPREGS"),
        (27, "PTRACE_SETREGS"),
        (26, "PTRACE_GETREGS"),
        (25, "PTRACE_SETSIGMASK"),
        (24, "PTRACE_GETSIGMASK"),
        (23, "PTRACE_PEEKSIGINFO"),
        (22, "PTRACE_LISTEN"),
        (21, "PTRACE_INTERRUPT"),
        (20, "PTRACE_SEIZE"),
        (19, "PTRACE_SETREGSET"),
        (18, "PTRACE_GETREGSET"),
        (17, "PTRACE_SETSIGINFO"),
        (16, "PTRACE_GETSIGINFO"),
        (15, "PTRACE_GETEVENTMSG"),
        (14, "PTRACE_SETOPTIONS"),
        (13, "PTRACE_SYSCALL"),
        (12, "PTRACE_DETACH"),
        (11, "PTRACE_ATTACH"),
        (10, "PTRACE_SINGLESTEP"),
        (9, "PTRACE_KILL"),
        (8, "PTRACE_CONT"),
        (7, "PTRACE_POKEUSR"),
        (6, "PTRACE_POKEDATA"),
        (5, "PTRACE_POKETEXT"),
        (4, "PTRACE_PEEKUSR"),
        (3, "PTRACE_PEEKDATA"),
        (2, "PTRACE_PEEKTEXT"),
        (1, "PTRACE_TRACEME"),
        (0, "PTRACE_UNKNOWN"),
    ],
};

/// Commands of `bpf`.
pub const BPF_COMMANDS: &FlagTable = &FlagTable {
    name: "bpf_commands",
    rows: &[
        (0, "BPF_MAP_CREATE"),
        (1, "BPF_MAP_LOOKUP_ELEM"),
        (2, "BPF_MAP_UPDATE_ELEM"),
        (3, "BPF_MAP_DELETE_ELEM"),
        (4, "BPF_MAP_GET_NEXT_KEY"),
        (5, "BPF_PROG_LOAD"),
        (6, "BPF_OBJ_PIN"),
        (7, "BPF_OBJ_GET"),
        (8, "BPF_PROG_ATTACH"),
        (9, "BPF_PROG_DETACH"),
        (10, "BPF_PROG_TEST_RUN"),
        (10, "BPF_PROG_RUN"),
        (11, "BPF_PROG_GET_NEXT_ID"),
        (12, "BPF_MAP_GET_NEXT_ID"),
        (13, "BPF_PROG_GET_FD_BY_ID"),
        (14, "BPF_MAP_GET_FD_BY_ID"),
        (15, "BPF_OBJ_GET_INFO_BY_FD"),
        (16, "BPF_PROG_QUERY"),
        (17, "BPF_RAW_TRACEPOINT_OPEN"),
        (18, "BPF_BTF_LOAD"),
        (19, "BPF_BTF_GET_FD_BY_ID"),
        (20, "BPF_TASK_FD_QUERY"),
        (21, "BPF_MAP_LOOKUP_AND_DELETE_ELEM"),
        (22, "BPF_MAP_FREEZE"),
        (23, "BPF_BTF_GET_NEXT_ID"),
        (24, "BPF_MAP_LOOKUP_BATCH"),
        (25, "BPF_MAP_LOOKUP_AND_DELETE_BATCH"),
        (26, "BPF_MAP_UPDATE_BATCH"),
        (27, "BPF_MAP_DELETE_BATCH"),
        (28, "BPF_LINK_CREATE"),
        (29, "BPF_LINK_UPDATE"),
        (30, "BPF_LINK_GET_FD_BY_ID"),
        (31, "BPF_LINK_GET_NEXT_ID"),
        (32, "BPF_ENABLE_STATS"),
        (33, "BPF_ITER_CREATE"),
        (34, "BPF_LINK_DETACH"),
        (35, "BPF_PROG_BIND_MAP"),
    ],
};

/// Flags of `clone`, `unshare` and `setns`.
pub const CLONE_FLAGS: &FlagTable = &FlagTable {
    name: "clone_flags",
    rows: &[
        (1, "CLONE_FILES"),
        (2, "CLONE_FS"),
        (4, "CLONE_IO"),
        (8, "CLONE_NEWIPC"),
        (16, "CLONE_NEWNET"),
        (32, "CLONE_NEWNS"),
        (64, "CLONE_NEWPID"),
        (128, "CLONE_NEWUTS"),
        (256, "CLONE_PARENT"),
        (512, "CLONE_PARENT_SETTID"),
        (1024, "CLONE_PTRACE"),
        (2048, "CLONE_SIGHAND"),
        (4096, "CLONE_SYSVSEM"),
        (8192, "CLONE_THREAD"),
        (16384, "CLONE_UNTRACED"),
        (32768, "CLONE_VM"),
        (65536, "CLONE_INVERTED"),
        (131072, "NAME_CHANGED"),
        (262144, "CLOSED"),
        (1048576, "CLONE_NEWUSER"),
        (8388608, "CLONE_CHILD_CLEARTID"),
        (16777216, "CLONE_CHILD_SETTID"),
        (33554432, "CLONE_SETTLS"),
        (67108864, "CLONE_STOPPED"),
        (134217728, "CLONE_VFORK"),
        (268435456, "CLONE_NEWCGROUP"),
        (536870912, "CLONE_CHILD_IN_PIDNS"),
    ],
};

/// What was special about the executable.
pub const EXECVE_FLAGS: &FlagTable = &FlagTable {
    name: "execve_flags",
    rows: &[(1, "EXE_WRITABLE"), (2, "EXE_UPPER_LAYER"), (4, "EXE_FROM_MEMFD"), (8, "EXE_LOWER_LAYER")],
};

/// Flags of `execveat`.
pub const EXECVEAT_FLAGS: &FlagTable =
    &FlagTable { name: "execveat_flags", rows: &[(1, "AT_EMPTY_PATH"), (2, "AT_SYMLINK_NOFOLLOW")] };

/// Flags of `unlinkat`.
pub const UNLINKAT_FLAGS: &FlagTable = &FlagTable { name: "unlinkat_flags", rows: &[(512, "AT_REMOVEDIR")] };

/// Flags of `linkat`.
pub const LINKAT_FLAGS: &FlagTable =
    &FlagTable { name: "linkat_flags", rows: &[(1024, "AT_SYMLINK_FOLLOW"), (4096, "AT_EMPTY_PATH")] };

/// Flags of `renameat2`.
pub const RENAMEAT2_FLAGS: &FlagTable = &FlagTable {
    name: "renameat2_flags",
    rows: &[(1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT")],
};

/// Resolve bits of `openat2`.
pub const OPENAT2_FLAGS: &FlagTable = &FlagTable {
    name: "openat2_flags",
    rows: &[
        (1, "RESOLVE_BENEATH"),
        (2, "RESOLVE_IN_ROOT"),
        (4, "RESOLVE_NO_MAGICLINKS"),
        (8, "RESOLVE_NO_SYMLINKS"),
        (16, "RESOLVE_NO_XDEV"),
        (32, "RESOLVE_CACHED"),
    ],
};

/// Flags of `fchownat`.
pub const FCHOWNAT_FLAGS: &FlagTable =
    &FlagTable { name: "fchownat_flags", rows: &[(1024, "AT_SYMLINK_NOFOLLOW"), (4096, "AT_EMPTY_PATH")] };

/// Permission bits.
pub const CHMOD_MODE: &FlagTable = &FlagTable {
    name: "chmod_mode",
    rows: &[
        (1, "S_IXOTH"),
        (2, "S_IWOTH"),
        (4, "S_IROTH"),
        (8, "S_IXGRP"),
        (16, "S_IWGRP"),
        (32, "S_IRGRP"),
        (64, "S_IXUSR"),
        (128, "S_IWUSR"),
        (256, "S_IRUSR"),
        (512, "S_ISVTX"),
        (1024, "S_ISGID"),
        (2048, "S_ISUID"),
    ],
};

/// Permission and type bits of `mknod`.
pub const MKNOD_MODE: &FlagTable = &FlagTable {
    name: "mknod_mode",
    rows: &[
        (1, "S_IXOTH"),
        (2, "S_IWOTH"),
        (4, "S_IROTH"),
        (8, "S_IXGRP"),
        (16, "S_IWGRP"),
        (32, "S_IRGRP"),
        (64, "S_IXUSR"),
        (128, "S_IWUSR"),
        (256, "S_IRUSR"),
        (512, "S_ISVTX"),
        (1024, "S_ISGID"),
        (2048, "S_ISUID"),
        (32768, "S_IFREG"),
        (8192, "S_IFCHR"),
        (24576, "S_IFBLK"),
        (4096, "S_IFIFO"),
        (49152, "S_IFSOCK"),
    ],
};

/// Flags of `mount`.
pub const MOUNT_FLAGS: &FlagTable = &FlagTable {
    name: "mount_flags",
    rows: &[
        (1, "RDONLY"),
        (2, "NOSUID"),
        (4, "NODEV"),
        (8, "NOEXEC"),
        (16, "SYNCHRONOUS"),
        (32, "REMOUNT"),
        (64, "MANDLOCK"),
        (128, "DIRSYNC"),
        (1024, "NOATIME"),
        (2048, "NODIRATIME"),
        (4096, "BIND"),
        (8192, "MOVE"),
        (16384, "REC"),
        (32768, "SILENT"),
        (65536, "POSIXACL"),
        (131072, "UNBINDABLE"),
        (262144, "PRIVATE"),
        (524288, "SLAVE"),
        (1048576, "SHARED"),
        (2097152, "RELATIME"),
        (4194304, "KERNMOUNT"),
        (8388608, "I_VERSION"),
        (16777216, "STRICTATIME"),
        (33554432, "LAZYTIME"),
        (268435456, "NOSEC"),
        (536870912, "BORN"),
        (1073741824, "ACTIVE"),
        (2147483648, "NOUSER"),
    ],
};

/// Flags of `umount2`.
pub const UMOUNT_FLAGS: &FlagTable =
    &FlagTable { name: "umount_flags", rows: &[(1, "FORCE"), (2, "DETACH"), (4, "EXPIRE"), (8, "NOFOLLOW")] };

/// Flags of `memfd_create`.
pub const MEMFD_CREATE_FLAGS: &FlagTable = &FlagTable {
    name: "memfd_create_flags",
    rows: &[(1, "MFD_CLOEXEC"), (2, "MFD_ALLOW_SEALING"), (4, "MFD_HUGETLB")],
};

/// Flags of `finit_module`.
pub const FINIT_MODULE_FLAGS: &FlagTable = &FlagTable {
    name: "finit_module_flags",
    rows: &[
        (1, "MODULE_INIT_IGNORE_MODVERSIONS"),
        (2, "MODULE_INIT_IGNORE_VERMAGIC"),
        (4, "MODULE_INIT_COMPRESSED_FILE"),
    ],
};

/// Flags of `delete_module`.
pub const DELETE_MODULE_FLAGS: &FlagTable =
    &FlagTable { name: "delete_module_flags", rows: &[(2, "O_NONBLOCK"), (1, "O_TRUNC")] };

/// Options of `prctl`.
pub const PRCTL_OPTIONS: &FlagTable = &FlagTable {
    name: "prctl_options",
    rows: &[
        (3, "PR_GET_DUMPABLE"),
        (4, "PR_SET_DUMPABLE"),
        (7, "PR_GET_KEEPCAPS"),
        (8, "PR_SET_KEEPCAPS"),
        (15, "PR_SET_NAME"),
        (16, "PR_GET_NAME"),
        (21, "PR_GET_SECCOMP"),
        (22, "PR_SET_SECCOMP"),
        (23, "PR_CAPBSET_READ"),
        (24, "PR_CAPBSET_DROP"),
        (27, "PR_GET_SECUREBITS"),
        (28, "PR_SET_SECUREBITS"),
        (33, "PR_MCE_KILL"),
        (33, "PR_MCE_KILL"),
        (35, "PR_SET_MM"),
        (36, "PR_SET_CHILD_SUBREAPER"),
        (37, "PR_GET_CHILD_SUBREAPER"),
        (38, "PR_SET_NO_NEW_PRIVS"),
        (39, "PR_GET_NO_NEW_PRIVS"),
        (40, "PR_GET_TID_ADDRESS"),
        (41, "PR_SET_THP_DISABLE"),
        (42, "PR_GET_THP_DISABLE"),
        (47, "PR_CAP_AMBIENT"),
    ],
};

/// Commands of `fcntl`.
pub const FCNTL_COMMANDS: &FlagTable = &FlagTable {
    name: "fcntl_commands",
    rows: &[
        (29, "F_GETPIPE_SZ"),
        (28, "F_SETPIPE_SZ"),
        (27, "F_NOTIFY"),
        (26, "F_DUPFD_CLOEXEC"),
        (25, "F_CANCELLK"),
        (24, "F_GETLEASE"),
        (23, "F_SETLEASE"),
        (22, "F_GETOWN_EX"),
        (21, "F_SETOWN_EX"),
        (19, "F_SETLKW64"),
        (18, "F_SETLK64"),
        (17, "F_GETLK64"),
        (15, "F_GETSIG"),
        (13, "F_SETSIG"),
        (12, "F_GETOWN"),
        (10, "F_SETOWN"),
        (9, "F_SETLKW"),
        (8, "F_SETLK"),
        (6, "F_GETLK"),
        (5, "F_SETFL"),
        (4, "F_GETFL"),
        (3, "F_SETFD"),
        (2, "F_GETFD"),
        (1, "F_DUPFD"),
        (30, "F_OFD_GETLK"),
        (31, "F_OFD_SETLK"),
        (32, "F_OFD_SETLKW"),
        (0, "UNKNOWN"),
    ],
};

/// Flags of `pidfd_open`.
pub const PIDFD_OPEN_FLAGS: &FlagTable = &FlagTable { name: "pidfd_open_flags", rows: &[(1, "PIDFD_NONBLOCK")] };

/// Flags of `close_range`.
pub const CLOSE_RANGE_FLAGS: &FlagTable =
    &FlagTable { name: "close_range_flags", rows: &[(2, "CLOSE_RANGE_UNSHARE"), (4, "CLOSE_RANGE_CLOEXEC")] };

/// Flags of `io_uring_setup`.
pub const IO_URING_SETUP_FLAGS: &FlagTable = &FlagTable {
    name: "io_uring_setup_flags",
    rows: &[
        (1, "IORING_SETUP_IOPOLL"),
        (2, "IORING_SETUP_SQPOLL"),
        (4, "IORING_SQ_NEED_WAKEUP"),
        (8, "IORING_SETUP_SQ_AFF"),
        (16, "IORING_SETUP_CQSIZE"),
        (32, "IORING_SETUP_CLAMP"),
        (64, "IORING_SETUP_ATTACH_RW"),
        (128, "IORING_SETUP_R_DISABLED"),
    ],
};

/// How of `shutdown`.
pub const SHUTDOWN_HOW: &FlagTable = &FlagTable {
    name: "shutdown_how",
    rows: &[(65535, "SHUT_UNKNOWN"), (2, "SHUT_RDWR"), (1, "SHUT_WR"), (0, "SHUT_RD")],
};

/// Modes of `access`.
pub const ACCESS_FLAGS: &FlagTable =
    &FlagTable { name: "access_flags", rows: &[(0, "F_OK"), (4, "R_OK"), (2, "W_OK"), (1, "X_OK")] };

/// Signals.
pub const SIGNALS: &FlagTable = &FlagTable {
    name: "signals",
    rows: &[
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (5, "SIGTRAP"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (10, "SIGUSR1"),
        (11, "SIGSEGV"),
        (12, "SIGUSR2"),
        (13, "SIGPIPE"),
        (14, "SIGALRM"),
        (15, "SIGTERM"),
        (16, "SIGSTKFLT"),
        (17, "SIGCHLD"),
        (18, "SIGCONT"),
        (19, "SIGSTOP"),
        (20, "SIGTSTP"),
        (21, "SIGTTIN"),
        (22, "SIGTTOU"),
        (23, "SIGURG"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
        (26, "SIGVTALRM"),
        (27, "SIGPROF"),
        (28, "SIGWINCH"),
        (29, "SIGIO"),
        (30, "SIGPWR"),
        (31, "SIGSYS"),
    ],
};

/// Flags of `splice`; values are those of Linux.
pub const SPLICE_FLAGS: &FlagTable = &FlagTable {
    name: "splice_flags",
    rows: &[(1, "SPLICE_F_MOVE"), (2, "SPLICE_F_NONBLOCK"), (4, "SPLICE_F_MORE"), (8, "SPLICE_F_GIFT")],
};

/// Commands of `fsconfig`; values are those of Linux.
pub const FSCONFIG_CMDS: &FlagTable = &FlagTable {
    name: "fsconfig_cmds",
    rows: &[
        (0, "FSCONFIG_SET_FLAG"),
        (1, "FSCONFIG_SET_STRING"),
        (2, "FSCONFIG_SET_BINARY"),
        (3, "FSCONFIG_SET_PATH"),
        (4, "FSCONFIG_SET_PATH_EMPTY"),
        (5, "FSCONFIG_SET_FD"),
        (6, "FSCONFIG_CMD_CREATE"),
        (7, "FSCONFIG_CMD_RECONFIGURE"),
    ],
};
