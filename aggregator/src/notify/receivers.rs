//! The receivers of a configuration by name, each counting its attempts.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use super::{DeliveryError, Notifier, RawReceiver, ReceiverError};
use crate::triage::Notification;

/// Upper bounds of the latency histogram: a healthy chat service answers within a second, and no attempt may take
/// longer than a minute.
pub const LATENCY_BUCKETS_SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 10.0, 60.0];

/// The receivers by name.
#[derive(Debug, Default)]
pub struct Receivers {
    by_name: BTreeMap<String, MeasuredNotifier>,
}

/// Builds the receivers of a configuration; reports all that is wrong, not only the first.
pub fn build(receivers: &[RawReceiver]) -> Result<Receivers, Vec<ReceiverError>> {
    let mut built = Receivers::default();
    let mut errors = Vec::new();
    for receiver in receivers {
        match receiver.build() {
            Ok(notifier) => {
                if !built.insert(receiver.name.clone(), notifier) {
                    errors.push(ReceiverError::Twice { receiver: receiver.name.clone() });
                }
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(built) } else { Err(errors) }
}

impl Receivers {
    /// Adds a receiver; false if the name was taken.
    pub fn insert(&mut self, name: String, notifier: Box<dyn Notifier>) -> bool {
        let measured = MeasuredNotifier { inner: notifier, figures: Mutex::default() };
        self.by_name.insert(name, measured).is_none()
    }

    /// The receiver of that name.
    pub fn get(&self, name: &str) -> Option<&MeasuredNotifier> {
        self.by_name.get(name)
    }

    /// All receivers, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &MeasuredNotifier)> {
        self.by_name.iter().map(|(name, notifier)| (name.as_str(), notifier))
    }
}

/// Attempts of this process to deliver to one receiver.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AttemptFigures {
    /// Attempts that arrived.
    pub delivered: u64,
    /// Attempts that failed and are worth repeating.
    pub retryable: u64,
    /// Attempts that failed for good.
    pub permanent: u64,
    /// Attempts by their duration: not above each of [`LATENCY_BUCKETS_SECONDS`].
    pub at_most: [u64; LATENCY_BUCKETS_SECONDS.len()],
    /// Sum of the durations.
    pub seconds_total: f64,
}

impl AttemptFigures {
    /// All attempts that ended.
    pub fn attempts(&self) -> u64 {
        self.delivered + self.retryable + self.permanent
    }

    fn count(&mut self, delivered: &Result<(), DeliveryError>, took: Duration) {
        match delivered {
            Ok(()) => self.delivered += 1,
            Err(DeliveryError::Retryable { .. }) => self.retryable += 1,
            Err(DeliveryError::Final { .. }) => self.permanent += 1,
        }
        let seconds = took.as_secs_f64();
        self.seconds_total += seconds;
        for (count, bound) in self.at_most.iter_mut().zip(LATENCY_BUCKETS_SECONDS) {
            *count += u64::from(seconds <= bound);
        }
    }
}

/// A receiver that counts its attempts.
#[derive(Debug)]
pub struct MeasuredNotifier {
    inner: Box<dyn Notifier>,
    figures: Mutex<AttemptFigures>,
}

impl MeasuredNotifier {
    /// The attempts so far.
    pub fn figures(&self) -> AttemptFigures {
        *self.figures.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Notifier for MeasuredNotifier {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn target(&self) -> String {
        self.inner.target()
    }

    fn timeout(&self) -> Duration {
        self.inner.timeout()
    }

    fn deliver<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let started = Instant::now();
            let delivered = self.inner.deliver(notification).await;
            let mut figures = self.figures.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            figures.count(&delivered, started.elapsed());
            drop(figures);
            delivered
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{file, stdout, testing};

    fn raw(name: &str) -> RawReceiver {
        RawReceiver { name: name.to_owned(), stdout: None, file: None, webhook: None }
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let stdout = Some(stdout::RawConfig::default());
        let both = RawReceiver { stdout, file: Some(file::RawConfig { path: "/x".into() }), ..raw("both") };
        let good = RawReceiver { stdout, ..raw("good") };
        let errors = build(&[raw("none"), both, good.clone(), good, RawReceiver { stdout, ..raw("") }]).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "receiver `none` has 0 kinds: give it exactly one of stdout, file, webhook",
                "receiver `both` has 2 kinds: give it exactly one of stdout, file, webhook",
                "receiver `good` is defined twice",
                "a receiver has no name",
            ]
        );
    }

    #[tokio::test]
    async fn attempts_are_counted_by_outcome() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("alerts.jsonl");
        let audit = RawReceiver { file: Some(file::RawConfig { path }), ..raw("audit") };
        let receivers = build(&[audit]).unwrap();
        let audit = receivers.get("audit").unwrap();
        audit.deliver(&testing::finding()).await.unwrap();
        drop(directory);
        audit.deliver(&testing::finding()).await.unwrap_err();
        let figures = audit.figures();
        assert_eq!((figures.delivered, figures.retryable, figures.permanent), (1, 1, 0));
        assert_eq!(figures.at_most.last(), Some(&2));
        assert!(receivers.get("pager").is_none());
    }
}
