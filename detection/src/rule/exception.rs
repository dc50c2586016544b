//! Exceptions: what a rule must not fire for.

use super::decode::{Mistake, optional, required, sequence_of, text_of, texts_of};
use super::list::quote;
use super::report::Code;
use super::source::{File, Scalar, SourceText};
use super::yaml::{Node, NodeValue};
use crate::condition::ast::Operand;
use crate::condition::{parse_operand, parse_operator};
use crate::field::FieldRef;
use std::sync::Arc;

/// Keys of an exception.
const KEYS: [&str; 4] = ["name", "fields", "comps", "values"];

/// An exception of a rule.
#[derive(Debug, Clone)]
pub(super) struct Exception {
    pub(super) name: String,
    scalar: Scalar,
    shape: Shape,
    values: Vec<Vec<Member>>,
}

/// What the values are compared with.
#[derive(Debug, Clone)]
enum Shape {
    /// Each value is a tuple, a member for each field.
    Tuple(Vec<(String, String)>),
    /// All values together are one list for one field.
    Single(String, String),
}

/// A member of a tuple.
#[derive(Debug, Clone)]
enum Member {
    Scalar(String),
    List(Vec<String>),
}

/// Decodes a complete exception.
pub(super) fn decode(file: &Arc<File>, node: &Node) -> Result<Exception, Mistake> {
    let name = required(node, "name")?;
    let fields = required(node, "fields")?;
    let comparisons = optional(node, "comps");
    let shape = match &fields.value {
        NodeValue::Sequence(_) => tuple(fields, comparisons)?,
        NodeValue::Null | NodeValue::Scalar(_) | NodeValue::Mapping(_) => single(fields, comparisons)?,
    };
    let mut exception =
        Exception { name: text_of(name)?.to_owned(), scalar: Scalar::new(file, name), shape, values: Vec::new() };
    exception.add_values(node)?;
    Ok(exception)
}

/// Adds the values of `node` to an exception that has its name. Returns a warning when there are none.
pub(super) fn append(exception: &mut Exception, node: &Node) -> Result<Option<Mistake>, Mistake> {
    if node.get("fields").is_some() || node.get("comps").is_some() {
        let message = "Can not append exception fields/comps to existing exception, only values";
        return Err(Mistake::new(Code::Validate, node, message));
    }
    if optional(node, "values").is_none() {
        return Ok(Some(Mistake::new(Code::AppendNoValues, node, "Overriding/appending exception with no values")));
    }
    exception.add_values(node)?;
    Ok(None)
}

/// Warnings about keys that mean nothing in an exception.
pub(super) fn unknown_keys(node: &Node) -> Vec<Mistake> {
    super::decode::unknown_keys(node, &KEYS)
}

impl Exception {
    pub(super) fn has_values(&self) -> bool {
        !self.values.is_empty()
    }

    fn add_values(&mut self, node: &Node) -> Result<(), Mistake> {
        let Some(values) = optional(node, "values") else { return Ok(()) };
        match &self.shape {
            Shape::Single(..) => {
                let items = texts_of(values)?;
                self.values.extend(items.into_iter().map(|item| vec![Member::Scalar(item)]));
            }
            Shape::Tuple(fields) => {
                for value in sequence_of(values)? {
                    let members = sequence_of(value)?;
                    if members.len() != fields.len() {
                        let message = "Fields and values lists must have equal length";
                        return Err(Mistake::new(Code::Validate, value, message));
                    }
                    let members = members.iter().map(member).collect::<Result<_, _>>()?;
                    self.values.push(members);
                }
            }
        }
        Ok(())
    }

    /// Its fields, each with its operator.
    pub(super) fn tests(&self) -> Vec<(String, String)> {
        match &self.shape {
            Shape::Single(field, comparison) => vec![(field.clone(), comparison.clone())],
            Shape::Tuple(fields) => fields.clone(),
        }
    }

    /// Each value as a condition of its own.
    pub(super) fn alternatives(&self) -> Vec<SourceText> {
        let texts = self.values.iter().map(|members| match &self.shape {
            Shape::Single(field, comparison) => {
                let items: Vec<String> = members.iter().map(|member| member.text(false)).collect();
                format!("({field} {comparison} ({}))", items.join(", "))
            }
            Shape::Tuple(fields) => tuple_text(fields, members),
        });
        let source = |text: String| {
            let mut source = SourceText::default();
            source.push(&text, &self.scalar);
            source
        };
        texts.map(source).collect()
    }

    /// Adds ` and not (...)` to the condition of the rule.
    pub(super) fn fold_into(&self, condition: &mut SourceText) {
        let test = match &self.shape {
            Shape::Single(field, comparison) => {
                let items: Vec<String> = self.values.iter().flatten().map(|member| member.text(false)).collect();
                format!("({field} {comparison} ({}))", items.join(", "))
            }
            Shape::Tuple(fields) => {
                let tuples: Vec<String> = self.values.iter().map(|members| tuple_text(fields, members)).collect();
                format!("({})", tuples.join(" or "))
            }
        };
        condition.push(&format!(" and not {test}"), &self.scalar);
    }
}

fn tuple_text(fields: &[(String, String)], members: &[Member]) -> String {
    let tests = fields.iter().zip(members).map(|((field, comparison), member)| {
        let wants_list =
            parse_operator(comparison).is_some_and(|(operator, modifier)| operator.takes_list() || modifier.is_some());
        format!("{field} {comparison} {}", member.text(wants_list))
    });
    format!("({})", tests.collect::<Vec<_>>().join(" and "))
}

impl Member {
    fn text(&self, wants_list: bool) -> String {
        match self {
            Self::List(items) => format!("({})", items.iter().map(|item| quote(item)).collect::<Vec<_>>().join(", ")),
            Self::Scalar(text) if wants_list && text.starts_with('(') => text.clone(),
            Self::Scalar(text) if wants_list => format!("({})", quote(text)),
            Self::Scalar(text) => quote(text),
        }
    }
}

fn member(node: &Node) -> Result<Member, Mistake> {
    match node.sequence() {
        Some(_) => texts_of(node).map(Member::List),
        None => super::decode::scalar_of(node).map(|text| Member::Scalar(text.to_owned())),
    }
}

fn tuple(fields: &Node, comparisons: Option<&Node>) -> Result<Shape, Mistake> {
    let names = texts_of(fields)?;
    let comparisons_texts = match comparisons {
        Some(node) => texts_of(node)?,
        None => vec!["=".to_owned(); names.len()],
    };
    if names.len() != comparisons_texts.len() {
        let message = "Fields and comps lists must have equal length";
        return Err(Mistake::new(Code::Validate, comparisons.unwrap_or(fields), message));
    }
    let mut pairs = Vec::new();
    for (name, comparison) in names.iter().zip(&comparisons_texts) {
        let name = field_name(fields, name)?;
        let comparison = comparison.trim();
        if parse_operator(comparison).is_none() {
            let message = format!("'{comparison}' is not a supported comparison operator");
            return Err(Mistake::new(Code::Validate, comparisons.unwrap_or(fields), message));
        }
        pairs.push((name, comparison.to_owned()));
    }
    Ok(Shape::Tuple(pairs))
}

fn single(field: &Node, comparison: Option<&Node>) -> Result<Shape, Mistake> {
    let name = field_name(field, text_of(field)?)?;
    let Some(node) = comparison else { return Ok(Shape::Single(name, "in".to_owned())) };
    let text = text_of(node)?;
    let lists = parse_operator(text).is_some_and(|(operator, modifier)| operator.takes_list() || modifier.is_some());
    match lists {
        true => Ok(Shape::Single(name, text.to_owned())),
        false => {
            let message = "When fields is a single value, comps must be one of (in, pmatch, intersects), or a string operator with a modifier";
            Err(Mistake::new(Code::Validate, node, message))
        }
    }
}

/// Checks the name of a field, with or without transformers around it.
fn field_name(node: &Node, text: &str) -> Result<String, Mistake> {
    let text = text.trim();
    let known = match parse_operand(text) {
        Some((Operand::Field(field), length)) => {
            length == text.len() && FieldRef::find(&field.name, field.argument.as_deref()).is_ok()
        }
        Some((Operand::Transformer(transformer), length)) => {
            length == text.len() && crate::condition::source_of(&Operand::Transformer(transformer)).is_ok()
        }
        None => false,
    };
    match known {
        true => Ok(text.to_owned()),
        false => Err(Mistake {
            hint: crate::field::closest(text).map(|name| format!("did you mean '{name}'?")),
            ..Mistake::new(Code::Validate, node, format!("'{text}' is not a supported filter field"))
        }),
    }
}
