//! Observations in, alerts out: enrichment and the rules behind one door, and the rule files they come from.

pub mod actor;
pub mod builtin;
mod detector;
mod internal;
mod losses;
pub mod reload;
pub mod rules;
mod state;
mod watch;

pub use detector::{Detector, StageCounters};
pub use losses::LostRecords;
pub use rules::{FileDigest, LoadedRules};
pub use state::RulesState;
pub use watch::RuleWatch;
