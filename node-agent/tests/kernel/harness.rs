//! Starts an actor, captures what it and its descendants do, and gives the observations back.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tiercel_agent::capture::observation::{Act, Open, PathCall, Scalar};
use tiercel_agent::capture::syscall::kind_of;
use tiercel_agent::capture::{KernelOptions, KernelSource, Observation, Progress, Scope, Source, WantedCalls};

/// Longest time that an actor may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Name of the variable that tells the test binary to act.
pub(crate) const ACT: &str = "TIERCEL_TEST_ACT";
/// Name of the variable with the scratch directory.
pub(crate) const DIRECTORY: &str = "TIERCEL_TEST_DIRECTORY";

/// Says why the kernel tests cannot run here, or nothing when they can.
pub(crate) fn obstacle() -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Some("not root");
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some("no /sys/kernel/btf/vmlinux");
    }
    None
}

/// Says that a test was skipped, past the capture of test output.
#[expect(clippy::explicit_write, reason = "eprintln is captured and shown only when a test fails")]
pub(crate) fn skip(what: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {what}").unwrap();
}

/// An actor that waits for its sign, in a scratch directory of its own.
pub(crate) struct Stage {
    pub(crate) directory: TempDir,
    actor: Child,
}

impl Stage {
    /// Starts the actor of this name; `None`, with a loud line, when this machine cannot run kernel tests.
    pub(crate) fn set(act: &str) -> Option<Self> {
        if let Some(obstacle) = obstacle() {
            skip(&format!("kernel test of `{act}`: {obstacle}"));
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let actor = Command::new(std::env::current_exe().unwrap())
            .args(["actor::perform", "--exact", "--nocapture"])
            .env(ACT, act)
            .env(DIRECTORY, directory.path())
            .env_remove("NEXTEST")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { directory, actor })
    }

    /// Process id of the actor.
    pub(crate) fn pid(&self) -> u32 {
        self.actor.id()
    }

    /// Options that record everything that the actor and its descendants do.
    pub(crate) fn options(&self) -> KernelOptions {
        KernelOptions { calls: WantedCalls::all(), scope: Scope::ProcessTree(self.pid()), ..KernelOptions::default() }
    }

    /// Gives the sign and waits for the actor to end, without reading from the source.
    pub(crate) fn perform(&mut self) {
        self.actor.stdin.take().unwrap().write_all(b"go\n").unwrap();
        assert!(self.actor.wait().unwrap().success(), "the actor failed");
    }
}

/// Performs an act and returns all that was observed of it.
pub(crate) fn observe(act: &str) -> Option<Observed> {
    let stage = Stage::set(act)?;
    let source = KernelSource::open(&stage.options()).unwrap();
    Some(observe_with(stage, source))
}

/// Performs the act of a stage under a source that was opened for it.
pub(crate) fn observe_with(mut stage: Stage, mut source: KernelSource) -> Observed {
    assert!(source.capabilities().is_complete(), "{:?}", source.capabilities());
    stage.perform();
    let pid = stage.pid();
    let observations = drain_until(&mut source, |all| all.iter().any(|one| is_end_of(one, pid)));
    let losses = source.losses();
    assert_eq!(losses.malformed, 0);
    Observed { pid, directory: stage.directory, observations }
}

/// Reads until a condition holds.
pub(crate) fn drain_until(source: &mut KernelSource, done: impl Fn(&[Observation]) -> bool) -> Vec<Observation> {
    let deadline = Instant::now() + PATIENCE;
    let mut observations = Vec::new();
    loop {
        let drained = source.next_batch(&mut observations).unwrap();
        if drained.progress == Progress::CaughtUp && done(&observations) {
            return observations;
        }
        assert!(Instant::now() < deadline, "not all was observed within {PATIENCE:?}");
        std::thread::sleep(source.poll_interval());
    }
}

/// Says whether this is the end of a process.
pub(crate) fn is_end_of(observation: &Observation, pid: u32) -> bool {
    observation.pid == pid && matches!(&observation.act, Act::Exit(exit) if exit.last_thread)
}

/// What was observed of an actor.
pub(crate) struct Observed {
    pub(crate) pid: u32,
    pub(crate) directory: TempDir,
    pub(crate) observations: Vec<Observation>,
}

impl Observed {
    /// A path below the scratch directory, as the kernel names it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    /// A text with the scratch directory as `$D`.
    pub(crate) fn short(&self, text: &str) -> String {
        text.replace(&*self.directory.path().canonicalize().unwrap().to_string_lossy(), "$D")
    }

    /// All opens, in order.
    pub(crate) fn opens(&self) -> impl Iterator<Item = (&Observation, &Open)> {
        self.observations.iter().filter_map(|one| match &one.act {
            Act::Open(open) => Some((one, open)),
            _ => None,
        })
    }

    /// All path calls, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &PathCall> {
        self.observations.iter().filter_map(|one| match &one.act {
            Act::Path(call) => Some(call),
            _ => None,
        })
    }

    /// All scalar calls of a name, in order.
    pub(crate) fn scalars<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Scalar> {
        self.observations.iter().filter_map(move |one| match &one.act {
            Act::Scalar(call) if call_name(call.syscall) == name => Some(call),
            _ => None,
        })
    }
}

/// The event name of a call.
pub(crate) fn call_name(number: u32) -> &'static str {
    kind_of(number).map_or("?", |kind| kind.name())
}
