//! Appends each notification as one JSON line to a file, on disk before it counts as delivered.

mod config;
mod send;
#[cfg(test)]
mod tests;

pub use config::RawConfig;
pub(super) use send::FileNotifier;
