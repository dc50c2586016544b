//! The thread that writes what apply handed over, and removes what is too old.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tiercel_proto::error::Chain;

use super::Retention;
use super::queue::Queue;
use super::record::HistoryRecord;
use super::store::Store;
use crate::triage::UnixMillis;

/// Most records of one transaction; one fsync carries them all.
const WRITE_RECORDS_MAX: usize = 8_192;

/// How long an idle writer waits before it looks at retention again.
const IDLE_WAIT: Duration = Duration::from_secs(1);

/// Pause between transactions. Readers see an alert a moment later, and a storm costs 20 fsyncs a second, not one
/// for each log entry.
const WRITE_INTERVAL: Duration = Duration::from_millis(50);

/// Pause after a failed write.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Attempts for what is left when the node stops; a broken disk must not hold up the end for ever.
const CLOSING_ATTEMPTS_MAX: u32 = 3;

/// Figures of writing.
#[derive(Debug, Default)]
pub(super) struct WriterCounters {
    repeated_records: AtomicU64,
    trimmed_records: AtomicU64,
    write_errors: AtomicU64,
}

impl WriterCounters {
    pub(super) fn count_repeated(&self, records: usize) {
        self.repeated_records.fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(super) fn repeated_records(&self) -> u64 {
        self.repeated_records.load(Ordering::Relaxed)
    }

    pub(super) fn trimmed_records(&self) -> u64 {
        self.trimmed_records.load(Ordering::Relaxed)
    }

    pub(super) fn write_errors(&self) -> u64 {
        self.write_errors.load(Ordering::Relaxed)
    }
}

/// Starts the thread; it ends when the queue is closed and empty.
pub(super) fn start(
    store: Arc<Store>,
    queue: Arc<Queue>,
    counters: Arc<WriterCounters>,
    retention: Retention,
) -> std::io::Result<JoinHandle<()>> {
    let writer = Writer { store, queue, counters, retention };
    std::thread::Builder::new().name("history-writer".to_owned()).spawn(move || writer.run())
}

struct Writer {
    store: Arc<Store>,
    queue: Arc<Queue>,
    counters: Arc<WriterCounters>,
    retention: Retention,
}

impl Writer {
    fn run(&self) {
        while let Some(records) = self.queue.take(WRITE_RECORDS_MAX, IDLE_WAIT) {
            if !records.is_empty() {
                self.write(&records);
                self.queue.confirm_written();
            }
            self.trim();
            if !records.is_empty() && !self.queue.is_closed() {
                std::thread::sleep(WRITE_INTERVAL);
            }
        }
    }

    /// Writes until it works: meanwhile the queue fills, and then sheds with a count.
    fn write(&self, records: &[HistoryRecord]) {
        let mut closing_attempts = 0;
        loop {
            match self.store.append(records) {
                Ok(stored) => {
                    self.counters.count_repeated(records.len() - stored);
                    return;
                }
                Err(error) => {
                    self.counters.write_errors.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(error = %Chain(&error), records = records.len(), "failed to write history, will retry");
                }
            }
            closing_attempts += u32::from(self.queue.is_closed());
            if closing_attempts >= CLOSING_ATTEMPTS_MAX {
                tracing::error!(records = records.len(), "gave up writing history because the node stops");
                return;
            }
            std::thread::sleep(RETRY_WAIT);
        }
    }

    fn trim(&self) {
        let now = now();
        let trimmed = self.store.trim(&self.retention, now);
        match trimmed.and_then(|removed| self.store.forget_idle_series(now).map(|()| removed)) {
            Ok(removed) => {
                self.counters.trimmed_records.fetch_add(removed, Ordering::Relaxed);
            }
            Err(error) => {
                self.counters.write_errors.fetch_add(1, Ordering::Relaxed);
                tracing::error!(error = %Chain(&error), "failed to trim history, will retry");
            }
        }
    }
}

fn now() -> UnixMillis {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
