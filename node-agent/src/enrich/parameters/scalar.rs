//! Calls whose arguments are numbers.

use smallvec::smallvec;
use tiercel_detection::event::flags::{
    BPF_COMMANDS, CLONE_FLAGS, DELETE_MODULE_FLAGS, FILE_FLAGS, FINIT_MODULE_FLAGS, FSCONFIG_CMDS,
    IO_URING_SETUP_FLAGS, MEMFD_CREATE_FLAGS, PIDFD_OPEN_FLAGS, PRCTL_OPTIONS, PTRACE_REQUESTS, SIGNALS, SPLICE_FLAGS,
    ppm_clone_flags, ppm_delete_module_flags, ppm_descriptor_flags, ppm_ptrace_request, ppm_same_flags,
};
use tiercel_detection::event::{EventKind, FdKind, FileDescriptor, Parameters, Trust, kinds};

use super::{
    Built, EMPTY, Scene, choice, empty, errno, files, flags, hex, int, new_fd, plain_fd, signed, text,
    typed_descriptor, unknown_descriptor, unsigned, used_fd, word,
};
use crate::capture::observation::Scalar;

/// `PR_SET_NAME`, the only option whose text is captured.
const PR_SET_NAME: u64 = 15;

/// The event of a call on numbers.
pub(in crate::enrich) fn scalar(kind: EventKind, call: &Scalar, scene: &mut Scene<'_>) -> Built {
    let fd = descriptor(kind, call, scene);
    let parameters = match kind {
        kinds::SETUID
        | kinds::SETGID
        | kinds::SETREUID
        | kinds::SETREGID
        | kinds::SETRESUID
        | kinds::SETRESGID
        | kinds::CAPSET
        | kinds::SETNS
        | kinds::UNSHARE
        | kinds::SETSID
        | kinds::SETPGID => identity(kind, call, fd.as_ref(), scene),
        kinds::MEMFD_CREATE
        | kinds::BPF
        | kinds::USERFAULTFD
        | kinds::PIDFD_OPEN
        | kinds::PIDFD_GETFD
        | kinds::IO_URING_SETUP => new_descriptor(kind, call, fd.as_ref(), scene),
        _ => act(kind, call, fd.as_ref(), scene),
    };
    Built { kind, result: Some(call.result), parameters, fd, trust: Trust::Kernel }
}

/// Calls that make a descriptor, and those that use one.
fn descriptor(kind: EventKind, call: &Scalar, scene: &mut Scene<'_>) -> Option<FileDescriptor> {
    let made = |kind| Some(typed_descriptor(call.result, kind, EMPTY.clone()));
    match kind {
        kinds::MEMFD_CREATE => Some(typed_descriptor(call.result, FdKind::Memfd, call.text.clone())),
        kinds::BPF => made(FdKind::Bpf),
        kinds::USERFAULTFD => made(FdKind::Userfaultfd),
        kinds::PIDFD_OPEN => made(FdKind::Pidfd),
        kinds::IO_URING_SETUP => made(FdKind::IoUring),
        kinds::PIDFD_GETFD => made(FdKind::Unknown),
        kinds::SETNS | kinds::FINIT_MODULE | kinds::SPLICE | kinds::PIDFD_SEND_SIGNAL => {
            let argument = if kind == kinds::SPLICE { 2 } else { 0 };
            let number = i64::from(int(call.arguments[argument]));
            Some(match &call.file {
                Some(file) => files::descriptor(number, file, scene),
                None => unknown_descriptor(number),
            })
        }
        _ => None,
    }
}

/// Who the task is and what it may.
fn identity(kind: EventKind, call: &Scalar, fd: Option<&FileDescriptor>, scene: &mut Scene<'_>) -> Parameters {
    let res = errno("res", call.result);
    let [first, second, third, ..] = call.arguments.map(word);
    match kind {
        kinds::SETUID => smallvec![res, scene.user("uid", first)],
        kinds::SETGID => smallvec![res, scene.group("gid", first)],
        kinds::SETREUID => smallvec![res, scene.user("ruid", first), scene.user("euid", second)],
        kinds::SETREGID => smallvec![res, scene.group("rgid", first), scene.group("egid", second)],
        kinds::SETRESUID => {
            smallvec![res, scene.user("ruid", first), scene.user("euid", second), scene.user("suid", third)]
        }
        kinds::SETRESGID => {
            smallvec![res, scene.group("rgid", first), scene.group("egid", second), scene.group("sgid", third)]
        }
        kinds::CAPSET => {
            let capabilities = scene.process.capabilities;
            smallvec![
                res,
                hex("cap_inheritable", capabilities.inheritable),
                hex("cap_permitted", capabilities.permitted),
                hex("cap_effective", capabilities.effective),
            ]
        }
        kinds::SETNS => {
            let number = i64::from(int(call.arguments[0]));
            let target = fd.map_or_else(|| plain_fd("fd", number), |fd| used_fd("fd", number, fd));
            smallvec![res, target, flags("nstype", ppm_clone_flags(u64::from(second)), CLONE_FLAGS)]
        }
        kinds::UNSHARE => smallvec![res, flags("flags", ppm_clone_flags(u64::from(first)), CLONE_FLAGS)],
        kinds::SETSID => smallvec![scene.pid("res", call.result)],
        _ => {
            let [pid, group, ..] = call.arguments.map(int);
            smallvec![res, scene.pid("pid", i64::from(pid)), scene.pid("pgid", i64::from(group))]
        }
    }
}

/// Calls that make a descriptor.
fn new_descriptor(kind: EventKind, call: &Scalar, fd: Option<&FileDescriptor>, scene: &Scene<'_>) -> Parameters {
    let made = |name| fd.map_or_else(|| plain_fd(name, call.result), |fd| new_fd(name, call.result, fd));
    let [first, second, third, ..] = call.arguments;
    match kind {
        kinds::MEMFD_CREATE => smallvec![
            made("fd"),
            text("name", call.text.clone()),
            flags("flags", ppm_same_flags(second, MEMFD_CREATE_FLAGS), MEMFD_CREATE_FLAGS),
        ],
        kinds::BPF => smallvec![made("fd"), choice("cmd", u64::from(word(first)), BPF_COMMANDS)],
        kinds::USERFAULTFD => {
            smallvec![errno("res", call.result), flags("flags", ppm_descriptor_flags(word(first)), FILE_FLAGS)]
        }
        kinds::PIDFD_OPEN => {
            const O_NONBLOCK: u64 = 0o4000;
            let bits = u64::from(second & O_NONBLOCK != 0);
            smallvec![made("fd"), scene.pid("pid", i64::from(int(first))), flags("flags", bits, PIDFD_OPEN_FLAGS)]
        }
        kinds::PIDFD_GETFD => smallvec![
            made("fd"),
            plain_fd("pid_fd", i64::from(int(first))),
            plain_fd("target_fd", i64::from(int(second))),
            hex("flags", u64::from(word(third))),
        ],
        _ => {
            let mut list: Parameters =
                smallvec![errno("res", call.result), unsigned("entries", u64::from(word(first)))];
            list.extend(["sq_entries", "cq_entries"].map(empty));
            list.push(flags("flags", 0, IO_URING_SETUP_FLAGS));
            list.extend(["sq_thread_cpu", "sq_thread_idle", "features"].map(empty));
            list
        }
    }
}

/// Everything else.
fn act(kind: EventKind, call: &Scalar, fd: Option<&FileDescriptor>, scene: &Scene<'_>) -> Parameters {
    let res = errno("res", call.result);
    let [first, second, third, ..] = call.arguments;
    let signal = |argument| choice("sig", u64::from(word(argument)), SIGNALS);
    let pid = |name, argument| scene.pid(name, i64::from(int(argument)));
    match kind {
        kinds::PTRACE => smallvec![
            res,
            hex("addr", third),
            hex("data", call.arguments[3]),
            choice("request", ppm_ptrace_request(first), PTRACE_REQUESTS),
            pid("pid", second),
        ],
        kinds::KILL => smallvec![res, pid("pid", first), signal(second)],
        kinds::TKILL => smallvec![res, pid("tid", first), signal(second)],
        kinds::TGKILL => smallvec![res, pid("pid", first), pid("tid", second), signal(third)],
        kinds::INIT_MODULE => {
            smallvec![res, empty("img"), unsigned("length", second), text("uargs", call.text.clone())]
        }
        kinds::FINIT_MODULE => {
            let number = i64::from(int(first));
            smallvec![
                res,
                fd.map_or_else(|| plain_fd("fd", number), |fd| used_fd("fd", number, fd)),
                text("uargs", call.text.clone()),
                flags("flags", ppm_same_flags(third, FINIT_MODULE_FLAGS), FINIT_MODULE_FLAGS),
            ]
        }
        kinds::DELETE_MODULE => smallvec![
            res,
            text("name", call.text.clone()),
            flags("flags", ppm_delete_module_flags(second), DELETE_MODULE_FLAGS),
        ],
        kinds::PRCTL => {
            let named = first == PR_SET_NAME;
            let number = if named { 0 } else { i64::from(int(second)) };
            smallvec![
                res,
                choice("option", first, PRCTL_OPTIONS),
                if named { text("arg2_str", call.text.clone()) } else { empty("arg2_str") },
                signed("arg2_int", number),
            ]
        }
        kinds::SPLICE => {
            let number = i64::from(int(third));
            smallvec![
                res,
                plain_fd("fd_in", i64::from(int(first))),
                fd.map_or_else(|| plain_fd("fd_out", number), |fd| used_fd("fd_out", number, fd)),
                unsigned("size", call.arguments[4]),
                flags("flags", ppm_same_flags(call.arguments[5], SPLICE_FLAGS), SPLICE_FLAGS),
            ]
        }
        kinds::FSCONFIG => smallvec![
            res,
            plain_fd("fd", i64::from(int(first))),
            choice("cmd", u64::from(word(second)), FSCONFIG_CMDS),
            text("key", call.text.clone()),
            empty("value_bytebuf"),
            empty("value_charbuf"),
            signed("aux", i64::from(int(call.arguments[4]))),
        ],
        kinds::SECCOMP => smallvec![res, unsigned("op", first), hex("flags", second)],
        kinds::PROCESS_VM_READV | kinds::PROCESS_VM_WRITEV => {
            smallvec![signed("res", call.result), pid("pid", first), empty("data")]
        }
        _ => Parameters::new(),
    }
}
