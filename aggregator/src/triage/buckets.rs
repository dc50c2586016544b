//! How often a rule may be told: a token bucket for each rule, in integers, on the time of the log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;

use super::{Policy, UnixMillis};

/// One token in the unit that buckets count in, so that a slow refill is not lost to rounding.
const TOKEN: u64 = 1_000_000;

/// Most buckets. Rule names come from agents, so their number needs a bound; official and own rules are a few hundred.
const BUCKETS_MAX: usize = 16_384;

/// Name of the bucket that rules share when there are too many of them.
const SHARED: &str = "";

/// The buckets that are not full. A full bucket holds no information and is dropped.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Buckets {
    by_rule: BTreeMap<Text, Bucket>,
}

/// What a rule may still say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bucket {
    micro_tokens: u64,
    filled_at: UnixMillis,
    full_at: UnixMillis,
}

impl Buckets {
    /// Takes one token for the rule; says whether there was one.
    pub(super) fn take(&mut self, rule: &Text, now: UnixMillis, policy: &Policy) -> bool {
        let known = self.by_rule.contains_key(rule) || self.by_rule.len() < BUCKETS_MAX;
        let name = if known { rule.clone() } else { SHARED.into() };
        let bucket = self.by_rule.entry(name).or_insert_with(|| Bucket::full(now, policy));
        bucket.refill(now, policy);
        bucket.take(now, policy)
    }

    /// Drops the buckets that are full again.
    pub(super) fn expire(&mut self, now: UnixMillis) {
        self.by_rule.retain(|_, bucket| bucket.full_at > now);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Text, &Bucket)> {
        self.by_rule.iter()
    }
}

impl Bucket {
    fn full(now: UnixMillis, policy: &Policy) -> Self {
        Self { micro_tokens: capacity(policy), filled_at: now, full_at: now }
    }

    fn refill(&mut self, now: UnixMillis, policy: &Policy) {
        let elapsed_ms = now.since_ms(self.filled_at);
        let gained = elapsed_ms.saturating_mul(u64::from(policy.rule_rate_per_minute)).saturating_mul(TOKEN) / 60_000;
        self.micro_tokens = self.micro_tokens.saturating_add(gained).min(capacity(policy));
        self.filled_at = now;
    }

    fn take(&mut self, now: UnixMillis, policy: &Policy) -> bool {
        let left = self.micro_tokens.checked_sub(TOKEN);
        self.micro_tokens = left.unwrap_or(self.micro_tokens);
        let missing = capacity(policy) - self.micro_tokens;
        let per_minute = u64::from(policy.rule_rate_per_minute).max(1) * TOKEN;
        self.full_at = now.plus_ms(missing.saturating_mul(60_000).div_ceil(per_minute));
        left.is_some()
    }

    pub(super) fn micro_tokens(&self) -> u64 {
        self.micro_tokens
    }
}

fn capacity(policy: &Policy) -> u64 {
    u64::from(policy.rule_burst) * TOKEN
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(rate: u32, burst: u32) -> Policy {
        Policy { dedup_window_ms: 0, rule_rate_per_minute: rate, rule_burst: burst, storm_interval_ms: 60_000 }
    }

    proptest! {
        /// Over any span a bucket gives at most its burst and what flowed in meanwhile, and at least all but one.
        #[test]
        fn bucket_gives_its_rate_and_no_more(rate in 1_u32..6_000, burst in 1_u32..200, gaps in prop::collection::vec(0_u64..3_000, 1..400)) {
            let policy = policy(rate, burst);
            let rule: Text = "r".into();
            let mut buckets = Buckets::default();
            let (mut now, mut given) = (UnixMillis(5), 0_u64);
            for gap in gaps {
                now = now.plus_ms(gap);
                given += u64::from(buckets.take(&rule, now, &policy));
                let flowed_in = (now.0 - 5) * u64::from(rate) / 60_000;
                prop_assert!(given <= u64::from(burst) + flowed_in);
            }
        }
    }

    #[test]
    fn bucket_that_is_full_again_is_forgotten() {
        let mut buckets = Buckets::default();
        let policy = policy(60, 2);
        assert!(buckets.take(&"r".into(), UnixMillis(0), &policy));
        buckets.expire(UnixMillis(999));
        assert_eq!(buckets.by_rule.len(), 1);
        buckets.expire(UnixMillis(1_000));
        assert_eq!(buckets.by_rule.len(), 0);
    }
}
