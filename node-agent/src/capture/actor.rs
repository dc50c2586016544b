//! Moves observations from the source to detection, on an arbiter of its own.
//!
//! Overflow policy: while detection is full nothing more is taken from the source, so that what has to be shed is shed
//! in the kernel, where every class has its own room and every loss is counted.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::io::unix::AsyncFd;
use tracing::{debug, error, info, warn};

use super::{LossReport, Observation, Progress as SourceProgress, SharedCapabilities, Source, WantedCalls};
use crate::metrics::{self, CaptureMetrics};
use crate::shutdown::{Account, Failure};
use crate::status::{HEARTBEAT, Progress};

/// Control messages only; observations do not come through the mailbox.
const MAILBOX_MAX: usize = 16;

/// Batches taken in one turn before others on this arbiter get theirs.
const TURN_BATCHES_MAX: usize = 8;

/// How long a batch waits before it is offered to a full detection again.
const RETRY: Duration = Duration::from_millis(1);

/// Batches that are still taken when capture ends: what was in the rings at that moment, not what keeps coming.
const LAST_BATCHES_MAX: usize = 64;

/// Observations in the order of their time stamps.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ObservationBatch(pub Vec<Observation>);

/// What was made and lost until now, cumulative.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LossesCounted(pub LossReport);

/// The rules ask for other calls.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Want(pub WantedCalls);

/// Takes what is ready, hands it over, and ends.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopCapture;

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Drain;

/// A ring has filled to its threshold before the next turn was due.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Woken;

/// The shell of a [`Source`].
pub struct CaptureActor {
    source: Box<dyn Source>,
    detect: Recipient<ObservationBatch>,
    losses: Recipient<LossesCounted>,
    /// A batch that detection had no room for.
    waiting: Option<ObservationBatch>,
    metrics: CaptureMetrics,
    capabilities: SharedCapabilities,
    progress: Arc<Progress>,
    failure: Failure,
    account: Arc<Account>,
    finished: bool,
}

impl std::fmt::Debug for CaptureActor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureActor").field("finished", &self.finished).finish_non_exhaustive()
    }
}

impl CaptureActor {
    /// Wires a source to detection.
    pub fn new(
        source: Box<dyn Source>,
        detect: Recipient<ObservationBatch>,
        losses: Recipient<LossesCounted>,
        progress: Arc<Progress>,
        failure: Failure,
    ) -> Self {
        let (metrics, capabilities) = (CaptureMetrics::default(), SharedCapabilities::default());
        let (waiting, account) = (None, Arc::default());
        let actor = Self {
            source,
            detect,
            losses,
            waiting,
            metrics,
            capabilities,
            progress,
            failure,
            account,
            finished: false,
        };
        actor.publish_capabilities();
        actor
    }

    /// Keeps its part of the account that is closed when the agent ends.
    #[must_use]
    pub fn with_account(self, account: Arc<Account>) -> Self {
        Self { account, ..self }
    }

    /// What the source can observe, now and after each change of the rules.
    pub fn capabilities(&self) -> SharedCapabilities {
        self.capabilities.clone()
    }

    fn publish_capabilities(&self) {
        let capabilities = self.source.capabilities();
        metrics::publish_hooks(capabilities);
        self.capabilities.publish(capabilities.clone());
    }

    /// Hands over what waits; `false` when detection is still full.
    fn offer(&mut self) -> bool {
        let Some(batch) = self.waiting.take() else { return true };
        match self.detect.try_send(batch) {
            Ok(()) => {
                self.metrics.queued.increment(1);
                true
            }
            Err(SendError::Full(batch)) => {
                self.waiting = Some(batch);
                false
            }
            Err(SendError::Closed(_)) => {
                self.failure.report("detection has ended");
                self.finished = true;
                false
            }
        }
    }

    /// Takes one batch from the source.
    fn take(&mut self) -> SourceProgress {
        let mut batch = Vec::new();
        let drained = self.source.next_batch(&mut batch);
        self.account.take(batch.len());
        if !batch.is_empty() {
            self.waiting = Some(ObservationBatch(batch));
        }
        match drained {
            Ok(drained) => drained.progress,
            Err(error) => {
                error!(%error, "failed to read the source");
                self.failure.report("the source of records failed");
                SourceProgress::Finished
            }
        }
    }

    /// One turn; returns when the next one is due, `None` for at once.
    fn turn(&mut self) -> Option<Duration> {
        for _ in 0..TURN_BATCHES_MAX {
            if !self.offer() {
                return Some(RETRY);
            }
            match self.take() {
                SourceProgress::More => {}
                SourceProgress::CaughtUp if self.waiting.is_none() => return Some(self.source.poll_interval()),
                SourceProgress::CaughtUp => {
                    let delay = if self.offer() { self.source.poll_interval() } else { RETRY };
                    return Some(delay);
                }
                SourceProgress::Finished => {
                    if !self.finished {
                        info!("the source has ended");
                    }
                    self.finished = true;
                    return Some(RETRY);
                }
            }
        }
        None
    }

    /// Watches the rings on this arbiter: one that fills to its threshold does not wait for the timer.
    fn watch_rings(&self, ctx: &mut Context<Self>) {
        for descriptor in self.source.wake_descriptors() {
            match descriptor.try_clone_to_owned().and_then(watched) {
                Ok(ring) => {
                    ctx.spawn(wait_for_wakes(ring, ctx.address()).into_actor(self));
                }
                Err(error) => warn!(%error, "failed to watch a ring; only the timer empties it"),
            }
        }
    }

    fn heartbeat(&mut self) {
        self.progress.beat();
        let report = self.source.losses();
        self.metrics.publish(&report);
        if self.losses.try_send(LossesCounted(report)).is_err() {
            debug!("detection is full; the losses are told at the next heartbeat");
        }
    }
}

fn watched(ring: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is our own copy and stays open, and the same file, until the `AsyncFd` that owns it is
    // dropped.
    unsafe { AsyncFd::register(ring) }.map_err(io::Error::from)
}

/// A full mailbox needs no further wake-up: a turn is due anyway.
async fn wait_for_wakes(ring: AsyncFd<OwnedFd>, capture: Addr<CaptureActor>) {
    while let Ok(mut ready) = ring.readable().await {
        ready.clear_ready();
        if matches!(capture.try_send(Woken), Err(SendError::Closed(_))) {
            return;
        }
    }
}

impl Actor for CaptureActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MAX);
        ctx.run_interval(HEARTBEAT, |actor, _| actor.heartbeat());
        self.watch_rings(ctx);
        ctx.notify(Drain);
    }
}

impl Handler<Drain> for CaptureActor {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) {
        if self.finished && self.waiting.is_none() {
            return;
        }
        let next = if self.finished { (!self.offer()).then_some(RETRY) } else { self.turn() };
        match next {
            Some(delay) => {
                ctx.notify_later(Drain, delay);
            }
            None => ctx.notify(Drain),
        }
    }
}

impl Handler<Woken> for CaptureActor {
    type Result = ();

    fn handle(&mut self, _: Woken, _: &mut Self::Context) {
        if !self.finished {
            // What this turn leaves is taken by the next one on the timer.
            self.turn();
        }
    }
}

impl Handler<Want> for CaptureActor {
    type Result = ();

    fn handle(&mut self, Want(calls): Want, _: &mut Self::Context) {
        if let Err(error) = self.source.want(&calls) {
            error!(%error, "failed to follow the new rules; the old calls are recorded");
        }
        self.publish_capabilities();
    }
}

impl Handler<StopCapture> for CaptureActor {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: StopCapture, _: &mut Self::Context) -> Self::Result {
        let mut last: Vec<ObservationBatch> = self.waiting.take().into_iter().collect();
        while !self.finished && last.len() < LAST_BATCHES_MAX {
            let progress = self.take();
            last.extend(self.waiting.take());
            if progress != SourceProgress::More {
                break;
            }
        }
        self.finished = true;
        let report = self.source.losses();
        self.metrics.publish(&report);
        self.metrics.queued.increment(last.len() as f64);
        let (detect, losses) = (self.detect.clone(), self.losses.clone());
        let hand_over = async move {
            for batch in last {
                if detect.send(batch).await.is_err() {
                    error!("failed to hand over the last records: detection has ended");
                }
            }
            if losses.send(LossesCounted(report)).await.is_err() {
                error!("failed to hand over the last losses: detection has ended");
            }
        };
        Box::pin(hand_over.into_actor(self).map(|(), _, ctx| ctx.stop()))
    }
}
