//! Condition to text, in the canonical form that results and messages show.

use std::fmt::{Display, Formatter, Result};

use super::ast::{Argument, Check, Expression, FieldName, Literal, Operand, Right, Test, Transformer};

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::And(parts) => group(f, parts, " and "),
            Self::Or(parts) => group(f, parts, " or "),
            Self::Not(part) => write!(f, "not {part}"),
            Self::Macro(name, _) => f.write_str(name),
            Self::Expanded(_, body) => body.fmt(f),
            Self::Check(check) => check.fmt(f),
        }
    }
}

impl Display for Check {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.test {
            Test::Exists => write!(f, "{} exists", self.left),
            Test::Compare { operator, modifier, right } => {
                write!(f, "{} {}", self.left, operator.text())?;
                if let Some(modifier) = modifier {
                    write!(f, " {}", modifier.name())?;
                }
                write!(f, " {right}")
            }
        }
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Transformer(transformer) => transformer.fmt(f),
        }
    }
}

impl Display for FieldName {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&self.name)?;
        bracketed(f, self.argument.as_deref())
    }
}

impl Display for Transformer {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}(", self.function.name())?;
        separated(f, &self.arguments, ", ")?;
        f.write_str(")")?;
        bracketed(f, self.selector.as_deref())
    }
}

impl Display for Argument {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Transformer(transformer) => transformer.fmt(f),
            Self::Literal(literal) => write!(f, "\"{}\"", escape(&literal.text())),
            Self::List(items) => {
                f.write_str("(")?;
                separated(f, items, ", ")?;
                f.write_str(")")
            }
        }
    }
}

impl Display for Right {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Literal(literal) => literal.fmt(f),
            Self::List(items) => {
                f.write_str("(")?;
                separated(f, items, ", ")?;
                f.write_str(")")
            }
            Self::Field(field) => write!(f, "val({field})"),
            Self::Transformer(transformer) => transformer.fmt(f),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        quoted_if_needed(f, &self.text())
    }
}

fn group(f: &mut Formatter<'_>, parts: &[Expression], connective: &str) -> Result {
    f.write_str("(")?;
    separated(f, parts, connective)?;
    f.write_str(")")
}

fn separated(f: &mut Formatter<'_>, items: &[impl Display], separator: &str) -> Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

fn bracketed(f: &mut Formatter<'_>, argument: Option<&str>) -> Result {
    let Some(argument) = argument else { return Ok(()) };
    f.write_str("[")?;
    match argument.is_empty() {
        true => f.write_str("\"\"")?,
        false => quoted_if_needed(f, argument)?,
    }
    f.write_str("]")
}

fn quoted_if_needed(f: &mut Formatter<'_>, text: &str) -> Result {
    const QUOTED: [char; 10] = [' ', '=', '"', '\'', '\\', '\u{8}', '\u{c}', '\n', '\r', '\t'];
    match text.contains(QUOTED) || text.contains('\0') || text.is_empty() {
        true => write!(f, "\"{}\"", escape(text)),
        false => f.write_str(text),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}
