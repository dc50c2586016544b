//! What can be wrong with a capture.

use std::path::PathBuf;

/// A capture cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum ScapError {
    /// The file cannot be opened.
    #[error("failed to open capture {path}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file ends early, or its compression is damaged.
    #[error("failed to read capture at offset {offset} of its unpacked content")]
    Read {
        /// Where, counted after unpacking.
        offset: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The content is not what the format says.
    #[error("failed to read capture at offset {offset}: {what}")]
    Malformed {
        /// Where, counted after unpacking.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
}
