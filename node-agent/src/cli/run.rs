//! `run`: the daemon.

use tiercel_agent::app;

use super::ConfigArguments;

/// Watches until a signal ends it.
pub(super) fn run(arguments: &ConfigArguments) -> anyhow::Result<bool> {
    app::run(arguments.load()?)?;
    Ok(true)
}
