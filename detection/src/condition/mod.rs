//! Conditions: text to syntax tree to an executable plan.

pub mod ast;
mod parser;
mod print;
mod scanner;

pub use parser::{is_identifier, parse, parse_operand, parse_operator};

/// How deep the parts of a condition may nest. Falco allows 1000; parser, compiler and evaluation recurse, and this
/// keeps them within the 2 MiB stack that threads have by default. Real conditions nest less than 20 deep.
pub const DEPTH_MAX: usize = 250;

/// Why a text is not a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// Byte offset of the place.
    pub offset: ast::Offset,
    /// What was expected.
    pub message: String,
}

#[cfg(test)]
mod tests;
