//! Conditions of all rules as one graph, in which equal parts are one node. It is what was written; [`super::Program`]
//! is made of it for evaluation.

use rustc_hash::FxHashMap;

use super::probe::Probe;
use crate::field::FieldRef;
#[cfg(test)]
use crate::field::Fields;

/// Index of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(u32);

/// Index of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TestId(u32);

impl NodeId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

impl TestId {
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Node {
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
    Test(TestId),
}

/// The tests and nodes of all conditions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    nodes: Vec<Node>,
    /// Whether more than one node or rule leads to the node.
    shared: Vec<bool>,
    tests: Vec<Probe>,
    known_nodes: FxHashMap<Node, NodeId>,
    known_tests: FxHashMap<String, TestId>,
}

impl Plan {
    /// Whether the condition holds for the event, found out the plain way: what everything faster is compared with.
    #[cfg(test)]
    pub(crate) fn holds<F: Fields>(&self, id: NodeId, fields: &F) -> bool {
        match self.node(id) {
            Node::And(parts) => parts.iter().all(|part| self.holds(*part, fields)),
            Node::Or(parts) => parts.iter().any(|part| self.holds(*part, fields)),
            Node::Not(part) => !self.holds(*part, fields),
            Node::Test(test) => self.test(*test).holds(fields),
        }
    }

    /// Calls `visit` with every field that the condition reads.
    pub(crate) fn visit_fields(&self, id: NodeId, visit: &mut impl FnMut(&FieldRef)) {
        match self.node(id) {
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| self.visit_fields(*part, visit)),
            Node::Not(part) => self.visit_fields(*part, visit),
            Node::Test(test) => self.test(*test).visit_fields(visit),
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    pub(super) fn is_shared(&self, id: NodeId) -> bool {
        self.shared[id.index()]
    }

    pub(super) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn test(&self, id: TestId) -> &Probe {
        &self.tests[id.index()]
    }

    pub(super) fn tests(&self) -> impl Iterator<Item = (TestId, &Probe)> {
        self.tests.iter().enumerate().map(|(at, probe)| (TestId(index(at)), probe))
    }

    pub(super) fn all(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.add(Node::And(parts.into()))
    }

    pub(super) fn any(&mut self, parts: Vec<NodeId>) -> NodeId {
        self.add(Node::Or(parts.into()))
    }

    pub(super) fn not(&mut self, part: NodeId) -> NodeId {
        self.add(Node::Not(part))
    }

    /// Adds a test. Tests with the same canonical text are one test; without a text it stands alone.
    pub(super) fn add_test(&mut self, text: Option<String>, probe: Probe) -> NodeId {
        let known = text.as_ref().and_then(|text| self.known_tests.get(text)).copied();
        let id = known.unwrap_or_else(|| {
            let id = TestId(index(self.tests.len()));
            self.tests.push(probe);
            if let Some(text) = text {
                self.known_tests.insert(text, id);
            }
            id
        });
        self.add(Node::Test(id))
    }

    fn add(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.known_nodes.get(&node) {
            self.shared[id.index()] = true;
            return *id;
        }
        let id = NodeId(index(self.nodes.len()));
        self.nodes.push(node.clone());
        self.shared.push(false);
        self.known_nodes.insert(node, id);
        id
    }
}

pub(super) fn index(length: usize) -> u32 {
    u32::try_from(length).expect("rule files are far smaller than four billion tests")
}
