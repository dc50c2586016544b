//! Printing, and ending quietly when nobody reads on.

use std::io::{self, Write};

use serde_json::Value;

use crate::cli::Format;

/// Standard output in the chosen format.
#[derive(Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        Self { format }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints a line at once: whoever follows alerts wants them now.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{text}")?;
        stdout.flush()
    }

    /// Prints a document on one line.
    pub(crate) fn json(&mut self, document: &Value) -> io::Result<()> {
        self.line(&document.to_string())
    }
}

/// Prints a line for people, beside the results.
pub(crate) fn complain(text: &str) {
    // There is nowhere to report that standard error is gone.
    drop(writeln!(io::stderr(), "{text}"));
}

/// Tells whether the reader of our output has gone, as `head` does.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe))
}

/// Makes control characters visible: alerts carry text that attackers chose, and terminals obey escape sequences.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_bidirectional_control(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// A value of the API as a cell of a table.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => visible(text),
        Value::Null => "-".to_owned(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => visible(&other.to_string()),
    }
}

/// Characters that reorder the text around them (Unicode Standard Annex 9).
fn is_bidirectional_control(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\nc\u{202e}d é"), "a\\u{1b}[2Jb\\nc\\u{202e}d é");
    }
}
