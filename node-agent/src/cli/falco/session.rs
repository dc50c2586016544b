//! One run: from the configuration to the last alert, or to a restart with the configuration of then.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tiercel_agent::detect::{LossAction, internal};
use tiercel_agent::metrics::DetectMetrics;
use tiercel_agent::outputs::Outputs;
use tiercel_detection::alert::FieldValue;
use tiercel_detection::event::{Text, Timestamp};
use tiercel_detection::{Alert, OutputContext, Priority, RuleSet};
use tracing::{error, info, warn};

use super::drops::{DropWatch, Due};
use super::feed::Feeds;
use super::settings::{EngineKind, Settings};
use super::signals::{FileWatch, Signals};
use super::statistics::Statistics;

/// How long outputs have for what is still queued at the end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// Well.
    Done,
    /// Too many events were lost, and the configuration says that this is the end.
    Lost,
    /// To begin anew.
    Restart,
}

/// What is around a run.
pub(super) struct Surroundings<'a> {
    pub(super) signals: &'a Signals,
    /// When to end.
    pub(super) until: Option<Instant>,
    /// Files whose change asks for a restart.
    pub(super) files: Vec<PathBuf>,
    /// Whether configuration and rules could be used as they are now.
    pub(super) check: &'a dyn Fn() -> anyhow::Result<()>,
}

/// Reads events until they end, or somebody ends it.
pub(super) fn run(
    out: &mut impl Write,
    settings: &Settings,
    rules: RuleSet,
    around: &Surroundings<'_>,
) -> anyhow::Result<Ended> {
    let context =
        OutputContext { hostname: hostname().into(), time_zone: TimeZone::system(), time_format: settings.time_format };
    announce(settings);
    let mut feeds = Feeds::open(settings, &rules, &context)?;
    let outputs = Outputs::start(&usable(settings))?;
    let mut session = Session {
        drops: DropWatch::new(settings.drops.clone()),
        statistics: Statistics::default(),
        metrics: DetectMetrics::default(),
        exit: false,
        outputs,
        context,
    };
    let ended = session.read(&mut feeds, settings, around);
    if !session.outputs.finish(Instant::now() + FINISH_TIMEOUT) {
        error!("not all alerts could be written in time");
    }
    let ended = ended?;
    if session.drops.occurrences > 0 {
        eprintln!("event drop detected: {} occurrences", session.drops.occurrences);
        eprintln!("num times actions taken: {}", session.drops.actions_taken);
    }
    if ended != Ended::Restart {
        session.statistics.print(out)?;
    }
    Ok(ended)
}

struct Session {
    outputs: Outputs,
    context: OutputContext,
    statistics: Statistics,
    metrics: DetectMetrics,
    drops: DropWatch,
    exit: bool,
}

impl Session {
    fn read(&mut self, feeds: &mut Feeds, settings: &Settings, around: &Surroundings<'_>) -> anyhow::Result<Ended> {
        let mut watch = FileWatch::new(if settings.watch_files { around.files.clone() } else { Vec::new() });
        loop {
            if around.signals.end() || around.until.is_some_and(|until| Instant::now() >= until) {
                return Ok(Ended::Done);
            }
            if around.signals.take_reopen() {
                self.outputs.reopener().reopen();
            }
            let restart = around.signals.take_restart() || watch.take_change();
            if restart && self.may_restart(around) {
                return Ok(Ended::Restart);
            }
            let more = feeds.judge(|judged, alerts| {
                self.give_out(alerts);
                if judged.is_call
                    && let Some(due) = self.drops.note(judged.time, judged.events, judged.lost)
                {
                    self.act(&due, judged.time);
                }
                !self.exit
            })?;
            if self.exit {
                return Ok(Ended::Lost);
            }
            if !more {
                return Ok(Ended::Done);
            }
        }
    }

    fn give_out(&mut self, alerts: Vec<Alert>) {
        self.metrics.count(&alerts);
        for alert in alerts {
            self.statistics.count(&alert);
            self.outputs.hand_over(alert);
        }
    }

    /// A restart into a broken configuration would end a sensor that works.
    fn may_restart(&self, around: &Surroundings<'_>) -> bool {
        let Err(failure) = (around.check)() else {
            info!("SIGHUP received, restarting...");
            return true;
        };
        error!("the new configuration cannot be used, the old one stays: {failure:#}");
        let reason = (Text::from("reason"), FieldValue::Text(format!("{failure:#}").into()));
        let (rule, message) = ("Falco internal: hot restart failure", "Falco internal: hot restart failure");
        self.tell(rule, Priority::Critical, message, vec![reason], now());
        false
    }

    fn act(&mut self, due: &Due, time: Timestamp) {
        let rule = "Falco internal: syscall event drop";
        let message = format!("{rule}. {} system calls dropped in last second.", due.lost);
        for action in &due.actions {
            match action {
                LossAction::Ignore => {}
                LossAction::Log => warn!("{message}"),
                LossAction::Alert => {
                    let lost = (Text::from("n_drops"), FieldValue::Text(due.lost.to_string().into()));
                    self.tell(rule, Priority::Debug, &message, vec![lost], time);
                }
                LossAction::Exit => {
                    error!("{message}");
                    error!("Exiting.");
                    self.exit = true;
                }
            }
        }
    }

    fn tell(&self, rule: &str, priority: Priority, message: &str, fields: Vec<(Text, FieldValue)>, time: Timestamp) {
        self.outputs.hand_over(internal::alert(&self.context, rule, priority, message, fields, time));
    }
}

/// The outputs that can work on this machine: a machine without a system log is no reason not to start.
fn usable(settings: &Settings) -> tiercel_agent::config::OutputsConfig {
    let mut outputs = settings.outputs.clone();
    if let Some(syslog) = outputs.syslog.take_if(|syslog| !syslog.socket.exists()) {
        warn!("syslog_output is enabled, but {} does not exist: it stays silent", syslog.socket.display());
    }
    outputs
}

fn announce(settings: &Settings) {
    match &settings.engine {
        _ if !settings.syscalls => {}
        EngineKind::Live => info!("Opening 'syscall' source with the sensor of tiercel-agent"),
        EngineKind::Replay(path) => info!("Replaying capture file: {}", path.display()),
        EngineKind::NoDriver => info!("Opening 'syscall' source with no driver"),
    }
    if settings.audit.is_some() {
        info!("Opening 'k8s_audit' source with the audit input of tiercel-agent");
    }
}

fn hostname() -> String {
    let named = std::env::var("FALCO_HOSTNAME").ok().filter(|name| !name.is_empty());
    let own = || nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    named.or_else(|| own().ok()).unwrap_or_else(|| "localhost".to_owned())
}

/// The time, as events have it.
pub(super) fn now() -> Timestamp {
    let nanoseconds = jiff::Timestamp::now().as_nanosecond();
    Timestamp(u64::try_from(nanoseconds).unwrap_or_default())
}

/// Writes the process id where somebody wants to find it.
pub(super) fn write_pidfile(path: &std::path::Path) -> anyhow::Result<()> {
    std::fs::write(path, format!("{}\n", std::process::id()))
        .with_context(|| format!("failed to write the process id to {}", path.display()))
}
