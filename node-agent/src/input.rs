//! Where observations come from, with all that is needed to understand them: the kernel of this machine, or a
//! recording of any machine.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tiercel_detection::{OutputContext, RuleSet, TimeFormat};
use tracing::{error, info, warn};

use crate::capture::recording::Recording;
use crate::capture::{CapabilityMatrix, HookState, KernelOptions, KernelSource, Scope, Source, WantedCalls};
use crate::config::{CaptureConfig, CaptureSource};
use crate::detect::rules::read_environment;
use crate::enrich::{self, ContainerOptions, Enricher, LiveMachine, Lookups, Machine};

/// A source with the machine around it.
pub struct Input {
    /// Gives the observations.
    pub source: Box<dyn Source>,
    /// Understands them.
    pub enricher: Enricher,
    /// What outputs say of that machine.
    pub context: OutputContext,
    /// `tiercel_ebpf` or `recording`.
    pub engine_name: &'static str,
    /// When that machine was started, nanoseconds since the epoch.
    pub boot_ns: u64,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("engine_name", &self.engine_name).finish_non_exhaustive()
    }
}

impl Input {
    /// Opens what is configured; `node_name` is what alerts carry as host name.
    ///
    /// # Errors
    /// When no kernel program can be attached, /proc cannot be read, or the recording cannot be read.
    pub fn open(config: &CaptureConfig, node_name: &str, rules: &RuleSet) -> anyhow::Result<Self> {
        Self::open_with(config, &ContainerOptions::default(), node_name, rules)
    }

    /// The same, with runtimes of containers in other places.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn open_with(
        config: &CaptureConfig,
        containers: &ContainerOptions,
        node_name: &str,
        rules: &RuleSet,
    ) -> anyhow::Result<Self> {
        match &config.source {
            CaptureSource::Kernel { ring_bytes } => {
                let options = KernelOptions {
                    ring_bytes: *ring_bytes,
                    calls: WantedCalls::for_kinds(&rules.required_kinds()),
                    fair_limit: config.fair_limit,
                    capture_environment: read_environment(rules),
                    scope: config.scope.clone(),
                    ..KernelOptions::default()
                };
                Self::kernel(&options, containers, node_name)
            }
            CaptureSource::Recording(path) => {
                let input = Self::recording(path)?;
                let context = OutputContext { hostname: node_name.into(), ..input.context };
                Ok(Self { context, ..input })
            }
        }
    }

    /// Watches this machine. Attaches first and looks at /proc then, so that no process is born unseen between the two.
    fn kernel(options: &KernelOptions, containers: &ContainerOptions, node_name: &str) -> anyhow::Result<Self> {
        let source = KernelSource::open(options)?;
        log_hooks(source.capabilities());
        let runtimes = Lookups::start(containers.clone()).context("failed to start asking container runtimes")?;
        let mut machine = Machine::new().with_runtimes(runtimes);
        let snapshot = machine.snapshot().context("failed to read the processes of this machine")?;
        info!(processes = snapshot.processes.len(), "processes scanned");
        let live =
            enrich::Options { machine: Some(Arc::new(LiveMachine::default())), ..enrich_options(&options.scope) };
        Ok(Self {
            source: Box::new(source),
            enricher: Enricher::new(&snapshot, Box::new(machine), live),
            context: OutputContext {
                hostname: node_name.into(),
                time_zone: TimeZone::system(),
                time_format: TimeFormat::default(),
            },
            engine_name: "tiercel_ebpf",
            boot_ns: snapshot.boot_offset_ns,
        })
    }

    /// Replays a recording. Times of day are printed in UTC, so that the output is the same on every machine.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn recording(path: &Path) -> anyhow::Result<Self> {
        let Recording { snapshot, answers, source } =
            Recording::open(path).with_context(|| format!("failed to open {}", path.display()))?;
        Ok(Self {
            source: Box::new(source),
            enricher: Enricher::new(&snapshot, Box::new(answers), enrich::Options::default()),
            context: OutputContext {
                hostname: snapshot.hostname.as_str().into(),
                time_zone: TimeZone::UTC,
                time_format: TimeFormat::default(),
            },
            engine_name: "recording",
            boot_ns: snapshot.boot_offset_ns,
        })
    }
}

/// What enrichment must know of the scope. The kernel programs follow a process tree from their attachment on, the
/// process table knows it from /proc as well: both together leave nobody in who does not belong.
pub fn enrich_options(scope: &Scope) -> enrich::Options {
    let process_tree = match scope {
        Scope::ProcessTree(pid) => Some(*pid),
        Scope::Machine | Scope::Cgroup(_) => None,
    };
    enrich::Options { process_tree, ..enrich::Options::default() }
}

/// Says of every hook whether it is in place.
pub fn log_hooks(capabilities: &CapabilityMatrix) {
    for hook in &capabilities.hooks {
        match &hook.state {
            HookState::Attached(back_end) => {
                let (back_end, needed_for) = (back_end.name(), &hook.needed_for);
                info!(hook = hook.name, purpose = hook.purpose, back_end, needed_for, "attached");
            }
            HookState::NotNeeded => info!(hook = hook.name, purpose = hook.purpose, "not needed by any rule"),
            HookState::Refused(reason) => error!(hook = hook.name, purpose = hook.purpose, reason, "not attached"),
        }
    }
    for note in &capabilities.notes {
        warn!("{note}");
    }
}
