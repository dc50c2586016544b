//! What Falco does about lost system calls (`syscall_event_drops`): looks once a second, acts when too many are lost.

use anyhow::bail;
use tiercel_agent::detect::{Allowance, LossAction as Action};
use tiercel_detection::event::Timestamp;

/// How often losses are looked at, in time of the events.
const INTERVAL_NS: u64 = 1_000_000_000;

/// When to act, and how.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DropPolicy {
    /// Lost events for each event; above it the actions are due.
    pub(super) threshold: f64,
    pub(super) actions: Vec<Action>,
    /// Actions a second, in the long run.
    pub(super) rate: f64,
    /// Actions at once.
    pub(super) burst: f64,
    /// Pretend that something is lost all the time.
    pub(super) simulate: bool,
}

impl Default for DropPolicy {
    fn default() -> Self {
        Self { threshold: 0.1, actions: vec![Action::Ignore], rate: 0.03333, burst: 1.0, simulate: false }
    }
}

impl DropPolicy {
    pub(super) fn checked_threshold(threshold: f64) -> anyhow::Result<f64> {
        if !(0.0..=1.0).contains(&threshold) {
            bail!("syscall event drops threshold must be a double in the range [0, 1]");
        }
        Ok(threshold)
    }

    pub(super) fn checked_actions(names: &[String]) -> anyhow::Result<Vec<Action>> {
        let mut actions = Vec::new();
        for name in names {
            let Some(action) = Action::from_word(name) else {
                bail!(
                    "available actions for syscall event drops are \"ignore\", \"log\", \"alert\", and \"exit\", found \"{name}\""
                );
            };
            actions.push(action);
        }
        let other = actions.iter().find(|action| **action != Action::Ignore);
        if let (true, Some(other)) = (actions.contains(&Action::Ignore), other) {
            let name = other.word();
            bail!("syscall event drop action \"{name}\" does not make sense with the \"ignore\" action");
        }
        Ok(actions)
    }
}

/// Counts losses and says when to act.
#[derive(Debug)]
pub(super) struct DropWatch {
    policy: DropPolicy,
    next_look: Option<Timestamp>,
    /// Events and losses at the last look.
    seen: (u64, u64),
    allowance: Allowance,
    /// Looks that found too many lost.
    pub(super) occurrences: u64,
    /// Times that the actions were taken.
    pub(super) actions_taken: u64,
}

/// Actions that are due now.
#[derive(Debug, PartialEq)]
pub(super) struct Due {
    pub(super) actions: Vec<Action>,
    /// Events lost since the last look.
    pub(super) lost: u64,
}

impl DropWatch {
    pub(super) fn new(policy: DropPolicy) -> Self {
        let allowance = Allowance::new(policy.rate, policy.burst);
        Self { policy, next_look: None, seen: (0, 0), allowance, occurrences: 0, actions_taken: 0 }
    }

    /// An event of this time has been judged; `events` and `lost` are totals.
    pub(super) fn note(&mut self, time: Timestamp, events: u64, lost: u64) -> Option<Due> {
        match self.next_look {
            None => {
                self.next_look = Some(Timestamp(time.0.saturating_add(INTERVAL_NS)));
                return None;
            }
            Some(next) if next.0 >= time.0 => return None,
            Some(_) => self.next_look = Some(Timestamp(time.0.saturating_add(INTERVAL_NS))),
        }
        let simulated = u64::from(self.policy.simulate);
        let lost_now = lost.saturating_sub(self.seen.1) + simulated;
        let events_now = events.saturating_sub(self.seen.0) + lost_now;
        self.seen = (events, lost);
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than the precision of f64")]
        let ratio = lost_now as f64 / events_now.max(1) as f64;
        // Simulated losses are few: they count whatever the threshold.
        if lost_now == 0 || (ratio <= self.policy.threshold && !self.policy.simulate) {
            return None;
        }
        self.occurrences += 1;
        self.allowance.take(time).then(|| {
            self.actions_taken += 1;
            Due { actions: self.policy.actions.clone(), lost: lost_now }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(number: u64) -> Timestamp {
        Timestamp((1_000 + number) * INTERVAL_NS + number)
    }

    #[test]
    fn losses_above_the_threshold_are_acted_upon_within_the_rate() {
        let policy = DropPolicy { actions: vec![Action::Log], rate: 0.25, burst: 2.0, ..DropPolicy::default() };
        let mut watch = DropWatch::new(policy);
        // Each second 100 events; half as many are lost from the third one on.
        let due: Vec<_> = (0..20)
            .filter(|number| watch.note(second(*number), number * 100, number.saturating_sub(2) * 50).is_some())
            .collect();
        assert_eq!(due, [3, 4, 7, 11, 15, 19]);
        assert_eq!((watch.occurrences, watch.actions_taken), (17, 6));
    }

    #[test]
    fn losses_below_the_threshold_are_left_alone() {
        let mut watch = DropWatch::new(DropPolicy::default());
        assert!((0..20).all(|number| watch.note(second(number), number * 100, number * 5).is_none()));
        assert_eq!(watch.occurrences, 0);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(DropPolicy::checked_actions(&names(&["ignore", "log"])).is_err());
        assert!(DropPolicy::checked_actions(&names(&["shout"])).is_err());
        assert_eq!(DropPolicy::checked_actions(&names(&["log", "alert"])).unwrap(), [Action::Log, Action::Alert]);
        assert!(DropPolicy::checked_threshold(1.1).is_err() && DropPolicy::checked_threshold(-1.0).is_err());
    }
}
