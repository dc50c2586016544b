//! Where alerts without an agent go.

use futures::future::BoxFuture;
use tiercel_detection::Alert;

use crate::ingest::UnfitAlert;
use crate::raft::ProposeError;

/// Takes one alert into the cluster, whichever node leads it.
pub trait Intake: Send + Sync + 'static {
    /// Returns once a quorum has the alert on its disks and it is counted.
    fn admit(&self, alert: Alert) -> BoxFuture<'_, Result<(), IntakeError>>;
}

/// Why an alert was not taken, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// It can never be taken; nothing was done.
    #[error(transparent)]
    Unfit(#[from] UnfitAlert),
    /// The cluster did not take it.
    #[error(transparent)]
    Propose(#[from] ProposeError),
}
