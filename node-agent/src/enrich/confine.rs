//! Keeps out of a snapshot what a scoped recording has no business with.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{ScannedProcess, Snapshot};

impl Snapshot {
    /// Keeps only the processes that `is_watched` names, their descendants, and their ancestors: these stand in alerts
    /// as parents. Others are not written anywhere. A process that joins later is looked up when it acts.
    pub fn confine(&mut self, is_watched: impl Fn(&ScannedProcess) -> bool) {
        let parents: BTreeMap<u32, u32> =
            self.processes.iter().map(|process| (process.pid, process.parent_pid)).collect();
        let ancestry = |pid: u32| {
            std::iter::successors(Some(pid), |pid| {
                parents.get(pid).copied().filter(|parent| parents.contains_key(parent))
            })
            .take(parents.len())
        };
        let watched: BTreeSet<u32> =
            self.processes.iter().filter(|process| is_watched(process)).map(|process| process.pid).collect();
        let descendants = parents.keys().copied().filter(|pid| ancestry(*pid).any(|pid| watched.contains(&pid)));
        let ancestors = watched.iter().copied().flat_map(ancestry);
        let kept: BTreeSet<u32> = descendants.chain(ancestors).collect();
        self.processes.retain(|process| kept.contains(&process.pid));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(watched: u32, expected: &[u32]) {
        let process = |(pid, parent_pid)| ScannedProcess { pid, parent_pid, ..ScannedProcess::default() };
        let processes = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4), (6, 2), (7, 1)].map(process).into();
        let mut snapshot = Snapshot { processes, ..Snapshot::default() };
        snapshot.confine(|process| process.pid == watched);
        assert_eq!(snapshot.processes.iter().map(|process| process.pid).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_process_keeps_its_ancestors_and_descendants_and_nobody_else() {
        check(3, &[1, 2, 3, 4, 5]);
        check(7, &[1, 7]);
        check(9, &[]);
    }
}
