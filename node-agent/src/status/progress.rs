//! Proof that an actor still turns: a dead sensor in a live process is the failure that nobody sees.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::check::Check;

/// How often every actor must give a sign.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// Silence after which an actor counts as stuck: two missed heartbeats, and room for a machine under load.
pub const SILENCE_MAX: Duration = Duration::from_secs(5);

/// The signs of one actor.
#[derive(Debug)]
pub struct Progress {
    name: &'static str,
    started: Instant,
    /// Milliseconds after `started` of the last sign.
    last_ms: AtomicU64,
}

impl Progress {
    /// Starts to watch an actor.
    pub fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, started: Instant::now(), last_ms: AtomicU64::new(0) })
    }

    /// The actor gives a sign.
    pub fn beat(&self) {
        self.last_ms.store(self.milliseconds(), Ordering::Relaxed);
    }

    /// Whether the last sign is recent.
    pub fn check(&self) -> Check {
        let silence = Duration::from_millis(self.milliseconds().saturating_sub(self.last_ms.load(Ordering::Relaxed)));
        let ok = silence <= SILENCE_MAX;
        let state = if ok { "working" } else { "stuck" };
        Check { name: self.name, ok, detail: format!("{state}, last sign {} ms ago", silence.as_millis()) }
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
