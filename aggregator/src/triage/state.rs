//! The replicated decision table: what is counted, what was told, who is still owed a message.

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;
use tiercel_proto::envelope::{AlertId, Generation, Lane, Sequence, SpoolId};
use uuid::Uuid;

use super::buckets::Buckets;
use super::findings::{Findings, Sighting};
use super::outbox::{Outbox, Owed};
use super::producers::{Producers, Refusal};
use super::storms::{OTHER_RULES, Storm, Storms};
use super::{
    Admission, Applied, Batch, BatchReply, Command, Counters, Effect, Item, Origin, Policy, Record, Reply, StoredAlert,
    StormSummary, UnixMillis, Verdict,
};

/// The spool id of alerts that came without numbers. No agent has it: spool ids are random.
pub const DIRECT_SPOOL: SpoolId = SpoolId([0; 16]);

/// How often it is looked for things that nobody will ask for again.
const RETIRE_INTERVAL_MS: u64 = 3_600_000;

/// The whole replicated state. Everything in it is ordered and whole-numbered, and follows from the commands alone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct State {
    pub(super) cluster_id: Option<Uuid>,
    /// The latest time in any command; time never goes back here.
    pub(super) now: UnixMillis,
    pub(super) producers: Producers,
    /// The last number given to an alert that came without one.
    pub(super) direct_through: u64,
    pub(super) findings: Findings,
    pub(super) buckets: Buckets,
    pub(super) storms: Storms,
    pub(super) outbox: Outbox,
    pub(super) counters: Counters,
    retired_at: UnixMillis,
}

impl State {
    /// Applies one committed command.
    pub fn apply(&mut self, command: Command) -> Applied {
        let mut effects = Vec::new();
        let reply = match command {
            Command::Found { cluster_id } => {
                self.cluster_id.get_or_insert(cluster_id);
                Reply::Done
            }
            Command::Admit(admission) => Reply::Admitted(self.admit(admission, &mut effects)),
            Command::Claim { at, owner, valid_ms, ids } => {
                self.pass_time(at, &mut effects);
                Reply::Claimed(self.claim(owner, valid_ms, &ids))
            }
            Command::Complete { at, owner, completions } => {
                self.pass_time(at, &mut effects);
                self.complete(owner, completions);
                Reply::Done
            }
            Command::Revoke { at, attempts } => {
                self.pass_time(at, &mut effects);
                self.revoke(&attempts, &mut effects);
                Reply::Done
            }
            Command::Tick { at } => {
                self.pass_time(at, &mut effects);
                Reply::Done
            }
        };
        Applied { reply, effects }
    }

    /// The cluster's own id, once its first leader gave it one.
    pub fn cluster_id(&self) -> Option<Uuid> {
        self.cluster_id
    }

    /// The latest time in any command.
    pub fn now(&self) -> UnixMillis {
        self.now
    }

    /// The sums.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When time must pass for something to happen, at the latest. Findings expire with whatever comes next: nobody waits
    /// for that.
    pub fn next_due(&self) -> UnixMillis {
        let retire_at = self.retired_at.plus_ms(RETIRE_INTERVAL_MS);
        self.storms.next_due().map_or(retire_at, |storm_ends_at| storm_ends_at.min(retire_at))
    }

    /// Spools that ever sent something and are remembered.
    pub fn spools_len(&self) -> usize {
        self.producers.len()
    }

    pub(super) fn storms(&self) -> impl Iterator<Item = &Storm> {
        self.storms.iter().map(|(_, storm)| storm)
    }

    /// Moves the clock, and does what is due.
    pub(super) fn pass_time(&mut self, at: UnixMillis, effects: &mut Vec<Effect>) {
        self.now = self.now.max(at);
        self.findings.expire(self.now);
        for (receiver, summary) in self.storms.finish(self.now) {
            self.counters.routed_summarised += summary.alerts;
            self.summarise(&receiver, summary, effects);
        }
        if self.now.since_ms(self.retired_at) >= RETIRE_INTERVAL_MS {
            self.retired_at = self.now;
            self.buckets.expire(self.now);
            self.counters.producers_retired += self.producers.retire(self.now);
        }
    }

    fn admit(&mut self, admission: Admission, effects: &mut Vec<Effect>) -> Vec<BatchReply> {
        let Admission { received_at, policy, batches } = admission;
        self.pass_time(received_at, effects);
        batches.into_iter().map(|batch| self.admit_batch(batch, &policy, effects)).collect()
    }

    fn admit_batch(&mut self, batch: Batch, policy: &Policy, effects: &mut Vec<Effect>) -> BatchReply {
        match batch.origin {
            Origin::Spool { node, spool, generation, lane, first } => {
                match self.producers.counted(&node, spool, (generation, lane), first, self.now) {
                    Ok(counted) => {
                        let lane = SpoolLane { spool, generation, lane };
                        let through = self.take_spooled(lane, first, counted, batch.items, policy, effects);
                        let key = (generation, lane.lane);
                        self.counters.producers_retired +=
                            self.producers.count(&node, lane.spool, key, through, self.now);
                        BatchReply::Accepted { through }
                    }
                    Err(refusal) => self.refuse(refusal),
                }
            }
            Origin::Direct => {
                for item in batch.items {
                    self.direct_through += item.sequences();
                    let sequence = Sequence(self.direct_through);
                    self.take_item(item, |severity| direct_id(severity, sequence), policy, effects);
                }
                BatchReply::Accepted { through: Sequence(self.direct_through) }
            }
        }
    }

    /// Takes the items above `counted`; returns how far the lane is counted then.
    fn take_spooled(
        &mut self,
        lane: SpoolLane,
        first: Sequence,
        counted: Sequence,
        items: Vec<Item>,
        policy: &Policy,
        effects: &mut Vec<Effect>,
    ) -> Sequence {
        let mut next = first;
        let mut through = counted;
        for item in items {
            let sequence = next;
            let last = next.plus(item.sequences() - 1);
            next = last.plus(1);
            if last <= counted {
                self.counters.duplicates += u64::from(matches!(item, Item::Alert(_)));
                continue;
            }
            through = last;
            let item = above(item, sequence, counted);
            self.take_item(item, |_| lane.id(sequence), policy, effects);
        }
        through
    }

    fn take_item(
        &mut self,
        item: Item,
        id: impl FnOnce(&StoredAlert) -> AlertId,
        policy: &Policy,
        effects: &mut Vec<Effect>,
    ) {
        match item {
            Item::Alert(alert) => {
                let id = id(&alert);
                self.take_alert(id, alert, policy, effects);
            }
            Item::Skip { count, reason } => self.counters.count_skipped(&reason, count),
            Item::Invalid { .. } => self.counters.invalid += 1,
        }
    }

    /// Decides about one alert that was never seen before.
    fn take_alert(&mut self, id: AlertId, alert: StoredAlert, policy: &Policy, effects: &mut Vec<Effect>) {
        self.counters.accepted += 1;
        let (sighting, evicted) = self.findings.see(alert.fingerprint, id, self.now, policy.dedup_window_ms);
        self.counters.findings_evicted += evicted;
        let (verdict, seen) = match sighting {
            Sighting::Repeat { of, seen } => {
                self.counters.repeats += 1;
                (Verdict::Repeat { of }, seen)
            }
            Sighting::First { untold } => (self.tell(id, &alert, untold, policy, effects), 1),
        };
        effects.push(Effect::Record(Record { id, received_at: self.now, alert, verdict, seen }));
    }

    /// Owes a new finding to its receivers, or folds it.
    fn tell(
        &mut self,
        id: AlertId,
        alert: &StoredAlert,
        untold: u64,
        policy: &Policy,
        effects: &mut Vec<Effect>,
    ) -> Verdict {
        if alert.receivers.is_empty() {
            self.counters.unrouted += 1;
            return Verdict::Unrouted;
        }
        self.counters.routed += alert.receivers.len() as u64;
        if !self.buckets.take(&alert.rule, self.now, policy) {
            self.counters.folded += 1;
            self.counters.routed_folded += alert.receivers.len() as u64;
            for receiver in alert.receivers.iter() {
                self.storms.fold(receiver, alert, id, self.now, policy.storm_interval_ms);
            }
            return Verdict::Folded;
        }
        self.counters.told += 1;
        for receiver in alert.receivers.iter() {
            if self.outbox.has_room(receiver) {
                self.counters.routed_told += 1;
                self.owe(receiver, Owed::Finding { alert_id: id, untold, alert: alert.clone() }, effects);
            } else {
                self.counters.routed_overflowed += 1;
                self.storms.fold(receiver, alert, id, self.now, policy.storm_interval_ms);
            }
        }
        Verdict::Told { receivers: alert.receivers.clone() }
    }

    /// Owes a storm summary, or adds it to one that waits: that of its rule, or beyond the bound that of other rules.
    fn summarise(&mut self, receiver: &Text, summary: StormSummary, effects: &mut Vec<Effect>) {
        let mut coalesced = self.outbox.coalesce(receiver, summary);
        if let Err(summary) = &mut coalesced
            && !self.outbox.has_room_for_summary(receiver)
        {
            let summary = StormSummary { rule: OTHER_RULES.into(), ..summary.clone() };
            coalesced = self.outbox.coalesce(receiver, summary);
        }
        match coalesced {
            Ok(()) => self.counters.coalesced += 1,
            Err(summary) => self.owe(receiver, Owed::Storm(summary), effects),
        }
    }

    fn owe(&mut self, receiver: &Text, owed: Owed, effects: &mut Vec<Effect>) {
        self.counters.notifications += 1;
        self.outbox.owe(receiver, owed, self.now);
        effects.push(Effect::Owe { receiver: receiver.clone() });
    }

    fn refuse(&mut self, refusal: Refusal) -> BatchReply {
        match refusal {
            Refusal::Gap { expected } => {
                self.counters.gaps += 1;
                BatchReply::Gap { expected }
            }
            Refusal::Conflict => {
                self.counters.conflicts += 1;
                BatchReply::Conflict
            }
            Refusal::Full => {
                self.counters.producers_refused += 1;
                BatchReply::Full
            }
        }
    }
}

/// One lane of one run of an agent.
#[derive(Debug, Clone, Copy)]
struct SpoolLane {
    spool: SpoolId,
    generation: Generation,
    lane: Lane,
}

impl SpoolLane {
    fn id(self, sequence: Sequence) -> AlertId {
        AlertId { spool: self.spool, generation: self.generation, lane: self.lane, sequence }
    }
}

fn direct_id(alert: &StoredAlert, sequence: Sequence) -> AlertId {
    AlertId { spool: DIRECT_SPOOL, generation: Generation(0), lane: Lane::of(alert.severity.0), sequence }
}

/// The part of an item above what is counted: a skip may cover alerts whose acknowledgement was lost.
fn above(item: Item, first: Sequence, counted: Sequence) -> Item {
    match item {
        Item::Skip { count, reason } => {
            let known = counted.plus(1).0.saturating_sub(first.0);
            Item::Skip { count: count - known, reason }
        }
        Item::Alert(_) | Item::Invalid { .. } => item,
    }
}
