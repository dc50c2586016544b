//! What a source can observe here: its hooks, how each is attached, and for whom.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// How a kernel program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackEnd {
    /// A tracepoint whose arguments carry kernel types (`tp_btf`).
    Typed,
    /// A plain tracepoint (`raw_tp`): the same records at a higher cost.
    Raw,
}

impl BackEnd {
    /// The name that kernel people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Typed => "tp_btf",
            Self::Raw => "raw_tp",
        }
    }
}

/// Whether a hook is in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookState {
    /// Loaded and attached.
    Attached(BackEnd),
    /// No active rule needs it.
    NotNeeded,
    /// Needed and not in place; the text says why.
    Refused(String),
}

impl HookState {
    /// Every state, as metrics name them.
    pub const NAMES: [&'static str; 4] = ["tp_btf", "raw_tp", "not_needed", "refused"];

    /// The word of [`Self::NAMES`] for this state.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Attached(back_end) => back_end.name(),
            Self::NotNeeded => "not_needed",
            Self::Refused(_) => "refused",
        }
    }
}

impl fmt::Display for HookState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attached(back_end) => write!(f, "attached ({})", back_end.name()),
            Self::NotNeeded => f.write_str("not needed"),
            Self::Refused(reason) => f.write_str(reason),
        }
    }
}

/// One hook with what it observes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Name of the tracepoint, or of another origin.
    pub name: &'static str,
    /// What is observed through it.
    pub purpose: &'static str,
    /// Who needs it; empty when nobody does.
    pub needed_for: String,
    /// Whether it is in place.
    pub state: HookState,
}

/// What a source can observe on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapabilityMatrix {
    /// Every hook that this source knows.
    pub hooks: Vec<Hook>,
    /// Limits of this machine that are worth knowing, one sentence each.
    pub notes: Vec<String>,
}

impl CapabilityMatrix {
    /// Says whether every hook that is needed is in place.
    pub fn is_complete(&self) -> bool {
        !self.hooks.iter().any(|hook| matches!(hook.state, HookState::Refused(_)))
    }

    /// Returns how many hooks are in place.
    pub fn attached(&self) -> usize {
        self.hooks.iter().filter(|hook| matches!(hook.state, HookState::Attached(_))).count()
    }

    /// Returns one word for each hook, `sys_exit=tp_btf`, as the cluster is told.
    pub fn words(&self) -> Vec<String> {
        self.hooks.iter().map(|hook| format!("{}={}", hook.name, hook.state.name())).collect()
    }
}

/// The matrix as it is now, for those who show it: it changes when rules are loaded anew.
#[derive(Debug, Clone, Default)]
pub struct SharedCapabilities(Arc<Mutex<CapabilityMatrix>>);

impl SharedCapabilities {
    /// Publishes a matrix.
    pub fn publish(&self, matrix: CapabilityMatrix) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = matrix;
    }

    /// Returns the matrix that was published last.
    pub fn get(&self) -> CapabilityMatrix {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
