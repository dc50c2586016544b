//! Filters under construction: alternatives of conjunctions, kept few by widening.

use super::atom::{Atom, Quantity};

/// Alternatives that one filter has at most; what would need more passes everything.
pub(super) const TERMS_MAX: usize = 24;

/// Tests that one alternative has at most; further ones are left out, which lets more pass.
const ATOMS_MAX: usize = 4;

/// Alternatives at most while a filter is made of the parts of a condition.
const DRAFT_TERMS_MAX: usize = 64;

/// Tests that all must hold; none of them repeats what another says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term(Vec<Atom>);

impl Term {
    /// The tests.
    pub fn atoms(&self) -> &[Atom] {
        &self.0
    }

    fn add(&mut self, atom: Atom) {
        if self.0.iter().any(|known| known.implies(&atom)) {
            return;
        }
        self.0.retain(|known| !atom.implies(known));
        for known in &mut self.0 {
            if let (Atom::Number(quantity, known), Atom::Number(other, ranges)) = (known, &atom)
                && quantity == other
                && *quantity != Quantity::Port
            {
                // An empty set is a test as well: an event that lacks the number satisfies it.
                *known = known.intersection(ranges);
                return;
            }
        }
        if self.0.len() < ATOMS_MAX {
            self.0.push(atom);
        }
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        other.0.iter().for_each(|atom| both.add(atom.clone()));
        both
    }

    fn implies(&self, other: &Self) -> bool {
        other.0.iter().all(|atom| self.0.iter().any(|own| own.implies(atom)))
    }

    /// The term that holds when either holds, if they differ in one test that can be joined.
    fn or(&self, other: &Self) -> Option<Self> {
        let mut own = self.0.iter().filter(|atom| !other.0.contains(atom));
        let mut theirs = other.0.iter().filter(|atom| !self.0.contains(atom));
        let (Some(left), None, Some(right), None) = (own.next(), own.next(), theirs.next(), theirs.next()) else {
            return None;
        };
        let joined = left.or(right)?;
        let shared = self.0.iter().filter(|atom| other.0.contains(atom)).cloned();
        Some(Self(shared.chain(std::iter::once(joined)).collect()))
    }
}

/// Alternatives of which one must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms(pub(super) Vec<Term>);

impl Terms {
    /// Every event passes.
    pub(crate) fn all() -> Self {
        Self(vec![Term(Vec::new())])
    }

    /// No event passes.
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn atom(atom: Atom) -> Self {
        Self(vec![Term(vec![atom])])
    }

    pub(crate) fn is_all(&self) -> bool {
        self.0.iter().any(|term| term.0.is_empty())
    }

    pub(crate) fn and(self, other: &Self) -> Self {
        if other.is_all() {
            return self;
        }
        if self.is_all() {
            return other.clone();
        }
        let mut product = Self::none();
        for (left, right) in self.0.iter().flat_map(|left| other.0.iter().map(move |right| (left, right))) {
            product.add(left.and(right));
            if product.0.len() > DRAFT_TERMS_MAX {
                // One side alone lets more pass.
                return if self.0.len() <= other.0.len() { self } else { other.clone() };
            }
        }
        product
    }

    pub(crate) fn or(mut self, other: Self) -> Self {
        other.0.into_iter().for_each(|term| self.add(term));
        if self.0.len() > DRAFT_TERMS_MAX { Self::all() } else { self }
    }

    /// Adds an alternative, joined with a known one where that changes nothing.
    fn add(&mut self, mut term: Term) {
        if self.0.iter().any(|known| term.implies(known)) {
            return;
        }
        self.0.retain(|known| !known.implies(&term));
        while let Some((at, joined)) = self.0.iter().enumerate().find_map(|(at, known)| Some((at, known.or(&term)?))) {
            self.0.remove(at);
            term = joined;
            self.0.retain(|known| !known.implies(&term));
        }
        self.0.push(term);
    }
}
