//! What can go wrong with the log, by operation.

use std::path::PathBuf;

/// A failed operation on the log. None of them is coped with: a log that cannot be trusted must not vote.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file could not be opened or created.
    #[error("failed to open log {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// The data folder belongs to another node.
    #[error("failed to open log {}: it is that of node {found}, the configuration says node {expected}", path.display())]
    OtherNode {
        /// The file.
        path: PathBuf,
        /// The node that wrote it.
        found: u64,
        /// The node that we are.
        expected: u64,
    },
    /// The file was written by a version with another encoding of entries.
    #[error("failed to open log {}: it has format {found}, this version reads {known}", path.display())]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        found: u64,
        /// The format that this version reads.
        known: u64,
    },
    /// Entries are missing in the middle.
    #[error("failed to open log {}: entry {missing} is missing between its neighbours", path.display())]
    Hole {
        /// The file.
        path: PathBuf,
        /// The first one missing.
        missing: u64,
    },
    /// The writer thread could not be started.
    #[error("failed to start log writer")]
    StartWriter {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something could not be made durable.
    #[error("failed to write log")]
    Write {
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// Entries could not be read.
    #[error("failed to read log")]
    Read {
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// An entry could not be turned into bytes.
    #[error("failed to encode log entry {index}")]
    Encode {
        /// The entry.
        index: u64,
        /// Why.
        #[source]
        source: postcard::Error,
    },
    /// Bytes in the file are not what should stand there.
    #[error("failed to decode {what}")]
    Decode {
        /// What should stand there.
        what: String,
        /// Why.
        #[source]
        source: postcard::Error,
    },
    /// An earlier write failed: whether its bytes are on the disk nobody knows, so nothing more is written.
    #[error("log writer has stopped after a failed write")]
    Stopped,
}

impl LogError {
    pub(super) fn write(error: impl Into<redb::Error>) -> Self {
        Self::Write { source: Box::new(error.into()) }
    }

    pub(super) fn read(error: impl Into<redb::Error>) -> Self {
        Self::Read { source: Box::new(error.into()) }
    }

    pub(super) fn decode(what: impl Into<String>) -> impl FnOnce(postcard::Error) -> Self {
        let what = what.into();
        move |source| Self::Decode { what, source }
    }
}
