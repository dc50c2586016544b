//! Whose acts are recorded: the machine, a cgroup, or a process and its descendants.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

/// Whose acts are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// Every process.
    #[default]
    Machine,
    /// Processes of this cgroup-v2 directory and those below it.
    Cgroup(PathBuf),
    /// This process and its descendants, also after their parents have ended.
    ProcessTree(u32),
}

/// A scope does not exist.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// Not there, or not readable.
    #[error("failed to read the cgroup {path}")]
    Cgroup {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not a directory of the unified hierarchy.
    #[error("{0} is not a cgroup-v2 directory; mounts of cgroup2 are listed in /proc/mounts")]
    NotUnified(PathBuf),
}

/// A cgroup as the kernel programs compare it: its id, and its depth below the root.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CgroupScope {
    pub(super) id: u64,
    pub(super) level: u32,
}

impl CgroupScope {
    /// Finds the id (the inode number) and the level of a cgroup-v2 directory.
    pub(super) fn find(path: &Path) -> Result<Self, ScopeError> {
        let failed = |source| ScopeError::Cgroup { path: path.to_owned(), source };
        let directory = path.canonicalize().map_err(failed)?;
        if !is_unified(&directory).map_err(failed)? {
            return Err(ScopeError::NotUnified(path.to_owned()));
        }
        let id = directory.metadata().map_err(failed)?.ino();
        let above = directory.ancestors().skip(1).take_while(|parent| is_unified(parent).unwrap_or(false)).count();
        Ok(Self { id, level: u32::try_from(above).unwrap_or(u32::MAX) })
    }
}

fn is_unified(path: &Path) -> io::Result<bool> {
    Ok(statfs(path)?.filesystem_type() == CGROUP2_SUPER_MAGIC)
}

/// Returns a process and its living descendants.
pub(super) fn descendants_of(root: u32) -> BTreeSet<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (pid, parent) in parents() {
        children.entry(parent).or_default().push(pid);
    }
    let mut found = BTreeSet::from([root]);
    let mut left = vec![root];
    while let Some(pid) = left.pop() {
        for child in children.get(&pid).into_iter().flatten() {
            if found.insert(*child) {
                left.push(*child);
            }
        }
    }
    found
}

/// (process, its parent) of all processes that can be read.
fn parents() -> impl Iterator<Item = (u32, u32)> {
    let processes = procfs::process::all_processes().into_iter().flatten();
    processes.filter_map(Result::ok).filter_map(|process| {
        let stat = process.stat().ok()?;
        Some((u32::try_from(stat.pid).ok()?, u32::try_from(stat.ppid).ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_no_cgroup_is_refused() {
        assert!(matches!(CgroupScope::find(Path::new("/tmp")), Err(ScopeError::NotUnified(_))));
        assert!(matches!(CgroupScope::find(Path::new("/no/such/place")), Err(ScopeError::Cgroup { .. })));
    }

    #[test]
    fn a_child_is_a_descendant_and_the_parent_is_not() {
        let mut child = std::process::Command::new("sleep").arg("5").spawn().unwrap();
        let own = std::process::id();
        let found = descendants_of(own);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.contains(&own) && found.contains(&child.id()));
        assert!(!found.contains(&1));
    }
}
