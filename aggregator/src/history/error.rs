//! What can go wrong with the history, by operation.

use std::path::PathBuf;

use super::Place;

/// A failed operation on the history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be opened or created.
    #[error("failed to open history {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// The file was written by a newer version.
    #[error(
        "failed to open history {}: format {found} is newer than this version understands ({known})",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        found: u64,
        /// Newest format that this version reads.
        known: u64,
    },
    /// The writer thread could not be started.
    #[error("failed to start history writer")]
    StartWriter {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Records could not be written.
    #[error("failed to write history")]
    Write {
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// Records could not be read.
    #[error("failed to read history")]
    Read {
        /// Why.
        #[source]
        source: Box<redb::Error>,
    },
    /// A record does not encode or decode.
    #[error("failed to decode history record {place}")]
    Row {
        /// The record.
        place: Place,
        /// Why.
        #[source]
        source: postcard::Error,
    },
    /// A series does not encode.
    #[error("failed to encode series")]
    Series {
        /// Why.
        #[source]
        source: postcard::Error,
    },
}

impl HistoryError {
    /// A failed write.
    pub(super) fn write(source: impl Into<redb::Error>) -> Self {
        Self::Write { source: Box::new(source.into()) }
    }

    /// A failed read.
    pub(super) fn read(source: impl Into<redb::Error>) -> Self {
        Self::Read { source: Box::new(source.into()) }
    }
}
