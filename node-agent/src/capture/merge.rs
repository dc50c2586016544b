//! Records of several rings in the order of their time stamps.

use super::Observation;

/// Holds observations until nothing older can follow.
#[derive(Debug, Default)]
pub(super) struct Merge {
    held: Vec<Observation>,
}

impl Merge {
    /// Takes one observation.
    pub(super) fn push(&mut self, observation: Observation) {
        self.held.push(observation);
    }

    /// Moves what is not younger than `horizon_ns` to `batch`, oldest first; records of one CPU and class stay in the
    /// order in which they were made. Returns how many were moved.
    pub(super) fn release(&mut self, horizon_ns: u64, batch: &mut Vec<Observation>) -> usize {
        self.held.sort_by_key(|observation| (observation.boot_ns, observation.cpu, observation.sequence));
        let count = self.held.partition_point(|observation| observation.boot_ns <= horizon_ns);
        batch.extend(self.held.drain(..count));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Class;
    use crate::capture::observation::{Act, Entry, Exit};

    fn at(boot_ns: u64, cpu: u16, sequence: u64) -> Observation {
        Observation {
            boot_ns,
            cpu,
            class: Class::Critical,
            sequence,
            pid: 1,
            tid: 1,
            started_boot_ns: 0,
            uid: 0,
            gid: 0,
            entry: Entry::Syscall,
            act: Act::Exit(Exit::default()),
        }
    }

    #[test]
    fn older_comes_first_and_younger_than_the_horizon_waits() {
        let mut merge = Merge::default();
        [at(30, 0, 2), at(10, 1, 1), at(20, 0, 1), at(20, 1, 2)].into_iter().for_each(|one| merge.push(one));
        let mut batch = Vec::new();
        assert_eq!(merge.release(20, &mut batch), 3);
        let order: Vec<_> = batch.iter().map(|one| (one.boot_ns, one.cpu)).collect();
        assert_eq!(order, [(10, 1), (20, 0), (20, 1)]);
        merge.push(at(25, 1, 3));
        batch.clear();
        merge.release(u64::MAX, &mut batch);
        assert_eq!(batch.iter().map(|one| one.boot_ns).collect::<Vec<_>>(), [25, 30]);
    }
}
