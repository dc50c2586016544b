//! Which rules to evaluate for which kind of event, and in what form.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::index::{Index, Place};
use crate::condition::{Compiler, Guards, Link, Program};
use crate::event::{EventKind, KindSet};
use crate::field::Fields;
use crate::rule::{Rule, RuleSet};

/// The enabled rules of a rule set, prepared for every kind of event.
#[derive(Debug)]
pub(super) struct Dispatch {
    pub(super) program: Program,
    /// For each kind of event its group.
    group_of: Vec<usize>,
    groups: Vec<Group>,
    /// For events of unknown kind.
    any: Group,
}

/// The rules that kinds of events have which no rule tells apart.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// In order of definition.
    pub(super) entries: Vec<Entry>,
    index: Index,
}

/// A rule with its condition for the kinds of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Its place in the rule set.
    pub(super) rule: usize,
    pub(super) condition: Link,
    pub(super) reads_name: bool,
}

impl Dispatch {
    /// Prepares the rules; with `batches` for evaluation, without for comparing their conditions.
    pub(super) fn new(rules: &RuleSet, batches: bool) -> Self {
        let mut compiler = Compiler::new(Arc::clone(rules.plan()), batches);
        let mut guards = Guards::default();
        let rules = rules.rules();
        let any = Group::new(rules, None, &mut compiler, &mut guards);
        let kind_sets = distinct_kind_sets(rules);
        let mut known: FxHashMap<Vec<bool>, usize> = FxHashMap::default();
        let mut groups = Vec::new();
        let group_of = EventKind::all().map(|kind| {
            let mut signature = compiler.signature(kind);
            signature.extend(kind_sets.iter().map(|set| set.contains(kind)));
            *known.entry(signature).or_insert_with(|| {
                groups.push(Group::new(rules, Some(kind), &mut compiler, &mut guards));
                groups.len() - 1
            })
        });
        let group_of = group_of.collect();
        Self { program: compiler.finish(), group_of, groups, any }
    }

    /// The rules for events of a kind.
    pub(super) fn group(&self, kind: Option<EventKind>) -> &Group {
        kind.map_or(&self.any, |kind| &self.groups[self.group_of[kind.index()]])
    }

    /// The rules of all kinds, by groups of kinds.
    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }
}

impl Group {
    fn new(rules: &[Rule], kind: Option<EventKind>, compiler: &mut Compiler, guards: &mut Guards) -> Self {
        compiler.begin(kind);
        let wanted = rules
            .iter()
            .enumerate()
            .filter(|(_, rule)| rule.enabled && kind.is_none_or(|kind| rule.kinds.contains(kind)));
        let mut entries = Vec::new();
        for (index, rule) in wanted {
            let condition = compiler.add(rule.root());
            if condition != Link::NEVER {
                entries.push(Entry { rule: index, condition, reads_name: rule.reads_name() });
            }
        }
        let guards = entries.iter().map(|entry| guards.of(compiler, entry.condition)).collect();
        let index = Index::new(compiler.program(), guards);
        Self { entries, index }
    }

    /// The entries that can hold for an event, in order of definition; `found` is room to work in.
    pub(super) fn candidates<'a, F: Fields>(
        &'a self,
        fields: &F,
        found: &'a mut Vec<Place>,
    ) -> impl Iterator<Item = &'a Entry> {
        self.index.candidates(fields, found);
        found.iter().map(|place| &self.entries[*place as usize])
    }
}

fn distinct_kind_sets(rules: &[Rule]) -> Vec<KindSet> {
    let mut sets = Vec::new();
    for rule in rules.iter().filter(|rule| rule.enabled) {
        if !sets.contains(&rule.kinds) {
            sets.push(rule.kinds);
        }
    }
    sets
}
