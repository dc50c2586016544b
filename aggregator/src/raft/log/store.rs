//! The log as the consensus library wants it.

use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{LogState, OptionalSend, StorageIOError};
use tokio::sync::oneshot;

use super::LogError;
use super::reader::LogReader;
use super::tables::{Tables, encode_entry};
use super::tail::Tail;
use super::writer::{Done, Job, Writer};
use crate::raft::types::{Entry, LogId, NodeId, StorageError, TypeConfig, Vote};

/// Jobs that may wait for the writer. The core waits for each append of its own, so there are never more than a few.
const JOBS_WAITING_MAX: usize = 1024;

/// The log of this node. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::raft) struct LogStore {
    reader: LogReader,
    jobs: SyncSender<Job>,
    /// Ends after [`Job::Close`], or when all clones are gone.
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    vote: Option<Vote>,
    committed: Option<LogId>,
}

impl LogStore {
    /// Opens or creates the log of that node and starts its writer thread.
    pub(in crate::raft) fn open(path: &Path, node: NodeId) -> Result<Self, LogError> {
        let (tables, found) = Tables::open(path, node)?;
        let tables = Arc::new(tables);
        let tail = Arc::new(Mutex::new(Tail::new(&found)));
        let (sender, jobs) = sync_channel(JOBS_WAITING_MAX);
        let state = Writer { tables: tables.clone(), tail: tail.clone(), jobs };
        let writer = std::thread::Builder::new()
            .name("raft-log".to_owned())
            .spawn(move || state.run())
            .map_err(|source| LogError::StartWriter { source })?;
        Ok(Self {
            reader: LogReader { tables, tail },
            jobs: sender,
            writer: Arc::new(Mutex::new(Some(writer))),
            vote: found.vote,
            committed: found.committed,
        })
    }

    /// Whether nothing was ever written.
    pub(in crate::raft) fn is_new(&self) -> bool {
        self.vote.is_none() && self.tail().last().is_none()
    }

    /// Bytes appended since the process started.
    pub(in crate::raft) fn appended_bytes(&self) -> u64 {
        self.tail().appended_bytes()
    }

    /// The last entry to purge so that at most that many bytes stay, though never one after `through_max`.
    pub(in crate::raft) fn purge_point(&self, bytes_kept_max: u64, through_max: u64) -> Option<u64> {
        self.tail().purge_point(bytes_kept_max, through_max)
    }

    /// Writes what waits; returns when the writer has ended.
    pub(in crate::raft) async fn close(&self) -> Result<(), LogError> {
        let written = self.write(|done| Job::Close { done }).await;
        let writer = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(writer) = writer {
            let joined = tokio::task::spawn_blocking(move || writer.join()).await;
            return written.and(joined.ok().and_then(Result::ok).ok_or(LogError::Stopped));
        }
        written
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        lock(&self.reader.tail)
    }

    async fn write(&self, job: impl FnOnce(Done) -> Job) -> Result<(), LogError> {
        let (done, result) = oneshot::channel();
        self.send(job(done))?;
        result.await.unwrap_or(Err(LogError::Stopped))
    }

    fn send(&self, job: Job) -> Result<(), LogError> {
        match self.jobs.try_send(job) {
            Ok(()) => Ok(()),
            // Cannot happen as long as the core waits for its appends; if it does, stopping is safe and waiting is not.
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => Err(LogError::Stopped),
        }
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogReader;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let tail = self.tail();
        Ok(LogState { last_purged_log_id: tail.purged(), last_log_id: tail.last() })
    }

    async fn get_log_reader(&mut self) -> LogReader {
        self.reader.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let vote = *vote;
        self.write(|done| Job::Vote { vote, done }).await.map_err(|error| StorageIOError::write_vote(&error))?;
        self.vote = Some(vote);
        Ok(())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.vote)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        if let Some(log_id) = committed {
            self.send(Job::Committed(log_id)).map_err(|error| StorageIOError::write(&error))?;
        }
        self.committed = committed;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        Ok(self.committed)
    }

    async fn append<I>(&mut self, entries: I, flushed: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut encoded = Vec::new();
        for entry in entries {
            let bytes = encode_entry(&entry).map_err(|error| StorageIOError::write_log_entry(entry.log_id, &error))?;
            encoded.push((entry.log_id.index, bytes));
            let size = encoded.last().map_or(0, |(_, bytes)| bytes.len());
            self.tail().append(entry, size);
        }
        self.send(Job::Append { entries: encoded, flushed }).map_err(|error| StorageIOError::write_logs(&error))?;
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let first = log_id.index;
        let before = match first.checked_sub(1) {
            Some(index) => self.reader.log_id_at(index).await?,
            None => None,
        };
        self.tail().truncate(first, before);
        let written = self.write(|done| Job::Truncate { first, done }).await;
        Ok(written.map_err(|error| StorageIOError::write_logs(&error))?)
    }

    async fn purge(&mut self, through: LogId) -> Result<(), StorageError> {
        self.tail().purge(through);
        let written = self.write(|done| Job::Purge { through, done }).await;
        Ok(written.map_err(|error| StorageIOError::write_logs(&error))?)
    }
}

impl openraft::RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<Entry>, StorageError>
    where
        R: std::ops::RangeBounds<u64> + Clone + std::fmt::Debug + OptionalSend,
    {
        self.reader.try_get_log_entries(range).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.reader.limited_get_log_entries(start, end).await
    }
}

/// The tail is consistent after every method, so a panic elsewhere does not spoil it.
pub(super) fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
