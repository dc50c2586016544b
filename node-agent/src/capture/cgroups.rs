//! Names of cgroups, by the id that the kernel programs know them by.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::observation::Text;

/// Directories that one search looks at: far more than a node has, and some milliseconds of work.
const DIRECTORIES_MAX: usize = 20_000;

/// Names that are remembered. Only cgroups that lost records are looked for; with more of them the search begins anew.
const NAMES_MAX: usize = 1_024;

/// Finds the directory of a cgroup in the unified hierarchy.
#[derive(Debug, Default)]
pub(super) struct CgroupNames {
    root: Option<PathBuf>,
    known: BTreeMap<u64, Option<Text>>,
}

impl CgroupNames {
    /// Looks for the mount of the unified hierarchy.
    pub(super) fn new() -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let root = mounts.lines().find_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (directory, kind) = (words.next()?, words.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(directory))
        });
        Self { root, known: BTreeMap::new() }
    }

    /// Learns the names of these cgroups, in one walk for all that are not known yet. One that is gone already keeps
    /// none.
    pub(super) fn learn(&mut self, ids: impl IntoIterator<Item = u64>) {
        let mut missing: Vec<u64> = ids.into_iter().filter(|id| !self.known.contains_key(id)).collect();
        if missing.is_empty() {
            return;
        }
        if self.known.len() + missing.len() > NAMES_MAX {
            self.known.clear();
        }
        let root = self.root.clone();
        let found = root.as_deref().map(|root| search(root, &missing)).unwrap_or_default();
        missing.sort_unstable();
        self.known.extend(missing.into_iter().map(|id| (id, found.get(&id).cloned())));
    }

    /// The path below the root of the hierarchy, if it was found.
    pub(super) fn path_of(&self, id: u64) -> Option<Text> {
        self.known.get(&id).cloned().flatten()
    }
}

/// Walks the hierarchy, the upper levels first.
fn search(root: &Path, ids: &[u64]) -> BTreeMap<u64, Text> {
    let mut found = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([root.to_owned()]);
    let mut seen = 0;
    while let Some(directory) = queue.pop_front() {
        seen += 1;
        if seen > DIRECTORIES_MAX || found.len() == ids.len() {
            break;
        }
        if let Some(id) = fs::metadata(&directory).ok().map(|metadata| metadata.ino()).filter(|id| ids.contains(id)) {
            let below = directory.strip_prefix(root).unwrap_or(&directory);
            found.insert(id, format!("/{}", below.display()).into());
        }
        let entries = fs::read_dir(&directory).into_iter().flatten().filter_map(Result::ok);
        let directories = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        queue.extend(directories.map(|entry| entry.path()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_found_by_its_inode_and_another_is_not() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("system.slice/web.service");
        fs::create_dir_all(&inner).unwrap();
        let id = fs::metadata(&inner).unwrap().ino();
        let mut names = CgroupNames { root: Some(root.path().to_owned()), known: BTreeMap::new() };
        names.learn([id, 1]);
        assert_eq!(names.path_of(id).as_deref(), Some("/system.slice/web.service"));
        assert_eq!(names.path_of(1), None);
    }
}
