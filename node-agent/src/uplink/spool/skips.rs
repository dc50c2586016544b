//! What the spool had to give up: ranges of sequences, each with its reason and the rules that lost alerts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tiercel_proto::{Sequence, v1};

/// How many rules a range names; the rest is summed up. A rule set has about a hundred rules, and few of them make
/// the storm that overflows a lane.
const RULES_MAX: usize = 64;

/// The name under which the other rules are summed up.
const OTHER_RULES: &str = "(other)";

/// Why alerts were given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SkipReason {
    /// The lane was full; its oldest alerts made room.
    OverQuota,
    /// The disk took no more, and neither did the memory that stood in for it.
    DiskFailed,
    /// What was on disk cannot be read any more.
    Damaged,
    /// The alert was larger than a record may be.
    Oversized,
    /// A cluster had it and has since lost its state; no loss of ours.
    AcknowledgedEarlier,
}

impl SkipReason {
    /// The word on the wire and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::OverQuota => "over_quota",
            Self::DiskFailed => "disk_failed",
            Self::Damaged => "damaged",
            Self::Oversized => "oversized",
            Self::AcknowledgedEarlier => "acknowledged_earlier",
        }
    }
}

/// How many alerts of which rule, for a bounded number of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RuleCounts(BTreeMap<String, u64>);

impl RuleCounts {
    pub(super) fn add(&mut self, rule: &str, count: u64) {
        let known = self.0.contains_key(rule) || self.0.len() < RULES_MAX;
        *self.0.entry(if known { rule } else { OTHER_RULES }.to_owned()).or_default() += count;
    }

    fn merge(&mut self, other: Self) {
        other.0.into_iter().for_each(|(rule, count)| self.add(&rule, count));
    }
}

/// One range of sequences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SkipRange {
    pub(super) first: Sequence,
    /// At least 1.
    pub(super) count: u64,
    pub(super) reason: SkipReason,
    pub(super) rules: RuleCounts,
}

impl SkipRange {
    /// The sequence after the range.
    pub(super) fn end(&self) -> Sequence {
        self.first.plus(self.count)
    }

    pub(super) fn to_wire(&self) -> v1::Skip {
        v1::Skip { count: self.count, reason: self.reason.name().to_owned(), alerts_by_rule: self.rules.0.clone() }
    }
}

/// The ranges of one stream; they neither overlap nor touch if they have the same reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Skips(BTreeMap<Sequence, SkipRange>);

impl Skips {
    pub(super) fn from_ranges(ranges: Vec<SkipRange>) -> Self {
        let mut skips = Self::default();
        for range in ranges.into_iter().filter(|range| range.count > 0) {
            skips.insert(range);
        }
        skips
    }

    pub(super) fn ranges(&self) -> impl Iterator<Item = &SkipRange> {
        self.0.values()
    }

    /// Adds a range and swallows those that it covers. Returns how many sequences were not skipped before.
    pub(super) fn insert(&mut self, mut range: SkipRange) -> u64 {
        let before = self.total();
        // A range that begins before this one and reaches into it keeps its part.
        if let Some((_, earlier)) = self.0.range(..range.first).next_back()
            && earlier.end() > range.first
        {
            if earlier.end() >= range.end() {
                return 0;
            }
            range.count = range.end().0 - earlier.end().0;
            range.first = earlier.end();
        }
        let covered: Vec<_> = self.0.range(range.first..range.end()).map(|(first, _)| *first).collect();
        for first in covered {
            let inner = self.0.remove(&first).expect("the key was just read");
            range.count = range.count.max(inner.end().0 - range.first.0);
            if inner.reason == range.reason {
                range.rules.merge(inner.rules);
            }
        }
        self.join_neighbours(range);
        self.total() - before
    }

    fn join_neighbours(&mut self, mut range: SkipRange) {
        if let Some(mut after) = self.0.get(&range.end()).filter(|after| after.reason == range.reason).cloned() {
            self.0.remove(&after.first);
            range.count += after.count;
            range.rules.merge(std::mem::take(&mut after.rules));
        }
        if let Some((_, before)) = self.0.range_mut(..range.first).next_back()
            && before.end() == range.first
            && before.reason == range.reason
        {
            before.count += range.count;
            before.rules.merge(range.rules);
            return;
        }
        self.0.insert(range.first, range);
    }

    /// The range that the sequence lies in, without the part before it.
    pub(super) fn at(&self, sequence: Sequence) -> Option<SkipRange> {
        let (_, range) = self.0.range(..=sequence).next_back()?;
        (range.end() > sequence).then(|| {
            let count = range.end().0 - sequence.0;
            SkipRange { first: sequence, count, ..range.clone() }
        })
    }

    /// The start of the first range at or after the sequence.
    pub(super) fn next_start(&self, sequence: Sequence) -> Option<Sequence> {
        self.0.range(sequence..).next().map(|(first, _)| *first)
    }

    /// Forgets everything before the sequence. Returns how many sequences that were.
    pub(super) fn forget_before(&mut self, sequence: Sequence) -> u64 {
        let before = self.total();
        let straddling = self.at(sequence);
        self.0.retain(|first, _| *first >= sequence);
        if let Some(rest) = straddling {
            self.0.insert(rest.first, rest);
        }
        before - self.total()
    }

    /// How many sequences are skipped.
    pub(super) fn total(&self) -> u64 {
        self.0.values().map(|range| range.count).sum()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn range(first: u64, count: u64, reason: SkipReason) -> SkipRange {
        let mut rules = RuleCounts::default();
        rules.add("r", count);
        SkipRange { first: Sequence(first), count, reason, rules }
    }

    #[track_caller]
    fn check(ranges: &[SkipRange], expected: Expect) {
        let mut skips = Skips::default();
        let mut text = String::new();
        for range in ranges {
            text += &format!("+{} ", skips.insert(range.clone()));
        }
        for range in skips.ranges() {
            text += &format!("[{}..{} {}]", range.first, range.end(), range.reason.name());
        }
        expected.assert_eq(&text);
    }

    #[test]
    fn ranges_of_one_reason_grow_together() {
        use SkipReason::{Damaged, OverQuota};
        check(&[range(1, 3, OverQuota), range(4, 2, OverQuota)], expect!["+3 +2 [1..6 over_quota]"]);
        check(&[range(4, 2, OverQuota), range(1, 3, OverQuota)], expect!["+2 +3 [1..6 over_quota]"]);
        check(&[range(1, 3, Damaged), range(4, 2, OverQuota)], expect!["+3 +2 [1..4 damaged][4..6 over_quota]"]);
    }

    #[test]
    fn nothing_is_counted_twice() {
        use SkipReason::{Damaged, OverQuota};
        check(&[range(2, 2, Damaged), range(1, 5, OverQuota)], expect!["+2 +3 [1..6 over_quota]"]);
        check(&[range(1, 5, OverQuota), range(2, 2, Damaged)], expect!["+5 +0 [1..6 over_quota]"]);
        check(&[range(1, 3, Damaged), range(2, 4, OverQuota)], expect!["+3 +2 [1..4 damaged][4..6 over_quota]"]);
        check(&[range(3, 4, Damaged), range(1, 3, OverQuota)], expect!["+4 +2 [1..7 over_quota]"]);
    }

    #[test]
    fn acknowledgement_cuts_a_range() {
        let mut skips = Skips::from_ranges(vec![range(3, 4, SkipReason::Damaged)]);
        assert_eq!(skips.forget_before(Sequence(5)), 2);
        assert_eq!(skips.at(Sequence(5)).map(|range| range.count), Some(2));
        assert_eq!(skips.at(Sequence(4)), None);
        assert_eq!(skips.next_start(Sequence(1)), Some(Sequence(5)));
        assert_eq!(skips.forget_before(Sequence(7)), 2);
        assert_eq!(skips, Skips::default());
    }

    #[test]
    fn rules_beyond_the_bound_are_summed_up() {
        let mut rules = RuleCounts::default();
        for rule in 0..RULES_MAX + 10 {
            rules.add(&format!("rule {rule:03}"), 2);
        }
        assert_eq!(rules.0.len(), RULES_MAX + 1);
        assert_eq!(rules.0[OTHER_RULES], 20);
    }
}
