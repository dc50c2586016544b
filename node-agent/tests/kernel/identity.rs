//! Calls whose arguments are numbers, and copies of descriptors.

use expect_test::expect;
use tiercel_agent::capture::observation::{Act, Address, Scalar};

use crate::harness::{Observed, call_name, observe};

fn scalars(observed: &Observed) -> Vec<&Scalar> {
    let mut found = Vec::new();
    for one in &observed.observations {
        if let (true, Act::Scalar(call)) = (one.pid == observed.pid, &one.act) {
            found.push(call);
        }
    }
    found
}

#[test]
fn a_change_of_identity_carries_the_task_as_it_is_afterwards() {
    let Some(observed) = observe("identity") else { return };
    let mut text = String::new();
    for call in scalars(&observed) {
        let task = call.task.as_ref().unwrap();
        let leader = if task.session_id == observed.pid { " leader" } else { "" };
        text += &format!(
            "{} = {}: {} {} {}{leader}\n",
            call_name(call.syscall),
            call.result.min(1),
            task.uid,
            task.gid,
            task.name
        );
    }
    expect![[r#"
        setresuid = 0: 7 0 actor::perform
        setresuid = 0: 0 0 actor::perform
        setresgid = 0: 0 8 actor::perform
        setregid = 0: 0 0 actor::perform
        setreuid = 0: 0 0 actor::perform
        setuid = 0: 0 0 actor::perform
        setgid = 0: 0 0 actor::perform
        setpgid = 0: 0 0 actor::perform
        setsid = -1: 0 0 actor::perform
        capset = -14: 0 0 actor::perform
        prctl = 0: 0 0 renamed
        unshare = 0: 0 0 renamed
        setns = 0: 0 0 renamed
    "#]]
    .assert_eq(&text);
    let setns = observed.scalars("setns").next().unwrap();
    let namespace = std::fs::read_link("/proc/self/ns/net").unwrap();
    let inode = namespace.to_string_lossy().replace("net:", "ns:");
    assert_eq!(&*setns.file.as_ref().unwrap().path, inode);
}

#[test]
fn a_child_that_gives_up_root_is_seen_doing_so() {
    let Some(observed) = observe("identity") else { return };
    let exec = observed.observations.iter().find_map(|one| match &one.act {
        Act::Exec(exec) if exec.result == 0 => Some((one, exec)),
        _ => None,
    });
    let (record, exec) = exec.unwrap();
    assert_eq!((exec.task.uid, exec.task.gid, record.uid, record.gid), (65534, 65534, 65534, 65534));
    assert_eq!(exec.task.capabilities[1], 0, "nobody has no effective capability");
    assert!(!exec.exe_writable);
    assert!(observed.observations.iter().any(|one| one.pid == record.pid
        && matches!(&one.act, Act::Scalar(call) if call_name(call.syscall) == "setuid" && call.arguments[0] == 65534)));
}

#[test]
fn privileged_calls_are_told_whether_they_succeed_or_not() {
    let Some(observed) = observe("privileged calls") else { return };
    let mut text = String::new();
    for call in scalars(&observed) {
        let outcome = if call.result < 0 { "failed" } else { "ok" };
        text += &format!("{} {outcome} {}\n", call_name(call.syscall), call.text);
    }
    expect![[r#"
        ptrace failed 
        memfd_create ok quiet
        kill ok 
        tkill ok 
        tgkill ok 
        bpf failed 
        init_module failed quiet
        finit_module failed quiet
        delete_module failed no_such_module
        userfaultfd failed 
        io_uring_setup failed 
        process_vm_writev ok 
        perf_event_open failed 
        pidfd_getfd failed 
    "#]]
    .assert_eq(&text);
}

#[test]
fn copies_of_descriptors_know_what_they_refer_to() {
    let Some(observed) = observe("descriptors") else { return };
    let port: u16 = std::fs::read_to_string(observed.path("port")).unwrap().parse().unwrap();
    let mut text = String::new();
    for one in &observed.observations {
        let Act::Dup(dup) = &one.act else { continue };
        let what = match (&dup.file, &dup.socket) {
            (Some(file), None) => observed.short(&file.path),
            (None, Some(socket)) => match &socket.local {
                Some(Address::Ip(ip, found)) if *found == port => format!("{ip}:port state {}", socket.state),
                other => format!("{other:?}"),
            },
            other => format!("{other:?}"),
        };
        text += &format!(
            "{} = {} {what}\n",
            call_name(dup.syscall),
            if dup.result < 0 { dup.result } else { dup.result.max(99) }
        );
    }
    expect![[r#"
        dup = 99 $D/file
        dup2 = 100 $D/file
        dup3 = 101 $D/file
        fcntl = 102 $D/file
        dup2 = 99 127.0.0.1:port state 10
        dup = -9 (None, None)
    "#]]
    .assert_eq(&text);
}
