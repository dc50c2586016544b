//! What is wrong with a configuration: all of it at once, each with its place.

use std::fmt;
use std::path::PathBuf;

use serde_saphyr::Location;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line and column, when it is in the file.
    pub place: Option<(u64, u64)>,
    /// The key, such as `dedup.window`; empty when it concerns the file as a whole.
    pub key: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// Everything that is wrong with one configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults {
    /// The file.
    pub file: PathBuf,
    /// At least one.
    pub faults: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{}", self.file.display())?;
            if let Some((line, column)) = fault.place {
                write!(formatter, ":{line}:{column}")?;
            }
            if !fault.key.is_empty() {
                write!(formatter, ": {}", fault.key)?;
            }
            write!(formatter, ": {}", fault.message)?;
        }
        Ok(())
    }
}

/// Collects faults while a configuration is judged.
#[derive(Debug, Default)]
pub(super) struct Judge {
    pub(super) faults: Vec<Fault>,
    /// Places in the text are places in the file.
    pub(super) has_places: bool,
}

impl Judge {
    pub(super) fn fault(&mut self, at: Option<&Location>, key: impl Into<String>, message: impl Into<String>) {
        let place = at.filter(|_| self.has_places).map(|location| (location.line(), location.column()));
        self.faults.push(Fault { place, key: key.into(), message: message.into() });
    }
}
