//! A receiver that does what a test wants and remembers what it was given.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tiercel_aggregator::notify::{DeliveryError, Notifier, Receivers};
use tiercel_aggregator::triage::Notification;

/// How one attempt is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// Take it.
    Take,
    /// Fail; another attempt may work.
    Fail,
    /// Fail when the notification may have arrived.
    Lose,
    /// Refuse for ever.
    Refuse,
    /// Take it and never say so.
    Hang,
}

/// What several nodes deliver to; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Receiver {
    script: Arc<Mutex<VecDeque<Behaviour>>>,
    seen: Arc<Mutex<Vec<Notification>>>,
}

impl Receiver {
    /// A receiver that follows the script and then takes everything.
    pub(crate) fn new(script: impl IntoIterator<Item = Behaviour>) -> Self {
        Self { script: Arc::new(Mutex::new(script.into_iter().collect())), seen: Arc::default() }
    }

    /// The receivers of one node, with this one under the name `hook`.
    pub(crate) fn receivers(&self) -> Receivers {
        let mut receivers = Receivers::default();
        receivers.insert("hook".to_owned(), Box::new(self.clone()));
        receivers
    }

    /// What was delivered, attempts that failed included.
    pub(crate) fn seen(&self) -> Vec<Notification> {
        self.seen.lock().expect("no test holds it").clone()
    }
}

impl Notifier for Receiver {
    fn kind(&self) -> &'static str {
        "test"
    }

    fn target(&self) -> String {
        "test".to_owned()
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn deliver<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), DeliveryError>> {
        self.seen.lock().expect("no test holds it").push(notification.clone());
        let behaviour = self.script.lock().expect("no test holds it").pop_front().unwrap_or(Behaviour::Take);
        let source = anyhow::anyhow!("as the test wants");
        async move {
            match behaviour {
                Behaviour::Take => Ok(()),
                Behaviour::Fail => Err(DeliveryError::Retryable { after: None, may_have_arrived: false, source }),
                Behaviour::Lose => Err(DeliveryError::Retryable { after: None, may_have_arrived: true, source }),
                Behaviour::Refuse => Err(DeliveryError::Final { source }),
                Behaviour::Hang => std::future::pending().await,
            }
        }
        .boxed()
    }
}
