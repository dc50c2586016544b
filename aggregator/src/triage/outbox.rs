//! What receivers are owed: each row stays until the log says that it arrived or was given up.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use tiercel_detection::event::Text;
use tiercel_proto::AlertId;

use super::{NotificationId, Owner, Severity, StoredAlert, StormSummary, UnixMillis};

/// Most findings that wait for one receiver. A receiver that is down for hours gets summaries, not a flood.
pub(super) const ROWS_PER_RECEIVER_MAX: usize = 10_000;
/// Most bytes of alerts that wait for one receiver.
pub(super) const BYTES_PER_RECEIVER_MAX: usize = 64 << 20;

/// Most storm summaries that wait for one receiver. Beyond it what other rules folded goes into one summary together.
pub(super) const SUMMARIES_PER_RECEIVER_MAX: usize = 1_000;

/// The rows, and the orders in which they are looked at.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Rows")]
pub(super) struct Outbox {
    rows: BTreeMap<NotificationId, Row>,
    last_id: NotificationId,
    /// Rows that wait, by receiver, the most severe first, then by when they are due.
    waiting: BTreeSet<(Text, Severity, UnixMillis, NotificationId)>,
    /// The summary that waits for a receiver and a rule, to which the next one is added.
    summaries: BTreeMap<(Text, Text), NotificationId>,
    /// Rows that are on their way.
    claimed: BTreeSet<NotificationId>,
    loads: BTreeMap<Text, Load>,
}

/// The part of the outbox that is not derived from the rest.
#[derive(Debug, Deserialize)]
struct Rows {
    rows: BTreeMap<NotificationId, Row>,
    last_id: NotificationId,
}

/// What waits for one receiver or is on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) rows: usize,
    pub(super) bytes: usize,
    /// How many of the rows are storm summaries.
    pub(super) summaries: usize,
}

/// One notification that is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) receiver: Text,
    pub(super) created_at: UnixMillis,
    pub(super) owed: Owed,
    pub(super) progress: Progress,
    /// Attempts that were claimed.
    pub(super) attempts: u32,
    /// Whether an attempt arrived will never be known.
    pub(super) ambiguous: bool,
}

/// What a row tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Owed {
    Finding { alert_id: AlertId, untold: u64, alert: StoredAlert },
    Storm(StormSummary),
}

/// How far a row is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Progress {
    Waiting { due: UnixMillis, error: Option<Text> },
    Claimed { owner: Owner, at: UnixMillis, valid_ms: u64 },
}

impl Owed {
    pub(super) fn severity(&self) -> Severity {
        match self {
            Self::Finding { alert, .. } => alert.severity,
            Self::Storm(summary) => summary.severity,
        }
    }

    pub(super) fn rule(&self) -> &Text {
        match self {
            Self::Finding { alert, .. } => &alert.rule,
            Self::Storm(summary) => &summary.rule,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Finding { alert, .. } => alert.body.len(),
            Self::Storm(_) => 0,
        }
    }

    fn summaries(&self) -> usize {
        usize::from(matches!(self, Self::Storm(_)))
    }
}

impl Outbox {
    /// Whether the receiver may be owed another finding.
    pub(super) fn has_room(&self, receiver: &Text) -> bool {
        self.loads
            .get(receiver)
            .is_none_or(|load| load.rows < ROWS_PER_RECEIVER_MAX && load.bytes < BYTES_PER_RECEIVER_MAX)
    }

    /// Whether the receiver may be owed a storm summary for another rule.
    pub(super) fn has_room_for_summary(&self, receiver: &Text) -> bool {
        self.loads.get(receiver).is_none_or(|load| load.summaries < SUMMARIES_PER_RECEIVER_MAX)
    }

    /// Adds a row that is due at once.
    pub(super) fn owe(&mut self, receiver: &Text, owed: Owed, now: UnixMillis) {
        self.last_id.0 += 1;
        let progress = Progress::Waiting { due: now, error: None };
        let row = Row { receiver: receiver.clone(), created_at: now, owed, progress, attempts: 0, ambiguous: false };
        self.insert(self.last_id, row);
    }

    /// Adds a summary to one of the same rule that still waits. Gives it back when there is none.
    pub(super) fn coalesce(&mut self, receiver: &Text, summary: StormSummary) -> Result<(), StormSummary> {
        let key = (receiver.clone(), summary.rule.clone());
        let Some(id) = self.summaries.get(&key).copied() else { return Err(summary) };
        let Some(mut row) = self.remove(id) else { return Err(summary) };
        if let Owed::Storm(waiting) = &mut row.owed {
            waiting.merge(summary);
        }
        self.insert(id, row);
        Ok(())
    }

    pub(super) fn get(&self, id: NotificationId) -> Option<&Row> {
        self.rows.get(&id)
    }

    /// Changes a row and all that is derived from it; `change` says whether the row stays.
    pub(super) fn update(&mut self, id: NotificationId, change: impl FnOnce(&mut Row) -> Fate) {
        let Some(mut row) = self.remove(id) else { return };
        match change(&mut row) {
            Fate::Stay => self.insert(id, row),
            Fate::Go => {}
        }
    }

    /// Rows of the receiver that are due, the most severe first.
    pub(super) fn due<'a>(&'a self, receiver: &'a Text, now: UnixMillis) -> impl Iterator<Item = NotificationId> + 'a {
        tiercel_detection::Priority::ALL.into_iter().map(Severity).flat_map(move |severity| {
            let from = (receiver.clone(), severity, UnixMillis(0), NotificationId(0));
            let to = (receiver.clone(), severity, now, NotificationId(u64::MAX));
            self.waiting.range(from..=to).map(|(_, _, _, id)| *id)
        })
    }

    /// Rows that are on their way.
    pub(super) fn claimed(&self) -> impl Iterator<Item = (NotificationId, &Row)> {
        self.claimed.iter().filter_map(|id| self.rows.get(id).map(|row| (*id, row)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&NotificationId, &Row)> {
        self.rows.iter()
    }

    pub(super) fn loads(&self) -> impl Iterator<Item = (&Text, &Load)> {
        self.loads.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn insert(&mut self, id: NotificationId, row: Row) {
        let load = self.loads.entry(row.receiver.clone()).or_default();
        load.rows += 1;
        load.bytes += row.owed.bytes();
        load.summaries += row.owed.summaries();
        match row.progress {
            Progress::Waiting { due, .. } => {
                self.waiting.insert((row.receiver.clone(), row.owed.severity(), due, id));
                if let Owed::Storm(summary) = &row.owed {
                    self.summaries.insert((row.receiver.clone(), summary.rule.clone()), id);
                }
            }
            Progress::Claimed { .. } => {
                self.claimed.insert(id);
            }
        }
        self.rows.insert(id, row);
    }

    fn remove(&mut self, id: NotificationId) -> Option<Row> {
        let row = self.rows.remove(&id)?;
        match row.progress {
            Progress::Waiting { due, .. } => {
                self.waiting.remove(&(row.receiver.clone(), row.owed.severity(), due, id));
                if let Owed::Storm(summary) = &row.owed {
                    let key = (row.receiver.clone(), summary.rule.clone());
                    if self.summaries.get(&key) == Some(&id) {
                        self.summaries.remove(&key);
                    }
                }
            }
            Progress::Claimed { .. } => {
                self.claimed.remove(&id);
            }
        }
        if let Some(load) = self.loads.get_mut(&row.receiver) {
            load.rows -= 1;
            load.bytes -= row.owed.bytes();
            load.summaries -= row.owed.summaries();
            if load.rows == 0 {
                self.loads.remove(&row.receiver);
            }
        }
        Some(row)
    }
}

/// Whether a row is still owed after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stay,
    Go,
}

impl From<Rows> for Outbox {
    fn from(stored: Rows) -> Self {
        let mut outbox = Self { last_id: stored.last_id, ..Self::default() };
        for (id, row) in stored.rows {
            outbox.insert(id, row);
        }
        outbox
    }
}

impl Serialize for Outbox {
    /// Writes what [`Rows`] reads.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_struct("Rows", 2)?;
        rows.serialize_field("rows", &self.rows)?;
        rows.serialize_field("last_id", &self.last_id)?;
        rows.end()
    }
}
