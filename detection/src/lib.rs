//! The pure rule engine: events and rules in, alerts out.
//!
//! Nothing here does IO, reads a clock or draws a random number; time zones, host names and rule texts are
//! arguments. That is what makes a replayed recording give the same alerts, always.

pub mod alert;
pub mod event;

pub use alert::{Alert, FieldValue, Fingerprint, Priority};
pub use event::Event;
