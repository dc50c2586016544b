//! The batcher as an actor: submissions in, proposals out, answers back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actix::prelude::*;
use futures::FutureExt as _;
use tokio::sync::oneshot;

use super::batcher::{Batcher, FOLLOWING_IN_FLIGHT_MAX, LEADING_IN_FLIGHT_MAX, Submission};
use super::figures::{Counts, add};
use super::intake::Proposer;
use crate::raft::{Admitted, ProposeError};
use crate::triage::Batch;

/// Messages in the mailbox. The submissions themselves are bounded by bytes in the batcher; when the mailbox is full the
/// sender is told so and asks its agent to come back.
const MAILBOX_MESSAGES_MAX: usize = 1024;

/// Batches that want an answer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Submit {
    pub(super) batches: Vec<Batch>,
    pub(super) ticket: Ticket,
}

/// Says when everything submitted so far has its answer.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Drain(pub(super) oneshot::Sender<()>);

/// Looks whether a proposal is due.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Pump;

/// Whom to answer, and how far the batches may travel.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) answer: oneshot::Sender<Result<Admitted, ProposeError>>,
    /// They were handed to us as the leader; if we are not, they go back.
    pub(super) handed_over: bool,
}

/// Collects submissions into proposals.
pub(super) struct BatcherActor {
    batcher: Batcher<Ticket>,
    proposer: Proposer,
    counts: Arc<Counts>,
    drains: Vec<oneshot::Sender<()>>,
    /// A timer is set.
    will_pump: bool,
}

impl BatcherActor {
    pub(super) fn new(proposer: Proposer, counts: Arc<Counts>) -> Self {
        Self { batcher: Batcher::new(), proposer, counts, drains: Vec::new(), will_pump: false }
    }

    fn pump(&mut self, ctx: &mut Context<Self>) {
        let in_flight_max = if self.proposer.leads() { LEADING_IN_FLIGHT_MAX } else { FOLLOWING_IN_FLIGHT_MAX };
        while let Some(taken) = self.batcher.take(in_flight_max, Instant::now()) {
            self.propose(taken, ctx);
        }
        let wait = self.batcher.due_in(Instant::now()).filter(|wait| !wait.is_zero() && !self.will_pump);
        if let Some(wait) = wait {
            ctx.notify_later(Pump, wait);
            self.will_pump = true;
        }
        if self.batcher.is_idle() {
            // Who asked and is gone does not wait.
            for drain in self.drains.drain(..) {
                drain.send(()).ok();
            }
        }
        self.counts.waiting_bytes.store(self.batcher.waiting_bytes() as u64, Ordering::Relaxed);
    }

    fn propose(&mut self, taken: Vec<Submission<Ticket>>, ctx: &mut Context<Self>) {
        add(&self.counts.proposals, 1);
        let items = taken.iter().flat_map(|submission| &submission.batches).map(|batch| batch.items.len()).sum();
        add(&self.counts.proposed_items, items);
        let mut proposal = Box::pin(self.proposer.clone().propose(taken));
        // Polled once here, it is on its way: proposals keep their order, whatever the context polls first later.
        if (&mut proposal).now_or_never().is_some() {
            self.batcher.finished();
            return;
        }
        ctx.spawn(proposal.into_actor(self).map(|(), actor, ctx| {
            actor.batcher.finished();
            actor.pump(ctx);
        }));
    }
}

impl Actor for BatcherActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MESSAGES_MAX);
    }

    /// The thread was for this actor alone.
    fn stopped(&mut self, _: &mut Self::Context) {
        Arbiter::current().stop();
    }
}

impl Handler<Submit> for BatcherActor {
    type Result = ();

    fn handle(&mut self, submit: Submit, ctx: &mut Self::Context) {
        if let Err(ticket) = self.batcher.add(submit.ticket, submit.batches, Instant::now()) {
            drop(ticket.answer.send(Err(ProposeError::Busy)));
        }
        self.pump(ctx);
    }
}

impl Handler<Pump> for BatcherActor {
    type Result = ();

    fn handle(&mut self, _: Pump, ctx: &mut Self::Context) {
        self.will_pump = false;
        self.pump(ctx);
    }
}

impl Handler<Drain> for BatcherActor {
    type Result = ();

    fn handle(&mut self, drain: Drain, ctx: &mut Self::Context) {
        self.drains.push(drain.0);
        self.pump(ctx);
    }
}
