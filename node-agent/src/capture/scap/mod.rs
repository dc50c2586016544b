//! Captures: files of the .scap format, as sysdig and Falco write them. Blocks in, metadata and present-day events out.
//!
//! The file may have been truncated or damaged, and may come from anybody: every length is checked before it is used,
//! and every mistake is an error that names the offset.

mod block;
mod conversion;
mod converter;
mod cursor;
mod descriptor;
mod error;
mod event;
mod host;
mod process;
mod reader;
pub mod tables;
#[cfg(test)]
mod tests;

pub use descriptor::{DescriptorEntry, DescriptorTarget, L4};
pub use error::ScapError;
pub use event::CapturedEvent;
pub use host::{GroupEntry, Interface, MachineEntry, UserEntry};
pub use process::ProcessEntry;
pub use reader::{Metadata, Reader};
