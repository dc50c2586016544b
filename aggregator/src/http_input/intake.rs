//! Where alerts without an agent go.

use futures::future::BoxFuture;
use tiercel_detection::Alert;

use crate::raft::ProposeError;

/// Takes one alert into the cluster, whichever node leads it.
pub trait Intake: Send + Sync + 'static {
    /// Returns once a quorum has the alert on its disks and it is counted.
    fn admit(&self, alert: Alert) -> BoxFuture<'_, Result<(), ProposeError>>;
}
