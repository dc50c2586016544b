//! The daemon: starts every stage, back to front, waits, and ends them front to back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use anyhow::Context as _;
use tiercel_detection::OutputContext;
use tokio::runtime;
use tracing::{error, info, warn};

use crate::capture::actor::{CaptureActor, StopCapture};
use crate::capture::{HookState, Source};
use crate::config::{Config, RulesConfig};
use crate::detect::actor::{DetectActor, Finish, FollowWith, now};
use crate::detect::{Detector, LoadedRules, Reloader, RulesState, one_line, rules};
use crate::input::Input;
use crate::metrics;
use crate::outputs::Outputs;
use crate::shutdown::{self, Failure, GRACE_PERIOD, Stop, Stopper};
use crate::status::{self, Check, Progress, Readiness, Server, Status};

/// Threads for the network: the uplink has one connection and the status server a thread of its own.
const RUNTIME_THREADS: usize = 2;

/// What the last steps of the shutdown keep of the grace period.
const LAST_STEPS: Duration = Duration::from_secs(3);

/// Runs the agent until a signal ends it.
///
/// # Errors
/// When a stage cannot be started, or fails so that the agent would be blind.
pub fn run(config: Config) -> anyhow::Result<()> {
    shutdown::abort_on_panic();
    let runtime = || {
        runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .enable_all()
            .build()
            .expect("the kernel grants threads and an epoll instance at start-up")
    };
    System::with_tokio_rt(runtime).block_on(run_stages(config))
}

async fn run_stages(config: Config) -> anyhow::Result<()> {
    let started = Instant::now();
    let (mut stopper, failure) = Stopper::new().context("failed to listen for signals")?;
    let recorder = metrics::install().context("failed to install the metrics recorder")?;
    let rules = load_rules(&config.rules)?;
    let state = RulesState::new(&rules);
    let input = Input::open(&config.capture, &config.node_name, &rules.rules)?;
    let outputs = Outputs::start(&config.outputs).context("failed to open the local outputs")?;
    let reopener = outputs.reopener();
    let mut readiness = Readiness::default();
    readiness.add(capture_check(&input));
    readiness.add(state.check());

    let detector = Detector::new(input.enricher, rules.rules, input.context.clone());
    let detect = start_detect(detector, input.context.clone(), outputs, &mut readiness);
    let capture = start_capture(input.source, &detect, failure, &mut readiness);
    detect.send(FollowWith(capture.clone().recipient())).await.context("failed to reach detection")?;
    Reloader::new(config.rules.clone(), input.context, state, detect.clone(), reopener).start()?;
    let status = Status { readiness, metrics: recorder, engine_name: input.engine_name, started_ns: now().0 };
    let server = status::serve(config.status_listen, status)?;
    metrics::publish_identity(&config.node_name, input.engine_name, input.boot_ns);
    info!(node = config.node_name, source = input.engine_name, took = ?started.elapsed(), "armed");

    let stop = stopper.wait().await;
    end_stages(&stop, &capture, &detect, &server).await;
    match stop {
        Stop::Signal(_) => Ok(()),
        Stop::Failure(reason) => Err(anyhow::anyhow!(reason)),
    }
}

/// Loads the rules; a bad one is reported and left out.
fn load_rules(config: &RulesConfig) -> anyhow::Result<LoadedRules> {
    let loaded = rules::load(config)?;
    for diagnostic in loaded.report.errors() {
        error!(error = one_line(diagnostic), "rule left out");
    }
    for diagnostic in loaded.report.warnings() {
        warn!(warning = one_line(diagnostic), "rule is suspicious");
    }
    let (enabled, loaded_count) = (loaded.report.rules_enabled, loaded.report.rules_loaded);
    info!(enabled, loaded = loaded_count, files = loaded.digests.len(), "rules loaded");
    if enabled == 0 {
        error!("no rule is enabled: nothing will be detected");
    }
    Ok(loaded)
}

fn start_detect(
    detector: Detector,
    context: OutputContext,
    outputs: Outputs,
    readiness: &mut Readiness,
) -> Addr<DetectActor> {
    let progress = Progress::new("detect");
    let watched = Arc::clone(&progress);
    readiness.add(move || watched.check());
    let actor = DetectActor::new(detector, context, outputs, None, progress);
    DetectActor::start_in_arbiter(&Arbiter::new().handle(), move |_| actor)
}

fn start_capture(
    source: Box<dyn Source>,
    detect: &Addr<DetectActor>,
    failure: Failure,
    readiness: &mut Readiness,
) -> Addr<CaptureActor> {
    let progress = Progress::new("capture_loop");
    let watched = Arc::clone(&progress);
    readiness.add(move || watched.check());
    let actor = CaptureActor::new(source, detect.clone().recipient(), detect.clone().recipient(), progress, failure);
    CaptureActor::start_in_arbiter(&Arbiter::new().handle(), move |_| actor)
}

fn capture_check(input: &Input) -> impl Fn() -> Check + Send + Sync + 'static {
    let capabilities = input.source.capabilities().clone();
    let engine_name = input.engine_name;
    move || {
        let attached = capabilities.hooks.iter().filter(|hook| hook.state == HookState::Attached).count();
        let detail = format!("{engine_name}: {attached} of {} hooks attached", capabilities.hooks.len());
        Check { name: "capture", ok: capabilities.is_complete(), detail }
    }
}

/// Front to back: nothing new comes in, what is inside is judged, alerts are handed on, connections close.
async fn end_stages(stop: &Stop, capture: &Addr<CaptureActor>, detect: &Addr<DetectActor>, server: &Server) {
    info!(reason = ?stop, "stopping");
    let deadline = Instant::now() + GRACE_PERIOD;
    let until = tokio::time::Instant::from_std(deadline);
    shutdown::step("capture", until, capture.send(StopCapture)).await;
    shutdown::step("detect", until, detect.send(Finish { deadline: deadline - LAST_STEPS })).await;
    shutdown::step("status", until, server.stop()).await;
}
