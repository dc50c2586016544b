//! What is folded: alerts that are counted now and told in a summary later.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;
use tiercel_proto::AlertId;

use super::{Severity, StoredAlert, StormSummary, UnixMillis};

/// Most open storms. Rule names come from agents, so their number needs a bound.
const STORMS_MAX: usize = 16_384;
/// The rule under which everything is folded beyond that.
pub(super) const OTHER_RULES: &str = "other rules";

/// Most nodes that a summary names; the rest is one line.
const HOSTNAMES_MAX: usize = 20;
/// The line for the rest.
const OTHER_HOSTNAMES: &str = "other nodes";
/// Alerts that a summary points to.
const SAMPLES_MAX: usize = 3;

/// Open storms; each rule and receiver has at most one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Storms {
    open: BTreeMap<(Text, Text), Storm>,
    /// The same by their end.
    by_end: BTreeSet<(UnixMillis, Text, Text)>,
}

/// Alerts of one rule that one receiver has not heard of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Storm {
    pub(super) summary: StormSummary,
    pub(super) ends_at: UnixMillis,
}

impl Storms {
    /// Counts one alert for one receiver.
    pub(super) fn fold(
        &mut self,
        receiver: &Text,
        alert: &StoredAlert,
        id: AlertId,
        now: UnixMillis,
        interval_ms: u64,
    ) {
        let mut key = (alert.rule.clone(), receiver.clone());
        if self.open.len() >= STORMS_MAX && !self.open.contains_key(&key) {
            key.0 = OTHER_RULES.into();
        }
        let by_end = &mut self.by_end;
        let storm = self.open.entry(key).or_insert_with_key(|(rule, receiver)| {
            let ends_at = now.plus_ms(interval_ms);
            by_end.insert((ends_at, rule.clone(), receiver.clone()));
            Storm { summary: StormSummary::begin(rule, alert.severity, now), ends_at }
        });
        storm.summary.add(alert, id, now);
    }

    /// Takes the storms whose interval is over, with their receivers.
    pub(super) fn finish(&mut self, now: UnixMillis) -> Vec<(Text, StormSummary)> {
        let mut finished = Vec::new();
        while self.by_end.first().is_some_and(|(ends_at, _, _)| *ends_at <= now) {
            let Some((_, rule, receiver)) = self.by_end.pop_first() else { break };
            if let Some(storm) = self.open.remove(&(rule, receiver.clone())) {
                finished.push((receiver, storm.summary));
            }
        }
        finished
    }

    /// When the next one ends.
    pub(super) fn next_due(&self) -> Option<UnixMillis> {
        self.by_end.first().map(|(ends_at, _, _)| *ends_at)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&(Text, Text), &Storm)> {
        self.open.iter()
    }
}

impl StormSummary {
    fn begin(rule: &Text, severity: Severity, now: UnixMillis) -> Self {
        Self {
            rule: rule.clone(),
            severity,
            since: now,
            until: now,
            alerts: 0,
            alerts_by_hostname: BTreeMap::new(),
            samples: Vec::new(),
        }
    }

    fn add(&mut self, alert: &StoredAlert, id: AlertId, now: UnixMillis) {
        self.severity = self.severity.min(alert.severity);
        self.until = now;
        self.alerts += 1;
        self.count_hostname(&alert.hostname, 1);
        if self.samples.len() < SAMPLES_MAX {
            self.samples.push(id);
        }
    }

    /// Adds a later summary of the same rule.
    pub(super) fn merge(&mut self, later: Self) {
        self.severity = self.severity.min(later.severity);
        self.until = later.until;
        self.alerts += later.alerts;
        for (hostname, alerts) in &later.alerts_by_hostname {
            self.count_hostname(hostname, *alerts);
        }
        let room = SAMPLES_MAX - self.samples.len();
        self.samples.extend(later.samples.into_iter().take(room));
    }

    fn count_hostname(&mut self, hostname: &Text, alerts: u64) {
        let known = self.alerts_by_hostname.contains_key(hostname) || self.alerts_by_hostname.len() < HOSTNAMES_MAX;
        let hostname = if known { hostname.clone() } else { OTHER_HOSTNAMES.into() };
        *self.alerts_by_hostname.entry(hostname).or_default() += alerts;
    }
}
