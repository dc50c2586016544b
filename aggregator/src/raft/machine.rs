//! The state machine: committed entries go into the state of triage, in memory, and into snapshot files.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageIOError};
use tokio::sync::watch;

use super::snapshot::{Contents, SnapshotError, SnapshotFile, SnapshotFolder, name_of};
use super::types::{Entry, LogId, Membership, Snapshot, SnapshotMeta, StorageError, TypeConfig};
use crate::triage::{Effect, Record, Reply, State};

/// Where accepted alerts go besides the state. Called in log order from the thread that applies, so it must not wait
/// long; after a restart entries since the last snapshot come again.
pub trait Feed: Send + Sync + 'static {
    /// Takes the alerts that one log entry brought.
    fn record(&self, log_index: u64, records: Vec<Record>);

    /// Returns when everything taken so far is as durable as it gets: the log before a snapshot will not come again.
    fn flush(&self);
}

/// What is applied, shared with those who read it.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) state: State,
    pub(super) last: Option<LogId>,
    membership: Membership,
}

/// The state, for readers. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct SharedState {
    applied: Arc<RwLock<Applied>>,
    /// Changes whenever somebody is owed something new.
    owed: Arc<watch::Sender<u64>>,
}

impl SharedState {
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Applied> {
        self.applied.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn owed(&self) -> watch::Receiver<u64> {
        self.owed.subscribe()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Applied> {
        self.applied.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// The snapshot to give to a peer that is too far behind for the log.
type Current = Option<(SnapshotMeta, SnapshotFile)>;

/// Applies what is committed. There is one for each node.
pub(super) struct StateMachine {
    shared: SharedState,
    snapshots: SnapshotFolder,
    current: Arc<RwLock<Current>>,
    feed: Arc<dyn Feed>,
}

impl StateMachine {
    /// Starts from the newest snapshot.
    pub(super) fn open(snapshots: SnapshotFolder, feed: Arc<dyn Feed>) -> Result<Self, SnapshotError> {
        let (applied, current) = match snapshots.load()? {
            Some((contents, file)) => (Applied::from(&contents.meta, contents.state), Some((contents.meta, file))),
            None => (Applied { state: State::default(), last: None, membership: Membership::default() }, None),
        };
        let shared = SharedState { applied: Arc::new(RwLock::new(applied)), owed: Arc::new(watch::channel(0).0) };
        Ok(Self { shared, snapshots, current: Arc::new(RwLock::new(current)), feed })
    }

    pub(super) fn shared(&self) -> SharedState {
        self.shared.clone()
    }

    fn apply_one(&self, entry: Entry) -> (Reply, Vec<Record>, bool) {
        let mut applied = self.shared.write();
        applied.last = Some(entry.log_id);
        let command = match entry.payload {
            EntryPayload::Blank => return (Reply::Done, Vec::new(), false),
            EntryPayload::Membership(membership) => {
                applied.membership = Membership::new(Some(entry.log_id), membership);
                return (Reply::Done, Vec::new(), false);
            }
            EntryPayload::Normal(command) => command,
        };
        let result = applied.state.apply(command);
        drop(applied);
        let mut records = Vec::new();
        let mut owes = false;
        for effect in result.effects {
            match effect {
                Effect::Record(record) => records.push(record),
                Effect::Owe { .. } => owes = true,
            }
        }
        (result.reply, records, owes)
    }
}

impl Applied {
    fn from(meta: &SnapshotMeta, state: State) -> Self {
        Self { state, last: meta.last_log_id, membership: meta.last_membership.clone() }
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), StorageError> {
        let applied = self.shared.read();
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Reply>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut replies = Vec::new();
        let mut owes = false;
        for entry in entries {
            let log_index = entry.log_id.index;
            let (reply, records, owes_more) = self.apply_one(entry);
            if !records.is_empty() {
                self.feed.record(log_index, records);
            }
            owes |= owes_more;
            replies.push(reply);
        }
        if owes {
            self.shared.owed.send_modify(|changes| *changes += 1);
        }
        Ok(replies)
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        let applied = self.shared.read();
        let meta = SnapshotMeta {
            last_log_id: applied.last,
            last_membership: applied.membership.clone(),
            snapshot_id: name_of(applied.last),
        };
        SnapshotBuilder {
            contents: Some(Contents { meta, state: applied.state.clone() }),
            snapshots: self.snapshots.clone(),
            current: self.current.clone(),
            feed: self.feed.clone(),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<SnapshotFile>, StorageError> {
        let file = self.snapshots.receive().map_err(|error| StorageIOError::write_snapshot(None, &error))?;
        Ok(Box::new(file))
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, file: Box<SnapshotFile>) -> Result<(), StorageError> {
        let snapshots = self.snapshots.clone();
        let installed = blocking(move || snapshots.install(&file)).await;
        let (contents, file) =
            installed.map_err(|error| StorageIOError::write_snapshot(Some(meta.signature()), &error))?;
        *self.shared.write() = Applied::from(meta, contents.state);
        replace_if_newer(&self.current, meta, &file);
        self.shared.owed.send_modify(|changes| *changes += 1);
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot>, StorageError> {
        let current = self.current.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(current.as_ref().map(|(meta, file)| Snapshot { meta: meta.clone(), snapshot: Box::new(file.clone()) }))
    }
}

/// Writes one snapshot of the state as it was when the builder was made, while more is applied.
pub(super) struct SnapshotBuilder {
    contents: Option<Contents>,
    snapshots: SnapshotFolder,
    current: Arc<RwLock<Current>>,
    feed: Arc<dyn Feed>,
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    async fn build_snapshot(&mut self) -> Result<Snapshot, StorageError> {
        let contents = self.contents.take().expect("a builder builds once");
        let meta = contents.meta.clone();
        let (snapshots, feed) = (self.snapshots.clone(), self.feed.clone());
        let stored = blocking(move || {
            feed.flush();
            snapshots.store(&contents)
        });
        let file = stored.await.map_err(|error| StorageIOError::write_snapshot(Some(meta.signature()), &error))?;
        replace_if_newer(&self.current, &meta, &file);
        Ok(Snapshot { meta, snapshot: Box::new(file) })
    }
}

fn replace_if_newer(current: &RwLock<Current>, meta: &SnapshotMeta, file: &SnapshotFile) {
    let mut current = current.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    if current.as_ref().is_none_or(|(known, _)| known.last_log_id <= meta.last_log_id) {
        *current = Some((meta.clone(), file.clone()));
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
