//! One thread of a capture.

use std::sync::Arc;

use tiercel_detection::event::{Capabilities, Process, ProcessKey, Text, Timestamp};

use super::call::{parts, text};
use super::descriptor::DescriptorTable;
use crate::capture::scap::{CapturedEvent, ProcessEntry};

/// Flags of clone in Falco's encoding, as far as they decide something here.
pub(super) mod clone {
    pub(in super::super) const FILES: u32 = 1;
    pub(in super::super) const NEWPID: u32 = 1 << 6;
    pub(in super::super) const PARENT: u32 = 1 << 8;
    pub(in super::super) const THREAD: u32 = 1 << 13;
    /// The child told of itself before its parent did; not a flag of the call.
    pub(in super::super) const INVERTED: u32 = 1 << 16;
    pub(in super::super) const NEWUSER: u32 = 1 << 20;
    pub(in super::super) const VFORK: u32 = 1 << 27;
    /// The child is in another pid namespace than the first one of the machine.
    pub(in super::super) const CHILD_IN_PIDNS: u32 = 1 << 29;
}

/// A thread.
#[derive(Debug)]
pub(super) struct Thread {
    pub(super) tid: i64,
    pub(super) pid: i64,
    pub(super) ptid: i64,
    pub(super) vtid: i64,
    pub(super) flags: u32,
    /// What rules see of it; accounts, container, environment and directory are filled when an event is made.
    pub(super) process: Process,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) login_uid: u32,
    pub(super) cwd: String,
    pub(super) cgroups: Vec<String>,
    pub(super) descriptors: DescriptorTable,
    /// The descriptor of its last event.
    pub(super) last_fd: i64,
    pub(super) fd_limit: i64,
    pub(super) memory_kib: [u64; 3],
    pub(super) page_faults: [u64; 2],
    /// It has ended. Its entry lives until the next event, that of a main thread until all of its threads have ended.
    pub(super) dead: bool,
    /// Who takes its children when it ends, if its end said so.
    pub(super) reaper: Option<i64>,
    /// The entry of the call that it is in, if that says what its exit does not.
    pub(super) entry: Option<CapturedEvent>,
}

impl Thread {
    /// A thread of which nothing is known but that it acts.
    pub(super) fn unknown(tid: i64) -> Self {
        let process = Process { key: key(tid), ..Process::unknown(0) };
        Self {
            tid,
            pid: -1,
            ptid: -1,
            vtid: -1,
            flags: 0,
            process,
            uid: u32::MAX,
            gid: u32::MAX,
            login_uid: u32::MAX,
            cwd: String::new(),
            cgroups: Vec::new(),
            descriptors: DescriptorTable::default(),
            last_fd: -1,
            fd_limit: 0,
            memory_kib: [0; 3],
            page_faults: [0; 2],
            dead: false,
            reaper: None,
            entry: None,
        }
    }

    /// A thread of the list at the beginning of a capture.
    pub(super) fn captured(entry: &ProcessEntry) -> Self {
        let mut thread = Self::unknown(entry.tid);
        (thread.pid, thread.ptid, thread.vtid, thread.flags) = (entry.pid, entry.ptid, entry.vtid, entry.flags);
        (thread.uid, thread.gid, thread.login_uid) = (entry.uid, entry.gid, entry.login_uid);
        thread.fd_limit = entry.fd_limit;
        thread.memory_kib = entry.memory_kib.map(u64::from);
        thread.page_faults = entry.page_faults;
        thread.set_cwd(&text(&entry.cwd));
        thread.cgroups = cgroups(&entry.cgroups);
        let process = &mut thread.process;
        process.virtual_pid = entry.vpid;
        process.session_id = entry.sid;
        process.group_id = entry.pgid;
        process.virtual_group_id = entry.vpgid;
        process.tty = entry.tty;
        process.name = text(&entry.comm).into();
        process.exe = text(&entry.exe).into();
        process.environment = texts(&entry.environment);
        let [inheritable, permitted, effective] = entry.capabilities;
        process.capabilities = Capabilities { permitted, effective, inheritable };
        let [inode, changed, modified] = entry.exe_inode;
        process.exe_inode = inode;
        process.exe_changed_at = Timestamp(changed);
        process.exe_modified_at = Timestamp(modified);
        process.exe_writable = entry.exe_writable;
        process.exe_upper_layer = entry.exe_upper_layer;
        process.exe_lower_layer = entry.exe_lower_layer;
        process.exe_from_memfd = entry.exe_from_memfd;
        process.pid_namespace_started_at = Timestamp(entry.pid_namespace_started_ns);
        thread.set_exe_path(&text(&entry.exe_path));
        thread.set_arguments(&entry.arguments);
        thread
    }

    /// Nothing is known of where it belongs.
    pub(super) fn is_unplaced(&self) -> bool {
        self.tid < 0 || self.pid < 0 || self.ptid < 0
    }

    /// It has another id inside its container.
    pub(super) fn is_in_pid_namespace(&self) -> bool {
        self.flags & clone::CHILD_IN_PIDNS != 0 || (self.tid != self.vtid && self.vtid >= 0)
    }

    /// It is the thread that its process is named after.
    pub(super) fn is_main(&self) -> bool {
        self.tid == self.pid
    }

    /// The arguments after the first, each ended by NUL.
    pub(super) fn set_arguments(&mut self, bytes: &[u8]) {
        self.process.arguments = texts(bytes);
        self.process.arguments_text = self.process.arguments.join(" ").into();
        self.renew_command_line();
    }

    /// The command name, and with it the command line.
    pub(super) fn set_name(&mut self, name: &str) {
        self.process.name = name.into();
        self.renew_command_line();
    }

    fn renew_command_line(&mut self) {
        let process = &mut self.process;
        process.command_line = match process.arguments_text.len() {
            0 => process.name.clone(),
            _ => format!("{} {}", process.name, process.arguments_text).into(),
        };
    }

    /// The path of the executable; that its file is gone says nothing.
    pub(super) fn set_exe_path(&mut self, path: &str) {
        self.process.exe_path = path.strip_suffix(" (deleted)").unwrap_or(path).into();
    }

    /// Goes to a directory, relative to the present one if need be.
    pub(super) fn set_cwd(&mut self, directory: &str) {
        let mut cwd = super::path::join(&self.cwd, directory);
        if !cwd.ends_with('/') {
            cwd.push('/');
        }
        self.cwd = cwd;
    }

    /// Name of the process for pid parameters.
    pub(super) fn name(&self) -> &Text {
        &self.process.name
    }
}

/// Cgroups as `subsystem=path`, under the names that subsystems have now.
pub(super) fn cgroups(bytes: &[u8]) -> Vec<String> {
    let renamed = |line: String| match line.split_once('=') {
        None => line,
        Some((subsystem, path)) => match subsystem.strip_suffix("_cgroup").unwrap_or(subsystem) {
            "perf" => format!("perf_event={path}"),
            "mem" => format!("memory={path}"),
            "io" => format!("blkio={path}"),
            name => format!("{name}={path}"),
        },
    };
    parts(bytes).into_iter().map(renamed).collect()
}

/// Captures do not say when a process started, so its id has to do.
pub(super) fn key(pid: i64) -> ProcessKey {
    ProcessKey { pid: u32::try_from(pid).unwrap_or(0), started_boot_ns: 0 }
}

/// Parts that are separated by NUL.
pub(super) fn texts(bytes: &[u8]) -> Arc<[Text]> {
    parts(bytes).into_iter().map(Text::from).collect()
}
