//! Processes, users and containers: the `proc.*`, `thread.*`, `user.*`, `group.*`, `container.*` and `k8s.*` fields.

use std::sync::Arc;

use super::{Text, Timestamp};

/// Identity of a process for as long as the machine is up: pids are reused, (pid, start time) is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ProcessKey {
    /// Host process id (tgid).
    pub pid: u32,
    /// Start of the thread group leader, nanoseconds since boot; 0 when unknown.
    pub started_boot_ns: u64,
}

/// A user or group with its name in the account database that the process sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Numeric id; `u32::MAX` when unknown or unset.
    pub id: u32,
    /// Account name; `root` for id 0 without an entry, `<NA>` for other ids without an entry.
    pub name: Text,
    /// Home directory, empty when unknown.
    pub home: Text,
    /// Login shell, empty when unknown.
    pub shell: Text,
}

impl Default for User {
    fn default() -> Self {
        Self { id: u32::MAX, name: "<NA>".into(), home: "".into(), shell: "".into() }
    }
}

/// Capability sets, bit n is capability n of `linux/capability.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Permitted set.
    pub permitted: u64,
    /// Effective set.
    pub effective: u64,
    /// Inheritable set.
    pub inheritable: u64,
}

/// One mount of a container, as its runtime reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mount {
    /// Path on the host.
    pub source: Text,
    /// Path in the container.
    pub destination: Text,
    /// Mode text of the runtime.
    pub mode: Text,
    /// Mounted writable.
    pub writable: bool,
    /// Propagation text of the runtime.
    pub propagation: Text,
}

/// The container of a process. Fields behind `metadata` are absent until the runtime has answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// First 12 characters of the id (`container.id`).
    pub id: Text,
    /// The whole id (`container.full_id`).
    pub full_id: Text,
    /// The engine whose cgroup naming matched: docker, podman, cri-o, containerd, lxc ... (`container.type`).
    pub engine: Text,
    /// Name given by the runtime (`container.name`).
    pub name: Option<Text>,
    /// Image reference as the runtime was given it (`container.image`); `None` where repository and tag say it.
    pub image: Option<Text>,
    /// Id of the image (`container.image.id`).
    pub image_id: Option<Text>,
    /// Image reference without tag and digest (`container.image.repository`).
    pub image_repository: Option<Text>,
    /// Image tag (`container.image.tag`).
    pub image_tag: Option<Text>,
    /// Image digest (`container.image.digest`).
    pub image_digest: Option<Text>,
    /// Privileged (`container.privileged`).
    pub privileged: Option<bool>,
    /// Shares the network namespace of the host (`container.host_network`).
    pub host_network: Option<bool>,
    /// Shares the pid namespace of the host (`container.host_pid`).
    pub host_pid: Option<bool>,
    /// Shares the ipc namespace of the host (`container.host_ipc`).
    pub host_ipc: Option<bool>,
    /// Mounts (`container.mounts`).
    pub mounts: Option<Arc<[Mount]>>,
    /// Labels (`container.label`, `container.labels`), sorted by key.
    pub labels: Option<Arc<[(Text, Text)]>>,
    /// Primary IPv4 address (`container.ip`).
    pub ip: Option<Text>,
    /// `io.kubernetes.pod.name`.
    pub pod_name: Option<Text>,
    /// `io.kubernetes.pod.namespace`.
    pub pod_namespace: Option<Text>,
    /// `io.kubernetes.pod.uid`.
    pub pod_uid: Option<Text>,
    /// Labels of the pod (`k8s.pod.label`, `k8s.pod.labels`), sorted by key; `None` where only the container's are known.
    pub pod_labels: Option<Arc<[(Text, Text)]>>,
    /// IPv4 address of the pod (`k8s.pod.ip`).
    pub pod_ip: Option<Text>,
    /// Whole id of the pod's sandbox (`k8s.pod.full_sandbox_id`).
    pub sandbox_id: Option<Text>,
}

/// A process as it was at one moment. Immutable: the process table makes a new value when something changes.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Identity.
    pub key: ProcessKey,
    /// Host process id; -1 for a process of which nothing is known (`proc.pid`).
    pub pid: i64,
    /// Host process id of the parent; -1 when unknown (`proc.ppid`).
    pub parent_pid: i64,
    /// Process id in its own pid namespace (`proc.vpid`).
    pub virtual_pid: i64,
    /// Session id in its pid namespace (`proc.sid`).
    pub session_id: i64,
    /// Process group id on the host (`proc.pgid`).
    pub group_id: i64,
    /// Process group id in its pid namespace (`proc.vpgid`).
    pub virtual_group_id: i64,
    /// Controlling terminal as a device number, 0 when there is none (`proc.tty`).
    pub tty: u32,
    /// Command name, at most 15 bytes (`proc.name`).
    pub name: Text,
    /// First argument (`proc.exe`).
    pub exe: Text,
    /// Executable path as the kernel has it, without a ` (deleted)` suffix (`proc.exepath`).
    pub exe_path: Text,
    /// Arguments after the first.
    pub arguments: Arc<[Text]>,
    /// Arguments after the first joined by one space (`proc.args`).
    pub arguments_text: Text,
    /// Name, a space and the arguments (`proc.cmdline`).
    pub command_line: Text,
    /// Environment, `KEY=value` each (`proc.env`); at most 4096 bytes are kept.
    pub environment: Arc<[Text]>,
    /// Current directory with a trailing slash (`proc.cwd`).
    pub cwd: Text,
    /// Effective user (`user.uid`, `user.name`).
    pub user: Arc<User>,
    /// Effective group (`group.gid`, `group.name`).
    pub group: Arc<User>,
    /// Audit user, id `u32::MAX` when unset (`user.loginuid`, `user.loginname`).
    pub login_user: Arc<User>,
    /// Capability sets.
    pub capabilities: Capabilities,
    /// Inode of the executable, 0 when unknown (`proc.exe_ino`).
    pub exe_inode: u64,
    /// Change time of that inode.
    pub exe_changed_at: Timestamp,
    /// Modification time of that inode.
    pub exe_modified_at: Timestamp,
    /// The user of the process could write to its executable at execve (`EXE_WRITABLE`).
    pub exe_writable: bool,
    /// The executable was in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// The executable was in a lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// The executable was anonymous memory made by memfd_create.
    pub exe_from_memfd: bool,
    /// When the process was cloned; zero when unknown (`proc.pid.ts`).
    pub started_at: Timestamp,
    /// When the init of its pid namespace started; zero when unknown (`proc.pidns_init_start_ts`).
    pub pid_namespace_started_at: Timestamp,
    /// Inode number of its pid namespace.
    pub pid_namespace: u32,
    /// Inode number of its mount namespace.
    pub mount_namespace: u32,
    /// Its cgroup path.
    pub cgroup: Text,
    /// Its container; `None` on the host.
    pub container: Option<Arc<Container>>,
}

impl Process {
    /// A stand-in for a process that was never seen: Falco's `<NA>` entry.
    pub fn unknown(pid: u32) -> Self {
        let unknown: Text = "<NA>".into();
        Self {
            key: ProcessKey { pid, started_boot_ns: 0 },
            pid: -1,
            parent_pid: -1,
            virtual_pid: -1,
            session_id: -1,
            group_id: -1,
            virtual_group_id: -1,
            name: unknown.clone(),
            exe: unknown.clone(),
            command_line: unknown,
            ..Self::default()
        }
    }
}
