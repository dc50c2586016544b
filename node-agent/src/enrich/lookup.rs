//! How often unknown processes may be looked up.

/// Lookups per second of observed time: one costs about 0.2 ms, so a storm of unknown processes takes 2 % of a core.
const LOOKUPS_PER_SECOND: u32 = 100;

const SECOND_NS: u64 = 1_000_000_000;

/// What is left of the lookups of the current second.
#[derive(Debug, Default)]
pub(super) struct LookupBudget {
    second: u64,
    taken: u32,
}

impl LookupBudget {
    /// Takes one lookup; false when none is left.
    pub(super) fn take(&mut self, now_ns: u64) -> bool {
        let second = now_ns / SECOND_NS;
        if second != self.second {
            *self = Self { second, taken: 0 };
        }
        self.taken += 1;
        self.taken <= LOOKUPS_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_comes_back_every_second() {
        let mut budget = LookupBudget::default();
        let granted = |budget: &mut LookupBudget, now_ns| (0..1_000).filter(|_| budget.take(now_ns)).count();
        assert_eq!(granted(&mut budget, 5), 100);
        assert_eq!(granted(&mut budget, SECOND_NS - 1), 0);
        assert_eq!(granted(&mut budget, SECOND_NS), 100);
    }
}
