//! Tests of which a condition needs one: where none of them can hold, the rule need not be looked at.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::program::{GuardTest, Link, Operation};
use super::specialise::Compiler;

/// A guard that lets more than this share of events pass is none.
const CHANCE_MAX: f64 = 0.3;
/// Bound on the tests of one guard: a condition with more alternatives is better evaluated.
const TESTS_MAX: usize = 64;

/// Tests of which at least one holds whenever the condition holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Guard {
    pub(crate) tests: Vec<GuardTest>,
    /// How often the guard lets an event pass.
    chance: f64,
}

/// Finds guards, and remembers those of shared parts.
#[derive(Debug, Default)]
pub(crate) struct Guards(FxHashMap<Link, Option<Rc<Guard>>>);

impl Guards {
    /// The most selective guard of a condition.
    pub(crate) fn of(&mut self, compiler: &Compiler, link: Link) -> Option<Rc<Guard>> {
        self.find(compiler, link).filter(|guard| guard.chance <= CHANCE_MAX)
    }

    fn find(&mut self, compiler: &Compiler, link: Link) -> Option<Rc<Guard>> {
        if let Some(known) = self.0.get(&link) {
            return known.clone();
        }
        let program = compiler.program();
        let found = match (program.operation(link), link.is_negated()) {
            (Operation::Test(test), false) => {
                let test = GuardTest(test);
                let chance = compiler.estimate(link).chance;
                program.patterns(test).map(|_| Rc::new(Guard { tests: vec![test], chance }))
            }
            (Operation::All(..), false) => {
                let guards = program.conjuncts(&link).iter().filter_map(|part| self.find(compiler, *part));
                guards.min_by(|left, right| left.chance.total_cmp(&right.chance))
            }
            (Operation::All(..), true) => self.union(compiler, program.opposites_of_alternatives(link)),
            (Operation::Any(first, end), false) => {
                let tests = program.alternatives[first as usize..end as usize].iter().copied().map(GuardTest);
                let guard = Guard { tests: tests.collect(), chance: compiler.estimate(link).chance };
                let usable = guard.tests.iter().all(|test| program.patterns(*test).is_some());
                Some(Rc::new(guard)).filter(|_| usable)
            }
            (Operation::Test(_) | Operation::Any(..), true) | (Operation::Always, _) => None,
        };
        self.0.insert(link, found.clone());
        found
    }

    fn union(&mut self, compiler: &Compiler, opposites: &[Link]) -> Option<Rc<Guard>> {
        let mut all = Guard { tests: Vec::new(), chance: 0.0 };
        for opposite in opposites {
            let guard = self.find(compiler, opposite.not())?;
            all.tests.extend(guard.tests.iter().filter(|test| !all.tests.contains(test)).copied().collect::<Vec<_>>());
            all.chance += guard.chance;
            if all.tests.len() > TESTS_MAX {
                return None;
            }
        }
        Some(Rc::new(all))
    }
}
