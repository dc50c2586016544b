//! `record`: writes what happens on this machine to a file, with all that a replay needs.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use tiercel_agent::capture::{KernelOptions, Scope};
use tiercel_agent::config::{CaptureSource, Config};
use tiercel_agent::detect::rules;
use tiercel_agent::recorder::{Recorder, Summary};
use tiercel_detection::RuleSet;

use super::stdout;

/// What to record, and for how long.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The recording to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Configuration file [default: /etc/tiercel/agent.yaml if it exists]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Stop after so many seconds [default: at SIGINT or SIGTERM]
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Record only this cgroup and those below it
    #[arg(long, value_name = "PATH", conflicts_with = "scope_process_tree")]
    scope_cgroup: Option<PathBuf>,
    /// Record only this process and its descendants
    #[arg(long, value_name = "PID")]
    scope_process_tree: Option<u32>,
    /// Record the environment of programs, for rules on proc.env that are not configured here; it often holds secrets
    #[arg(long)]
    environment: bool,
}

impl Arguments {
    fn scope(&self, config: &Config) -> Scope {
        match (&self.scope_cgroup, self.scope_process_tree) {
            (Some(path), _) => Scope::Cgroup(path.clone()),
            (None, Some(pid)) => Scope::ProcessTree(pid),
            (None, None) => config.capture.scope.clone(),
        }
    }
}

/// Records until the time is over or a signal comes.
pub(super) fn record(arguments: &Arguments) -> anyhow::Result<bool> {
    let config = Config::load(arguments.config.as_deref())?;
    let ring_bytes = match config.capture.source {
        CaptureSource::Kernel { ring_bytes } => ring_bytes,
        CaptureSource::Recording(_) => KernelOptions::default().ring_bytes,
    };
    let rules = rules_to_serve(&config)?;
    let recorder = Recorder {
        ring_bytes,
        scope: arguments.scope(&config),
        environment: arguments.environment || rules.iter().any(rules::read_environment),
        paths: rules.iter().flat_map(RuleSet::literal_paths).collect(),
    };
    let signalled = end_on_signal()?;
    let until = arguments.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    eprintln!("recording to {}", arguments.file.display());
    let summary = recorder.record(&arguments.file, || {
        signalled.load(Ordering::Acquire) || until.is_some_and(|until| Instant::now() >= until)
    })?;
    let Summary { observations, bytes, losses } = summary;
    let out = &mut stdout();
    let (lost, malformed) = (losses.missing(), losses.malformed);
    writeln!(out, "{observations} records, {bytes} bytes, {lost} lost in the kernel, {malformed} malformed")?;
    Ok(true)
}

/// The built-in rules and the configured ones. A replay can only tell by its identity which file was meant if that was
/// asked while recording, so all rules that may be replayed have a say.
fn rules_to_serve(config: &Config) -> anyhow::Result<[RuleSet; 2]> {
    let mut built_in = config.rules.clone();
    built_in.files.clear();
    Ok([rules::load(&built_in)?.rules, rules::load(&config.rules)?.rules])
}

/// Becomes true at SIGINT or SIGTERM.
fn end_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let ended = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let flag = Arc::clone(&ended);
    let body = move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        flag.store(true, Ordering::Release);
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(body)?;
    Ok(ended)
}
