//! Reads entries: the end of the log from memory, the rest from the file.

use std::fmt::Debug;
use std::ops::{Bound, RangeBounds, RangeInclusive};
use std::sync::{Arc, Mutex};

use openraft::{OptionalSend, RaftLogReader, StorageIOError};

use super::LogError;
use super::store::lock;
use super::tables::Tables;
use super::tail::Tail;
use crate::raft::types::{Entry, LogId, StorageError, TypeConfig};

/// Most bytes of one append to a peer. It has to arrive, be written and be answered within one heartbeat, or it is sent
/// again and again; it is also far below the largest message that a peer takes.
const APPEND_BYTES_MAX: usize = 1 << 20;

/// Reads the log while it is written. Clones share it.
#[derive(Debug, Clone)]
pub(in crate::raft) struct LogReader {
    pub(super) tables: Arc<Tables>,
    pub(super) tail: Arc<Mutex<Tail>>,
}

impl LogReader {
    /// The id of the entry at that index; of a purged one only if it is the last purged.
    pub(super) async fn log_id_at(&self, index: u64) -> Result<Option<LogId>, StorageError> {
        let purged = lock(&self.tail).purged();
        if purged.is_some_and(|purged| purged.index == index) {
            return Ok(purged);
        }
        Ok(self.read(index, index + 1, usize::MAX).await?.first().map(|entry| entry.log_id))
    }

    async fn read(&self, start: u64, end: u64, bytes_max: usize) -> Result<Vec<Entry>, StorageError> {
        let mut entries = Vec::new();
        let mut next = start;
        // The file and the memory may each hold a part, and the border between them moves while we read.
        while next < end {
            let part = self.locate(next, end);
            let Some(read) = self.read_part(&part, bytes_max).await? else { continue };
            let last = read.last().map(|entry| entry.log_id.index);
            entries.extend(read);
            next = match (last, part) {
                (Some(last), _) => last + 1,
                // The file begins later than asked for: what is before has been purged.
                (None, Part::InFile(indexes)) => indexes.end() + 1,
                (None, Part::InMemory { .. }) => break,
            };
            if bytes_max != usize::MAX && !entries.is_empty() {
                break;
            }
        }
        Ok(entries)
    }

    /// Where the first entries of a range are.
    fn locate(&self, start: u64, end: u64) -> Part {
        let tail = lock(&self.tail);
        let end = end.min(tail.last().map_or(0, |last| last.index + 1));
        let in_file_end = tail.first_cached().unwrap_or(end).min(end);
        if start < in_file_end { Part::InFile(start..=in_file_end - 1) } else { Part::InMemory { start, end } }
    }

    /// Reads a part; `None` when it is no longer where it was.
    async fn read_part(&self, part: &Part, bytes_max: usize) -> Result<Option<Vec<Entry>>, StorageError> {
        match part {
            Part::InMemory { start, end } => Ok(lock(&self.tail).read(*start, *end, bytes_max)),
            Part::InFile(indexes) => {
                let (tables, indexes, start) = (self.tables.clone(), indexes.clone(), *indexes.start());
                let reading = tokio::task::spawn_blocking(move || tables.read(indexes, bytes_max)).await;
                let entries = reading
                    .unwrap_or(Err(LogError::Stopped))
                    .map_err(|error| StorageIOError::read_log_at_index(start, &error))?;
                Ok(Some(entries))
            }
        }
    }
}

/// A part of the log that is in one place.
enum Part {
    InFile(RangeInclusive<u64>),
    InMemory { start: u64, end: u64 },
}

impl RaftLogReader<TypeConfig> for LogReader {
    async fn try_get_log_entries<R>(&mut self, range: R) -> Result<Vec<Entry>, StorageError>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let start = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        self.read(start, end, usize::MAX).await
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<Entry>, StorageError> {
        self.read(start, end, APPEND_BYTES_MAX).await
    }
}
