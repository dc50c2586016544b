//! The time for the log: never behind what the log has seen, and never standing still.

use std::time::Instant;

use crate::triage::UnixMillis;

/// Carries the time of the log on when the wall clock of this node is behind it: after a leader whose clock was ahead, or
/// when our own was set back, the log must not wait for the wall clock to catch up.
#[derive(Debug)]
pub(super) struct Clock {
    /// A time that the log had.
    seen: UnixMillis,
    /// When this node saw it.
    seen_at: Instant,
}

impl Clock {
    pub(super) fn new(started_at: Instant) -> Self {
        Self { seen: UnixMillis::default(), seen_at: started_at }
    }

    /// The time for a command that is proposed now, or for comparing with times in the state.
    pub(super) fn now(&mut self, wall: UnixMillis, log: UnixMillis, at: Instant) -> UnixMillis {
        let carried_on = self.seen.plus(at.saturating_duration_since(self.seen_at));
        if log > carried_on {
            (self.seen, self.seen_at) = (log, at);
        }
        wall.max(carried_on).max(log)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn time_goes_on_while_the_wall_clock_is_an_hour_behind_the_log() {
        let start = Instant::now();
        let mut clock = Clock::new(start);
        let log = UnixMillis(10 * HOUR_MS);
        let wall = UnixMillis(9 * HOUR_MS);
        assert_eq!(clock.now(wall, log, start), log);
        let later = start + Duration::from_secs(5);
        // Nothing was proposed meanwhile, so the log still has its old time.
        assert_eq!(clock.now(wall.plus_ms(5_000), log, later), log.plus_ms(5_000));
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(clock.now(wall.plus_ms(HOUR_MS), log.plus_ms(5_000), much_later), log.plus_ms(HOUR_MS));
    }

    #[test]
    fn wall_clock_counts_when_it_is_ahead() {
        let start = Instant::now();
        let mut clock = Clock::new(start);
        assert_eq!(clock.now(UnixMillis(HOUR_MS), UnixMillis(7), start), UnixMillis(HOUR_MS));
        // It was set back: the log holds the time, and carries it on.
        assert_eq!(clock.now(UnixMillis(0), UnixMillis(HOUR_MS), start), UnixMillis(HOUR_MS));
        let later = start + Duration::from_secs(1);
        assert_eq!(clock.now(UnixMillis(1_000), UnixMillis(HOUR_MS), later), UnixMillis(HOUR_MS + 1_000));
    }
}
