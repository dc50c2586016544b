//! Recordings: a file of observations with all that is needed to understand them on any machine.
//!
//! ```text
//! file   = magic (8 bytes) version (u16) frame*
//! frame  = length (u32) checksum (u32, CRC-32 of the payload) payload (postcard)
//! ```
//! Numbers are little-endian. The first frame is the snapshot of the machine. Answers of the machine stand before the
//! observation that comes after the one whose handling asked for them.

mod error;
mod frame;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use error::{Damage, RecordingError};
pub use reader::{Recording, RecordingSource};
pub use writer::Writer;

const MAGIC: [u8; 8] = *b"TIERCEL\n";

/// Version of the format. Readers refuse others: there is no released format to be compatible with yet.
const VERSION: u16 = 2;

const HEADER_BYTES: u64 = (MAGIC.len() + size_of::<u16>()) as u64;
