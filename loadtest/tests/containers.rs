//! Containers of real engines, run for a moment: the first process of each has the id, and what the engine says of it.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what it saw, and ends where it fails")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::time::Duration;

use serde_json::{Value, json};
use tiercel_loadtest::harness::{
    Agent, AgentSetup, Daemon, KernelLock, Scope, Scratch, kernel_refusal, metric_sum, run_bounded, skip, wait_for,
};

/// How long an engine may take for one container. Debian's engines copy whole images here.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// How long an engine may take until it listens.
const LISTEN_LIMIT: Duration = Duration::from_secs(20);

/// How long alerts may lag behind acts.
const ALERTS_LIMIT: Duration = Duration::from_secs(20);

/// Containers that live for one program.
const SHORT_LIVED: usize = 4;

/// What each container runs, under a name that nothing else has; busybox wants its own in front.
const PROGRAM: &str = "/bin/busybox-first";

/// Its image.
const IMAGE: &str = "localhost/shop/web:v1";

/// Fires for the first program of a container, and for one on the host.
const RULE: &str = "
- rule: First program
  desc: The program that the image is made of was started.
  condition: evt.type in (execve, execveat) and evt.res = SUCCESS and proc.name = busybox-first
  output: >
    first (id=%container.id full=%container.full_id type=%container.type name=%container.name
    repository=%container.image.repository tag=%container.image.tag image=%container.image.id
    tier=%container.label.tier mounts=%container.mounts privileged=%container.privileged pid=%container.host_pid
    network=%container.host_network)
  priority: NOTICE
";

/// An engine that a test has started, on a socket of its own.
struct Engine {
    name: &'static str,
    /// The command line before the verb.
    command: Vec<String>,
    socket: PathBuf,
    daemon: Daemon,
}

impl Engine {
    fn podman(scratch: &Scratch) -> anyhow::Result<Self> {
        let socket = scratch.join("podman.sock");
        let text = |path: PathBuf| path.display().to_string();
        let options = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", "/usr/sbin/runc"];
        let mut command = vec!["--root".to_owned(), text(scratch.join("root"))];
        command.extend(["--runroot".to_owned(), text(scratch.join("run"))]);
        command.extend(options.map(str::to_owned));
        let url = format!("unix://{}", socket.display());
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.extend(["system", "service", "--time=0", &url]);
        let daemon = Daemon::start("podman", Path::new("/usr/bin/podman"), &arguments, scratch.path())?;
        command.insert(0, "/usr/bin/podman".to_owned());
        Ok(Self { name: "podman", command, socket, daemon })
    }

    fn docker(scratch: &Scratch) -> anyhow::Result<Self> {
        let socket = scratch.join("docker.sock");
        let url = format!("unix://{}", socket.display());
        let at = |name: &str| scratch.join(name).display().to_string();
        let (data, exec, pid) = (at("data"), at("exec"), at("docker.pid"));
        let arguments = [
            ["--data-root", &data, "--exec-root", &exec, "--pidfile", &pid, "-H", &url].as_slice(),
            &["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"],
            &["--storage-driver=vfs"],
        ]
        .concat();
        let daemon = Daemon::start("dockerd", Path::new("/usr/sbin/dockerd"), &arguments, scratch.path())?;
        Ok(Self { name: "docker", command: vec!["docker".to_owned(), "-H".to_owned(), url], socket, daemon })
    }

    /// Runs one verb; what the engine printed, or why it failed.
    fn run(&self, arguments: &[&str]) -> Result<String, String> {
        let (program, options) = self.command.split_first().unwrap();
        let output = run_bounded(Command::new(program).args(options).args(arguments), RUN_LIMIT);
        let output = output.map_err(|error| format!("{error:#}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// Waits until it listens, makes an image of one program and tries it; the reason when this machine cannot.
    fn prepare(&self, archive: &Path) -> Result<(), String> {
        wait_for("the engine to listen", LISTEN_LIMIT, || self.socket.exists().then_some(()))
            .map_err(|error| format!("{error:#}{}", self.daemon.log_tail()))?;
        self.run(&["import", archive.to_str().unwrap(), IMAGE])?;
        self.start(&["--network=none"], "/bin/true").map(drop)
    }

    /// Runs a container of the image to its end.
    fn start(&self, options: &[&str], program: &str) -> Result<String, String> {
        // Podman would raise limits beyond what a container in a container may have.
        let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"];
        self.run(&[["run", "--rm"].as_slice(), &limits, options, &[IMAGE, program, "true"]].concat())
    }

    /// The section of the agent's configuration that makes it ask this engine and nobody else.
    fn section(&self) -> Value {
        let mut sockets = json!({ "docker": [], "podman": [], "podman_users": false, "cri": [] });
        sockets[self.name] = json!([self.socket]);
        json!({ "wait": "2s", "sockets": sockets })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Docker's daemon ends its own children only when it is asked to.
        if let Err(error) = self.daemon.terminate() {
            println!("the engine did not end by itself: {error:#}");
        }
    }
}

/// An archive of a root file system with one program, under several names.
fn archive(scratch: &Scratch) -> PathBuf {
    let directory = scratch.join("image");
    fs::create_dir_all(directory.join("bin")).unwrap();
    fs::copy("/usr/bin/busybox", directory.join("bin/busybox")).unwrap();
    fs::copy("/usr/bin/busybox", directory.join("bin/busybox-first")).unwrap();
    for name in ["sh", "true"] {
        symlink("busybox", directory.join("bin").join(name)).unwrap();
    }
    let archive = scratch.join("image.tar");
    run_bounded(Command::new("tar").arg("-C").arg(&directory).arg("-cf").arg(&archive).arg("."), RUN_LIMIT).unwrap();
    archive
}

/// The fields of the alerts of that container, by its name.
fn alert_of<'a>(alerts: &'a [Value], name: &str) -> &'a Value {
    let alert = alerts.iter().find(|alert| alert["output_fields"]["container.name"] == name);
    &alert.unwrap_or_else(|| panic!("no alert of {name} in {alerts:#?}"))["output_fields"]
}

/// The agent watches the engine and what it starts.
fn check(test: &str, installed: &str, start: fn(&Scratch) -> anyhow::Result<Engine>) {
    if let Some(why) = kernel_refusal() {
        return skip(test, &why);
    }
    for program in [installed, "/usr/sbin/runc", "/usr/bin/busybox"] {
        if !Path::new(program).exists() {
            return skip(test, &format!("{program} is not installed"));
        }
    }
    let _lock = KernelLock::take().unwrap();
    let scratch = Scratch::new(test).unwrap();
    let engine = start(&scratch).unwrap();
    if let Err(why) = engine.prepare(&archive(&scratch)) {
        return skip(test, &format!("{} cannot run a container here: {why}", engine.name));
    }
    let rules = vec![scratch.write("first.yaml", RULE).unwrap()];
    let setup = AgentSetup { rules, scope: Scope::ProcessTree.section(), uplink: None };
    let agent = Agent::start_with(&scratch.join("agent"), &setup, |config| {
        config["containers"] = engine.section();
    })
    .unwrap();

    let shared = scratch.join("shared");
    fs::create_dir(&shared).unwrap();
    let volume = format!("{}:/data:ro", shared.display());
    let name = |number: usize| format!("tiercel-{}-{number}", id());
    for number in 0..SHORT_LIVED {
        let name = name(number);
        let options = ["--network=none", "--label", "tier=front", "--volume", &volume, "--name", &name];
        engine.start(&options, PROGRAM).unwrap();
    }
    check_counts(&agent, engine.name, SHORT_LIVED);
    let bare = name(SHORT_LIVED);
    let options = ["--network=host", "--pid=host", "--name", &bare];
    let privileged = match engine.start(&[options.as_slice(), &["--privileged"]].concat(), PROGRAM) {
        Ok(_) => true,
        Err(why) => {
            println!("no privileged container here: {why}");
            engine.start(&options, PROGRAM).unwrap();
            false
        }
    };

    let count = SHORT_LIVED + 1;
    let alerts = wait_for("all alerts", ALERTS_LIMIT, || Some(agent.alerts()).filter(|alerts| alerts.len() >= count));
    let alerts = alerts.unwrap_or_else(|error| panic!("{error:#}: {:#?}", agent.alerts()));
    assert_eq!(alerts.len(), count, "{alerts:#?}");
    for number in 0..SHORT_LIVED {
        let fields = alert_of(&alerts, &name(number));
        let id = fields["container.id"].as_str().unwrap();
        let full_id = fields["container.full_id"].as_str().unwrap();
        assert!(id.len() == 12 && full_id.len() == 64 && full_id.starts_with(id), "{fields:#}");
        assert_eq!(fields["container.type"], engine.name);
        assert_eq!(fields["container.image.repository"], "localhost/shop/web");
        assert_eq!(fields["container.image.tag"], "v1");
        assert_eq!(fields["container.image.id"].as_str().unwrap().len(), 64);
        assert_eq!(fields["container.label.tier"], "front");
        assert_eq!(fields["container.privileged"], false);
        assert_eq!(fields["container.host_pid"], false);
        assert_eq!(fields["container.host_network"], false);
        let mounts = fields["container.mounts"].as_str().unwrap();
        assert!(mounts.starts_with(&format!("{}:/data:", shared.display())) && mounts.contains(":false:"), "{mounts}");
    }
    let fields = alert_of(&alerts, &bare);
    for (field, expected) in
        [("container.privileged", privileged), ("container.host_pid", true), ("container.host_network", true)]
    {
        assert_eq!(fields[field], expected, "{field}");
    }
    assert_eq!(fields["container.label.tier"], Value::Null);
}

/// Every container was asked about, each event waited no longer than for the answer, and the sums say so.
fn check_counts(agent: &Agent, engine: &str, count: usize) {
    let counter = |name: &str| {
        let metrics = agent.metrics().unwrap();
        metric_sum(&metrics, &format!("tiercel_agent_container_{name}_total"))
    };
    let all = u64::try_from(count).unwrap();
    wait_for("the counters of all lookups", ALERTS_LIMIT, || (counter("lookups") == all).then_some(())).unwrap();
    for name in ["lookups", "lookup_retries", "events_held", "events_undescribed", "pretenders", "kept"] {
        println!("{engine}: {name} {}", counter(name));
    }
    assert_eq!((counter("lookup_outcomes"), counter("events_undescribed")), (all, 0));
}

#[test]
fn the_first_process_of_a_podman_container_is_described() {
    check("podman-containers", "/usr/bin/podman", Engine::podman);
}

#[test]
fn the_first_process_of_a_docker_container_is_described() {
    check("docker-containers", "/usr/sbin/dockerd", Engine::docker);
}
