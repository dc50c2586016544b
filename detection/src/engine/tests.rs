//! Boundary tests of the engine: rules and events in, alerts out.

use std::net::IpAddr;
use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::tz::TimeZone;

use super::*;
use crate::alert::Alert;
use crate::compatibility::directory;
use crate::event::flags::{EXECVE_FLAGS, FILE_FLAGS, SOCKET_FAMILIES, ppm_open_flags};
use crate::event::*;
use crate::output::TimeFormat;
use crate::rule::{LoadOptions, Matching, RuleFile};

pub(crate) fn context() -> OutputContext {
    OutputContext { hostname: "vm".into(), time_zone: TimeZone::UTC, time_format: TimeFormat::default() }
}

fn engine(yaml: &str, options: &LoadOptions) -> Engine {
    let files = [RuleFile { name: "rules.yaml".into(), text: yaml.into() }];
    let (rules, report) = RuleSet::load(&files, options);
    assert!(report.is_ok(), "{report}");
    Engine::new(rules, context())
}

/// Evaluates events, one JSON object a line, and shows the alerts as text lines.
#[track_caller]
fn check_rule(yaml: &str, events: &str, expected: Expect) {
    let options = LoadOptions { append_output: false, ..LoadOptions::default() };
    let mut engine = engine(yaml, &options);
    let mut alerts = Vec::new();
    for line in events.lines().filter(|line| !line.trim().is_empty()) {
        engine.evaluate_fields(&FieldMap::parse(line).unwrap(), &mut alerts);
    }
    expected.assert_eq(&lines(&alerts));
}

fn lines(alerts: &[Alert]) -> String {
    alerts.iter().map(|alert| format!("{}\n", alert.output)).collect()
}

/// The enabled official rules, ready to run.
fn official(matching: Matching) -> Option<Engine> {
    let folder = directory()?.join("rules");
    let files = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"]
        .map(|name| RuleFile { name: name.to_owned(), text: std::fs::read_to_string(folder.join(name)).unwrap() });
    let (rules, report) = RuleSet::load(&files, &LoadOptions { matching, ..LoadOptions::default() });
    assert!(report.is_ok(), "{report}");
    Some(Engine::new(rules, context()))
}

fn root() -> Arc<User> {
    Arc::new(User { id: 0, name: "root".into(), home: "/root".into(), shell: "/bin/bash".into() })
}

fn process(name: &str, exe_path: &str, arguments: &[&str]) -> Process {
    let arguments_text = arguments.join(" ");
    let command_line = format!("{name} {arguments_text}");
    Process {
        pid: 100,
        virtual_pid: 100,
        parent_pid: 99,
        session_id: 99,
        group_id: 100,
        virtual_group_id: 100,
        name: name.into(),
        exe: name.into(),
        exe_path: exe_path.into(),
        arguments: arguments.iter().map(|argument| Text::from(*argument)).collect(),
        arguments_text: arguments_text.into(),
        command_line: command_line.trim_end().into(),
        cwd: "/root/".into(),
        user: root(),
        group: root(),
        ..Process::default()
    }
}

fn lineage(names: &[&str]) -> Arc<[Arc<Process>]> {
    names.iter().map(|name| Arc::new(process(name, "/usr/bin/bash", &[]))).collect()
}

fn parameter(name: &'static str, value: ParameterValue) -> Parameter {
    Parameter { name, value }
}

pub(crate) fn event(kind: EventKind, process: Process, parents: &[&str]) -> Event {
    Event {
        number: 1,
        time: Timestamp(1_795_430_033_419_063_181),
        cpu: 0,
        kind,
        via: Via::Syscall,
        trust: Trust::Kernel,
        thread_id: process.pid,
        virtual_thread_id: process.pid,
        process: Arc::new(process),
        lineage: lineage(parents),
        result: Some(0),
        parameters: Parameters::new(),
        fd: None,
        moment: Moment::default(),
        details: None,
    }
}

fn open(process: Process, parents: &[&str], path: &str, aliases: &[&str]) -> Event {
    let path: Text = path.into();
    let fd = FileDescriptor {
        number: 3,
        kind: Some(FdKind::File),
        name: path.clone(),
        raw_name: path.clone(),
        aliases: aliases.iter().map(|alias| Text::from(*alias)).collect(),
        ..FileDescriptor::default()
    };
    let flags = ppm_open_flags(0, false, false, false);
    let parameters = [
        parameter(
            "fd",
            ParameterValue::Fd { number: 3, kind: fd.kind, protocol: L4Protocol::Unknown, name: path.clone() },
        ),
        parameter("name", ParameterValue::Path { given: path, resolved: None }),
        parameter("flags", ParameterValue::Flags(flags, FILE_FLAGS)),
    ];
    let result = Some(3);
    Event {
        result,
        fd: Some(fd),
        parameters: parameters.into_iter().collect(),
        ..event(kinds::OPENAT, process, parents)
    }
}

const SHELL_RULE: &str = "
- list: shells
  items: [sh, bash]
- macro: spawned
  condition: (evt.type in (execve, execveat))
- rule: Shell under nginx
  desc: a test
  condition: spawned and proc.name in (shells) and proc.pname = nginx
  output: shell (user=%user.name parent=%proc.pname gparent=%proc.aname[2] uid=%user.uid)
  priority: WARNING
  tags: [shell, network, shell]
";

#[test]
fn a_rule_fires_for_what_it_describes_and_for_nothing_else() {
    check_rule(
        SHELL_RULE,
        r#"
        {"evt.type":"execve","evt.rawtime":1795430033419063181,"proc.name":"sh","proc.pname":"nginx","user.uid":33}
        {"evt.type":"execve","proc.name":"sh","proc.pname":"sshd"}
        {"evt.type":"openat","proc.name":"sh","proc.pname":"nginx"}
        {"evt.type":"execve","proc.name":"bash"}
        "#,
        expect![[r#"
            10:33:53.419063181: Warning shell (user=<NA> parent=nginx gparent=<NA> uid=33)
        "#]],
    );
}

const ORDERED: &str = "
- rule: first
  desc: a test
  condition: evt.type = openat and fd.name startswith /etc
  output: first %fd.name
  priority: DEBUG
- rule: second
  desc: a test
  condition: evt.type = openat and fd.name = /etc/shadow
  output: second %fd.name
  priority: EMERGENCY
";

#[test]
fn the_first_rule_in_order_of_definition_wins() {
    let event = r#"{"evt.type":"openat","fd.name":"/etc/shadow"}"#;
    check_rule(
        ORDERED,
        event,
        expect![[r#"
        00:00:00.000000000: Debug first /etc/shadow
    "#]],
    );
}

#[test]
fn every_rule_fires_when_all_are_asked_for() {
    let options = LoadOptions { matching: Matching::All, append_output: false, ..LoadOptions::default() };
    let mut engine = engine(ORDERED, &options);
    let mut alerts = Vec::new();
    engine.evaluate_fields(&FieldMap::parse(r#"{"evt.type":"openat","fd.name":"/etc/shadow"}"#).unwrap(), &mut alerts);
    expect![[r#"
        00:00:00.000000000: Debug first /etc/shadow
        00:00:00.000000000: Emergency second /etc/shadow
    "#]]
    .assert_eq(&lines(&alerts));
    assert_eq!(engine.counters().iter().map(|counter| counter.matches).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn the_shadow_read_prints_byte_for_byte_as_falco_prints_it() {
    let Some(mut engine) = official(Matching::First) else { return };
    let cat = process("cat", "/usr/bin/cat", &["/etc/shadow"]);
    let mut alerts = Vec::new();
    engine.evaluate(&open(cat, &["actions.sh", "bash", "bash", "bash"], "/etc/shadow", &[]), &mut alerts);
    let falco = r#"{"hostname":"vm","output":"10:33:53.419063181: Warning Sensitive file opened for reading by non-trusted program | file=/etc/shadow gparent=bash ggparent=bash gggparent=bash evt_type=openat user=root user_uid=0 user_loginuid=-1 process=cat proc_exepath=/usr/bin/cat parent=actions.sh command=cat /etc/shadow terminal=0 container_id=host container_name=host container_image_repository= container_image_tag= k8s_pod_name=<NA> k8s_ns_name=<NA>","output_fields":{"container.id":"host","container.image.repository":"","container.image.tag":"","container.name":"host","evt.time":1795430033419063181,"evt.type":"openat","fd.name":"/etc/shadow","k8s.ns.name":null,"k8s.pod.name":null,"proc.aname[2]":"bash","proc.aname[3]":"bash","proc.aname[4]":"bash","proc.cmdline":"cat /etc/shadow","proc.exepath":"/usr/bin/cat","proc.name":"cat","proc.pname":"actions.sh","proc.tty":0,"user.loginuid":-1,"user.name":"root","user.uid":0},"priority":"Warning","rule":"Read sensitive file untrusted","source":"syscall","tags":["T1555","container","filesystem","host","maturity_stable","mitre_credential_access"],"time":"2026-11-23T10:33:53.419063181Z"}"#;
    assert_eq!(alerts.iter().map(Alert::to_falco_json).collect::<Vec<_>>(), [falco]);
}

#[test]
fn another_name_of_a_file_does_not_hide_it() {
    let Some(mut engine) = official(Matching::First) else { return };
    let cat = || process("cat", "/usr/bin/cat", &["/tmp/link"]);
    let mut alerts = Vec::new();
    engine.evaluate(&open(cat(), &["bash"], "/tmp/link", &[]), &mut alerts);
    assert!(alerts.is_empty());
    engine.evaluate(&open(cat(), &["bash"], "/tmp/link", &["/etc/shadow"]), &mut alerts);
    engine.evaluate(&open(cat(), &["bash"], "/etc/shadow", &["/etc/shadow-hardlink"]), &mut alerts);
    let found: Vec<_> =
        alerts.iter().map(|alert| (&*alert.rule, alert.field("fd.name").unwrap().to_string())).collect();
    let shadow = ("Read sensitive file untrusted", "/etc/shadow".to_owned());
    assert_eq!(found, [shadow.clone(), shadow]);
}

#[test]
fn a_harmless_name_that_fires_does_not_shadow_another_name() {
    let yaml = "
- rule: temporary
  desc: a test
  condition: evt.type = openat and fd.name startswith /tmp
  output: temporary %fd.name
  priority: DEBUG
- rule: shadow
  desc: a test
  condition: evt.type = openat and fd.name = /etc/shadow
  output: shadow %fd.name arg=%evt.arg.name
  priority: CRITICAL
- rule: any open
  desc: a test
  condition: evt.type = openat
  output: open
  priority: DEBUG
";
    let mut engine = engine(yaml, &LoadOptions { append_output: false, ..LoadOptions::default() });
    let mut alerts = Vec::new();
    engine.evaluate(&open(process("cat", "/bin/cat", &[]), &[], "/tmp/x", &["/etc/shadow"]), &mut alerts);
    expect![[r#"
        10:33:53.419063181: Debug temporary /tmp/x
        10:33:53.419063181: Critical shadow /etc/shadow arg=/etc/shadow
    "#]]
    .assert_eq(&lines(&alerts));
}

#[test]
fn an_execve_of_find_prints_the_flags_of_the_executable() {
    let Some(mut engine) = official(Matching::First) else { return };
    let find = process("find", "/usr/bin/find", &["/tmp/x-fb", "-name", "id_rsa"]);
    let mut event = event(kinds::EXECVE, find, &["actions.sh", "bash"]);
    event.parameters.push(parameter("flags", ParameterValue::Flags(1, EXECVE_FLAGS)));
    let mut alerts = Vec::new();
    engine.evaluate(&event, &mut alerts);
    expect![[r#"
        10:33:53.419063181: Warning Grep private keys or passwords activities found | evt_type=execve user=root user_uid=0 user_loginuid=-1 process=find proc_exepath=/usr/bin/find parent=actions.sh command=find /tmp/x-fb -name id_rsa terminal=0 exe_flags=EXE_WRITABLE container_id=host container_name=host container_image_repository= container_image_tag= k8s_pod_name=<NA> k8s_ns_name=<NA>
    "#]]
    .assert_eq(&lines(&alerts));
}

#[test]
fn a_packet_socket_in_a_container_prints_byte_for_byte_as_falco_prints_it() {
    let Some(mut engine) = official(Matching::First) else { return };
    let container = Container { id: "48c79bbc242d".into(), ..Container::default() };
    let process = Process { container: Some(Arc::new(container)), ..process("pkt", "/x/pkt", &[]) };
    let mut event = event(kinds::SOCKET, process, &["actions.sh"]);
    let fd = FileDescriptor { number: 3, kind: Some(FdKind::Unknown), ..FileDescriptor::default() };
    event.result = Some(3);
    event.parameters = [
        parameter(
            "fd",
            ParameterValue::Fd { number: 3, kind: fd.kind, protocol: L4Protocol::Unknown, name: "".into() },
        ),
        parameter("domain", ParameterValue::Enum(17, SOCKET_FAMILIES)),
        parameter("type", ParameterValue::Unsigned(3)),
        parameter("proto", ParameterValue::Unsigned(768)),
        parameter("flags", ParameterValue::Flags(0, FILE_FLAGS)),
    ]
    .into_iter()
    .collect();
    event.fd = Some(fd);
    let mut alerts = Vec::new();
    engine.evaluate(&event, &mut alerts);
    expect![[r#"
        10:33:53.419063181: Notice Packet socket was created in a container | socket_info=fd=3(<o>) domain=17(AF_PACKET) type=3 proto=768 flags=0(O_NONE) connection= lport=<NA> rport=<NA> fd_type=<NA> fd_proto=<NA> evt_type=socket user=root user_uid=0 user_loginuid=-1 process=pkt proc_exepath=/x/pkt parent=actions.sh command=pkt terminal=0 container_id=48c79bbc242d container_name=<NA> container_image_repository=<NA> container_image_tag=<NA> k8s_pod_name=<NA> k8s_ns_name=<NA>
    "#]]
    .assert_eq(&lines(&alerts));
    let json = alerts[0].to_falco_json();
    for part in [r#""fd.type":"<NA>""#, r#""fd.l4proto":"<NA>""#, r#""fd.name":"""#, r#""fd.lport":null"#] {
        assert!(json.contains(part), "{part}: {json}");
    }
}

#[test]
fn events_without_a_descriptor_name_it_as_falco_does() {
    let yaml = "
- rule: deleted
  desc: a test
  condition: evt.type in (rmdir, unlinkat)
  output: file=%fd.name dir=%fd.directory type=%fd.typechar args=%evt.args
  priority: DEBUG
";
    let mut engine = engine(yaml, &LoadOptions { append_output: false, ..LoadOptions::default() });
    let mut alerts = Vec::new();
    for kind in [kinds::RMDIR, kinds::UNLINKAT] {
        let mut event = event(kind, process("rm", "/bin/rm", &[]), &[]);
        event.parameters.push(parameter("res", ParameterValue::Errno(0)));
        event
            .parameters
            .push(parameter("path", ParameterValue::Path { given: "x".into(), resolved: Some("/root/x".into()) }));
        engine.evaluate(&event, &mut alerts);
    }
    expect![[r#"
        10:33:53.419063181: Debug file=<NA> dir=<NA> type=<NA> args=res=0 path=x(/root/x)
        10:33:53.419063181: Debug file= dir=/ type=o args=res=0 path=x(/root/x)
    "#]]
    .assert_eq(&lines(&alerts));
}

#[test]
fn addresses_and_ports_of_both_ends_are_compared() {
    let yaml = "
- rule: outbound
  desc: a test
  condition: >
    evt.type = connect and fd.sip = 1.1.1.1 and fd.ip != 8.8.8.8 and not fd.ip != 10.0.0.1 and fd.net = 10.0.0.0/8
    and fd.sport = https and fd.port = 4000 and fd.l4proto = tcp and fd.sockfamily = ip and fd.connected = true
  output: cip=%fd.cip sip=%fd.sip lport=%fd.lport rport=%fd.rport sproto=%fd.sproto server=%fd.is_server
  priority: DEBUG
";
    let mut engine = engine(yaml, &LoadOptions { append_output: false, ..LoadOptions::default() });
    let end = |address: [u8; 4], port| Some(Endpoint { address: IpAddr::from(address), port });
    let socket = Socket {
        protocol: L4Protocol::Tcp,
        role: Role::Client,
        local: end([10, 0, 0, 1], 4000),
        remote: end([1, 1, 1, 1], 443),
        connected: true,
        server_is_local: None,
    };
    let mut event = event(kinds::CONNECT, process("curl", "/usr/bin/curl", &[]), &[]);
    event.fd = Some(FileDescriptor {
        number: 5,
        kind: Some(FdKind::Ipv4),
        name: "10.0.0.1:4000->1.1.1.1:443".into(),
        socket: Some(socket),
        ..FileDescriptor::default()
    });
    let mut alerts = Vec::new();
    engine.evaluate(&event, &mut alerts);
    expect![[r#"
        10:33:53.419063181: Debug cip=10.0.0.1 sip=1.1.1.1 lport=4000 rport=443 sproto=443 server=false
    "#]]
    .assert_eq(&lines(&alerts));
}

#[test]
fn bare_ancestor_fields_ask_every_ancestor_but_not_the_process_itself() {
    let yaml = "
- rule: under sshd
  desc: a test
  condition: evt.type = execve and proc.aname = sshd and not proc.aname = cat and proc.aname[1] = bash
  output: ancestors=%proc.aname session=%proc.sname
  priority: DEBUG
";
    let mut engine = engine(yaml, &LoadOptions { append_output: false, ..LoadOptions::default() });
    let mut alerts = Vec::new();
    let cat = || process("cat", "/bin/cat", &[]);
    engine.evaluate(&event(kinds::EXECVE, cat(), &["bash", "sshd", "systemd"]), &mut alerts);
    engine.evaluate(&event(kinds::EXECVE, cat(), &["bash", "cat", "sshd"]), &mut alerts);
    engine.evaluate(&event(kinds::EXECVE, cat(), &[]), &mut alerts);
    expect![[r#"
        10:33:53.419063181: Debug ancestors=bash sshd systemd session=systemd
    "#]]
    .assert_eq(&lines(&alerts));
}
