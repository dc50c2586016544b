//! Conditions that are legal but look like a mistake.

use super::ast::{Argument, Check, Expression, Literal, Operand, Operator, Right, Test, Transformer};
use super::contradiction::matches_no_event_type;
use crate::field::{FieldFlags, FieldRef};

/// Something in a condition that looks like a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suspicion {
    /// Byte offset of the place.
    pub(crate) offset: usize,
    /// What is suspicious.
    pub(crate) message: String,
    /// What kind of mistake it looks like.
    pub(crate) kind: SuspicionKind,
}

/// The kinds of suspicions, which are reported under different codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuspicionKind {
    /// A deprecated field.
    DeprecatedField,
    /// A comparison with `<NA>`, which a field without value does not equal.
    UnsafeMissing,
    /// Anything else.
    Other,
}

/// Looks for mistakes in the parts of a condition that are written in its own text, not in those of its macros.
pub(crate) fn suspicions(expression: &Expression) -> Vec<Suspicion> {
    let mut found = Vec::new();
    expression_suspicions(expression, &mut found);
    found
}

fn expression_suspicions(expression: &Expression, found: &mut Vec<Suspicion>) {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().for_each(|part| expression_suspicions(part, found))
        }
        Expression::Not(part) => expression_suspicions(part, found),
        Expression::Macro(..) | Expression::Expanded(..) => {}
        Expression::Check(check) => check_suspicions(check, found),
    }
}

fn check_suspicions(check: &Check, found: &mut Vec<Suspicion>) {
    match &check.left {
        Operand::Field(field) => deprecated(&field.name, field.offset, found),
        Operand::Transformer(transformer) => deprecated_arguments(transformer, found),
    }
    let Test::Compare { operator, right, .. } = &check.test else { return };
    if let Some(name) = compares_with_missing(&check.left, *operator, right) {
        found.push(Suspicion {
            offset: check.offset,
            message: format!(
                "comparing the field '{name}' with <NA> is unsafe: it has no value where it is missing; use 'exists'"
            ),
            kind: SuspicionKind::UnsafeMissing,
        });
    }
    match right {
        Right::Literal(literal) => literal_suspicions(*operator, literal, found),
        Right::List(items) => items.iter().for_each(|item| literal_suspicions(*operator, item, found)),
        Right::Field(field) => deprecated(&field.name, field.offset, found),
        Right::Transformer(transformer) => deprecated_arguments(transformer, found),
    }
}

/// The field of a document that is compared with `<NA>`. In the releases before plugins a missing field had that text.
fn compares_with_missing<'a>(left: &'a Operand, operator: Operator, right: &Right) -> Option<&'a str> {
    let equality = matches!(
        operator,
        Operator::Equal | Operator::NotEqual | Operator::In | Operator::Intersects | Operator::PathMatch
    );
    let is_missing = |literal: &Literal| literal.text() == "<NA>";
    let compares = match right {
        Right::Literal(literal) => is_missing(literal),
        Right::List(items) => items.iter().any(is_missing),
        Right::Field(_) | Right::Transformer(_) => false,
    };
    let name = match left {
        Operand::Field(field) => Some(&*field.name).filter(|name| is_of_document(name)),
        Operand::Transformer(transformer) => document_field(&transformer.arguments),
    };
    name.filter(|_| equality && compares)
}

fn document_field(arguments: &[Argument]) -> Option<&str> {
    arguments.iter().find_map(|argument| match argument {
        Argument::Field(field) => Some(&*field.name).filter(|name| is_of_document(name)),
        Argument::Transformer(transformer) => document_field(&transformer.arguments),
        Argument::List(items) => document_field(items),
        Argument::Literal(_) => None,
    })
}

fn is_of_document(name: &str) -> bool {
    name.starts_with("ka.") || name.starts_with("jevt.")
}

/// Tests of the event type, in the condition's own text, that no type of events satisfies.
pub(crate) fn dead_event_types(expression: &Expression) -> Vec<&Check> {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().flat_map(dead_event_types).collect(),
        Expression::Not(part) => dead_event_types(part),
        Expression::Macro(..) | Expression::Expanded(..) => Vec::new(),
        Expression::Check(check) => Some(&**check).filter(|check| matches_no_event_type(check)).into_iter().collect(),
    }
}

fn deprecated_arguments(transformer: &Transformer, found: &mut Vec<Suspicion>) {
    for argument in &transformer.arguments {
        match argument {
            Argument::Field(field) => deprecated(&field.name, field.offset, found),
            Argument::Transformer(inner) => deprecated_arguments(inner, found),
            Argument::Literal(_) | Argument::List(_) => {}
        }
    }
}

fn deprecated(name: &str, offset: usize, found: &mut Vec<Suspicion>) {
    let Ok(field) = FieldRef::find(name, None) else { return };
    let field = field.field();
    if field.flags.has(FieldFlags::DEPRECATED) {
        let message = format!("usage of deprecated field '{}' has been detected in the rule condition", field.name);
        found.push(Suspicion { offset, message, kind: SuspicionKind::DeprecatedField });
    }
}

fn literal_suspicions(operator: Operator, literal: &Literal, found: &mut Vec<Suspicion>) {
    let text = literal.text();
    let mut warn = |message| found.push(Suspicion { offset: literal.offset, message, kind: SuspicionKind::Other });
    if FieldRef::parse(text.trim()).is_ok() {
        warn(format!(
            "'{text}' may be a valid field misused as a const string value; a field on the right side is written val({})",
            text.trim()
        ));
    } else if is_transformed_field(&text) {
        warn(format!("'{text}' may be a valid field transformer misused as a const string value"));
    }
    if operator == Operator::Regex
        && let Some(better) = simpler_than_regex(&text)
    {
        warn(format!("regex '{text}' has no pattern that needs it, '{better}' does the same faster"));
    }
}

/// Whether the text is a transformer applied to a field, with blanks wherever they may stand.
fn is_transformed_field(text: &str) -> bool {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    match super::parse_operand(&compact) {
        Some((Operand::Transformer(transformer), length)) => {
            length == compact.len()
                && transformer.arguments.iter().any(|argument| match argument {
                    Argument::Field(field) => FieldRef::find(&field.name, field.argument.as_deref()).is_ok(),
                    Argument::Transformer(_) | Argument::Literal(_) | Argument::List(_) => false,
                })
        }
        Some((Operand::Field(_), _)) | None => false,
    }
}

/// The operator that a regular expression without inner patterns stands for.
fn simpler_than_regex(pattern: &str) -> Option<&'static str> {
    const LEADING: [&str; 4] = [".*", ".+", ".?", "^"];
    const TRAILING: [&str; 4] = [".*", ".+", ".?", "$"];
    let start = LEADING.iter().find_map(|open| pattern.strip_prefix(open));
    let rest = start.unwrap_or(pattern);
    let end = TRAILING.iter().find_map(|close| rest.strip_suffix(close));
    let inner = end.unwrap_or(rest);
    let open_start = start.is_some() && !pattern.starts_with('^');
    let open_end = end.is_some() && !pattern.ends_with('$');
    let literal = !inner.contains(['\\', '.', '+', '*', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$']);
    literal.then_some(match (open_start, open_end) {
        (false, false) => "=",
        (false, true) => "startswith",
        (true, false) => "endswith",
        (true, true) => "contains",
    })
}
