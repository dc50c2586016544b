//! Records what happens on this machine, with every answer of the machine that a replay will need.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use tiercel_detection::event::Text;

use crate::capture::recording::Writer;
use crate::capture::{KernelOptions, KernelSource, LossReport, Progress, Scope, Source, WantedCalls};
use crate::enrich::{ContainerOptions, Enricher, Journal, Lookups, Machine, Snapshot};
use crate::input::enrich_options;

/// What to record.
#[derive(Debug)]
pub struct Recorder {
    /// Bytes of the ring buffer of each class.
    pub ring_bytes: u32,
    /// Which part of the machine.
    pub scope: Scope,
    /// Record the environment of programs, up to 4 KiB an exec; it often holds secrets.
    pub environment: bool,
    /// Paths that rules name: a replay can tell a file by its identity only if it was asked for while recording.
    pub paths: BTreeSet<Text>,
}

/// What a recording holds.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Observations in it.
    pub observations: u64,
    /// Its length.
    pub bytes: u64,
    /// What was made and lost meanwhile.
    pub losses: LossReport,
}

impl Recorder {
    /// Records every call that can be recorded until `ended` says so; asks it after each look at the rings.
    ///
    /// # Errors
    /// When the kernel programs cannot be attached or the file cannot be written.
    pub fn record(self, file: &Path, mut ended: impl FnMut() -> bool) -> anyhow::Result<Summary> {
        let options = KernelOptions {
            ring_bytes: self.ring_bytes,
            calls: WantedCalls::all(),
            capture_environment: self.environment,
            scope: self.scope.clone(),
            ..KernelOptions::default()
        };
        let mut source = KernelSource::open(&options)?;
        let runtimes =
            Lookups::start(ContainerOptions::default()).context("failed to start asking container runtimes")?;
        let machine = if self.environment { Machine::new() } else { Machine::without_environments() };
        let mut machine = machine.with_runtimes(runtimes);
        let mut snapshot = machine.snapshot().context("failed to read the processes of this machine")?;
        confine(&mut snapshot, &self.scope);
        let mut writer = Writer::create(file, &snapshot)?;
        // The enricher asks the questions that a replay will ask.
        let (journal, notes) = Journal::new(Box::new(machine));
        let mut enricher = Enricher::new(&snapshot, Box::new(journal), enrich_options(&self.scope));
        enricher.follow_paths(self.paths);
        let mut batch = Vec::new();
        loop {
            let last = ended();
            let drained = source.next_batch(&mut batch)?;
            for observation in batch.drain(..) {
                writer.observation(&observation)?;
                enricher.handle(&observation);
                for answer in notes.take() {
                    writer.answer(&answer)?;
                }
            }
            match drained.progress {
                _ if last => break,
                Progress::More => {}
                Progress::CaughtUp => std::thread::sleep(source.poll_interval()),
                Progress::Finished => break,
            }
        }
        let summary = Summary { observations: writer.observations(), bytes: writer.bytes(), losses: source.losses() };
        writer.finish()?;
        Ok(summary)
    }
}

/// A recording of a part of the machine holds no process of another part.
fn confine(snapshot: &mut Snapshot, scope: &Scope) {
    match scope {
        Scope::Machine => {}
        Scope::Cgroup(path) => snapshot.confine(|process| {
            let below_mount = process.cgroup.trim_start_matches('/');
            !below_mount.is_empty() && path.ends_with(below_mount)
        }),
        Scope::ProcessTree(pid) => snapshot.confine(|process| process.pid == *pid),
    }
}
