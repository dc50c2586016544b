//! Processes as /proc shows them: all of them at the start, single ones that no record announced.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use procfs::process::{Stat, Status};
use procfs::{FromRead, ProcessCGroups};
use rustc_hash::FxHashMap;
use tiercel_detection::event::Text;

use super::process::ticks_to_boot_ns;
use super::world::ScannedProcess;

/// Bytes that are read of a file of /proc. A process decides how long its command line is: it may be gigabytes.
const PROC_FILE_BYTES_MAX: u64 = 64 << 10;

/// Bytes of the environment that are kept, as many as the kernel programs record.
const ENVIRONMENT_BYTES_MAX: usize = 4096;

/// Bytes of the arguments that are kept, as many as the kernel programs record.
const ARGUMENT_BYTES_MAX: usize = 4096;

/// Controllers of cgroup v1 in the order in which the kernel numbers them; the first one that is not in its root tells
/// the cgroup of a task when v2 has only the root.
const CONTROLLERS: [&str; 14] = [
    "cpuset",
    "cpu",
    "cpuacct",
    "blkio",
    "memory",
    "devices",
    "freezer",
    "net_cls",
    "perf_event",
    "net_prio",
    "hugetlb",
    "pids",
    "rdma",
    "misc",
];

/// Reads every process, kernel threads and those that vanish meanwhile left out.
pub(super) fn all() -> std::io::Result<Vec<ScannedProcess>> {
    let mut processes: Vec<_> = fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(one)
        .collect();
    fill_namespace_starts(&mut processes);
    Ok(processes)
}

/// Reads one process; `None` when it is gone, or a kernel thread, or a zombie.
pub(super) fn one(pid: u32) -> Option<ScannedProcess> {
    let proc = ProcDirectory(PathBuf::from(format!("/proc/{pid}")));
    let stat = Stat::from_read(proc.text("stat")?.as_bytes()).ok()?;
    let status = Status::from_read(proc.text("status")?.as_bytes()).ok()?;
    let arguments = zero_ended(&proc.bytes("cmdline").unwrap_or_default(), ARGUMENT_BYTES_MAX);
    let exe = proc.link("exe");
    if arguments.is_empty() && exe.is_none() {
        return None;
    }
    let namespaces = namespaces(&proc);
    let innermost = |ids: &Option<Vec<i32>>| ids.as_ref().and_then(|ids| ids.last()).map_or(0, |id| number(*id));
    let mut process = ScannedProcess {
        pid,
        start_ticks: stat.starttime,
        parent_pid: number(stat.ppid),
        virtual_pid: innermost(&status.nstgid),
        session_id: innermost(&status.nssid),
        group_id: number(stat.pgrp),
        virtual_group_id: innermost(&status.nspgid),
        tty: stat.tty_nr.cast_unsigned(),
        name: stat.comm.into(),
        arguments,
        environment: zero_ended(&proc.bytes("environ").unwrap_or_default(), ENVIRONMENT_BYTES_MAX),
        cwd: proc.link("cwd").unwrap_or_else(|| "".into()),
        exe_path: exe.unwrap_or_else(|| "".into()),
        uid: status.euid,
        gid: status.egid,
        login_uid: proc.text("loginuid").and_then(|text| text.trim().parse().ok()).unwrap_or(u32::MAX),
        capabilities: [status.capprm, status.capeff, status.capinh],
        namespaces,
        cgroup: proc.text("cgroup").map_or_else(|| "".into(), |text| cgroup(&text)),
        ..ScannedProcess::default()
    };
    fill_executable(&mut process, &proc);
    Some(process)
}

/// Inode numbers of the pid, mount, net and user namespaces of a process.
pub(super) fn namespaces_of(pid: u32) -> [u32; 4] {
    namespaces(&ProcDirectory(PathBuf::from(format!("/proc/{pid}"))))
}

struct ProcDirectory(PathBuf);

impl ProcDirectory {
    fn bytes(&self, file: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        fs::File::open(self.0.join(file)).ok()?.take(PROC_FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    fn text(&self, file: &str) -> Option<String> {
        self.bytes(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Where a link of /proc leads, without the kernel's mark of files that have no name any more.
    fn link(&self, file: &str) -> Option<Text> {
        let target = fs::read_link(self.0.join(file)).ok()?;
        let target = target.to_string_lossy();
        Some(target.strip_suffix(" (deleted)").unwrap_or(&target).into())
    }
}

fn fill_executable(process: &mut ScannedProcess, proc: &ProcDirectory) {
    let Ok(metadata) = fs::metadata(proc.0.join("exe")) else { return };
    process.exe_inode = metadata.ino();
    process.exe_changed_ns = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
    process.exe_modified_ns = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
    process.exe_writable = may_write(&metadata, process.uid, process.gid);
}

/// Whether the permission bits let the user write. Root may always.
fn may_write(metadata: &fs::Metadata, uid: u32, gid: u32) -> bool {
    const WRITE: u32 = 0o2;
    let mode = metadata.mode();
    match (uid, metadata.uid() == uid, metadata.gid() == gid) {
        (0, ..) => true,
        (_, true, _) => mode >> 6 & WRITE != 0,
        (_, false, true) => mode >> 3 & WRITE != 0,
        (_, false, false) => mode & WRITE != 0,
    }
}

fn namespaces(proc: &ProcDirectory) -> [u32; 4] {
    ["pid", "mnt", "net", "user"].map(|name| {
        let link = fs::read_link(proc.0.join("ns").join(name)).unwrap_or_default();
        namespace_inode(&link).unwrap_or(0)
    })
}

/// `pid:[4026531836]`.
fn namespace_inode(link: &Path) -> Option<u32> {
    link.to_str()?.split_once(":[")?.1.strip_suffix(']')?.parse().ok()
}

/// The same choice as the kernel programs make.
fn cgroup(text: &str) -> Text {
    let Ok(groups) = ProcessCGroups::from_read(text.as_bytes()) else { return "".into() };
    let unified = groups.0.iter().find(|group| group.hierarchy == 0).map_or("/", |group| &group.pathname);
    if unified != "/" {
        return unified.into();
    }
    let of = |controller: &str| {
        let group = groups.0.iter().find(|group| group.controllers.iter().any(|name| name == controller))?;
        (group.pathname != "/").then(|| Text::from(group.pathname.as_str()))
    };
    CONTROLLERS.iter().find_map(|controller| of(controller)).unwrap_or_else(|| unified.into())
}

/// Texts that are each ended by a zero byte, cut after so many bytes.
fn zero_ended(bytes: &[u8], bytes_max: usize) -> Vec<Text> {
    let kept = &bytes[..bytes.len().min(bytes_max)];
    let kept = kept.strip_suffix(&[0]).unwrap_or(kept);
    if kept.is_empty() {
        return Vec::new();
    }
    kept.split(|byte| *byte == 0).map(|text| Arc::from(String::from_utf8_lossy(text))).collect()
}

/// The start of a pid namespace is the start of the process that has id 1 in it.
fn fill_namespace_starts(processes: &mut [ScannedProcess]) {
    let starts: FxHashMap<u32, u64> = processes
        .iter()
        .filter(|process| process.virtual_pid == 1)
        .map(|process| (process.namespaces[0], ticks_to_boot_ns(process.start_ticks)))
        .collect();
    for process in processes {
        process.pid_namespace_started_boot_ns = starts.get(&process.namespaces[0]).copied().unwrap_or(0);
    }
}

fn number(id: i32) -> u32 {
    u32::try_from(id).unwrap_or(0)
}

fn nanoseconds(seconds: i64, rest: i64) -> u64 {
    u64::try_from(seconds.saturating_mul(1_000_000_000).saturating_add(rest)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_this_process() {
        let pid = std::process::id();
        let processes = all().unwrap();
        let own = processes.iter().find(|process| process.pid == pid).expect("a process sees itself in /proc");
        let exe = std::env::current_exe().unwrap();
        assert_eq!(*own.exe_path, *exe.to_str().unwrap());
        assert_eq!(own.exe_inode, fs::metadata(&exe).unwrap().ino());
        assert_eq!(own.parent_pid, std::os::unix::process::parent_id());
        assert_eq!(*own.cwd, *std::env::current_dir().unwrap().to_str().unwrap());
        assert_eq!(own.arguments.iter().map(|text| &**text).collect::<Vec<_>>(), std::env::args().collect::<Vec<_>>());
        assert_eq!(own.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(own.gid, nix::unistd::getegid().as_raw());
        assert!(exe.file_name().unwrap().to_str().unwrap().starts_with(&*own.name));
        assert!(own.start_ticks > 0 && own.namespaces.iter().all(|inode| *inode != 0));
        assert!(processes.iter().any(|process| process.pid == own.parent_pid));
    }

    #[test]
    fn no_more_than_a_bound_is_read_of_a_file() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("cmdline"), vec![0; 1 << 20]).unwrap();
        let read = ProcDirectory(directory.path().to_owned()).bytes("cmdline").unwrap();
        assert_eq!(read.len() as u64, PROC_FILE_BYTES_MAX);
    }

    #[test]
    fn kernel_threads_are_left_out() {
        assert!(!fs::exists("/proc/2/exe").unwrap_or(false) && one(2).is_none());
    }

    #[test]
    fn the_cgroup_is_that_of_v2_or_of_the_first_controller_out_of_the_root() {
        for (text, expected) in [
            ("0::/user.slice/user-0.slice/session-1.scope\n", "/user.slice/user-0.slice/session-1.scope"),
            ("4:memory:/process_api/ca26\n3:cpuset:/\n1:name=systemd:/x\n0::/\n", "/process_api/ca26"),
            ("9:pids:/p\n4:memory:/m\n1:cpu,cpuacct:/c\n0::/\n", "/c"),
            ("9:pids:/\n0::/\n", "/"),
            ("9:pids:/docker/1\n", "/docker/1"),
            ("", "/"),
        ] {
            assert_eq!(&*cgroup(text), expected, "{text:?}");
        }
    }

    #[test]
    fn texts_are_split_at_zero_bytes_and_cut() {
        for (bytes, max, expected) in [
            (&b"cat\0/etc/shadow\0"[..], 64, vec!["cat", "/etc/shadow"]),
            (b"a\0\0b\0", 64, vec!["a", "", "b"]),
            (b"", 64, vec![]),
            (b"abc\0def\0", 5, vec!["abc", "d"]),
            (b"\xff\0", 64, vec!["\u{fffd}"]),
        ] {
            assert_eq!(zero_ended(bytes, max).iter().map(|text| &**text).collect::<Vec<_>>(), expected);
        }
    }
}
