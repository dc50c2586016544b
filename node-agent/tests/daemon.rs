//! The daemon as an operator meets it: started, probed, told to reload, stopped. Needs root for the kernel source and
//! says what it skipped otherwise. Only processes that a test started are watched.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test ends where it fails, and says what it skips")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tiercel_certs::{Authority, Request, Validity};
use tiercel_proto::mtls::Role;

/// A rule of our own in Falco's words, so that these tests say what they need.
const SHADOW_RULE: &str = r#"
- rule: Shadow read
  desc: test
  condition: evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = /etc/shadow
  output: Shadow read | file=%fd.name user=%user.name program=%proc.name command=%proc.cmdline parent=%proc.pname gparent=%proc.aname[2] loginuid=%user.loginuid
  priority: WARNING
  tags: [host, T1003.008]
"#;

/// A machine under load takes this long at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// An agent that is killed when the test ends.
struct Agent {
    process: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Agent {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|status| status.is_none()) {
            self.process.kill().unwrap();
            self.process.wait().unwrap();
        }
    }
}

impl Agent {
    /// Starts an agent that watches one process tree and writes alerts to a file; returns when it is ready.
    fn start(process_tree: u32) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), process_tree, "")
    }

    /// The same with more configuration, in a folder that may hold files already.
    fn start_in(folder: tempfile::TempDir, process_tree: u32, more: &str) -> Self {
        let port = free_port();
        fs::create_dir_all(folder.path().join("rules.d")).unwrap();
        fs::write(folder.path().join("rules.d/shadow.yaml"), SHADOW_RULE).unwrap();
        let shown = folder.path().display();
        let config = format!(
            "rules: {{files: [{shown}/rules.d]}}\n\
             capture: {{ring_bytes: 1MiB, scope: {{process_tree: {process_tree}}}}}\n\
             outputs: {{file: {{enabled: true, path: {shown}/alerts.jsonl}}}}\n\
             status: {{listen: 127.0.0.1:{port}}}\n\
             {more}"
        );
        fs::write(folder.path().join("agent.yaml"), config).unwrap();
        let log = fs::File::create(folder.path().join("agent.log")).unwrap();
        let process = agent_command(&["run", "--config"])
            .arg(folder.path().join("agent.yaml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let agent = Self { process, folder, port };
        agent.wait("the agent is ready", || agent.get("/readyz").starts_with("HTTP/1.1 200"));
        agent
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn alerts(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("alerts.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("every line is whole JSON")).collect()
    }

    /// The alerts of one rule.
    fn alerts_of(&self, rule: &str) -> Vec<Value> {
        self.alerts().into_iter().filter(|alert| alert["rule"] == rule).collect()
    }

    fn get(&self, path: &str) -> String {
        let mut answer = String::new();
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return answer };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        if stream.write_all(request.as_bytes()).is_ok() && stream.read_to_string(&mut answer).is_err() {
            answer.clear();
        }
        answer
    }

    /// The value of a metric without labels, 0 when it is not there.
    fn metric(&self, name: &str) -> u64 {
        let body = self.get("/metrics");
        let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }

    #[track_caller]
    fn wait(&self, what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            let log = || fs::read_to_string(self.path("agent.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "waited in vain until {what}; the agent says:\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(pid_of(&self.process), signal).unwrap();
    }

    /// Ends it with SIGTERM and says how it ended.
    fn stop(mut self) -> (std::process::ExitStatus, tempfile::TempDir) {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let status = self.process.wait().unwrap();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (status, folder)
    }
}

/// A shell that does what it is told, line by line, and is the root of what the agent watches.
struct Shell {
    process: Child,
}

impl Shell {
    fn start() -> Self {
        let process = Command::new("sh").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        Self { process }
    }

    /// Runs commands and returns when they are done.
    fn run(&mut self, commands: &str) {
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{commands}\necho done").unwrap();
        let mut line = String::new();
        BufReader::with_capacity(1, self.process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "done\n");
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

fn agent_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiercel-agent"));
    command.args(arguments).env_remove("RUST_LOG");
    command
}

fn pid_of(process: &Child) -> nix::unistd::Pid {
    nix::unistd::Pid::from_raw(process.id().try_into().unwrap())
}

/// Makes an authority and a certificate of an agent; returns them as configuration.
fn issue_identity(folder: &Path) -> String {
    let now = SystemTime::now();
    let authority = Authority::create("test", Validity::days(now, 1)).unwrap();
    let ca = authority.save(folder).unwrap();
    let request = Request {
        role: Role::Agent,
        name: "web-1".to_owned(),
        dns_names: Vec::new(),
        addresses: Vec::new(),
        validity: Validity::days(now, 1),
    };
    let pair = authority.issue(&request).unwrap().save(folder, Role::Agent, "web-1").unwrap();
    let (ca, certificate, key) = (ca.certificate.display(), pair.certificate.display(), pair.key.display());
    format!("tls: {{ca: {ca}, certificate: {certificate}, key: {key}}}")
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whether kernel programs can be loaded; says so loudly when not.
fn can_watch() -> bool {
    let able = nix::unistd::geteuid().is_root() && Path::new("/sys/kernel/btf/vmlinux").exists();
    if !able {
        eprintln!("SKIPPED: needs root and a kernel with BTF");
    }
    able
}

#[test]
fn a_read_of_shadow_is_told_with_the_whole_story() {
    if !can_watch() {
        return;
    }
    let mut shell = Shell::start();
    let agent = Agent::start(shell.process.id());
    shell.run("cat /etc/shadow >/dev/null");
    agent.wait("the alert is written", || !agent.alerts_of("Shadow read").is_empty());
    let alert = &agent.alerts_of("Shadow read")[0];
    let fields = &alert["output_fields"];
    assert_eq!(fields["user.name"], "root");
    assert_eq!(fields["proc.name"], "cat");
    assert_eq!(fields["proc.cmdline"], "cat /etc/shadow");
    assert_eq!(fields["fd.name"], "/etc/shadow");
    assert_eq!(fields["proc.pname"], "sh");
    assert!(fields["proc.aname[2]"].is_string(), "the test itself is the grandparent: {alert}");
    assert_eq!(alert["priority"], "Warning");
    assert_eq!(alert["source"], "syscall");

    agent.wait("the counters add up", || {
        let received = agent.metric("tiercel_agent_records_received_total");
        let judged = agent.metric("tiercel_agent_events_judged_total");
        let rest = agent.metric("tiercel_agent_events_out_of_scope_total")
            + agent.metric("tiercel_agent_records_state_only_total");
        judged > 0 && received == judged + rest
    });
    let metrics = agent.get("/metrics");
    assert!(metrics.contains("falcosecurity_falco_rules_matches_total{rule_name=\"Shadow read\",priority=\"4\",source=\"syscall\",tag_T1003_008=\"true\",tag_host=\"true\"} 1"), "{metrics}");

    let (status, _folder) = agent.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn what_was_in_flight_at_sigterm_is_still_written() {
    if !can_watch() {
        return;
    }
    let mut shell = Shell::start();
    let agent = Agent::start(shell.process.id());
    shell.run("for i in 1 2 3 4 5 6 7 8 9 10; do cat /etc/shadow >/dev/null; done");
    let (status, folder) = agent.stop();
    assert_eq!(status.code(), Some(0));
    let text = fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains("\"Shadow read\"")).count(), 10, "{text}");
}

#[test]
fn a_changed_rule_file_takes_effect_and_a_bad_one_does_not() {
    if !can_watch() {
        return;
    }
    let mut shell = Shell::start();
    let agent = Agent::start(shell.process.id());
    fs::write(agent.path("rules.d/shadow.yaml"), SHADOW_RULE.replace("Shadow read", "Shadow read, renamed")).unwrap();
    agent.wait("the file watch has loaded the rules", || {
        agent.get("/metrics").contains("tiercel_agent_rule_reloads_total{result=\"loaded\"} 1")
    });
    shell.run("cat /etc/shadow >/dev/null");
    agent.wait("the new rule fires", || !agent.alerts_of("Shadow read, renamed").is_empty());
    let alert = &agent.alerts_of("Shadow read, renamed")[0];
    assert_eq!(alert["output_fields"]["proc.pname"], "sh", "what was known of processes is kept: {alert}");

    fs::write(agent.path("rules.d/shadow.yaml"), "- rule: broken\n  condition: evt.type = \n").unwrap();
    agent.wait("the refusal is told", || !agent.alerts_of("Tiercel internal: rules not reloaded").is_empty());
    let refusal = &agent.alerts_of("Tiercel internal: rules not reloaded")[0];
    assert_eq!(refusal["priority"], "Critical");
    assert_eq!(refusal["source"], "internal");
    shell.run("cat /etc/shadow >/dev/null");
    agent.wait("the old rules stay", || agent.alerts_of("Shadow read, renamed").len() == 2);
    agent.signal(nix::sys::signal::Signal::SIGHUP);
    agent.wait("SIGHUP tries again", || agent.alerts_of("Tiercel internal: rules not reloaded").len() >= 2);
    let (status, _folder) = agent.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn after_sigusr1_alerts_go_to_a_new_file() {
    if !can_watch() {
        return;
    }
    let shell = std::cell::RefCell::new(Shell::start());
    let agent = Agent::start(shell.borrow().process.id());
    shell.borrow_mut().run("cat /etc/shadow >/dev/null");
    agent.wait("the first alert is written", || agent.alerts().len() == 1);
    fs::rename(agent.path("alerts.jsonl"), agent.path("alerts.jsonl.1")).unwrap();
    agent.signal(nix::sys::signal::Signal::SIGUSR1);
    agent.wait("the new file takes alerts", || {
        agent.path("alerts.jsonl").exists() || {
            shell.borrow_mut().run("cat /etc/shadow >/dev/null");
            false
        }
    });
    let (status, folder) = agent.stop();
    assert_eq!(status.code(), Some(0));
    assert!(fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap().contains("Shadow read"));
}

#[test]
fn without_an_aggregator_alerts_wait_in_the_spool_over_a_restart() {
    if !can_watch() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let identity = issue_identity(folder.path());
    let shown = folder.path().display();
    // Nobody listens there: the port was free a moment ago.
    let more = format!(
        "uplink: {{aggregators: ['127.0.0.1:{}'], {identity}, spool: {{directory: {shown}/spool}}}}",
        free_port()
    );
    let mut shell = Shell::start();
    let agent = Agent::start_in(folder, shell.process.id(), &more);
    shell.run("cat /etc/shadow >/dev/null; cat /etc/shadow >/dev/null");
    agent.wait("both alerts are spooled", || agent.metric("tiercel_agent_alerts_spooled_total") == 2);
    assert_eq!(agent.metric("tiercel_agent_alerts_made_total"), 2);
    assert_eq!(agent.metric("tiercel_agent_alerts_waiting"), 2);
    assert!(agent.get("/readyz").contains("spooling ("), "{}", agent.get("/readyz"));
    let (status, folder) = agent.stop();
    assert_eq!(status.code(), Some(0));

    let agent = Agent::start_in(folder, shell.process.id(), &more);
    agent.wait("they are still there", || agent.metric("tiercel_agent_alerts_recovered_total") == 2);
    let (status, _folder) = agent.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_recording_gives_the_same_alerts_wherever_it_is_replayed() {
    if !can_watch() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("shadow.tcap");
    let rules = folder.path().join("rules.yaml");
    fs::write(&rules, SHADOW_RULE).unwrap();
    let mut shell = Shell::start();
    let tree = shell.process.id().to_string();
    let mut recorder = agent_command(&["record", "--scope-process-tree", &tree]).arg(&recording).spawn().unwrap();
    // The first frame is written when the kernel programs are attached.
    let deadline = Instant::now() + PATIENCE;
    while fs::metadata(&recording).is_err() {
        assert!(Instant::now() < deadline, "the recorder starts in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    shell.run("cat /etc/shadow >/dev/null; (cat /proc/self/root/etc/shadow) >/dev/null");
    nix::sys::signal::kill(pid_of(&recorder), nix::sys::signal::Signal::SIGINT).unwrap();
    assert!(recorder.wait().unwrap().success());

    let replay = || {
        let output =
            agent_command(&["replay", "--output", "json"]).arg(&recording).arg("--rules").arg(&rules).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = replay();
    assert_eq!(first.lines().filter(|line| line.contains("\"fd.name\":\"/etc/shadow\"")).count(), 2, "{first}");
    assert_eq!(replay(), first);

    let damaged = folder.path().join("damaged.tcap");
    let mut bytes = fs::read(&recording).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let output = agent_command(&["replay"]).arg(&damaged).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("damaged at byte"), "{output:?}");
}

#[test]
fn a_bad_configuration_stops_the_start_with_every_fault() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agent.yaml");
    fs::write(&config, "rules: {matching: frist}\nstatsu: {}\n").unwrap();
    for command in ["run", "check"] {
        let output = agent_command(&[command, "--config"]).arg(&config).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("agent.yaml:1:19: rules.matching: expected first or all, found `frist`"), "{text}");
        assert!(text.contains("statsu: unknown key (did you mean `status`?)"), "{text}");
    }
}

#[test]
fn an_unknown_command_is_a_mistake_of_usage() {
    let output = agent_command(&["dance"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
