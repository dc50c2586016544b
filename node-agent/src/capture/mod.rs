//! Where observations come from: the kernel, or a recording.

pub mod actor;
mod capability;
mod cgroups;
pub mod decode;
mod hooks;
mod host;
pub mod kernel;
mod losses;
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

pub use capability::{BackEnd, CapabilityMatrix, Hook, HookState, SharedCapabilities};
pub use hooks::Attachment;
pub use kernel::{FAIR_LIMIT_DEFAULT, KernelOptions, KernelSource, OpenError};
pub use losses::{CgroupLoss, ClassLoss, LossReport};
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

    /// Changes which calls are observed, when the rules have changed. Calls that were wanted before and still are lose no
    /// observation.
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
    /// The types of the kernel, which further programs need, cannot be read.
    #[error("failed to read the type information of the kernel")]
    Types(#[source] aya::BtfError),
    /// The source cannot be read any more.
    #[error("failed to read observations")]
    Read(#[source] std::io::Error),
}
