//! Conditions of all rules, simplified for each kind of event, in the form that is evaluated: each part that several
//! rules share is evaluated at most once for an event.

use std::sync::Arc;

use super::compare::Pattern;
use super::estimate::{Estimate, conjunction};
use super::plan::{Plan, TestId};
use crate::field::{FieldRef, Fields};

/// A condition of a program, or its opposite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Link(u32);

impl Link {
    /// Holds for every event.
    pub(crate) const ALWAYS: Self = Self(0);
    /// Holds for no event.
    pub(crate) const NEVER: Self = Self(1);

    pub(super) fn to(index: u32) -> Self {
        Self(index << 1)
    }

    pub(super) fn index(self) -> usize {
        (self.0 >> 1) as usize
    }

    pub(super) fn is_negated(self) -> bool {
        self.0 & 1 == 1
    }

    /// The opposite.
    pub(crate) fn not(self) -> Self {
        self.negated_if(true)
    }

    pub(super) fn negated_if(self, negated: bool) -> Self {
        Self(self.0 ^ u32::from(negated))
    }
}

/// What is evaluated. "One of them holds" is the opposite of "all of their opposites hold".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Holds; only the first operation of a program.
    Always,
    /// All parts of a range hold.
    All(u32, u32),
    /// A test.
    Test(TestId),
    /// One of a range of tests of one field, whose value is taken out of the event only once.
    Any(u32, u32),
}

/// An operation in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) operation: Operation,
    /// Whether several conditions lead to it, so that remembering its result pays.
    pub(super) is_remembered: bool,
}

/// All conditions.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) plan: Arc<Plan>,
    pub(super) steps: Vec<Step>,
    pub(super) parts: Vec<Link>,
    /// The tests of [`Operation::Any`].
    pub(super) alternatives: Vec<TestId>,
    /// What each step was thought to cost and how often it was thought to hold.
    pub(super) estimates: Vec<Estimate>,
}

/// Of so many rounds the results of one are counted: seldom enough to cost nothing, often enough to see what events
/// are like. Tests count every round, so that few events change the order.
const SAMPLED_ROUNDS: u64 = if cfg!(test) { 1 } else { 64 };

/// As many counted results as it takes for what was counted to weigh as much as what was thought.
const PRIOR_RESULTS: f64 = 16.0;

/// How often a step was evaluated and how often it held, in the rounds that are counted.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    evaluated: u32,
    held: u32,
}

/// Results for the event at hand. An entry counts only when it carries the number of the current round, so that
/// beginning a new event costs nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memo {
    round: u64,
    results: Vec<u64>,
    is_counted: bool,
    tallies: Vec<Tally>,
}

impl Memo {
    /// Forgets all results: the next evaluation is about another event, or about another name of its file.
    pub(crate) fn begin(&mut self, program: &Program) {
        self.round += 1;
        self.is_counted = self.round.is_multiple_of(SAMPLED_ROUNDS);
        if self.results.len() != program.steps.len() {
            self.results.resize(program.steps.len(), 0);
            self.tallies.resize(program.steps.len(), Tally::default());
        }
    }

    fn count(&mut self, index: usize, holds: bool) {
        let tally = &mut self.tallies[index];
        tally.evaluated = tally.evaluated.saturating_add(1);
        tally.held = tally.held.saturating_add(u32::from(holds));
    }

    fn get(&self, index: usize) -> Option<bool> {
        let entry = self.results[index];
        (entry >> 1 == self.round).then_some(entry & 1 == 1)
    }

    fn set(&mut self, index: usize, holds: bool) {
        self.results[index] = self.round << 1 | u64::from(holds);
    }
}

impl Program {
    /// Whether the condition holds for the event.
    pub(crate) fn holds<F: Fields>(&self, link: Link, fields: &F, memo: &mut Memo) -> bool {
        let index = link.index();
        let Step { operation, is_remembered } = self.steps[index];
        if is_remembered && let Some(known) = memo.get(index) {
            return known != link.is_negated();
        }
        let holds = match operation {
            Operation::Always => true,
            Operation::All(first, end) => {
                self.parts[first as usize..end as usize].iter().all(|part| self.holds(*part, fields, memo))
            }
            Operation::Test(test) => self.plan.test(test).holds(fields),
            Operation::Any(first, end) => self.any(&self.alternatives[first as usize..end as usize], fields),
        };
        if is_remembered {
            memo.set(index, holds);
        }
        if memo.is_counted {
            memo.count(index, holds);
        }
        holds != link.is_negated()
    }

    /// Puts the parts of each conjunction into the order that the counted results speak for, and counts from zero. It
    /// never changes what a condition says: tests have no side effects.
    pub(crate) fn reorder(&mut self, memo: &mut Memo) {
        // A step stands behind its parts, so these are estimated anew before it.
        for (index, step) in self.steps.iter().enumerate() {
            let tally = memo.tallies.get_mut(index).map(std::mem::take).unwrap_or_default();
            let mut estimate = self.estimates[index];
            if let Operation::All(first, end) = step.operation {
                let estimates = &self.estimates;
                let of = |link: &Link| estimates[link.index()].negated_if(link.is_negated());
                let parts = &mut self.parts[first as usize..end as usize];
                parts.sort_unstable_by(|left, right| of(left).rank().total_cmp(&of(right).rank()));
                estimate.cost = conjunction(parts.iter().map(of)).cost;
            }
            let (held, evaluated) = (f64::from(tally.held), f64::from(tally.evaluated));
            estimate.chance = (held + PRIOR_RESULTS * estimate.chance) / (evaluated + PRIOR_RESULTS);
            self.estimates[index] = estimate;
        }
    }

    fn any<F: Fields>(&self, tests: &[TestId], fields: &F) -> bool {
        let field = tests.first().and_then(|test| self.plan.test(*test).single_field());
        field.is_some_and(|field| {
            fields.any_value(field, |value| tests.iter().any(|test| self.plan.test(*test).holds_for(value)))
        })
    }

    /// The conditions that all must hold for this one to hold: itself, when it is no conjunction.
    pub(crate) fn conjuncts<'a>(&'a self, link: &'a Link) -> &'a [Link] {
        match self.operation(*link) {
            Operation::All(first, end) if !link.is_negated() => &self.parts[first as usize..end as usize],
            Operation::Always if !link.is_negated() => &[],
            Operation::Always | Operation::All(..) | Operation::Test(_) | Operation::Any(..) => {
                std::slice::from_ref(link)
            }
        }
    }

    /// The opposites of the conditions of which one is enough for this one; none when it is no disjunction.
    pub(crate) fn opposites_of_alternatives(&self, link: Link) -> &[Link] {
        match self.operation(link) {
            Operation::All(first, end) if link.is_negated() => &self.parts[first as usize..end as usize],
            Operation::Always | Operation::All(..) | Operation::Test(_) | Operation::Any(..) => &[],
        }
    }

    /// Whether the condition holds whenever all of `given` hold, as far as their shape shows it.
    pub(crate) fn follows(&self, link: Link, given: &[Link]) -> bool {
        given.contains(&link)
            || self.opposites_of_alternatives(link).iter().any(|opposite| self.follows(opposite.not(), given))
            || link != Link::ALWAYS
                && self.conjuncts(&link) != [link]
                && self.conjuncts(&link).iter().all(|part| self.follows(*part, given))
    }

    /// A field and patterns such that the test can hold only when a value of the field matches one of them.
    pub(crate) fn patterns(&self, test: GuardTest) -> Option<(&FieldRef, Vec<Pattern<'_>>)> {
        self.plan.test(test.0).patterns()
    }

    /// The conditions as they were written.
    #[cfg(test)]
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn operation(&self, link: Link) -> Operation {
        self.steps[link.index()].operation
    }
}

/// A test of which a condition needs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct GuardTest(pub(super) TestId);
