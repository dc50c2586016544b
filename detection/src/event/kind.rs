//! Event kinds: the names that `evt.type` can have.
//!
//! The table holds every live event of Falco's schema 4.5 and every system call of x86-64, so that a rule that names an
//! event nobody has heard of is an error and one that names an event we do not capture is not.

/// The kind of an event, an index into the table of names.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKind(u16);

impl EventKind {
    /// How many kinds there are; every index is below it.
    pub const COUNT: usize = NAMES.len();

    /// The kind of that name, or `None` when no event has it.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES
            .binary_search(&name)
            .ok()
            .map(|index| Self(u16::try_from(index).expect("the table has fewer than 65536 rows")))
    }

    /// Falco's name of it.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// Its index, below [`EventKind::COUNT`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether the kind at that index has that name; usable while the crate is compiled.
    pub(super) const fn is_name_of(index: usize, name: &str) -> bool {
        let (left, right) = (NAMES[index].as_bytes(), name.as_bytes());
        if left.len() != right.len() {
            return false;
        }
        let mut at = 0;
        while at < left.len() {
            if left[at] != right[at] {
                return false;
            }
            at += 1;
        }
        true
    }

    /// All kinds, in order of their names.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..u16::try_from(NAMES.len()).expect("the table has fewer than 65536 rows")).map(Self)
    }
}

impl std::fmt::Debug for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// One constant for each kind.
pub mod kinds {
    #![expect(missing_docs, reason = "each constant is documented by its name")]
    use super::EventKind;

    pub const SYSCTL: EventKind = EventKind(0);
    pub const ACCEPT: EventKind = EventKind(1);
    pub const ACCEPT4: EventKind = EventKind(2);
    pub const ACCESS: EventKind = EventKind(3);
    pub const ACCT: EventKind = EventKind(4);
    pub const ADD_KEY: EventKind = EventKind(5);
    pub const ADJTIMEX: EventKind = EventKind(6);
    pub const AFS_SYSCALL: EventKind = EventKind(7);
    pub const ALARM: EventKind = EventKind(8);
    pub const ARCH_PRCTL: EventKind = EventKind(9);
    pub const ASYNCEVENT: EventKind = EventKind(10);
    pub const BIND: EventKind = EventKind(11);
    pub const BPF: EventKind = EventKind(12);
    pub const BRK: EventKind = EventKind(13);
    pub const CACHESTAT: EventKind = EventKind(14);
    pub const CAPGET: EventKind = EventKind(15);
    pub const CAPSET: EventKind = EventKind(16);
    pub const CHDIR: EventKind = EventKind(17);
    pub const CHMOD: EventKind = EventKind(18);
    pub const CHOWN: EventKind = EventKind(19);
    pub const CHROOT: EventKind = EventKind(20);
    pub const CLOCK_ADJTIME: EventKind = EventKind(21);
    pub const CLOCK_GETRES: EventKind = EventKind(22);
    pub const CLOCK_GETTIME: EventKind = EventKind(23);
    pub const CLOCK_NANOSLEEP: EventKind = EventKind(24);
    pub const CLOCK_SETTIME: EventKind = EventKind(25);
    pub const CLONE: EventKind = EventKind(26);
    pub const CLONE3: EventKind = EventKind(27);
    pub const CLOSE: EventKind = EventKind(28);
    pub const CLOSE_RANGE: EventKind = EventKind(29);
    pub const CONNECT: EventKind = EventKind(30);
    pub const CONTAINER: EventKind = EventKind(31);
    pub const COPY_FILE_RANGE: EventKind = EventKind(32);
    pub const CPU_HOTPLUG: EventKind = EventKind(33);
    pub const CREAT: EventKind = EventKind(34);
    pub const CREATE_MODULE: EventKind = EventKind(35);
    pub const DELETE_MODULE: EventKind = EventKind(36);
    pub const DROP: EventKind = EventKind(37);
    pub const DUP: EventKind = EventKind(38);
    pub const DUP2: EventKind = EventKind(39);
    pub const DUP3: EventKind = EventKind(40);
    pub const EPOLL_CREATE: EventKind = EventKind(41);
    pub const EPOLL_CREATE1: EventKind = EventKind(42);
    pub const EPOLL_CTL: EventKind = EventKind(43);
    pub const EPOLL_CTL_OLD: EventKind = EventKind(44);
    pub const EPOLL_PWAIT: EventKind = EventKind(45);
    pub const EPOLL_PWAIT2: EventKind = EventKind(46);
    pub const EPOLL_WAIT: EventKind = EventKind(47);
    pub const EPOLL_WAIT_OLD: EventKind = EventKind(48);
    pub const EVENTFD: EventKind = EventKind(49);
    pub const EVENTFD2: EventKind = EventKind(50);
    pub const EXECVE: EventKind = EventKind(51);
    pub const EXECVEAT: EventKind = EventKind(52);
    pub const EXIT: EventKind = EventKind(53);
    pub const EXIT_GROUP: EventKind = EventKind(54);
    pub const FACCESSAT: EventKind = EventKind(55);
    pub const FACCESSAT2: EventKind = EventKind(56);
    pub const FADVISE64: EventKind = EventKind(57);
    pub const FALLOCATE: EventKind = EventKind(58);
    pub const FANOTIFY_INIT: EventKind = EventKind(59);
    pub const FANOTIFY_MARK: EventKind = EventKind(60);
    pub const FCHDIR: EventKind = EventKind(61);
    pub const FCHMOD: EventKind = EventKind(62);
    pub const FCHMODAT: EventKind = EventKind(63);
    pub const FCHMODAT2: EventKind = EventKind(64);
    pub const FCHOWN: EventKind = EventKind(65);
    pub const FCHOWNAT: EventKind = EventKind(66);
    pub const FCNTL: EventKind = EventKind(67);
    pub const FCNTL64: EventKind = EventKind(68);
    pub const FDATASYNC: EventKind = EventKind(69);
    pub const FGETXATTR: EventKind = EventKind(70);
    pub const FINIT_MODULE: EventKind = EventKind(71);
    pub const FLISTXATTR: EventKind = EventKind(72);
    pub const FLOCK: EventKind = EventKind(73);
    pub const FORK: EventKind = EventKind(74);
    pub const FREMOVEXATTR: EventKind = EventKind(75);
    pub const FSCONFIG: EventKind = EventKind(76);
    pub const FSETXATTR: EventKind = EventKind(77);
    pub const FSMOUNT: EventKind = EventKind(78);
    pub const FSOPEN: EventKind = EventKind(79);
    pub const FSPICK: EventKind = EventKind(80);
    pub const FSTAT: EventKind = EventKind(81);
    pub const FSTAT64: EventKind = EventKind(82);
    pub const FSTATFS: EventKind = EventKind(83);
    pub const FSYNC: EventKind = EventKind(84);
    pub const FTRUNCATE: EventKind = EventKind(85);
    pub const FUTEX: EventKind = EventKind(86);
    pub const FUTEX_REQUEUE: EventKind = EventKind(87);
    pub const FUTEX_WAIT: EventKind = EventKind(88);
    pub const FUTEX_WAITV: EventKind = EventKind(89);
    pub const FUTEX_WAKE: EventKind = EventKind(90);
    pub const FUTIMESAT: EventKind = EventKind(91);
    pub const GET_KERNEL_SYMS: EventKind = EventKind(92);
    pub const GET_MEMPOLICY: EventKind = EventKind(93);
    pub const GET_ROBUST_LIST: EventKind = EventKind(94);
    pub const GET_THREAD_AREA: EventKind = EventKind(95);
    pub const GETCPU: EventKind = EventKind(96);
    pub const GETCWD: EventKind = EventKind(97);
    pub const GETDENTS: EventKind = EventKind(98);
    pub const GETDENTS64: EventKind = EventKind(99);
    pub const GETEGID: EventKind = EventKind(100);
    pub const GETEUID: EventKind = EventKind(101);
    pub const GETGID: EventKind = EventKind(102);
    pub const GETGROUPS: EventKind = EventKind(103);
    pub const GETITIMER: EventKind = EventKind(104);
    pub const GETPEERNAME: EventKind = EventKind(105);
    pub const GETPGID: EventKind = EventKind(106);
    pub const GETPGRP: EventKind = EventKind(107);
    pub const GETPID: EventKind = EventKind(108);
    pub const GETPMSG: EventKind = EventKind(109);
    pub const GETPPID: EventKind = EventKind(110);
    pub const GETPRIORITY: EventKind = EventKind(111);
    pub const GETRANDOM: EventKind = EventKind(112);
    pub const GETRESGID: EventKind = EventKind(113);
    pub const GETRESUID: EventKind = EventKind(114);
    pub const GETRLIMIT: EventKind = EventKind(115);
    pub const GETRUSAGE: EventKind = EventKind(116);
    pub const GETSID: EventKind = EventKind(117);
    pub const GETSOCKNAME: EventKind = EventKind(118);
    pub const GETSOCKOPT: EventKind = EventKind(119);
    pub const GETTID: EventKind = EventKind(120);
    pub const GETTIMEOFDAY: EventKind = EventKind(121);
    pub const GETUID: EventKind = EventKind(122);
    pub const GETXATTR: EventKind = EventKind(123);
    pub const GETXATTRAT: EventKind = EventKind(124);
    pub const GROUPADDED: EventKind = EventKind(125);
    pub const GROUPDELETED: EventKind = EventKind(126);
    pub const INFRA: EventKind = EventKind(127);
    pub const INIT_MODULE: EventKind = EventKind(128);
    pub const INOTIFY_ADD_WATCH: EventKind = EventKind(129);
    pub const INOTIFY_INIT: EventKind = EventKind(130);
    pub const INOTIFY_INIT1: EventKind = EventKind(131);
    pub const INOTIFY_RM_WATCH: EventKind = EventKind(132);
    pub const IO_CANCEL: EventKind = EventKind(133);
    pub const IO_DESTROY: EventKind = EventKind(134);
    pub const IO_GETEVENTS: EventKind = EventKind(135);
    pub const IO_PGETEVENTS: EventKind = EventKind(136);
    pub const IO_SETUP: EventKind = EventKind(137);
    pub const IO_SUBMIT: EventKind = EventKind(138);
    pub const IO_URING_ENTER: EventKind = EventKind(139);
    pub const IO_URING_REGISTER: EventKind = EventKind(140);
    pub const IO_URING_SETUP: EventKind = EventKind(141);
    pub const IOCTL: EventKind = EventKind(142);
    pub const IOPERM: EventKind = EventKind(143);
    pub const IOPL: EventKind = EventKind(144);
    pub const IOPRIO_GET: EventKind = EventKind(145);
    pub const IOPRIO_SET: EventKind = EventKind(146);
    pub const KCMP: EventKind = EventKind(147);
    pub const KEXEC_FILE_LOAD: EventKind = EventKind(148);
    pub const KEXEC_LOAD: EventKind = EventKind(149);
    pub const KEYCTL: EventKind = EventKind(150);
    pub const KILL: EventKind = EventKind(151);
    pub const LANDLOCK_ADD_RULE: EventKind = EventKind(152);
    pub const LANDLOCK_CREATE_RULESET: EventKind = EventKind(153);
    pub const LANDLOCK_RESTRICT_SELF: EventKind = EventKind(154);
    pub const LCHOWN: EventKind = EventKind(155);
    pub const LGETXATTR: EventKind = EventKind(156);
    pub const LINK: EventKind = EventKind(157);
    pub const LINKAT: EventKind = EventKind(158);
    pub const LISTEN: EventKind = EventKind(159);
    pub const LISTMOUNT: EventKind = EventKind(160);
    pub const LISTXATTR: EventKind = EventKind(161);
    pub const LISTXATTRAT: EventKind = EventKind(162);
    pub const LLISTXATTR: EventKind = EventKind(163);
    pub const LLSEEK: EventKind = EventKind(164);
    pub const LOOKUP_DCOOKIE: EventKind = EventKind(165);
    pub const LREMOVEXATTR: EventKind = EventKind(166);
    pub const LSEEK: EventKind = EventKind(167);
    pub const LSETXATTR: EventKind = EventKind(168);
    pub const LSM_GET_SELF_ATTR: EventKind = EventKind(169);
    pub const LSM_LIST_MODULES: EventKind = EventKind(170);
    pub const LSM_SET_SELF_ATTR: EventKind = EventKind(171);
    pub const LSTAT: EventKind = EventKind(172);
    pub const LSTAT64: EventKind = EventKind(173);
    pub const MADVISE: EventKind = EventKind(174);
    pub const MAP_SHADOW_STACK: EventKind = EventKind(175);
    pub const MBIND: EventKind = EventKind(176);
    pub const MEMBARRIER: EventKind = EventKind(177);
    pub const MEMFD_CREATE: EventKind = EventKind(178);
    pub const MEMFD_SECRET: EventKind = EventKind(179);
    pub const MIGRATE_PAGES: EventKind = EventKind(180);
    pub const MINCORE: EventKind = EventKind(181);
    pub const MKDIR: EventKind = EventKind(182);
    pub const MKDIRAT: EventKind = EventKind(183);
    pub const MKNOD: EventKind = EventKind(184);
    pub const MKNODAT: EventKind = EventKind(185);
    pub const MLOCK: EventKind = EventKind(186);
    pub const MLOCK2: EventKind = EventKind(187);
    pub const MLOCKALL: EventKind = EventKind(188);
    pub const MMAP: EventKind = EventKind(189);
    pub const MMAP2: EventKind = EventKind(190);
    pub const MODIFY_LDT: EventKind = EventKind(191);
    pub const MOUNT: EventKind = EventKind(192);
    pub const MOUNT_SETATTR: EventKind = EventKind(193);
    pub const MOVE_MOUNT: EventKind = EventKind(194);
    pub const MOVE_PAGES: EventKind = EventKind(195);
    pub const MPROTECT: EventKind = EventKind(196);
    pub const MQ_GETSETATTR: EventKind = EventKind(197);
    pub const MQ_NOTIFY: EventKind = EventKind(198);
    pub const MQ_OPEN: EventKind = EventKind(199);
    pub const MQ_TIMEDRECEIVE: EventKind = EventKind(200);
    pub const MQ_TIMEDSEND: EventKind = EventKind(201);
    pub const MQ_UNLINK: EventKind = EventKind(202);
    pub const MREMAP: EventKind = EventKind(203);
    pub const MSEAL: EventKind = EventKind(204);
    pub const MSGCTL: EventKind = EventKind(205);
    pub const MSGGET: EventKind = EventKind(206);
    pub const MSGRCV: EventKind = EventKind(207);
    pub const MSGSND: EventKind = EventKind(208);
    pub const MSYNC: EventKind = EventKind(209);
    pub const MUNLOCK: EventKind = EventKind(210);
    pub const MUNLOCKALL: EventKind = EventKind(211);
    pub const MUNMAP: EventKind = EventKind(212);
    pub const NAME_TO_HANDLE_AT: EventKind = EventKind(213);
    pub const NANOSLEEP: EventKind = EventKind(214);
    pub const NEWFSTATAT: EventKind = EventKind(215);
    pub const NFSSERVCTL: EventKind = EventKind(216);
    pub const NOTIFICATION: EventKind = EventKind(217);
    pub const OPEN: EventKind = EventKind(218);
    pub const OPEN_BY_HANDLE_AT: EventKind = EventKind(219);
    pub const OPEN_TREE: EventKind = EventKind(220);
    pub const OPEN_TREE_ATTR: EventKind = EventKind(221);
    pub const OPENAT: EventKind = EventKind(222);
    pub const OPENAT2: EventKind = EventKind(223);
    pub const PAGE_FAULT: EventKind = EventKind(224);
    pub const PAUSE: EventKind = EventKind(225);
    pub const PERF_EVENT_OPEN: EventKind = EventKind(226);
    pub const PERSONALITY: EventKind = EventKind(227);
    pub const PIDFD_GETFD: EventKind = EventKind(228);
    pub const PIDFD_OPEN: EventKind = EventKind(229);
    pub const PIDFD_SEND_SIGNAL: EventKind = EventKind(230);
    pub const PIPE: EventKind = EventKind(231);
    pub const PIPE2: EventKind = EventKind(232);
    pub const PIVOT_ROOT: EventKind = EventKind(233);
    pub const PKEY_ALLOC: EventKind = EventKind(234);
    pub const PKEY_FREE: EventKind = EventKind(235);
    pub const PKEY_MPROTECT: EventKind = EventKind(236);
    pub const PLUGINEVENT: EventKind = EventKind(237);
    pub const POLL: EventKind = EventKind(238);
    pub const PPOLL: EventKind = EventKind(239);
    pub const PRCTL: EventKind = EventKind(240);
    pub const PREAD: EventKind = EventKind(241);
    pub const PREAD64: EventKind = EventKind(242);
    pub const PREADV: EventKind = EventKind(243);
    pub const PREADV2: EventKind = EventKind(244);
    pub const PRLIMIT: EventKind = EventKind(245);
    pub const PRLIMIT64: EventKind = EventKind(246);
    pub const PROCESS_MADVISE: EventKind = EventKind(247);
    pub const PROCESS_MRELEASE: EventKind = EventKind(248);
    pub const PROCESS_VM_READV: EventKind = EventKind(249);
    pub const PROCESS_VM_WRITEV: EventKind = EventKind(250);
    pub const PROCEXIT: EventKind = EventKind(251);
    pub const PROCINFO: EventKind = EventKind(252);
    pub const PSELECT6: EventKind = EventKind(253);
    pub const PTRACE: EventKind = EventKind(254);
    pub const PUTPMSG: EventKind = EventKind(255);
    pub const PWRITE: EventKind = EventKind(256);
    pub const PWRITE64: EventKind = EventKind(257);
    pub const PWRITEV: EventKind = EventKind(258);
    pub const PWRITEV2: EventKind = EventKind(259);
    pub const QUERY_MODULE: EventKind = EventKind(260);
    pub const QUOTACTL: EventKind = EventKind(261);
    pub const QUOTACTL_FD: EventKind = EventKind(262);
    pub const READ: EventKind = EventKind(263);
    pub const READAHEAD: EventKind = EventKind(264);
    pub const READLINK: EventKind = EventKind(265);
    pub const READLINKAT: EventKind = EventKind(266);
    pub const READV: EventKind = EventKind(267);
    pub const REBOOT: EventKind = EventKind(268);
    pub const RECV: EventKind = EventKind(269);
    pub const RECVFROM: EventKind = EventKind(270);
    pub const RECVMMSG: EventKind = EventKind(271);
    pub const RECVMSG: EventKind = EventKind(272);
    pub const REMAP_FILE_PAGES: EventKind = EventKind(273);
    pub const REMOVEXATTR: EventKind = EventKind(274);
    pub const REMOVEXATTRAT: EventKind = EventKind(275);
    pub const RENAME: EventKind = EventKind(276);
    pub const RENAMEAT: EventKind = EventKind(277);
    pub const RENAMEAT2: EventKind = EventKind(278);
    pub const REQUEST_KEY: EventKind = EventKind(279);
    pub const RESTART_SYSCALL: EventKind = EventKind(280);
    pub const RMDIR: EventKind = EventKind(281);
    pub const RSEQ: EventKind = EventKind(282);
    pub const RT_SIGACTION: EventKind = EventKind(283);
    pub const RT_SIGPENDING: EventKind = EventKind(284);
    pub const RT_SIGPROCMASK: EventKind = EventKind(285);
    pub const RT_SIGQUEUEINFO: EventKind = EventKind(286);
    pub const RT_SIGRETURN: EventKind = EventKind(287);
    pub const RT_SIGSUSPEND: EventKind = EventKind(288);
    pub const RT_SIGTIMEDWAIT: EventKind = EventKind(289);
    pub const RT_TGSIGQUEUEINFO: EventKind = EventKind(290);
    pub const SCAPEVENT: EventKind = EventKind(291);
    pub const SCHED_GET_PRIORITY_MAX: EventKind = EventKind(292);
    pub const SCHED_GET_PRIORITY_MIN: EventKind = EventKind(293);
    pub const SCHED_GETAFFINITY: EventKind = EventKind(294);
    pub const SCHED_GETATTR: EventKind = EventKind(295);
    pub const SCHED_GETPARAM: EventKind = EventKind(296);
    pub const SCHED_GETSCHEDULER: EventKind = EventKind(297);
    pub const SCHED_RR_GET_INTERVAL: EventKind = EventKind(298);
    pub const SCHED_SETAFFINITY: EventKind = EventKind(299);
    pub const SCHED_SETATTR: EventKind = EventKind(300);
    pub const SCHED_SETPARAM: EventKind = EventKind(301);
    pub const SCHED_SETSCHEDULER: EventKind = EventKind(302);
    pub const SCHED_YIELD: EventKind = EventKind(303);
    pub const SECCOMP: EventKind = EventKind(304);
    pub const SECURITY: EventKind = EventKind(305);
    pub const SELECT: EventKind = EventKind(306);
    pub const SEMCTL: EventKind = EventKind(307);
    pub const SEMGET: EventKind = EventKind(308);
    pub const SEMOP: EventKind = EventKind(309);
    pub const SEMTIMEDOP: EventKind = EventKind(310);
    pub const SEND: EventKind = EventKind(311);
    pub const SENDFILE: EventKind = EventKind(312);
    pub const SENDFILE64: EventKind = EventKind(313);
    pub const SENDMMSG: EventKind = EventKind(314);
    pub const SENDMSG: EventKind = EventKind(315);
    pub const SENDTO: EventKind = EventKind(316);
    pub const SET_MEMPOLICY: EventKind = EventKind(317);
    pub const SET_MEMPOLICY_HOME_NODE: EventKind = EventKind(318);
    pub const SET_ROBUST_LIST: EventKind = EventKind(319);
    pub const SET_THREAD_AREA: EventKind = EventKind(320);
    pub const SET_TID_ADDRESS: EventKind = EventKind(321);
    pub const SETDOMAINNAME: EventKind = EventKind(322);
    pub const SETFSGID: EventKind = EventKind(323);
    pub const SETFSUID: EventKind = EventKind(324);
    pub const SETGID: EventKind = EventKind(325);
    pub const SETGID32: EventKind = EventKind(326);
    pub const SETGROUPS: EventKind = EventKind(327);
    pub const SETHOSTNAME: EventKind = EventKind(328);
    pub const SETITIMER: EventKind = EventKind(329);
    pub const SETNS: EventKind = EventKind(330);
    pub const SETPGID: EventKind = EventKind(331);
    pub const SETPRIORITY: EventKind = EventKind(332);
    pub const SETREGID: EventKind = EventKind(333);
    pub const SETREGID32: EventKind = EventKind(334);
    pub const SETRESGID: EventKind = EventKind(335);
    pub const SETRESGID32: EventKind = EventKind(336);
    pub const SETRESUID: EventKind = EventKind(337);
    pub const SETRESUID32: EventKind = EventKind(338);
    pub const SETREUID: EventKind = EventKind(339);
    pub const SETREUID32: EventKind = EventKind(340);
    pub const SETRLIMIT: EventKind = EventKind(341);
    pub const SETSID: EventKind = EventKind(342);
    pub const SETSOCKOPT: EventKind = EventKind(343);
    pub const SETTIMEOFDAY: EventKind = EventKind(344);
    pub const SETUID: EventKind = EventKind(345);
    pub const SETUID32: EventKind = EventKind(346);
    pub const SETXATTR: EventKind = EventKind(347);
    pub const SETXATTRAT: EventKind = EventKind(348);
    pub const SHMAT: EventKind = EventKind(349);
    pub const SHMCTL: EventKind = EventKind(350);
    pub const SHMDT: EventKind = EventKind(351);
    pub const SHMGET: EventKind = EventKind(352);
    pub const SHUTDOWN: EventKind = EventKind(353);
    pub const SIGALTSTACK: EventKind = EventKind(354);
    pub const SIGNALDELIVER: EventKind = EventKind(355);
    pub const SIGNALFD: EventKind = EventKind(356);
    pub const SIGNALFD4: EventKind = EventKind(357);
    pub const SOCKET: EventKind = EventKind(358);
    pub const SOCKETPAIR: EventKind = EventKind(359);
    pub const SPLICE: EventKind = EventKind(360);
    pub const STAT: EventKind = EventKind(361);
    pub const STAT64: EventKind = EventKind(362);
    pub const STATFS: EventKind = EventKind(363);
    pub const STATMOUNT: EventKind = EventKind(364);
    pub const STATX: EventKind = EventKind(365);
    pub const SWAPOFF: EventKind = EventKind(366);
    pub const SWAPON: EventKind = EventKind(367);
    pub const SWITCH: EventKind = EventKind(368);
    pub const SYMLINK: EventKind = EventKind(369);
    pub const SYMLINKAT: EventKind = EventKind(370);
    pub const SYNC: EventKind = EventKind(371);
    pub const SYNC_FILE_RANGE: EventKind = EventKind(372);
    pub const SYNCFS: EventKind = EventKind(373);
    pub const SYSCALL: EventKind = EventKind(374);
    pub const SYSFS: EventKind = EventKind(375);
    pub const SYSINFO: EventKind = EventKind(376);
    pub const SYSLOG: EventKind = EventKind(377);
    pub const TASK: EventKind = EventKind(378);
    pub const TASK_FILE_ANON_INODE: EventKind = EventKind(379);
    pub const TASK_FILE_DIRECTORY: EventKind = EventKind(380);
    pub const TASK_FILE_MEMFD: EventKind = EventKind(381);
    pub const TASK_FILE_PIPE: EventKind = EventKind(382);
    pub const TASK_FILE_REGULAR: EventKind = EventKind(383);
    pub const TASK_FILE_SOCKET_INET: EventKind = EventKind(384);
    pub const TASK_FILE_SOCKET_INET6: EventKind = EventKind(385);
    pub const TASK_FILE_SOCKET_NETLINK: EventKind = EventKind(386);
    pub const TASK_FILE_SOCKET_UNIX: EventKind = EventKind(387);
    pub const TEE: EventKind = EventKind(388);
    pub const TGKILL: EventKind = EventKind(389);
    pub const TIME: EventKind = EventKind(390);
    pub const TIMER_CREATE: EventKind = EventKind(391);
    pub const TIMER_DELETE: EventKind = EventKind(392);
    pub const TIMER_GETOVERRUN: EventKind = EventKind(393);
    pub const TIMER_GETTIME: EventKind = EventKind(394);
    pub const TIMER_SETTIME: EventKind = EventKind(395);
    pub const TIMERFD_CREATE: EventKind = EventKind(396);
    pub const TIMERFD_GETTIME: EventKind = EventKind(397);
    pub const TIMERFD_SETTIME: EventKind = EventKind(398);
    pub const TIMES: EventKind = EventKind(399);
    pub const TKILL: EventKind = EventKind(400);
    pub const TRUNCATE: EventKind = EventKind(401);
    pub const TUXCALL: EventKind = EventKind(402);
    pub const UMASK: EventKind = EventKind(403);
    pub const UMOUNT: EventKind = EventKind(404);
    pub const UMOUNT2: EventKind = EventKind(405);
    pub const UNAME: EventKind = EventKind(406);
    pub const UNLINK: EventKind = EventKind(407);
    pub const UNLINKAT: EventKind = EventKind(408);
    pub const UNSHARE: EventKind = EventKind(409);
    pub const USELIB: EventKind = EventKind(410);
    pub const USERADDED: EventKind = EventKind(411);
    pub const USERDELETED: EventKind = EventKind(412);
    pub const USERFAULTFD: EventKind = EventKind(413);
    pub const USTAT: EventKind = EventKind(414);
    pub const UTIME: EventKind = EventKind(415);
    pub const UTIMENSAT: EventKind = EventKind(416);
    pub const UTIMES: EventKind = EventKind(417);
    pub const VFORK: EventKind = EventKind(418);
    pub const VHANGUP: EventKind = EventKind(419);
    pub const VMSPLICE: EventKind = EventKind(420);
    pub const VSERVER: EventKind = EventKind(421);
    pub const WAIT4: EventKind = EventKind(422);
    pub const WAITID: EventKind = EventKind(423);
    pub const WRITE: EventKind = EventKind(424);
    pub const WRITEV: EventKind = EventKind(425);
}

/// Sorted by bytes; the index is the kind.
const NAMES: &[&str] = &[
    "_sysctl",
    "accept",
    "accept4",
    "access",
    "acct",
    "add_key",
    "adjtimex",
    "afs_syscall",
    "alarm",
    "arch_prctl",
    "asyncevent",
    "bind",
    "bpf",
    "brk",
    "cachestat",
    "capget",
    "capset",
    "chdir",
    "chmod",
    "chown",
    "chroot",
    "clock_adjtime",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "clock_settime",
    "clone",
    "clone3",
    "close",
    "close_range",
    "connect",
    "container",
    "copy_file_range",
    "cpu_hotplug",
    "creat",
    "create_module",
    "delete_module",
    "drop",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_ctl_old",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "epoll_wait_old",
    "eventfd",
    "eventfd2",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fallocate",
    "fanotify_init",
    "fanotify_mark",
    "fchdir",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "fchown",
    "fchownat",
    "fcntl",
    "fcntl64",
    "fdatasync",
    "fgetxattr",
    "finit_module",
    "flistxattr",
    "flock",
    "fork",
    "fremovexattr",
    "fsconfig",
    "fsetxattr",
    "fsmount",
    "fsopen",
    "fspick",
    "fstat",
    "fstat64",
    "fstatfs",
    "fsync",
    "ftruncate",
    "futex",
    "futex_requeue",
    "futex_wait",
    "futex_waitv",
    "futex_wake",
    "futimesat",
    "get_kernel_syms",
    "get_mempolicy",
    "get_robust_list",
    "get_thread_area",
    "getcpu",
    "getcwd",
    "getdents",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getitimer",
    "getpeername",
    "getpgid",
    "getpgrp",
    "getpid",
    "getpmsg",
    "getppid",
    "getpriority",
    "getrandom",
    "getresgid",
    "getresuid",
    "getrlimit",
    "getrusage",
    "getsid",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "getxattr",
    "getxattrat",
    "groupadded",
    "groupdeleted",
    "infra",
    "init_module",
    "inotify_add_watch",
    "inotify_init",
    "inotify_init1",
    "inotify_rm_watch",
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_setup",
    "io_submit",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioctl",
    "ioperm",
    "iopl",
    "ioprio_get",
    "ioprio_set",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "kill",
    "landlock_add_rule",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "lchown",
    "lgetxattr",
    "link",
    "linkat",
    "listen",
    "listmount",
    "listxattr",
    "listxattrat",
    "llistxattr",
    "llseek",
    "lookup_dcookie",
    "lremovexattr",
    "lseek",
    "lsetxattr",
    "lsm_get_self_attr",
    "lsm_list_modules",
    "lsm_set_self_attr",
    "lstat",
    "lstat64",
    "madvise",
    "map_shadow_stack",
    "mbind",
    "membarrier",
    "memfd_create",
    "memfd_secret",
    "migrate_pages",
    "mincore",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "mlock",
    "mlock2",
    "mlockall",
    "mmap",
    "mmap2",
    "modify_ldt",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "mprotect",
    "mq_getsetattr",
    "mq_notify",
    "mq_open",
    "mq_timedreceive",
    "mq_timedsend",
    "mq_unlink",
    "mremap",
    "mseal",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "msync",
    "munlock",
    "munlockall",
    "munmap",
    "name_to_handle_at",
    "nanosleep",
    "newfstatat",
    "nfsservctl",
    "notification",
    "open",
    "open_by_handle_at",
    "open_tree",
    "open_tree_attr",
    "openat",
    "openat2",
    "page_fault",
    "pause",
    "perf_event_open",
    "personality",
    "pidfd_getfd",
    "pidfd_open",
    "pidfd_send_signal",
    "pipe",
    "pipe2",
    "pivot_root",
    "pkey_alloc",
    "pkey_free",
    "pkey_mprotect",
    "pluginevent",
    "poll",
    "ppoll",
    "prctl",
    "pread",
    "pread64",
    "preadv",
    "preadv2",
    "prlimit",
    "prlimit64",
    "process_madvise",
    "process_mrelease",
    "process_vm_readv",
    "process_vm_writev",
    "procexit",
    "procinfo",
    "pselect6",
    "ptrace",
    "putpmsg",
    "pwrite",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "read",
    "readahead",
    "readlink",
    "readlinkat",
    "readv",
    "reboot",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "remap_file_pages",
    "removexattr",
    "removexattrat",
    "rename",
    "renameat",
    "renameat2",
    "request_key",
    "restart_syscall",
    "rmdir",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigqueueinfo",
    "rt_sigreturn",
    "rt_sigsuspend",
    "rt_sigtimedwait",
    "rt_tgsigqueueinfo",
    "scapevent",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_getaffinity",
    "sched_getattr",
    "sched_getparam",
    "sched_getscheduler",
    "sched_rr_get_interval",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "sched_yield",
    "seccomp",
    "security",
    "select",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "send",
    "sendfile",
    "sendfile64",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "set_robust_list",
    "set_thread_area",
    "set_tid_address",
    "setdomainname",
    "setfsgid",
    "setfsuid",
    "setgid",
    "setgid32",
    "setgroups",
    "sethostname",
    "setitimer",
    "setns",
    "setpgid",
    "setpriority",
    "setregid",
    "setregid32",
    "setresgid",
    "setresgid32",
    "setresuid",
    "setresuid32",
    "setreuid",
    "setreuid32",
    "setrlimit",
    "setsid",
    "setsockopt",
    "settimeofday",
    "setuid",
    "setuid32",
    "setxattr",
    "setxattrat",
    "shmat",
    "shmctl",
    "shmdt",
    "shmget",
    "shutdown",
    "sigaltstack",
    "signaldeliver",
    "signalfd",
    "signalfd4",
    "socket",
    "socketpair",
    "splice",
    "stat",
    "stat64",
    "statfs",
    "statmount",
    "statx",
    "swapoff",
    "swapon",
    "switch",
    "symlink",
    "symlinkat",
    "sync",
    "sync_file_range",
    "syncfs",
    "syscall",
    "sysfs",
    "sysinfo",
    "syslog",
    "task",
    "task_file_anon_inode",
    "task_file_directory",
    "task_file_memfd",
    "task_file_pipe",
    "task_file_regular",
    "task_file_socket_inet",
    "task_file_socket_inet6",
    "task_file_socket_netlink",
    "task_file_socket_unix",
    "tee",
    "tgkill",
    "time",
    "timer_create",
    "timer_delete",
    "timer_getoverrun",
    "timer_gettime",
    "timer_settime",
    "timerfd_create",
    "timerfd_gettime",
    "timerfd_settime",
    "times",
    "tkill",
    "truncate",
    "tuxcall",
    "umask",
    "umount",
    "umount2",
    "uname",
    "unlink",
    "unlinkat",
    "unshare",
    "uselib",
    "useradded",
    "userdeleted",
    "userfaultfd",
    "ustat",
    "utime",
    "utimensat",
    "utimes",
    "vfork",
    "vhangup",
    "vmsplice",
    "vserver",
    "wait4",
    "waitid",
    "write",
    "writev",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_constants_point_at_their_names() {
        assert!(NAMES.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(kinds::OPENAT.name(), "openat");
        assert_eq!(EventKind::from_name("execve"), Some(kinds::EXECVE));
        assert_eq!(EventKind::from_name("no_such_call"), None);
    }
}
