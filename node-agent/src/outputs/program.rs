//! A program that reads alerts from its standard input: one run for each alert, or one run for all.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::worker::{Courier, Failure};
use crate::config::ProgramOutput;

/// Runs the program by the shell, as Falco does.
pub(super) struct Program {
    command: String,
    timeout: Duration,
    keep_alive: bool,
    /// The run that goes on, when it is kept.
    running: Option<Running>,
}

impl Program {
    pub(super) fn new(output: &ProgramOutput) -> Self {
        let ProgramOutput { command, timeout, keep_alive, format: _ } = output.clone();
        Self { command, timeout, keep_alive, running: None }
    }

    /// Hands one line to a run of its own and waits for its end.
    async fn run_once(&self, line: &str) -> Result<(), Failure> {
        let mut running = self.start()?;
        let ended = timeout(self.timeout, async {
            running.write(line).await?;
            running.end().await
        });
        match ended.await {
            Err(_) => Err(Failure::Final(anyhow!("the program did not end within {:?} and was killed", self.timeout))),
            Ok(Err(error)) => Err(Failure::Final(error.context("failed to run the program"))),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// Hands one line to the run that goes on; a run that ended or does not read is replaced.
    async fn feed(&mut self, line: &str) -> Result<(), Failure> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => self.start()?,
        };
        match timeout(self.timeout, running.write(line)).await {
            Err(_) => Err(Failure::Passing(anyhow!("the program read nothing for {:?} and was killed", self.timeout))),
            Ok(Err(error)) => Err(Failure::Passing(error.context("failed to write to the program"))),
            Ok(Ok(())) => {
                self.running = Some(running);
                Ok(())
            }
        }
    }

    fn start(&self) -> Result<Running, Failure> {
        let child = Command::new("sh")
            .arg("-c")
            .arg(&self.command)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("failed to start the program")
            .map_err(Failure::Passing)?;
        Ok(Running { child })
    }
}

impl Courier for Program {
    async fn deliver(&mut self, line: &str) -> Result<(), Failure> {
        if self.keep_alive { self.feed(line).await } else { self.run_once(line).await }
    }

    async fn finish(&mut self) {
        if let Some(mut running) = self.running.take()
            && !matches!(timeout(self.timeout, running.end()).await, Ok(Ok(())))
        {
            tracing::warn!(command = self.command, "the output program did not end well");
        }
    }
}

/// A run of the program. Dropping it kills whatever still runs of it.
struct Running {
    child: Child,
}

impl Running {
    async fn write(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe).map_err(io::Error::from)?;
        input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(input.flush().await?)
    }

    /// Closes its input and waits.
    async fn end(&mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(anyhow!("the program ended with {status}")) }
    }
}

impl Drop for Running {
    /// The shell may have started others: they are of its group. A run that was waited for has no id any more.
    fn drop(&mut self) {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            // The group may have ended by itself a moment ago.
            _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}
