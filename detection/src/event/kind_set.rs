//! A set of event kinds.

use super::EventKind;

const WORDS: usize = EventKind::COUNT.div_ceil(64);

/// A set of event kinds, a bit for each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KindSet([u64; WORDS]);

impl KindSet {
    /// No kind.
    pub const EMPTY: Self = Self([0; WORDS]);

    /// Every kind.
    pub fn all() -> Self {
        EventKind::all().collect()
    }

    /// Adds one kind.
    pub fn insert(&mut self, kind: EventKind) {
        self.0[kind.index() / 64] |= 1 << (kind.index() % 64);
    }

    /// Whether the kind is in the set.
    pub fn contains(&self, kind: EventKind) -> bool {
        self.0[kind.index() / 64] & (1 << (kind.index() % 64)) != 0
    }

    /// How many kinds are in it.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no kind is in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// The kinds of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        self.zip(other, |left, right| left | right)
    }

    /// The kinds of both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        self.zip(other, |left, right| left & right)
    }

    /// The kinds that are not in the set.
    #[must_use]
    pub fn complement(self) -> Self {
        Self::all().zip(self, |all, own| all & !own)
    }

    /// Its kinds, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = EventKind> + '_ {
        EventKind::all().filter(|kind| self.contains(*kind))
    }

    fn zip(self, other: Self, combine: impl Fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|word| combine(self.0[word], other.0[word])))
    }
}

impl FromIterator<EventKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = EventKind>>(kinds: I) -> Self {
        let mut set = Self::EMPTY;
        kinds.into_iter().for_each(|kind| set.insert(kind));
        set
    }
}

impl std::fmt::Debug for KindSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
