//! What to do about losses: Falco's `syscall_event_drops`, for the agent's own configuration and for Falco's.

use tiercel_detection::event::Timestamp;

const SECOND_NS: f64 = 1e9;

/// What to do when too much is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossAction {
    /// Nothing.
    Ignore,
    /// A log line.
    Log,
    /// An alert.
    Alert,
    /// The end of the process.
    Exit,
}

impl LossAction {
    /// All of them, with the words that configurations use.
    pub const WORDS: [(&'static str, Self); 4] =
        [("ignore", Self::Ignore), ("log", Self::Log), ("alert", Self::Alert), ("exit", Self::Exit)];

    /// Returns the action of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, action)| *action)
    }

    /// Returns the word of the action.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Log => "log",
            Self::Alert => "alert",
            Self::Exit => "exit",
        }
    }
}

/// When to act on losses, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct LossPolicy {
    /// Lost records for each record made; the actions are due above it.
    pub threshold: f64,
    /// What to do.
    pub actions: Vec<LossAction>,
    /// How often a second, in the long run.
    pub rate: f64,
    /// How often at once.
    pub max_burst: f64,
}

impl Default for LossPolicy {
    /// Every loss becomes an alert, at most one in ten seconds: a flood that makes us lose records must not make a flood
    /// of alerts. What is lost in between is told by the next one.
    fn default() -> Self {
        Self { threshold: 0.0, actions: vec![LossAction::Log, LossAction::Alert], rate: 0.1, max_burst: 1.0 }
    }
}

/// Permissions that come back with time: so many a second, so many at once.
#[derive(Debug)]
pub struct Allowance {
    rate: f64,
    burst: f64,
    left: f64,
    refilled: Timestamp,
}

impl Allowance {
    /// Starts with a full burst.
    pub fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst, left: burst, refilled: Timestamp(0) }
    }

    /// Takes a permission if there is one.
    pub fn take(&mut self, now: Timestamp) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "permissions come back by fractions of seconds")]
        let seconds = now.0.saturating_sub(self.refilled.0) as f64 / SECOND_NS;
        self.refilled = now;
        self.left = (self.left + seconds * self.rate).min(self.burst);
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}
