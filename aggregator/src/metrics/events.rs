//! Alerts by label, under the names and with the labels of Falco's own exporters.

use std::collections::BTreeMap;

use super::exposition::Exposition;
use super::names;
use crate::history::{SeriesCount, SeriesLabels};

/// The host name under which falcosidekick counts alerts without one.
const NO_HOST: &str = "unknown";

pub(super) fn write(exposition: &mut Exposition, series: &[(SeriesLabels, SeriesCount)]) {
    write_exporter(exposition, series);
    write_sidekick(exposition, series);
}

fn write_exporter(exposition: &mut Exposition, series: &[(SeriesLabels, SeriesCount)]) {
    let mut samples = exposition.family(names::FALCO_EVENTS);
    for (labels, count) in series {
        let labels = [
            ("hostname", labels.hostname.as_str()),
            ("k8s_ns_name", labels.k8s_ns_name.as_str()),
            ("k8s_pod_name", labels.k8s_pod_name.as_str()),
            ("priority", &labels.priority.to_string()),
            ("rule", labels.rule.as_str()),
            ("source", labels.source.as_str()),
            ("tags", labels.tags.as_str()),
        ];
        samples.sample(&labels, count.alerts);
    }
}

fn write_sidekick(exposition: &mut Exposition, series: &[(SeriesLabels, SeriesCount)]) {
    // falcosidekick has no label for tags: series that differ in them only are one there.
    let mut sums: BTreeMap<SeriesLabels, u64> = BTreeMap::new();
    for (labels, count) in series {
        *sums.entry(SeriesLabels { tags: String::new(), ..labels.clone() }).or_default() += count.alerts;
    }
    let mut samples = exposition.family(names::SIDEKICK_EVENTS);
    for (labels, alerts) in sums {
        let hostname = if labels.hostname.is_empty() { NO_HOST } else { labels.hostname.as_str() };
        let labels = [
            ("hostname", hostname),
            ("k8s_ns_name", labels.k8s_ns_name.as_str()),
            ("k8s_pod_name", labels.k8s_pod_name.as_str()),
            ("priority", &sidekick_priority(labels.priority).to_string()),
            ("priority_raw", &labels.priority().name().to_lowercase()),
            ("rule", labels.rule.as_str()),
            ("source", labels.source.as_str()),
        ];
        samples.sample(&labels, alerts);
    }
}

/// 8 is emergency, 1 is debug.
fn sidekick_priority(severity: u8) -> u8 {
    8_u8.saturating_sub(severity)
}
