//! Whether the agent does its work, one check for each thing that can go wrong.

use serde_json::{Value, json};

/// The answer of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// In words, for the operator who looks at a pod that is not ready.
    pub detail: String,
}

/// Looks at one thing; called at every request, so it must not wait.
pub type Probe = Box<dyn Fn() -> Check + Send + Sync>;

/// All checks of the agent.
#[derive(Default)]
pub struct Readiness {
    probes: Vec<Probe>,
}

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readiness").field("probes", &self.probes.len()).finish()
    }
}

impl Readiness {
    /// Adds a check.
    pub fn add(&mut self, probe: impl Fn() -> Check + Send + Sync + 'static) {
        self.probes.push(Box::new(probe));
    }

    /// Runs every check.
    pub fn judge(&self) -> Vec<Check> {
        self.probes.iter().map(|probe| probe()).collect()
    }
}

/// The body of `/readyz`.
pub(super) fn to_json(checks: &[Check]) -> Value {
    let list: Vec<_> =
        checks.iter().map(|check| json!({"name": check.name, "ok": check.ok, "detail": check.detail})).collect();
    json!({"ready": checks.iter().all(|check| check.ok), "checks": list})
}
