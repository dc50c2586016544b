//! The replicated sums, and the law that they obey.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;

use super::{DeathReason, State};

/// Most reasons for which losses are counted apart; a peer cannot grow the map without end.
const LOSS_REASONS_MAX: usize = 32;
/// Where losses are counted beyond that.
const OTHER_REASONS: &str = "other";

/// The reason of a skip that is no loss, as agents write it.
const ACKNOWLEDGED_EARLIER: &str = "acknowledged_earlier";

/// Sums over the whole life of the cluster; equal on all replicas at the same log index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Alerts taken in, each once.
    pub accepted: u64,
    /// Alerts that came again under a number already counted.
    pub duplicates: u64,
    /// Items that were no alerts.
    pub invalid: u64,
    /// Alerts that agents had to give up, by reason.
    pub lost: BTreeMap<Text, u64>,
    /// Alerts that agents need not send any more: a cluster whose state is gone had acknowledged them.
    pub acknowledged_earlier: u64,
    /// Batches refused because items before them were missing.
    pub gaps: u64,
    /// Batches refused because another node sends under the same spool id.
    pub conflicts: u64,
    /// Batches refused because there was no room for another producer.
    pub producers_refused: u64,
    /// Producer lanes forgotten because they were silent for long.
    pub producers_retired: u64,

    /// Accepted alerts that only repeat a finding within its window.
    pub repeats: u64,
    /// Accepted alerts that no receiver wants.
    pub unrouted: u64,
    /// Accepted alerts that at least one receiver hears of.
    pub told: u64,
    /// Accepted alerts whose rule was above its limit.
    pub folded: u64,
    /// Findings forgotten before their window ended because there were too many.
    pub findings_evicted: u64,

    /// Pairs of alert and receiver to account for: each told or folded alert, times its receivers.
    pub routed: u64,
    /// Pairs that became a notification of their own.
    pub routed_told: u64,
    /// Pairs that went into a storm summary because of the rule's limit.
    pub routed_folded: u64,
    /// Pairs that went into a storm summary because the receiver's outbox was full.
    pub routed_overflowed: u64,
    /// Pairs that a finished storm summary tells of.
    pub routed_summarised: u64,

    /// Notifications made: findings and storm summaries.
    pub notifications: u64,
    /// Notifications that arrived.
    pub delivered: u64,
    /// Notifications given up, by reason.
    pub dead: BTreeMap<DeathReason, u64>,
    /// Storm summaries that were added to one still waiting; they made no notification of their own.
    pub coalesced: u64,
    /// Attempts to deliver.
    pub attempts: u64,
    /// Attempts that failed and were put off.
    pub retries: u64,
    /// Attempts whose outcome will never be known.
    pub ambiguous: u64,
    /// Claims and completions that came too late to matter.
    pub stale: u64,
}

impl Counters {
    /// Counts what an agent skipped: a loss under its reason, or what had been acknowledged before.
    pub(super) fn count_skipped(&mut self, reason: &Text, count: u64) {
        if &**reason == ACKNOWLEDGED_EARLIER {
            self.acknowledged_earlier = self.acknowledged_earlier.saturating_add(count);
            return;
        }
        let known = self.lost.contains_key(reason) || self.lost.len() < LOSS_REASONS_MAX;
        let reason = if known { reason.clone() } else { OTHER_REASONS.into() };
        let lost = self.lost.entry(reason).or_default();
        *lost = lost.saturating_add(count);
    }

    /// Alerts that agents gave up, for any reason.
    pub fn lost_total(&self) -> u64 {
        self.lost.values().fold(0, |sum, lost| sum.saturating_add(*lost))
    }

    /// Notifications given up, for any reason.
    pub fn dead_total(&self) -> u64 {
        self.dead.values().sum()
    }
}

impl State {
    /// How far the sums are apart that must be equal: every accepted alert has one verdict, every pair of alert and
    /// receiver is told or folded, every folded pair is in a summary, every notification is somewhere. Always 0.
    pub fn imbalance(&self) -> u64 {
        let sums = self.counters();
        let open: u64 = self.storms().map(|storm| storm.summary.alerts).sum();
        let waiting = self.outbox_len() as u64;
        [
            (sums.accepted, sums.repeats + sums.unrouted + sums.told + sums.folded),
            (sums.routed, sums.routed_told + sums.routed_folded + sums.routed_overflowed),
            (sums.routed_folded + sums.routed_overflowed, sums.routed_summarised + open),
            (sums.notifications, sums.delivered + sums.dead_total() + waiting),
        ]
        .into_iter()
        .map(|(left, right)| left.abs_diff(right))
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_before_is_no_loss() {
        let mut counters = Counters::default();
        counters.count_skipped(&"acknowledged_earlier".into(), 3);
        counters.count_skipped(&"over_quota".into(), 2);
        assert_eq!((counters.acknowledged_earlier, counters.lost_total()), (3, 2));
    }

    #[test]
    fn skips_beyond_any_count_do_not_overflow() {
        let mut counters = Counters::default();
        for reason in ["acknowledged_earlier", "over_quota", "damaged"] {
            counters.count_skipped(&reason.into(), u64::MAX);
            counters.count_skipped(&reason.into(), u64::MAX);
        }
        assert_eq!((counters.acknowledged_earlier, counters.lost_total()), (u64::MAX, u64::MAX));
    }
}
