//! Claims whose owner is gone: when their time is over nobody will ever know how they ended.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::triage::{NotificationId, OpenClaim, Owner};

/// A claim counts as over a little after its end, because clocks do not run alike.
fn grace(valid: Duration) -> Duration {
    valid + valid / 10
}

/// Claims of others, and when this node first saw them as the leader.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    seen: BTreeMap<(NotificationId, u32), Instant>,
}

impl Orphans {
    /// Looks at the claims that are out; returns those to take back. Our own are the couriers' business.
    pub(super) fn look(
        &mut self,
        claims: impl IntoIterator<Item = OpenClaim>,
        own: Owner,
        now: Instant,
    ) -> Vec<(NotificationId, u32)> {
        let mut over = Vec::new();
        let before = std::mem::take(&mut self.seen);
        for claim in claims.into_iter().filter(|claim| claim.owner != own) {
            let key = (claim.id, claim.attempt);
            let seen_at = before.get(&key).copied().unwrap_or(now);
            self.seen.insert(key, seen_at);
            // The owner counts from its claim, which is earlier than when we saw it: we can only wait too long.
            if now.saturating_duration_since(seen_at) >= grace(Duration::from_millis(claim.valid_ms)) {
                over.push(key);
            }
        }
        over
    }

    /// Another node leads now.
    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claim_of_another_is_taken_back_after_its_time() {
        let own = Owner { term: 2, node: 1, run: 5 };
        let theirs = Owner { term: 1, node: 2, run: 9 };
        let claim = |id, owner| OpenClaim { id: NotificationId(id), attempt: 1, owner, valid_ms: 8_000 };
        let claims = [claim(1, theirs), claim(2, own)];
        let start = Instant::now();
        let mut orphans = Orphans::default();
        assert_eq!(orphans.look(claims, own, start), []);
        assert_eq!(orphans.look(claims, own, start + Duration::from_millis(8_799)), []);
        assert_eq!(orphans.look(claims, own, start + Duration::from_millis(8_800)), [(NotificationId(1), 1)]);
    }

    #[test]
    fn time_before_this_node_led_does_not_count() {
        let own = Owner { term: 3, node: 1, run: 5 };
        let claim =
            OpenClaim { id: NotificationId(1), attempt: 1, owner: Owner { term: 1, node: 2, run: 9 }, valid_ms: 1_000 };
        let start = Instant::now();
        let mut orphans = Orphans::default();
        orphans.look([claim], own, start);
        orphans.forget();
        assert_eq!(orphans.look([claim], own, start + Duration::from_secs(60)), []);
    }
}
