//! How a `Process` is filled: from /proc, from the identity of a task, from an exec.

use std::sync::Arc;

use tiercel_detection::event::{Capabilities, Container, Process, ProcessKey, Text, Timestamp, User};

use super::accounts::{AccountScope, Accounts};
use super::path::with_trailing_slash;
use super::process::ticks_to_boot_ns;
use super::world::ScannedProcess;
use crate::capture::observation::{Exec, Observation, TaskIdentity};

/// The accounts behind the ids of a process.
#[derive(Debug, Clone)]
pub(super) struct Names {
    user: Arc<User>,
    group: Arc<User>,
    login_user: Arc<User>,
}

impl Names {
    /// Finds the accounts of a user, a group and an audit user.
    pub(super) fn find(accounts: &Accounts, scope: &AccountScope, [user, group, login_user]: [u32; 3]) -> Self {
        Self {
            user: accounts.user(scope, user),
            group: accounts.group(scope, group),
            login_user: accounts.user(scope, login_user),
        }
    }

    /// Gives them to a process.
    pub(super) fn apply(self, process: &mut Process) {
        process.user = self.user;
        process.group = self.group;
        process.login_user = self.login_user;
    }
}

/// A process of which nothing is known but what the record says of every task.
pub(super) fn unknown(observation: &Observation, boot_offset_ns: u64) -> Process {
    let key = ProcessKey { pid: observation.pid, started_boot_ns: observation.started_boot_ns };
    let mut process = Process { key, ..Process::unknown(observation.pid) };
    process.pid = i64::from(observation.pid);
    process.started_at = moment(observation.started_boot_ns, boot_offset_ns);
    process
}

/// A process that is about to be described by its first record.
pub(super) fn newborn(key: ProcessKey, boot_offset_ns: u64) -> Process {
    Process {
        key,
        pid: i64::from(key.pid),
        started_at: moment(key.started_boot_ns, boot_offset_ns),
        ..Process::default()
    }
}

/// A process as /proc shows it.
pub(super) fn scanned(
    found: &ScannedProcess,
    names: Names,
    container: Option<Arc<Container>>,
    boot_offset_ns: u64,
) -> Process {
    let started_boot_ns = ticks_to_boot_ns(found.start_ticks);
    let mut process = newborn(ProcessKey { pid: found.pid, started_boot_ns }, boot_offset_ns);
    process.parent_pid = i64::from(found.parent_pid);
    process.virtual_pid = i64::from(found.virtual_pid);
    process.session_id = i64::from(found.session_id);
    process.group_id = i64::from(found.group_id);
    process.virtual_group_id = i64::from(found.virtual_group_id);
    process.tty = found.tty;
    process.exe_path = found.exe_path.clone();
    process.cwd = with_trailing_slash(&found.cwd).into();
    process.environment = Arc::from(found.environment.as_slice());
    process.capabilities = capabilities(found.capabilities);
    process.exe_inode = found.exe_inode;
    process.exe_changed_at = Timestamp(found.exe_changed_ns);
    process.exe_modified_at = Timestamp(found.exe_modified_ns);
    process.exe_writable = found.exe_writable;
    process.exe_from_memfd = found.exe_path.starts_with("/memfd:");
    process.pid_namespace_started_at = moment_or_zero(found.pid_namespace_started_boot_ns, boot_offset_ns);
    process.pid_namespace = found.namespaces[0];
    process.mount_namespace = found.namespaces[1];
    process.cgroup = found.cgroup.clone();
    process.container = container;
    names.apply(&mut process);
    apply_arguments(&mut process, &found.arguments);
    rename(&mut process, &found.name);
    process
}

/// What the kernel says of a task, names of accounts and the name of the program left out.
pub(super) fn apply_task(process: &mut Process, task: &TaskIdentity, boot_offset_ns: u64) {
    process.pid = i64::from(process.key.pid);
    process.parent_pid = i64::from(task.parent_pid);
    process.virtual_pid = i64::from(task.virtual_pid);
    process.session_id = i64::from(task.session_id);
    process.group_id = i64::from(task.group_id);
    process.virtual_group_id = i64::from(task.virtual_group_id);
    process.tty = task.tty;
    process.capabilities = capabilities(task.capabilities);
    process.started_at = moment(process.key.started_boot_ns, boot_offset_ns);
    process.pid_namespace_started_at = moment_or_zero(task.pid_namespace_started_boot_ns, boot_offset_ns);
    process.pid_namespace = task.namespaces[0];
    process.mount_namespace = task.namespaces[1];
    process.cgroup = task.cgroup.clone();
}

/// The program that a process runs now.
pub(super) fn apply_exec(process: &mut Process, exec: &Exec) {
    process.exe_path = exec.exe_path.strip_suffix(" (deleted)").map_or_else(|| exec.exe_path.clone(), Text::from);
    process.environment = Arc::from(exec.environment.as_slice());
    process.cwd = with_trailing_slash(&exec.cwd).into();
    process.exe_inode = exec.exe_inode;
    process.exe_changed_at = Timestamp(exec.exe_changed_ns);
    process.exe_modified_at = Timestamp(exec.exe_modified_ns);
    process.exe_writable = exec.exe_writable;
    process.exe_upper_layer = exec.exe_upper_layer;
    process.exe_lower_layer = exec.exe_lower_layer;
    process.exe_from_memfd = exec.exe_from_memfd;
    apply_arguments(process, &exec.arguments);
    rename(process, &exec.task.name);
}

/// The name of the program, at most 15 bytes, and the command line that begins with it.
pub(super) fn rename(process: &mut Process, name: &Text) {
    if !name.is_empty() {
        process.name = name.clone();
    }
    process.command_line = match &*process.arguments_text {
        "" => process.name.clone(),
        arguments => format!("{} {arguments}", process.name).into(),
    };
}

/// Thread id in the pid namespace of the process; -1 where only the kernel could tell.
pub(super) fn virtual_thread_id(process: &Process, observation: &Observation) -> i64 {
    match (observation.tid == observation.pid, process.virtual_pid == i64::from(observation.pid)) {
        (true, _) => process.virtual_pid,
        (false, true) => i64::from(observation.tid),
        (false, false) => -1,
    }
}

fn apply_arguments(process: &mut Process, arguments: &[Text]) {
    let (first, rest) =
        arguments.split_first().map_or((Text::from(""), &[][..]), |(first, rest)| (first.clone(), rest));
    process.exe = first;
    process.arguments = Arc::from(rest);
    process.arguments_text = rest.join(" ").into();
}

fn capabilities([permitted, effective, inheritable]: [u64; 3]) -> Capabilities {
    Capabilities { permitted, effective, inheritable }
}

fn moment(boot_ns: u64, boot_offset_ns: u64) -> Timestamp {
    Timestamp(boot_offset_ns.saturating_add(boot_ns))
}

fn moment_or_zero(boot_ns: u64, boot_offset_ns: u64) -> Timestamp {
    if boot_ns == 0 { Timestamp::default() } else { moment(boot_ns, boot_offset_ns) }
}
