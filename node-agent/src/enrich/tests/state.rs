//! Processes, ancestors, users and containers over time.

use expect_test::{Expect, expect};
use tiercel_detection::event::{KindSet, kinds};

use super::world::*;
use crate::capture::observation::{Act, GivenPath, Observation, PathCall, Scalar};
use crate::enrich::{
    AccountTables, ContainerDetails, ContainerNews, Enricher, HostChange, Options, RuntimeContainer, ScannedProcess,
    World,
};

/// Plays a script and prints, for each line that ends in `?`, who acted and what its ancestors are.
///
/// `fork PARENT CHILD`, `exec PID PARENT COMMAND...`, `exit PID REAPER`, `chdir PID PATH`, `setuid PID UID`, `open PID`.
#[track_caller]
fn check(script: &str, expected: Expect) {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    let mut shown = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, show) = line.strip_suffix('?').map_or((line, false), |line| (line.trim_end(), true));
        let event = enricher.handle(&act(line));
        if show {
            shown.push_str(&describe(event.as_ref()));
        }
    }
    expected.assert_eq(&shown);
}

fn act(line: &str) -> Observation {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |index: usize| words[index].parse::<u32>().unwrap();
    match words[0] {
        "fork" => fork(number(1), number(2), "bash"),
        "exec" => exec(number(1), number(2), &words[3..].join(" ")),
        "exit" => exit(number(1), number(2)),
        "open" => open(number(1), "/etc/hostname"),
        "chdir" => chdir(number(1), words[2]),
        "setuid" => setuid(number(1), number(2)),
        other => panic!("no act {other}"),
    }
}

fn chdir(pid: u32, path: &str) -> Observation {
    let first = GivenPath { directory_fd: -100, given: path.into(), ..GivenPath::default() };
    observation(pid, Act::Path(PathCall { syscall: 80, first, ..PathCall::default() }))
}

fn setuid(pid: u32, uid: u32) -> Observation {
    let mut changed = task(pid, 100, "renamed");
    changed.uid = uid;
    let call = Scalar {
        syscall: 105,
        arguments: [u64::from(uid), 0, 0, 0, 0, 0],
        task: Some(Box::new(changed)),
        ..Scalar::default()
    };
    Observation { uid, ..observation(pid, Act::Scalar(call)) }
}

fn describe(event: Option<&tiercel_detection::Event>) -> String {
    let Some(event) = event else { return "-\n".to_owned() };
    let process = &event.process;
    let lineage: Vec<_> = event.lineage.iter().map(|ancestor| format!("{}({})", ancestor.name, ancestor.pid)).collect();
    format!(
        "{}: {}({}) [{}] exe={} cwd={} user={} parent={} < {}\n",
        event.kind.name(),
        process.name,
        process.pid,
        process.command_line,
        process.exe_path,
        process.cwd,
        process.user.name,
        process.parent_pid,
        lineage.join(" < ")
    )
}

#[test]
fn a_child_is_what_its_parent_was_until_it_executes() {
    check(
        "
        fork 100 200 ?
        open 200 ?
        exec 200 100 cat /etc/shadow ?
        exit 200 1 ?
        ",
        expect![[r#"
            clone: bash(100) [bash /root/run.sh] exe=/usr/bin/bash cwd=/root/ user=root parent=1 < init(1)
            openat: bash(200) [bash /root/run.sh] exe=/usr/bin/bash cwd=/root/ user=root parent=100 < bash(100) < init(1)
            execve: cat(200) [cat /etc/shadow] exe=/usr/bin/cat cwd=/root/ user=root parent=100 < bash(100) < init(1)
            procexit: cat(200) [cat /etc/shadow] exe=/usr/bin/cat cwd=/root/ user=root parent=100 < bash(100) < init(1)
        "#]],
    );
}

#[test]
fn orphans_go_to_the_reaper() {
    check(
        "
        fork 100 200
        fork 200 300
        open 300 ?
        exit 200 1
        open 300 ?
        ",
        expect![[r#"
            openat: bash(300) [bash /root/run.sh] exe=/usr/bin/bash cwd=/root/ user=root parent=200 < bash(200) < bash(100) < init(1)
            openat: bash(300) [bash /root/run.sh] exe=/usr/bin/bash cwd=/root/ user=root parent=1 < init(1)
        "#]],
    );
}

#[test]
fn ancestors_follow_an_exec_of_the_parent() {
    check(
        "
        fork 100 200
        open 200 ?
        exec 100 1 python3 -c pass
        open 200 ?
        ",
        expect![[r#"
            openat: bash(200) [bash /root/run.sh] exe=/usr/bin/bash cwd=/root/ user=root parent=100 < bash(100) < init(1)
            openat: bash(200) [bash /root/run.sh] exe=/usr/bin/bash cwd=/root/ user=root parent=100 < python3(100) < init(1)
        "#]],
    );
}

#[test]
fn a_record_that_comes_after_the_exit_still_finds_its_process() {
    check(
        "
        fork 100 200
        exec 200 100 cat /etc/shadow
        exit 200 1
        open 200 ?
        ",
        expect![[r#"
            openat: cat(200) [cat /etc/shadow] exe=/usr/bin/cat cwd=/root/ user=root parent=100 < bash(100) < init(1)
        "#]],
    );
}

#[test]
fn chdir_and_setuid_change_the_process_and_a_rename_does_not() {
    check(
        "
        chdir 100 ../tmp/x
        open 100 ?
        setuid 100 1000 ?
        chdir 100 y ?
        ",
        expect![[r#"
            openat: bash(100) [bash /root/run.sh] exe=/usr/bin/bash cwd=/tmp/x/ user=root parent=1 < init(1)
            setuid: bash(100) [bash /root/run.sh] exe=/usr/bin/bash cwd=/tmp/x/ user=alice parent=100 < init(1)
            chdir: bash(100) [bash /root/run.sh] exe=/usr/bin/bash cwd=/tmp/x/y/ user=root parent=100 < init(1)
        "#]],
    );
}

#[test]
fn a_process_that_was_never_seen_is_looked_up_once() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    let found = ScannedProcess {
        pid: 500,
        start_ticks: 500,
        parent_pid: 100,
        name: "late".into(),
        ..snapshot().processes[0].clone()
    };
    world.edit(|tables| tables.processes.insert(500, found));
    let event = enricher.handle(&open(500, "/x")).unwrap();
    assert_eq!((&*event.process.name, event.lineage.len()), ("late", 2));
    enricher.handle(&open(500, "/x")).unwrap();
    assert_eq!(world.questions().iter().filter(|question| *question == "process 500").count(), 1);
    assert_eq!((enricher.counters().lookups, enricher.counters().lookups_failed), (1, 0));
}

#[test]
fn a_process_that_cannot_be_found_is_told_as_unknown_with_what_the_kernel_said() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    let event = enricher.handle(&Observation { uid: 1000, gid: 1000, ..open(600, "/x") }).unwrap();
    assert_eq!((&*event.process.name, event.process.pid, &*event.process.user.name), ("<NA>", 600, "alice"));
    assert!(event.lineage.is_empty());
    enricher.handle(&open(600, "/y"));
    assert_eq!(enricher.counters().lookups, 1, "the miss is remembered");
    assert_eq!(enricher.counters().lookups_failed, 1);
}

#[test]
fn a_reused_pid_is_another_process() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    enricher.handle(&fork(100, 200, "bash"));
    let mut second = exec(200, 100, "ls /");
    second.started_boot_ns = started(900);
    let event = enricher.handle(&second).unwrap();
    assert_eq!(event.process.key.started_boot_ns, started(900));
    assert_eq!(enricher.counters().processes_replaced, 1);
    let first = enricher.handle(&open(200, "/x")).unwrap();
    assert_eq!(&*first.process.name, "bash", "a late record of the first one still means the first one");
}

#[test]
fn a_storm_of_unknown_processes_is_not_looked_up() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    for pid in 10_000..11_000 {
        let event = enricher.handle(&open(pid, "/x")).unwrap();
        assert_eq!((&*event.process.name, &*event.process.user.name), ("<NA>", "root"));
    }
    let counters = enricher.counters();
    assert_eq!((counters.lookups, counters.lookups_refused), (100, 900));
    assert_eq!(counters.unknown_processes, 900);
}

#[test]
fn threads_belong_to_their_process() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    let mut thread = fork(100, 100, "bash");
    let Act::Fork(made) = &mut thread.act else { unreachable!() };
    made.child_tid = 101;
    let event = enricher.handle(&thread).unwrap();
    assert_eq!(event.result, Some(101));
    let event = enricher.handle(&Observation { tid: 101, ..open(100, "/x") }).unwrap();
    assert_eq!((event.thread_id, event.virtual_thread_id, event.process.pid), (101, 101, 100));
    assert_eq!(enricher.counters().processes, 2);
}

#[test]
fn only_the_tree_in_scope_gives_events() {
    let world = TestWorld::default();
    let mut enricher = enricher_with(&world, Options { process_tree: Some(200), ..Options::default() });
    assert!(enricher.handle(&open(100, "/x")).is_none());
    assert!(enricher.handle(&fork(100, 200, "bash")).is_none());
    assert!(enricher.handle(&open(200, "/x")).is_some());
    enricher.handle(&fork(200, 300, "bash"));
    enricher.handle(&exit(200, 1));
    let event = enricher.handle(&open(300, "/x")).expect("an orphan of the tree stays in it");
    assert_eq!(event.lineage.len(), 1);
}

#[test]
fn unwanted_kinds_change_the_state_and_give_nothing() {
    let world = TestWorld::default();
    let wanted = [kinds::OPENAT].into_iter().collect::<KindSet>();
    let mut enricher = enricher_with(&world, Options { wanted, ..Options::default() });
    assert!(enricher.handle(&chdir(100, "/tmp")).is_none());
    assert_eq!(&*enricher.handle(&open(100, "x")).unwrap().fd.unwrap().name, "/tmp/x");
    enricher.want(KindSet::EMPTY);
    assert!(enricher.handle(&open(100, "x")).is_none());
}

#[test]
fn accounts_are_read_anew_when_they_change() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    let accounts = AccountTables { users: vec![account(1000, "bob")], groups: Vec::new() };
    enricher.handle(&open(100, "/x"));
    world.edit(|tables| tables.change = Some(HostChange { boot_offset_ns: 5, accounts: Some(accounts) }));
    let early = enricher.handle(&setuid(100, 1000)).unwrap();
    assert_eq!(&*early.process.user.name, "alice", "the host is looked at once a second");
    let late = Observation { boot_ns: 12 * SECOND_NS, ..exec(300, 100, "id") };
    let mut late = late;
    task_of(&mut late).uid = 1000;
    let event = enricher.handle(&late).unwrap();
    assert_eq!((&*event.process.user.name, event.time.0), ("bob", 12 * SECOND_NS + 5));
}

fn in_container(mut observation: Observation, cgroup: &str) -> Observation {
    let task = task_of(&mut observation);
    task.cgroup = cgroup.into();
    task.namespaces = APART;
    task.virtual_pid = 1;
    observation
}

#[test]
fn a_container_has_its_own_users_once_its_root_is_there() {
    const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    world.edit(|tables| {
        let users = vec![account(0, "root"), account(1000, "app")];
        tables.accounts.insert(200, AccountTables { users, groups: Vec::new() });
    });
    let cgroup = format!("/system.slice/docker-{ID}.scope");
    let mut early = in_container(fork(100, 200, "runc"), &cgroup);
    task_of(&mut early).uid = 1000;
    enricher.handle(&early);
    let event = enricher.handle(&Observation { uid: 1000, ..open(200, "/x") }).unwrap();
    assert_eq!(&*event.process.user.name, "alice", "before the first exec the root may still be the host's");
    let mut entry = in_container(exec(200, 100, "sh"), &cgroup);
    task_of(&mut entry).uid = 1000;
    let event = enricher.handle(&entry).unwrap();
    let container = event.process.container.as_ref().unwrap();
    assert_eq!((&*container.id, &*container.full_id, &*container.engine), ("3ad7b26ded6d", ID, "docker"));
    assert_eq!((&container.name, container.privileged), (&None, None));
    assert_eq!((&*event.process.user.name, &*event.process.group.name), ("app", "root"));
    enricher.handle(&entry);
    assert_eq!(world.questions().iter().filter(|question| question.starts_with("accounts")).count(), 1);
    assert_eq!(enricher.counters().containers, 1);
}

const CONTAINER_ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

fn container_of(enricher: &mut Enricher, observation: &Observation) -> Option<String> {
    let event = enricher.handle(observation).unwrap();
    event.process.container.as_ref().map(|container| container.id.to_string())
}

#[test]
fn a_process_of_the_host_in_the_cgroup_of_a_container_is_in_none() {
    let mut enricher = enricher(&TestWorld::default());
    let mut pretender = exec(200, 100, "sh");
    task_of(&mut pretender).cgroup = format!("/docker/{CONTAINER_ID}").into();
    task_of(&mut pretender).namespaces = HOST;
    assert_eq!(container_of(&mut enricher, &pretender), None);
    assert_eq!(enricher.container_counts().0.pretenders, 1);
}

#[test]
fn who_leaves_a_container_by_its_cgroup_or_its_namespaces_is_still_taken_for_its_own() {
    let mut enricher = enricher(&TestWorld::default());
    let cgroup = format!("/docker/{CONTAINER_ID}");
    let inside = in_container(exec(200, 100, "sh"), &cgroup);
    assert_eq!(container_of(&mut enricher, &inside).as_deref(), Some("3ad7b26ded6d"));
    let deep = in_container(exec(200, 100, "sh"), "/a/b/c/d");
    assert_eq!(container_of(&mut enricher, &deep).as_deref(), Some("3ad7b26ded6d"), "the path was cut at its root");
    let mut escaped = in_container(exec(200, 100, "sh"), &cgroup);
    task_of(&mut escaped).namespaces = HOST;
    assert_eq!(container_of(&mut enricher, &escaped).as_deref(), Some("3ad7b26ded6d"), "nsenter leaves the cgroup");
    let counts = enricher.container_counts().0;
    assert_eq!((counts.kept, counts.pretenders), (1, 0));
}

#[test]
fn what_a_runtime_says_reaches_events_that_come_later_and_events_that_wait() {
    let world = TestWorld::default();
    world.edit(|tables| tables.has_runtimes = true);
    let mut enricher = enricher(&world);
    let entry = in_container(exec(200, 100, "sh"), &format!("/docker/{CONTAINER_ID}"));
    let mut waiting = enricher.handle(&entry).unwrap();
    enricher.handle(&entry).unwrap();
    assert_eq!(world.questions().iter().filter(|question| question.starts_with("runtime docker")).count(), 1);
    assert!(enricher.awaits_runtime(&waiting));
    let details = ContainerDetails { engine: "docker".into(), name: "web".into(), ..ContainerDetails::default() };
    let news = ContainerNews { id: CONTAINER_ID.into(), details: Some(Box::new(details)) };
    world.edit(|tables| tables.news.push(news));
    enricher.take_container_news();
    assert!(!enricher.awaits_runtime(&waiting));
    enricher.complete(&mut waiting);
    let late = enricher.handle(&open(200, "/x")).unwrap();
    for event in [&waiting, &late] {
        assert_eq!(event.process.container.as_ref().unwrap().name.as_deref(), Some("web"));
    }
}

#[test]
fn a_plain_name_is_a_container_only_apart_from_the_host_and_when_a_runtime_confirms_it() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    let mut on_host = exec(200, 100, "sh");
    task_of(&mut on_host).cgroup = "/process_api/ca261fa696b9c31c62de3d22ed1e400d".into();
    assert_eq!(container_of(&mut enricher, &on_host), None);
    assert!(world.questions().is_empty(), "nobody is asked about processes of the host");
    let apart = in_container(exec(300, 100, "sh"), "/process_api/web");
    assert_eq!(container_of(&mut enricher, &apart), None);
    let found =
        RuntimeContainer { id: "web".into(), engine: "runc".into(), privileged: Some(true), labels: Vec::new() };
    world.edit(|tables| tables.containers.insert("/process_api/web".into(), found));
    assert_eq!(container_of(&mut enricher, &apart).as_deref(), Some("web"));
    enricher.handle(&apart);
    let questions = world.questions();
    let asked = questions.iter().filter(|question| question.starts_with("container")).count();
    assert_eq!(asked, 2, "a refusal is not remembered, a confirmation is");
}

#[test]
fn a_replay_with_the_noted_answers_gives_the_same_events() {
    let world = TestWorld::default();
    world.edit(|tables| {
        let late =
            ScannedProcess { pid: 500, start_ticks: 500, name: "late".into(), ..snapshot().processes[0].clone() };
        tables.processes.insert(500, late);
        tables.containers.insert("/web".into(), RuntimeContainer { id: "web".into(), ..RuntimeContainer::default() });
    });
    let script = [open(500, "/x"), in_container(exec(300, 100, "sh"), "/web"), open(600, "/y"), exec(500, 100, "ls")];
    let (journal, notes) = crate::enrich::Journal::new(Box::new(world));
    let play = |world: Box<dyn World>| {
        let mut enricher = Enricher::new(&snapshot(), world, Options::default());
        script.iter().map(|observation| format!("{:?}", enricher.handle(observation))).collect::<Vec<_>>()
    };
    let live = play(Box::new(journal));
    let mut answers = crate::enrich::Answers::default();
    notes.take().into_iter().for_each(|answer| answers.add(answer));
    assert_eq!(play(Box::new(answers)), live);
    assert!(live[0].contains("late") && live[1].contains("\"web\""));
    assert_ne!(play(Box::<crate::enrich::Answers>::default()), live);
}

#[test]
fn kernel_threads_that_are_made_are_of_no_interest() {
    let world = TestWorld::default();
    let mut enricher = enricher(&world);
    assert!(enricher.handle(&fork(2, 700, "kworker/0:1")).is_none());
    assert_eq!((enricher.counters().processes, enricher.counters().lookups), (2, 0));
}
