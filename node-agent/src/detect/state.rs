//! Which rules are loaded now, for the status server and for the next reload.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::rules::{FileDigest, LoadedRules};
use crate::metrics;
use crate::status::Check;

/// Shared between the reloader and the readiness check.
#[derive(Debug)]
pub struct RulesState(ArcSwap<Summary>);

#[derive(Debug)]
struct Summary {
    enabled: usize,
    errors: usize,
    digests: Vec<FileDigest>,
}

impl RulesState {
    /// Starts with the rules of the start.
    pub fn new(loaded: &LoadedRules) -> Arc<Self> {
        metrics::publish_rules(loaded.report.rules_enabled, &loaded.digests, &[]);
        Arc::new(Self(ArcSwap::from_pointee(Summary::of(loaded))))
    }

    /// Other rules are loaded now.
    pub fn replace(&self, loaded: &LoadedRules) {
        metrics::publish_rules(loaded.report.rules_enabled, &loaded.digests, &self.0.load().digests);
        self.0.store(Arc::new(Summary::of(loaded)));
    }

    /// The files that are loaded.
    pub fn digests(&self) -> Vec<FileDigest> {
        self.0.load().digests.clone()
    }

    /// Says whether there is anything to detect.
    pub fn check(self: &Arc<Self>) -> impl Fn() -> Check + Send + Sync + 'static {
        let state = Arc::clone(self);
        move || {
            let summary = state.0.load();
            let detail = format!("{} rules enabled, {} errors at the last load", summary.enabled, summary.errors);
            Check { name: "rules", ok: summary.enabled > 0, detail }
        }
    }
}

impl Summary {
    fn of(loaded: &LoadedRules) -> Self {
        Self {
            enabled: loaded.report.rules_enabled,
            errors: loaded.report.errors().count(),
            digests: loaded.digests.clone(),
        }
    }
}
