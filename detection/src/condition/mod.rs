//! Conditions: text to syntax tree to an executable plan.

pub mod ast;
mod compare;
mod compile;
mod constant;
mod contradiction;
mod depth;
mod estimate;
mod foreign;
mod glob;
mod guard;
mod kinds;
mod lint;
mod needs;
mod parser;
mod plan;
mod posix;
mod prefix;
mod print;
mod probe;
mod program;
mod scanner;
mod specialise;
mod standalone;
mod transform;
mod widened;

use std::sync::Arc;

pub(crate) use compare::Pattern;
pub(crate) use compile::{compile, source_of};
pub(crate) use contradiction::{contradiction, requirements};
pub(crate) use depth::with_deep_stack;
pub(crate) use foreign::{foreign_hint, refuse_foreign_fields};
pub(crate) use guard::{Guard, Guards};
pub use kinds::required_kinds;
pub(crate) use lint::{SuspicionKind, dead_event_types, suspicions};
pub(crate) use needs::{Need, Needed, host_names, needs};
pub use parser::{is_identifier, parse, parse_operand, parse_operator};
pub(crate) use plan::{NodeId, Plan};
pub(crate) use program::{Link, Memo, Program};
pub(crate) use specialise::Compiler;
pub use standalone::Condition;
pub(crate) use transform::Source;
pub(crate) use widened::widened;

/// How deep the groups of a rule's condition may nest, with and without those of its macros: Falco's limit.
pub const DEPTH_MAX: usize = 1000;

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Byte offset of the place.
    pub offset: ast::Offset,
    /// What was expected.
    pub message: String,
}

/// Why a condition cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// Byte offset of the place, in the text of the macro when there is one.
    pub offset: ast::Offset,
    /// The macro in which the place is.
    pub macro_name: Option<Arc<str>>,
    /// What is wrong.
    pub message: String,
    /// What the user may have meant.
    pub hint: Option<String>,
}

impl From<ParseError> for CompileError {
    fn from(error: ParseError) -> Self {
        Self::new(error.offset, error.message)
    }
}

impl CompileError {
    fn new(offset: ast::Offset, message: impl Into<String>) -> Self {
        Self { offset, macro_name: None, message: message.into(), hint: None }
    }

    /// The same error, in the body of a macro; the innermost macro counts.
    fn inside(mut self, name: &Arc<str>) -> Self {
        self.macro_name.get_or_insert_with(|| name.clone());
        self
    }
}

#[cfg(test)]
mod tests;
