//! What the rules leave to be seen: for each kind of event a filter over the few values that a kernel program can test
//! cheaply, which refuses only events that no rule can match.
//!
//! A filter is an upper bound. Parts of conditions about anything else (names of processes, containers, ancestors) count
//! as if they held, and so does a test whose value is not known. A back end that cannot make a test leaves it out. What
//! a program must know before it may refuse by a path is said at [`PathSubject`].

mod atom;
mod patterns;
mod ranges;
mod terms;

pub use atom::{Atom, DESCRIPTOR_KINDS, PROTOCOLS, PathSubject, Quantity};
pub use patterns::PathPatterns;
pub use ranges::Ranges;
pub use terms::Term;
pub(crate) use terms::Terms;

use std::sync::Arc;

use crate::condition::{Compiler, widened};
use crate::event::{Event, EventKind};
use crate::rule::RuleSet;

/// The filter of one kind of event: one of its terms must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindFilter {
    terms: Vec<Term>,
}

impl KindFilter {
    fn new(terms: Terms) -> Self {
        let terms = if terms.0.len() > terms::TERMS_MAX { Terms::all() } else { terms };
        Self { terms: terms.0 }
    }

    /// Whether a rule may match the event.
    pub fn passes(&self, event: &Event) -> bool {
        self.terms.iter().any(|term| !term.atoms().iter().any(|atom| atom.refuses(event)))
    }

    /// Whether it passes every event.
    pub fn passes_all(&self) -> bool {
        self.terms.iter().any(|term| term.atoms().is_empty())
    }

    /// Whether it passes none: no rule is about the kind.
    pub fn passes_none(&self) -> bool {
        self.terms.is_empty()
    }

    /// The alternatives.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

/// The filters of all kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueFilters(Vec<KindFilter>);

impl ValueFilters {
    /// The filter of a kind.
    pub fn of(&self, kind: EventKind) -> &KindFilter {
        &self.0[kind.index()]
    }

    /// Whether a rule may match the event.
    pub fn passes(&self, event: &Event) -> bool {
        self.of(event.kind).passes(event)
    }
}

impl RuleSet {
    /// Filters that refuse only events that no enabled rule can match, whatever the names of their file.
    pub fn value_filters(&self) -> ValueFilters {
        let mut compiler = Compiler::new(Arc::clone(self.plan()), false);
        let of_kind = |kind| {
            compiler.begin(Some(kind));
            let concerned = self.rules().iter().filter(|rule| rule.enabled && rule.kinds.contains(kind));
            let terms = concerned.fold(Terms::none(), |terms, rule| {
                let condition = compiler.add(rule.root());
                terms.or(widened(compiler.program(), kind, condition))
            });
            KindFilter::new(terms)
        };
        ValueFilters(EventKind::all().map(of_kind).collect())
    }
}

#[cfg(test)]
mod tests;
