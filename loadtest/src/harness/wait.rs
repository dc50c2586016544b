//! Waiting for conditions, never for time.

use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Context;

/// How long to sleep between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks at a condition until it yields a value.
///
/// # Errors
/// When it has not within `limit`; the text names the condition.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = look() {
            return Ok(value);
        }
        anyhow::ensure!(Instant::now() < deadline, "waited {limit:?} in vain for {what}");
        sleep(LOOK_EVERY);
    }
}

/// Runs a command to its end and kills it when it takes longer than `limit`.
///
/// # Errors
/// When it cannot be started or takes too long.
pub fn run_bounded(command: &mut Command, limit: Duration) -> anyhow::Result<Output> {
    let shown = format!("{command:?}");
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {shown}"))?;
    collect(child, limit).with_context(|| format!("failed to run {shown}"))
}

fn collect(mut child: Child, limit: Duration) -> anyhow::Result<Output> {
    // Small outputs only: the pipes are read after the end.
    let ended = wait_for("its end", limit, || child.try_wait().transpose());
    match ended {
        Ok(status) => {
            status.context("failed to wait")?;
        }
        Err(error) => {
            child.kill().context("failed to kill")?;
            child.wait().context("failed to wait")?;
            return Err(error);
        }
    }
    child.wait_with_output().context("failed to read its output")
}
