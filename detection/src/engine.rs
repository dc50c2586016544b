//! Events in, alerts out.

use crate::alert::Alert;
use crate::event::Event;
use crate::example::FieldMap;
use crate::output::OutputContext;
use crate::rule::RuleSet;

/// How often a rule matched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleCounter {
    /// Alerts that it gave.
    pub matches: u64,
}

/// Rules ready to be evaluated.
#[derive(Debug)]
pub struct Engine {
    rules: RuleSet,
    context: OutputContext,
    counters: Vec<RuleCounter>,
}

impl Engine {
    /// Prepares rules for evaluation.
    pub fn new(rules: RuleSet, context: OutputContext) -> Self {
        let counters = vec![RuleCounter::default(); rules.rules().len()];
        Self { rules, context, counters }
    }

    /// Judges one event and adds what it says to `alerts`.
    pub fn evaluate(&mut self, event: &Event, alerts: &mut Vec<Alert>) {
        let _ = (event, alerts, &self.context);
    }

    /// Judges an event written by hand.
    pub fn evaluate_fields(&mut self, fields: &FieldMap, alerts: &mut Vec<Alert>) {
        let _ = (fields, alerts);
    }

    /// The rules that it evaluates.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Counters, one for each of [`RuleSet::rules`].
    pub fn counters(&self) -> &[RuleCounter] {
        &self.counters
    }
}
