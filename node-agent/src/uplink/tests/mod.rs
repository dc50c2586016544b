//! The uplink's decisions by script, and the whole of it against an aggregator that misbehaves.

mod decisions;
mod delivery;
mod fake_aggregator;
