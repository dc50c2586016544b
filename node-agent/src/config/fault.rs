//! What is wrong with a configuration: every fault with its place, shown together.

use std::fmt;

use super::document::Place;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands; `None` for something that is missing.
    pub place: Option<Place>,
    /// The key, dotted from the root; empty for a fault of the whole file.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
    /// What might have been meant.
    pub hint: Option<String>,
}

/// All mistakes of one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// Name of the file as the user gave it.
    pub file: String,
    /// Its text, for the snippets.
    pub text: String,
    /// The mistakes, in the order of the file.
    pub faults: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            self.show(f, fault)?;
        }
        let count = self.faults.len();
        write!(f, "{}: {count} {}", self.file, if count == 1 { "fault" } else { "faults" })
    }
}

impl Faults {
    fn show(&self, f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
        match &fault.place {
            Some(Place::File { line, column }) => write!(f, "{}:{line}:{column}: ", self.file)?,
            Some(Place::Environment(name)) => write!(f, "environment variable {name}: ")?,
            None => write!(f, "{}: ", self.file)?,
        }
        if !fault.key.is_empty() {
            write!(f, "{}: ", fault.key)?;
        }
        f.write_str(&fault.message)?;
        if let Some(hint) = &fault.hint {
            write!(f, " ({hint})")?;
        }
        writeln!(f)?;
        if let Some(Place::File { line, column }) = fault.place {
            self.show_snippet(f, line, column)?;
        }
        Ok(())
    }

    fn show_snippet(&self, f: &mut fmt::Formatter<'_>, line: u64, column: u64) -> fmt::Result {
        let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(text) = self.text.lines().nth(index) else { return Ok(()) };
        let indent = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
        writeln!(f, "{line:>5} | {text}\n      | {:indent$}^", "")
    }
}
