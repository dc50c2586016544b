//! Tests that no event satisfies together, found by looking at pairs of tests that must both hold.

use super::ast::{Check, Expression, Operator, Test};
use super::compile::probe;
use super::probe::{self, Probe};
use super::transform::Source;
use crate::event::{EventKind, Text};
use crate::field::{Argument, FieldId, FieldRef, FieldType, Value};

/// A test that must hold, or must not, for the whole condition to hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requirement<'a> {
    check: &'a Check,
    negated: bool,
    /// Its offset is one in the text of a macro.
    in_macro: bool,
}

/// Two requirements that no event fulfils.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contradiction {
    /// Where one of them is, if it is in the text itself.
    pub(crate) offset: Option<usize>,
    /// Both, as they are written.
    pub(crate) message: String,
}

/// The tests that must all hold for the condition to hold.
pub(crate) fn requirements(expression: &Expression) -> Vec<Requirement<'_>> {
    let mut found = Vec::new();
    collect(expression, false, false, &mut found);
    found
}

fn collect<'a>(expression: &'a Expression, negated: bool, in_macro: bool, found: &mut Vec<Requirement<'a>>) {
    match (expression, negated) {
        (Expression::And(parts), false) | (Expression::Or(parts), true) => {
            parts.iter().for_each(|part| collect(part, negated, in_macro, found));
        }
        (Expression::Not(part), _) => collect(part, !negated, in_macro, found),
        (Expression::Expanded(_, body), _) => collect(body, negated, true, found),
        (Expression::Check(check), _) => found.push(Requirement { check, negated, in_macro }),
        (Expression::And(_), true) | (Expression::Or(_), false) | (Expression::Macro(..), _) => {}
    }
}

/// The first pair of a requirement of `new` and another of either list that exclude each other.
pub(crate) fn contradiction(known: &[Requirement<'_>], new: &[Requirement<'_>]) -> Option<Contradiction> {
    let all: Vec<Prepared<'_>> = new.iter().chain(known).filter_map(Prepared::new).collect();
    let is_new = |it: &Prepared<'_>| new.iter().any(|new| std::ptr::eq(new.check, it.requirement.check));
    let excluding = all.iter().filter(|one| !one.constants.is_empty()).find_map(|one| {
        let other = all.iter().find(|other| (is_new(one) || is_new(other)) && one.excludes(other))?;
        Some((one, other))
    });
    excluding.map(|(one, other)| {
        let offset = [other, one].into_iter().find(|it| !it.requirement.in_macro).map(|it| it.requirement.check.offset);
        let message = format!("'{one}' and '{other}' exclude each other");
        Contradiction { offset, message }
    })
}

/// A requirement on a text, ready for comparison with another one.
struct Prepared<'a> {
    requirement: Requirement<'a>,
    field: FieldRef,
    probe: Probe,
    /// The only values that fulfil it, when it lists them.
    constants: Vec<Text>,
}

impl<'a> Prepared<'a> {
    fn new(requirement: &Requirement<'a>) -> Option<Self> {
        let probe = probe(requirement.check).ok()?;
        let Source::Field(field) = &probe.source else { return None };
        let field = Some(field.clone()).filter(has_one_text)?;
        let (Test::Compare { operator, modifier: None, right }, probe::Check::Single(_)) =
            (&requirement.check.test, &probe.check)
        else {
            return None;
        };
        let lists_values = matches!(operator, Operator::Equal | Operator::In) && !requirement.negated;
        let literals = if lists_values { right.literals() } else { &[] };
        let constants = literals.iter().map(|literal| literal.text().into()).collect();
        Some(Self { requirement: *requirement, field, probe, constants })
    }

    /// Whether none of the values that fulfil this one fulfils the other.
    fn excludes(&self, other: &Self) -> bool {
        self.field == other.field && !self.constants.iter().any(|constant| other.allows(constant))
    }

    fn allows(&self, text: &str) -> bool {
        self.probe.holds_for(&Value::text(text)) != self.requirement.negated
    }
}

impl std::fmt::Display for Prepared<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let negation = if self.requirement.negated { "not " } else { "" };
        write!(f, "{negation}{}", self.requirement.check)
    }
}

/// Whether the field has exactly one text in an event: of bare `proc.aname` each ancestor may satisfy another test.
fn has_one_text(field: &FieldRef) -> bool {
    let several = matches!(
        (field.id, &field.argument),
        (FieldId::ProcAname | FieldId::ProcAexe | FieldId::ProcAexepath | FieldId::ProcAcmdline, Argument::None)
    );
    !several && !field.id.is_host_name() && !field.is_list() && field.value_type() == Some(FieldType::Text)
}

/// Whether the test is one of the type of events that no type of events satisfies.
pub(crate) fn matches_no_event_type(check: &Check) -> bool {
    let Ok(probe) = probe(check) else { return false };
    let Source::Field(FieldRef { id: FieldId::EvtType, .. }) = &probe.source else { return false };
    let compares = matches!(probe.check, probe::Check::Single(_));
    compares && !EventKind::all().any(|kind| probe.holds_for(&Value::text(kind.name())))
}
