//! The calls that are recorded: their numbers, their event kinds, and how their arguments are read.
//!
//! A row here is all that a new call of an existing record needs; the kernel programs work from this table.

use tiercel_detection::event::{EventKind, KindSet, kinds};
use tiercel_ebpf::abi::{
    self, CALLS_MAX, CLASS_BULK, CLASS_CRITICAL, CLASS_NORMAL, CLASS_PROCESS, COMPAT_NONE, COMPAT_SOCKETCALL, CallPlan,
    CallRow, DIRECTORY_CURRENT as CURRENT, RING_OPERATIONS_MAX, SOCKETCALLS_MAX,
};

/// One recorded system call.
#[derive(Debug)]
pub struct Call {
    /// Its number on x86-64, which records and observations carry.
    pub number: u16,
    /// The event that it becomes.
    pub kind: EventKind,
    /// Its numbers in the i386 table.
    compat: &'static [u16],
    /// Its numbers behind i386's socketcall, 0 for none.
    socketcall: u16,
    /// Operations of io_uring with its effect (`enum io_uring_op`).
    operations: &'static [u8],
    /// State of processes follows from it: recorded whatever the rules ask for.
    state: bool,
    plan: CallPlan,
}

/// Builds the plan of a call, starting from one without any argument.
#[derive(Clone, Copy)]
struct Shape(CallPlan);

const NO: i8 = abi::ARGUMENT_NONE;

impl Shape {
    const fn new(handler: u8, class: u8) -> Self {
        Self(CallPlan {
            handler,
            class,
            filter: abi::FILTER_NONE,
            flags: 0,
            first_directory: NO,
            first_path: NO,
            second_directory: NO,
            second_path: NO,
            fd: NO,
            text: NO,
            address: NO,
            data: NO,
            message: NO,
            open_flags: NO,
            open_mode: NO,
            open_how: NO,
            number: 0,
            padding: 0,
        })
    }

    const fn first(mut self, directory: i8, path: i8) -> Self {
        (self.0.first_directory, self.0.first_path) = (directory, path);
        self
    }

    const fn second(mut self, directory: i8, path: i8) -> Self {
        (self.0.second_directory, self.0.second_path) = (directory, path);
        self
    }

    const fn open(mut self, flags: i8, mode: i8) -> Self {
        (self.0.open_flags, self.0.open_mode) = (flags, mode);
        self
    }

    const fn how(mut self, argument: i8) -> Self {
        self.0.open_how = argument;
        self
    }

    const fn fd(mut self, argument: i8) -> Self {
        self.0.fd = argument;
        self
    }

    const fn text(mut self, argument: i8) -> Self {
        self.0.text = argument;
        self
    }

    const fn address(mut self, argument: i8) -> Self {
        self.0.address = argument;
        self
    }

    const fn data(mut self, argument: i8) -> Self {
        self.0.data = argument;
        self
    }

    const fn message(mut self, argument: i8) -> Self {
        self.0.message = argument;
        self
    }

    const fn filter(mut self, filter: u8) -> Self {
        self.0.filter = filter;
        self
    }

    const fn flag(mut self, flag: u8) -> Self {
        self.0.flags |= flag;
        self
    }
}

const fn failed_exec() -> Shape {
    Shape::new(abi::HANDLER_FAILED_EXEC, CLASS_NORMAL)
}

const fn open() -> Shape {
    Shape::new(abi::HANDLER_OPEN, CLASS_BULK)
}

const fn socket() -> Shape {
    Shape::new(abi::HANDLER_NETWORK, CLASS_NORMAL).fd(0)
}

const fn transfer() -> Shape {
    Shape::new(abi::HANDLER_NETWORK, CLASS_BULK).fd(0)
}

const fn path() -> Shape {
    Shape::new(abi::HANDLER_PATH, CLASS_NORMAL)
}

const fn mounts() -> Shape {
    Shape::new(abi::HANDLER_PATH, CLASS_CRITICAL)
}

const fn dup() -> Shape {
    Shape::new(abi::HANDLER_DUP, CLASS_BULK)
}

const fn scalar() -> Shape {
    Shape::new(abi::HANDLER_SCALAR, CLASS_NORMAL)
}

const fn critical() -> Shape {
    Shape::new(abi::HANDLER_SCALAR, CLASS_CRITICAL)
}

/// A call that changes credentials, namespaces or ids of the caller: the record carries the task as it is afterwards.
const fn identity() -> Shape {
    Shape::new(abi::HANDLER_SCALAR, CLASS_PROCESS).flag(abi::PLAN_TASK)
}

const fn call(number: u16, kind: EventKind, compat: &'static [u16], shape: Shape) -> Call {
    let mut plan = shape.0;
    plan.number = number;
    // Of the others the kernel says where they led.
    if plan.handler == abi::HANDLER_PATH && plan.first_path != NO && plan.fd == NO {
        plan.flags |= abi::PLAN_COMPARED;
    }
    Call { number, kind, compat, socketcall: 0, operations: &[], state: false, plan }
}

impl Call {
    const fn socketcall(mut self, number: u16) -> Self {
        self.socketcall = number;
        self
    }

    const fn ring(mut self, operations: &'static [u8]) -> Self {
        self.operations = operations;
        self
    }

    /// Says whether its paths are compared with those that it began with.
    pub fn is_compared(&self) -> bool {
        self.plan.flags & abi::PLAN_COMPARED != 0
    }

    /// Says whether io_uring has an operation of the same effect.
    pub fn has_operations(&self) -> bool {
        !self.operations.is_empty()
    }

    const fn state(mut self) -> Self {
        self.state = true;
        self
    }
}

/// Every recorded call, sorted by number (x86-64 `unistd_64.h`; i386 numbers from `unistd_32.h`).
static CALLS: &[Call] = &[
    call(2, kinds::OPEN, &[5], open().first(CURRENT, 0).open(1, 2)),
    call(32, kinds::DUP, &[41], dup()).ring(&[54]),
    call(33, kinds::DUP2, &[63], dup()),
    call(41, kinds::SOCKET, &[359], socket().fd(NO).flag(abi::PLAN_RESULT_SOCKET)).socketcall(1).ring(&[45]),
    call(42, kinds::CONNECT, &[362], socket().address(1)).socketcall(3).ring(&[16]),
    call(43, kinds::ACCEPT, &[], socket().flag(abi::PLAN_RESULT_SOCKET)).socketcall(5),
    call(44, kinds::SENDTO, &[369], transfer().data(1).address(4)).socketcall(11).ring(&[26, 47]),
    call(45, kinds::RECVFROM, &[371], transfer().data(1).address(4).flag(abi::PLAN_RECEIVES))
        .socketcall(12)
        .ring(&[27]),
    call(46, kinds::SENDMSG, &[370], transfer().message(1)).socketcall(16).ring(&[9, 48]),
    call(47, kinds::RECVMSG, &[372], transfer().message(1).flag(abi::PLAN_RECEIVES)).socketcall(17).ring(&[10]),
    call(48, kinds::SHUTDOWN, &[373], socket()).socketcall(13).ring(&[34]),
    call(49, kinds::BIND, &[361], socket().address(1)).socketcall(2).ring(&[56]),
    call(50, kinds::LISTEN, &[363], socket()).socketcall(4).ring(&[57]),
    call(59, kinds::EXECVE, &[11], failed_exec().first(CURRENT, 0)),
    call(62, kinds::KILL, &[37], scalar()),
    call(72, kinds::FCNTL, &[55, 221], dup().filter(abi::FILTER_FCNTL_DUP)),
    call(76, kinds::TRUNCATE, &[92, 193], path().first(CURRENT, 0)),
    call(77, kinds::FTRUNCATE, &[93, 194], path().fd(0)).ring(&[55]),
    call(80, kinds::CHDIR, &[12], path().first(CURRENT, 0).fd(abi::FILE_CWD)).state(),
    call(81, kinds::FCHDIR, &[133], path().fd(0)).state(),
    call(82, kinds::RENAME, &[38], path().first(CURRENT, 0).second(CURRENT, 1)),
    call(83, kinds::MKDIR, &[39], path().first(CURRENT, 0)),
    call(84, kinds::RMDIR, &[40], path().first(CURRENT, 0)),
    call(85, kinds::CREAT, &[8], open().first(CURRENT, 0).open(NO, 1)),
    call(86, kinds::LINK, &[9], path().first(CURRENT, 0).second(CURRENT, 1)),
    call(87, kinds::UNLINK, &[10], path().first(CURRENT, 0)),
    // The target of a symbolic link is a text, it starts nowhere.
    call(88, kinds::SYMLINK, &[83], path().first(NO, 0).second(CURRENT, 1)),
    call(90, kinds::CHMOD, &[15], path().first(CURRENT, 0)),
    call(91, kinds::FCHMOD, &[94], path().fd(0)),
    call(92, kinds::CHOWN, &[182, 212], path().first(CURRENT, 0)),
    call(93, kinds::FCHOWN, &[95, 207], path().fd(0)),
    call(94, kinds::LCHOWN, &[16, 198], path().first(CURRENT, 0)),
    call(101, kinds::PTRACE, &[26], critical()),
    call(103, kinds::SYSLOG, &[103], critical()),
    call(105, kinds::SETUID, &[23, 213], identity()).state(),
    call(106, kinds::SETGID, &[46, 214], identity()).state(),
    call(109, kinds::SETPGID, &[57], scalar().flag(abi::PLAN_TASK)).state(),
    call(112, kinds::SETSID, &[66], scalar().flag(abi::PLAN_TASK)).state(),
    call(113, kinds::SETREUID, &[70, 203], identity()).state(),
    call(114, kinds::SETREGID, &[71, 204], identity()).state(),
    call(116, kinds::SETGROUPS, &[81, 206], identity()),
    call(117, kinds::SETRESUID, &[164, 208], identity()).state(),
    call(119, kinds::SETRESGID, &[170, 210], identity()).state(),
    call(122, kinds::SETFSUID, &[138, 215], identity()),
    call(123, kinds::SETFSGID, &[139, 216], identity()),
    call(126, kinds::CAPSET, &[185], identity()).state(),
    call(129, kinds::RT_SIGQUEUEINFO, &[178], scalar()),
    call(133, kinds::MKNOD, &[14], path().first(CURRENT, 0)),
    call(135, kinds::PERSONALITY, &[136], scalar()),
    call(155, kinds::PIVOT_ROOT, &[217], mounts().first(CURRENT, 0).second(CURRENT, 1)),
    call(157, kinds::PRCTL, &[172], scalar().text(1).filter(abi::FILTER_PRCTL).flag(abi::PLAN_TASK)).state(),
    call(161, kinds::CHROOT, &[61], mounts().first(CURRENT, 0).fd(abi::FILE_ROOT)).state(),
    call(163, kinds::ACCT, &[51], mounts().first(CURRENT, 0)),
    call(165, kinds::MOUNT, &[21], mounts().first(NO, 0).second(CURRENT, 1).text(2)),
    call(166, kinds::UMOUNT2, &[22, 52], mounts().first(CURRENT, 0)),
    call(167, kinds::SWAPON, &[87], mounts().first(CURRENT, 0)),
    call(172, kinds::IOPL, &[110], critical()),
    call(173, kinds::IOPERM, &[101], critical()),
    call(175, kinds::INIT_MODULE, &[128], critical().text(2)),
    call(176, kinds::DELETE_MODULE, &[129], critical().text(0)),
    call(179, kinds::QUOTACTL, &[131], mounts().first(CURRENT, 1)),
    call(188, kinds::SETXATTR, &[226], path().first(CURRENT, 0).text(1)).ring(&[42]),
    call(189, kinds::LSETXATTR, &[227], path().first(CURRENT, 0).text(1)),
    call(190, kinds::FSETXATTR, &[228], path().fd(0).text(1)).ring(&[41]),
    call(197, kinds::REMOVEXATTR, &[235], path().first(CURRENT, 0).text(1)),
    call(198, kinds::LREMOVEXATTR, &[236], path().first(CURRENT, 0).text(1)),
    call(199, kinds::FREMOVEXATTR, &[237], path().fd(0).text(1)),
    call(200, kinds::TKILL, &[238], scalar()),
    call(234, kinds::TGKILL, &[270], scalar()),
    call(246, kinds::KEXEC_LOAD, &[283], critical()),
    call(248, kinds::ADD_KEY, &[286], scalar().text(1)),
    call(249, kinds::REQUEST_KEY, &[287], scalar().text(1)),
    call(250, kinds::KEYCTL, &[288], scalar()),
    call(257, kinds::OPENAT, &[295], open().first(0, 1).open(2, 3)).ring(&[18]),
    call(258, kinds::MKDIRAT, &[296], path().first(0, 1)).ring(&[37]),
    call(259, kinds::MKNODAT, &[297], path().first(0, 1)),
    call(260, kinds::FCHOWNAT, &[298], path().first(0, 1)),
    call(263, kinds::UNLINKAT, &[301], path().first(0, 1)).ring(&[36]),
    call(264, kinds::RENAMEAT, &[302], path().first(0, 1).second(2, 3)),
    call(265, kinds::LINKAT, &[303], path().first(0, 1).second(2, 3)).ring(&[39]),
    call(266, kinds::SYMLINKAT, &[304], path().first(NO, 0).second(1, 2)).ring(&[38]),
    call(268, kinds::FCHMODAT, &[306], path().first(0, 1)),
    call(272, kinds::UNSHARE, &[310], identity()),
    call(275, kinds::SPLICE, &[313], Shape::new(abi::HANDLER_SCALAR, CLASS_BULK).fd(2)).ring(&[30]),
    call(288, kinds::ACCEPT4, &[364], socket().flag(abi::PLAN_RESULT_SOCKET)).socketcall(18).ring(&[13]),
    call(292, kinds::DUP3, &[330], dup()),
    call(297, kinds::RT_TGSIGQUEUEINFO, &[335], scalar()),
    call(298, kinds::PERF_EVENT_OPEN, &[336], critical()),
    call(299, kinds::RECVMMSG, &[337, 417], transfer().message(1).flag(abi::PLAN_RECEIVES | abi::PLAN_MANY))
        .socketcall(19),
    call(300, kinds::FANOTIFY_INIT, &[338], critical()),
    call(303, kinds::NAME_TO_HANDLE_AT, &[341], path().first(0, 1)),
    call(304, kinds::OPEN_BY_HANDLE_AT, &[342], open().open(2, NO)),
    call(307, kinds::SENDMMSG, &[345], transfer().message(1).flag(abi::PLAN_MANY)).socketcall(20),
    call(308, kinds::SETNS, &[346], identity().fd(0)),
    call(310, kinds::PROCESS_VM_READV, &[347], critical()),
    call(311, kinds::PROCESS_VM_WRITEV, &[348], critical()),
    call(313, kinds::FINIT_MODULE, &[350], critical().fd(0).text(1)),
    call(316, kinds::RENAMEAT2, &[353], path().first(0, 1).second(2, 3)).ring(&[35]),
    call(317, kinds::SECCOMP, &[354], critical()),
    call(319, kinds::MEMFD_CREATE, &[356], critical().text(0)),
    call(320, kinds::KEXEC_FILE_LOAD, &[], critical().fd(0)),
    call(321, kinds::BPF, &[357], critical()),
    call(322, kinds::EXECVEAT, &[358], failed_exec().first(0, 1)),
    call(323, kinds::USERFAULTFD, &[374], critical()),
    call(424, kinds::PIDFD_SEND_SIGNAL, &[424], scalar().fd(0)),
    call(425, kinds::IO_URING_SETUP, &[425], critical()),
    call(427, kinds::IO_URING_REGISTER, &[427], critical()),
    call(428, kinds::OPEN_TREE, &[428], mounts().first(0, 1)),
    call(429, kinds::MOVE_MOUNT, &[429], mounts().first(0, 1).second(2, 3)),
    call(430, kinds::FSOPEN, &[430], critical().text(0)),
    call(431, kinds::FSCONFIG, &[431], critical().text(2)),
    call(432, kinds::FSMOUNT, &[432], critical()),
    call(433, kinds::FSPICK, &[433], mounts().first(0, 1)),
    call(434, kinds::PIDFD_OPEN, &[434], scalar()),
    call(437, kinds::OPENAT2, &[437], open().first(0, 1).how(2)).ring(&[28]),
    call(438, kinds::PIDFD_GETFD, &[438], critical()),
    call(442, kinds::MOUNT_SETATTR, &[442], mounts().first(0, 1)),
    call(447, kinds::MEMFD_SECRET, &[447], critical()),
    call(452, kinds::FCHMODAT2, &[452], path().first(0, 1)),
];

/// Numbers that x32 has of its own, each with the native one (`unistd_x32.h`).
const X32_NUMBERS: &[(u16, u16)] = &[
    (517, 45),
    (518, 46),
    (519, 47),
    (520, 59),
    (521, 101),
    (524, 129),
    (528, 246),
    (536, 297),
    (537, 299),
    (538, 307),
    (539, 310),
    (540, 311),
    (545, 322),
];

/// Number of i386's socketcall.
const SOCKETCALL: u16 = 102;

/// Returns the recorded call of that number.
pub fn call_of(number: u32) -> Option<&'static Call> {
    let index = CALLS.binary_search_by_key(&number, |call| u32::from(call.number)).ok()?;
    CALLS.get(index)
}

/// Returns the event kind of a recorded call.
pub fn kind_of(number: u32) -> Option<EventKind> {
    call_of(number).map(|call| call.kind)
}

/// Returns the number of the call that becomes events of this kind; `None` when none is recorded.
pub fn number_of(kind: EventKind) -> Option<u32> {
    CALLS.iter().find(|call| call.kind == kind).map(|call| u32::from(call.number))
}

/// Returns every kind that the kernel programs can deliver: recorded calls and the acts of their own tracepoints.
pub fn recorded_kinds() -> KindSet {
    let tracepoints = [kinds::EXECVE, kinds::CLONE, kinds::CLONE3, kinds::FORK, kinds::VFORK, kinds::PROCEXIT];
    let tracepoints = tracepoints.into_iter().chain([kinds::ASYNCEVENT]);
    CALLS.iter().map(|call| call.kind).chain(tracepoints).collect()
}

/// Which calls the kernel programs record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedCalls {
    numbers: [u64; (CALLS_MAX / 64) as usize],
    /// Their paths are compared with those that they began with.
    compared: bool,
}

impl WantedCalls {
    /// Returns only those that keep the state of processes right.
    pub fn state() -> Self {
        Self::of(|call| call.state)
    }

    /// Returns those that become events of these kinds, and those that keep the state right; none when no kind comes from
    /// a call, because then what exec, fork and exit say of a process is all that is looked at.
    pub fn for_kinds(wanted: &KindSet) -> Self {
        let asked =
            |call: &Call| wanted.contains(call.kind) || call.is_compared() && wanted.contains(kinds::ASYNCEVENT);
        let any = CALLS.iter().any(asked);
        // Looking at the beginning of calls costs every call of the machine, so somebody must ask for what it finds.
        let compared = wanted.contains(kinds::ASYNCEVENT);
        Self { compared, ..Self::of(|call| any && (call.state || asked(call))) }
    }

    /// Returns all of them.
    pub fn all() -> Self {
        Self { compared: true, ..Self::of(|_| true) }
    }

    fn of(wanted: impl Fn(&Call) -> bool) -> Self {
        let mut numbers = [0; (CALLS_MAX / 64) as usize];
        for call in CALLS.iter().filter(|call| wanted(call)) {
            numbers[usize::from(call.number) / 64] |= 1 << (call.number % 64);
        }
        Self { numbers, compared: false }
    }

    /// Says whether paths are compared with those that their calls began with.
    pub fn compares_paths(&self) -> bool {
        self.compared
    }

    /// Returns the numbers of the recorded calls, lowest first.
    pub fn numbers(&self) -> impl Iterator<Item = u16> {
        self.calls().map(|call| call.number)
    }

    /// Says whether the call of this number is recorded.
    pub fn contains(&self, number: u16) -> bool {
        self.numbers.get(usize::from(number) / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    /// Returns the table of calls as the kernel programs read it, one row a number.
    ///
    /// x32 has the native numbers with a bit that the kernel programs take away, and numbers of its own for calls whose
    /// structures differ.
    pub(super) fn rows(&self) -> Vec<CallRow> {
        let nothing = Shape::new(abi::HANDLER_NONE, CLASS_BULK).0;
        let mut rows = vec![CallRow { plan: nothing, compat: COMPAT_NONE, padding: 0 }; CALLS_MAX as usize];
        for call in self.calls() {
            rows[usize::from(call.number)].plan = call.plan;
            for number in call.compat {
                rows[usize::from(*number)].compat = call.number;
            }
            if call.socketcall != 0 {
                rows[usize::from(SOCKETCALL)].compat = COMPAT_SOCKETCALL;
            }
        }
        for (own, native) in X32_NUMBERS {
            rows[usize::from(*own)].plan = rows[usize::from(*native)].plan;
        }
        rows
    }

    /// Returns the table behind socketcall: the native number of each of its calls.
    pub(super) fn socketcalls(&self) -> Vec<u16> {
        let mut numbers = vec![COMPAT_NONE; SOCKETCALLS_MAX as usize];
        for call in self.calls().filter(|call| call.socketcall != 0) {
            numbers[usize::from(call.socketcall)] = call.number;
        }
        numbers
    }

    /// Returns for each operation of io_uring the native number of the call that it stands for.
    pub(super) fn ring_operations(&self) -> Vec<u16> {
        let mut numbers = vec![COMPAT_NONE; RING_OPERATIONS_MAX as usize];
        for call in self.calls() {
            for operation in call.operations {
                numbers[usize::from(*operation)] = call.number;
            }
        }
        numbers
    }

    fn calls(&self) -> impl Iterator<Item = &'static Call> {
        CALLS.iter().filter(|call| self.contains(call.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_each_kind_has_one_call() {
        assert!(CALLS.windows(2).all(|pair| pair[0].number < pair[1].number));
        for call in CALLS {
            assert_eq!(number_of(call.kind), Some(u32::from(call.number)), "{:?}", call.kind);
            assert_eq!(kind_of(u32::from(call.number)), Some(call.kind));
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn numbers_are_those_of_the_kernel() {
        let pairs = [
            (libc::SYS_openat, kinds::OPENAT),
            (libc::SYS_accept4, kinds::ACCEPT4),
            (libc::SYS_renameat2, kinds::RENAMEAT2),
            (libc::SYS_finit_module, kinds::FINIT_MODULE),
            (libc::SYS_fchmodat2, kinds::FCHMODAT2),
            (libc::SYS_setresgid, kinds::SETRESGID),
            (libc::SYS_process_vm_writev, kinds::PROCESS_VM_WRITEV),
        ];
        for (number, kind) in pairs {
            assert_eq!(number_of(kind).map(i64::from), Some(number));
        }
    }

    #[test]
    fn a_32_bit_number_belongs_to_one_call() {
        let mut numbers: Vec<u16> = CALLS.iter().flat_map(|call| call.compat.iter().copied()).collect();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }

    #[test]
    fn an_operation_of_a_ring_belongs_to_one_call() {
        let operations: Vec<u8> = CALLS.iter().flat_map(|call| call.operations.iter().copied()).collect();
        let recorded = WantedCalls::all().ring_operations().iter().filter(|number| **number != COMPAT_NONE).count();
        assert_eq!(operations.len(), recorded);
        let wanted = WantedCalls::for_kinds(&[kinds::OPENAT].into_iter().collect());
        assert_eq!((wanted.ring_operations()[18], wanted.ring_operations()[28]), (257, COMPAT_NONE));
    }

    #[test]
    fn rules_that_ask_for_openat_get_it_and_the_state_calls() {
        let wanted = WantedCalls::for_kinds(&[kinds::OPENAT].into_iter().collect());
        assert!(wanted.contains(257));
        assert!(wanted.contains(80), "chdir keeps the current directory right");
        assert!(!wanted.contains(2), "nobody asked for open");
        let rows = wanted.rows();
        assert_eq!(rows[257].plan.handler, abi::HANDLER_OPEN);
        assert_eq!(rows[295].compat, 257);
        assert_eq!(rows[5].compat, COMPAT_NONE);
    }
}
