//! The log on disk: one file, one writer thread, one fsync for all that waits.

mod error;
mod reader;
mod store;
mod tables;
mod tail;
mod writer;

pub use error::LogError;
pub(super) use store::LogStore;
