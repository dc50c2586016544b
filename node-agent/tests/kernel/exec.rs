//! exec, fork, exit.

use tiercel_agent::capture::observation::{Act, Exec};
use tiercel_agent::capture::{KernelSource, Observation};

use crate::harness::{Observed, Stage, call_name, observe, observe_with};

fn execs(observed: &Observed) -> Vec<(&Observation, &Exec)> {
    let mut found = Vec::new();
    for one in &observed.observations {
        if let Act::Exec(exec) = &one.act {
            found.push((one, &**exec));
        }
    }
    found
}

fn texts(list: &[std::sync::Arc<str>]) -> Vec<&str> {
    list.iter().map(|text| &**text).collect()
}

#[test]
fn exec_tells_what_the_kernel_started() {
    let Some(stage) = Stage::set("exec") else { return };
    let source =
        KernelSource::open(&tiercel_agent::capture::KernelOptions { capture_environment: true, ..stage.options() })
            .unwrap();
    let observed = observe_with(stage, source);
    let execs = execs(&observed);
    let (record, exec) = execs.iter().find(|(_, exec)| exec.result == 0).unwrap();
    assert_eq!(texts(&exec.arguments)[1..], ["one", "two three", "", "ünï"]);
    assert_eq!(texts(&exec.environment), ["COLOR=blue"]);
    assert_eq!(observed.short(&exec.filename), "$D/link");
    assert_eq!(&*exec.exe_path, "/usr/bin/true");
    assert_eq!(observed.short(&exec.cwd), "$D");
    assert_eq!(&*exec.task.name, "link");
    assert_eq!((exec.task.uid, exec.task.gid, record.uid), (0, 0, 0));
    assert_eq!(exec.task.parent_pid, observed.pid);
    assert!(exec.task.parent_started_boot_ns > 0 && record.started_boot_ns > exec.task.parent_started_boot_ns);
    assert_eq!(exec.task.virtual_pid, record.pid);
    assert!(exec.exe_writable, "root may write everywhere");
    assert!(!exec.exe_from_memfd && !exec.truncated && exec.exe_links > 0);
    let file = std::fs::metadata("/usr/bin/true").unwrap();
    use std::os::unix::fs::MetadataExt;
    assert_eq!((exec.exe_device, exec.exe_inode), (file.dev(), file.ino()));
    let modified = file.mtime() * 1_000_000_000 + file.mtime_nsec();
    let changed = file.ctime() * 1_000_000_000 + file.ctime_nsec();
    assert_eq!((exec.exe_modified_ns as i64, exec.exe_changed_ns as i64), (modified, changed));
    assert_own_cgroup_and_namespaces(exec);
    if let Ok(loginuid) = std::fs::read_to_string(observed.path("loginuid")) {
        assert_eq!(exec.task.login_uid.to_string(), loginuid.trim());
    }
}

/// The actor runs where the test runs, so /proc of the test says what is right.
fn assert_own_cgroup_and_namespaces(exec: &Exec) {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    assert!(own.lines().any(|line| line.ends_with(&format!(":{}", exec.task.cgroup))), "{}", exec.task.cgroup);
    for (name, found) in ["pid", "mnt", "net", "user"].iter().zip(exec.task.namespaces) {
        let link = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
        assert_eq!(link.to_string_lossy(), format!("{name}:[{found}]"));
    }
}

#[test]
fn failed_exec_carries_the_given_name_and_the_error() {
    let Some(observed) = observe("exec") else { return };
    let execs = execs(&observed);
    let (_, failed) = execs.iter().find(|(_, exec)| exec.result != 0).unwrap();
    assert_eq!((call_name(failed.syscall), failed.result), ("execve", -2));
    assert_eq!(observed.short(&failed.filename), "$D/no-such-program");
    assert!(failed.exe_path.is_empty() && failed.arguments.is_empty());
    assert!(execs.iter().all(|(_, exec)| exec.environment.is_empty()), "nobody asked for the environment");
}

#[test]
fn exec_from_anonymous_memory_is_told() {
    let Some(observed) = observe("exec from memfd") else { return };
    let execs = execs(&observed);
    let (_, exec) = execs.iter().find(|(_, exec)| exec.result == 0).unwrap();
    assert!(exec.exe_from_memfd);
    assert_eq!((&*exec.exe_path, exec.exe_links), ("memfd:quiet", 0));
    assert_eq!(observed.scalars("memfd_create").map(|call| &*call.text).collect::<Vec<_>>(), ["quiet"]);
}

#[test]
fn the_layer_of_an_overlay_is_told() {
    let Some(observed) = observe("overlay") else { return };
    let layers = execs(&observed)
        .into_iter()
        .map(|(_, exec)| (observed.short(&exec.exe_path), exec.exe_upper_layer, exec.exe_lower_layer));
    let expected = [("$D/merged/below".to_owned(), false, true), ("$D/merged/above".to_owned(), true, false)];
    assert_eq!(layers.collect::<Vec<_>>(), expected);
    for (name, upper) in [("below", false), ("above", true)] {
        let path = observed.path(&format!("merged/{name}"));
        let file =
            observed.opens().filter(|(_, open)| *open.given == *path.to_string_lossy()).last().unwrap().1.file.clone();
        assert_eq!(file.map(|file| (file.upper_layer, file.lower_layer)), Some((upper, !upper)), "{name}");
    }
}

#[test]
fn a_process_has_a_number_in_its_namespace_and_one_outside() {
    let Some(observed) = observe("pid namespace") else { return };
    let execs = execs(&observed);
    let (record, exec) = execs[0];
    assert_eq!((exec.task.virtual_pid, exec.task.virtual_tid), (1, 1));
    assert!(record.pid > 1);
    assert_eq!(exec.task.session_id, 0, "its session began outside of the namespace and cannot be seen there");
    assert_eq!(exec.task.pid_namespace_started_boot_ns, record.started_boot_ns, "it is the init of its namespace");
}

#[test]
fn long_arguments_are_cut_and_marked() {
    let Some(observed) = observe("exec with much") else { return };
    let execs = execs(&observed);
    let (_, exec) = execs.iter().find(|(_, exec)| exec.result == 0).unwrap();
    assert!(exec.truncated);
    assert_eq!(exec.arguments.iter().map(|argument| argument.len() + 1).sum::<usize>(), 4097);
    assert_eq!(texts(&exec.arguments)[..2], ["/usr/bin/true", "0123456789"]);
}

#[test]
fn threads_and_processes_are_followed_to_their_end() {
    let Some(observed) = observe("threads") else { return };
    let pid = observed.pid;
    let mut thread = None;
    let mut child = None;
    for one in &observed.observations {
        match &one.act {
            Act::Fork(fork) if fork.child_pid == pid => {
                assert_ne!(fork.child_tid, pid);
                assert!(["clone", "clone3"].contains(&fork_name(fork.syscall)), "{}", fork.syscall);
                thread = Some(fork.child_tid);
            }
            Act::Fork(fork) => {
                assert_eq!((one.pid, fork.child.parent_pid, fork.child_tid), (pid, pid, fork.child_pid));
                assert!(fork.child_started_boot_ns > one.started_boot_ns);
                child = Some(fork.child_pid);
            }
            Act::Exit(exit) if Some(one.tid) == thread => {
                assert!(!exit.last_thread, "the process goes on without its thread");
            }
            Act::Exit(exit) if Some(one.pid) == child => {
                assert_eq!((exit.code, exit.last_thread), (3 << 8, true));
                assert!(exit.reaper_pid > 0);
            }
            _ => {}
        }
    }
    assert!(thread.is_some() && child.is_some());
}

fn fork_name(number: u32) -> &'static str {
    match number {
        56 => "clone",
        57 => "fork",
        58 => "vfork",
        435 => "clone3",
        _ => "unknown",
    }
}
