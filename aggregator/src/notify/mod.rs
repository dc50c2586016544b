//! The receivers: each renders a notification, posts it once, and says whether a failure is worth repeating.
//!
//! Routing, deduplication, limits and retries are decided before and after, never here. Every receiver is a folder of
//! the same shape: `config` (as written), `message` (what it says), `send` (the one attempt), `tests`.

mod config;
mod document;
pub mod file;
mod receivers;
pub mod stdout;
#[cfg(test)]
mod testing;
pub mod webhook;

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

pub use config::{RawReceiver, ReceiverError};
pub(crate) use document::{fingerprint_text, rfc3339};
pub use receivers::{AttemptFigures, LATENCY_BUCKETS_SECONDS, MeasuredNotifier, Receivers, build};

use crate::triage::Notification;

/// Delivers notifications to one receiver.
pub trait Notifier: fmt::Debug + Send + Sync {
    /// The kind of receiver, for metrics and people.
    fn kind(&self) -> &'static str;

    /// Where it delivers to, for people; without secrets.
    fn target(&self) -> String;

    /// The longest time that one attempt may take.
    fn timeout(&self) -> Duration;

    /// Delivers one notification once and says whether a failure is worth repeating.
    fn deliver<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), DeliveryError>>;
}

/// Why a notification did not arrive, or may not have.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Another attempt may succeed.
    #[error("{source:#}")]
    Retryable {
        /// The receiver asked to be left alone for that long.
        after: Option<Duration>,
        /// Nobody knows whether the receiver has it: the next attempt is marked as a possible repeat.
        may_have_arrived: bool,
        /// What went wrong.
        source: anyhow::Error,
    },
    /// No other attempt will succeed.
    #[error("{source:#}")]
    Final {
        /// What went wrong.
        source: anyhow::Error,
    },
}

impl DeliveryError {
    /// A failure that another attempt may overcome, at any time.
    pub(crate) fn retryable(may_have_arrived: bool, source: impl Into<anyhow::Error>) -> Self {
        Self::Retryable { after: None, may_have_arrived, source: source.into() }
    }

    /// A failure that every attempt will meet.
    pub(crate) fn permanent(source: impl Into<anyhow::Error>) -> Self {
        Self::Final { source: source.into() }
    }
}
