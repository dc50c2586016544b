//! Fields that the events of a rule's source do not have.

use super::CompileError;
use super::ast::{Argument, Check, Expression, FieldName, Operand, Right, Test, Transformer};
use crate::event::EventSource;
use crate::field::FieldRef;

/// Refuses a condition that asks for a field of another source: to Falco such a field does not exist.
pub(crate) fn refuse_foreign_fields(expression: &Expression, source: EventSource) -> Result<(), CompileError> {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => {
            parts.iter().try_for_each(|part| refuse_foreign_fields(part, source))
        }
        Expression::Not(part) => refuse_foreign_fields(part, source),
        Expression::Macro(..) => Ok(()),
        Expression::Expanded(name, body) => refuse_foreign_fields(body, source).map_err(|error| error.inside(name)),
        Expression::Check(check) => of_check(check, source),
    }
}

fn of_check(check: &Check, source: EventSource) -> Result<(), CompileError> {
    match &check.left {
        Operand::Field(name) => of_field(name, source)?,
        Operand::Transformer(transformer) => of_arguments(&transformer.arguments, source)?,
    }
    match &check.test {
        Test::Exists | Test::Compare { right: Right::Literal(_) | Right::List(_), .. } => Ok(()),
        Test::Compare { right: Right::Field(name), .. } => of_field(name, source),
        Test::Compare { right: Right::Transformer(Transformer { arguments, .. }), .. } => {
            of_arguments(arguments, source)
        }
    }
}

fn of_arguments(arguments: &[Argument], source: EventSource) -> Result<(), CompileError> {
    arguments.iter().try_for_each(|argument| match argument {
        Argument::Field(name) => of_field(name, source),
        Argument::Transformer(transformer) => of_arguments(&transformer.arguments, source),
        Argument::List(items) => of_arguments(items, source),
        Argument::Literal(_) => Ok(()),
    })
}

fn of_field(name: &FieldName, source: EventSource) -> Result<(), CompileError> {
    // A name that is wrong for every source is reported where conditions are compiled, with what may have been meant.
    let Ok(field) = FieldRef::find(&name.name, name.argument.as_deref()) else { return Ok(()) };
    match field.id.is_of(source) {
        true => Ok(()),
        false => Err(CompileError {
            hint: Some(foreign_hint(source)),
            ..CompileError::new(name.offset, format!("filter_check called with nonexistent field {}", name.name))
        }),
    }
}

/// What to do about a field of another source.
pub(crate) fn foreign_hint(source: EventSource) -> String {
    format!("events of the source '{}' have no such field; is the `source` of the rule right?", source.name())
}
