//! How notifications leave the state: claims before an attempt, completions after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tiercel_detection::event::Text;
use uuid::Uuid;

use super::outbox::{Fate, Owed, Progress, Row};
use super::{
    Completion, Content, DecodeAlertError, Effect, Finding, Notification, NotificationId, Outcome, Owner, State,
    UnixMillis,
};

/// A claim that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenClaim {
    /// The notification.
    pub id: NotificationId,
    /// The attempt.
    pub attempt: u32,
    /// Who claimed it.
    pub owner: Owner,
    /// How long the attempt may take.
    pub valid_ms: u64,
}

/// What one receiver is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// The receiver.
    pub receiver: Text,
    /// Notifications that wait.
    pub waiting: u64,
    /// Notifications on their way.
    pub claimed: u64,
    /// When the oldest was decided.
    pub oldest_at: UnixMillis,
    /// What went wrong last with one that still waits.
    pub last_error: Option<Text>,
}

impl State {
    /// Notifications that may be claimed for the receiver now, the most severe first.
    pub fn due(&self, receiver: &Text, now: UnixMillis, count_max: usize) -> Vec<NotificationId> {
        self.outbox.due(receiver, now).take(count_max).collect()
    }

    /// Builds the message for the attempt that is claimed.
    pub fn notification(&self, id: NotificationId) -> Option<Result<Notification, DecodeAlertError>> {
        let row = self.outbox.get(id)?;
        Some(self.content(row).map(|content| Notification {
            id,
            key: notification_key(self.cluster_id.unwrap_or_default(), id),
            receiver: row.receiver.clone(),
            created_at: row.created_at,
            attempt: row.attempts,
            possible_repeat: row.ambiguous,
            content,
        }))
    }

    /// The claims that are out.
    pub fn open_claims(&self) -> impl Iterator<Item = OpenClaim> {
        self.outbox.claimed().filter_map(|(id, row)| match row.progress {
            Progress::Claimed { owner, valid_ms, .. } => Some(OpenClaim { id, attempt: row.attempts, owner, valid_ms }),
            Progress::Waiting { .. } => None,
        })
    }

    /// The attempts for that receiver that the owner has claimed.
    pub fn claims_of(&self, owner: Owner, receiver: &Text) -> Vec<(NotificationId, u32)> {
        self.outbox
            .claimed()
            .filter(|(_, row)| row.receiver == *receiver && row.is_claimed_by(row.attempts, owner))
            .map(|(id, row)| (id, row.attempts))
            .collect()
    }

    /// Whether that attempt is still claimed by that owner.
    pub fn is_claimed(&self, id: NotificationId, attempt: u32, owner: Owner) -> bool {
        self.outbox.get(id).is_some_and(|row| row.is_claimed_by(attempt, owner))
    }

    /// What each receiver is owed, by name.
    pub fn backlogs(&self) -> Vec<Backlog> {
        let mut backlogs: BTreeMap<Text, Backlog> = BTreeMap::new();
        for (_, row) in self.outbox.iter() {
            let backlog = backlogs.entry(row.receiver.clone()).or_insert_with(|| Backlog {
                receiver: row.receiver.clone(),
                waiting: 0,
                claimed: 0,
                oldest_at: row.created_at,
                last_error: None,
            });
            match &row.progress {
                Progress::Waiting { error, .. } => {
                    backlog.waiting += 1;
                    backlog.last_error = error.clone().or(backlog.last_error.take());
                }
                Progress::Claimed { .. } => backlog.claimed += 1,
            }
        }
        backlogs.into_values().collect()
    }

    /// Receivers that are owed something.
    pub fn owed_receivers(&self) -> impl Iterator<Item = &Text> {
        self.outbox.loads().map(|(receiver, _)| receiver)
    }

    /// Notifications that are owed.
    pub fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    pub(super) fn claim(&mut self, owner: Owner, valid_ms: u64, ids: &[NotificationId]) -> Vec<(NotificationId, u32)> {
        let mut granted = Vec::with_capacity(ids.len());
        for id in ids {
            match self.outbox.get(*id) {
                Some(Row { progress: Progress::Waiting { .. }, attempts, .. }) => granted.push((*id, attempts + 1)),
                Some(Row { progress: Progress::Claimed { .. }, .. }) | None => self.counters.stale += 1,
            }
        }
        let at = self.now;
        self.counters.attempts += granted.len() as u64;
        for (id, _) in &granted {
            self.outbox.update(*id, |row| {
                row.attempts += 1;
                row.progress = Progress::Claimed { owner, at, valid_ms };
                Fate::Stay
            });
        }
        granted
    }

    pub(super) fn complete(&mut self, owner: Owner, completions: Vec<Completion>) {
        for completion in completions {
            match self.outbox.get(completion.id) {
                Some(row) if row.takes(&completion, owner) => self.finish(completion),
                Some(_) | None => self.counters.stale += 1,
            }
        }
    }

    fn finish(&mut self, completion: Completion) {
        let counters = &mut self.counters;
        self.outbox.update(completion.id, |row| match completion.outcome {
            Outcome::Delivered => {
                counters.delivered += 1;
                Fate::Go
            }
            Outcome::Dead { reason, .. } => {
                *counters.dead.entry(reason).or_default() += 1;
                Fate::Go
            }
            Outcome::Retry { due, may_have_arrived, error } => {
                counters.retries += 1;
                row.ambiguous |= may_have_arrived;
                row.progress = Progress::Waiting { due, error: Some(error) };
                Fate::Stay
            }
        });
    }

    pub(super) fn revoke(&mut self, attempts: &[(NotificationId, u32)], effects: &mut Vec<Effect>) {
        let now = self.now;
        for (id, attempt) in attempts {
            match self.outbox.get(*id) {
                Some(row) if row.is_claimed() && row.attempts == *attempt => {
                    self.counters.ambiguous += 1;
                    effects.push(Effect::Owe { receiver: row.receiver.clone() });
                    self.outbox.update(*id, |row| {
                        row.ambiguous = true;
                        row.progress = Progress::Waiting { due: now, error: None };
                        Fate::Stay
                    });
                }
                Some(_) | None => self.counters.stale += 1,
            }
        }
    }

    fn content(&self, row: &Row) -> Result<Content, DecodeAlertError> {
        Ok(match &row.owed {
            Owed::Finding { alert_id, untold, alert } => Content::Finding(Finding {
                alert_id: *alert_id,
                fingerprint: alert.fingerprint(),
                received_at: row.created_at,
                repeats: self.findings.repeats_since(alert.fingerprint, *alert_id),
                untold_before: *untold,
                alert: Arc::new(alert.decode()?),
            }),
            Owed::Storm(summary) => Content::Storm(summary.clone()),
        })
    }
}

impl Row {
    pub(super) fn is_claimed(&self) -> bool {
        matches!(self.progress, Progress::Claimed { .. })
    }

    fn is_claimed_by(&self, attempt: u32, claimant: Owner) -> bool {
        matches!(self.progress, Progress::Claimed { owner, .. } if owner == claimant && self.attempts == attempt)
    }

    /// The holder of the claim may complete it. That an attempt arrived is believed also after its claim was
    /// revoked, as long as nobody has tried again: it saves the receiver a repeat.
    fn takes(&self, completion: &Completion, owner: Owner) -> bool {
        let arrived_after_all =
            completion.outcome == Outcome::Delivered && !self.is_claimed() && self.attempts == completion.attempt;
        self.is_claimed_by(completion.attempt, owner) || arrived_after_all
    }
}

/// The name of a notification in the world: the same on every node and attempt, another in every other cluster.
fn notification_key(cluster_id: Uuid, id: NotificationId) -> Uuid {
    Uuid::new_v5(&cluster_id, &id.0.to_be_bytes())
}
