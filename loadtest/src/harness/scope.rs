//! The part of the machine that a test's agent watches: the processes that the test starts, and no others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use serde_json::json;

/// What the agent is told to watch.
#[derive(Debug)]
pub enum Scope {
    /// A cgroup of the unified hierarchy, made for the test.
    Cgroup {
        /// Its directory.
        directory: PathBuf,
        /// Its name, which is also its path in every hierarchy.
        name: String,
    },
    /// This process and what it starts, where the unified hierarchy cannot be written.
    ProcessTree,
}

impl Scope {
    /// Makes a cgroup for the test, or falls back to the process tree.
    ///
    /// # Errors
    /// When the mounts of this machine cannot be read.
    pub fn create(test: &str) -> anyhow::Result<Self> {
        // One path component: agents read container names out of deeper paths.
        let name = format!("tiercel-{test}-{}", std::process::id());
        let Some(mount) = unified_mount()? else { return Ok(Self::ProcessTree) };
        let directory = mount.join(&name);
        match fs::create_dir(&directory) {
            Ok(()) => Ok(Self::Cgroup { directory, name }),
            Err(_) => Ok(Self::ProcessTree),
        }
    }

    /// The `capture.scope` section of the agent's configuration.
    pub fn section(&self) -> serde_json::Value {
        match self {
            Self::Cgroup { directory, .. } => json!({ "cgroup": directory }),
            Self::ProcessTree => json!({ "process_tree": std::process::id() }),
        }
    }

    /// A command that runs in the scope. A shell joins the cgroup and becomes the program.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("/bin/sh");
        match self {
            Self::Cgroup { directory, .. } => {
                command.args(["-c", r#"echo $$ > "$0/cgroup.procs" && exec "$@""#]).arg(directory);
            }
            Self::ProcessTree => {
                command.args(["-c", r#"exec "$@""#, "sh"]);
            }
        }
        command.arg(program);
        command
    }

    /// A cgroup path for a container inside the scope; the runtime makes it.
    pub fn container_path(&self, container_id: &str) -> String {
        match self {
            Self::Cgroup { name, .. } => format!("/{name}/docker-{container_id}.scope"),
            Self::ProcessTree => format!("/docker-{container_id}.scope"),
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let Self::Cgroup { name, .. } = self else { return };
        for hierarchy in hierarchies() {
            // Only empty cgroups can be removed, so this cannot touch a process that still runs.
            drop(fs::remove_dir(hierarchy.join(&name)));
        }
    }
}

/// Where the unified hierarchy is mounted: at the root of all cgroups, or beside the older ones.
fn unified_mount() -> anyhow::Result<Option<PathBuf>> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("failed to read the mounts")?;
    Ok(mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (directory, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(directory))
    }))
}

fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let lines = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (directory, kind) = (words.next()?, words.next()?);
        (kind == "cgroup2" || kind == "cgroup").then(|| PathBuf::from(directory))
    });
    lines.collect()
}
