//! The steps that each door is asked for, and the tricks of rings.

use std::fs;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::path::Path;

use io_uring::types::{DestinationSlot, Fd, Fixed};
use io_uring::{opcode, squeue};
use libc::{
    AF_INET, AT_FDCWD, AT_REMOVEDIR, O_CLOEXEC, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, SOCK_CLOEXEC, SOCK_DGRAM,
    SOCK_STREAM,
};

use crate::actor::call;

use super::door::{Argument, Door, Native, Step};
use super::int80::Int80;
use super::ring::{Ring, request};
use Argument::{Bytes, Message, Number, Room};

/// Recorded calls that other tests perform: they replace or end the actor, or act on descriptors of their own.
pub(super) const ELSEWHERE: &[&str] = &["execve", "execveat", "accept"];

/// Results of earlier steps that later ones need.
#[derive(Debug, Default, Clone)]
struct Found {
    made: i32,
    listener: i32,
    client: i32,
    server: i32,
    datagram: i32,
    port: u16,
    /// A file handle that the kernel gave.
    handle: Vec<u8>,
}

fn step(name: &'static str, number: i64, compat: i64, arguments: Vec<Argument>) -> Step {
    Step { name, number, compat, arguments }
}

macro_rules! step {
    ($name:literal $number:ident $compat:literal $(, $argument:expr)*) => {
        step($name, libc::$number, $compat, vec![$(Argument::from($argument)),*])
    };
}

fn address(port: u16) -> Argument {
    Bytes([&2u16.to_le_bytes()[..], &port.to_be_bytes(), &[127, 0, 0, 1], &[0; 8]].concat())
}

/// Bytes of a `sockaddr_in`.
const ADDRESS_BYTES: i32 = 16;

/// All steps, in order. Those that io_uring has an operation for come first.
fn steps(directory: &Path, found: &Found) -> Vec<Step> {
    let at = |name: &str| directory.join(name).display().to_string();
    let [secret, link, sub, hard, soft, moved] =
        ["secret", "link", "sub", "hard", "soft", "moved"].map(|name| Argument::Text(at(name)));
    let how =
        |flags: i32, resolve: u64| Bytes([u64::try_from(flags).unwrap(), 0, resolve].map(u64::to_le_bytes).concat());
    let nowhere = || Number(0);
    let Found { made, listener, client, server, datagram, port, handle } = found.clone();
    vec![
        step!("openat" SYS_openat 295, AT_FDCWD, link.clone(), O_RDONLY | O_CLOEXEC, 0),
        step!("openat" SYS_openat 295, AT_FDCWD, Argument::Text(at("made")), O_RDWR | O_CREAT | O_TRUNC, 0o640),
        step!("openat" SYS_openat 295, AT_FDCWD, Argument::Text(at("absent")), O_RDONLY, 0),
        step!("openat2" SYS_openat2 437, AT_FDCWD, link.clone(), how(O_RDONLY, 0), 24),
        step!("openat2" SYS_openat2 437, AT_FDCWD, link.clone(), how(O_RDONLY, libc::RESOLVE_NO_SYMLINKS), 24),
        step!("mkdirat" SYS_mkdirat 296, AT_FDCWD, sub.clone(), 0o750),
        step!("linkat" SYS_linkat 303, AT_FDCWD, secret.clone(), AT_FDCWD, hard.clone(), 0),
        step!("symlinkat" SYS_symlinkat 304, "target of it", AT_FDCWD, soft.clone()),
        step!("renameat2" SYS_renameat2 353, AT_FDCWD, soft.clone(), AT_FDCWD, moved.clone(), 1),
        step!("unlinkat" SYS_unlinkat 301, AT_FDCWD, moved.clone(), 0),
        step!("unlinkat" SYS_unlinkat 301, AT_FDCWD, moved.clone(), 0),
        step!("unlinkat" SYS_unlinkat 301, AT_FDCWD, sub.clone(), AT_REMOVEDIR),
        step!("ftruncate" SYS_ftruncate 93, made, 5),
        step!("setxattr" SYS_setxattr 226, secret.clone(), "user.one", Bytes(b"1".to_vec()), 1, 0),
        step!("fsetxattr" SYS_fsetxattr 228, made, "user.two", Bytes(b"2".to_vec()), 1, 0),
        step!("socket" SYS_socket 359, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
        step!("bind" SYS_bind 361, listener, address(port), ADDRESS_BYTES),
        step!("listen" SYS_listen 363, listener, 7),
        step!("connect" SYS_connect 362, client, address(port), ADDRESS_BYTES),
        step!("accept4" SYS_accept4 364, listener, nowhere(), nowhere(), SOCK_CLOEXEC),
        step!("sendto" SYS_sendto 369, client, Bytes(b"one".to_vec()), 3, 0, nowhere(), 0),
        step!("recvfrom" SYS_recvfrom 371, server, Room(16), 16, 0, nowhere(), nowhere()),
        step!("sendmsg" SYS_sendmsg 370, client, Message(b"two".to_vec()), 0),
        step!("recvmsg" SYS_recvmsg 372, server, Message(vec![0; 16]), 0),
        step!("sendto" SYS_sendto 369, datagram, Bytes(b"three".to_vec()), 5, 0, address(9), ADDRESS_BYTES),
        step!("shutdown" SYS_shutdown 373, client, 1),
        step!("connect" SYS_connect 362, datagram, address(1), ADDRESS_BYTES),
        step!("open" SYS_open 5, link.clone(), O_RDONLY, 0),
        step!("creat" SYS_creat 8, Argument::Text(at("created")), 0o600),
        step!("name_to_handle_at" SYS_name_to_handle_at 341, AT_FDCWD, secret.clone(), Bytes(handle_room()), Room(4), 0),
        step!("open_by_handle_at" SYS_open_by_handle_at 342, AT_FDCWD, Bytes(handle), O_RDONLY),
        step!("mkdir" SYS_mkdir 39, sub.clone(), 0o755),
        step!("rename" SYS_rename 38, sub.clone(), moved.clone()),
        step!("renameat" SYS_renameat 302, AT_FDCWD, moved.clone(), AT_FDCWD, sub.clone()),
        step!("rmdir" SYS_rmdir 40, sub.clone()),
        step!("link" SYS_link 9, secret.clone(), Argument::Text(at("hard2"))),
        step!("symlink" SYS_symlink 83, "target", soft.clone()),
        step!("unlink" SYS_unlink 10, soft.clone()),
        step!("mknod" SYS_mknod 14, Argument::Text(at("fifo")), 0o010_600, 0),
        step!("mknodat" SYS_mknodat 297, AT_FDCWD, Argument::Text(at("fifo2")), 0o010_600, 0),
        step!("chmod" SYS_chmod 15, secret.clone(), 0o600),
        step!("fchmod" SYS_fchmod 94, made, 0o4755),
        step!("fchmodat" SYS_fchmodat 306, AT_FDCWD, secret.clone(), 0o644),
        step!("fchmodat2" SYS_fchmodat2 452, AT_FDCWD, secret.clone(), 0o644, 0),
        step!("chown" SYS_chown 212, secret.clone(), 1, 2),
        step!("lchown" SYS_lchown 198, link.clone(), 1, 2),
        step!("fchown" SYS_fchown 207, made, 3, 4),
        step!("fchownat" SYS_fchownat 298, AT_FDCWD, secret.clone(), 5, 6, libc::AT_SYMLINK_NOFOLLOW),
        step!("lsetxattr" SYS_lsetxattr 227, secret.clone(), "user.one", Bytes(b"1".to_vec()), 1, 0),
        step!("removexattr" SYS_removexattr 235, secret.clone(), "user.one"),
        step!("lremovexattr" SYS_lremovexattr 236, secret.clone(), "user.one"),
        step!("fremovexattr" SYS_fremovexattr 237, made, "user.two"),
        step!("truncate" SYS_truncate 92, secret.clone(), 1),
        step!("chdir" SYS_chdir 12, Argument::Text(at("."))),
        step!("fchdir" SYS_fchdir 133, made),
        step!("dup" SYS_dup 41, made),
        step!("dup2" SYS_dup2 63, made, 60),
        step!("dup3" SYS_dup3 330, made, 61, O_CLOEXEC),
        step!("fcntl" SYS_fcntl 221, made, libc::F_DUPFD, 62),
        step!("splice" SYS_splice 313, made, nowhere(), made, nowhere(), 1, 1),
        step!("sendmmsg" SYS_sendmmsg 345, datagram, Message(b"m".to_vec()), 0, 0),
        step!("recvmmsg" SYS_recvmmsg 417, datagram, Message(vec![0; 8]), 1, libc::MSG_DONTWAIT, nowhere()),
        step!("chroot" SYS_chroot 61, Argument::Text(at("absent"))),
        step!("pivot_root" SYS_pivot_root 217, Argument::Text(at("absent")), secret.clone()),
        step!("mount" SYS_mount 21, "none", Argument::Text(at("absent")), "tmpfs", 1, nowhere()),
        step!("umount2" SYS_umount2 52, Argument::Text(at("absent")), 2),
        step!("open_tree" SYS_open_tree 428, AT_FDCWD, Argument::Text(at("absent")), 0),
        step!("move_mount" SYS_move_mount 429, AT_FDCWD, Argument::Text(at("absent")), AT_FDCWD, secret.clone(), 0),
        step!("fsopen" SYS_fsopen 430, "no-such-file-system", 0),
        step!("fsconfig" SYS_fsconfig 431, -1, 1, "source", "none", 0),
        step!("fsmount" SYS_fsmount 432, -1, 0, 0),
        step!("fspick" SYS_fspick 433, AT_FDCWD, Argument::Text(at("absent")), 0),
        step!("mount_setattr" SYS_mount_setattr 442, AT_FDCWD, Argument::Text(at("absent")), 0, Room(32), 32),
        step!("quotactl" SYS_quotactl 131, -1, Argument::Text(at("absent")), 0, nowhere()),
        step!("swapon" SYS_swapon 87, Argument::Text(at("absent")), 0),
        step!("acct" SYS_acct 51, Argument::Text(at("absent"))),
        step!("ptrace" SYS_ptrace 26, 9999, 0, nowhere(), nowhere()),
        step!("kill" SYS_kill 37, 0, 0),
        step!("tkill" SYS_tkill 238, -1, 0),
        step!("tgkill" SYS_tgkill 270, -1, -1, 0),
        step!("rt_sigqueueinfo" SYS_rt_sigqueueinfo 178, -1, 0, nowhere()),
        step!("rt_tgsigqueueinfo" SYS_rt_tgsigqueueinfo 335, -1, -1, 0, nowhere()),
        step!("pidfd_open" SYS_pidfd_open 434, -1, 0),
        step!("pidfd_send_signal" SYS_pidfd_send_signal 424, -1, 0, nowhere(), 0),
        step!("pidfd_getfd" SYS_pidfd_getfd 438, -1, 0, 0),
        step!("setpgid" SYS_setpgid 57, 0, 0),
        step!("setsid" SYS_setsid 66),
        step!("setuid" SYS_setuid 213, 0),
        step!("setgid" SYS_setgid 214, 0),
        step!("setreuid" SYS_setreuid 203, 0, 0),
        step!("setregid" SYS_setregid 204, 0, 0),
        step!("setresuid" SYS_setresuid 208, 0, 0, 0),
        step!("setresgid" SYS_setresgid 210, 0, 0, 0),
        step!("setfsuid" SYS_setfsuid 215, 0),
        step!("setfsgid" SYS_setfsgid 216, 0),
        step!("setgroups" SYS_setgroups 206, -1, nowhere()),
        step!("capset" SYS_capset 185, nowhere(), nowhere()),
        step!("prctl" SYS_prctl 172, 15, "named"),
        step!("personality" SYS_personality 136, -1),
        step!("unshare" SYS_unshare 310, libc::CLONE_FS),
        step!("setns" SYS_setns 346, made, 0),
        step!("bpf" SYS_bpf 357, 9999, nowhere(), 0),
        step!("userfaultfd" SYS_userfaultfd 374, -1),
        step!("memfd_create" SYS_memfd_create 356, "memory", 1),
        step!("memfd_secret" SYS_memfd_secret 447, -1),
        step!("init_module" SYS_init_module 128, nowhere(), 0, "parameters"),
        step!("finit_module" SYS_finit_module 350, made, "parameters", 0),
        step!("delete_module" SYS_delete_module 129, "no_such_module", 0),
        step!("kexec_load" SYS_kexec_load 283, nowhere(), 9999, nowhere(), 0),
        step!("kexec_file_load" SYS_kexec_file_load 0, -1, -1, 0, "", 0),
        step!("perf_event_open" SYS_perf_event_open 336, nowhere(), 0, 0, -1, 0),
        step!("process_vm_readv" SYS_process_vm_readv 347, -1, nowhere(), 0, nowhere(), 0, 0),
        step!("process_vm_writev" SYS_process_vm_writev 348, -1, nowhere(), 0, nowhere(), 0, 0),
        step!("io_uring_setup" SYS_io_uring_setup 425, 0, nowhere()),
        step!("io_uring_register" SYS_io_uring_register 427, -1, 0, nowhere(), 0),
        step!("fanotify_init" SYS_fanotify_init 338, -1, 0),
        step!("seccomp" SYS_seccomp 354, 99, 0, nowhere()),
        step!("add_key" SYS_add_key 286, nowhere(), "described", nowhere(), 0, 0),
        step!("request_key" SYS_request_key 287, nowhere(), "described", nowhere(), 0),
        step!("keyctl" SYS_keyctl 288, 99, 0, 0, 0, 0),
        step!("syslog" SYS_syslog 103, -1, nowhere(), 0),
        step!("iopl" SYS_iopl 110, 99),
        step!("ioperm" SYS_ioperm 101, 0, 0, 0),
    ]
}

/// A `struct file_handle` with room for the largest handle.
fn handle_room() -> Vec<u8> {
    [&128u32.to_le_bytes()[..], &[0; 132]].concat()
}

/// Number, name and doors of each step.
pub(super) fn described() -> Vec<(usize, &'static str, Vec<&'static str>)> {
    let steps = steps(Path::new("/"), &Found::default());
    let doors = |step: &Step| {
        let mut doors = vec!["syscall"];
        doors.extend((step.compat != 0).then_some("int80"));
        if request(step.number, [0; 6]).is_some() {
            doors.extend(["io_uring", "io_uring polled"]);
        }
        doors
    };
    steps.iter().enumerate().map(|(number, step)| (number, step.name, doors(step))).collect()
}

/// Files and sockets that steps work on, made before the first of them.
fn prepare(directory: &Path) -> Found {
    fs::write(directory.join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink(directory.join("secret"), directory.join("link")).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // SAFETY: plain sockets of this process.
    let [unbound, client, datagram] =
        [SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM].map(|kind| unsafe { libc::socket(AF_INET, kind | SOCK_CLOEXEC, 0) });
    let peer = std::net::TcpStream::connect(address).unwrap();
    let (served, _) = listener.accept().unwrap();
    let made = fs::File::create(directory.join("truncated")).unwrap();
    let _ = (listener.into_raw_fd(), peer.into_raw_fd());
    Found {
        made: made.into_raw_fd(),
        listener: unbound,
        client,
        server: served.into_raw_fd(),
        datagram,
        port: free.port(),
        handle: handle_of(&directory.join("secret")),
    }
}

fn handle_of(path: &Path) -> Vec<u8> {
    let path = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
    let (mut handle, mut mount) = (handle_room(), 0i32);
    let (handle_at, mount_at) = (handle.as_mut_ptr() as usize, (&raw mut mount) as usize);
    let here = usize::try_from(i64::from(AT_FDCWD).cast_unsigned()).unwrap();
    assert_eq!(call(libc::SYS_name_to_handle_at, &[here, path.as_ptr() as usize, handle_at, mount_at, 0]), 0);
    handle
}

/// Performs all steps through a door. Each is announced by an open of `step-N`.
pub(crate) fn perform(door: &str, directory: &Path) {
    let mut found = prepare(directory);
    let rings = [Ring::new(false), Ring::new(true)];
    let [plain, polled] = rings;
    let mut door: Box<dyn Door> = match door {
        "syscall" => Box::new(Native::default()),
        "int80" => Box::new(Int80::new()),
        "io_uring" => Box::new(plain.unwrap()),
        _ => Box::new(polled.unwrap()),
    };
    let count = steps(directory, &found).len();
    for number in 0..count {
        let step = &steps(directory, &found)[number];
        fs::File::open(directory.join(format!("step-{number}"))).unwrap_err();
        let result = door.perform(step).or_else(|| needed(step).then(|| Native::default().perform(step)).flatten());
        learn(&mut found, step, result.unwrap_or(-1));
    }
}

/// Steps that later ones depend on are performed by a plain call where the door does not lead to them.
fn needed(step: &Step) -> bool {
    matches!(step.name, "bind" | "listen" | "connect" | "accept4")
}

fn learn(found: &mut Found, step: &Step, result: i64) {
    let Ok(result) = i32::try_from(result) else { return };
    if step.name == "accept4" {
        found.server = result;
    }
}

/// How long the kernel's workers may take for the crowd.
const CROWD_WAIT: std::time::Duration = std::time::Duration::from_millis(10);
const CROWD_WAITS: u32 = 500;

/// Requests whose results are not told, told more than once, or kept from descriptors.
pub(crate) fn evade(directory: &Path) {
    for name in ["silent", "secret"] {
        fs::write(directory.join(name), name).unwrap();
    }
    std::os::unix::fs::symlink(directory.join("secret"), directory.join("link")).unwrap();
    let Some(mut ring) = Ring::new(false) else { return };
    ring.make_slots();
    let path = |ring: &mut Ring, name: &str| {
        ring.heap().place(&[Argument::Text(directory.join(name).display().to_string())])[0] as *const libc::c_char
    };
    let here = Fd(AT_FDCWD);

    let silent = path(&mut ring, "silent");
    ring.push(&opcode::UnlinkAt::new(here, silent).build().flags(squeue::Flags::SKIP_SUCCESS));
    ring.push(&Ring::nothing());
    ring.run(1);

    let link = path(&mut ring, "link");
    let slot = DestinationSlot::try_from_slot_target(1).unwrap();
    ring.push(&opcode::OpenAt::new(here, link).file_index(Some(slot)).build());
    assert_eq!(ring.run(1), 0);
    ring.push(&opcode::FixedFdInstall::new(Fixed(1), 0).build());
    assert!(ring.run(1) >= 0);

    let deep = format!("long/{}", "d/".repeat(700));
    let deep = path(&mut ring, &deep);
    ring.push(&opcode::UnlinkAt::new(here, deep).build());
    assert!(ring.run(1) < 0);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    ring.push(&opcode::AcceptMulti::new(Fd(listener.as_raw_fd())).build());
    ring.submit();
    let clients = [(); 2].map(|()| std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    ring.run(2);
    drop((clients, listener));

    // More results than the completion queue has room for, none of them fetched.
    for number in 0..40 {
        let crowd = path(&mut ring, &format!("crowd-{number}"));
        ring.push(&opcode::MkDirAt::new(here, crowd).mode(0o700).build().user_data(number));
        ring.submit();
    }
    let made = || (0..40).all(|number| directory.join(format!("crowd-{number}")).is_dir());
    for _ in 0..CROWD_WAITS {
        if made() {
            return;
        }
        std::thread::sleep(CROWD_WAIT);
    }
    panic!("the kernel has not made all directories");
}
