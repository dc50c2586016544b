//! Conditions of all rules as one plan, in which each distinct test runs at most once for an event.

use rustc_hash::FxHashMap;

use super::ast::{Modifier, Operator};
use super::compare::{Comparison, compare_values};
use super::transform::Source;
use crate::field::{FieldRef, Fields};

/// Index of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(u32);

/// Index of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct TestId(u32);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Node {
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    Test(TestId),
}

/// A test of one value, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    pub(super) source: Source,
    pub(super) check: Check,
}

/// How the value is tested.
#[derive(Debug, Clone)]
pub(super) enum Check {
    /// It can be extracted.
    Exists,
    /// It compares with constants.
    Single(Quantified),
    /// It compares with several constants in turn.
    Each(Modifier, Vec<Quantified>),
    /// It compares with another value of the event.
    Values(Operator, Source),
}

/// A comparison, and whether all values of a field with several values must satisfy it or one is enough.
#[derive(Debug, Clone)]
pub(super) struct Quantified {
    pub(super) every: bool,
    pub(super) comparison: Comparison,
}

/// The tests and nodes of all conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    /// Whether more than one node or rule leads to the node, so that remembering its result pays.
    shared: Vec<bool>,
    tests: Vec<Probe>,
    known_nodes: FxHashMap<Node, NodeId>,
    known_tests: FxHashMap<String, TestId>,
}

/// Results for the event at hand. An entry counts only when it carries the number of the current round, so that
/// beginning a new event costs nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memo {
    round: u64,
    results: Vec<u64>,
}

impl Memo {
    /// Forgets all results: the next evaluation is about another event, or about another name of its file.
    pub(crate) fn begin(&mut self, plan: &Plan) {
        self.round += 1;
        self.results.resize(plan.nodes.len(), 0);
    }

    fn get(&self, node: NodeId) -> Option<bool> {
        let entry = self.results[node.0 as usize];
        (entry >> 1 == self.round).then_some(entry & 1 == 1)
    }

    fn set(&mut self, node: NodeId, holds: bool) {
        self.results[node.0 as usize] = self.round << 1 | u64::from(holds);
    }
}

impl Plan {
    /// Whether the condition holds for the event.
    pub(crate) fn holds<F: Fields>(&self, id: NodeId, fields: &F, memo: &mut Memo) -> bool {
        let index = id.0 as usize;
        if self.shared[index]
            && let Some(known) = memo.get(id)
        {
            return known;
        }
        let holds = match &self.nodes[index] {
            Node::And(parts) => parts.iter().all(|part| self.holds(*part, fields, memo)),
            Node::Or(parts) => parts.iter().any(|part| self.holds(*part, fields, memo)),
            Node::Not(part) => !self.holds(*part, fields, memo),
            Node::Test(test) => self.tests[test.0 as usize].holds(fields),
        };
        if self.shared[index] {
            memo.set(id, holds);
        }
        holds
    }

    /// Calls `visit` with every field that the condition reads.
    pub(crate) fn visit_fields(&self, id: NodeId, visit: &mut impl FnMut(&FieldRef)) {
        match &self.nodes[id.0 as usize] {
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| self.visit_fields(*part, visit)),
            Node::Not(part) => self.visit_fields(*part, visit),
            Node::Test(test) => {
                let probe = &self.tests[test.0 as usize];
                probe.source.visit_fields(visit);
                if let Check::Values(_, right) = &probe.check {
                    right.visit_fields(visit);
                }
            }
        }
    }

    pub(super) fn all(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.node(Node::And(parts.into()))
    }

    pub(super) fn any(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.node(Node::Or(parts.into()))
    }

    pub(super) fn not(&mut self, part: NodeId) -> NodeId {
        self.node(Node::Not(part))
    }

    /// Adds a test. Tests with the same canonical text are one test; without a text it stands alone.
    pub(super) fn test(&mut self, text: Option<String>, probe: Probe) -> NodeId {
        let known = text.as_ref().and_then(|text| self.known_tests.get(text)).copied();
        let id = known.unwrap_or_else(|| {
            let id = TestId(index(self.tests.len()));
            self.tests.push(probe);
            if let Some(text) = text {
                self.known_tests.insert(text, id);
            }
            id
        });
        self.node(Node::Test(id))
    }

    fn node(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.known_nodes.get(&node) {
            self.shared[id.0 as usize] = true;
            return *id;
        }
        let id = NodeId(index(self.nodes.len()));
        self.nodes.push(node.clone());
        self.shared.push(false);
        self.known_nodes.insert(node, id);
        id
    }
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("rule files are far smaller than four billion tests")
}

impl Probe {
    fn holds<F: Fields>(&self, fields: &F) -> bool {
        match &self.check {
            Check::Exists => self.any_value(fields, |_| true),
            Check::Single(quantified) => self.satisfies(fields, quantified),
            Check::Each(modifier, list) => {
                let mut holding = list.iter().filter(|quantified| self.satisfies(fields, quantified));
                match modifier {
                    Modifier::AnyOf => holding.next().is_some(),
                    Modifier::AllOf => !list.is_empty() && holding.count() == list.len(),
                    Modifier::OneOf => holding.count() == 1,
                }
            }
            Check::Values(operator, right) => match (self.source.value(fields), right.value(fields)) {
                (Some(left), Some(right)) => compare_values(*operator, &left, &right),
                _ => false,
            },
        }
    }

    fn satisfies<F: Fields>(&self, fields: &F, quantified: &Quantified) -> bool {
        let comparison = &quantified.comparison;
        if !quantified.every {
            return self.any_value(fields, |value| comparison.holds(value));
        }
        let mut found = false;
        let violated = self.any_value(fields, |value| {
            found = true;
            !comparison.holds(value)
        });
        found && !violated
    }

    fn any_value<F: Fields>(&self, fields: &F, test: impl FnMut(&crate::field::Value<'_>) -> bool) -> bool {
        match &self.source {
            Source::Field(field) => fields.any_value(field, test),
            Source::Constant(_) | Source::List(_) | Source::Apply(_) => {
                self.source.value(fields).as_ref().is_some_and(test)
            }
        }
    }
}
