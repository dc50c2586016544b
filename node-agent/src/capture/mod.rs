//! Where observations come from: the kernel, or a recording.

pub mod actor;
pub mod decode;
mod host;
pub mod kernel;
mod merge;
pub mod observation;
mod pace;
pub mod recording;
mod ring;
pub mod scap;
mod scope;
pub mod syscall;
mod tables;

use std::os::fd::BorrowedFd;
use std::time::Duration;

pub use kernel::{KernelOptions, KernelSource, OpenError};
pub use observation::{Class, Observation};
pub use scope::{Scope, ScopeError};
pub use syscall::WantedCalls;
pub use tables::TableError;

/// Gives observations in the order of their time stamps.
pub trait Source: Send {
    /// Appends what is ready to `batch`, up to a bound of the source, without waiting.
    fn next_batch(&mut self, batch: &mut Vec<Observation>) -> Result<Drained, SourceError>;

    /// Returns how long to wait before the next call of `next_batch`.
    fn poll_interval(&self) -> Duration;

    /// Returns the descriptors that become readable when much is waiting, earlier than `poll_interval` may notice.
    fn wake_descriptors(&self) -> Vec<BorrowedFd<'_>> {
        Vec::new()
    }

    /// Changes which calls are observed, when the rules have changed.
    fn want(&mut self, _calls: &WantedCalls) -> Result<(), SourceError> {
        Ok(())
    }

    /// Returns what was made and lost since the source was opened.
    fn losses(&mut self) -> LossReport;

    /// Returns what this source can observe.
    fn capabilities(&self) -> &CapabilityMatrix;
}

/// What one call of [`Source::next_batch`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Observations appended.
    pub observations: usize,
    /// What to expect of the next call.
    pub progress: Progress,
}

/// How far a source has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The bound was reached: more is ready now.
    More,
    /// All that was ready was taken.
    CaughtUp,
    /// Nothing will ever follow (the end of a recording).
    Finished,
}

/// A source stopped working.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A table of the kernel programs could not be written.
    #[error("failed to change which calls the kernel programs record")]
    Configure(#[source] TableError),
    /// The source cannot be read any more.
    #[error("failed to read observations")]
    Read(#[source] std::io::Error),
}

/// Observations of one class on one CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassLoss {
    /// The class.
    pub class: Class,
    /// The CPU.
    pub cpu: u16,
    /// Records made, lost ones included; equal to the highest sequence number.
    pub made: u64,
    /// Records that found the ring full.
    pub lost: u64,
}

/// What was made and what was lost, cumulative. `made = delivered + lost + malformed + still waiting`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LossReport {
    /// One row for each class and CPU.
    pub classes: Vec<ClassLoss>,
    /// Records that could not be decoded.
    pub malformed: u64,
}

impl LossReport {
    /// Returns how many records of all classes were made.
    pub fn made(&self) -> u64 {
        self.classes.iter().map(|row| row.made).sum()
    }

    /// Returns how many records of all classes were lost in the kernel.
    pub fn lost(&self) -> u64 {
        self.classes.iter().map(|row| row.lost).sum()
    }
}

/// Whether a hook is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookState {
    /// Loaded and attached.
    Attached,
    /// Not in place; the text says why.
    Refused(String),
}

impl std::fmt::Display for HookState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Attached => f.write_str("attached"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

/// One hook with what it observes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Name of the tracepoint, or of another origin.
    pub name: &'static str,
    /// What is observed through it.
    pub purpose: &'static str,
    /// Whether it is in place.
    pub state: HookState,
}

/// What a source can observe on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapabilityMatrix {
    /// Every hook that was tried.
    pub hooks: Vec<Hook>,
    /// Limits of this machine that are worth knowing, one sentence each.
    pub notes: Vec<String>,
}

impl CapabilityMatrix {
    /// Says whether every hook is in place.
    pub fn is_complete(&self) -> bool {
        self.hooks.iter().all(|hook| hook.state == HookState::Attached)
    }
}
