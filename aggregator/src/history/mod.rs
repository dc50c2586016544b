//! The searchable past: every accepted alert, fed from apply, kept by age and size, read newest first.
//!
//! The store is a file of its own beside the replicated state. It remembers the last log position that it holds,
//! so a node that re-applies its log after a restart may feed the same records again without harm.

mod error;
mod filter;
mod queue;
mod record;
mod retention;
mod series;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tiercel_proto::AlertId;

pub use error::HistoryError;
pub use filter::{Filter, Pattern, PatternError, TextFilter};
pub use record::{ParsePlaceError, PastAlert, Place, Position};
pub use retention::Retention;
pub use series::{OTHER, SeriesCount, SeriesLabels};
pub use store::{Page, Query, Totals};

use queue::Queue;
use record::HistoryRecord;
use store::Store;
use writer::WriterCounters;

use crate::raft::Feed;
use crate::triage::Record;

/// The file inside the data folder.
const FILE_NAME: &str = "history.redb";

/// How long a snapshot waits for the history. Purged entries are never fed again, but a snapshot that waits for a broken
/// disk would let the log grow without end.
const FLUSH_WAIT_MAX: Duration = Duration::from_secs(10);

/// What the history holds and how well its writer keeps up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistoryStats {
    /// What is in the file.
    pub totals: Totals,
    /// Records that wait for the writer.
    pub queued_records: usize,
    /// Records that were refused because the writer could not keep up.
    pub shed_records: u64,
    /// Records that were fed again and already there.
    pub repeated_records: u64,
    /// Records that retention removed.
    pub trimmed_records: u64,
    /// Writes that failed; the writer tries again.
    pub write_errors: u64,
    /// Alerts that were counted under `other` because there were too many series.
    pub folded_series_alerts: u64,
}

/// Handle to the history of this node; dropping it writes out what is queued.
#[derive(Debug)]
pub struct History {
    store: Arc<Store>,
    queue: Arc<Queue>,
    counters: Arc<WriterCounters>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl History {
    /// Opens or creates the store in the data folder and starts its writer thread.
    ///
    /// Fails when the file cannot be opened, is held by another process, or is of a newer format.
    pub fn open(directory: &Path, retention: Retention) -> Result<Self, HistoryError> {
        let store = Arc::new(Store::open(&directory.join(FILE_NAME))?);
        let queue = Arc::new(Queue::default());
        let counters = Arc::new(WriterCounters::default());
        let writer = writer::start(Arc::clone(&store), Arc::clone(&queue), Arc::clone(&counters), retention)
            .map_err(|source| HistoryError::StartWriter { source })?;
        Ok(Self { store, queue, counters, writer: Mutex::new(Some(writer)) })
    }

    /// Takes the alerts that one log entry brought, in log order. Waits at most a moment when the writer is behind, then
    /// sheds the batch and counts it: the history may lose a record, the cluster never waits for its disk.
    pub fn append(&self, log_index: u64, records: Vec<Record>) {
        let place = |(offset, record)| HistoryRecord { position: Position { log_index, offset }, record };
        let mut records: Vec<_> = (0..).zip(records).map(place).collect();
        // A replayed log is faster than the disk: what is there already must not take the room of what is not.
        let last = self.last_position();
        let fed = records.len();
        records.retain(|record| last.is_none_or(|last| record.position > last));
        self.counters.count_repeated(fed - records.len());
        self.queue.push(records);
    }

    /// Returns one page, newest first. Reads the disk: call it where blocking is allowed.
    pub fn query(&self, query: &Query) -> Result<Page, HistoryError> {
        self.store.query(query)
    }

    /// Returns one alert. Reads the disk: call it where blocking is allowed.
    pub fn get(&self, alert_id: &AlertId) -> Result<Option<PastAlert>, HistoryError> {
        self.store.get(alert_id)
    }

    /// Waits until all that was appended before the call is on the disk; gives up and returns false after `patience`.
    pub fn wait_until_written(&self, patience: Duration) -> bool {
        self.queue.wait_until_written(patience)
    }

    /// The last position that is on the disk.
    pub fn last_position(&self) -> Option<Position> {
        self.store.totals().last_position
    }

    /// Returns how many alerts came, by the labels of Falco's exporters.
    pub fn series(&self) -> Vec<(SeriesLabels, SeriesCount)> {
        self.store.series()
    }

    /// Returns the present figures; cheap, reads no disk.
    pub fn stats(&self) -> HistoryStats {
        HistoryStats {
            totals: self.store.totals(),
            queued_records: self.queue.queued_records(),
            shed_records: self.queue.shed_records(),
            repeated_records: self.counters.repeated_records(),
            trimmed_records: self.counters.trimmed_records(),
            write_errors: self.counters.write_errors(),
            folded_series_alerts: self.store.folded_series_alerts(),
        }
    }

    /// Writes out what is queued and stops the writer thread; later appends are shed.
    pub fn close(&self) {
        self.queue.close();
        let writer = self.writer.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if writer.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("history writer thread panicked");
        }
    }
}

impl Feed for History {
    fn record(&self, log_index: u64, records: Vec<Record>) {
        self.append(log_index, records);
    }

    fn flush(&self) {
        if !self.wait_until_written(FLUSH_WAIT_MAX) {
            tracing::warn!(waited = ?FLUSH_WAIT_MAX, "failed to write out history before a snapshot");
        }
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.close();
    }
}
