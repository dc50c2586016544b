//! Real containers: a root file system of programs copied from this machine, run by runc.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::scope::Scope;
use super::wait::run_bounded;

/// How long `ldd`, `cp` and the runtime's own commands may take.
const TOOL_LIMIT: Duration = Duration::from_secs(30);

/// Directories that every root file system has; /bin and /sbin lead to /usr/bin.
const DIRECTORIES: [&str; 11] =
    ["dev", "etc/cron.d", "lib", "lib64", "proc", "root", "run", "tmp", "usr/bin", "usr/lib", "var/log"];

/// A root file system.
#[derive(Debug)]
pub struct Rootfs {
    directory: PathBuf,
}

impl Rootfs {
    /// Copies programs with the libraries that they need. Names are looked up in the usual directories.
    ///
    /// # Errors
    /// When a program is not there or cannot be copied.
    pub fn build(directory: &Path, programs: &[&str]) -> anyhow::Result<Self> {
        for name in DIRECTORIES {
            fs::create_dir_all(directory.join(name)).context("failed to make a directory of the root file system")?;
        }
        for name in ["bin", "sbin"] {
            symlink("usr/bin", directory.join(name)).context("failed to link a directory of the root file system")?;
        }
        let rootfs = Self { directory: directory.to_path_buf() };
        for name in programs {
            let source = find_program(name).with_context(|| format!("{name} is not installed"))?;
            rootfs.copy_as(&source, &Path::new("/usr/bin").join(name))?;
            rootfs.copy_libraries_of(&source)?;
        }
        rootfs.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n")?;
        rootfs.write("/etc/group", "root:x:0:\n")?;
        rootfs.write("/etc/shadow", "root:*:19000:0:99999:7:::\n")?;
        Ok(rootfs)
    }

    /// Copies a whole directory of this machine to the same place.
    ///
    /// # Errors
    /// When `cp` fails.
    pub fn copy_tree(&self, directory: &Path) -> anyhow::Result<()> {
        let target = self.inside(directory);
        let parent = target.parent().context("a directory to copy has a parent")?;
        fs::create_dir_all(parent).context("failed to make a directory of the root file system")?;
        run_bounded(Command::new("cp").arg("-a").arg(directory).arg(parent), TOOL_LIMIT)?;
        Ok(())
    }

    /// Copies the library of the Python that /usr/bin/python3 is, and what its foreign function module needs.
    ///
    /// # Errors
    /// When Python is not installed or cannot be copied.
    pub fn copy_python(&self) -> anyhow::Result<()> {
        let python = Path::new("/usr/bin/python3").canonicalize().context("python3 is not installed")?;
        let library = Path::new("/usr/lib").join(python.file_name().context("python3 has a name")?);
        self.copy_tree(&library)?;
        for entry in fs::read_dir(library.join("lib-dynload")).context("failed to list the modules of Python")? {
            let module = entry.context("failed to list the modules of Python")?;
            if module.file_name().to_string_lossy().starts_with("_ctypes.") {
                self.copy_libraries_of(&module.path())?;
            }
        }
        Ok(())
    }

    /// Copies the libraries that a program or a library needs.
    ///
    /// # Errors
    /// When `ldd` fails or a library cannot be copied.
    pub fn copy_libraries_of(&self, program: &Path) -> anyhow::Result<()> {
        for library in libraries_of(program)? {
            if !self.inside(&library).exists() {
                self.copy_as(&library, &library)?;
            }
        }
        Ok(())
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &str, text: &str) -> anyhow::Result<()> {
        fs::write(self.inside(Path::new(path)), text)
            .with_context(|| format!("failed to write {path} of the root file system"))
    }

    /// Where a path of the container is on this machine.
    pub fn inside(&self, path: &Path) -> PathBuf {
        self.directory.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn copy_as(&self, source: &Path, target: &Path) -> anyhow::Result<()> {
        let target = self.inside(target);
        let parent = target.parent().context("a file to copy has a directory")?;
        fs::create_dir_all(parent).context("failed to make a directory of the root file system")?;
        // Copying follows links, so the name is kept and the content is the real file.
        fs::copy(source, &target).with_context(|| format!("failed to copy {}", source.display()))?;
        Ok(())
    }
}

/// A container that runs one command to its end, with all capabilities that we have, like Docker's privileged ones.
#[derive(Debug)]
pub struct Container {
    id: String,
    bundle: PathBuf,
}

impl Container {
    /// Prepares a container named by 64 hexadecimal digits.
    ///
    /// # Errors
    /// When the bundle cannot be written.
    pub fn prepare(bundle: &Path, id: &str, rootfs: &Rootfs, scope: &Scope, command: &[&str]) -> anyhow::Result<Self> {
        fs::create_dir_all(bundle).context("failed to make the bundle")?;
        let spec = spec(&rootfs.directory, &scope.container_path(id), command);
        let spec = serde_json::to_string_pretty(&spec).context("failed to write the specification")?;
        fs::write(bundle.join("config.json"), spec).context("failed to write config.json")?;
        Ok(Self { id: id.to_owned(), bundle: bundle.to_path_buf() })
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// When runc cannot be started or the command takes longer than `limit`.
    pub fn run(&self, limit: Duration) -> anyhow::Result<Output> {
        let mut command = self.runc();
        run_bounded(command.arg("run").arg("--bundle").arg(&self.bundle).arg(&self.id), limit)
    }

    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(self.bundle.join("state"));
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Ends what is left of the container when the command was cut short; after a normal end there is nothing.
        drop(run_bounded(self.runc().args(["delete", "--force"]).arg(&self.id), TOOL_LIMIT));
    }
}

fn find_program(name: &str) -> Option<PathBuf> {
    let directories = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
    directories.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.is_file())
}

fn libraries_of(program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let output = run_bounded(Command::new("ldd").arg(program), TOOL_LIMIT)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let paths = text.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    Ok(paths.map(PathBuf::from).collect())
}

/// The capabilities that this process has and may therefore give away.
fn own_capabilities() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or_default();
    let own = CAPABILITIES.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1);
    own.map(|(_, name)| format!("CAP_{name}")).collect()
}

fn spec(rootfs: &Path, cgroup: &str, command: &[&str]) -> Value {
    let capabilities = own_capabilities();
    let namespaces = ["pid", "network", "ipc", "uts", "mount"].map(|kind| json!({ "type": kind }));
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": command,
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"],
            "cwd": "/tmp",
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            "noNewPrivileges": false,
        },
        "root": { "path": rootfs, "readonly": false },
        "hostname": "box",
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
        ],
        "linux": { "cgroupsPath": cgroup, "namespaces": namespaces },
    })
}

/// All capabilities up to the one that kernel 5.9 added, in the order of their bits.
const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];
