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

use super::audit::AuditFeed;
use super::settings::{EngineKind, Settings};

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
    /// Requests to an API server.
    Audit(AuditFeed),
    /// Nothing.
    Idle,
}

/// All sources of a run, each with its own engine, as Falco has them.
pub(super) struct Feeds(Vec<Feed>);

/// An event, or a moment without one.
pub(super) struct Judged {
    /// When it happened.
    pub(super) time: Timestamp,
    /// Events up to this one.
    pub(super) events: u64,
    /// Events lost up to now.
    pub(super) lost: u64,
    /// Whether it is of the stream of system calls, whose losses are watched.
    pub(super) is_call: bool,
}

impl Feeds {
    /// Opens every source that is on.
    pub(super) fn open(settings: &Settings, rules: &RuleSet, context: &OutputContext) -> anyhow::Result<Self> {
        let mut feeds = Vec::new();
        if settings.syscalls {
            feeds.push(Feed::open(&settings.engine, rules.clone(), context)?);
        }
        if let Some(input) = &settings.audit {
            let engine = Engine::new(rules.clone(), context.clone());
            feeds.push(Feed::Audit(AuditFeed::open(input, engine)?));
        }
        Ok(Self(feeds))
    }

    /// Lets every source judge what is ready; returns whether more may follow of any.
    pub(super) fn judge(&mut self, mut seen: impl FnMut(&Judged, Vec<Alert>) -> bool) -> anyhow::Result<bool> {
        let mut ended = Vec::new();
        for (place, feed) in self.0.iter_mut().enumerate() {
            if !feed.judge(&mut seen)? {
                ended.push(place);
            }
        }
        ended.into_iter().rev().for_each(|place| drop(self.0.remove(place)));
        Ok(!self.0.is_empty())
    }
}

impl Feed {
    /// Opens the source.
    fn open(engine: &EngineKind, rules: RuleSet, context: &OutputContext) -> anyhow::Result<Self> {
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
    fn judge(&mut self, mut seen: impl FnMut(&Judged, Vec<Alert>) -> bool) -> anyhow::Result<bool> {
        match self {
            Self::Audit(feed) => {
                return feed.judge(IDLE, |document, alerts| {
                    let judged = Judged { time: document.time, events: document.number, lost: 0, is_call: false };
                    seen(&judged, alerts)
                });
            }
            Self::Idle => std::thread::sleep(IDLE),
            Self::Live { source, detector, batch, boot_ns } => {
                let drained = source.next_batch(batch)?;
                let lost = source.losses().missing();
                for observation in batch.drain(..) {
                    let alerts = detector.handle(std::slice::from_ref(&observation));
                    let events = detector.counters().received;
                    let time = Timestamp(*boot_ns + observation.boot_ns);
                    if !seen(&Judged { time, events, lost, is_call: true }, alerts) {
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
                    if !seen(&Judged { time, events: *events, lost: 0, is_call: true }, alerts) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }
}
