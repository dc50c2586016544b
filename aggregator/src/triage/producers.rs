//! Which alerts of which spool are already counted: one number for each lane, for ever.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;
use tiercel_proto::envelope::{Generation, Lane, Sequence, SpoolId};

use super::UnixMillis;

/// Most spools. A hundred times the largest fleet we know of, at about 300 bytes each.
pub(super) const SPOOLS_MAX: usize = 100_000;

/// Generations kept for each spool, whatever their age. An agent in a crash loop makes one with each start.
const GENERATIONS_KEPT: usize = 8;

/// Older generations go when they have been silent for this long: an agent sends its oldest records first.
const OLD_GENERATION_SILENCE_MS: u64 = 3_600_000;

/// A spool goes when it has been silent for this long.
const SPOOL_SILENCE_MS: u64 = 30 * 24 * 3_600_000;

/// All spools that ever sent something.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Producers {
    spools: BTreeMap<SpoolId, Spool>,
}

/// What is known of one spool.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Spool {
    pub(super) lanes: BTreeMap<(Generation, Lane), Counted>,
}

/// How far a lane is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) through: Sequence,
    pub(super) at: UnixMillis,
    /// The certificate name of the agent that sent it.
    pub(super) node: Text,
}

/// Why a batch is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Gap { expected: Sequence },
    Conflict,
    Full,
}

impl Producers {
    /// Says how far the lane is counted, if a batch of that node that starts at `first` may follow.
    ///
    /// A node that was renamed goes on exactly where it stopped. Another one that starts anywhere else sends from a copy
    /// of the spool: its alerts have numbers that are taken, and counting them as repeats would lose them.
    pub(super) fn counted(
        &self,
        node: &Text,
        spool: SpoolId,
        key: (Generation, Lane),
        first: Sequence,
    ) -> Result<Sequence, Refusal> {
        let known = self.spools.get(&spool);
        if known.is_none() && self.spools.len() >= SPOOLS_MAX {
            return Err(Refusal::Full);
        }
        let counted = known.and_then(|spool| spool.lanes.get(&key));
        let through = counted.map_or(Sequence(0), |counted| counted.through);
        let expected = through.plus(1);
        if first > expected {
            return Err(Refusal::Gap { expected });
        }
        if first < expected && counted.is_some_and(|counted| counted.node != *node) {
            return Err(Refusal::Conflict);
        }
        Ok(through)
    }

    /// Moves the lane on.
    pub(super) fn count(
        &mut self,
        node: &Text,
        spool: SpoolId,
        key: (Generation, Lane),
        through: Sequence,
        at: UnixMillis,
    ) {
        let counted = Counted { through, at, node: node.clone() };
        self.spools.entry(spool).or_default().lanes.insert(key, counted);
    }

    /// Forgets what will not come again; returns how many lanes that were.
    pub(super) fn retire(&mut self, now: UnixMillis) -> u64 {
        let before = self.lanes_len();
        self.spools.retain(|_, spool| {
            spool.retire_old_generations(now);
            spool.lanes.values().any(|lane| now.since_ms(lane.at) < SPOOL_SILENCE_MS)
        });
        (before - self.lanes_len()) as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SpoolId, &Spool)> {
        self.spools.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.spools.len()
    }

    fn lanes_len(&self) -> usize {
        self.spools.values().map(|spool| spool.lanes.len()).sum()
    }
}

impl Spool {
    fn retire_old_generations(&mut self, now: UnixMillis) {
        let mut generations: Vec<_> = self.lanes.keys().map(|(generation, _)| *generation).collect();
        generations.dedup();
        let Some(oldest_kept) = generations.iter().rev().nth(GENERATIONS_KEPT - 1).copied() else { return };
        let old: Vec<_> = self
            .lanes
            .range((Bound::Unbounded, Bound::Excluded((oldest_kept, Lane::Critical))))
            .filter(|(_, lane)| now.since_ms(lane.at) >= OLD_GENERATION_SILENCE_MS)
            .map(|(key, _)| *key)
            .collect();
        for key in old {
            self.lanes.remove(&key);
        }
    }
}
