//! The machine that the agent runs on, asked through /proc, /etc and the state files of container runtimes.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::time::{ClockId, clock_gettime};
use tiercel_detection::event::Text;

use super::accounts::{parse_group, parse_passwd};
use super::container::{self, ContainerNews, LookupCounts, Lookups};
use super::world::{
    AccountTables, ContainerCandidate, HostChange, NamedFile, RuntimeContainer, ScannedProcess, Snapshot, World,
};
use super::{mounts::Mounts, scan};

/// The init of the host.
const INIT_PID: u32 = 1;

/// Smallest step of the wall clock that is followed; reading two clocks in turn is no more exact than that.
const CLOCK_STEP_NS_MIN: u64 = 1_000_000;

/// An account database of the host that is larger is cut. Directories of that size are served by NSS, not by files.
const HOST_ACCOUNT_BYTES_MAX: u64 = 16 << 20;

/// A container chooses what its account database is; one that is larger is cut.
const CONTAINER_ACCOUNT_BYTES_MAX: u64 = 128 << 10;

/// The live machine.
#[derive(Debug, Default)]
pub struct Machine {
    accounts_changed: Option<[SystemTime; 2]>,
    boot_offset_ns: u64,
    without_environments: bool,
    runtimes: Option<Lookups>,
}

impl Machine {
    /// A machine of which nothing was asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A machine that never tells the environment of a process: it often holds secrets.
    pub fn without_environments() -> Self {
        Self { without_environments: true, ..Self::default() }
    }

    /// The same machine, which also asks the sockets of container runtimes.
    #[must_use]
    pub fn with_runtimes(self, runtimes: Lookups) -> Self {
        Self { runtimes: Some(runtimes), ..self }
    }

    /// Reads all processes and the account database. Fails when /proc is not readable.
    pub fn snapshot(&mut self) -> io::Result<Snapshot> {
        self.boot_offset_ns = boot_offset_ns()?;
        self.accounts_changed = accounts_changed();
        Ok(Snapshot {
            hostname: nix::unistd::gethostname()?.to_string_lossy().into_owned(),
            boot_offset_ns: self.boot_offset_ns,
            namespaces: scan::namespaces_of(INIT_PID),
            accounts: read_accounts(Path::new("/"), HOST_ACCOUNT_BYTES_MAX).unwrap_or_default(),
            processes: scan::all()?.into_iter().map(|process| self.tell(process)).collect(),
        })
    }

    fn tell(&self, mut process: ScannedProcess) -> ScannedProcess {
        if self.without_environments {
            process.environment.clear();
        }
        process
    }
}

impl World for Machine {
    fn process(&mut self, pid: u32) -> Option<ScannedProcess> {
        scan::one(pid).map(|process| self.tell(process))
    }

    fn accounts_of(&mut self, pid: u32) -> Option<AccountTables> {
        read_accounts(Path::new(&format!("/proc/{pid}/root")), CONTAINER_ACCOUNT_BYTES_MAX)
    }

    fn container(&mut self, candidate: &ContainerCandidate) -> Option<RuntimeContainer> {
        container::find(candidate)
    }

    fn ask_container(&mut self, id: &Text, engine: &Text) -> bool {
        self.runtimes.as_ref().is_some_and(|runtimes| runtimes.ask(id, engine))
    }

    fn lookup_counts(&self) -> LookupCounts {
        self.runtimes.as_ref().map(Lookups::counts).unwrap_or_default()
    }

    fn container_news(&mut self) -> Vec<ContainerNews> {
        self.runtimes.as_mut().map(Lookups::news).unwrap_or_default()
    }

    fn named_files(&mut self, paths: &[Text]) -> Vec<NamedFile> {
        let mounts = Mounts::read();
        paths.iter().filter_map(|path| named_file(path, &mounts)).collect()
    }

    fn host_change(&mut self) -> Option<HostChange> {
        let offset_ns = boot_offset_ns().ok()?;
        let stepped = offset_ns.abs_diff(self.boot_offset_ns) >= CLOCK_STEP_NS_MIN;
        let changed = accounts_changed();
        let accounts =
            if changed == self.accounts_changed { None } else { read_accounts(Path::new("/"), HOST_ACCOUNT_BYTES_MAX) };
        self.accounts_changed = changed;
        if !stepped && accounts.is_none() {
            return None;
        }
        self.boot_offset_ns = offset_ns;
        Some(HostChange { boot_offset_ns: offset_ns, accounts })
    }
}

/// Only regular files: other names (`/dev/stdout`, `/proc/self/...`) mean another thing to every process.
fn named_file(path: &Text, mounts: &Mounts) -> Option<NamedFile> {
    let metadata = fs::metadata(&**path).ok().filter(fs::Metadata::is_file)?;
    let canonical = fs::canonicalize(&**path).ok().filter(|canonical| !canonical.starts_with("/proc"))?;
    let device = mounts.device_of(&canonical, metadata.dev());
    Some(NamedFile { path: path.clone(), device, inode: metadata.ino() })
}

fn boot_offset_ns() -> io::Result<u64> {
    let nanoseconds = |clock| -> io::Result<u64> {
        let time = clock_gettime(clock)?;
        let total = time.tv_sec().saturating_mul(1_000_000_000).saturating_add(time.tv_nsec());
        Ok(u64::try_from(total).unwrap_or(0))
    };
    let boot_ns = nanoseconds(ClockId::CLOCK_BOOTTIME)?;
    Ok(nanoseconds(ClockId::CLOCK_REALTIME)?.saturating_sub(boot_ns))
}

fn accounts_changed() -> Option<[SystemTime; 2]> {
    let changed = |path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    Some([changed("/etc/passwd")?, changed("/etc/group")?])
}

fn read_accounts(root: &Path, bytes_max: u64) -> Option<AccountTables> {
    let root = fs::File::open(root).ok()?;
    let passwd = read_in_root(&root, "etc/passwd", bytes_max)?;
    let group = read_in_root(&root, "etc/group", bytes_max).unwrap_or_default();
    Some(AccountTables { users: parse_passwd(&passwd), groups: parse_group(&group) })
}

/// A container chooses what its /etc/passwd is: links are followed inside its root only, anything but a regular file
/// is left alone, and no more than a bound is read.
fn read_in_root(root: &fs::File, path: &str, bytes_max: u64) -> Option<String> {
    let how = OpenHow::new().flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC);
    let file = openat2(root, path, how.resolve(ResolveFlag::RESOLVE_IN_ROOT)).ok()?;
    let file = fs::File::from(file);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_a_root_do_not_lead_out_of_it() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir(&etc).unwrap();
        fs::create_dir(root.path().join("data")).unwrap();
        fs::write(root.path().join("data/passwd"), "app:x:7:7::/app:/bin/sh\n").unwrap();
        std::os::unix::fs::symlink("/data/passwd", etc.join("passwd")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", etc.join("group")).unwrap();
        let accounts = read_accounts(root.path(), CONTAINER_ACCOUNT_BYTES_MAX).unwrap();
        assert_eq!(accounts.users.iter().map(|user| &*user.name).collect::<Vec<_>>(), ["app"]);
        assert_eq!(accounts.groups, []);
    }

    #[test]
    fn only_regular_files_have_an_identity() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        fs::write(&file, "x").unwrap();
        let texts = |paths: &[&Path]| paths.iter().map(|path| Text::from(path.to_str().unwrap())).collect::<Vec<_>>();
        let paths =
            texts(&[&file, directory.path(), Path::new("/dev/null"), Path::new("/proc/self/stat"), Path::new("/x/y")]);
        let found = Machine::new().named_files(&paths);
        let inode = fs::metadata(&file).unwrap().ino();
        assert_eq!(found.iter().map(|named| (&named.path, named.inode)).collect::<Vec<_>>(), [(&paths[0], inode)]);
    }

    #[test]
    fn an_unchanged_host_has_nothing_to_say() {
        let mut machine = Machine::new();
        let snapshot = machine.snapshot().unwrap();
        assert!(snapshot.processes.len() > 1 && snapshot.boot_offset_ns > 0);
        assert!(snapshot.accounts.users.iter().any(|user| user.id == 0 && &*user.name == "root"));
        assert_eq!(machine.host_change(), None);
    }
}
