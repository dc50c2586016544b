//! Which alerts of which spool are already counted: one number for each lane, for ever.

use std::collections::{BTreeMap, BTreeSet};
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

/// A spool belongs to the node that sends from it. Another name may take it over, as after a renaming, only when the
/// owner has been silent for this long: ids of spools are no secret, and who knows one must not be able to move on the
/// numbers of a node that is alive.
const TAKEOVER_SILENCE_MS: u64 = 3_600_000;

/// Most lanes of one spool; beyond it the one that was silent longest is forgotten. An agent has three for each start
/// whose alerts are still on their way.
pub(super) const LANES_PER_SPOOL_MAX: usize = 192;

/// Most spools of one node; beyond it new ones are refused. A node has one, and another one for each new disk.
pub(super) const SPOOLS_PER_NODE_MAX: usize = 64;

/// Spools of a node that has as many as it may go when they have been silent for this long.
const CROWDED_SILENCE_MS: u64 = 24 * 3_600_000;

/// All spools that ever sent something.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Producers {
    spools: BTreeMap<SpoolId, Spool>,
    /// How many spools each node owns.
    owned: BTreeMap<Text, usize>,
}

/// What is known of one spool.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spool {
    /// The certificate name of the agent that sends from it.
    pub(super) owner: Text,
    /// When the owner last sent something that was taken.
    heard_at: UnixMillis,
    pub(super) lanes: BTreeMap<(Generation, Lane), Counted>,
}

/// How far a lane is counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) through: Sequence,
    pub(super) at: UnixMillis,
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
    /// A node that was renamed goes on exactly where it stopped, once its old name is silent for long enough. Another one
    /// that starts anywhere else sends from a copy of the spool: its alerts have numbers that are taken, and counting them
    /// as repeats would lose them. A foreign name is not told how far the lane is.
    pub(super) fn counted(
        &self,
        node: &Text,
        spool: SpoolId,
        key: (Generation, Lane),
        first: Sequence,
        now: UnixMillis,
    ) -> Result<Sequence, Refusal> {
        let known = self.spools.get(&spool);
        if known.is_none() && self.spools.len() >= SPOOLS_MAX {
            return Err(Refusal::Full);
        }
        let through = known.and_then(|spool| spool.lanes.get(&key)).map_or(Sequence(0), |counted| counted.through);
        let expected = through.plus(1);
        let foreign = known.filter(|spool| spool.owner != *node);
        if foreign.is_some_and(|spool| first != expected || now.since_ms(spool.heard_at) < TAKEOVER_SILENCE_MS) {
            return Err(Refusal::Conflict);
        }
        if (known.is_none() || foreign.is_some()) && self.is_crowded(node) {
            return Err(Refusal::Full);
        }
        if first > expected {
            return Err(Refusal::Gap { expected });
        }
        Ok(through)
    }

    /// Moves the lane on; returns how many lanes had to be forgotten for it.
    pub(super) fn count(
        &mut self,
        node: &Text,
        spool: SpoolId,
        key: (Generation, Lane),
        through: Sequence,
        at: UnixMillis,
    ) -> u64 {
        let owned = &mut self.owned;
        let spool = self.spools.entry(spool).or_insert_with(|| {
            *owned.entry(node.clone()).or_default() += 1;
            Spool { owner: node.clone(), heard_at: at, lanes: BTreeMap::new() }
        });
        if spool.owner != *node {
            disown(owned, &spool.owner);
            *owned.entry(node.clone()).or_default() += 1;
            spool.owner = node.clone();
        }
        spool.heard_at = at;
        spool.lanes.insert(key, Counted { through, at });
        spool.retire_beyond_bound(key)
    }

    /// Forgets what will not come again; returns how many lanes that were.
    pub(super) fn retire(&mut self, now: UnixMillis) -> u64 {
        let before = self.lanes_len();
        let owned = &mut self.owned;
        let is_full = |spools: usize| spools >= SPOOLS_PER_NODE_MAX;
        let crowded: BTreeSet<Text> =
            owned.iter().filter(|(_, spools)| is_full(**spools)).map(|(node, _)| node.clone()).collect();
        self.spools.retain(|_, spool| {
            spool.retire_old_generations(now);
            let silence_max = if crowded.contains(&spool.owner) { CROWDED_SILENCE_MS } else { SPOOL_SILENCE_MS };
            let stays = now.since_ms(spool.heard_at) < silence_max;
            if !stays {
                disown(owned, &spool.owner);
            }
            stays
        });
        (before - self.lanes_len()) as u64
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&SpoolId, &Spool)> {
        self.spools.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.spools.len()
    }

    fn is_crowded(&self, node: &Text) -> bool {
        self.owned.get(node).is_some_and(|spools| *spools >= SPOOLS_PER_NODE_MAX)
    }

    fn lanes_len(&self) -> usize {
        self.spools.values().map(|spool| spool.lanes.len()).sum()
    }
}

/// Counts one spool of that node less.
fn disown(owned: &mut BTreeMap<Text, usize>, node: &Text) {
    if let Some(spools) = owned.get_mut(node) {
        *spools -= 1;
        if *spools == 0 {
            owned.remove(node);
        }
    }
}

impl Spool {
    /// Forgets the lane that was silent longest if there are too many, but not the one that has just moved.
    fn retire_beyond_bound(&mut self, moved: (Generation, Lane)) -> u64 {
        if self.lanes.len() <= LANES_PER_SPOOL_MAX {
            return 0;
        }
        let others = self.lanes.iter().filter(|(key, _)| **key != moved);
        let Some(oldest) = others.min_by_key(|(key, lane)| (lane.at, **key)).map(|(key, _)| *key) else { return 0 };
        self.lanes.remove(&oldest);
        1
    }

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
