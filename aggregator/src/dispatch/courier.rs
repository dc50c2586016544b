//! The courier of one receiver, as an actor: claims what is due, sends it, records how that ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tiercel_detection::event::Text;
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use super::breaker::{Breaker, delay};
use super::overseer::Ledger;
use crate::notify::{DeliveryError, Notifier as _, Receivers};
use crate::triage::{Completion, DeathReason, NotificationId, Outcome, Owner, UnixMillis};

/// Pokes in the mailbox. One that waits says all that the next one would.
const MAILBOX_MESSAGES_MAX: usize = 4;

/// What a claim is worth beyond the time of one attempt: for committing it before and recording the outcome after.
const CLAIM_MARGIN: Duration = Duration::from_secs(3);

/// The part of the margin that must be left when an attempt begins.
const START_MARGIN: Duration = Duration::from_secs(1);

/// A notification is retried for this long. After a day it is history, and the history has it.
const RETRY_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Longest error text that the log keeps.
const ERROR_BYTES_MAX: usize = 512;

/// Something may be due.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub(super) struct Poke;

/// Start nothing more; say when what is under way has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Finish(pub(super) oneshot::Sender<()>);

/// Delivers to one receiver.
pub(super) struct Courier {
    receiver: Text,
    receivers: Arc<Receivers>,
    ledger: Ledger,
    breaker: Breaker,
    /// Attempts under way, and since when they are claimed.
    claimed: BTreeMap<(NotificationId, u32), Instant>,
    /// A claim is being proposed.
    claiming: bool,
    /// How attempts ended, to be recorded together, by who claimed them.
    ended: Vec<(Owner, Completion)>,
    /// They are being recorded.
    recording: bool,
    finish: Option<oneshot::Sender<()>>,
    will_look: bool,
}

impl Courier {
    pub(super) fn new(receiver: Text, receivers: Arc<Receivers>, ledger: Ledger) -> Self {
        Self {
            receiver,
            receivers,
            ledger,
            breaker: Breaker::default(),
            claimed: BTreeMap::new(),
            claiming: false,
            ended: Vec::new(),
            recording: false,
            finish: None,
            will_look: false,
        }
    }

    /// Starts what may be started.
    fn look(&mut self, ctx: &mut Context<Self>) {
        self.record(ctx);
        if self.finish.is_some() {
            return self.maybe_finish();
        }
        let Some(owner) = self.ledger.owner() else { return };
        self.give_back_unused(owner);
        self.wait_out_pause(ctx);
        let room = self.breaker.attempts_max(Instant::now()).saturating_sub(self.claimed.len());
        if room > 0 && !self.claiming {
            self.claim(owner, room, ctx);
        }
    }

    fn claim(&mut self, owner: Owner, room: usize, ctx: &mut Context<Self>) {
        let Some(notifier) = self.receivers.get(&self.receiver) else { return };
        let due = self.ledger.due(&self.receiver, room);
        if due.is_empty() {
            return;
        }
        self.claiming = true;
        let valid = notifier.timeout() + CLAIM_MARGIN;
        let started = Instant::now();
        let claim = self.ledger.clone().claim(owner, valid, due);
        ctx.spawn(claim.into_actor(self).map(move |granted, courier, ctx| {
            courier.claiming = false;
            for (id, attempt) in granted {
                courier.claimed.insert((id, attempt), started);
                courier.send(owner, (id, attempt), started + valid, ctx);
            }
        }));
    }

    fn send(&mut self, owner: Owner, claim: (NotificationId, u32), valid_until: Instant, ctx: &mut Context<Self>) {
        let attempt = attempt(self.ledger.clone(), self.receivers.clone(), owner, claim, valid_until);
        ctx.spawn(attempt.into_actor(self).map(move |end, courier, ctx| {
            courier.claimed.remove(&claim);
            if let Some(end) = end {
                let outcome = courier.judge(claim, end);
                courier.ended.push((owner, Completion { id: claim.0, attempt: claim.1, outcome }));
            }
            courier.look(ctx);
        }));
    }

    /// Decides what the end of an attempt means for the notification and for the receiver.
    fn judge(&mut self, (id, attempt): (NotificationId, u32), end: End) -> Outcome {
        let receiver = &*self.receiver;
        match end.result {
            Ok(()) => {
                if self.breaker.is_open() {
                    info!(receiver, "receiver works again");
                }
                self.breaker.succeeded();
                debug!(receiver, %id, attempt, "delivered notification");
                Outcome::Delivered
            }
            Err(DeliveryError::Retryable { after, may_have_arrived, source }) => {
                let random = &mut rand::rng();
                self.breaker.failed(after, Instant::now(), random);
                let error = cut(format!("{source:#}"));
                let now = self.ledger.now();
                if now.since_ms(end.created_at) >= u64::try_from(RETRY_AGE_MAX.as_millis()).unwrap_or(u64::MAX) {
                    warn!(receiver, %id, attempt, %error, "gave up notification after a day");
                    return Outcome::Dead { reason: DeathReason::Expired, error };
                }
                warn!(receiver, %id, attempt, %error, "failed to deliver notification, will retry");
                let wait = after.unwrap_or_default().max(delay(attempt, random));
                Outcome::Retry { due: now.plus(wait), may_have_arrived, error }
            }
            Err(DeliveryError::Final { source }) => {
                // One that refuses everything is as good as down: what it is owed should not all be given up at once.
                self.breaker.failed(None, Instant::now(), &mut rand::rng());
                let error = cut(format!("{source:#}"));
                warn!(receiver, %id, attempt, %error, "gave up notification: the receiver will never take it");
                Outcome::Dead { reason: DeathReason::Refused, error }
            }
        }
    }

    /// Records what has ended. What cannot be recorded now is tried again as long as this node leads; when it leads anew,
    /// the claims of its earlier term are orphans like those of any other leader, and are repeated with a mark.
    fn record(&mut self, ctx: &mut Context<Self>) {
        let Some(owner) = self.ledger.owner() else { return };
        self.ended.retain(|(claimant, _)| *claimant == owner);
        if self.recording || self.ended.is_empty() {
            return;
        }
        self.recording = true;
        let completions: Vec<_> = self.ended.drain(..).map(|(_, completion)| completion).collect();
        let record = self.ledger.clone().complete(owner, completions);
        ctx.spawn(record.into_actor(self).map(move |unrecorded, courier, ctx| {
            courier.recording = false;
            courier.ended.extend(unrecorded.into_iter().map(|completion| (owner, completion)));
            courier.look(ctx);
        }));
    }

    /// A claim whose proposal had no known outcome may have been committed later. Nobody sends it, and only we know.
    fn give_back_unused(&mut self, owner: Owner) {
        if self.claiming || self.recording || !self.ended.is_empty() {
            return;
        }
        let now = self.ledger.now();
        for (id, attempt) in self.ledger.claims_of(owner, &self.receiver) {
            if !self.claimed.contains_key(&(id, attempt)) {
                let error = "claim came too late to be used".into();
                let outcome = Outcome::Retry { due: now, may_have_arrived: false, error };
                self.ended.push((owner, Completion { id, attempt, outcome }));
            }
        }
    }

    fn wait_out_pause(&mut self, ctx: &mut Context<Self>) {
        let pause = self.breaker.pause(Instant::now());
        if let Some(pause) = pause.filter(|_| !self.will_look) {
            self.will_look = true;
            ctx.run_later(pause, |courier, ctx| {
                courier.will_look = false;
                courier.look(ctx);
            });
        }
    }

    fn maybe_finish(&mut self) {
        if self.ledger.owner().is_none() {
            // Somebody else will find these claims, and repeat them with a mark.
            self.ended.clear();
        }
        let is_done = self.claimed.is_empty() && self.ended.is_empty() && !self.recording && !self.claiming;
        if is_done && let Some(finish) = self.finish.take() {
            // Who asked may have lost patience.
            finish.send(()).ok();
        }
    }
}

impl Actor for Courier {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX_MESSAGES_MAX);
        self.look(ctx);
    }
}

impl Handler<Poke> for Courier {
    type Result = ();

    fn handle(&mut self, _: Poke, ctx: &mut Self::Context) {
        self.look(ctx);
    }
}

impl Handler<Finish> for Courier {
    type Result = ();

    fn handle(&mut self, finish: Finish, ctx: &mut Self::Context) {
        self.finish = Some(finish.0);
        self.look(ctx);
    }
}

/// How one attempt ended.
struct End {
    result: Result<(), DeliveryError>,
    created_at: UnixMillis,
}

/// Sends one claimed notification, if the claim still holds. `None` means that nothing was sent and nothing is known to
/// record: the claim is over or belongs to somebody else by now.
async fn attempt(
    ledger: Ledger,
    receivers: Arc<Receivers>,
    owner: Owner,
    (id, number): (NotificationId, u32),
    valid_until: Instant,
) -> Option<End> {
    let notification = match ledger.notification(owner, id, number)? {
        Ok(notification) => notification,
        Err(error) => {
            let result = Err(DeliveryError::Final { source: anyhow::Error::new(error) });
            return Some(End { result, created_at: ledger.now() });
        }
    };
    let notifier = receivers.get(&notification.receiver)?;
    // The last look before the bytes leave: whoever is past the end of the claim must not send.
    let left = valid_until.saturating_duration_since(Instant::now()).checked_sub(START_MARGIN)?;
    if ledger.owner() != Some(owner) {
        return None;
    }
    let delivery = notifier.deliver(&notification);
    let result = tokio::time::timeout(left.min(notifier.timeout()), delivery)
        .await
        .unwrap_or_else(|_| Err(DeliveryError::retryable(true, anyhow::anyhow!("receiver did not answer in time"))));
    Some(End { result, created_at: notification.created_at })
}

fn cut(mut text: String) -> Text {
    if text.len() > ERROR_BYTES_MAX {
        let end = (0..=ERROR_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text.into()
}
