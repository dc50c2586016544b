//! What enrichment asks of the machine beside the records of the kernel, as questions with answers.
//!
//! On a live node `Machine` answers from /proc and /etc, in a replay the recording does. Enrichment itself touches
//! neither files nor clocks, so the same observations and the same answers always give the same events.

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;

use super::container::{ContainerNews, LookupCounts};

/// The machine at the moment when capture began.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Host name.
    pub hostname: String,
    /// Nanoseconds since the Unix epoch at the moment when the boot clock stood at zero.
    pub boot_offset_ns: u64,
    /// Inode numbers of the pid, mount, net and user namespaces of the host's init.
    pub namespaces: [u32; 4],
    /// Users and groups of the host.
    pub accounts: AccountTables,
    /// Every process that ran, kernel threads left out.
    pub processes: Vec<ScannedProcess>,
}

/// A process as /proc shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScannedProcess {
    /// Host process id.
    pub pid: u32,
    /// Start, in clock ticks since boot: /proc has no finer value.
    pub start_ticks: u64,
    /// Host process id of the parent, 0 when there is none.
    pub parent_pid: u32,
    /// Process id in its own pid namespace.
    pub virtual_pid: u32,
    /// Session id in its own pid namespace.
    pub session_id: u32,
    /// Process group id on the host.
    pub group_id: u32,
    /// Process group id in its own pid namespace.
    pub virtual_group_id: u32,
    /// Controlling terminal, 0 when there is none.
    pub tty: u32,
    /// Command name.
    pub name: Text,
    /// All arguments, the first one included.
    pub arguments: Vec<Text>,
    /// Environment, `KEY=value` each, at most 4096 bytes.
    pub environment: Vec<Text>,
    /// Current directory.
    pub cwd: Text,
    /// Path of the executable, without a ` (deleted)` suffix.
    pub exe_path: Text,
    /// Inode of the executable, 0 when unknown.
    pub exe_inode: u64,
    /// Change time of that inode, nanoseconds since the epoch.
    pub exe_changed_ns: u64,
    /// Modification time of that inode, nanoseconds since the epoch.
    pub exe_modified_ns: u64,
    /// Its user may write to the executable.
    pub exe_writable: bool,
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Audit user id, `u32::MAX` when unset.
    pub login_uid: u32,
    /// Capability sets: permitted, effective, inheritable.
    pub capabilities: [u64; 3],
    /// Inode numbers of the pid, mount, net and user namespaces.
    pub namespaces: [u32; 4],
    /// Start of the init of its pid namespace, nanoseconds since boot; 0 when unknown.
    pub pid_namespace_started_boot_ns: u64,
    /// Path of its cgroup: the cgroup-v2 path, or the one of a v1 controller when v2 has only the root.
    pub cgroup: Text,
}

/// One line of /etc/passwd or /etc/group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Numeric id.
    pub id: u32,
    /// Name.
    pub name: Text,
    /// Home directory, empty for groups.
    pub home: Text,
    /// Login shell, empty for groups.
    pub shell: Text,
}

/// The users and groups of one account database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTables {
    /// Users.
    pub users: Vec<Account>,
    /// Groups.
    pub groups: Vec<Account>,
}

/// A name in a cgroup path that is a container only if a runtime says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerCandidate {
    /// The cgroup path.
    pub cgroup: Text,
    /// The name that the runtime would know.
    pub name: Text,
    /// containerd's namespace, when the path has the form `/NAMESPACE/NAME`.
    pub namespace: Option<Text>,
}

/// What a runtime's state files say of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeContainer {
    /// Container id.
    pub id: Text,
    /// The runtime: `runc` or `containerd`.
    pub engine: Text,
    /// All capabilities and no masked or read-only paths, when the state tells.
    pub privileged: Option<bool>,
    /// Annotations and labels, sorted by key.
    pub labels: Vec<(Text, Text)>,
}

/// A file that has a name which rules mention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedFile {
    /// The name as the rules have it.
    pub path: Text,
    /// Device of its file system, encoded as `stat` does.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

/// What may have changed on the host since it was last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostChange {
    /// See [`Snapshot::boot_offset_ns`]; it moves when the wall clock is set.
    pub boot_offset_ns: u64,
    /// The account database, when it changed.
    pub accounts: Option<AccountTables>,
}

/// The machine around the kernel's records.
pub trait World: Send + std::fmt::Debug {
    /// Looks a process up that no record announced.
    fn process(&mut self, pid: u32) -> Option<ScannedProcess>;

    /// Reads the account database in the root directory of a process; `None` when it is gone or has none.
    fn accounts_of(&mut self, pid: u32) -> Option<AccountTables>;

    /// Asks the runtimes whether they know a container of that name in that cgroup.
    fn container(&mut self, candidate: &ContainerCandidate) -> Option<RuntimeContainer>;

    /// Asks the runtimes what they know of a container, by its whole id and engine; whether there will be an answer.
    fn ask_container(&mut self, id: &Text, engine: &Text) -> bool;

    /// What the runtimes answered since the last call.
    fn container_news(&mut self) -> Vec<ContainerNews>;

    /// What was counted about questions to runtimes; nothing in a replay.
    fn lookup_counts(&self) -> LookupCounts {
        LookupCounts::default()
    }

    /// Finds out which files the paths name now; paths that name no regular file are left out.
    fn named_files(&mut self, paths: &[Text]) -> Vec<NamedFile>;

    /// Says what changed on the host since the last call; `None` when nothing did.
    fn host_change(&mut self) -> Option<HostChange>;
}
