//! What a receiver is owed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;
use tiercel_detection::{Alert, Fingerprint, Priority};
use tiercel_proto::AlertId;
use uuid::Uuid;

use super::{Severity, UnixMillis};

/// Number of a notification, given by the state in the order of decision; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NotificationId(pub u64);

impl fmt::Display for NotificationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// One message to one receiver: the same on every attempt and on every node, except for what says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Its number in this cluster.
    pub id: NotificationId,
    /// Its name in the world, for receivers that can recognise a repeat; derived from the cluster's id and the number.
    pub key: Uuid,
    /// Name of the receiver.
    pub receiver: Text,
    /// When it was decided.
    pub created_at: UnixMillis,
    /// Which attempt this is, from 1. May differ between attempts.
    pub attempt: u32,
    /// An earlier attempt may have arrived: its outcome was never recorded. May differ between attempts.
    pub possible_repeat: bool,
    /// What it says.
    pub content: Content,
}

/// What a notification says.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Something was found.
    Finding(Finding),
    /// A rule fired more often than its limit: what was folded together.
    Storm(StormSummary),
}

impl Content {
    /// The most severe priority in it.
    pub fn priority(&self) -> Priority {
        match self {
            Self::Finding(finding) => finding.alert.priority,
            Self::Storm(storm) => storm.severity.0,
        }
    }

    /// The rule that fired.
    pub fn rule(&self) -> &str {
        match self {
            Self::Finding(finding) => &finding.alert.rule,
            Self::Storm(storm) => &storm.rule,
        }
    }
}

/// An alert with what the cluster knows about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Identity of the alert, for ever.
    pub alert_id: AlertId,
    /// Identity of the finding that it tells of.
    pub fingerprint: Fingerprint,
    /// When the cluster committed it.
    pub received_at: UnixMillis,
    /// How often the same finding came again within the window, until this attempt. May differ between attempts.
    pub repeats: u64,
    /// How often it was seen and not told since the last time a receiver heard of it.
    pub untold_before: u64,
    /// The alert.
    pub alert: Arc<Alert>,
}

/// What a rule said while it was above its limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StormSummary {
    /// The rule.
    pub rule: Text,
    /// The most severe priority among the alerts.
    pub severity: Severity,
    /// When the first of them came.
    pub since: UnixMillis,
    /// When the last of them came.
    pub until: UnixMillis,
    /// How many there were.
    pub alerts: u64,
    /// How many each node said; nodes beyond a bound are under `other nodes`.
    pub alerts_by_hostname: BTreeMap<Text, u64>,
    /// The first few of them, to look up in the history.
    pub samples: Vec<AlertId>,
}
