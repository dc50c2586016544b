//! The daemon: starts every stage, back to front, waits, and ends them front to back.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use anyhow::Context as _;
use tiercel_detection::OutputContext;
use tiercel_detection::event::KindSet;
use tokio::runtime;
use tracing::{error, info, warn};

use crate::capture::actor::{CaptureActor, StopCapture};
use crate::capture::{SharedCapabilities, Source};
use crate::clock::now;
use crate::config::{Config, RulesConfig, UplinkConfig};
use crate::detect::actor::{DetectActor, Finish, FollowWith, Upstream};
use crate::detect::{Detector, LoadedRules, LossPolicy, Reloader, RulesState, one_line, rules};
use crate::input::Input;
use crate::kubernetes_audit;
use crate::metrics;
use crate::outputs::Outputs;
use crate::shutdown::{self, Account, Failure, GRACE_PERIOD, Stop, Stopper};
use crate::status::{self, Check, Progress, Readiness, SILENCE_MAX, Server, Status};
use crate::uplink::{self, LinkState, NodeReport, SpoolOptions, UplinkHandle};

/// Threads for the network: the uplink has one connection and the status server a thread of its own.
const RUNTIME_THREADS: usize = 2;

/// What the steps after detection keep of the grace period.
const LAST_STEPS: Duration = Duration::from_secs(3);

/// What the steps after capture keep of the grace period: capture waits for detection, which may wait for a disk.
const LATER_STEPS: Duration = Duration::from_secs(6);

/// What the steps after the uplink keep of the grace period.
const FLUSH_RESERVE: Duration = Duration::from_secs(1);

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
    let recorded = rules::recorded_by(&config.capture.source);
    let rules = load_rules(&config.rules, recorded)?;
    let state = RulesState::new(&rules);
    let input = Input::open_with(&config.capture, &config.containers, &config.node_name, &rules.rules)?;
    let outputs = Outputs::start(&config.outputs).context("failed to open the local outputs")?;
    let reopener = outputs.reopener();
    let uplink = config.uplink.as_ref().map(start_uplink).transpose()?;
    let mut readiness = Readiness::default();
    readiness.add(state.check());
    if let Some(uplink) = uplink.clone() {
        readiness.add(move || uplink_check(&uplink));
    }
    let upstream = uplink.as_ref().map(|uplink| upstream(uplink, rules.sha256()));

    let records_environment = rules::read_environment(&rules.rules);
    let mut detector = Detector::new(input.enricher, rules.rules, input.context.clone());
    detector.wait_for_runtimes(config.containers.wait);
    let account = Arc::new(Account::default());
    let on_loss = (config.capture.losses, failure.clone());
    let detect = start_detect(detector, input.context.clone(), (outputs, upstream), on_loss, &account, &mut readiness);
    let (capture, capabilities) = start_capture(input.source, &detect, (failure, &account), &mut readiness);
    readiness.add(capture_check(capabilities.clone(), input.engine_name));
    let follow = FollowWith { capture: capture.clone().recipient(), capabilities };
    detect.send(follow).await.context("failed to reach detection")?;
    let audit = kubernetes_audit::start(&config.kubernetes_audit, &detect.clone().recipient())?;
    let reloader =
        Reloader::new(config.rules, recorded, input.context, state, detect.clone(), reopener, records_environment);
    reloader.start()?;
    let status = Status {
        readiness,
        metrics: recorder,
        engine_name: input.engine_name,
        started: now(),
        refresh: refresh(uplink.clone()),
    };
    let server = status::serve(config.status_listen, status)?;
    metrics::publish_identity(&config.node_name, input.engine_name, input.boot_ns);
    info!(node = config.node_name, source = input.engine_name, took = ?started.elapsed(), "armed");

    let stop = stopper.wait().await;
    if let Some(audit) = audit {
        audit.stop().await;
    }
    end_stages(&stop, &capture, &detect, uplink.as_ref(), &server).await;
    account.close(uplink.as_ref().map(|uplink| uplink.metrics().spool.spooled));
    match stop {
        Stop::Signal(_) => Ok(()),
        Stop::Failure(reason) => Err(anyhow::anyhow!(reason)),
    }
}

/// Loads the rules; a bad one is reported and left out.
fn load_rules(config: &RulesConfig, recorded: Option<KindSet>) -> anyhow::Result<LoadedRules> {
    let loaded = rules::load_for(config, recorded)?;
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

fn start_uplink(config: &UplinkConfig) -> anyhow::Result<UplinkHandle> {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").context("failed to read the boot id")?;
    let handle = uplink::start(uplink::UplinkConfig {
        aggregators: config.aggregators.clone(),
        server_name: config.server_name.clone(),
        tls: config.tls.clone(),
        spool: SpoolOptions { directory: config.spool.directory.clone(), bytes_max: config.spool.bytes_max },
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        boot_id: boot_id.trim().to_owned(),
    })
    .context("failed to start the uplink")?;
    info!(aggregators = config.aggregators.join(","), spool = %config.spool.directory.display(), "uplink started");
    Ok(handle)
}

/// What detection needs of the uplink.
fn upstream(uplink: &UplinkHandle, rules_sha256: String) -> Upstream {
    let report = NodeReport { rules_sha256, ..NodeReport::default() };
    Upstream { alerts: uplink.recipient(), reports: uplink.report_recipient(), report }
}

/// Without a connection the uplink does its work as long as alerts are safe on disk.
fn uplink_check(uplink: &UplinkHandle) -> Check {
    let metrics = uplink.metrics();
    let silence = metrics.progress_at.elapsed();
    let ok = uplink.is_alive() && silence <= SILENCE_MAX && !metrics.spool.is_degraded;
    let link = match metrics.link {
        LinkState::Connected { address } => format!("connected to {address}"),
        LinkState::Connecting { address } => format!("connecting to {address}"),
        LinkState::Waiting { reason } => format!("spooling ({})", reason.as_deref().unwrap_or("not tried yet")),
    };
    let disk = if metrics.spool.is_degraded { ", the disk takes nothing" } else { "" };
    let detail =
        format!("{link}, {} alerts wait, last sign {} ms ago{disk}", metrics.spool.waiting, silence.as_millis());
    Check { name: "uplink", ok, detail }
}

fn refresh(uplink: Option<UplinkHandle>) -> Box<dyn Fn() + Send + Sync> {
    Box::new(move || {
        if let Some(uplink) = &uplink {
            metrics::publish_uplink(&uplink.metrics());
        }
    })
}

fn start_detect(
    detector: Detector,
    context: OutputContext,
    (outputs, upstream): (Outputs, Option<Upstream>),
    on_loss: (LossPolicy, Failure),
    account: &Arc<Account>,
    readiness: &mut Readiness,
) -> Addr<DetectActor> {
    let progress = Progress::new("detect");
    let watched = Arc::clone(&progress);
    readiness.add(move || watched.check());
    let actor =
        DetectActor::new(detector, context, outputs, upstream, progress, on_loss).with_account(Arc::clone(account));
    DetectActor::start_in_arbiter(&Arbiter::new().handle(), move |_| actor)
}

fn start_capture(
    source: Box<dyn Source>,
    detect: &Addr<DetectActor>,
    (failure, account): (Failure, &Arc<Account>),
    readiness: &mut Readiness,
) -> (Addr<CaptureActor>, SharedCapabilities) {
    let progress = Progress::new("capture_loop");
    let watched = Arc::clone(&progress);
    readiness.add(move || watched.check());
    let actor = CaptureActor::new(source, detect.clone().recipient(), detect.clone().recipient(), progress, failure)
        .with_account(Arc::clone(account));
    let capabilities = actor.capabilities();
    (CaptureActor::start_in_arbiter(&Arbiter::new().handle(), move |_| actor), capabilities)
}

fn capture_check(
    capabilities: SharedCapabilities,
    engine_name: &'static str,
) -> impl Fn() -> Check + Send + Sync + 'static {
    move || {
        let capabilities = capabilities.get();
        let detail = format!("{engine_name}: {}", capabilities.words().join(" "));
        Check { name: "capture", ok: capabilities.is_complete(), detail }
    }
}

/// Front to back: nothing new comes in, what is inside is judged, alerts are handed on, connections close.
async fn end_stages(
    stop: &Stop,
    capture: &Addr<CaptureActor>,
    detect: &Addr<DetectActor>,
    uplink: Option<&UplinkHandle>,
    server: &Server,
) {
    info!(reason = ?stop, "stopping");
    let deadline = Instant::now() + GRACE_PERIOD;
    let until = tokio::time::Instant::from_std(deadline);
    shutdown::step("capture", until - LATER_STEPS, capture.send(StopCapture)).await;
    shutdown::step("detect", until - FLUSH_RESERVE, detect.send(Finish { deadline: deadline - LAST_STEPS })).await;
    if let Some(uplink) = uplink {
        let connected = matches!(uplink.metrics().link, LinkState::Connected { .. });
        let left = deadline.saturating_duration_since(Instant::now());
        // What is on disk is safe; waiting for a cluster that is not there would only hold up a restart.
        let grace = if connected { left.saturating_sub(FLUSH_RESERVE) } else { FLUSH_RESERVE };
        if let Some(waiting) = shutdown::step("uplink", until, uplink.flush(grace)).await {
            info!(?waiting, "alerts left in the spool");
        }
    }
    shutdown::step("status", until, server.stop()).await;
}
