//! How hard a receiver is tried: many attempts at a time while it works, one after a pause while it does not.

use std::time::{Duration, Instant};

use rand::Rng;

/// Attempts under way to a receiver that works.
const ATTEMPTS_MAX: usize = 8;

/// Failures in a row after which a receiver counts as down.
const FAILURES_TO_OPEN: u32 = 3;

/// Shortest time between two attempts after a failure.
const DELAY_MIN: Duration = Duration::from_secs(1);
/// Longest one: an operator who has repaired a receiver should not wait long to see it.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// What is known of a receiver.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    paused_until: Option<Instant>,
}

impl Breaker {
    /// How many attempts may be under way now.
    pub(super) fn attempts_max(&self, now: Instant) -> usize {
        match self.paused_until {
            Some(until) if now < until => 0,
            Some(_) | None if self.failures >= FAILURES_TO_OPEN => 1,
            Some(_) | None => ATTEMPTS_MAX,
        }
    }

    /// How long until more attempts may start, if there is a pause.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        self.paused_until.map(|until| until.saturating_duration_since(now)).filter(|pause| !pause.is_zero())
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// An attempt failed in a way that says something about the receiver; it may have asked for a pause itself.
    pub(super) fn failed(&mut self, asked: Option<Duration>, now: Instant, random: &mut impl Rng) {
        self.failures = self.failures.saturating_add(1);
        let own = (self.failures >= FAILURES_TO_OPEN).then(|| delay(self.failures, random));
        if let Some(pause) = asked.into_iter().chain(own).max() {
            self.paused_until = Some(now + pause.min(DELAY_MAX));
        }
    }

    /// Whether the receiver counts as down.
    pub(super) fn is_open(&self) -> bool {
        self.failures >= FAILURES_TO_OPEN
    }
}

/// The delay before attempt `attempts + 1`: anywhere between the shortest and three times as long with each attempt, so
/// that what failed together does not come back together.
pub(super) fn delay(attempts: u32, random: &mut impl Rng) -> Duration {
    let longest = DELAY_MIN.saturating_mul(3_u32.saturating_pow(attempts.min(10))).min(DELAY_MAX);
    random.random_range(DELAY_MIN..=longest)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn receiver_that_keeps_failing_is_tried_once_after_each_pause() {
        let mut random = StdRng::seed_from_u64(1);
        let mut breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..FAILURES_TO_OPEN - 1 {
            breaker.failed(None, now, &mut random);
            assert_eq!(breaker.attempts_max(now), ATTEMPTS_MAX);
        }
        breaker.failed(None, now, &mut random);
        assert_eq!(breaker.attempts_max(now), 0);
        let pause = breaker.pause(now).unwrap();
        assert!((DELAY_MIN..=DELAY_MAX).contains(&pause));
        assert_eq!(breaker.attempts_max(now + pause), 1);
        breaker.succeeded();
        assert_eq!(breaker.attempts_max(now), ATTEMPTS_MAX);
    }

    #[test]
    fn pause_that_the_receiver_asks_for_is_kept() {
        let mut random = StdRng::seed_from_u64(1);
        let mut breaker = Breaker::default();
        let now = Instant::now();
        breaker.failed(Some(Duration::from_secs(7)), now, &mut random);
        assert_eq!(breaker.pause(now), Some(Duration::from_secs(7)));
        breaker.failed(Some(Duration::from_secs(86_400)), now, &mut random);
        assert_eq!(breaker.pause(now), Some(DELAY_MAX));
    }

    #[test]
    fn delays_grow_and_stay_in_their_bounds() {
        let mut random = StdRng::seed_from_u64(1);
        for attempts in 0..40 {
            for _ in 0..50 {
                let delay = delay(attempts, &mut random);
                assert!((DELAY_MIN..=DELAY_MAX).contains(&delay));
                assert!(attempts > 0 || delay == DELAY_MIN);
            }
        }
    }
}
