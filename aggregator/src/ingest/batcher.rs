//! Which submissions go into which proposal, and when: one fsync of the cluster should carry many alerts, and a lone
//! alert should not wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tiercel_proto::Lane;

use crate::triage::{Batch, Item, Origin};

/// A proposal is full at this size. Its copy to each peer has to be written within one heartbeat.
const PROPOSAL_BYTES_MAX: usize = 512 << 10;
/// A proposal is full with so many items; applying them takes a few milliseconds.
const PROPOSAL_ITEMS_MAX: usize = 2_000;

/// How long a submission waits for company while other proposals are under way. About one fsync.
const LINGER: Duration = Duration::from_millis(5);

/// Proposals under way at a time when this node leads: one is written, one is replicated, two are on their way.
pub(super) const LEADING_IN_FLIGHT_MAX: usize = 4;
/// The same when another node leads. Hand-overs that overtake each other would look like gaps.
pub(super) const FOLLOWING_IN_FLIGHT_MAX: usize = 1;

/// Most bytes that wait. Beyond it agents are asked to come back: they have the alerts on disk.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Bytes that an item takes in the log beside its texts and its body: fingerprint, lengths, numbers.
const ITEM_OVERHEAD_BYTES: usize = 128;

/// Bytes of the length before a text of any size that occurs.
const TEXT_OVERHEAD_BYTES: usize = 3;

/// Submissions that wait for their proposal; `T` is what is needed to answer each.
#[derive(Debug)]
pub(super) struct Batcher<T> {
    waiting: VecDeque<Submission<T>>,
    /// What waits, together.
    load: Load,
    in_flight: usize,
}

/// Batches that are answered together.
#[derive(Debug)]
pub(super) struct Submission<T> {
    pub(super) ticket: T,
    pub(super) batches: Vec<Batch>,
    load: Load,
    came_at: Instant,
}

/// What a submission weighs.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    bytes: usize,
    items: usize,
    /// Submissions that should not wait.
    urgent: usize,
}

impl<T> Batcher<T> {
    pub(super) fn new() -> Self {
        Self { waiting: VecDeque::new(), load: Load::default(), in_flight: 0 }
    }

    /// Takes a submission; gives the ticket back when there is no room.
    pub(super) fn add(&mut self, ticket: T, batches: Vec<Batch>, now: Instant) -> Result<(), T> {
        let load = Load::of(&batches);
        // One that is larger than the bound is taken when nothing else waits, or it could never pass.
        if !self.waiting.is_empty() && self.load.bytes + load.bytes > WAITING_BYTES_MAX {
            return Err(ticket);
        }
        self.load = self.load.plus(load);
        self.waiting.push_back(Submission { ticket, batches, load, came_at: now });
        Ok(())
    }

    /// Takes the submissions of the next proposal, if it is time for one.
    pub(super) fn take(&mut self, in_flight_max: usize, now: Instant) -> Option<Vec<Submission<T>>> {
        if self.waiting.is_empty() || self.in_flight >= in_flight_max || !self.is_due(now) {
            return None;
        }
        let mut taken = Vec::new();
        let mut load = Load::default();
        while let Some(next) = self.waiting.front() {
            let more = load.plus(next.load);
            if !taken.is_empty() && more.is_over() {
                break;
            }
            load = more;
            taken.extend(self.waiting.pop_front());
        }
        self.load = self.load.minus(load);
        self.in_flight += 1;
        Some(taken)
    }

    /// One proposal has ended.
    pub(super) fn finished(&mut self) {
        self.in_flight -= 1;
    }

    /// How long until the next proposal is due, if only time is missing.
    pub(super) fn due_in(&self, now: Instant) -> Option<Duration> {
        let first = self.waiting.front()?;
        Some((first.came_at + LINGER).saturating_duration_since(now))
    }

    /// Whether nothing waits and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.in_flight == 0
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.load.bytes
    }

    fn is_due(&self, now: Instant) -> bool {
        self.in_flight == 0
            || self.load.urgent > 0
            || self.load.is_full()
            || self.waiting.front().is_some_and(|first| now.saturating_duration_since(first.came_at) >= LINGER)
    }
}

impl Load {
    fn of(batches: &[Batch]) -> Self {
        let mut load = Self::default();
        for batch in batches {
            load.items += batch.items.len();
            load.bytes += batch.items.iter().map(item_bytes).sum::<usize>();
        }
        load.urgent = usize::from(batches.iter().any(is_urgent));
        load
    }

    fn plus(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, items: self.items + other.items, urgent: self.urgent + other.urgent }
    }

    fn minus(self, other: Self) -> Self {
        Self { bytes: self.bytes - other.bytes, items: self.items - other.items, urgent: self.urgent - other.urgent }
    }

    fn is_full(self) -> bool {
        self.bytes >= PROPOSAL_BYTES_MAX || self.items >= PROPOSAL_ITEMS_MAX
    }

    fn is_over(self) -> bool {
        self.bytes > PROPOSAL_BYTES_MAX || self.items > PROPOSAL_ITEMS_MAX
    }
}

fn item_bytes(item: &Item) -> usize {
    ITEM_OVERHEAD_BYTES
        + match item {
            Item::Alert(alert) => {
                let receivers: usize =
                    alert.receivers.iter().map(|receiver| receiver.len() + TEXT_OVERHEAD_BYTES).sum();
                alert.rule.len() + alert.hostname.len() + receivers + alert.body.len()
            }
            Item::Skip { reason, .. } | Item::Invalid { reason } => reason.len(),
        }
}

fn is_urgent(batch: &Batch) -> bool {
    match &batch.origin {
        Origin::Spool { lane, .. } => *lane == Lane::Critical,
        Origin::Direct => batch.items.iter().any(|item| match item {
            Item::Alert(alert) => Lane::of(alert.severity.0) == Lane::Critical,
            Item::Skip { .. } | Item::Invalid { .. } => false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use tiercel_proto::envelope::{Generation, Sequence, SpoolId};

    use super::*;
    use crate::triage::{Severity, StoredAlert};

    fn batch(lane: Lane, items: u64) -> Vec<Batch> {
        let origin = Origin::Spool {
            node: "web-1".into(),
            spool: SpoolId([1; 16]),
            generation: Generation(1),
            lane,
            first: Sequence(1),
        };
        vec![Batch { origin, items: (0..items).map(|_| Item::Invalid { reason: "".into() }).collect() }]
    }

    fn tickets(taken: Option<Vec<Submission<u32>>>) -> Vec<u32> {
        taken.unwrap_or_default().into_iter().map(|submission| submission.ticket).collect()
    }

    #[test]
    fn lone_submission_does_not_wait() {
        let now = Instant::now();
        let mut batcher = Batcher::new();
        batcher.add(1, batch(Lane::Rest, 1), now).unwrap();
        assert_eq!(tickets(batcher.take(4, now)), [1]);
    }

    #[test]
    fn submissions_wait_for_company_while_one_is_under_way() {
        let now = Instant::now();
        let mut batcher = Batcher::new();
        batcher.add(1, batch(Lane::Rest, 1), now).unwrap();
        batcher.take(4, now).unwrap();
        batcher.add(2, batch(Lane::Rest, 1), now).unwrap();
        batcher.add(3, batch(Lane::Rest, 1), now).unwrap();
        assert!(batcher.take(4, now).is_none());
        assert_eq!(batcher.due_in(now), Some(LINGER));
        assert_eq!(tickets(batcher.take(4, now + LINGER)), [2, 3]);
        batcher.add(4, batch(Lane::Rest, 1), now).unwrap();
        batcher.finished();
        batcher.finished();
        assert_eq!(tickets(batcher.take(4, now)), [4]);
    }

    #[test]
    fn urgent_submission_takes_the_others_along_at_once() {
        let now = Instant::now();
        let mut batcher = Batcher::new();
        batcher.add(1, batch(Lane::Rest, 1), now).unwrap();
        batcher.take(4, now).unwrap();
        batcher.add(2, batch(Lane::Rest, 1), now).unwrap();
        batcher.add(3, batch(Lane::Critical, 1), now).unwrap();
        assert_eq!(tickets(batcher.take(4, now)), [2, 3]);
    }

    #[test]
    fn proposal_is_cut_at_its_size() {
        let now = Instant::now();
        let mut batcher = Batcher::new();
        for (ticket, items) in [(1, 1_500), (2, 500), (3, 1), (4, 2_500), (5, 1)] {
            batcher.add(ticket, batch(Lane::Rest, items), now).unwrap();
        }
        assert_eq!(tickets(batcher.take(4, now)), [1, 2]);
        assert_eq!(tickets(batcher.take(4, now)), [3]);
        assert_eq!(tickets(batcher.take(4, now)), [4]);
        assert!(batcher.take(3, now).is_none(), "three are under way");
    }

    #[test]
    fn what_does_not_fit_is_given_back() {
        let now = Instant::now();
        let mut batcher = Batcher::new();
        let per_submission = 20_000 * ITEM_OVERHEAD_BYTES;
        let fitting = u32::try_from(WAITING_BYTES_MAX / per_submission).unwrap();
        for ticket in 0..fitting {
            batcher.add(ticket, batch(Lane::Rest, 20_000), now).unwrap();
        }
        assert_eq!(batcher.add(99, batch(Lane::Rest, 20_000), now), Err(99));
        batcher.take(4, now).unwrap();
        assert_eq!(batcher.add(99, batch(Lane::Rest, 20_000), now), Ok(()));
    }

    #[test]
    fn item_weighs_at_least_what_it_takes_in_the_log() {
        let alert = StoredAlert {
            rule: "r".repeat(1024).into(),
            severity: Severity(tiercel_detection::Priority::Warning),
            hostname: "h".repeat(1024).into(),
            fingerprint: u128::MAX,
            receivers: (0..200).map(|n| format!("receiver-{n:04}").into()).collect(),
            body: vec![0; 5000].into(),
        };
        let items = [
            Item::Alert(alert),
            Item::Skip { count: u64::MAX, reason: "over_quota".into() },
            Item::Invalid { reason: "x".repeat(500).into() },
        ];
        for item in items {
            let stored = postcard::to_stdvec(&item).unwrap().len();
            let weighed = item_bytes(&item);
            assert!((stored..=stored + ITEM_OVERHEAD_BYTES + 400).contains(&weighed), "{weighed} for {stored}");
        }
    }
}
