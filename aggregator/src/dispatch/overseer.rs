//! Keeps a courier for each receiver, wakes them, takes back the claims of leaders that are gone, and lets time pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use futures::StreamExt as _;
use futures::future::join_all;
use tiercel_detection::event::Text;
use tokio::sync::oneshot;
use tokio_stream::wrappers::WatchStream;
use tracing::{error, info, warn};

use super::courier::{Courier, Finish, Poke};
use super::orphans::Orphans;
use crate::notify::Receivers;
use crate::raft::{Cluster, Leadership, ProposeError};
use crate::triage::{Command, Completion, DecodeAlertError, Notification, NotificationId, Owner, Reply, UnixMillis};

/// How often it is looked whether something is due because time has passed.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Messages in the mailbox.
const MAILBOX_MESSAGES_MAX: usize = 16;

/// How often it is said that a receiver that is owed something is not configured.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// Starts dispatching, on the current actix arbiter. Nothing is sent unless this node leads.
pub fn start(cluster: Cluster, receivers: Arc<Receivers>) -> Dispatch {
    let ledger = Ledger { cluster, run: rand::random() };
    let overseer = Overseer {
        ledger,
        receivers,
        couriers: BTreeMap::new(),
        orphans: Orphans::default(),
        proposing: false,
        complained_at: None,
        finishing: false,
    };
    Dispatch { overseer: overseer.start() }
}

/// The running dispatch.
#[derive(Debug, Clone)]
pub struct Dispatch {
    overseer: Addr<Overseer>,
}

impl Dispatch {
    /// Starts nothing more, and returns when what was under way is recorded.
    pub async fn finish(&self) {
        let (finished, is_finished) = oneshot::channel();
        if self.overseer.send(FinishAll(finished)).await.is_ok() {
            // If the actor is gone there is nothing to wait for.
            drop(is_finished.await);
        }
    }
}

#[derive(Debug, Message)]
#[rtype(result = "()")]
struct FinishAll(oneshot::Sender<()>);

/// The part of the log that dispatch reads and writes, for one run of this process.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    pub(super) cluster: Cluster,
    run: u64,
}

impl Ledger {
    /// Who we are as an owner of claims; `None` when this node does not lead or no quorum is with it.
    pub(super) fn owner(&self) -> Option<Owner> {
        let term = self.cluster.leads().ok()?;
        Some(Owner { term, node: self.cluster.node(), run: self.run })
    }

    /// The time of the log, now.
    pub(super) fn now(&self) -> UnixMillis {
        self.cluster.now()
    }

    pub(super) fn due(&self, receiver: &Text, count_max: usize) -> Vec<NotificationId> {
        let now = self.now();
        self.cluster.read(|state| state.due(receiver, now, count_max))
    }

    pub(super) fn claims_of(&self, owner: Owner, receiver: &Text) -> Vec<(NotificationId, u32)> {
        self.cluster.read(|state| state.claims_of(owner, receiver))
    }

    /// The notification, if that attempt is still claimed by that owner.
    pub(super) fn notification(
        &self,
        owner: Owner,
        id: NotificationId,
        attempt: u32,
    ) -> Option<Result<Notification, DecodeAlertError>> {
        self.cluster.read(|state| state.is_claimed(id, attempt, owner).then(|| state.notification(id)).flatten())
    }

    /// Claims notifications; returns those that were granted.
    pub(super) async fn claim(
        self,
        owner: Owner,
        valid: Duration,
        ids: Vec<NotificationId>,
    ) -> Vec<(NotificationId, u32)> {
        let valid_ms = u64::try_from(valid.as_millis()).unwrap_or(u64::MAX);
        match self.cluster.propose(Command::Claim { at: self.now(), owner, valid_ms, ids }).await {
            Ok((_, Reply::Claimed(granted))) => granted,
            Ok((_, Reply::Admitted(_) | Reply::Done)) => Vec::new(),
            Err(error) => {
                warn!(%error, "failed to claim notifications");
                Vec::new()
            }
        }
    }

    /// Records how attempts ended; returns them if that is not known to have worked.
    pub(super) async fn complete(self, owner: Owner, completions: Vec<Completion>) -> Vec<Completion> {
        let command = Command::Complete { at: self.now(), owner, completions: completions.clone() };
        match self.cluster.propose(command).await {
            Ok(_) => Vec::new(),
            Err(error) => {
                warn!(%error, "failed to record deliveries");
                completions
            }
        }
    }
}

/// The actor above the couriers.
pub(super) struct Overseer {
    ledger: Ledger,
    receivers: Arc<Receivers>,
    couriers: BTreeMap<Text, Addr<Courier>>,
    orphans: Orphans,
    /// A tick or a revocation is under way.
    proposing: bool,
    complained_at: Option<Instant>,
    /// The node is stopping; nothing new is started.
    finishing: bool,
}

/// Something new is owed.
struct Owed;

/// Another node leads, or none, or this one.
struct LeadershipChanged(Leadership);

impl Overseer {
    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.finishing {
            return;
        }
        let Some(owner) = self.ledger.owner() else {
            self.orphans.forget();
            return;
        };
        self.wake_couriers();
        if !self.proposing {
            self.pass_time(owner, ctx);
        }
    }

    /// Wakes the couriers of receivers that are owed something; those that are not configured here are kept waiting, since
    /// the next leader may know them.
    fn wake_couriers(&mut self) {
        let owed: Vec<Text> = self.ledger.cluster.read(|state| state.owed_receivers().cloned().collect());
        for receiver in owed {
            if self.receivers.get(&receiver).is_none() {
                self.complain(&receiver);
                continue;
            }
            let courier = self
                .couriers
                .entry(receiver.clone())
                .or_insert_with(|| Courier::new(receiver, self.receivers.clone(), self.ledger.clone()).start());
            // A full mailbox holds a poke already.
            drop(courier.try_send(Poke));
        }
    }

    fn complain(&mut self, receiver: &str) {
        if self.complained_at.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained_at = Some(Instant::now());
            error!(receiver, "notifications wait for a receiver that is not configured on this node");
        }
    }

    fn pass_time(&mut self, owner: Owner, ctx: &mut Context<Self>) {
        let at = self.ledger.now();
        let (claims, tick_due) = self.ledger.cluster.read(|state| {
            let claims: Vec<_> = state.open_claims().collect();
            (claims, state.next_due() <= at)
        });
        let attempts = self.orphans.look(claims, owner, Instant::now());
        let command = if !attempts.is_empty() {
            info!(count = attempts.len(), "taking back claims of a leader that is gone");
            Command::Revoke { at, attempts }
        } else if tick_due {
            Command::Tick { at }
        } else {
            return;
        };
        self.proposing = true;
        let cluster = self.ledger.cluster.clone();
        let proposal = async move { cluster.propose(command).await };
        ctx.spawn(proposal.into_actor(self).map(|result, overseer, _| {
            overseer.proposing = false;
            match result {
                Ok(_) | Err(ProposeError::NotLeader { .. } | ProposeError::Stopping) => {}
                Err(error) => warn!(%error, "failed to let time pass"),
            }
        }));
    }
}

impl Actor for Overseer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MESSAGES_MAX);
        ctx.add_stream(WatchStream::new(self.ledger.cluster.owed()).map(|_| Owed));
        ctx.add_stream(WatchStream::new(self.ledger.cluster.leadership()).map(LeadershipChanged));
        ctx.run_interval(LOOK_INTERVAL, |overseer, ctx| overseer.look(ctx));
    }
}

impl StreamHandler<Owed> for Overseer {
    fn handle(&mut self, _: Owed, ctx: &mut Self::Context) {
        self.look(ctx);
    }

    /// The state is gone: the node is stopping, and [`Dispatch::finish`] may still want an answer.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<LeadershipChanged> for Overseer {
    fn handle(&mut self, change: LeadershipChanged, ctx: &mut Self::Context) {
        match change.0 {
            Leadership::Here { .. } => self.look(ctx),
            Leadership::Elsewhere { .. } | Leadership::Nowhere => self.orphans.forget(),
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<FinishAll> for Overseer {
    type Result = ();

    fn handle(&mut self, finish: FinishAll, ctx: &mut Self::Context) {
        self.finishing = true;
        let couriers: Vec<_> = std::mem::take(&mut self.couriers).into_values().collect();
        let finish_all = async move {
            let finishing = couriers.iter().map(async |courier| {
                let (finished, is_finished) = oneshot::channel();
                if courier.send(Finish(finished)).await.is_ok() {
                    drop(is_finished.await);
                }
            });
            join_all(finishing).await;
            finish.0.send(()).ok();
        };
        ctx.spawn(finish_all.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}
