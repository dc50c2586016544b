//! One remembered alert: its place in the replicated log and its bytes in the store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tiercel_detection::{Alert, Fingerprint, Priority};
use tiercel_proto::AlertId;

use crate::triage::{Record, UnixMillis, Verdict};

/// Where in the replicated log an alert stands; the same on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Index of the log entry that carried it.
    pub log_index: u64,
    /// Its place among the alerts of that entry.
    pub offset: u32,
}

/// What apply said about one accepted alert, with its place in the log. Its time of arrival never goes backwards along
/// the log. The alert is still encoded: decoding is the writer's work.
#[derive(Debug, Clone)]
pub(super) struct HistoryRecord {
    pub(super) position: Position,
    pub(super) record: Record,
}

impl HistoryRecord {
    pub(super) fn place(&self) -> Place {
        Place { received_at: self.record.received_at, position: self.position }
    }
}

/// Place of an alert in the history, newest last; the same on every node. Readers pass its text back to go on where
/// they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// When the leader took it.
    pub received_at: UnixMillis,
    /// Where it stands in the log.
    pub position: Position,
}

/// A [`Place`] as the store sorts it.
pub(super) type Key = (u64, u64, u32);

impl Place {
    /// Sorts before every real place of that moment.
    pub(super) fn first_at(received_at: UnixMillis) -> Self {
        Self { received_at, position: Position { log_index: 0, offset: 0 } }
    }

    pub(super) fn key(self) -> Key {
        (self.received_at.0, self.position.log_index, self.position.offset)
    }

    pub(super) fn from_key((received_at, log_index, offset): Key) -> Self {
        Self { received_at: UnixMillis(received_at), position: Position { log_index, offset } }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (received_at, log_index, offset) = self.key();
        write!(formatter, "{received_at:x}-{log_index:x}-{offset:x}")
    }
}

/// The text is not a place in the history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cursor: expected one that an earlier answer gave")]
pub struct ParsePlaceError(String);

impl FromStr for Place {
    type Err = ParsePlaceError;

    fn from_str(text: &str) -> Result<Self, ParsePlaceError> {
        let parse = || {
            let mut parts = text.split('-');
            let received_at = u64::from_str_radix(parts.next()?, 16).ok()?;
            let log_index = u64::from_str_radix(parts.next()?, 16).ok()?;
            let offset = u32::from_str_radix(parts.next()?, 16).ok()?;
            parts.next().is_none().then_some(Self::from_key((received_at, log_index, offset)))
        };
        parse().ok_or_else(|| ParsePlaceError(text.to_owned()))
    }
}

/// A remembered alert as queries return it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastAlert {
    /// Who it is.
    pub alert_id: AlertId,
    /// Its place in the history.
    pub place: Place,
    /// What finding it belongs to.
    pub fingerprint: Fingerprint,
    /// How often that finding had been seen in its window, this time included.
    pub seen: u64,
    /// What was decided about it.
    pub verdict: Verdict,
    /// The alert as Falco prints it.
    pub alert_json: String,
}

/// The bytes of a record. The filter columns stand in front so that a scan skips most records without parsing JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Row<'a> {
    pub(super) alert_id: AlertId,
    pub(super) fingerprint: u128,
    pub(super) seen: u64,
    pub(super) priority: u8,
    pub(super) rule: &'a str,
    pub(super) hostname: &'a str,
    pub(super) source: &'a str,
    #[serde(borrow)]
    pub(super) verdict: RowVerdict<'a>,
    pub(super) alert_json: &'a str,
}

/// A [`Verdict`] in a row.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum RowVerdict<'a> {
    #[serde(borrow)]
    Told(Vec<&'a str>),
    Repeat(AlertId),
    Folded,
    Unrouted,
}

impl<'a> Row<'a> {
    pub(super) fn of(record: &'a Record, alert: &'a Alert, alert_json: &'a str) -> Self {
        Self {
            alert_id: record.id,
            fingerprint: record.alert.fingerprint,
            seen: record.seen,
            priority: alert.priority.number(),
            rule: &alert.rule,
            hostname: &alert.hostname,
            source: &alert.source,
            verdict: RowVerdict::of(&record.verdict),
            alert_json,
        }
    }

    pub(super) fn priority(&self) -> Priority {
        Priority::from_number(self.priority).unwrap_or(Priority::Debug)
    }

    pub(super) fn to_past_alert(&self, place: Place) -> PastAlert {
        PastAlert {
            alert_id: self.alert_id,
            place,
            fingerprint: Fingerprint(self.fingerprint),
            seen: self.seen,
            verdict: self.verdict.to_verdict(),
            alert_json: self.alert_json.to_owned(),
        }
    }
}

impl<'a> RowVerdict<'a> {
    fn of(verdict: &'a Verdict) -> Self {
        match verdict {
            Verdict::Told { receivers } => Self::Told(receivers.iter().map(AsRef::as_ref).collect()),
            Verdict::Repeat { of } => Self::Repeat(*of),
            Verdict::Folded => Self::Folded,
            Verdict::Unrouted => Self::Unrouted,
        }
    }

    fn to_verdict(&self) -> Verdict {
        match self {
            Self::Told(receivers) => Verdict::Told { receivers: receivers.iter().map(|name| (*name).into()).collect() },
            Self::Repeat(of) => Verdict::Repeat { of: *of },
            Self::Folded => Verdict::Folded,
            Self::Unrouted => Verdict::Unrouted,
        }
    }
}
