//! Events in, alerts out.

use crate::alert::{Alert, FieldValue};
use crate::condition::Memo;
use crate::event::{Event, EventKind, Text};
use crate::example::FieldMap;
use crate::field::{EventView, Fields};
use crate::output::OutputContext;
use crate::rule::{Matching, Rule, RuleSet};

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
    /// For each kind of event the enabled rules that it can satisfy, in order of definition.
    by_kind: Vec<Vec<usize>>,
    /// All enabled rules, for events of unknown kind.
    enabled: Vec<usize>,
    memo: Memo,
    /// Rules that fired for the event at hand.
    fired: Vec<usize>,
}

impl Engine {
    /// Prepares rules for evaluation.
    pub fn new(rules: RuleSet, context: OutputContext) -> Self {
        let enabled: Vec<usize> = (0..rules.rules().len()).filter(|index| rules.rules()[*index].enabled).collect();
        let candidates =
            |kind| enabled.iter().copied().filter(|index| rules.rules()[*index].kinds.contains(kind)).collect();
        let by_kind = EventKind::all().map(candidates).collect();
        let counters = vec![RuleCounter::default(); rules.rules().len()];
        Self { rules, context, counters, by_kind, enabled, memo: Memo::default(), fired: Vec::new() }
    }

    /// Judges one event and adds what it says to `alerts`.
    ///
    /// The event is judged under the name that the program gave its file, and then under each other name that the file
    /// has. A rule gives at most one alert, which shows the name that it fired for. With [`Matching::First`] each name
    /// gives at most one alert, so that a harmless name cannot hide what another name shows.
    pub fn evaluate(&mut self, event: &Event, alerts: &mut Vec<Alert>) {
        let candidates = &self.by_kind[event.kind.index()];
        if candidates.is_empty() {
            return;
        }
        self.fired.clear();
        let mut round = Round {
            rules: &self.rules,
            context: &self.context,
            counters: &mut self.counters,
            memo: &mut self.memo,
            fired: &mut self.fired,
        };
        let view = EventView::new(event, &self.context);
        round.judge(candidates, &view, |_| true, alerts);
        for alias in view.aliases() {
            round.judge(candidates, &alias, Rule::reads_name, alerts);
        }
    }

    /// Judges an event written by hand.
    pub fn evaluate_fields(&mut self, fields: &FieldMap, alerts: &mut Vec<Alert>) {
        let candidates = fields.kind().map_or(&self.enabled, |kind| &self.by_kind[kind.index()]);
        self.fired.clear();
        let mut round = Round {
            rules: &self.rules,
            context: &self.context,
            counters: &mut self.counters,
            memo: &mut self.memo,
            fired: &mut self.fired,
        };
        round.judge(candidates, fields, |_| true, alerts);
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

/// The judgement of one event.
struct Round<'a> {
    rules: &'a RuleSet,
    context: &'a OutputContext,
    counters: &'a mut [RuleCounter],
    memo: &'a mut Memo,
    fired: &'a mut Vec<usize>,
}

impl Round<'_> {
    fn judge<F: Fields>(
        &mut self,
        candidates: &[usize],
        fields: &F,
        concerned: impl Fn(&Rule) -> bool,
        alerts: &mut Vec<Alert>,
    ) {
        self.rules.begin(self.memo);
        for index in candidates {
            let rule = &self.rules.rules()[*index];
            if !concerned(rule) || !self.rules.holds(rule, fields, self.memo) {
                continue;
            }
            if !self.fired.contains(index) {
                self.fired.push(*index);
                self.counters[*index].matches += 1;
                alerts.push(alert(rule, fields, self.context));
            }
            if self.rules.matching() == Matching::First {
                return;
            }
        }
    }
}

fn alert<F: Fields>(rule: &Rule, fields: &F, context: &OutputContext) -> Alert {
    let moment = fields.time();
    let filled = rule.format().fill(fields).expect("the format of a rule tolerates missing fields");
    let mut values = filled.fields;
    values.extend(rule.added_values(fields));
    values.push((Text::from(context.time_format.field()), FieldValue::Unsigned(moment.0)));
    values.sort_by(|left, right| left.0.cmp(&right.0));
    values.dedup_by(|later, earlier| later.0 == earlier.0);
    Alert {
        time: moment,
        rule: rule.name.clone(),
        priority: rule.priority,
        source: rule.source.clone(),
        hostname: context.hostname.clone(),
        output: format!("{}: {} {}", context.stamp(moment), rule.priority.name(), filled.text).into(),
        fields: values,
        tags: rule.tags.clone(),
    }
}

#[cfg(test)]
mod tests;
