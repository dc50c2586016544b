//! Events of whatever kind of source, judged.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tiercel_agent::capture::scap::Reader;
use tiercel_agent::capture::{FAIR_LIMIT_DEFAULT, KernelOptions, Observation, Progress, Scope, Source};
use tiercel_agent::config::{CaptureConfig, CaptureSource};
use tiercel_agent::detect::{Detector, LossPolicy};
use tiercel_agent::enrich::scap::CaptureState;
use tiercel_agent::input::Input;
use tiercel_detection::event::Timestamp;
use tiercel_detection::{Alert, Engine, OutputContext, RuleSet};

use super::settings::EngineKind;

/// Events of a capture that are judged before anything else is looked at.
const CAPTURE_BATCH: usize = 1024;

/// How often a source without events looks whether it is to end.
const IDLE: Duration = Duration::from_millis(50);

/// A source of events with the rules behind it.
pub(super) enum Feed {
    /// The kernel of this machine.
    Live { source: Box<dyn Source>, detector: Box<Detector>, batch: Vec<Observation>, boot_ns: u64 },
    /// A capture file.
    Capture { reader: Box<Reader>, state: Box<CaptureState>, engine: Box<Engine>, events: u64 },
    /// Nothing.
    Idle,
}

/// An event, or a moment without one.
pub(super) struct Judged {
    /// When it happened.
    pub(super) time: Timestamp,
    /// Events up to this one.
    pub(super) events: u64,
    /// Events lost up to now.
    pub(super) lost: u64,
}

impl Feed {
    /// Opens the source.
    pub(super) fn open(engine: &EngineKind, rules: RuleSet, context: &OutputContext) -> anyhow::Result<Self> {
        match engine {
            EngineKind::Live => Self::live(rules, context),
            EngineKind::Replay(path) => Self::capture(path, rules, context),
            EngineKind::NoDriver => Ok(Self::Idle),
        }
    }

    fn live(rules: RuleSet, context: &OutputContext) -> anyhow::Result<Self> {
        let ring_bytes = KernelOptions::default().ring_bytes;
        let config = CaptureConfig {
            source: CaptureSource::Kernel { ring_bytes },
            fair_limit: FAIR_LIMIT_DEFAULT,
            losses: LossPolicy::default(),
            scope: Scope::Machine,
        };
        let input = Input::open(&config, &context.hostname, &rules)?;
        let detector = Box::new(Detector::new(input.enricher, rules, context.clone()));
        Ok(Self::Live { source: input.source, detector, batch: Vec::new(), boot_ns: input.boot_ns })
    }

    fn capture(path: &Path, rules: RuleSet, context: &OutputContext) -> anyhow::Result<Self> {
        let (reader, metadata) =
            Reader::open(path).with_context(|| format!("Unable to open capture file {}", path.display()))?;
        let mut state = CaptureState::new(&metadata);
        state.want(rules.required_kinds());
        let engine = Box::new(Engine::new(rules, context.clone()));
        Ok(Self::Capture { reader: Box::new(reader), state: Box::new(state), engine, events: 0 })
    }

    /// Judges what is ready, waits a moment when nothing is; `seen` hears of each event with the alerts about it
    /// and says whether to go on. Returns whether more may follow.
    pub(super) fn judge(&mut self, mut seen: impl FnMut(&Judged, Vec<Alert>) -> bool) -> anyhow::Result<bool> {
        match self {
            Self::Idle => std::thread::sleep(IDLE),
            Self::Live { source, detector, batch, boot_ns } => {
                let drained = source.next_batch(batch)?;
                let lost = source.losses().missing();
                for observation in batch.drain(..) {
                    let alerts = detector.handle(std::slice::from_ref(&observation));
                    let events = detector.counters().received;
                    let time = Timestamp(*boot_ns + observation.boot_ns);
                    if !seen(&Judged { time, events, lost }, alerts) {
                        return Ok(false);
                    }
                }
                if drained.progress == Progress::CaughtUp {
                    std::thread::sleep(source.poll_interval());
                }
            }
            Self::Capture { reader, state, engine, events } => {
                for _ in 0..CAPTURE_BATCH {
                    let Some(captured) = reader.next_event()? else { return Ok(false) };
                    *events += 1;
                    let mut alerts = Vec::new();
                    if let Some(event) = state.handle(&captured) {
                        engine.evaluate(&event, &mut alerts);
                    }
                    let time = Timestamp(captured.time_ns);
                    if !seen(&Judged { time, events: *events, lost: 0 }, alerts) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}
