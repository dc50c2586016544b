//! The child's side: what it does when it is told to.

use std::ffi::CString;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io, net, thread};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::harness::{ACT, DIRECTORY};

/// Calls the kernel directly, so that the test knows which call it was.
pub(crate) fn call(number: i64, arguments: &[usize]) -> i64 {
    let mut six = [0usize; 6];
    six[..arguments.len()].copy_from_slice(arguments);
    // SAFETY: every pointer among the arguments is that of a live C string or buffer of the caller, or null, or
    // deliberately wrong; none of the calls made here writes through one.
    unsafe { libc::syscall(number, six[0], six[1], six[2], six[3], six[4], six[5]) }
}

const AT_FDCWD: usize = usize::MAX - 99;

fn text(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_encoded_bytes()).unwrap()
}

fn at(text: &CString) -> usize {
    text.as_ptr() as usize
}

/// Acts, when this process was started as an actor; nothing otherwise.
#[test]
fn perform() {
    let (Ok(act), Ok(directory)) = (std::env::var(ACT), std::env::var(DIRECTORY)) else { return };
    let directory = PathBuf::from(directory).canonicalize().unwrap();
    io::stdin().read_exact(&mut [0; 3]).unwrap();
    match act.as_str() {
        "exec" => exec(&directory),
        "exec from memfd" => exec_from_memfd(),
        "exec with much" => exec_with_much(),
        "open" => open(&directory),
        "open in a private mount namespace" => open_in_private_mounts(&directory),
        "open through int 0x80" => open_through_compat(&directory),
        "network" => network(&directory),
        "paths" => paths(&directory),
        "mounts" => mounts(&directory),
        "directories" => directories(&directory),
        "identity" => identity(),
        "descriptors" => descriptors(&directory),
        "privileged calls" => privileged_calls(),
        "overlay" => overlay(&directory),
        "pid namespace" => pid_namespace(),
        "threads" => threads(),
        "flood" => flood(),
        "forks and execs" => forks_and_execs(),
        "changed path" => change_path(&directory),
        "ring evasions" => crate::doors::evade(&directory),
        other => match other.strip_prefix("door ") {
            Some(door) => crate::doors::perform(door, &directory),
            None => panic!("no act {other}"),
        },
    }
}

/// Thousands of forks, and execs that come when nobody has read any of them.
fn forks_and_execs() {
    for _ in 0..3000 {
        thread::spawn(|| ()).join().unwrap();
    }
    for _ in 0..20 {
        assert!(Command::new("/usr/bin/true").arg("marked").status().unwrap().success());
    }
}

fn exec(directory: &Path) {
    // Needs a capability that root of a container may lack; what holds afterwards is what counts.
    if fs::write("/proc/self/loginuid", "4242").is_err() {
        eprintln!("loginuid cannot be set here, its unset value is compared");
    }
    if let Ok(loginuid) = fs::read("/proc/self/loginuid") {
        fs::write(directory.join("loginuid"), loginuid).unwrap();
    }
    symlink("/usr/bin/true", directory.join("link")).unwrap();
    let mut command = Command::new(directory.join("link"));
    command.args(["one", "two three", "", "ünï"]).env_clear().env("COLOR", "blue").current_dir(directory);
    assert!(command.status().unwrap().success());
    assert!(Command::new(directory.join("no-such-program")).status().is_err());
}

fn exec_with_much() {
    Command::new("/usr/bin/true").args(vec!["0123456789"; 1000]).status().unwrap();
}

fn exec_from_memfd() {
    let name = CString::new("quiet").unwrap();
    let fd = i32::try_from(call(libc::SYS_memfd_create, &[at(&name), 0])).unwrap();
    // SAFETY: the call above returned this descriptor and nobody else owns it.
    let mut file = fs::File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(&fs::read("/usr/bin/true").unwrap()).unwrap();
    Command::new(format!("/proc/self/fd/{}", file.as_raw_fd())).arg("x").status().unwrap();
}

fn open(directory: &Path) {
    let secret = directory.join("secret");
    fs::write(&secret, "s").unwrap();
    fs::create_dir(directory.join("sub")).unwrap();
    symlink(&secret, directory.join("symlink")).unwrap();
    fs::hard_link(&secret, directory.join("hardlink")).unwrap();
    fs::File::open(directory.join("symlink")).unwrap();
    fs::File::open(directory.join("hardlink")).unwrap();
    fs::File::open(format!("/proc/self/root{}/sub/../secret", directory.display())).unwrap();
    fs::OpenOptions::new().append(true).create_new(true).mode(0o640).open(directory.join("new")).unwrap();
    fs::File::open(directory.join("absent")).unwrap_err();
    let (sub, relative) = (fs::File::open(directory.join("sub")).unwrap(), text("../secret"));
    call(libc::SYS_openat, &[sub.as_raw_fd() as usize, at(&relative), 0]);
    let how = [u64::from(libc::O_CLOEXEC as u32), 0, libc::RESOLVE_NO_SYMLINKS];
    call(libc::SYS_openat2, &[AT_FDCWD, at(&text(directory.join("symlink"))), how.as_ptr() as usize, 24]);
    call(libc::SYS_open, &[at(&text(&secret)), libc::O_RDWR as usize, 0]);
    call(libc::SYS_creat, &[at(&text(directory.join("created"))), 0o600]);
    open_by_handle(&directory.join("created"));
    let gone = directory.join("gone");
    let file = fs::File::create(&gone).unwrap();
    fs::remove_file(&gone).unwrap();
    call(libc::SYS_dup2, &[file.as_raw_fd() as usize, 50]);
    fs::File::open("/proc/self/fd/50").unwrap();
    open_deep(directory);
}

fn open_by_handle(path: &Path) {
    // struct file_handle: bytes, type, then the handle itself.
    let mut handle = [0u32; 34];
    handle[0] = 128;
    let mut mount = 0i32;
    let path = text(path);
    let (handle_at, mount_at) = (handle.as_mut_ptr() as usize, (&raw mut mount) as usize);
    assert_eq!(call(libc::SYS_name_to_handle_at, &[AT_FDCWD, at(&path), handle_at, mount_at, 0]), 0);
    assert!(call(libc::SYS_open_by_handle_at, &[AT_FDCWD, handle_at, libc::O_RDONLY as usize]) >= 0);
}

/// Deeper than the programs walk.
fn open_deep(directory: &Path) {
    let mut deep = directory.to_path_buf();
    deep.extend((0..70).map(|level| format!("d{level}")));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("deep-file"), "").unwrap();
}

/// A program and a file from each layer of an overlay.
fn overlay(directory: &Path) {
    let [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map(|name| directory.join(name));
    for each in [&lower, &upper, &work, &merged] {
        fs::create_dir(each).unwrap();
    }
    fs::copy("/usr/bin/true", lower.join("below")).unwrap();
    private_mounts();
    let options = format!("lowerdir={},upperdir={},workdir={}", lower.display(), upper.display(), work.display());
    mount(Some("overlay"), &merged, Some("overlay"), MsFlags::empty(), Some(options.as_str())).unwrap();
    fs::copy("/usr/bin/true", merged.join("above")).unwrap();
    for name in ["below", "above"] {
        Command::new(merged.join(name)).status().unwrap();
        fs::File::open(merged.join(name)).unwrap();
    }
}

/// A process that is number one of a pid namespace.
fn pid_namespace() {
    unshare(CloneFlags::CLONE_NEWPID).unwrap();
    Command::new("/usr/bin/true").status().unwrap();
}

fn private_mounts() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
}

fn open_in_private_mounts(directory: &Path) {
    let (secret, bound) = (directory.join("secret"), directory.join("bound"));
    fs::write(&secret, "s").unwrap();
    fs::write(&bound, "").unwrap();
    fs::create_dir(directory.join("mounted")).unwrap();
    private_mounts();
    mount(Some(&secret), &bound, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    fs::File::open(&bound).unwrap();
    fs::File::open(&secret).unwrap();
    mount(Some("tmpfs"), &directory.join("mounted"), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    fs::write(directory.join("mounted/inside"), "").unwrap();
}

#[cfg(target_arch = "x86_64")]
fn open_through_compat(directory: &Path) {
    fs::write(directory.join("secret"), "s").unwrap();
    let path = text(directory.join("secret"));
    let bytes = path.as_bytes_with_nul();
    // SAFETY: a fresh private mapping below 4 GiB, large enough for the path, which is written once.
    let low = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT;
        let low = libc::mmap(std::ptr::null_mut(), 8192, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        assert_ne!(low, libc::MAP_FAILED);
        low.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        low as u64
    };
    let (mut number, socketcall): (u64, u64) = (5, 102);
    // SAFETY: the 32-bit entry of open(path, O_RDONLY); rbx is put back; the kernel preserves the other registers
    // except those named.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {path}", "int 0x80", "xchg rbx, {path}",
            path = inout(reg) low => _, inout("rax") number, in("rcx") 0, in("rdx") 0,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    assert!(i32::try_from(number).is_ok_and(|fd| fd >= 0), "32-bit emulation is off");
    let words: [u32; 6] = [libc::AF_UNIX as u32, libc::SOCK_DGRAM as u32, 0, 0, 0, 0];
    // SAFETY: as above, for socketcall(SYS_SOCKET = 1, words), whose words lie in the second page of the mapping.
    unsafe {
        let at = (low + 4096) as *mut u32;
        at.copy_from_nonoverlapping(words.as_ptr(), words.len());
        std::arch::asm!(
            "xchg rbx, {one}", "int 0x80", "xchg rbx, {one}",
            one = inout(reg) 1u64 => _, inout("rax") socketcall => _, in("rcx") low + 4096, in("rdx") 0,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
}

/// Changes the path of a call while the call waits for a lease on its file to be given up.
fn change_path(directory: &Path) {
    const TIME_TO_BEGIN: std::time::Duration = std::time::Duration::from_millis(300);
    for name in ["calm", "wild"] {
        fs::write(directory.join(name), name).unwrap();
    }
    let mut path = text(directory.join("calm")).into_bytes_with_nul();
    let at = path.as_mut_ptr() as usize;
    let name_at = path.len() - b"calm\0".len();
    let leased = fs::File::open(directory.join("calm")).unwrap();
    // SAFETY: SIGIO, which a broken lease sends, would end the process; the lease is on a file of its own.
    unsafe {
        libc::signal(libc::SIGIO, libc::SIG_IGN);
        assert_eq!(libc::fcntl(leased.as_raw_fd(), libc::F_SETLEASE, libc::F_RDLCK), 0);
    }
    let waiting = thread::spawn(move || call(libc::SYS_truncate, &[at, 1]));
    thread::sleep(TIME_TO_BEGIN);
    path[name_at..name_at + 4].copy_from_slice(b"wild");
    // SAFETY: gives the lease up.
    unsafe { assert_eq!(libc::fcntl(leased.as_raw_fd(), libc::F_SETLEASE, libc::F_UNLCK), 0) };
    assert_eq!(waiting.join().unwrap(), 0);
    call(libc::SYS_truncate, &[path.as_ptr() as usize, 1]);
}

fn network(directory: &Path) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let message = b"hello".to_vec();
    call(libc::SYS_sendto, &[client.as_raw_fd() as usize, message.as_ptr() as usize, 5, 0, 0, 0]);
    server.read_exact(&mut [0; 5]).unwrap();
    client.write_all(b"not recorded").unwrap();
    let (one, two) = (net::UdpSocket::bind("127.0.0.1:0").unwrap(), net::UdpSocket::bind("127.0.0.1:0").unwrap());
    one.send_to(&[b'u'; 200], two.local_addr().unwrap()).unwrap();
    two.recv_from(&mut [0; 300]).unwrap();
    let socket = directory.join("socket");
    let unix = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let _peer = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    unix.accept().unwrap();
    messages();
    net::TcpStream::connect("127.0.0.1:1").unwrap_err();
    let ports = [listener.local_addr(), client.local_addr(), one.local_addr(), two.local_addr()];
    let ports: Vec<String> = ports.map(|address| address.unwrap().port().to_string()).into();
    fs::write(directory.join("ports"), ports.join(" ")).unwrap();
}

/// sendmsg and recvmsg.
fn messages() {
    use nix::sys::socket::{MsgFlags, SockaddrIn, recvmsg, sendmsg};
    let (one, two) = (net::UdpSocket::bind("127.0.0.1:0").unwrap(), net::UdpSocket::bind("127.0.0.1:0").unwrap());
    let to = SockaddrIn::new(127, 0, 0, 1, two.local_addr().unwrap().port());
    sendmsg(one.as_raw_fd(), &[io::IoSlice::new(b"message")], &[], MsgFlags::empty(), Some(&to)).unwrap();
    let mut buffer = [0u8; 64];
    let mut slices = [io::IoSliceMut::new(&mut buffer)];
    recvmsg::<SockaddrIn>(two.as_raw_fd(), &mut slices, None, MsgFlags::empty()).unwrap();
}

fn paths(directory: &Path) {
    std::env::set_current_dir(directory).unwrap();
    let dir = fs::File::open(directory).unwrap();
    let fd = dir.as_raw_fd() as usize;
    let [a, b, c, d] = ["a", "b", "c", "d"].map(text);
    call(libc::SYS_mkdir, &[at(&a), 0o755]);
    call(libc::SYS_mkdirat, &[fd, at(&b), 0o700]);
    call(libc::SYS_rmdir, &[at(&a)]);
    call(libc::SYS_rmdir, &[at(&a)]);
    call(libc::SYS_rename, &[at(&b), at(&a)]);
    call(libc::SYS_renameat, &[AT_FDCWD, at(&a), fd, at(&b)]);
    call(libc::SYS_renameat2, &[fd, at(&b), AT_FDCWD, at(&a), 1]);
    call(libc::SYS_mknod, &[at(&c), (libc::S_IFIFO | 0o600) as usize, 0]);
    call(libc::SYS_link, &[at(&c), at(&d)]);
    call(libc::SYS_unlink, &[at(&d)]);
    call(libc::SYS_linkat, &[fd, at(&c), AT_FDCWD, at(&d), 0]);
    call(libc::SYS_unlinkat, &[fd, at(&d), 0]);
    call(libc::SYS_symlink, &[at(&text("/absent/target")), at(&d)]);
    call(libc::SYS_symlinkat, &[at(&text("../up")), fd, at(&b)]);
    call(libc::SYS_mknodat, &[fd, at(&text("fifo")), (libc::S_IFIFO | 0o600) as usize, 0]);
    call(libc::SYS_chmod, &[at(&c), 0o4755]);
    call(libc::SYS_fchmod, &[fd, 0o755]);
    call(libc::SYS_fchmodat, &[fd, at(&c), 0o600]);
    call(libc::SYS_fchmodat2, &[AT_FDCWD, at(&c), 0o644, 0]);
    call(libc::SYS_chown, &[at(&c), 1, 2]);
    call(libc::SYS_fchown, &[fd, 0, 0]);
    call(libc::SYS_lchown, &[at(&d), 3, 4]);
    call(libc::SYS_fchownat, &[fd, at(&c), 0, 0, 0]);
    call(libc::SYS_truncate, &[at(&c), 0]);
    call(libc::SYS_ftruncate, &[fd, 0]);
    call(libc::SYS_unlink, &[1]);
}

fn mounts(directory: &Path) {
    let target = directory.join("mounted");
    fs::create_dir(&target).unwrap();
    private_mounts();
    mount(Some("none"), &target, Some("tmpfs"), MsFlags::MS_NOEXEC, None::<&str>).unwrap();
    let (target, none) = (text(target), text(""));
    let tree = call(libc::SYS_open_tree, &[AT_FDCWD, at(&target), 1]);
    call(libc::SYS_umount2, &[at(&target), libc::MNT_DETACH as usize]);
    call(libc::SYS_move_mount, &[usize::try_from(tree).unwrap(), at(&none), AT_FDCWD, at(&target), 4]);
    let absent = text("/absent");
    call(libc::SYS_pivot_root, &[at(&absent), at(&target)]);
    call(libc::SYS_umount2, &[at(&absent), 0]);
}

fn directories(directory: &Path) {
    fs::create_dir(directory.join("real")).unwrap();
    symlink("real", directory.join("link")).unwrap();
    std::env::set_current_dir(directory.join("link")).unwrap();
    std::env::set_current_dir("absent").unwrap_err();
    let up = fs::File::open(directory).unwrap();
    nix::unistd::fchdir(&up).unwrap();
    nix::unistd::chroot("real").unwrap();
    // Still resolved from the root of the mount namespace.
    fs::write("/in-jail", "").unwrap();
}

fn identity() {
    const SAME: usize = u32::MAX as usize;
    call(libc::SYS_setresuid, &[SAME, 7, SAME]);
    call(libc::SYS_setresuid, &[SAME, 0, SAME]);
    call(libc::SYS_setresgid, &[SAME, 8, SAME]);
    call(libc::SYS_setregid, &[SAME, 0]);
    call(libc::SYS_setreuid, &[SAME, SAME]);
    call(libc::SYS_setuid, &[0]);
    call(libc::SYS_setgid, &[0]);
    call(libc::SYS_setpgid, &[0, 0]);
    call(libc::SYS_setsid, &[]);
    call(libc::SYS_capset, &[0, 0]);
    let name = text("renamed");
    call(libc::SYS_prctl, &[libc::PR_SET_NAME as usize, at(&name)]);
    call(libc::SYS_prctl, &[libc::PR_GET_DUMPABLE as usize]);
    call(libc::SYS_unshare, &[libc::CLONE_NEWUTS as usize]);
    let namespace = fs::File::open("/proc/self/ns/net").unwrap();
    call(libc::SYS_setns, &[namespace.as_raw_fd() as usize, libc::CLONE_NEWNET as usize]);
    Command::new("/usr/bin/true").uid(65534).gid(65534).status().unwrap();
}

fn descriptors(directory: &Path) {
    let file = fs::File::create(directory.join("file")).unwrap();
    let fd = file.as_raw_fd() as usize;
    call(libc::SYS_dup, &[fd]);
    call(libc::SYS_dup2, &[fd, 100]);
    call(libc::SYS_dup3, &[fd, 101, libc::O_CLOEXEC as usize]);
    call(libc::SYS_fcntl, &[fd, libc::F_DUPFD_CLOEXEC as usize, 102]);
    call(libc::SYS_fcntl, &[fd, libc::F_GETFD as usize]);
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    call(libc::SYS_dup2, &[listener.as_raw_fd() as usize, 0]);
    call(libc::SYS_dup, &[9999]);
    fs::write(directory.join("port"), listener.local_addr().unwrap().port().to_string()).unwrap();
}

fn privileged_calls() {
    let own = std::process::id() as usize;
    let [name, quiet] = [text("no_such_module"), text("quiet")];
    call(libc::SYS_ptrace, &[libc::PTRACE_PEEKDATA as usize, own]);
    call(libc::SYS_memfd_create, &[at(&quiet), libc::MFD_CLOEXEC as usize]);
    call(libc::SYS_kill, &[own, 0]);
    call(libc::SYS_tkill, &[own, 0]);
    call(libc::SYS_tgkill, &[own, own, 0]);
    call(libc::SYS_bpf, &[9999, 0, 0]);
    call(libc::SYS_init_module, &[0, 0, at(&quiet)]);
    call(libc::SYS_finit_module, &[usize::MAX, at(&quiet), 0]);
    call(libc::SYS_delete_module, &[at(&name), libc::O_NONBLOCK as usize]);
    call(libc::SYS_userfaultfd, &[usize::MAX]);
    call(libc::SYS_io_uring_setup, &[1, 0]);
    call(libc::SYS_process_vm_writev, &[own, 0, 0, 0, 0, 0]);
    call(libc::SYS_perf_event_open, &[0, 0, 0, 0, 0]);
    call(libc::SYS_pidfd_getfd, &[usize::MAX, 0, 0]);
}

fn threads() {
    thread::Builder::new().name("worker".to_owned()).spawn(|| fs::metadata("/")).unwrap().join().unwrap().unwrap();
    let status = Command::new("/bin/sh").args(["-c", "exit 3"]).status().unwrap();
    assert_eq!(status.code(), Some(3));
}

/// Many opens that fail.
/// Opens of the act `flood`.
pub(crate) const FLOOD_OPENS: usize = 20_000;

fn flood() {
    let absent = text("/absent/file");
    for _ in 0..FLOOD_OPENS {
        call(libc::SYS_openat, &[AT_FDCWD, at(&absent), 0]);
    }
}
