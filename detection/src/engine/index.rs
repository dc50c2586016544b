//! From the values of an event to the rules that can hold for it, so that thousands of rules about other names cost
//! nothing.

use std::rc::Rc;

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, Anchored, Input, StartKind};
use rustc_hash::FxHashMap;

use crate::condition::{Guard, Pattern, Program};
use crate::field::{FieldRef, Fields};

/// Below so many rules a search within a text, which reads all of it, costs more than their evaluation. Looking up a
/// whole text or its beginning pays for a single rule. Both are measured with the official rules.
const RULES_WITHIN_MIN: usize = 3;

/// Place of a rule among the candidates of a kind.
pub(super) type Place = u32;

/// Which rules to look at, by the values of some fields.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Rules that are always looked at, in order.
    always: Vec<Place>,
    lookups: Vec<Lookup>,
}

/// The look-up of one field.
#[derive(Debug)]
struct Lookup {
    field: FieldRef,
    exact: FxHashMap<Box<[u8]>, Vec<Place>>,
    prefix: Option<Search>,
    within: Option<Search>,
}

/// Many patterns that are searched for at once.
#[derive(Debug)]
struct Search {
    automaton: AhoCorasick,
    anchored: Anchored,
    places: Vec<Vec<Place>>,
}

/// How a pattern is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Mode {
    Exact,
    Prefix,
    Within,
}

impl Mode {
    fn of(pattern: Pattern<'_>) -> (Self, &[u8]) {
        match pattern {
            Pattern::Exact(text) => (Self::Exact, text),
            Pattern::Prefix(text) => (Self::Prefix, text),
            Pattern::Within(text) => (Self::Within, text),
        }
    }

    fn rules_min(self) -> usize {
        if self == Self::Within { RULES_WITHIN_MIN } else { 1 }
    }
}

/// Patterns with the rules that look for them.
type Postings<'a> = FxHashMap<&'a [u8], Vec<Place>>;

impl Index {
    /// Makes the index of rules with their guards, in order of definition.
    pub(super) fn new(program: &Program, guards: Vec<Option<Rc<Guard>>>) -> Self {
        let guarded = worthwhile(program, guards);
        let mut always = Vec::new();
        let mut drafts: Vec<Draft<'_>> = Vec::new();
        for (place, guard) in (0..).zip(&guarded) {
            let Some(guard) = guard else {
                always.push(place);
                continue;
            };
            for (field, mode, text) in patterns(program, guard) {
                let draft = match drafts.iter().position(|draft| draft.field == field) {
                    Some(known) => known,
                    None => {
                        drafts.push(Draft::of(field));
                        drafts.len() - 1
                    }
                };
                let places = drafts[draft].postings(mode).entry(text).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        Self { always, lookups: drafts.into_iter().map(Lookup::new).collect() }
    }

    /// The rules to look at, in order of definition.
    pub(super) fn candidates<F: Fields>(&self, fields: &F, found: &mut Vec<Place>) {
        found.clear();
        found.extend_from_slice(&self.always);
        self.lookups.iter().for_each(|lookup| lookup.find(fields, found));
        if found.len() > self.always.len() {
            found.sort_unstable();
            found.dedup();
        }
    }
}

/// A look-up in the making.
struct Draft<'a> {
    field: &'a FieldRef,
    exact: Postings<'a>,
    prefix: Postings<'a>,
    within: Postings<'a>,
}

impl<'a> Draft<'a> {
    fn of(field: &'a FieldRef) -> Self {
        Self { field, exact: Postings::default(), prefix: Postings::default(), within: Postings::default() }
    }

    fn postings(&mut self, mode: Mode) -> &mut Postings<'a> {
        match mode {
            Mode::Exact => &mut self.exact,
            Mode::Prefix => &mut self.prefix,
            Mode::Within => &mut self.within,
        }
    }
}

impl Lookup {
    fn new(draft: Draft<'_>) -> Self {
        let search = |postings: Postings<'_>, anchored| {
            if postings.is_empty() { None } else { Some(Search::new(postings, anchored)) }
        };
        Self {
            field: draft.field.clone(),
            exact: draft.exact.into_iter().map(|(text, places)| (text.into(), places)).collect(),
            prefix: search(draft.prefix, Anchored::Yes),
            within: search(draft.within, Anchored::No),
        }
    }

    fn find<F: Fields>(&self, fields: &F, found: &mut Vec<Place>) {
        fields.any_value(&self.field, |value| {
            if let Some(text) = value.as_bytes() {
                found.extend(self.exact.get(text).into_iter().flatten());
                self.prefix.iter().chain(&self.within).for_each(|search| search.find(text, found));
            }
            false
        });
    }
}

impl Search {
    fn new(postings: Postings<'_>, anchored: Anchored) -> Self {
        let (patterns, places): (Vec<&[u8]>, Vec<Vec<Place>>) = postings.into_iter().unzip();
        let start = if anchored == Anchored::Yes { StartKind::Anchored } else { StartKind::Unanchored };
        let automaton = AhoCorasick::builder().start_kind(start).build(patterns);
        let automaton = automaton.expect("the patterns of rule files are far smaller than four gigabytes");
        Self { automaton, anchored, places }
    }

    fn find(&self, text: &[u8], found: &mut Vec<Place>) {
        let mut state = OverlappingState::start();
        let input = || Input::new(text).anchored(self.anchored);
        loop {
            self.automaton.find_overlapping(input(), &mut state);
            let Some(hit) = state.get_match() else { return };
            found.extend_from_slice(&self.places[hit.pattern().as_usize()]);
        }
    }
}

fn patterns<'a>(program: &'a Program, guard: &'a Guard) -> impl Iterator<Item = (&'a FieldRef, Mode, &'a [u8])> {
    guard
        .tests
        .iter()
        .flat_map(|test| {
            let (field, patterns) = program.patterns(*test).into_iter().next()?;
            Some(patterns.into_iter().map(move |pattern| {
                let (mode, text) = Mode::of(pattern);
                (field, mode, text)
            }))
        })
        .flatten()
}

/// Leaves out the guards whose look-ups would serve too few rules.
fn worthwhile(program: &Program, mut guards: Vec<Option<Rc<Guard>>>) -> Vec<Option<Rc<Guard>>> {
    loop {
        let keys: Vec<Vec<(&FieldRef, Mode)>> =
            guards.iter().map(|guard| lookups_of(program, guard.as_deref())).collect();
        let mut served: Vec<((&FieldRef, Mode), usize)> = Vec::new();
        for key in keys.iter().flatten() {
            match served.iter_mut().find(|(known, _)| known == key) {
                Some((_, rules)) => *rules += 1,
                None => served.push((*key, 1)),
            }
        }
        served.retain(|((_, mode), rules)| *rules < mode.rules_min());
        let mut dropped = false;
        for (guard, keys) in guards.iter_mut().zip(&keys) {
            if keys.iter().any(|key| served.iter().any(|(poor, _)| poor == key)) {
                *guard = None;
                dropped = true;
            }
        }
        if !dropped {
            return guards;
        }
    }
}

/// The fields and modes of a guard, each once.
fn lookups_of<'a>(program: &'a Program, guard: Option<&Guard>) -> Vec<(&'a FieldRef, Mode)> {
    let mut keys = Vec::new();
    for test in guard.into_iter().flat_map(|guard| &guard.tests) {
        let Some((field, patterns)) = program.patterns(*test) else { continue };
        for pattern in patterns {
            let key = (field, Mode::of(pattern).0);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}
