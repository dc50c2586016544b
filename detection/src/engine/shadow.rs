//! Rules that can never fire: those without an event that satisfies them, and those that an earlier rule forestalls.

use rustc_hash::FxHashMap;

use super::dispatch::{Dispatch, Entry, Group};
use crate::condition::{Link, Program};
use crate::rule::RuleSet;

/// What the shape of its condition says about a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It holds for no event.
    Never,
    /// It holds for every event.
    Always,
    /// Whenever it holds, this earlier rule holds as well.
    ShadowedBy(usize),
}

/// What can be proved about the enabled rules, by their places.
pub(crate) fn findings(rules: &RuleSet) -> Vec<(usize, Finding)> {
    let dispatch = Dispatch::new(rules, false);
    let mut shadows: FxHashMap<usize, Option<usize>> = FxHashMap::default();
    for group in dispatch.groups() {
        for (rule, by) in shadows_in(&dispatch.program, group) {
            // It must be forestalled for events of all its kinds.
            shadows.entry(rule).and_modify(|known| *known = known.and(by)).or_insert(by);
        }
    }
    let enabled = rules.rules().iter().enumerate().filter(|(_, rule)| rule.enabled);
    let always = |rule| {
        let entry = dispatch.group(None).entries.iter().find(|entry| entry.rule == rule);
        entry.is_some_and(|entry| entry.condition == Link::ALWAYS)
    };
    let judged = enabled.filter_map(|(rule, _)| match shadows.get(&rule) {
        None => Some((rule, Finding::Never)),
        Some(_) if always(rule) => Some((rule, Finding::Always)),
        Some(Some(by)) => Some((rule, Finding::ShadowedBy(*by))),
        Some(None) => None,
    });
    judged.collect()
}

/// The rules of a group, each with an earlier one that holds whenever it holds.
fn shadows_in(program: &Program, group: &Group) -> Vec<(usize, Option<usize>)> {
    let mut earlier = Earlier::default();
    let mut found = Vec::new();
    for entry in &group.entries {
        found.push((entry.rule, earlier.covering(program, entry)));
        earlier.add(program, *entry);
    }
    found
}

/// Rules by a part that must be among the parts of a rule for them to follow from it.
#[derive(Default)]
struct Earlier {
    by_part: FxHashMap<Link, Vec<Entry>>,
    /// Rules that hold for every event of the group.
    always: Vec<Entry>,
}

impl Earlier {
    fn add(&mut self, program: &Program, entry: Entry) {
        let Some(part) = program.conjuncts(&entry.condition).first() else {
            self.always.push(entry);
            return;
        };
        let alternatives = program.opposites_of_alternatives(*part).iter().map(|opposite| opposite.not());
        for key in alternatives.chain([*part]) {
            self.by_part.entry(key).or_default().push(entry);
        }
    }

    fn covering(&self, program: &Program, entry: &Entry) -> Option<usize> {
        let given = program.conjuncts(&entry.condition);
        let similar = given.iter().filter_map(|part| self.by_part.get(part)).flatten();
        let covers = |other: &&Entry| {
            // Under another name of the file only rules that read names are judged.
            let judged_alike = other.reads_name || !entry.reads_name;
            judged_alike && program.conjuncts(&other.condition).iter().all(|part| program.follows(*part, given))
        };
        self.always.iter().chain(similar).filter(covers).map(|other| other.rule).min()
    }
}
