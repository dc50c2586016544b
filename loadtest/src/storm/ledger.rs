//! What was sent and what came back: pure bookkeeping of one lane.

use std::ops::Range;
use std::time::Duration;

/// The sums of a storm, printed as JSON.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sums {
    /// The producer, in hexadecimal.
    pub spool_id: String,
    /// Alerts to send.
    pub alerts: u64,
    /// Alerts that the cluster acknowledged.
    pub acknowledged: u64,
    /// Alerts put on the wire, repeats included.
    pub sent: u64,
    /// Of these, alerts that had been sent before.
    pub resent: u64,
    /// Connections opened after the first.
    pub reconnections: u64,
    /// Batches that an aggregator refused for now.
    pub retries: u64,
    /// The longest time between two acknowledgements that moved forward, in milliseconds.
    pub longest_gap_ms: u64,
    /// From the first connection attempt to the last acknowledgement, in milliseconds.
    pub elapsed_ms: u64,
}

/// Go-back-N over one lane: sequences up to `acknowledged` are done, up to `sent` are on the wire.
#[derive(Debug, Clone)]
pub struct Ledger {
    alerts: u64,
    window: u64,
    batch: u64,
    acknowledged: u64,
    next: u64,
    high_water: u64,
    sent: u64,
    resent: u64,
    last_progress: Duration,
    longest_gap: Duration,
}

impl Ledger {
    /// A ledger for sequences 1 to `alerts`.
    pub fn new(alerts: u64, window: u64, batch: u64) -> Self {
        Self {
            alerts,
            window: window.max(1),
            batch: batch.max(1),
            acknowledged: 0,
            next: 1,
            high_water: 0,
            sent: 0,
            resent: 0,
            last_progress: Duration::ZERO,
            longest_gap: Duration::ZERO,
        }
    }

    /// Everything is acknowledged.
    pub fn is_done(&self) -> bool {
        self.acknowledged >= self.alerts
    }

    /// Something is on the wire and unacknowledged.
    pub fn in_flight(&self) -> bool {
        self.next > self.acknowledged + 1
    }

    /// How far the cluster has acknowledged.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// The next sequences to send, or `None` when the window is full or all are sent.
    pub fn take_batch(&mut self) -> Option<Range<u64>> {
        let end = (self.next + self.batch).min(self.alerts + 1).min(self.acknowledged + self.window + 1);
        if self.next >= end {
            return None;
        }
        let range = self.next..end;
        self.sent += end - self.next;
        self.resent += self.high_water.saturating_sub(self.next - 1).min(end - self.next);
        self.high_water = self.high_water.max(end - 1);
        self.next = end;
        Some(range)
    }

    /// The cluster has everything up to `sequence`; `now` is the time since the start.
    pub fn acknowledge(&mut self, sequence: u64, now: Duration) {
        if sequence <= self.acknowledged {
            return;
        }
        self.acknowledged = sequence.min(self.alerts);
        self.next = self.next.max(self.acknowledged + 1);
        self.longest_gap = self.longest_gap.max(now.saturating_sub(self.last_progress));
        self.last_progress = now;
    }

    /// The connection is gone, or the cluster wants an earlier sequence: begin again after what is acknowledged.
    pub fn go_back(&mut self) {
        self.next = self.acknowledged + 1;
    }

    /// The sums so far.
    pub fn sums(&self, spool_id: String, reconnections: u64, retries: u64) -> Sums {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Sums {
            spool_id,
            alerts: self.alerts,
            acknowledged: self.acknowledged,
            sent: self.sent,
            resent: self.resent,
            reconnections,
            retries,
            longest_gap_ms: milliseconds(self.longest_gap),
            elapsed_ms: milliseconds(self.last_progress),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_bounds_what_is_on_the_wire() {
        let mut ledger = Ledger::new(10, 5, 3);
        assert_eq!(ledger.take_batch(), Some(1..4));
        assert_eq!(ledger.take_batch(), Some(4..6));
        assert_eq!(ledger.take_batch(), None);
        ledger.acknowledge(3, Duration::from_millis(7));
        assert_eq!(ledger.take_batch(), Some(6..9));
        assert!(ledger.in_flight() && !ledger.is_done());
    }

    #[test]
    fn what_is_sent_again_is_counted_as_resent() {
        let mut ledger = Ledger::new(6, 6, 3);
        ledger.take_batch();
        ledger.take_batch();
        ledger.acknowledge(2, Duration::from_millis(5));
        ledger.go_back();
        assert_eq!(ledger.take_batch(), Some(3..6));
        assert_eq!(ledger.take_batch(), Some(6..7));
        ledger.acknowledge(6, Duration::from_millis(30));
        let sums = ledger.sums(String::new(), 1, 0);
        assert_eq!((sums.sent, sums.resent, sums.acknowledged), (10, 4, 6));
        assert_eq!((sums.longest_gap_ms, sums.elapsed_ms), (25, 30));
        assert!(ledger.is_done());
    }
}
