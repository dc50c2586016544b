//! The configuration of a `file` receiver.

use std::path::PathBuf;

use serde::Deserialize;

use super::super::ReceiverError;
use super::send::{FileNotifier, open};

/// `file: {path: /var/log/tiercel/alerts.jsonl}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// The file; made with mode 0600 if it is not there. It may be moved away at any time.
    pub path: PathBuf,
}

impl FileNotifier {
    /// Builds the receiver; fails when the file cannot be opened for appending.
    pub(in super::super) fn build(receiver: &str, config: &RawConfig) -> Result<Self, ReceiverError> {
        open(&config.path).map_err(|source| ReceiverError::File {
            receiver: receiver.to_owned(),
            key: "file.path",
            path: config.path.clone(),
            source,
        })?;
        Ok(Self::new(config.path.clone()))
    }
}
