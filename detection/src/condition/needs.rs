//! What a condition asks for by name: fields, and the kinds of events that it hopes for.

use std::sync::Arc;

use super::ast::{Argument, Check, Expression, FieldName, Operand, Operator, Right, Test, Transformer};
use crate::event::EventKind;
use crate::field::{FieldId, FieldRef};

/// Something that a condition names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// Byte offset of the name.
    pub(crate) offset: usize,
    /// The macro in whose text it stands; `None` for the text of the condition itself.
    pub(crate) macro_name: Option<Arc<str>>,
    /// What is named.
    pub(crate) what: Needed,
}

/// What can be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needed {
    Field(FieldId),
    Kind(EventKind),
}

/// Everything that a condition names, in the order in which it stands there. A kind of events counts only where the
/// condition hopes for it, not where it is ruled out.
pub(crate) fn needs(expression: &Expression) -> Vec<Need> {
    let mut walk = Walk { macro_name: None, found: Vec::new() };
    walk.expression(expression, false);
    walk.found
}

/// The host names that a condition compares with names of addresses.
pub(crate) fn host_names(expression: &Expression) -> Vec<String> {
    match expression {
        Expression::And(parts) | Expression::Or(parts) => parts.iter().flat_map(host_names).collect(),
        Expression::Not(part) => host_names(part),
        Expression::Expanded(_, body) => host_names(body),
        Expression::Macro(..) => Vec::new(),
        Expression::Check(check) => match (&check.left, &check.test) {
            (Operand::Field(field), Test::Compare { right, .. }) if names_a_host(field) => {
                let names = right.literals().iter().map(|literal| literal.text().into_owned());
                names.filter(|name| !name.is_empty()).collect()
            }
            (Operand::Field(_) | Operand::Transformer(_), Test::Compare { .. } | Test::Exists) => Vec::new(),
        },
    }
}

fn names_a_host(field: &FieldName) -> bool {
    FieldRef::find(&field.name, field.argument.as_deref()).is_ok_and(|found| found.id.is_host_name())
}

struct Walk {
    macro_name: Option<Arc<str>>,
    found: Vec<Need>,
}

impl Walk {
    fn expression(&mut self, expression: &Expression, negated: bool) {
        match expression {
            Expression::And(parts) | Expression::Or(parts) => {
                parts.iter().for_each(|part| self.expression(part, negated));
            }
            Expression::Not(part) => self.expression(part, !negated),
            Expression::Macro(..) => {}
            Expression::Expanded(name, body) => {
                let outer = self.macro_name.replace(name.clone());
                self.expression(body, negated);
                self.macro_name = outer;
            }
            Expression::Check(check) => self.check(check, negated),
        }
    }

    fn check(&mut self, check: &Check, negated: bool) {
        match &check.left {
            Operand::Field(field) => self.field(field),
            Operand::Transformer(transformer) => self.transformer(transformer),
        }
        let Test::Compare { operator, right, .. } = &check.test else { return };
        match right {
            Right::Field(field) => self.field(field),
            Right::Transformer(transformer) => self.transformer(transformer),
            Right::Literal(_) | Right::List(_) => {}
        }
        let types = matches!(&check.left, Operand::Field(it) if matches!(&*it.name, "evt.type" | "syscall.type"));
        if types && matches!(operator, Operator::Equal | Operator::In) && !negated {
            for literal in right.literals() {
                if let Some(kind) = EventKind::from_name(&literal.text()) {
                    self.add(literal.offset, Needed::Kind(kind));
                }
            }
        }
    }

    fn transformer(&mut self, transformer: &Transformer) {
        transformer.arguments.iter().for_each(|argument| self.argument(argument));
    }

    fn argument(&mut self, argument: &Argument) {
        match argument {
            Argument::Field(field) => self.field(field),
            Argument::Transformer(inner) => self.transformer(inner),
            Argument::List(items) => items.iter().for_each(|item| self.argument(item)),
            Argument::Literal(_) => {}
        }
    }

    fn field(&mut self, field: &FieldName) {
        if let Ok(found) = FieldRef::find(&field.name, field.argument.as_deref()) {
            self.add(field.offset, Needed::Field(found.id));
        }
    }

    fn add(&mut self, offset: usize, what: Needed) {
        self.found.push(Need { offset, macro_name: self.macro_name.clone(), what });
    }
}
