//! Notifications go out, from the leader only: claim through the log, send, record the outcome in the log.
//!
//! Each receiver has a courier of its own, so a bad receiver never delays another.

mod breaker;
mod courier;
mod orphans;
mod overseer;

pub use overseer::{Dispatch, start};
