//! Tiercel from the outside: load, faults and end-to-end tests. Nothing here is deployed.

pub mod harness;
pub mod sink;
pub mod storm;
