//! What became of the alerts of one output: every one counted, a failure logged once in a row.

use std::fmt::Display;

use metrics::{Counter, counter};
use tracing::{info, warn};

/// The books of one output.
pub(super) struct Tally {
    output: &'static str,
    /// Where it writes, for the log.
    target: String,
    failing: bool,
    written: Counter,
}

impl Tally {
    pub(super) fn new(output: &'static str, target: impl Into<String>) -> Self {
        let written = counter!("tiercel_agent_output_alerts_written_total", "output" => output);
        Self { output, target: target.into(), failing: false, written }
    }

    /// An alert has arrived.
    pub(super) fn wrote(&mut self) {
        self.written.increment(1);
        if std::mem::take(&mut self.failing) {
            info!(output = self.output, target = self.target, "alerts are written again");
        }
    }

    /// An alert has not arrived and will not.
    pub(super) fn lost(&mut self, reason: &'static str, error: &dyn Display) {
        self.count_lost(reason);
        self.failed(error);
    }

    /// Something failed, whether or not an alert is lost by it.
    pub(super) fn failed(&mut self, error: &dyn Display) {
        if !std::mem::replace(&mut self.failing, true) {
            warn!(%error, output = self.output, target = self.target, "failed to write alerts");
        }
    }

    /// An alert is lost, and whoever lost it speaks for itself.
    pub(super) fn count_lost(&self, reason: &'static str) {
        counter!("tiercel_agent_output_alerts_lost_total", "reason" => reason, "output" => self.output).increment(1);
    }
}
