//! Names of flag and enumeration values that only captures carry, in the order in which Falco prints them.

use tiercel_detection::event::FlagTable;

#[rustfmt::skip]
pub(super) const ANON_INODE_FD_TYPES: &FlagTable = &FlagTable { name: "anon_inode_fd_types", rows: &[(0, "ANON_INODE_FD_TYPE_UNKNOWN"), (1, "ANON_INODE_FD_TYPE_EVENTFD"), (2, "ANON_INODE_FD_TYPE_EVENTPOLL"), (3, "ANON_INODE_FD_TYPE_INOTIFY"), (4, "ANON_INODE_FD_TYPE_SIGNALFD"), (5, "ANON_INODE_FD_TYPE_TIMERFD"), (6, "ANON_INODE_FD_TYPE_IO_URING"), (7, "ANON_INODE_FD_TYPE_USERFAULTFD"), (8, "ANON_INODE_FD_TYPE_PIDFD"), (9, "ANON_INODE_FD_TYPE_BPF_MAP"), (10, "ANON_INODE_FD_TYPE_BPF_PROG"), (11, "ANON_INODE_FD_TYPE_BPF_LINK"), (12, "ANON_INODE_FD_TYPE_BPF_ITER"), (13, "ANON_INODE_FD_TYPE_PERF_EVENT")] };

#[rustfmt::skip]
pub(super) const EPOLL_CREATE1_FLAGS: &FlagTable = &FlagTable { name: "epoll_create1_flags", rows: &[(1, "EPOLL_CLOEXEC")] };

#[rustfmt::skip]
pub(super) const FLOCK_FLAGS: &FlagTable = &FlagTable { name: "flock_flags", rows: &[(1, "LOCK_SH"), (2, "LOCK_EX"), (4, "LOCK_NB"), (8, "LOCK_UN"), (0, "LOCK_NONE")] };

#[rustfmt::skip]
pub(super) const FUTEX_OPERATIONS: &FlagTable = &FlagTable { name: "futex_operations", rows: &[(256, "FUTEX_CLOCK_REALTIME"), (128, "FUTEX_PRIVATE_FLAG"), (12, "FUTEX_CMP_REQUEUE_PI"), (11, "FUTEX_WAIT_REQUEUE_PI"), (10, "FUTEX_WAKE_BITSET"), (9, "FUTEX_WAIT_BITSET"), (8, "FUTEX_TRYLOCK_PI"), (7, "FUTEX_UNLOCK_PI"), (6, "FUTEX_LOCK_PI"), (5, "FUTEX_WAKE_OP"), (4, "FUTEX_CMP_REQUEUE"), (3, "FUTEX_REQUEUE"), (2, "FUTEX_FD"), (1, "FUTEX_WAKE"), (0, "FUTEX_WAIT")] };

#[rustfmt::skip]
pub(super) const IO_URING_ENTER_FLAGS: &FlagTable = &FlagTable { name: "io_uring_enter_flags", rows: &[(1, "IORING_ENTER_GETEVENTS"), (2, "IORING_ENTER_SQ_WAKEUP"), (4, "IORING_ENTER_SQ_WAIT"), (8, "IORING_ENTER_EXT_ARG")] };

#[rustfmt::skip]
pub(super) const IO_URING_REGISTER_OPCODES: &FlagTable = &FlagTable { name: "io_uring_register_opcodes", rows: &[(0, "IORING_REGISTER_BUFFERS"), (1, "IORING_UNREGISTER_BUFFERS"), (2, "IORING_REGISTER_FILES"), (3, "IORING_UNREGISTER_FILES"), (4, "IORING_REGISTER_EVENTFD"), (5, "IORING_UNREGISTER_EVENTFD"), (6, "IORING_REGISTER_FILES_UPDATE"), (7, "IORING_REGISTER_EVENTFD_ASYNC"), (8, "IORING_REGISTER_PROBE"), (9, "IORING_REGISTER_PERSONALITY"), (10, "IORING_UNREGISTER_PERSONALITY"), (11, "IORING_REGISTER_RESTRICTIONS"), (12, "IORING_REGISTER_ENABLE_RINGS"), (13, "IORING_REGISTER_FILES2"), (14, "IORING_REGISTER_FILES_UPDATE2"), (15, "IORING_REGISTER_BUFFERS2"), (16, "IORING_REGISTER_BUFFERS_UPDATE"), (17, "IORING_REGISTER_IOWQ_AFF"), (18, "IORING_UNREGISTER_IOWQ_AFF"), (19, "IORING_REGISTER_IOWQ_MAX_WORKERS"), (20, "IORING_REGISTER_RING_FDS"), (21, "IORING_UNREGISTER_RING_FDS")] };

#[rustfmt::skip]
pub(super) const IO_URING_SETUP_FEATS: &FlagTable = &FlagTable { name: "io_uring_setup_feats", rows: &[(1, "IORING_FEAT_SINGLE_MMAP"), (2, "IORING_FEAT_NODROP"), (4, "IORING_FEAT_SUBMIT_STABLE"), (8, "IORING_FEAT_RW_CUR_POS"), (16, "IORING_FEAT_CUR_PERSONALITY"), (32, "IORING_FEAT_FAST_POLL"), (64, "IORING_FEAT_POLL_32BITS"), (128, "IORING_FEAT_SQPOLL_NONFIXED"), (256, "IORING_FEAT_ENTER_EXT_ARG"), (512, "IORING_FEAT_NATIVE_WORKERS"), (1024, "IORING_FEAT_RSRC_TAGS")] };

#[rustfmt::skip]
pub(super) const KEYCTL_OPERATIONS: &FlagTable = &FlagTable { name: "keyctl_operations", rows: &[(0, "KEYCTL_GET_KEYRING_ID"), (1, "KEYCTL_JOIN_SESSION_KEYRING"), (2, "KEYCTL_UPDATE"), (3, "KEYCTL_REVOKE"), (4, "KEYCTL_CHOWN"), (5, "KEYCTL_SETPERM"), (6, "KEYCTL_DESCRIBE"), (7, "KEYCTL_CLEAR"), (8, "KEYCTL_LINK"), (9, "KEYCTL_UNLINK"), (10, "KEYCTL_SEARCH"), (11, "KEYCTL_READ"), (12, "KEYCTL_INSTANTIATE"), (13, "KEYCTL_NEGATE"), (14, "KEYCTL_SET_REQKEY_KEYRING"), (15, "KEYCTL_SET_TIMEOUT"), (16, "KEYCTL_ASSUME_AUTHORITY"), (17, "KEYCTL_GET_SECURITY"), (18, "KEYCTL_SESSION_TO_PARENT"), (19, "KEYCTL_REJECT"), (20, "KEYCTL_INSTANTIATE_IOV"), (21, "KEYCTL_INVALIDATE"), (22, "KEYCTL_GET_PERSISTENT"), (23, "KEYCTL_DH_COMPUTE"), (24, "KEYCTL_PKEY_QUERY"), (25, "KEYCTL_PKEY_ENCRYPT"), (26, "KEYCTL_PKEY_DECRYPT"), (27, "KEYCTL_PKEY_SIGN"), (28, "KEYCTL_PKEY_VERIFY"), (29, "KEYCTL_RESTRICT_KEYRING"), (30, "KEYCTL_MOVE"), (31, "KEYCTL_CAPABILITIES"), (32, "KEYCTL_WATCH_KEY")] };

#[rustfmt::skip]
pub(super) const LSEEK_WHENCE: &FlagTable = &FlagTable { name: "lseek_whence", rows: &[(2, "SEEK_END"), (1, "SEEK_CUR"), (0, "SEEK_SET")] };

#[rustfmt::skip]
pub(super) const MLOCK2_FLAGS: &FlagTable = &FlagTable { name: "mlock2_flags", rows: &[(1, "MLOCK_ONFAULT")] };

#[rustfmt::skip]
pub(super) const MLOCKALL_FLAGS: &FlagTable = &FlagTable { name: "mlockall_flags", rows: &[(1, "MCL_CURRENT"), (2, "MCL_FUTURE"), (4, "MCL_ONFAULT")] };

#[rustfmt::skip]
pub(super) const MMAP_FLAGS: &FlagTable = &FlagTable { name: "mmap_flags", rows: &[(1, "MAP_SHARED"), (2, "MAP_PRIVATE"), (4, "MAP_FIXED"), (8, "MAP_ANONYMOUS"), (16, "MAP_32BIT"), (32, "MAP_RENAME"), (64, "MAP_NORESERVE"), (128, "MAP_POPULATE"), (256, "MAP_NONBLOCK"), (512, "MAP_GROWSDOWN"), (1024, "MAP_DENYWRITE"), (2048, "MAP_EXECUTABLE"), (4096, "MAP_INHERIT"), (8192, "MAP_FILE"), (16384, "MAP_LOCKED")] };

#[rustfmt::skip]
pub(super) const NEWFSTATAT_FLAGS: &FlagTable = &FlagTable { name: "newfstatat_flags", rows: &[(4096, "AT_EMPTY_PATH"), (2048, "AT_NO_AUTOMOUNT"), (256, "AT_SYMLINK_NOFOLLOW")] };

#[rustfmt::skip]
pub(super) const PF_FLAGS: &FlagTable = &FlagTable { name: "pf_flags", rows: &[(1, "PROTECTION_VIOLATION"), (2, "PAGE_NOT_PRESENT"), (4, "WRITE_ACCESS"), (8, "READ_ACCESS"), (16, "USER_FAULT"), (32, "SUPERVISOR_FAULT"), (64, "RESERVED_PAGE"), (128, "INSTRUCTION_FETCH")] };

#[rustfmt::skip]
pub(super) const PROT_FLAGS: &FlagTable = &FlagTable { name: "prot_flags", rows: &[(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC"), (8, "PROT_SEM"), (16, "PROT_GROWSDOWN"), (32, "PROT_GROWSUP"), (64, "PROT_SAO"), (0, "PROT_NONE")] };

#[rustfmt::skip]
pub(super) const QUOTACTL_CMDS: &FlagTable = &FlagTable { name: "quotactl_cmds", rows: &[(1, "Q_QUOTAON"), (2, "Q_QUOTAOFF"), (4, "Q_GETFMT"), (8, "Q_GETINFO"), (16, "Q_SETINFO"), (32, "Q_GETQUOTA"), (64, "Q_SETQUOTA"), (128, "Q_SYNC"), (256, "Q_XQUOTAON"), (512, "Q_XQUOTAOFF"), (1024, "Q_XGETQUOTA"), (2048, "Q_XSETQLIM"), (4096, "Q_XGETQSTAT"), (8192, "Q_XQUOTARM"), (16384, "Q_XQUOTASYNC")] };

#[rustfmt::skip]
pub(super) const QUOTACTL_DQI_FLAGS: &FlagTable = &FlagTable { name: "quotactl_dqi_flags", rows: &[(1, "DQF_NONE"), (2, "V1_DQF_RSQUASH")] };

#[rustfmt::skip]
pub(super) const QUOTACTL_QUOTA_FMTS: &FlagTable = &FlagTable { name: "quotactl_quota_fmts", rows: &[(1, "QFMT_NOT_USED"), (2, "QFMT_VFS_OLD"), (4, "QFMT_VFS_V0"), (8, "QFMT_VFS_V1")] };

#[rustfmt::skip]
pub(super) const QUOTACTL_TYPES: &FlagTable = &FlagTable { name: "quotactl_types", rows: &[(1, "USRQUOTA"), (2, "GRPQUOTA")] };

#[rustfmt::skip]
pub(super) const RLIMIT_RESOURCES: &FlagTable = &FlagTable { name: "rlimit_resources", rows: &[(255, "RLIMIT_UNKNOWN"), (15, "RLIMIT_RTTIME"), (14, "RLIMIT_RTPRIO"), (13, "RLIMIT_NICE"), (12, "RLIMIT_MSGQUEUE"), (11, "RLIMIT_SIGPENDING"), (10, "RLIMIT_LOCKS"), (9, "RLIMIT_AS"), (8, "RLIMIT_MEMLOCK"), (7, "RLIMIT_NOFILE"), (6, "RLIMIT_NPROC"), (5, "RLIMIT_RSS"), (4, "RLIMIT_CORE"), (3, "RLIMIT_STACK"), (2, "RLIMIT_DATA"), (1, "RLIMIT_FSIZE"), (0, "RLIMIT_CPU")] };

#[rustfmt::skip]
pub(super) const SEMCTL_COMMANDS: &FlagTable = &FlagTable { name: "semctl_commands", rows: &[(1, "IPC_STAT"), (2, "IPC_SET"), (4, "IPC_RMID"), (8, "IPC_INFO"), (16, "SEM_INFO"), (32, "SEM_STAT"), (64, "GETALL"), (128, "GETNCNT"), (256, "GETPID"), (512, "GETVAL"), (1024, "GETZCNT"), (2048, "SETALL"), (4096, "SETVAL")] };

#[rustfmt::skip]
pub(super) const SEMGET_FLAGS: &FlagTable = &FlagTable { name: "semget_flags", rows: &[(16384, "IPC_EXCL"), (8192, "IPC_CREAT")] };

#[rustfmt::skip]
pub(super) const SEMOP_FLAGS: &FlagTable = &FlagTable { name: "semop_flags", rows: &[(1, "IPC_NOWAIT"), (2, "SEM_UNDO")] };

#[rustfmt::skip]
pub(super) const SOCKOPT_LEVELS: &FlagTable = &FlagTable { name: "sockopt_levels", rows: &[(1, "SOL_SOCKET"), (2, "SOL_TCP"), (0, "UNKNOWN")] };

#[rustfmt::skip]
pub(super) const SOCKOPT_OPTIONS: &FlagTable = &FlagTable { name: "sockopt_options", rows: &[(53, "SO_COOKIE"), (52, "SO_MEMINFO"), (51, "SO_PEERGROUPS"), (50, "SO_ATTACH_BPF"), (49, "SO_INCOMING_CPU"), (48, "SO_BPF_EXTENSIONS"), (47, "SO_MAX_PACING_RATE"), (46, "SO_BUSY_POLL"), (45, "SO_SELECT_ERR_QUEUE"), (44, "SO_LOCK_FILTER"), (43, "SO_NOFCS"), (42, "SO_PEEK_OFF"), (41, "SO_WIFI_STATUS"), (40, "SO_RXQ_OVFL"), (39, "SO_DOMAIN"), (38, "SO_PROTOCOL"), (37, "SO_TIMESTAMPING"), (36, "SO_MARK"), (35, "SO_TIMESTAMPNS"), (34, "SO_PASSSEC"), (31, "SO_PEERSEC"), (30, "SO_ACCEPTCONN"), (29, "SO_TIMESTAMP"), (28, "SO_PEERNAME"), (27, "SO_DETACH_FILTER"), (26, "SO_ATTACH_FILTER"), (25, "SO_BINDTODEVICE"), (24, "SO_SECURITY_ENCRYPTION_NETWORK"), (23, "SO_SECURITY_ENCRYPTION_TRANSPORT"), (22, "SO_SECURITY_AUTHENTICATION"), (21, "SO_SNDTIMEO"), (20, "SO_RCVTIMEO"), (19, "SO_SNDLOWAT"), (18, "SO_RCVLOWAT"), (17, "SO_PEERCRED"), (16, "SO_PASSCRED"), (15, "SO_REUSEPORT"), (14, "SO_BSDCOMPAT"), (13, "SO_LINGER"), (12, "SO_PRIORITY"), (11, "SO_NO_CHECK"), (10, "SO_OOBINLINE"), (9, "SO_KEEPALIVE"), (33, "SO_RCVBUFFORCE"), (32, "SO_SNDBUFFORCE"), (8, "SO_RCVBUF"), (7, "SO_SNDBUF"), (6, "SO_BROADCAST"), (5, "SO_DONTROUTE"), (4, "SO_ERROR"), (3, "SO_TYPE"), (2, "SO_REUSEADDR"), (1, "SO_DEBUG"), (0, "UNKNOWN")] };
