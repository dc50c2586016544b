//! Plan to program: tests of the kind of the event become constants, what follows from them goes away, and the cheap and
//! selective parts come first. Tests have no side effects, so their order cannot change a verdict.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::estimate::{Estimate, alternatives, conjunction};
use super::plan::{Node, NodeId, Plan, TestId, index};
use super::probe::{Check, Probe};
use super::program::{Link, Operation, Program, Step};
use super::transform::Source;
use crate::event::{EventKind, Timestamp};
use crate::field::{Argument, FieldId, FieldRef, Fields, Value};

/// Makes one program of the conditions of many rules for many kinds of events.
#[derive(Debug)]
pub(crate) struct Compiler {
    program: Program,
    uses: Vec<u32>,
    known: FxHashMap<Box<[Link]>, Link>,
    known_tests: Vec<Option<Link>>,
    known_alternatives: FxHashMap<Box<[TestId]>, Link>,
    /// Whether tests of one field are put together, which hides them from whoever compares conditions.
    batches: bool,
    /// Tests of nothing but the kind.
    kind_tests: Vec<TestId>,
    kind: Option<EventKind>,
    /// What has been made of each node for the kind at hand.
    done: Vec<Option<Link>>,
}

impl Compiler {
    /// Begins a program; with `batches` alternatives that look at one field become one operation.
    pub(crate) fn new(plan: Arc<Plan>, batches: bool) -> Self {
        let kind_tests = plan.tests().filter(|(_, probe)| tests_only_kind(probe)).map(|(id, _)| id).collect();
        let (nodes, tests) = (plan.node_count(), plan.tests().count());
        let always = Step { operation: Operation::Always, is_remembered: false };
        let program = Program {
            plan,
            steps: vec![always],
            parts: Vec::new(),
            alternatives: Vec::new(),
            estimates: vec![Estimate { cost: 0.0, chance: 1.0 }],
        };
        Self {
            program,
            uses: vec![0],
            known: FxHashMap::default(),
            known_tests: vec![None; tests],
            known_alternatives: FxHashMap::default(),
            batches,
            kind_tests,
            kind: None,
            done: vec![None; nodes],
        }
    }

    /// What the tests of the kind say of a kind: kinds of which they say the same have the same conditions.
    pub(crate) fn signature(&self, kind: EventKind) -> Vec<bool> {
        self.kind_tests.iter().map(|test| self.program.plan.test(*test).holds(&OnlyKind(kind))).collect()
    }

    /// What follows is about events of this kind; `None` for events whose kind is not known.
    pub(crate) fn begin(&mut self, kind: Option<EventKind>) {
        self.kind = kind;
        self.done.fill(None);
    }

    /// Adds the condition of a rule.
    pub(crate) fn add(&mut self, root: NodeId) -> Link {
        let link = self.link(root);
        self.uses[link.index()] += 1;
        link
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    pub(super) fn estimate(&self, link: Link) -> Estimate {
        self.program.estimates[link.index()].negated_if(link.is_negated())
    }

    /// The program, when all conditions are in it.
    pub(crate) fn finish(mut self) -> Program {
        for (step, uses) in self.program.steps.iter_mut().zip(&self.uses) {
            step.is_remembered = *uses > 1;
        }
        self.program
    }

    fn link(&mut self, id: NodeId) -> Link {
        if let Some(link) = self.done[id.index()] {
            return link;
        }
        let plan = self.program.plan.clone();
        let link = match plan.node(id) {
            Node::And(parts) => self.join(parts, false),
            Node::Or(parts) => self.join(parts, true).not(),
            Node::Not(part) => self.link(*part).not(),
            Node::Test(test) => self.test(*test),
        };
        self.done[id.index()] = Some(link);
        link
    }

    /// All parts, or all of their opposites.
    fn join(&mut self, parts: &[NodeId], negated: bool) -> Link {
        let mut links = Vec::new();
        for part in parts {
            self.collect(*part, negated, &mut links);
        }
        self.all(links)
    }

    /// Adds a part, or the parts of a part that stands nowhere else.
    fn collect(&mut self, id: NodeId, negated: bool, links: &mut Vec<Link>) {
        let plan = self.program.plan.clone();
        match plan.node(id) {
            Node::Not(part) => self.collect(*part, !negated, links),
            Node::And(parts) if !negated && !plan.is_shared(id) => {
                parts.iter().for_each(|part| self.collect(*part, false, links));
            }
            Node::Or(parts) if negated && !plan.is_shared(id) => {
                parts.iter().for_each(|part| self.collect(*part, true, links));
            }
            Node::And(_) | Node::Or(_) | Node::Test(_) => {
                let link = self.link(id).negated_if(negated);
                links.push(link);
            }
        }
    }

    fn all(&mut self, mut links: Vec<Link>) -> Link {
        links.sort_unstable();
        links.dedup();
        links.retain(|link| *link != Link::ALWAYS);
        // A condition and its opposite are neighbours in this order.
        let contradiction = links.windows(2).any(|pair| pair[0].not() == pair[1]);
        if contradiction || links.contains(&Link::NEVER) {
            return Link::NEVER;
        }
        match links.as_slice() {
            [] => return Link::ALWAYS,
            [only] => return *only,
            [_, _, ..] => {}
        }
        if self.batches {
            self.batch(&mut links);
        }
        if let [only] = links.as_slice() {
            return *only;
        }
        links.sort_by(|left, right| self.estimate(*left).rank().total_cmp(&self.estimate(*right).rank()));
        if let Some(known) = self.known.get(links.as_slice()) {
            return *known;
        }
        let estimate = conjunction(links.iter().map(|link| self.estimate(*link)));
        links.iter().for_each(|link| self.uses[link.index()] += 1);
        let first = index(self.program.parts.len());
        self.program.parts.extend_from_slice(&links);
        let operation = Operation::All(first, index(self.program.parts.len()));
        let link = self.push(operation, estimate);
        self.known.insert(links.into(), link);
        link
    }

    /// Puts tests of one field that all must fail together: one of them holding is enough against all.
    fn batch(&mut self, links: &mut Vec<Link>) {
        let plan = self.program.plan.clone();
        let mut fields: Vec<(&FieldRef, Vec<TestId>)> = Vec::new();
        for link in links.iter().filter(|link| link.is_negated()) {
            let Operation::Test(test) = self.program.operation(*link) else { continue };
            let Some(field) = plan.test(test).single_field() else { continue };
            match fields.iter_mut().find(|(known, _)| *known == field) {
                Some((_, tests)) => tests.push(test),
                None => fields.push((field, vec![test])),
            }
        }
        for (_, mut tests) in fields.into_iter().filter(|(_, tests)| tests.len() > 1) {
            tests.sort_unstable();
            let batched = |link: &Link| match self.program.operation(*link) {
                Operation::Test(test) => link.is_negated() && tests.contains(&test),
                Operation::Always | Operation::All(..) | Operation::Any(..) => false,
            };
            links.retain(|link| !batched(link));
            let link = self.any(tests).not();
            links.push(link);
        }
    }

    fn any(&mut self, tests: Vec<TestId>) -> Link {
        if let Some(known) = self.known_alternatives.get(tests.as_slice()) {
            return *known;
        }
        let estimate = alternatives(tests.iter().map(|test| Estimate::of(self.program.plan.test(*test))));
        let first = index(self.program.alternatives.len());
        self.program.alternatives.extend_from_slice(&tests);
        let link = self.push(Operation::Any(first, index(self.program.alternatives.len())), estimate);
        self.known_alternatives.insert(tests.into(), link);
        link
    }

    fn test(&mut self, id: TestId) -> Link {
        let plan = self.program.plan.clone();
        let probe = plan.test(id);
        if let Some(kind) = self.kind
            && tests_only_kind(probe)
        {
            return if probe.holds(&OnlyKind(kind)) { Link::ALWAYS } else { Link::NEVER };
        }
        if let Some(link) = self.known_tests[id.index()] {
            return link;
        }
        let link = self.push(Operation::Test(id), Estimate::of(probe));
        self.known_tests[id.index()] = Some(link);
        link
    }

    fn push(&mut self, operation: Operation, estimate: Estimate) -> Link {
        let link = Link::to(index(self.program.steps.len()));
        self.program.steps.push(Step { operation, is_remembered: false });
        self.program.estimates.push(estimate);
        self.uses.push(0);
        link
    }
}

/// Whether the test asks for nothing but the kind of the event.
fn tests_only_kind(probe: &Probe) -> bool {
    let field = matches!(&probe.source, Source::Field(FieldRef { id: FieldId::EvtType, argument: Argument::None }));
    field && !matches!(probe.check, Check::Values(..))
}

/// An event of which nothing is known but its kind.
struct OnlyKind(EventKind);

impl Fields for OnlyKind {
    fn value(&self, field: &FieldRef) -> Option<Value<'_>> {
        (field.id == FieldId::EvtType).then(|| Value::text(self.0.name()))
    }

    fn any_value(&self, field: &FieldRef, test: impl FnMut(&Value<'_>) -> bool) -> bool {
        self.value(field).as_ref().is_some_and(test)
    }

    fn kind(&self) -> Option<EventKind> {
        Some(self.0)
    }

    fn time(&self) -> Timestamp {
        Timestamp::default()
    }
}
