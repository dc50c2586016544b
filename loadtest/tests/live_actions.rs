//! Suspicious acts on the real kernel give the alerts that Falco 0.44.1 gives under the same rule files: on the host,
//! and in a container run by runc. The expected rules were recorded from a real Falco.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it saw, and ends where it fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;
use serde_json::Value;
use tiercel_loadtest::harness::acts::{self, Act};
use tiercel_loadtest::harness::{
    Agent, AgentSetup, Container, KernelLock, Rootfs, Scope, Scratch, free_address, kernel_refusal, official_rules,
    run_bounded, skip, wait_for,
};

/// How long all acts together may take; they sleep most of the time.
const ACTS_LIMIT: Duration = Duration::from_secs(90);

/// How long alerts may lag behind acts.
const ALERTS_LIMIT: Duration = Duration::from_secs(20);

/// An act with the rules that fire for it, sorted, each as often as it fires.
struct Row {
    act: Act,
    host: &'static [&'static str],
    container: &'static [&'static str],
}

const fn row(
    name: &'static str,
    what: &'static str,
    script: &'static str,
    host: &'static [&'static str],
    container: &'static [&'static str],
) -> Row {
    Row { act: Act { name, what, script }, host, container }
}

const READ: &[&str] = &["Read sensitive file untrusted"];
const SEARCH: &[&str] = &["Search Private Keys or Passwords"];
const AWS: &[&str] = &["Find AWS Credentials"];
const LOGS: &[&str] = &["Clear Log Activities", "Clear Log Activities"];
const HARD_LINK: &[&str] = &["Create Hardlink Over Sensitive Files"];
const TRACE_ME: &[&str] = &["PTRACE anti-debug attempt"];
const SHRED: &[&str] = &["Remove Bulk Data from Disk"];
const TRAVERSAL: &[&str] = &["Directory traversal monitored file read"];
const ETC: &[&str] = &["Write below etc"];
const CRON: &[&str] = &["Schedule Cron Jobs"];
const SHELL_CONFIG: &[&str] = &["Modify Shell Configuration File"];
const HISTORY: &[&str] = &["Delete or rename shell history", "Modify Shell Configuration File"];
const DEV: &[&str] = &["Create files below dev"];
const NAMESPACE: &str = "Change thread namespace";
const TOOL_HOST: &str = "Launch Suspicious Network Tool on Host";
const TOOL_CONTAINER: &str = "Launch Suspicious Network Tool in Container";
const BINARY_DIRS: &[&str] = &["Mkdir binary dirs", "Modify binary dirs"];

/// All acts of the recording, under the names that it gave them.
const ROWS: &[Row] = &[
    row("A01", "cat /etc/shadow", "cat /etc/shadow > /dev/null", READ, READ),
    row("A02", "find a private key", "find $T -name id_rsa", SEARCH, SEARCH),
    row("A03", "grep for private keys", "grep -r 'BEGIN RSA PRIVATE' $T", SEARCH, SEARCH),
    row("A04", "find AWS credentials", "find $T -path .aws/credentials", AWS, AWS),
    row(
        "A05",
        "create and truncate a log",
        "L=/var/log/tiercel-own-test.log; echo x > $L; dd if=/dev/null of=$L 2> /dev/null; rm -f $L",
        LOGS,
        LOGS,
    ),
    row("A07", "hard link to /etc/shadow", "ln /etc/shadow $T/hl; rm -f $T/hl", HARD_LINK, HARD_LINK),
    row(
        "A08",
        "packet socket",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768)'",
        &[],
        &["Packet socket created in container"],
    ),
    row(
        "A11",
        "PTRACE_TRACEME",
        "python3 -c 'import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)'",
        TRACE_ME,
        TRACE_ME,
    ),
    row("A12", "shred a file", "echo x > $T/shred; shred -u $T/shred", SHRED, SHRED),
    row(
        "A15",
        "directory traversal",
        r#"python3 -c "import os; os.close(os.open('../../../../etc/passwd', 0))""#,
        TRAVERSAL,
        TRAVERSAL,
    ),
    row(
        "A16",
        "cat below python, odd path",
        r#"python3 -c "import subprocess; subprocess.run(['cat', '/tmp/../etc/shadow'], stdout=subprocess.DEVNULL)""#,
        READ,
        READ,
    ),
    row("A17", "write below /etc", "F=/etc/tiercel-own-test.conf; touch $F; rm -f $F", ETC, ETC),
    row(
        "A19",
        "cron job",
        "F=/etc/cron.d/tiercel-own-test; echo '# nothing' | tee $F > /dev/null; rm -f $F",
        CRON,
        CRON,
    ),
    row("A20", "write .bashrc", "echo x | tee $T/.bashrc > /dev/null", SHELL_CONFIG, SHELL_CONFIG),
    row("A21", "remove .bash_history", "echo x > $T/.bash_history; rm -f $T/.bash_history", HISTORY, HISTORY),
    row("A23", "file below /dev", "touch /dev/tiercel-own-test; rm -f /dev/tiercel-own-test", DEV, DEV),
    row(
        "A26",
        "setns",
        "unshare -U true; nsenter -t $$ -u true\n\
         python3 -c \"import ctypes, os; ctypes.CDLL(None).setns(os.open('/proc/self/ns/uts', 0), 0)\"",
        &[NAMESPACE],
        &[NAMESPACE, NAMESPACE],
    ),
    row(
        "A27",
        "nc listens and connects",
        "timeout 5 nc -l 127.0.0.1 $P1 > /dev/null & sleep 0.4; timeout 5 nc -N 127.0.0.1 $P1 < /dev/null; wait",
        &[TOOL_HOST, TOOL_HOST],
        &[TOOL_CONTAINER, TOOL_CONTAINER],
    ),
    row(
        "A29",
        "ncat runs a program",
        "timeout 5 ncat -l 127.0.0.1 $P2 -e /bin/true & sleep 0.6; (exec 9<> /dev/tcp/127.0.0.1/$P2); wait",
        &[TOOL_HOST],
        &["Netcat Remote Code Execution in Container"],
    ),
    row(
        "A31",
        "finit_module(-1)",
        "python3 -c \"import ctypes; ctypes.CDLL(None).syscall(313, -1, b'', 0)\"",
        &[],
        &["Linux Kernel Module Injection Detected"],
    ),
    row(
        "A32",
        "write release_agent",
        "echo x > $T/release_agent",
        &[],
        &["Detect release_agent File Container Escapes"],
    ),
    row("A34", "decode base64", "echo aGVsbG8= | base64 -d > /dev/null", &[], &["Decoding Payload in Container"]),
    row("A35", "mkdir below /usr/bin", "D=/usr/bin/tiercel-own-dir; mkdir $D; rmdir $D", BINARY_DIRS, BINARY_DIRS),
    row("A36", "whoami and id", "whoami > /dev/null; id > /dev/null", &[], &[]),
    row("A37", "drop and run a program", "cp /bin/true $T/dropped; $T/dropped", &[], &[]),
];

/// Rows that this product is known not to reach, with the reason. A row that starts to pass must leave the list.
const NOT_REACHED_ON_HOST: &[(&str, &str)] = &[];
const NOT_REACHED_IN_CONTAINER: &[(&str, &str)] = &[];

/// Programs that the acts need in the container.
const PROGRAMS: &[&str] = &[
    "base64", "bash", "cat", "cp", "dd", "find", "grep", "id", "ln", "mkdir", "nc", "ncat", "nsenter", "python3", "rm",
    "rmdir", "shred", "sleep", "tee", "timeout", "touch", "true", "unshare", "whoami",
];

#[test]
fn every_act_gives_its_rules_on_the_host() {
    let Some(rules) = rules_or_skip("every_act_gives_its_rules_on_the_host") else { return };
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("host-acts").unwrap();
    let scope = Scope::create("host-acts").unwrap();
    let agent = start_agent(&scratch, &scope, rules);
    let script = write_acts(&scratch.join("actions.sh"));
    let output = run_bounded(scope.command(&script).arg(scratch.join("acts")), ACTS_LIMIT).unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));

    let alerts = wait_for_all(&agent);
    compare(&alerts, "host", |row| row.host, NOT_REACHED_ON_HOST);
    check_text_line(&agent);
    check_json_line(&alerts);
}

#[test]
fn every_act_gives_its_rules_in_a_container() {
    let Some(rules) = rules_or_skip("every_act_gives_its_rules_in_a_container") else { return };
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("container-acts").unwrap();
    let scope = Scope::create("container-acts").unwrap();
    let rootfs = Rootfs::build(&scratch.join("rootfs"), PROGRAMS).unwrap();
    rootfs.copy_python().unwrap();
    write_acts(&rootfs.inside(Path::new("/usr/bin/actions.sh")));
    let agent = start_agent(&scratch, &scope, rules);
    let id = "5d2a4b8d7f06".repeat(6)[..64].to_owned();
    let command = ["/usr/bin/actions.sh", "/tmp/acts"];
    let container = Container::prepare(&scratch.join("bundle"), &id, &rootfs, &scope, &command).unwrap();
    let output = container.run(ACTS_LIMIT).unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));

    let alerts = wait_for_all(&agent);
    compare(&alerts, "container", |row| row.container, NOT_REACHED_IN_CONTAINER);
    let foreign: Vec<&Value> = alerts
        .iter()
        .filter(|alert| alert["rule"] != "Mark" && alert["output_fields"]["container.id"] == "host")
        .collect();
    assert!(foreign.is_empty(), "alerts of the container that call themselves alerts of the host: {foreign:#?}");
}

fn rules_or_skip(test: &str) -> Option<Vec<PathBuf>> {
    if let Some(why) = kernel_refusal() {
        skip(test, &why);
        return None;
    }
    let rules = official_rules();
    if rules.is_none() {
        skip(test, "Falco's rule files are not here; set TIERCEL_COMPAT_DIR to a directory that has them below rules/");
    }
    rules
}

fn start_agent(scratch: &Scratch, scope: &Scope, official: Vec<PathBuf>) -> Agent {
    let mut rules = vec![scratch.write("00-mark.yaml", acts::MARK_RULE).unwrap()];
    rules.extend(official);
    Agent::start(&scratch.join("agent"), &AgentSetup { rules, scope: scope.section(), uplink: None }).unwrap()
}

fn write_acts(path: &Path) -> PathBuf {
    acts::write_script(path, ROWS.iter().map(|row| &row.act)).unwrap();
    let ports = [free_address().unwrap().port(), free_address().unwrap().port()];
    let script = std::fs::read_to_string(path)
        .unwrap()
        .replace("$P1", &ports[0].to_string())
        .replace("$P2", &ports[1].to_string());
    std::fs::write(path, script).unwrap();
    path.to_path_buf()
}

fn wait_for_all(agent: &Agent) -> Vec<Value> {
    let complete = wait_for("the alert of the last mark", ALERTS_LIMIT, || {
        let alerts = agent.alerts();
        acts::is_complete(&alerts).then_some(alerts)
    });
    complete
        .unwrap_or_else(|error| panic!("{error}; {} alerts so far{}", agent.alerts().len(), agent.daemon().log_tail()))
}

fn compare(
    alerts: &[Value],
    column: &str,
    expected: fn(&Row) -> &'static [&'static str],
    not_reached: &[(&str, &str)],
) {
    let got = acts::by_act(alerts);
    let mut table = String::new();
    let mut missed = Vec::new();
    for row in ROWS {
        let name = row.act.name;
        let rules =
            got.iter().find(|(act, _)| act == name).map_or_else(Vec::new, |(_, alerts)| acts::rule_names(alerts));
        let is_same = rules == expected(row);
        if !is_same {
            missed.push(name);
        }
        let verdict = if is_same { "ok  " } else { "DIFF" };
        writeln!(table, "{verdict} {name} {:28} expected {:?}, got {rules:?}", row.act.what, expected(row)).unwrap();
    }
    println!("{column}:\n{table}");
    for (name, why) in not_reached {
        println!("not reached: {name}: {why}");
    }
    let known: Vec<&str> = not_reached.iter().map(|(name, _)| *name).collect();
    assert_eq!(missed, known, "rows that differ are not the rows that are known to, {column}:\n{table}");
}

/// The text of the first act is, word for word and field for field, what Falco prints.
fn check_text_line(agent: &Agent) {
    let form = Regex::new(concat!(
        r"^\d\d:\d\d:\d\d\.\d{9}: Warning Sensitive file opened for reading by non-trusted program",
        r" \| file=/etc/shadow gparent=\S+ ggparent=\S+ gggparent=\S+ evt_type=openat user=root user_uid=0",
        r" user_loginuid=-?\d+ process=cat proc_exepath=/usr/bin/cat parent=actions\.sh command=cat /etc/shadow",
        r" terminal=\d+ container_id=host container_name=host container_image_repository= container_image_tag=",
        r" k8s_pod_name=<NA> k8s_ns_name=<NA>$",
    ));
    let form = form.unwrap();
    let lines = agent.text_lines();
    let line =
        lines.iter().find(|line| line.contains("command=cat /etc/shadow")).expect("the first act has a text line");
    println!("{line}");
    assert!(form.is_match(line), "not the form that Falco prints: {line}");
}

/// The JSON of the first act has Falco's keys in Falco's order, and its values where they do not vary.
fn check_json_line(alerts: &[Value]) {
    let alert = alerts
        .iter()
        .find(|alert| alert["output_fields"]["proc.cmdline"] == "cat /etc/shadow")
        .expect("the first act has an alert");
    let keys = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>().join(" "));
    assert_eq!(keys(alert).as_deref(), Some("hostname output output_fields priority rule source tags time"));
    let fields = "container.id container.image.repository container.image.tag container.name evt.time evt.type fd.name \
                  k8s.ns.name k8s.pod.name proc.aname[2] proc.aname[3] proc.aname[4] proc.cmdline proc.exepath proc.name \
                  proc.pname proc.tty user.loginuid user.name user.uid";
    assert_eq!(keys(&alert["output_fields"]).as_deref(), Some(fields));
    assert_eq!(alert["priority"], "Warning");
    assert_eq!(alert["output_fields"]["container.image.tag"], "");
    assert!(alert["output_fields"]["k8s.pod.name"].is_null());
    let tags = ["T1555", "container", "filesystem", "host", "maturity_stable", "mitre_credential_access"];
    assert_eq!(alert["tags"], serde_json::json!(tags));
}
