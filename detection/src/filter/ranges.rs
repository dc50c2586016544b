//! Sets of numbers as few intervals.

/// Intervals that a set has at most; with more, neighbours are joined, so that a kernel program tests a bounded number.
const INTERVALS_MAX: usize = 8;

/// A set of numbers: intervals in ascending order that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges(Vec<(i64, i64)>);

impl Ranges {
    /// The numbers of these intervals, ends included; and more, when they are too many.
    pub(crate) fn new(intervals: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut sorted: Vec<(i64, i64)> = intervals.into_iter().filter(|(low, high)| low <= high).collect();
        sorted.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (low, high) in sorted {
            match joined.last_mut() {
                Some((_, last)) if low <= last.saturating_add(1) => *last = high.max(*last),
                _ => joined.push((low, high)),
            }
        }
        while joined.len() > INTERVALS_MAX {
            let gap = |at: &usize| i128::from(joined[at + 1].0) - i128::from(joined[*at].1);
            let nearest = (0..joined.len() - 1).min_by_key(gap).expect("there are more intervals than the bound");
            joined[nearest].1 = joined.remove(nearest + 1).1;
        }
        Self(joined)
    }

    /// Every number but these.
    pub(crate) fn all_but(numbers: impl IntoIterator<Item = i64>) -> Self {
        let mut sorted: Vec<i64> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let lows = std::iter::once(Some(i64::MIN)).chain(sorted.iter().map(|number| number.checked_add(1)));
        let highs = sorted.iter().map(|number| number.checked_sub(1)).chain(std::iter::once(Some(i64::MAX)));
        Self::new(lows.zip(highs).filter_map(|(low, high)| Some((low?, high?))))
    }

    /// Every number.
    pub(crate) fn all() -> Self {
        Self(vec![(i64::MIN, i64::MAX)])
    }

    /// The intervals, ends included.
    pub fn intervals(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Whether the number is in the set.
    pub fn contains(&self, number: i64) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&number))
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).copied())
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|left| other.0.iter().map(move |right| (left, right)));
        Self::new(pairs.map(|(left, right)| (left.0.max(right.0), left.1.min(right.1))))
    }

    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().all(|(low, high)| other.0.iter().any(|outer| outer.0 <= *low && *high <= outer.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_numbers_follow_the_algebra_of_sets() {
        let odd = Ranges::new([(1, 1), (3, 3), (5, 9), (9, 12)]);
        assert_eq!(odd.intervals(), [(1, 1), (3, 3), (5, 12)]);
        assert_eq!(Ranges::all_but([3, 1]).intervals(), [(i64::MIN, 0), (2, 2), (4, i64::MAX)]);
        assert_eq!(odd.intersection(&Ranges::new([(2, 6)])).intervals(), [(3, 3), (5, 6)]);
        assert_eq!(odd.union(&Ranges::new([(2, 4)])).intervals(), [(1, 12)]);
        assert!(Ranges::new([(6, 7)]).is_within(&odd) && !Ranges::all().is_within(&odd));
        assert_eq!(Ranges::all_but([]), Ranges::all());
    }

    #[test]
    fn too_many_intervals_become_a_superset() {
        let many = Ranges::new((0..100).map(|at| (at * 10, at * 10)));
        assert!(many.intervals().len() <= INTERVALS_MAX);
        assert!((0..100).all(|at| many.contains(at * 10)));
        let holes = Ranges::all_but((0..100).map(|at| at * 10));
        assert!((0..1000).all(|number| number % 10 == 0 || holes.contains(number)));
    }
}
