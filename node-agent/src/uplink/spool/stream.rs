//! One lane of one run: its segments, how far it is acknowledged and sent, and what of it was given up.

use std::collections::VecDeque;
use std::io;

use prost::Message;
use tiercel_proto::{Sequence, v1};

use super::reader::{Found, Reader};
use super::record::{self, Parsed};
use super::segment::{Segment, StreamId};
use super::skips::{RuleCounts, SkipRange, SkipReason, Skips};

/// Contiguous items of one stream, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Whose.
    pub stream: StreamId,
    /// The sequence of the first item.
    pub first: Sequence,
    /// The sequence after the last item.
    pub end: Sequence,
    /// Alerts and skips.
    pub items: Vec<v1::Item>,
    /// How many alerts are in it.
    pub alerts: u64,
    /// How many of the alerts were sent before.
    pub resent: u64,
}

/// How large a batch may become.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Most items.
    pub items_max: usize,
    /// No item is added to a batch of this size.
    pub bytes_max: usize,
}

/// What an acknowledgement settled.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) alerts: u64,
    pub(super) segments: Vec<Segment>,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) segments: VecDeque<Segment>,
    /// Everything before it is acknowledged.
    pub(super) unacked: Sequence,
    /// The number that the next alert gets.
    pub(super) next: Sequence,
    pub(super) skips: Skips,
    /// The next one to be sent; never before `unacked`.
    unsent: Sequence,
    /// Everything before it was sent at least once.
    sent: Sequence,
    reader: Reader,
}

impl Stream {
    pub(super) fn new(id: StreamId, unacked: Sequence, skips: Skips) -> Self {
        Self {
            id,
            segments: VecDeque::new(),
            unacked,
            next: unacked,
            skips,
            unsent: unacked,
            sent: unacked,
            reader: Reader::default(),
        }
    }

    /// How many alerts are in it that are neither acknowledged nor given up.
    pub(super) fn waiting(&self) -> u64 {
        self.next.0 - self.unacked.0 - self.skips.total()
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.unsent < self.next
    }

    pub(super) fn is_settled(&self) -> bool {
        self.unacked == self.next
    }

    /// Sends everything again that is not acknowledged.
    pub(super) fn rewind(&mut self) {
        self.unsent = self.unacked;
    }

    /// Takes the next items. Also returns how many alerts turned out to be unreadable.
    pub(super) fn next_batch(&mut self, limits: BatchLimits) -> (Batch, u64) {
        let mut batch =
            Batch { stream: self.id, first: self.unsent, end: self.unsent, items: Vec::new(), alerts: 0, resent: 0 };
        let (mut bytes, mut damaged) = (0, 0);
        while batch.items.len() < limits.items_max && bytes < limits.bytes_max && self.has_unsent() {
            if let Some(range) = self.skips.at(self.unsent) {
                batch.items.push(v1::Item { kind: Some(v1::item::Kind::Skip(range.to_wire())) });
                self.unsent = range.end();
                continue;
            }
            match self.read_one() {
                Found::Alert { alert, bytes: length } => {
                    batch.items.push(v1::Item { kind: Some(v1::item::Kind::Alert(alert)) });
                    batch.alerts += 1;
                    batch.resent += u64::from(self.unsent < self.sent);
                    bytes += length;
                    self.unsent = self.unsent.plus(1);
                }
                Found::HoleUntil(until) => damaged += self.give_up_until(until, SkipReason::Damaged),
            }
        }
        self.sent = self.sent.max(self.unsent);
        batch.end = self.unsent;
        (batch, damaged)
    }

    fn read_one(&mut self) -> Found {
        let behind = self.segments.partition_point(|segment| segment.end <= self.unsent);
        match self.segments.get(behind) {
            Some(segment) if segment.first <= self.unsent => {
                self.reader.read(segment, self.unsent).unwrap_or_else(|error| {
                    tracing::error!(%error, stream = %self.id, "failed to read spool segment, its alerts are lost");
                    Found::HoleUntil(segment.end)
                })
            }
            Some(segment) => Found::HoleUntil(segment.first),
            None => Found::HoleUntil(self.next),
        }
    }

    fn give_up_until(&mut self, until: Sequence, reason: SkipReason) -> u64 {
        // Ranges that are known already keep their reason and their rules.
        let until = self.skips.next_start(self.unsent).map_or(until, |start| start.min(until));
        let count = until.0 - self.unsent.0;
        self.skips.insert(SkipRange { first: self.unsent, count, reason, rules: RuleCounts::default() })
    }

    /// Numbers one alert that is not kept.
    pub(super) fn skip_next(&mut self, rule: &str, reason: SkipReason) {
        let mut rules = RuleCounts::default();
        rules.add(rule, 1);
        self.skips.insert(SkipRange { first: self.next, count: 1, reason, rules });
        self.next = self.next.plus(1);
    }

    /// Puts all segments on the disk. Returns whether there was anything to do.
    pub(super) fn sync(&mut self) -> io::Result<bool> {
        let last = self.segments.len().saturating_sub(1);
        let mut outcome = Ok(false);
        for (index, segment) in self.segments.iter_mut().enumerate() {
            let synced = segment.sync();
            outcome = outcome.and_then(|before| synced.map(|now| before || now));
            if index < last {
                segment.close();
            }
        }
        outcome
    }

    /// Takes note that everything before the sequence is safe.
    pub(super) fn acknowledge(&mut self, before: Sequence, is_current: bool) -> Settled {
        let before = before.min(self.next);
        if before <= self.unacked {
            return Settled::default();
        }
        let skipped = self.skips.forget_before(before);
        let alerts = before.0 - self.unacked.0 - skipped;
        self.unacked = before;
        self.unsent = self.unsent.max(before);
        let mut segments = Vec::new();
        // The newest segment of the current run stays: it is still being written.
        while self.segments.len() > usize::from(is_current)
            && self.segments.front().is_some_and(|segment| segment.end <= before)
        {
            segments.extend(self.segments.pop_front());
        }
        Settled { alerts, segments }
    }

    /// Makes the stream begin at a sequence that was acknowledged before: a cluster that has lost its state does not
    /// take anything later until it hears what came between.
    pub(super) fn restate(&mut self, from: Sequence) {
        if from >= self.unacked {
            return;
        }
        let count = self.unacked.0 - from.0;
        let range =
            SkipRange { first: from, count, reason: SkipReason::AcknowledgedEarlier, rules: RuleCounts::default() };
        self.skips.insert(range);
        self.unacked = from;
        self.rewind();
    }

    /// Gives up the segment at that index. Returns it, and how many alerts were lost with it.
    pub(super) fn evict(&mut self, index: usize, reason: SkipReason) -> Option<(Segment, u64)> {
        let segment = self.segments.remove(index)?;
        let first = segment.first.max(self.unacked);
        let count = segment.end.0.saturating_sub(first.0);
        if count == 0 {
            return Some((segment, 0));
        }
        let rules = rules_in(&segment, first);
        let lost = self.skips.insert(SkipRange { first, count, reason, rules });
        Some((segment, lost))
    }

    /// The segment to give up first: the oldest one of which nothing is on its way, or else the oldest one. The one
    /// being written is spared as long as there is another.
    pub(super) fn victim(&self, eligible: impl Fn(&Segment) -> bool) -> Option<usize> {
        let last = self.segments.len().saturating_sub(1);
        let mut candidates = self.segments.iter().enumerate().filter(|(_, segment)| eligible(segment));
        let untouched = candidates.clone().find(|(index, segment)| *index != last && segment.first >= self.unsent);
        untouched.or_else(|| candidates.next()).map(|(index, _)| index)
    }
}

/// Only the rule of an alert; the other fields are passed over.
#[derive(Clone, PartialEq, prost::Message)]
struct RuleOfAlert {
    #[prost(string, tag = "2")]
    rule: String,
}

fn rules_in(segment: &Segment, from: Sequence) -> RuleCounts {
    let mut rules = RuleCounts::default();
    let Ok(bytes) = segment.read_rest(0) else { return rules };
    let mut rest = bytes.as_slice();
    while let Parsed::Record(record) = record::parse(rest) {
        if record.sequence >= from
            && let Ok(alert) = RuleOfAlert::decode(record.payload)
        {
            rules.add(&alert.rule, 1);
        }
        rest = &rest[record.length()..];
    }
    rules
}
