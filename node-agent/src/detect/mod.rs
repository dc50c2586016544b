//! Observations in, alerts out: enrichment and the rules behind one door, and the rule files they come from.

pub mod actor;
pub mod builtin;
mod detector;
mod held;
pub mod internal;
mod loss_policy;
mod losses;
mod reload;
mod reloader;
pub mod rules;
mod state;
mod watch;

pub use detector::{Detector, StageCounters};
pub use held::HeldCounts;
pub use loss_policy::{Allowance, LossAction, LossPolicy};
pub use losses::LostRecords;
pub use reload::one_line;
pub use reloader::Reloader;
pub use rules::{FileDigest, LoadedRules};
pub use state::RulesState;
