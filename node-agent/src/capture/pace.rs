//! How often the rings are looked at.

use std::time::Duration;

/// While records come, their delay stays near this.
const BUSY: Duration = Duration::from_millis(1);
/// On a quiet machine: 100 wake-ups a second, and far below what fills a ring (8 MiB last 50 ms at 150 MB/s).
const IDLE: Duration = Duration::from_millis(10);

/// Chooses the interval between two drains: short after a record, longer with each drain that found nothing.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: BUSY }
    }
}

impl Pace {
    /// Takes note of a drain.
    pub(super) fn note(&mut self, records: usize) {
        self.interval = if records > 0 { BUSY } else { (self.interval * 2).min(IDLE) };
    }

    /// Returns the interval until the next drain.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_grows_while_idle_and_falls_at_the_first_record() {
        let mut pace = Pace::default();
        let mut idle = Vec::new();
        for _ in 0..5 {
            pace.note(0);
            idle.push(pace.interval().as_millis());
        }
        assert_eq!(idle, [2, 4, 8, 10, 10]);
        pace.note(1);
        assert_eq!(pace.interval(), BUSY);
    }
}
