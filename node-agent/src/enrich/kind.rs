//! From the number of a system call to the kind of its event.

use tiercel_detection::event::{EventKind, kinds};

/// The kind of an x86-64 system call; `None` for numbers that this version does not know.
pub(super) fn kind_of(syscall: u32) -> Option<EventKind> {
    let row = KINDS.binary_search_by_key(&syscall, |(number, _)| *number).ok()?;
    Some(KINDS[row].1)
}

/// In order of their numbers.
#[rustfmt::skip]
const KINDS: &[(u32, EventKind)] = &[
    (0, kinds::READ), (1, kinds::WRITE), (2, kinds::OPEN), (3, kinds::CLOSE), (4, kinds::STAT), (5, kinds::FSTAT),
    (6, kinds::LSTAT), (7, kinds::POLL), (8, kinds::LSEEK), (9, kinds::MMAP), (10, kinds::MPROTECT),
    (11, kinds::MUNMAP), (12, kinds::BRK), (13, kinds::RT_SIGACTION), (14, kinds::RT_SIGPROCMASK),
    (15, kinds::RT_SIGRETURN), (16, kinds::IOCTL), (17, kinds::PREAD), (18, kinds::PWRITE), (19, kinds::READV),
    (20, kinds::WRITEV), (21, kinds::ACCESS), (22, kinds::PIPE), (23, kinds::SELECT), (24, kinds::SCHED_YIELD),
    (25, kinds::MREMAP), (26, kinds::MSYNC), (27, kinds::MINCORE), (28, kinds::MADVISE), (29, kinds::SHMGET),
    (30, kinds::SHMAT), (31, kinds::SHMCTL), (32, kinds::DUP), (33, kinds::DUP2), (34, kinds::PAUSE),
    (35, kinds::NANOSLEEP), (36, kinds::GETITIMER), (37, kinds::ALARM), (38, kinds::SETITIMER), (39, kinds::GETPID),
    (40, kinds::SENDFILE), (41, kinds::SOCKET), (42, kinds::CONNECT), (43, kinds::ACCEPT), (44, kinds::SENDTO),
    (45, kinds::RECVFROM), (46, kinds::SENDMSG), (47, kinds::RECVMSG), (48, kinds::SHUTDOWN), (49, kinds::BIND),
    (50, kinds::LISTEN), (51, kinds::GETSOCKNAME), (52, kinds::GETPEERNAME), (53, kinds::SOCKETPAIR),
    (54, kinds::SETSOCKOPT), (55, kinds::GETSOCKOPT), (56, kinds::CLONE), (57, kinds::FORK), (58, kinds::VFORK),
    (59, kinds::EXECVE), (60, kinds::EXIT), (61, kinds::WAIT4), (62, kinds::KILL), (63, kinds::UNAME),
    (64, kinds::SEMGET), (65, kinds::SEMOP), (66, kinds::SEMCTL), (67, kinds::SHMDT), (68, kinds::MSGGET),
    (69, kinds::MSGSND), (70, kinds::MSGRCV), (71, kinds::MSGCTL), (72, kinds::FCNTL), (73, kinds::FLOCK),
    (74, kinds::FSYNC), (75, kinds::FDATASYNC), (76, kinds::TRUNCATE), (77, kinds::FTRUNCATE), (78, kinds::GETDENTS),
    (79, kinds::GETCWD), (80, kinds::CHDIR), (81, kinds::FCHDIR), (82, kinds::RENAME), (83, kinds::MKDIR),
    (84, kinds::RMDIR), (85, kinds::CREAT), (86, kinds::LINK), (87, kinds::UNLINK), (88, kinds::SYMLINK),
    (89, kinds::READLINK), (90, kinds::CHMOD), (91, kinds::FCHMOD), (92, kinds::CHOWN), (93, kinds::FCHOWN),
    (94, kinds::LCHOWN), (95, kinds::UMASK), (96, kinds::GETTIMEOFDAY), (97, kinds::GETRLIMIT),
    (98, kinds::GETRUSAGE), (99, kinds::SYSINFO), (100, kinds::TIMES), (101, kinds::PTRACE), (102, kinds::GETUID),
    (103, kinds::SYSLOG), (104, kinds::GETGID), (105, kinds::SETUID), (106, kinds::SETGID), (107, kinds::GETEUID),
    (108, kinds::GETEGID), (109, kinds::SETPGID), (110, kinds::GETPPID), (111, kinds::GETPGRP), (112, kinds::SETSID),
    (113, kinds::SETREUID), (114, kinds::SETREGID), (115, kinds::GETGROUPS), (116, kinds::SETGROUPS),
    (117, kinds::SETRESUID), (118, kinds::GETRESUID), (119, kinds::SETRESGID), (120, kinds::GETRESGID),
    (121, kinds::GETPGID), (122, kinds::SETFSUID), (123, kinds::SETFSGID), (124, kinds::GETSID), (125, kinds::CAPGET),
    (126, kinds::CAPSET), (127, kinds::RT_SIGPENDING), (128, kinds::RT_SIGTIMEDWAIT), (129, kinds::RT_SIGQUEUEINFO),
    (130, kinds::RT_SIGSUSPEND), (131, kinds::SIGALTSTACK), (132, kinds::UTIME), (133, kinds::MKNOD),
    (134, kinds::USELIB), (135, kinds::PERSONALITY), (136, kinds::USTAT), (137, kinds::STATFS), (138, kinds::FSTATFS),
    (139, kinds::SYSFS), (140, kinds::GETPRIORITY), (141, kinds::SETPRIORITY), (142, kinds::SCHED_SETPARAM),
    (143, kinds::SCHED_GETPARAM), (144, kinds::SCHED_SETSCHEDULER), (145, kinds::SCHED_GETSCHEDULER),
    (146, kinds::SCHED_GET_PRIORITY_MAX), (147, kinds::SCHED_GET_PRIORITY_MIN), (148, kinds::SCHED_RR_GET_INTERVAL),
    (149, kinds::MLOCK), (150, kinds::MUNLOCK), (151, kinds::MLOCKALL), (152, kinds::MUNLOCKALL),
    (153, kinds::VHANGUP), (154, kinds::MODIFY_LDT), (155, kinds::PIVOT_ROOT), (156, kinds::SYSCTL),
    (157, kinds::PRCTL), (158, kinds::ARCH_PRCTL), (159, kinds::ADJTIMEX), (160, kinds::SETRLIMIT),
    (161, kinds::CHROOT), (162, kinds::SYNC), (163, kinds::ACCT), (164, kinds::SETTIMEOFDAY), (165, kinds::MOUNT),
    (166, kinds::UMOUNT2), (167, kinds::SWAPON), (168, kinds::SWAPOFF), (169, kinds::REBOOT),
    (170, kinds::SETHOSTNAME), (171, kinds::SETDOMAINNAME), (172, kinds::IOPL), (173, kinds::IOPERM),
    (174, kinds::CREATE_MODULE), (175, kinds::INIT_MODULE), (176, kinds::DELETE_MODULE),
    (177, kinds::GET_KERNEL_SYMS), (178, kinds::QUERY_MODULE), (179, kinds::QUOTACTL), (180, kinds::NFSSERVCTL),
    (181, kinds::GETPMSG), (182, kinds::PUTPMSG), (183, kinds::AFS_SYSCALL), (184, kinds::TUXCALL),
    (185, kinds::SECURITY), (186, kinds::GETTID), (187, kinds::READAHEAD), (188, kinds::SETXATTR),
    (189, kinds::LSETXATTR), (190, kinds::FSETXATTR), (191, kinds::GETXATTR), (192, kinds::LGETXATTR),
    (193, kinds::FGETXATTR), (194, kinds::LISTXATTR), (195, kinds::LLISTXATTR), (196, kinds::FLISTXATTR),
    (197, kinds::REMOVEXATTR), (198, kinds::LREMOVEXATTR), (199, kinds::FREMOVEXATTR), (200, kinds::TKILL),
    (201, kinds::TIME), (202, kinds::FUTEX), (203, kinds::SCHED_SETAFFINITY), (204, kinds::SCHED_GETAFFINITY),
    (205, kinds::SET_THREAD_AREA), (206, kinds::IO_SETUP), (207, kinds::IO_DESTROY), (208, kinds::IO_GETEVENTS),
    (209, kinds::IO_SUBMIT), (210, kinds::IO_CANCEL), (211, kinds::GET_THREAD_AREA), (212, kinds::LOOKUP_DCOOKIE),
    (213, kinds::EPOLL_CREATE), (214, kinds::EPOLL_CTL_OLD), (215, kinds::EPOLL_WAIT_OLD),
    (216, kinds::REMAP_FILE_PAGES), (217, kinds::GETDENTS64), (218, kinds::SET_TID_ADDRESS),
    (219, kinds::RESTART_SYSCALL), (220, kinds::SEMTIMEDOP), (221, kinds::FADVISE64), (222, kinds::TIMER_CREATE),
    (223, kinds::TIMER_SETTIME), (224, kinds::TIMER_GETTIME), (225, kinds::TIMER_GETOVERRUN),
    (226, kinds::TIMER_DELETE), (227, kinds::CLOCK_SETTIME), (228, kinds::CLOCK_GETTIME), (229, kinds::CLOCK_GETRES),
    (230, kinds::CLOCK_NANOSLEEP), (231, kinds::EXIT_GROUP), (232, kinds::EPOLL_WAIT), (233, kinds::EPOLL_CTL),
    (234, kinds::TGKILL), (235, kinds::UTIMES), (236, kinds::VSERVER), (237, kinds::MBIND),
    (238, kinds::SET_MEMPOLICY), (239, kinds::GET_MEMPOLICY), (240, kinds::MQ_OPEN), (241, kinds::MQ_UNLINK),
    (242, kinds::MQ_TIMEDSEND), (243, kinds::MQ_TIMEDRECEIVE), (244, kinds::MQ_NOTIFY), (245, kinds::MQ_GETSETATTR),
    (246, kinds::KEXEC_LOAD), (247, kinds::WAITID), (248, kinds::ADD_KEY), (249, kinds::REQUEST_KEY),
    (250, kinds::KEYCTL), (251, kinds::IOPRIO_SET), (252, kinds::IOPRIO_GET), (253, kinds::INOTIFY_INIT),
    (254, kinds::INOTIFY_ADD_WATCH), (255, kinds::INOTIFY_RM_WATCH), (256, kinds::MIGRATE_PAGES),
    (257, kinds::OPENAT), (258, kinds::MKDIRAT), (259, kinds::MKNODAT), (260, kinds::FCHOWNAT),
    (261, kinds::FUTIMESAT), (262, kinds::NEWFSTATAT), (263, kinds::UNLINKAT), (264, kinds::RENAMEAT),
    (265, kinds::LINKAT), (266, kinds::SYMLINKAT), (267, kinds::READLINKAT), (268, kinds::FCHMODAT),
    (269, kinds::FACCESSAT), (270, kinds::PSELECT6), (271, kinds::PPOLL), (272, kinds::UNSHARE),
    (273, kinds::SET_ROBUST_LIST), (274, kinds::GET_ROBUST_LIST), (275, kinds::SPLICE), (276, kinds::TEE),
    (277, kinds::SYNC_FILE_RANGE), (278, kinds::VMSPLICE), (279, kinds::MOVE_PAGES), (280, kinds::UTIMENSAT),
    (281, kinds::EPOLL_PWAIT), (282, kinds::SIGNALFD), (283, kinds::TIMERFD_CREATE), (284, kinds::EVENTFD),
    (285, kinds::FALLOCATE), (286, kinds::TIMERFD_SETTIME), (287, kinds::TIMERFD_GETTIME), (288, kinds::ACCEPT4),
    (289, kinds::SIGNALFD4), (290, kinds::EVENTFD2), (291, kinds::EPOLL_CREATE1), (292, kinds::DUP3),
    (293, kinds::PIPE2), (294, kinds::INOTIFY_INIT1), (295, kinds::PREADV), (296, kinds::PWRITEV),
    (297, kinds::RT_TGSIGQUEUEINFO), (298, kinds::PERF_EVENT_OPEN), (299, kinds::RECVMMSG),
    (300, kinds::FANOTIFY_INIT), (301, kinds::FANOTIFY_MARK), (302, kinds::PRLIMIT), (303, kinds::NAME_TO_HANDLE_AT),
    (304, kinds::OPEN_BY_HANDLE_AT), (305, kinds::CLOCK_ADJTIME), (306, kinds::SYNCFS), (307, kinds::SENDMMSG),
    (308, kinds::SETNS), (309, kinds::GETCPU), (310, kinds::PROCESS_VM_READV), (311, kinds::PROCESS_VM_WRITEV),
    (312, kinds::KCMP), (313, kinds::FINIT_MODULE), (314, kinds::SCHED_SETATTR), (315, kinds::SCHED_GETATTR),
    (316, kinds::RENAMEAT2), (317, kinds::SECCOMP), (318, kinds::GETRANDOM), (319, kinds::MEMFD_CREATE),
    (320, kinds::KEXEC_FILE_LOAD), (321, kinds::BPF), (322, kinds::EXECVEAT), (323, kinds::USERFAULTFD),
    (324, kinds::MEMBARRIER), (325, kinds::MLOCK2), (326, kinds::COPY_FILE_RANGE), (327, kinds::PREADV2),
    (328, kinds::PWRITEV2), (329, kinds::PKEY_MPROTECT), (330, kinds::PKEY_ALLOC), (331, kinds::PKEY_FREE),
    (332, kinds::STATX), (333, kinds::IO_PGETEVENTS), (334, kinds::RSEQ), (424, kinds::PIDFD_SEND_SIGNAL),
    (425, kinds::IO_URING_SETUP), (426, kinds::IO_URING_ENTER), (427, kinds::IO_URING_REGISTER),
    (428, kinds::OPEN_TREE), (429, kinds::MOVE_MOUNT), (430, kinds::FSOPEN), (431, kinds::FSCONFIG),
    (432, kinds::FSMOUNT), (433, kinds::FSPICK), (434, kinds::PIDFD_OPEN), (435, kinds::CLONE3),
    (436, kinds::CLOSE_RANGE), (437, kinds::OPENAT2), (438, kinds::PIDFD_GETFD), (439, kinds::FACCESSAT2),
    (440, kinds::PROCESS_MADVISE), (441, kinds::EPOLL_PWAIT2), (442, kinds::MOUNT_SETATTR), (443, kinds::QUOTACTL_FD),
    (444, kinds::LANDLOCK_CREATE_RULESET), (445, kinds::LANDLOCK_ADD_RULE), (446, kinds::LANDLOCK_RESTRICT_SELF),
    (447, kinds::MEMFD_SECRET), (448, kinds::PROCESS_MRELEASE), (449, kinds::FUTEX_WAITV),
    (450, kinds::SET_MEMPOLICY_HOME_NODE), (451, kinds::CACHESTAT), (452, kinds::FCHMODAT2),
    (453, kinds::MAP_SHADOW_STACK), (454, kinds::FUTEX_WAKE), (455, kinds::FUTEX_WAIT), (456, kinds::FUTEX_REQUEUE),
    (457, kinds::STATMOUNT), (458, kinds::LISTMOUNT), (459, kinds::LSM_GET_SELF_ATTR),
    (460, kinds::LSM_SET_SELF_ATTR), (461, kinds::LSM_LIST_MODULES), (462, kinds::MSEAL), (463, kinds::SETXATTRAT),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_and_lead_to_their_names() {
        assert!(KINDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (number, name) in [(2, "open"), (59, "execve"), (257, "openat"), (313, "finit_module"), (435, "clone3")] {
            assert_eq!(kind_of(number).map(EventKind::name), Some(name));
        }
        assert_eq!(kind_of(u32::MAX), None);
    }
}
