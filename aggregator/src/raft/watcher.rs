//! Watches the consensus library: tells who leads, when a snapshot is due, and when this node must end.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::config::SnapshotTriggers;
use super::log::LogStore;
use super::machine::SharedState;
use super::status::Leadership;
use super::types::{Raft, RaftMetrics};
use crate::triage::Command;

/// How often it is looked whether a snapshot is due.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(1);

/// Why a node had to end: a log, a vote or a state that it can no longer vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    pub(super) fn stopped() -> Self {
        Self("consensus has stopped".to_owned())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

/// Starts the watch; it ends with the node.
pub(super) fn start(
    raft: Raft,
    log: LogStore,
    state: SharedState,
    triggers: SnapshotTriggers,
    stop: CancellationToken,
) -> (watch::Receiver<Leadership>, watch::Receiver<Option<Failure>>) {
    let (leadership, leadership_seen) = watch::channel(Leadership::Nowhere);
    let (failure, failure_seen) = watch::channel(None);
    let watcher = Watcher { raft: raft.clone(), state, leadership, failure, stop: stop.clone() };
    tokio::spawn(watcher.run());
    let housekeeper = Housekeeper { raft, log, triggers, snapshot_bytes: 0, asked_at: None };
    tokio::spawn(housekeeper.run(stop));
    (leadership_seen, failure_seen)
}

struct Watcher {
    raft: Raft,
    state: SharedState,
    leadership: watch::Sender<Leadership>,
    failure: watch::Sender<Option<Failure>>,
    stop: CancellationToken,
}

impl Watcher {
    async fn run(self) {
        let mut metrics = self.raft.metrics();
        loop {
            let seen = metrics.borrow_and_update().clone();
            self.look(&seen);
            let changed = tokio::select! {
                changed = metrics.changed() => changed.is_ok(),
                () = self.stop.cancelled() => break,
            };
            if !changed {
                self.fail(&Failure::stopped());
                break;
            }
        }
    }

    fn look(&self, metrics: &RaftMetrics) {
        if let Err(fatal) = &metrics.running_state
            && !self.stop.is_cancelled()
        {
            self.fail(&Failure(fatal.to_string()));
        }
        let now = Leadership::new(metrics);
        let changed = self.leadership.send_if_modified(|before| {
            let changed = *before != now;
            *before = now.clone();
            changed
        });
        if changed {
            self.announce(metrics, now);
        }
    }

    /// The first failure is the one to tell of; the others follow from it.
    fn fail(&self, failure: &Failure) {
        self.failure.send_if_modified(|known| {
            let is_first = known.is_none();
            known.get_or_insert_with(|| failure.clone());
            is_first
        });
    }

    fn announce(&self, metrics: &RaftMetrics, leadership: Leadership) {
        let node = metrics.id;
        match leadership {
            Leadership::Here { term } => {
                info!(node, term, "became leader");
                self.found();
            }
            Leadership::Elsewhere { node: leader, member } => {
                info!(node, leader, term = metrics.current_term, address = %member.raft, "following leader");
            }
            Leadership::Nowhere if self.stop.is_cancelled() => {}
            Leadership::Nowhere => warn!(node, term = metrics.current_term, "no leader"),
        }
    }

    /// Gives a new cluster its id. A second one changes nothing, so a try too many does no harm.
    fn found(&self) {
        if self.state.read().state.cluster_id().is_some() {
            return;
        }
        let raft = self.raft.clone();
        tokio::spawn(async move {
            if let Err(error) = raft.client_write(Command::Found { cluster_id: Uuid::new_v4() }).await {
                // The next leader does it.
                warn!(%error, "failed to give the cluster its id");
            }
        });
    }
}

/// Asks for snapshots and purges.
struct Housekeeper {
    raft: Raft,
    log: LogStore,
    triggers: SnapshotTriggers,
    /// What was appended when the last snapshot was asked for.
    snapshot_bytes: u64,
    /// Applied index at which a snapshot was asked for and has not been seen yet.
    asked_at: Option<u64>,
}

impl Housekeeper {
    async fn run(mut self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(HOUSEKEEPING_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = interval.tick() => {}
                () = stop.cancelled() => break,
            }
            if self.round().await.is_err() {
                break;
            }
        }
    }

    async fn round(&mut self) -> Result<(), openraft::error::Fatal<u64>> {
        let metrics = self.raft.metrics().borrow().clone();
        let Some(applied) = metrics.last_applied.map(|id| id.index) else { return Ok(()) };
        let snapshot = metrics.snapshot.map_or(0, |id| id.index);
        if self.asked_at.is_some_and(|asked_at| snapshot >= asked_at) {
            self.asked_at = None;
            if let Some(point) = self.log.purge_point(self.triggers.bytes_kept, snapshot) {
                self.raft.trigger().purge_log(point).await?;
            }
        }
        let appended = self.log.appended_bytes();
        let due = applied - snapshot.min(applied) >= self.triggers.entries
            || appended - self.snapshot_bytes >= self.triggers.bytes;
        // Two requests at the same place would build the same snapshot twice.
        if due && self.asked_at.is_none() && applied > snapshot {
            self.asked_at = Some(applied);
            self.snapshot_bytes = appended;
            self.raft.trigger().snapshot().await?;
        }
        Ok(())
    }
}
