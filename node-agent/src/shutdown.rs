//! How the agent ends: on a signal, on a failure that a restart may heal, or at once on a panic.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info};

/// All stages together have this long to hand over what they hold; the spool is durable, so what is cut off here is
/// only what never reached it.
pub const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Why the agent ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Somebody asked for it.
    Signal(&'static str),
    /// A stage cannot go on.
    Failure(String),
}

/// Lets a stage say that the agent has become blind. A blind sensor that looks healthy is the worst failure, so the
/// process ends and whoever supervises it starts it again.
#[derive(Debug, Clone)]
pub struct Failure(mpsc::Sender<String>);

impl Failure {
    /// Ends the agent; the first reason wins.
    pub fn report(&self, reason: &str) {
        if self.0.try_send(reason.to_owned()).is_err() {
            error!(reason, "a further stage failed while the agent is ending");
        }
    }
}

/// Waits for what may end the agent.
#[derive(Debug)]
pub struct Stopper {
    failures: mpsc::Receiver<String>,
    terminate: Signal,
    interrupt: Signal,
}

impl Stopper {
    /// Starts to listen; the second half is for the stages.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub fn new() -> std::io::Result<(Self, Failure)> {
        let (sender, failures) = mpsc::channel(1);
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok((Self { failures, terminate, interrupt }, Failure(sender)))
    }

    /// Returns when the agent must end.
    pub async fn wait(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Signal("SIGTERM"),
            _ = self.interrupt.recv() => Stop::Signal("SIGINT"),
            reason = self.failures.recv() => Stop::Failure(reason.unwrap_or_else(|| "every stage has ended".to_owned())),
        }
    }
}

/// What the stages have handed on, readable also while one of them hangs: what is cut off at the end is known.
#[derive(Debug, Default)]
pub struct Account {
    /// Records that were taken from the source.
    taken: AtomicU64,
    /// Of those, records that detection has judged.
    judged: AtomicU64,
    /// Alerts that were made for the uplink.
    alerts: AtomicU64,
}

impl Account {
    /// Capture has taken records.
    pub fn take(&self, records: usize) {
        self.taken.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// Detection has judged records.
    pub fn judge(&self, records: usize) {
        self.judged.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// Detection has made alerts that the uplink is owed.
    pub fn owe(&self, alerts: usize) {
        self.alerts.fetch_add(alerts as u64, Ordering::Relaxed);
    }

    /// Returns how many records were taken and not judged.
    pub fn unjudged(&self) -> u64 {
        self.taken.load(Ordering::Relaxed).saturating_sub(self.judged.load(Ordering::Relaxed))
    }

    /// Returns how many alerts are not among the `spooled` ones.
    pub fn unspooled(&self, spooled: u64) -> u64 {
        self.alerts.load(Ordering::Relaxed).saturating_sub(spooled)
    }

    /// Says what is lost when the process ends now; `spooled` is `None` when there is no uplink.
    pub fn close(&self, spooled: Option<u64>) {
        let (records, alerts) = (self.unjudged(), spooled.map_or(0, |spooled| self.unspooled(spooled)));
        if records > 0 || alerts > 0 {
            error!(records, alerts, "cut off by the end: records that were not judged, alerts that were not spooled");
        }
    }
}

/// Runs one step of the sequence, bounded by what is left of the grace period.
pub async fn step<T>(name: &'static str, deadline: tokio::time::Instant, work: impl Future<Output = T>) -> Option<T> {
    match tokio::time::timeout_at(deadline, work).await {
        Ok(result) => {
            info!(step = name, "stopped");
            Some(result)
        }
        Err(_) => {
            error!(step = name, "not stopped within the grace period");
            None
        }
    }
}

/// Makes every panic end the process, in builds that unwind too: an actor that panicked would be gone while the process
/// looks alive.
pub fn abort_on_panic() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        error!(%panic, "ending the process after a panic");
        default(panic);
        std::process::abort();
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_stage_gave_and_the_next_never_took_is_known() {
        let account = Account::default();
        account.take(10);
        account.judge(7);
        account.owe(5);
        assert_eq!((account.unjudged(), account.unspooled(2)), (3, 3));
        account.judge(3);
        assert_eq!((account.unjudged(), account.unspooled(5)), (0, 0));
    }
}
