//! Which kinds of events can satisfy a condition. Rules are indexed by it, and it decides what is captured.

use super::CompileError;
use super::ast::{Argument, Check, Expression, Operand, Operator, Right, Test, Transformer};
use crate::event::{EventKind, KindSet};

/// The kinds of events that can satisfy the condition: an upper bound that looks only at `evt.type`, `syscall.type` and
/// comparisons of `evt.num` whose result is the same for every event.
pub fn required_kinds(expression: &Expression) -> Result<KindSet, CompileError> {
    kinds(expression, false)
}

/// `not` is pushed down to the leaves, where it inverts only tests of the event type.
fn kinds(expression: &Expression, negated: bool) -> Result<KindSet, CompileError> {
    match (expression, negated) {
        (Expression::And(parts), false) | (Expression::Or(parts), true) => {
            parts.iter().try_fold(KindSet::all(), |set, part| Ok(set.intersection(kinds(part, negated)?)))
        }
        (Expression::And(parts), true) | (Expression::Or(parts), false) => {
            parts.iter().try_fold(KindSet::EMPTY, |set, part| Ok(set.union(kinds(part, negated)?)))
        }
        (Expression::Not(part), _) => kinds(part, !negated),
        (Expression::Macro(..), _) => Ok(KindSet::all()),
        (Expression::Expanded(name, body), _) => kinds(body, negated).map_err(|error| error.inside(name)),
        (Expression::Check(check), _) => leaf(check, negated),
    }
}

fn leaf(check: &Check, negated: bool) -> Result<KindSet, CompileError> {
    let field = match &check.left {
        Operand::Transformer(transformer) if mentions_event_type(transformer) => return Err(not_indexable(check)),
        Operand::Transformer(_) => return Ok(KindSet::all()),
        Operand::Field(field) if field.argument.is_some() => return Ok(KindSet::all()),
        Operand::Field(field) => &*field.name,
    };
    let (operator, right) = match &check.test {
        Test::Compare { operator, right, .. } => (*operator, right),
        Test::Exists => return Ok(KindSet::all()),
    };
    let indexable = matches!(operator, Operator::Equal | Operator::NotEqual | Operator::In);
    match (field, right) {
        ("evt.type", Right::Field(_) | Right::Transformer(_)) => Err(not_indexable(check)),
        ("evt.type" | "syscall.type", Right::Literal(_) | Right::List(_)) if indexable => {
            Ok(event_types(check, operator, right, negated))
        }
        ("evt.num", Right::Literal(_) | Right::List(_)) => Ok(constant(operator, right, negated)),
        _ => Ok(KindSet::all()),
    }
}

fn not_indexable(check: &Check) -> CompileError {
    CompileError::new(check.offset, "filter error: 'evt.type' cannot be compared through transformers or with fields")
}

fn mentions_event_type(transformer: &Transformer) -> bool {
    fn mentions(argument: &Argument) -> bool {
        match argument {
            Argument::Field(field) => field.name == "evt.type",
            Argument::Transformer(transformer) => mentions_event_type(transformer),
            Argument::List(items) => items.iter().any(mentions),
            Argument::Literal(_) => false,
        }
    }
    transformer.arguments.iter().any(mentions)
}

fn event_types(check: &Check, operator: Operator, right: &Right, negated: bool) -> KindSet {
    let named: KindSet = right.literals().iter().filter_map(|name| EventKind::from_name(&name.text())).collect();
    let several = matches!(check.test, Test::Compare { modifier: Some(_), .. });
    match (several, (operator == Operator::NotEqual) != negated) {
        (false, false) => named,
        (false, true) => named.complement(),
        // With a modifier the names bound the result from above only when the test is for equality.
        (true, false) if !negated => named,
        (true, _) => KindSet::all(),
    }
}

/// `evt.num` counts from 1, so that some comparisons hold for no event or for every one.
fn constant(operator: Operator, right: &Right, negated: bool) -> KindSet {
    let numbers: Option<Vec<u64>> = right.literals().iter().map(|literal| literal.text().parse().ok()).collect();
    let Some(numbers) = numbers else { return KindSet::all() };
    let always = match (operator, numbers.as_slice()) {
        (Operator::Equal | Operator::LessEqual, [0]) | (Operator::Less, [0 | 1]) => Some(false),
        (Operator::In, items) if items.iter().all(|number| *number == 0) => Some(false),
        (Operator::NotEqual | Operator::Greater | Operator::GreaterEqual, [0]) | (Operator::GreaterEqual, [1]) => {
            Some(true)
        }
        _ => None,
    };
    match always {
        Some(holds) if holds == negated => KindSet::EMPTY,
        _ => KindSet::all(),
    }
}
