//! One process under test.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::wait_for;

/// How long a daemon may take to drain after SIGTERM before it is killed.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// How many lines of a log a failure text shows.
const LOG_LINES_SHOWN: usize = 30;

/// A running program with its logs in files. It is ended when the handle is dropped.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Option<Child>,
    log: PathBuf,
    output: PathBuf,
}

impl Daemon {
    /// Starts a program; standard error goes to `NAME.log` and standard output to `NAME.out` in `directory`, after
    /// what earlier runs of the name left there. If this process is killed the kernel kills the program too.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &str, program: &Path, arguments: &[&str], directory: &Path) -> anyhow::Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let output = directory.join(format!("{name}.out"));
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(append(&output)?)
            .stderr(append(&log)?)
            .spawn()
            .with_context(|| format!("failed to start {}", program.display()))?;
        Ok(Self { name: name.to_owned(), child: Some(child), log, output })
    }

    /// Its process id; 0 once it was ended.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Ends it at once with SIGKILL, as a crash or the kernel's memory killer would.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().with_context(|| format!("failed to kill {}", self.name))?;
            child.wait().with_context(|| format!("failed to wait for {}", self.name))?;
        }
        Ok(())
    }

    /// Asks it to end with SIGTERM and waits until it has.
    ///
    /// # Errors
    /// When it does not end within ten seconds; it is killed then.
    pub fn terminate(&mut self) -> anyhow::Result<ExitStatus> {
        let mut child = self.child.take().with_context(|| format!("{} does not run", self.name))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).context("failed to convert a process id")?);
        kill(pid, Signal::SIGTERM).with_context(|| format!("failed to signal {}", self.name))?;
        let ended = wait_for(&format!("the end of {}", self.name), DRAIN_LIMIT, || child.try_wait().transpose());
        match ended {
            Ok(status) => status.context("failed to wait"),
            Err(error) => {
                child.kill().context("failed to kill")?;
                child.wait().context("failed to wait")?;
                Err(error)
            }
        }
    }

    /// What it has written to standard error so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it has written to standard output so far.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// The last lines of its log, for failure texts.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.iter().skip(lines.len().saturating_sub(LOG_LINES_SHOWN));
        tail.fold(format!("\n--- last lines of {}:\n", self.log.display()), |text, line| text + line + "\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if self.child.is_some() {
            drop(self.terminate());
        }
    }
}

fn append(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("failed to open {}", path.display()))
}
