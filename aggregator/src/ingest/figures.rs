//! What the intake of this process has done, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one process; unlike the replicated sums they start at 0 with it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) streams: AtomicU64,
    pub(super) batches: AtomicU64,
    pub(super) proposals: AtomicU64,
    pub(super) proposed_items: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) put_off: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) unknown: AtomicU64,
    pub(super) waiting_bytes: AtomicU64,
}

/// A look at the counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestFigures {
    /// Agents that are connected.
    pub streams: u64,
    /// Batches that came in.
    pub batches: u64,
    /// Proposals made of them, here or handed to the leader.
    pub proposals: u64,
    /// Items in those proposals.
    pub proposed_items: u64,
    /// Batches that were acknowledged.
    pub acknowledged: u64,
    /// Batches whose agent was asked to come back, for any reason.
    pub put_off: u64,
    /// Of those: because too much was under way here.
    pub busy: u64,
    /// Of those: because nobody knows whether they were committed.
    pub unknown: u64,
    /// Bytes of alerts that wait for a proposal now.
    pub waiting_bytes: u64,
}

impl Counts {
    pub(super) fn figures(&self) -> IngestFigures {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        IngestFigures {
            streams: get(&self.streams),
            batches: get(&self.batches),
            proposals: get(&self.proposals),
            proposed_items: get(&self.proposed_items),
            acknowledged: get(&self.acknowledged),
            put_off: get(&self.put_off),
            busy: get(&self.busy),
            unknown: get(&self.unknown),
            waiting_bytes: get(&self.waiting_bytes),
        }
    }
}

pub(super) fn add(count: &AtomicU64, number: usize) {
    count.fetch_add(number as u64, Ordering::Relaxed);
}
