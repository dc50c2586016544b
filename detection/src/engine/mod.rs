//! Events in, alerts out.

mod dispatch;
mod index;
mod shadow;

use dispatch::{Dispatch, Entry, Group};
use index::Place;
pub(crate) use shadow::{Finding, findings};

use crate::alert::{Alert, FieldValue};
use crate::condition::{Memo, Program, with_deep_stack};
use crate::event::{Document, Event, EventKind, Text};
use crate::example::FieldMap;
use crate::field::{DocumentView, EventView, Fields};
use crate::output::OutputContext;
use crate::rule::{ExampleFailure, Matching, Rule, RuleSet};

/// After so many events the order of tests first follows what was counted.
const REORDER_EVENTS_MIN: u64 = 8_192;

/// And from then on whenever the number of events has doubled, at the latest after so many.
const REORDER_EVENTS_MAX: u64 = 1 << 20;

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
    dispatch: Dispatch,
    counters: Vec<RuleCounter>,
    scratch: Scratch,
    judged: u64,
    /// How many events have been judged when the order of tests is looked at again.
    reorder_at: u64,
}

/// What one event needs and the next one uses again, so that an event for which no rule fires allocates nothing.
#[derive(Debug, Default)]
struct Scratch {
    memo: Memo,
    /// Rules that can hold for the event at hand.
    candidates: Vec<Place>,
    /// Rules that fired for it.
    fired: Vec<usize>,
}

impl Engine {
    /// Prepares rules for evaluation.
    pub fn new(rules: RuleSet, context: OutputContext) -> Self {
        let dispatch = with_deep_stack(|| Dispatch::new(&rules, true));
        let counters = vec![RuleCounter::default(); rules.rules().len()];
        let scratch = Scratch::default();
        Self { rules, context, dispatch, counters, scratch, judged: 0, reorder_at: REORDER_EVENTS_MIN }
    }

    /// Judges one event and adds what it says to `alerts`.
    ///
    /// The event is judged under the name that the program gave its file, and then under each other name that the file
    /// has. A rule gives at most one alert, which shows the name that it fired for. With [`Matching::First`] each name
    /// gives at most one alert, so that a harmless name cannot hide what another name shows.
    pub fn evaluate(&mut self, event: &Event, alerts: &mut Vec<Alert>) {
        self.judged += 1;
        if self.judged >= self.reorder_at {
            self.reorder();
        }
        let Self { rules, context, dispatch, counters, scratch, .. } = self;
        let view = EventView::new(event, context);
        let mut round = Round::new(rules, context, dispatch, counters, scratch, Some(event.kind));
        if round.group.entries.is_empty() {
            return;
        }
        round.judge(&view, false, alerts);
        for alias in view.aliases() {
            round.judge(&alias, true, alerts);
        }
    }

    /// Judges one request to an API server and adds what the rules of that source say to `alerts`.
    pub fn evaluate_document(&mut self, document: &Document, alerts: &mut Vec<Alert>) {
        let Self { rules, context, dispatch, counters, scratch, .. } = self;
        let view = DocumentView::new(document, context);
        Round::new(rules, context, dispatch, counters, scratch, view.kind()).judge(&view, false, alerts);
    }

    /// Judges an event written by hand.
    pub fn evaluate_fields(&mut self, fields: &FieldMap, alerts: &mut Vec<Alert>) {
        let Self { rules, context, dispatch, counters, scratch, .. } = self;
        Round::new(rules, context, dispatch, counters, scratch, fields.kind()).judge(fields, false, alerts);
    }

    /// Puts cheap and selective tests first, by what the events so far were like.
    fn reorder(&mut self) {
        self.dispatch.program.reorder(&mut self.scratch.memo);
        self.reorder_at = self.judged + self.judged.clamp(REORDER_EVENTS_MIN, REORDER_EVENTS_MAX);
    }

    /// Whether the rule at that place of [`RuleSet::rules`] alone would fire for the event. It counts nothing and is
    /// meant for measuring what a rule costs.
    pub fn would_fire(&mut self, rule: usize, event: &Event) -> bool {
        let group = self.dispatch.group(Some(event.kind));
        let Ok(place) = group.entries.binary_search_by_key(&rule, |entry| entry.rule) else { return false };
        let Entry { condition, reads_name, .. } = group.entries[place];
        let (program, memo) = (&self.dispatch.program, &mut self.scratch.memo);
        let mut holds = |view: EventView<'_>| {
            memo.begin(program);
            program.holds(condition, &view, memo)
        };
        let view = EventView::new(event, &self.context);
        holds(view) || reads_name && view.aliases().any(holds)
    }

    /// Runs the examples of all enabled rules as events are judged, each for its own rule alone; returns how many there
    /// were and which were not as their rule says.
    pub fn check_examples(&mut self) -> (usize, Vec<ExampleFailure>) {
        let (mut run, mut failures) = (0, Vec::new());
        let Self { rules, dispatch, scratch: Scratch { memo, candidates, .. }, .. } = self;
        let mut fires = |place: usize, example: &FieldMap| {
            memo.begin(&dispatch.program);
            let mut found = dispatch.group(example.kind()).candidates(example, candidates);
            found.any(|entry| entry.rule == place && dispatch.program.holds(entry.condition, example, memo))
        };
        for (place, rule) in rules.rules().iter().enumerate().filter(|(_, rule)| rule.enabled) {
            for (list, examples, expected) in
                [("fires", &rule.examples.fires, true), ("quiet", &rule.examples.quiet, false)]
            {
                for (index, example) in examples.iter().enumerate() {
                    run += 1;
                    if fires(place, example) != expected {
                        let (rule, position) = (rule.name.clone(), rule.position.clone());
                        failures.push(ExampleFailure { rule, list, number: index + 1, position });
                    }
                }
            }
        }
        (run, failures)
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
    program: &'a Program,
    group: &'a Group,
    counters: &'a mut [RuleCounter],
    scratch: &'a mut Scratch,
}

impl<'a> Round<'a> {
    fn new(
        rules: &'a RuleSet,
        context: &'a OutputContext,
        dispatch: &'a Dispatch,
        counters: &'a mut [RuleCounter],
        scratch: &'a mut Scratch,
        kind: Option<EventKind>,
    ) -> Self {
        scratch.fired.clear();
        Self { rules, context, program: &dispatch.program, group: dispatch.group(kind), counters, scratch }
    }

    /// Judges the event under one name; under another name only rules that look at names can say anything new.
    fn judge<F: Fields>(&mut self, fields: &F, is_alias: bool, alerts: &mut Vec<Alert>) {
        let Scratch { memo, candidates, fired } = &mut *self.scratch;
        memo.begin(self.program);
        for entry in self.group.candidates(fields, candidates) {
            if is_alias && !entry.reads_name || !self.program.holds(entry.condition, fields, memo) {
                continue;
            }
            if !fired.contains(&entry.rule) {
                fired.push(entry.rule);
                self.counters[entry.rule].matches += 1;
                alerts.push(alert(&self.rules.rules()[entry.rule], fields, self.context));
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
mod document_tests;
#[cfg(test)]
mod equivalence;
#[cfg(test)]
pub(crate) mod tests;
