//! The whole state as text: for snapshots in tests, for comparing replicas, and for people.

use std::fmt::{self, Write as _};

use super::outbox::{Owed, Progress};
use super::producers::Counted;
use super::state::State;

impl State {
    /// Prints everything that the state holds, in a fixed order.
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("writing to a string does not fail");
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let cluster = self.cluster_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        writeln!(text, "cluster {cluster} at {}", self.now)?;
        self.write_producers(text)?;
        for (fingerprint, window) in self.findings.iter() {
            let (repeats, ends_at) = (window.repeats, window.ends_at);
            writeln!(text, "finding {fingerprint:x} first {} repeats {repeats} until {ends_at}", window.first_alert)?;
        }
        for (rule, bucket) in self.buckets.iter() {
            writeln!(text, "bucket {rule} {} micro-tokens", bucket.micro_tokens())?;
        }
        for ((rule, receiver), storm) in self.storms.iter() {
            let summary = &storm.summary;
            writeln!(text, "storm {rule} for {receiver}: {} alerts until {}", summary.alerts, storm.ends_at)?;
        }
        self.write_outbox(text)?;
        self.write_counters(text)
    }

    fn write_producers(&self, text: &mut String) -> fmt::Result {
        for (spool, known) in self.producers.iter() {
            for ((generation, lane), counted) in &known.lanes {
                let (node, Counted { through, .. }) = (&known.owner, counted);
                writeln!(text, "producer {spool}/{generation}/{} {node} through {through}", lane.number())?;
            }
        }
        if self.direct_through > 0 {
            writeln!(text, "direct through {}", self.direct_through)?;
        }
        Ok(())
    }

    fn write_outbox(&self, text: &mut String) -> fmt::Result {
        for (id, row) in self.outbox.iter() {
            let rule = row.owed.rule();
            match &row.owed {
                Owed::Finding { alert_id, untold, .. } => {
                    write!(text, "owed {id} to {}: {rule} {alert_id} untold {untold}", row.receiver)?;
                }
                Owed::Storm(summary) => {
                    write!(text, "owed {id} to {}: storm of {rule}, {} alerts", row.receiver, summary.alerts)?;
                }
            }
            let ambiguous = if row.ambiguous { ", may be a repeat" } else { "" };
            match &row.progress {
                Progress::Waiting { due, error } => {
                    let error = error.as_deref().map(|error| format!(" after {error}")).unwrap_or_default();
                    writeln!(text, ", waits until {due}{error}, {} attempts{ambiguous}", row.attempts)?;
                }
                Progress::Claimed { owner, at, .. } => {
                    writeln!(text, ", attempt {} claimed at {at} by {owner}{ambiguous}", row.attempts)?;
                }
            }
        }
        Ok(())
    }

    fn write_counters(&self, text: &mut String) -> fmt::Result {
        let sums = &self.counters;
        let numbers = [
            ("accepted", sums.accepted),
            ("duplicates", sums.duplicates),
            ("invalid", sums.invalid),
            ("acknowledged earlier", sums.acknowledged_earlier),
            ("gaps", sums.gaps),
            ("conflicts", sums.conflicts),
            ("producers refused", sums.producers_refused),
            ("producers retired", sums.producers_retired),
            ("repeats", sums.repeats),
            ("unrouted", sums.unrouted),
            ("told", sums.told),
            ("folded", sums.folded),
            ("findings evicted", sums.findings_evicted),
            ("routed", sums.routed),
            ("routed told", sums.routed_told),
            ("routed folded", sums.routed_folded),
            ("routed overflowed", sums.routed_overflowed),
            ("routed summarised", sums.routed_summarised),
            ("notifications", sums.notifications),
            ("delivered", sums.delivered),
            ("coalesced", sums.coalesced),
            ("attempts", sums.attempts),
            ("retries", sums.retries),
            ("ambiguous", sums.ambiguous),
            ("stale", sums.stale),
        ];
        for (name, number) in numbers.into_iter().filter(|(_, number)| *number > 0) {
            writeln!(text, "{name} {number}")?;
        }
        for (reason, number) in &sums.lost {
            writeln!(text, "lost ({reason}) {number}")?;
        }
        for (reason, number) in &sums.dead {
            writeln!(text, "dead ({}) {number}", reason.name())?;
        }
        Ok(())
    }
}
