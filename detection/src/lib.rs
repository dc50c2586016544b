//! The pure rule engine: events and rules in, alerts out.
//!
//! Nothing here does IO, reads a clock or draws a random number; time zones, host names and rule texts are
//! arguments. That is what makes a replayed recording give the same alerts, always.

pub mod alert;
#[cfg(test)]
mod compatibility;
pub mod condition;
pub mod engine;
pub mod event;
pub mod example;
pub mod field;
pub mod filter;
pub mod matcher;
pub mod output;
pub mod rule;

pub use alert::{Alert, AlertParseError, FieldValue, Fingerprint, Priority};
pub use engine::{Engine, RuleCounter};
pub use event::{Event, EventKind, KindSet};
pub use example::FieldMap;
pub use matcher::Matcher;
pub use output::{OutputContext, TimeFormat};
pub use rule::{LoadOptions, LoadReport, Matching, Rule, RuleFile, RuleSet};
