//! Prints each notification as one JSON line on standard output.

mod config;
mod send;
#[cfg(test)]
mod tests;

pub use config::RawConfig;
pub(super) use send::StdoutNotifier;
