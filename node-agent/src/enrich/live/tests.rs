//! What is told of processes that a test started or is itself, compared with what the test knows of them.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tiercel_detection::event::{
    Event, FdKind, Moment, Parameters, Process, ProcessKey, Surroundings as _, Text, Timestamp, Trust, Via, kinds,
};

use super::LiveMachine;

/// An event of the main thread of a process.
fn event(pid: u32) -> Event {
    let process = Process { key: ProcessKey { pid, started_boot_ns: 0 }, pid: pid.into(), ..Process::unknown(pid) };
    Event {
        number: 1,
        time: Timestamp(0),
        cpu: 0,
        kind: kinds::OPENAT,
        via: Via::Syscall,
        trust: Trust::Kernel,
        thread_id: pid.into(),
        virtual_thread_id: pid.into(),
        process: Arc::new(process),
        lineage: Arc::from([]),
        result: None,
        parameters: Parameters::new(),
        fd: None,
        moment: Moment::default(),
        details: None,
    }
}

fn own() -> Event {
    event(std::process::id())
}

fn told(fd: RawFd) -> (FdKind, String) {
    let (kind, name) = LiveMachine::default().descriptor(&own(), u32::try_from(fd).unwrap()).unwrap();
    (kind, name.to_string())
}

/// A process that says when it is ready and then waits for its input to end.
struct Waiting(Child);

impl Waiting {
    fn start(script: &str) -> Self {
        let script = format!("{script}; echo ready; read -r end");
        let mut command = Command::new("/bin/bash");
        command.args(["-c", &script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        Self(child)
    }

    fn event(&self) -> Event {
        event(self.0.id())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn status(pid: u32, key: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn memory_threads_and_limits_are_those_of_the_process() {
    let waiting = Waiting::start("ulimit -n 77; for i in {1..20000}; do :; done");
    let pid = waiting.0.id();
    let found = LiveMachine::default().resources(&waiting.event()).unwrap();
    assert_eq!(found.fd_limit, 77);
    assert_eq!(found.threads, 1);
    assert_eq!(found.memory_kib, Some([status(pid, "VmSize"), status(pid, "VmRSS"), status(pid, "VmSwap")]));
    assert!(found.page_faults[1] > 100, "{found:?}");
    let [user, kernel] = found.cpu_percent;
    assert!((0.0..=100.0).contains(&(user + kernel)) && user + kernel > 0.0, "{found:?}");
}

#[test]
fn threads_of_this_process_are_counted() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let threads = || LiveMachine::default().resources(&own()).unwrap().threads;
    let before = threads();
    let parked = std::thread::spawn(move || receiver.recv().unwrap_err());
    assert_eq!(threads(), before + 1);
    drop(sender);
    parked.join().unwrap();
}

#[test]
fn open_descriptors_are_counted_and_their_kinds_told_once_each() {
    let waiting = Waiting::start("exec 2>&- 5</dev/null 6</dev/null 7</proc/self/status");
    let machine = LiveMachine::default();
    let listed = fs::read_dir(format!("/proc/{}/fd", waiting.0.id())).unwrap().count();
    assert_eq!(machine.fd_count(&waiting.event()), Some(listed as u64));
    assert_eq!(machine.fd_kinds(&waiting.event()), Some(vec![FdKind::Pipe, FdKind::File]));
    let (kind, name) = machine.descriptor(&waiting.event(), 0).unwrap();
    assert!(kind == FdKind::Pipe && name.starts_with("pipe:["), "{name}");
    assert_eq!(machine.descriptor(&waiting.event(), 5), Some((FdKind::File, "/dev/null".into())));
    assert_eq!(machine.descriptor(&waiting.event(), 2), None);
}

#[test]
fn directories_and_anonymous_files_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let opened = File::options().read(true).custom_flags(nix::libc::O_DIRECTORY).open(path).unwrap();
    assert_eq!(told(opened.as_raw_fd()), (FdKind::Directory, path.to_owned()));
    let file = File::create(directory.path().join("gone")).unwrap();
    fs::remove_file(directory.path().join("gone")).unwrap();
    assert_eq!(told(file.as_raw_fd()), (FdKind::File, format!("{path}/gone")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let kinds = LiveMachine::default().fd_kinds(&own()).unwrap();
    assert!(kinds.contains(&FdKind::EventPoll) && kinds.contains(&FdKind::Event), "{kinds:?}");
    drop(runtime);
}

#[test]
fn sockets_have_a_family_and_the_ends_of_their_connection_client_first() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap();
    let client = TcpStream::connect(server).unwrap();
    let (accepted, from) = listener.accept().unwrap();
    assert_eq!(told(listener.as_raw_fd()), (FdKind::Ipv4, server.to_string()));
    let connection = (FdKind::Ipv4, format!("{from}->{server}"));
    assert_eq!(told(accepted.as_raw_fd()), connection);
    // Both ends are here, so that the port that is listened on is the local one of the server only.
    assert_eq!(told(client.as_raw_fd()), connection);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert_eq!(told(udp.as_raw_fd()), (FdKind::Ipv4, udp.local_addr().unwrap().to_string()));
    let (one, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert_eq!(told(one.as_raw_fd()).0, FdKind::Unix);
    if let Ok(six) = TcpListener::bind("[::1]:0") {
        assert_eq!(told(six.as_raw_fd()).0, FdKind::Ipv6);
    }
}

#[test]
fn a_process_that_is_gone_or_another_one_with_its_number_is_not_told_of() {
    let mut child = Command::new("/bin/true").spawn().unwrap();
    child.wait().unwrap();
    let machine = LiveMachine::default();
    assert_eq!(machine.resources(&event(child.id())), None);
    assert_eq!(machine.fd_count(&event(child.id())), None);
    let mut other = own();
    Arc::make_mut(&mut other.process).key.started_boot_ns = 1;
    assert_eq!(machine.descriptor(&other, 0), None);
}

#[test]
fn a_name_of_this_machine_stands_for_its_address() {
    let machine = LiveMachine::default();
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_eq!(machine.names_of(loopback), None, "nobody mentions a name");
    machine.follow_names([Text::from("localhost")]);
    let deadline = Instant::now() + Duration::from_secs(20);
    while machine.names_of(loopback).is_none() {
        assert!(Instant::now() < deadline, "the name was not looked up");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(machine.names_of(loopback).unwrap().to_vec(), [Text::from("localhost")]);
    assert_eq!(machine.names_of("::ffff:127.0.0.1".parse().unwrap()).map(|names| names.len()), Some(1));
    machine.follow_names([]);
    assert_eq!(machine.names_of(loopback), None);
}
