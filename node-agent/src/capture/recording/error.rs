//! What can be wrong with a recording.

use std::io;
use std::path::PathBuf;

use super::VERSION;

/// A recording could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file could not be opened.
    #[error("failed to open recording {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file does not begin as a recording does.
    #[error("failed to read recording: it does not begin as a recording of tiercel-agent does")]
    NotARecording,
    /// Another version wrote it.
    #[error("failed to read recording: it has format version {found}, this agent reads version {VERSION}")]
    Version {
        /// The version that it has.
        found: u16,
    },
    /// A frame is cut or its bytes changed.
    #[error("failed to read recording: it is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Where the frame begins.
        offset: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Reading failed.
    #[error("failed to read recording")]
    Read(#[source] io::Error),
    /// Writing failed.
    #[error("failed to write recording")]
    Write(#[source] io::Error),
    /// A value does not fit into a frame.
    #[error("failed to write recording: a frame cannot be encoded")]
    Encode(#[source] postcard::Error),
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file ends inside it.
    #[error("the file ends inside a frame")]
    Cut,
    /// It says that it is longer than frames can be.
    #[error("a frame has an impossible length")]
    Length,
    /// Its bytes are not those that were written.
    #[error("a checksum is wrong")]
    Checksum,
    /// Its bytes are whole but mean nothing.
    #[error("a frame has no meaning")]
    Meaning,
    /// The snapshot is missing, or there is more than one.
    #[error("the snapshot is not where it should be")]
    Order,
}
