//! The scope of a capture: a cgroup.

use std::fs;
use std::path::PathBuf;

use tiercel_agent::capture::observation::Act;
use tiercel_agent::capture::{KernelOptions, KernelSource, Scope};

use crate::harness::{Stage, drain_until, is_end_of, skip};

/// A cgroup that is removed when the test ends.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes a cgroup below the first mount of the unified hierarchy.
    fn make() -> Option<Self> {
        let mounts = fs::read_to_string("/proc/mounts").unwrap();
        let unified = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"))?;
        let path = PathBuf::from(unified.split(' ').nth(1)?).join(format!("tiercel-test-{}", std::process::id()));
        fs::create_dir(&path).and_then(|()| fs::create_dir(path.join("inner"))).ok()?;
        Some(Self(path))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for path in [self.0.join("inner"), self.0.clone()] {
            if let Err(error) = fs::remove_dir(&path) {
                eprintln!("failed to remove the cgroup {}: {error}", path.display());
            }
        }
    }
}

#[test]
fn only_tasks_of_the_cgroup_are_recorded() {
    let (Some(mut inside), Some(mut outside)) = (Stage::set("threads"), Stage::set("threads")) else { return };
    let Some(cgroup) = Cgroup::make() else {
        skip("kernel test of the cgroup scope: no writable cgroup2 mount");
        inside.perform();
        outside.perform();
        return;
    };
    fs::write(cgroup.0.join("inner/cgroup.procs"), inside.pid().to_string()).unwrap();
    let scope = Scope::Cgroup(cgroup.0.clone());
    let mut source = KernelSource::open(&KernelOptions { scope, ..inside.options() }).unwrap();
    outside.perform();
    inside.perform();
    let pid = inside.pid();
    let observations = drain_until(&mut source, |all| all.iter().any(|one| is_end_of(one, pid)));
    let mut members = vec![pid];
    for one in &observations {
        if let Act::Fork(fork) = &one.act {
            members.push(fork.child_pid);
        }
    }
    assert!(members.len() > 2, "a thread and a child were made inside");
    assert!(observations.iter().all(|one| members.contains(&one.pid)), "a task outside of the cgroup was recorded");
}
