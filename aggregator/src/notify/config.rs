//! Receivers as written in the configuration.

use std::path::PathBuf;

use serde::Deserialize;

use super::Notifier;
use super::file::{self, FileNotifier};
use super::stdout::{self, StdoutNotifier};
use super::webhook::{self, WebhookNotifier};

/// One entry of `receivers`: a name and exactly one kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawReceiver {
    /// The name by which routes choose it.
    pub name: String,
    /// Prints JSON lines on standard output.
    pub stdout: Option<stdout::RawConfig>,
    /// Appends JSON lines to a file.
    pub file: Option<file::RawConfig>,
    /// Posts JSON to a URL.
    pub webhook: Option<webhook::RawConfig>,
}

/// Why a receiver cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// No kind, or more than one.
    #[error("receiver `{receiver}` has {found} kinds: give it exactly one of stdout, file, webhook")]
    Kinds {
        /// Its name.
        receiver: String,
        /// How many it has.
        found: usize,
    },
    /// The name is empty.
    #[error("a receiver has no name")]
    NoName,
    /// The name is taken.
    #[error("receiver `{receiver}` is defined twice")]
    Twice {
        /// The name.
        receiver: String,
    },
    /// A value is not usable.
    #[error("receiver `{receiver}`: {key}: {reason}")]
    Value {
        /// Its name.
        receiver: String,
        /// The key.
        key: &'static str,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A file is not usable.
    #[error("receiver `{receiver}`: {key}: failed to open {}: {source}", path.display())]
    File {
        /// Its name.
        receiver: String,
        /// The key.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl RawReceiver {
    /// Builds the receiver.
    pub fn build(&self) -> Result<Box<dyn Notifier>, ReceiverError> {
        if self.name.is_empty() {
            return Err(ReceiverError::NoName);
        }
        match (&self.stdout, &self.file, &self.webhook) {
            (Some(_), None, None) => Ok(Box::new(StdoutNotifier::new())),
            (None, Some(config), None) => Ok(Box::new(FileNotifier::build(&self.name, config)?)),
            (None, None, Some(config)) => Ok(Box::new(WebhookNotifier::build(&self.name, config)?)),
            (stdout, file, webhook) => {
                let found =
                    [stdout.is_some(), file.is_some(), webhook.is_some()].into_iter().filter(|some| *some).count();
                Err(ReceiverError::Kinds { receiver: self.name.clone(), found })
            }
        }
    }
}
