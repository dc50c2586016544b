//! How many alerts came, by the labels under which Falco's own exporters count them.
//!
//! Label values come from alerts, so their number is not ours to choose: a cluster that starts and ends pods all day
//! makes new ones for ever. The table is bounded, and series that have been silent for long are forgotten.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tiercel_detection::{Alert, FieldValue, Priority};

use crate::triage::UnixMillis;

/// Most series with all their labels. A Prometheus server takes that many from one target without trouble, and one
/// scrape stays below about 4 MiB.
const SERIES_MAX: usize = 10_000;

/// Most series when those beyond [`SERIES_MAX`], which keep rule, priority and source only, are counted too.
const SERIES_WITH_FOLDED_MAX: usize = 12_000;

/// A series that has not moved for so long is forgotten; Prometheus takes its return for a counter reset.
const SERIES_IDLE_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Stands for the label values that did not fit.
pub const OTHER: &str = "other";

/// What an alert is counted under. Absent values are empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SeriesLabels {
    /// Name of the rule.
    pub rule: String,
    /// Syslog severity of the rule.
    pub priority: u8,
    /// Name of the node.
    pub hostname: String,
    /// Event source.
    pub source: String,
    /// Kubernetes namespace.
    pub k8s_ns_name: String,
    /// Kubernetes pod.
    pub k8s_pod_name: String,
    /// Tags of the rule as `,a,b,`, so that an expression can look for `,a,`.
    pub tags: String,
}

impl SeriesLabels {
    /// The labels of an alert.
    pub fn of(alert: &Alert) -> Self {
        let text = |name| match alert.fields.iter().find(|(key, _)| key.as_ref() == name) {
            Some((_, FieldValue::Text(text))) => text.to_string(),
            Some(_) | None => String::new(),
        };
        let tags = match alert.tags.join(",") {
            none if none.is_empty() => none,
            some => format!(",{some},"),
        };
        Self {
            rule: alert.rule.to_string(),
            priority: alert.priority.number(),
            hostname: alert.hostname.to_string(),
            source: alert.source.to_string(),
            k8s_ns_name: text("k8s.ns.name"),
            k8s_pod_name: text("k8s.pod.name"),
            tags,
        }
    }

    /// The priority, by name.
    pub fn priority(&self) -> Priority {
        Priority::from_number(self.priority).unwrap_or(Priority::Debug)
    }

    fn without_places(self) -> Self {
        let other = || OTHER.to_owned();
        Self { hostname: other(), k8s_ns_name: other(), k8s_pod_name: other(), tags: other(), ..self }
    }

    fn without_names(self) -> Self {
        Self { rule: OTHER.to_owned(), source: OTHER.to_owned(), ..self.without_places() }
    }
}

/// A count and when it last moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesCount {
    /// How many alerts.
    pub alerts: u64,
    /// When the last of them arrived.
    pub last_at: UnixMillis,
}

/// The bounded table of counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeriesTable {
    counts: BTreeMap<SeriesLabels, SeriesCount>,
    /// Alerts that were counted under less than their own labels since the process started.
    folded: u64,
}

impl SeriesTable {
    pub(super) fn restore(rows: impl IntoIterator<Item = (SeriesLabels, SeriesCount)>) -> Self {
        Self { counts: rows.into_iter().collect(), folded: 0 }
    }

    /// Counts one alert and returns the series that it was counted under.
    pub(super) fn count(&mut self, alert: &Alert, received_at: UnixMillis) -> SeriesLabels {
        let labels = self.place(SeriesLabels::of(alert));
        let count = self.counts.entry(labels.clone()).or_default();
        count.alerts += 1;
        count.last_at = count.last_at.max(received_at);
        labels
    }

    fn place(&mut self, labels: SeriesLabels) -> SeriesLabels {
        if self.has_room_for(&labels, SERIES_MAX) {
            return labels;
        }
        self.folded += 1;
        let labels = labels.without_places();
        if self.has_room_for(&labels, SERIES_WITH_FOLDED_MAX) { labels } else { labels.without_names() }
    }

    fn has_room_for(&self, labels: &SeriesLabels, series_max: usize) -> bool {
        self.counts.len() < series_max || self.counts.contains_key(labels)
    }

    /// Takes back what a write that failed had counted.
    pub(super) fn undo(&mut self, moves: &SeriesMoves) {
        for (labels, alerts) in &moves.0 {
            if let Some(count) = self.counts.get_mut(labels) {
                count.alerts = count.alerts.saturating_sub(*alerts);
            }
        }
        self.counts.retain(|_, count| count.alerts > 0);
    }

    /// The series that have been silent for too long.
    pub(super) fn idle(&self, now: UnixMillis) -> Vec<SeriesLabels> {
        let idle_max_ms = u64::try_from(SERIES_IDLE_MAX.as_millis()).unwrap_or(u64::MAX);
        let is_idle = |count: &SeriesCount| now.since_ms(count.last_at) > idle_max_ms;
        self.counts.iter().filter(|(_, count)| is_idle(count)).map(|(labels, _)| labels.clone()).collect()
    }

    pub(super) fn forget(&mut self, labels: &SeriesLabels) {
        self.counts.remove(labels);
    }

    pub(super) fn get(&self, labels: &SeriesLabels) -> SeriesCount {
        self.counts.get(labels).copied().unwrap_or_default()
    }

    pub(super) fn snapshot(&self) -> Vec<(SeriesLabels, SeriesCount)> {
        self.counts.iter().map(|(labels, count)| (labels.clone(), *count)).collect()
    }

    pub(super) fn folded(&self) -> u64 {
        self.folded
    }
}

/// What one write counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SeriesMoves(BTreeMap<SeriesLabels, u64>);

impl SeriesMoves {
    pub(super) fn add(&mut self, labels: SeriesLabels) {
        *self.0.entry(labels).or_default() += 1;
    }

    pub(super) fn labels(&self) -> impl Iterator<Item = &SeriesLabels> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tiercel_detection::event::Timestamp;

    use super::*;

    fn alert(rule: &str, pod: &str) -> Alert {
        Alert {
            time: Timestamp(1),
            rule: rule.into(),
            priority: Priority::Notice,
            source: "syscall".into(),
            hostname: "web-1".into(),
            output: "".into(),
            fields: vec![("k8s.pod.name".into(), FieldValue::Text(pod.into()))],
            tags: Arc::from(["a".into(), "b".into()]),
        }
    }

    #[test]
    fn labels_are_those_of_the_exporters() {
        let labels = SeriesLabels::of(&alert("Shell", "web-0"));
        assert_eq!((labels.priority, labels.tags.as_str()), (5, ",a,b,"));
        assert_eq!((labels.k8s_pod_name.as_str(), labels.k8s_ns_name.as_str()), ("web-0", ""));
    }

    #[test]
    fn an_explosion_of_pods_stays_bounded_and_loses_no_count() {
        let mut table = SeriesTable::default();
        let total = SERIES_WITH_FOLDED_MAX + 500;
        for n in 0..total {
            table.count(&alert(&format!("rule {n}"), &format!("pod {n}")), UnixMillis(1));
        }
        table.count(&alert("rule 0", "pod 0"), UnixMillis(1));
        let rows = table.snapshot();
        assert_eq!(rows.len(), SERIES_WITH_FOLDED_MAX + 1);
        assert_eq!(rows.iter().map(|(_, count)| count.alerts).sum::<u64>(), total as u64 + 1);
        assert_eq!(table.get(&SeriesLabels::of(&alert("rule 0", "pod 0"))).alerts, 2);
        assert_eq!(table.folded(), (total - SERIES_MAX) as u64);
    }

    #[test]
    fn silent_series_are_forgotten() {
        let mut table = SeriesTable::default();
        let old = table.count(&alert("old", ""), UnixMillis(0));
        table.count(&alert("new", ""), UnixMillis(0).plus(SERIES_IDLE_MAX));
        assert_eq!(table.idle(UnixMillis(0).plus(SERIES_IDLE_MAX).plus_ms(1)), [old]);
    }

    #[test]
    fn a_failed_write_leaves_no_trace() {
        let mut table = SeriesTable::default();
        table.count(&alert("old", ""), UnixMillis(1));
        let before = table.clone();
        let mut moves = SeriesMoves::default();
        for rule in ["old", "old", "new"] {
            moves.add(table.count(&alert(rule, ""), UnixMillis(1)));
        }
        assert_ne!(table, before);
        table.undo(&moves);
        assert_eq!(table, before);
    }
}
