//! `check`: would `run` start?

use std::io::Write as _;

use tiercel_agent::config::{CaptureSource, Config, Scope};
use tiercel_agent::detect::rules;

use super::{ConfigArguments, stdout};

/// Judges the configuration and every rule that it names.
pub(super) fn check(arguments: &ConfigArguments) -> anyhow::Result<bool> {
    let out = &mut stdout();
    let config = arguments.load()?;
    let loaded = rules::load_for(&config.rules, rules::recorded_by(&config.capture.source))?;
    if loaded.report.errors().chain(loaded.report.warnings()).next().is_some() {
        writeln!(out, "{}", loaded.report)?;
    }
    writeln!(out, "configuration: ok")?;
    writeln!(out, "  node          {}", config.node_name)?;
    writeln!(out, "  capture       {}", capture(&config))?;
    writeln!(
        out,
        "  rules         {} of {} enabled, {} errors",
        loaded.report.rules_enabled,
        loaded.report.rules_loaded,
        loaded.report.errors().count()
    )?;
    writeln!(
        out,
        "  aggregators   {}",
        config.uplink.as_ref().map_or("none".to_owned(), |uplink| uplink.aggregators.join(", "))
    )?;
    writeln!(out, "  status server {}", config.status_listen)?;
    Ok(loaded.report.is_ok())
}

fn capture(config: &Config) -> String {
    let source = match &config.capture.source {
        CaptureSource::Kernel { ring_bytes } => format!("kernel, {ring_bytes} bytes for each class"),
        CaptureSource::Recording(path) => format!("recording {}", path.display()),
    };
    match &config.capture.scope {
        Scope::Machine => source,
        Scope::Cgroup(path) => format!("{source}, only cgroup {}", path.display()),
        Scope::ProcessTree(pid) => format!("{source}, only process {pid} and its descendants"),
    }
}
