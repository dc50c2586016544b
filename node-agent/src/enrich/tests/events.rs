//! Acts in, parameters and descriptors out, compared with what Falco prints for the same acts.

use std::net::IpAddr;

use tiercel_detection::Event;
use tiercel_detection::event::{FdKind, L4Protocol, Role, Trust, kinds};

use super::world::*;
use crate::capture::observation::{
    Act, Address, Dup, Exec, Exit, FileObject, GivenPath, Network, Open, PathCall, Scalar, SocketObject,
};
use crate::enrich::{Enricher, NamedFile};

fn bash() -> (TestWorld, Enricher) {
    let world = TestWorld::default();
    let enricher = enricher(&world);
    (world, enricher)
}

fn event_of(act: Act) -> Event {
    bash().1.handle(&observation(100, act)).unwrap()
}

/// Kind and parameters, as Falco prints them.
#[track_caller]
fn check(act: Act, expected: &str) {
    let event = event_of(act);
    assert_eq!(format!("{}: {}", event.kind.name(), arguments(&event)), expected);
}

fn given(directory_fd: i32, directory: &str, path: &str) -> GivenPath {
    GivenPath { directory_fd, directory: directory.into(), given: path.into() }
}

fn file(path: &str) -> FileObject {
    FileObject { path: path.into(), device: 0x801, inode: 77, links: 1, mode: 0o100_640, ..FileObject::default() }
}

fn path_call(syscall: u32, arguments: [u64; 6], first: GivenPath, second: Option<GivenPath>) -> Act {
    Act::Path(PathCall { syscall, arguments, first, second, ..PathCall::default() })
}

fn scalar(syscall: u32, result: i64, arguments: &[u64]) -> Act {
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    Act::Scalar(Scalar { syscall, result, arguments: all, ..Scalar::default() })
}

fn ip(address: &str, port: u16) -> Option<Address> {
    Some(Address::Ip(address.parse::<IpAddr>().unwrap(), port))
}

fn tcp(local: Option<Address>, remote: Option<Address>) -> SocketObject {
    SocketObject { family: 2, kind: 1, protocol: 6, local, remote, inode: 5, ..SocketObject::default() }
}

fn udp(local: Option<Address>) -> SocketObject {
    SocketObject { family: 2, kind: 2, protocol: 17, local, inode: 6, ..SocketObject::default() }
}

#[test]
fn opens_have_the_parameters_of_falco() {
    let opened = |syscall, flags, directory_fd, directory: &str, path: &str| {
        Act::Open(Open {
            syscall,
            result: 3,
            directory_fd,
            directory: directory.into(),
            given: path.into(),
            flags,
            mode: 0o644,
            file: Some(file("/etc/shadow")),
            ..Open::default()
        })
    };
    check(
        opened(257, 0, -100, "", "/etc/shadow"),
        "openat: fd=3(<f>/etc/shadow) dirfd=-100(AT_FDCWD) name=/etc/shadow flags=1(O_RDONLY) mode=0 dev=801 ino=77",
    );
    check(
        opened(2, 0o1101, -100, "/tmp", "../etc/shadow"),
        "open: fd=3(<f>/etc/shadow) name=../etc/shadow(/etc/shadow) flags=262(O_TRUNC|O_CREAT|O_WRONLY) mode=644 dev=801 ino=77",
    );
    check(
        opened(437, 0o200_000, 7, "/etc", "shadow"),
        "openat2: fd=3(<d>/etc/shadow) dirfd=7(<d>/etc) name=shadow(/etc/shadow) flags=1025(O_DIRECTORY|O_RDONLY) mode=0 resolve=0 dev=801 ino=77",
    );
    check(
        opened(85, 0o1101, -100, "", "/etc/shadow"),
        "creat: fd=3(<f>/etc/shadow) name=/etc/shadow mode=644 dev=801 ino=77 creat_flags=0",
    );
}

#[test]
fn a_failed_open_has_a_name_and_no_number() {
    let event = event_of(Act::Open(Open {
        syscall: 257,
        result: -2,
        directory_fd: -100,
        given: "//root//missing".into(),
        ..Open::default()
    }));
    assert_eq!(
        arguments(&event),
        "fd=-2 dirfd=-100(AT_FDCWD) name=//root//missing flags=1(O_RDONLY) mode=0 dev=0 ino=0"
    );
    let fd = event.fd.unwrap();
    assert_eq!((fd.number, fd.kind, &*fd.name, &*fd.raw_name), (-1, None, "/root/missing", "/root/missing"));
    assert_eq!((event.result, event.trust), (Some(-2), Trust::User));
}

/// What `fd.name` is, and which other names the file is judged by.
fn names(enricher: &mut Enricher, path: &str, file: FileObject) -> Vec<String> {
    let act = Act::Open(Open {
        syscall: 257,
        result: 3,
        directory_fd: -100,
        given: path.into(),
        file: Some(file),
        ..Open::default()
    });
    let fd = enricher.handle(&observation(100, act)).unwrap().fd.unwrap();
    std::iter::once(&fd.name).chain(&fd.aliases).map(ToString::to_string).collect()
}

#[test]
fn every_way_to_a_file_leads_to_its_name_in_the_rules() {
    let (world, mut enricher) = bash();
    world.edit(|tables| tables.files.push(NamedFile { path: "/etc/shadow".into(), device: 0x801, inode: 77 }));
    enricher.follow_paths(["/etc/shadow".into()]);
    assert_eq!(names(&mut enricher, "/etc/shadow", file("/etc/shadow")), ["/etc/shadow"]);
    assert_eq!(names(&mut enricher, "/tmp/link", file("/etc/shadow")), ["/tmp/link", "/etc/shadow"]);
    assert_eq!(names(&mut enricher, "/tmp/hard", file("/tmp/hard")), ["/tmp/hard", "/etc/shadow"]);
    assert_eq!(names(&mut enricher, "/mnt/shadow", file("/mnt/shadow")), ["/mnt/shadow", "/etc/shadow"]);
    let through_proc = "/proc/self/root/etc/shadow";
    assert_eq!(names(&mut enricher, through_proc, file("/etc/shadow")), [through_proc, "/etc/shadow"]);
    let other = FileObject { inode: 78, ..file("/etc/hosts") };
    assert_eq!(names(&mut enricher, "/etc/hosts", other), ["/etc/hosts"]);
    let pipe = FileObject { path: "pipe:[7]".into(), inode: 7, mode: 0o010_600, ..file("") };
    assert_eq!(names(&mut enricher, "/dev/stdout", pipe), ["/dev/stdout"]);
}

#[test]
fn an_unknown_hard_link_asks_again_what_the_names_mean() {
    let (world, mut enricher) = bash();
    enricher.follow_paths(["/etc/shadow".into()]);
    let linked = |inode| FileObject { inode, links: 2, ..file("/tmp/hard") };
    assert_eq!(names(&mut enricher, "/tmp/hard", linked(99)), ["/tmp/hard"]);
    world.edit(|tables| tables.files.push(NamedFile { path: "/etc/shadow".into(), device: 0x801, inode: 99 }));
    assert_eq!(names(&mut enricher, "/tmp/hard", linked(99)), ["/tmp/hard"], "not more than once a second");
    let act = Act::Open(Open { syscall: 2, given: "/tmp/hard".into(), file: Some(linked(99)), ..Open::default() });
    let mut later = observation(100, act);
    later.boot_ns += SECOND_NS;
    let event = enricher.handle(&later).unwrap();
    assert_eq!(event.fd.unwrap().aliases.iter().map(|name| &**name).collect::<Vec<_>>(), ["/etc/shadow"]);
    assert_eq!(world.questions(), ["files", "files"]);
}

#[test]
fn an_exec_tells_what_was_special_about_its_file() {
    let (_, mut enricher) = bash();
    let event = enricher.handle(&exec(200, 100, "find /tmp/x -name id_rsa")).unwrap();
    assert_eq!(
        arguments(&event),
        "res=0 exe=find args=/tmp/x.-name.id_rsa. tid=200(find) pid=200(find) ptid=100(bash) cwd=/root/ fdlimit=<NA> \
         pgft_maj=<NA> pgft_min=<NA> vm_size=<NA> vm_rss=<NA> vm_swap=<NA> comm=find cgroups=/ env=NULL tty=0 \
         vpgid=200(find) loginuid=-1(<NONE>) flags=1(EXE_WRITABLE) cap_inheritable=0 cap_permitted=0 cap_effective=0 \
         exe_ino=0 exe_ino_ctime=0 exe_ino_mtime=0 uid=0(root) trusted_exepath=/usr/bin/find pgid=200(find) \
         gid=0(root) filename=/usr/bin/find"
    );
    assert_eq!((event.kind, event.fd.is_none()), (kinds::EXECVE, true));
}

#[test]
fn a_failed_exec_changes_nothing() {
    let failed =
        |syscall| Act::Exec(Box::new(Exec { syscall, result: -2, filename: "/nowhere".into(), ..Exec::default() }));
    let event = event_of(failed(59));
    assert_eq!((&*event.process.name, event.result), ("bash", Some(-2)));
    assert!(arguments(&event).starts_with("res=-2 exe=/nowhere args=NULL tid=100(bash)"));
    assert_eq!(event_of(failed(322)).kind, kinds::EXECVEAT);
}

#[test]
fn a_packet_socket_is_a_descriptor_of_no_known_kind() {
    let socket = SocketObject { family: 17, kind: 3, protocol: 768, inode: 9, ..SocketObject::default() };
    let act = Act::Network(Network {
        syscall: 41,
        result: 3,
        fd: -1,
        arguments: [17, 3, 768, 0, 0, 0],
        socket: Some(socket),
        ..Network::default()
    });
    check(act.clone(), "socket: fd=3(<o>) domain=17(AF_PACKET) type=3 proto=768 flags=0(O_NONE)");
    let fd = event_of(act).fd.unwrap();
    assert_eq!((fd.number, fd.kind, &*fd.name, fd.socket), (3, Some(FdKind::Unknown), "", None));
}

fn connect(result: i64, socket: SocketObject, to: Option<Address>) -> Act {
    Act::Network(Network { syscall: 42, result, fd: 4, socket: Some(socket), given: to, ..Network::default() })
}

#[test]
fn a_connection_names_the_client_first() {
    let socket = tcp(ip("127.0.0.1", 47192), ip("127.0.0.1", 80));
    let act = connect(-115, socket, ip("127.0.0.1", 80));
    check(
        act.clone(),
        "connect: res=-115 tuple=127.0.0.1:47192->127.0.0.1:80 fd=4(<4t>127.0.0.1:47192->127.0.0.1:80) addr=127.0.0.1:80",
    );
    let fd = event_of(act).fd.unwrap();
    let socket = fd.socket.unwrap();
    assert_eq!((socket.role, socket.connected, socket.protocol), (Role::Client, true, L4Protocol::Tcp));
    assert_eq!((socket.server().unwrap().port, socket.client().unwrap().port), (80, 47192));
    assert!(fd.name_changed);
}

#[test]
fn the_peer_of_a_connection_is_the_kernels_not_the_programs() {
    let socket = tcp(ip("10.0.0.1", 40000), ip("203.0.113.9", 443));
    let fd = event_of(connect(0, socket, ip("127.0.0.1", 443))).fd.unwrap();
    assert_eq!(&*fd.name, "10.0.0.1:40000->203.0.113.9:443");
}

#[test]
fn a_refused_connection_is_not_connected() {
    let fd = event_of(connect(-111, tcp(ip("10.0.0.1", 40000), None), ip("10.0.0.2", 80))).fd.unwrap();
    let socket = fd.socket.unwrap();
    assert_eq!((socket.connected, socket.server().unwrap().port), (false, 80));
}

#[test]
fn mapped_addresses_make_a_socket_ipv4() {
    let mut socket = tcp(ip("10.0.0.1", 40000), ip("10.0.0.2", 80));
    socket.family = 10;
    assert_eq!(event_of(connect(0, socket, None)).fd.unwrap().kind, Some(FdKind::Ipv4));
    let mut socket = tcp(ip("::1", 40000), ip("::1", 80));
    socket.family = 10;
    let fd = event_of(connect(0, socket, None)).fd.unwrap();
    assert_eq!((fd.kind, &*fd.name), (Some(FdKind::Ipv6), "::1:40000->::1:80"));
}

#[test]
fn unix_sockets_are_named_by_both_ends_and_the_path() {
    let path = Some(Address::Unix("/run/app.sock".into()));
    let socket = SocketObject { family: 1, kind: 1, unix_pointers: [0xab, 0xcd], inode: 8, ..SocketObject::default() };
    check(
        connect(0, socket.clone(), path.clone()),
        "connect: res=0 tuple=ab->cd /run/app.sock fd=4(<u>ab->cd /run/app.sock) addr=/run/app.sock",
    );
    let refused = SocketObject { unix_pointers: [0xab, 0], ..socket };
    check(connect(-2, refused, path), "connect: res=-2 tuple=ab->0 /run/app.sock fd=4(<u>) addr=/run/app.sock");
}

#[test]
fn a_link_to_a_unix_socket_does_not_hide_it() {
    let remote = Some(Address::Unix("/run/docker.sock".into()));
    let socket =
        SocketObject { family: 1, kind: 1, remote, unix_pointers: [0xab, 0xcd], inode: 8, ..SocketObject::default() };
    let fd = event_of(connect(0, socket, Some(Address::Unix("/tmp/x".into())))).fd.unwrap();
    assert_eq!(&*fd.name, "ab->cd /tmp/x");
    assert_eq!(fd.aliases.iter().map(|alias| &**alias).collect::<Vec<_>>(), ["ab->cd /run/docker.sock"]);
}

#[test]
fn what_only_the_program_said_is_marked_so() {
    let to = ip("198.51.100.7", 53);
    let send = Network { syscall: 44, result: 1, socket: Some(udp(None)), given: to, ..Network::default() };
    assert_eq!(event_of(Act::Network(send)).trust, Trust::User);
    let connected = connect(0, tcp(ip("10.0.0.1", 40_000), ip("10.0.0.2", 80)), ip("10.0.0.2", 80));
    assert_eq!(event_of(connected).trust, Trust::Kernel);
    assert_eq!(event_of(path_call(80, [0; 6], given(-100, "/", "tmp"), None)).trust, Trust::User, "chdir");
}

#[test]
fn a_server_is_followed_from_bind_to_accept() {
    let (_, mut enricher) = bash();
    let mut play = |syscall, result, fd, arguments, socket, given| {
        let call = Network { syscall, result, fd, arguments, socket: Some(socket), given, ..Network::default() };
        enricher.handle(&observation(100, Act::Network(call))).unwrap()
    };
    let listening = tcp(ip("0.0.0.0", 8080), None);
    let event = play(49, 0, 3, [0; 6], listening.clone(), ip("0.0.0.0", 8080));
    assert_eq!(arguments(&event), "res=0 addr=0.0.0.0:8080 fd=3(<4t>0.0.0.0:8080)");
    let event = play(50, 0, 3, [3, 5, 0, 0, 0, 0], listening, None);
    assert_eq!(arguments(&event), "res=0 fd=3(<4t>0.0.0.0:8080) backlog=5");
    let accepted = SocketObject { inode: 55, ..tcp(ip("127.0.0.1", 8080), ip("127.0.0.1", 40556)) };
    let event = play(288, 6, 3, [3, 0, 0, 0, 0, 0], accepted.clone(), None);
    assert_eq!(
        arguments(&event),
        "fd=6(<4t>127.0.0.1:40556->127.0.0.1:8080) tuple=127.0.0.1:40556->127.0.0.1:8080 queuepct=<NA> queuelen=<NA> queuemax=<NA> flags=0"
    );
    let copied =
        Act::Dup(Dup { syscall: 33, result: 0, arguments: [6, 0, 0, 0, 0, 0], socket: Some(accepted), file: None });
    let event = enricher.handle(&observation(100, copied)).unwrap();
    assert_eq!(
        arguments(&event),
        "res=0(<4t>127.0.0.1:40556->127.0.0.1:8080) oldfd=6(<4t>127.0.0.1:40556->127.0.0.1:8080) newfd=0(<4t>127.0.0.1:40556->127.0.0.1:8080)"
    );
    assert_eq!((event.fd.as_ref().unwrap().number, event.fd.unwrap().socket.unwrap().role), (0, Role::Server));
}

#[test]
fn a_failed_accept_makes_no_descriptor() {
    let act = Act::Network(Network { syscall: 288, result: -11, fd: 3, ..Network::default() });
    check(act, "accept4: fd=-11 tuple=NULL queuepct=<NA> queuelen=<NA> queuemax=<NA> flags=0");
}

#[test]
fn an_unconnected_udp_socket_changes_its_name_with_its_peer() {
    let (_, mut enricher) = bash();
    let mut send = |to| {
        let call = Network {
            syscall: 44,
            result: 6,
            fd: 3,
            arguments: [3, 0, 6, 0, 0, 0],
            socket: Some(udp(ip("10.0.0.1", 5353))),
            given: to,
            data: b"Testme".to_vec(),
        };
        let event = enricher.handle(&observation(100, Act::Network(call))).unwrap();
        let fd = event.fd.as_ref().unwrap();
        (arguments(&event), fd.name_changed, fd.socket.as_ref().is_some_and(|socket| socket.connected))
    };
    let first = "res=6 data=Testme fd=3(<4u>10.0.0.1:5353->10.0.0.2:53) size=6 tuple=10.0.0.1:5353->10.0.0.2:53";
    assert_eq!(send(ip("10.0.0.2", 53)), (first.to_owned(), true, false));
    assert_eq!(send(ip("10.0.0.2", 53)), (first.to_owned(), false, false));
    let (second, changed, _) = send(ip("10.0.0.3", 53));
    assert!(second.contains("->10.0.0.3:53") && changed);
}

#[test]
fn a_copied_connection_from_before_is_understood_by_its_ports() {
    let outward = tcp(ip("10.0.0.1", 51000), ip("203.0.113.9", 4444));
    let act =
        Act::Dup(Dup { syscall: 33, result: 0, arguments: [5, 0, 0, 0, 0, 0], socket: Some(outward), file: None });
    let fd = event_of(act).fd.unwrap();
    assert_eq!((fd.socket.unwrap().role, &*fd.name), (Role::Client, "10.0.0.1:51000->203.0.113.9:4444"));
}

#[test]
fn calls_on_paths_have_the_parameters_of_falco() {
    let here = |path: &str| given(-100, "/tmp", path);
    check(path_call(84, [0; 6], here("/usr/bin/fb"), None), "rmdir: res=0 path=/usr/bin/fb");
    check(path_call(76, [0; 6], here("/var/log/wtmp"), None), "truncate: res=0 path=/var/log/wtmp");
    check(path_call(87, [0; 6], here("./a"), None), "unlink: res=0 path=./a(/tmp/a)");
    check(
        path_call(263, [0, 0, 512, 0, 0, 0], given(5, "/var", "log"), None),
        "unlinkat: res=0 dirfd=5(<d>/var) name=log(/var/log) flags=512(AT_REMOVEDIR)",
    );
    check(path_call(83, [0, 0o755, 0, 0, 0, 0], here("d"), None), "mkdir: res=0 path=d(/tmp/d) mode=1ED");
    check(
        path_call(265, [0, 0, 0, 0, 0x400, 0], here("/etc/shadow"), Some(here("/tmp/hl"))),
        "linkat: res=0 olddir=-100(AT_FDCWD) oldpath=/etc/shadow newdir=-100(AT_FDCWD) newpath=/tmp/hl flags=1024(AT_SYMLINK_FOLLOW)",
    );
    check(
        path_call(266, [0; 6], given(0, "", "/etc/shadow"), Some(here("l"))),
        "symlinkat: res=0 target=/etc/shadow linkdirfd=-100(AT_FDCWD) linkpath=l(/tmp/l)",
    );
    check(path_call(82, [0; 6], here("a"), Some(here("/b"))), "rename: res=0 oldpath=a(/tmp/a) newpath=/b");
    check(
        path_call(316, [0, 0, 0, 0, 2, 0], here("/a"), Some(here("/b"))),
        "renameat2: res=0 olddirfd=-100(AT_FDCWD) oldpath=/a newdirfd=-100(AT_FDCWD) newpath=/b flags=2(RENAME_EXCHANGE)",
    );
    check(
        path_call(268, [0, 0, 0o4755, 0, 0, 0], here("x"), None),
        "fchmodat: res=0 dirfd=-100(AT_FDCWD) filename=x(/tmp/x) mode=04755",
    );
    check(path_call(92, [0, 7, 8, 0, 0, 0], here("/x"), None), "chown: res=0 path=/x uid=7 gid=8");
    check(path_call(161, [0; 6], here("/jail"), None), "chroot: res=0 path=/jail");
    let mount = PathCall {
        syscall: 165,
        arguments: [0, 0, 0, 0x1000, 0, 0],
        first: here("/dev/sda1"),
        second: Some(here("/mnt")),
        text: "ext4".into(),
        ..PathCall::default()
    };
    check(Act::Path(mount), "mount: res=0 dev=/dev/sda1 dir=/mnt type=ext4 flags=4096(BIND)");
    check(path_call(166, [0, 2, 0, 0, 0, 0], here("/mnt"), None), "umount2: res=0 name=/mnt flags=2(DETACH)");
}

#[test]
fn only_calls_whose_first_argument_is_a_descriptor_have_one() {
    let fd_of = |act| event_of(act).fd.map(|fd| (fd.number, fd.kind, fd.name.to_string()));
    let absolute = given(-100, "", "/tmp/.bash_history");
    assert_eq!(fd_of(path_call(263, [0; 6], absolute.clone(), None)), Some((-100, None, String::new())));
    assert_eq!(fd_of(path_call(84, [0; 6], absolute.clone(), None)), None);
    assert_eq!(fd_of(path_call(265, [0; 6], absolute.clone(), Some(absolute.clone()))), None);
    let in_directory = given(5, "/var", "log");
    let expected = Some((5, Some(FdKind::Directory), "/var".to_owned()));
    assert_eq!(fd_of(path_call(263, [0; 6], in_directory, None)), expected);
    let changed =
        PathCall { syscall: 91, arguments: [4, 0o600, 0, 0, 0, 0], file: Some(file("/x")), ..PathCall::default() };
    assert_eq!(fd_of(Act::Path(changed)), Some((4, Some(FdKind::File), "/x".to_owned())));
    assert_eq!(fd_of(scalar(62, 0, &[1, 9])), None);
}

#[test]
fn a_failed_module_load_names_no_module() {
    let act = scalar(313, -38, &[u64::from(u32::MAX), 0, 0]);
    check(act.clone(), "finit_module: res=-38 fd=-1 uargs= flags=0");
    let fd = event_of(act).fd.unwrap();
    assert_eq!((fd.number, fd.kind, &*fd.name), (-1, None, ""));
}

#[test]
fn calls_on_numbers_have_the_parameters_of_falco() {
    check(scalar(101, 0, &[0, 0, 0, 0]), "ptrace: res=0 addr=0 data=0 request=1(PTRACE_TRACEME) pid=0");
    check(scalar(101, 0, &[16, 1, 0, 0]), "ptrace: res=0 addr=0 data=0 request=11(PTRACE_ATTACH) pid=1(init)");
    check(scalar(105, -1, &[1000]), "setuid: res=-1 uid=1000(alice)");
    check(
        scalar(117, 0, &[u64::from(u32::MAX), 0, u64::from(u32::MAX)]),
        "setresuid: res=0 ruid=-1(<NONE>) euid=0(root) suid=-1(<NONE>)",
    );
    check(scalar(106, 0, &[1000]), "setgid: res=0 gid=1000(staff)");
    check(scalar(62, 0, &[100, 9]), "kill: res=0 pid=100(bash) sig=9(SIGKILL)");
    check(scalar(272, 0, &[0x1000_0000]), "unshare: res=0 flags=1048576(CLONE_NEWUSER)");
    check(scalar(321, 5, &[5]), "bpf: fd=5(<b>) cmd=5(BPF_PROG_LOAD)");
    check(scalar(323, 4, &[0o2_000_000]), "userfaultfd: res=4 flags=4096(O_CLOEXEC)");
    check(scalar(112, 100, &[]), "setsid: res=100(bash)");
    check(scalar(109, 0, &[0, 100]), "setpgid: res=0 pid=0 pgid=100(bash)");
    check(scalar(157, 0, &[38, 1]), "prctl: res=0 option=38(PR_SET_NO_NEW_PRIVS) arg2_str=<NA> arg2_int=1");
    let named = |syscall, result, arguments, text: &str| {
        Act::Scalar(Scalar { syscall, result, arguments, text: text.into(), ..Scalar::default() })
    };
    check(
        named(319, 3, [0, 1, 0, 0, 0, 0], "payload"),
        "memfd_create: fd=3(<m>payload) name=payload flags=1(MFD_CLOEXEC)",
    );
    check(
        named(157, 0, [15, 0, 0, 0, 0, 0], "kworker"),
        "prctl: res=0 option=15(PR_SET_NAME) arg2_str=kworker arg2_int=0",
    );
    check(
        named(176, 0, [0, 0o4000, 0, 0, 0, 0], "nf_tables"),
        "delete_module: res=0 name=nf_tables flags=2(O_NONBLOCK)",
    );
    let entered = Scalar {
        syscall: 308,
        arguments: [3, 0, 0, 0, 0, 0],
        file: Some(file("uts:[4026531838]")),
        ..Scalar::default()
    };
    check(Act::Scalar(entered), "setns: res=0 fd=3(<f>uts:[4026531838]) nstype=0");
}

#[test]
fn the_end_of_a_process_is_taken_apart() {
    check(
        Act::Exit(Exit { code: 0x8b, last_thread: true, reaper_pid: 1 }),
        "procexit: status=139 ret=0 sig=11(SIGSEGV) core=1 reaper_tid=1(init)",
    );
    check(Act::Exit(Exit { code: 2 << 8, ..Exit::default() }), "procexit: status=512 ret=2 sig=0 core=0 reaper_tid=0");
}

#[test]
fn calls_without_a_schema_have_no_parameters() {
    check(scalar(298, 3, &[]), "perf_event_open: ");
    let (_, mut enricher) = bash();
    assert!(enricher.handle(&observation(100, scalar(9_999, 0, &[]))).is_none());
    assert_eq!(enricher.counters().unknown_calls, 1);
}
