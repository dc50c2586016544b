//! A test of one value, ready to run.

use super::ast::{Modifier, Operator};
use super::compare::{Comparison, Pattern, compare_values};
use super::transform::Source;
use crate::field::{FieldRef, Fields, Value};

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

impl Probe {
    /// Whether the test holds for the event.
    #[inline]
    pub(super) fn holds<F: Fields>(&self, fields: &F) -> bool {
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

    /// The field, if the test holds as soon as one of its values satisfies one comparison with constants.
    pub(super) fn single_field(&self) -> Option<&FieldRef> {
        match (&self.source, &self.check) {
            (Source::Field(field), Check::Single(Quantified { every: false, .. })) => Some(field),
            _ => None,
        }
    }

    /// Whether one comparison with constants holds for a value.
    pub(super) fn holds_for(&self, value: &Value<'_>) -> bool {
        matches!(&self.check, Check::Single(quantified) if quantified.comparison.holds(value))
    }

    /// Calls `visit` with every field that it reads.
    pub(super) fn visit_fields(&self, visit: &mut impl FnMut(&FieldRef)) {
        self.source.visit_fields(visit);
        if let Check::Values(_, right) = &self.check {
            right.visit_fields(visit);
        }
    }

    /// A field and patterns such that the test can hold only when a value of the field matches one of them.
    pub(super) fn patterns(&self) -> Option<(&FieldRef, Vec<Pattern<'_>>)> {
        let Source::Field(field) = &self.source else { return None };
        let list = match &self.check {
            Check::Single(quantified) => std::slice::from_ref(quantified),
            Check::Each(Modifier::AnyOf | Modifier::OneOf, list) => list,
            Check::Each(Modifier::AllOf, _) | Check::Exists | Check::Values(..) => return None,
        };
        let mut patterns = Vec::new();
        for quantified in list {
            if quantified.every {
                return None;
            }
            quantified.comparison.patterns(&mut patterns)?;
        }
        Some((field, patterns))
    }

    #[inline]
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

    #[inline]
    fn any_value<F: Fields>(&self, fields: &F, test: impl FnMut(&Value<'_>) -> bool) -> bool {
        match &self.source {
            Source::Field(field) => fields.any_value(field, test),
            Source::Constant(_) | Source::List(_) | Source::Apply(_) => {
                self.source.value(fields).as_ref().is_some_and(test)
            }
        }
    }
}
