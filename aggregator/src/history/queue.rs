//! The bounded queue between apply and the history writer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::record::HistoryRecord;

/// Most records that wait. At about 2 KiB each this is 64 MiB, and some seconds of the fastest storm we measure.
const QUEUED_RECORDS_MAX: usize = 32_768;

/// Longest time for which apply waits when the queue is full. Far below an election timeout.
const PUSH_WAIT_MAX: Duration = Duration::from_millis(50);

/// Batches in log order. Push waits a moment and then sheds; take waits for work.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<QueueState>,
    /// Signalled when there is work, room, or an end.
    changed: Condvar,
    records_max: usize,
}

#[derive(Debug, Default)]
struct QueueState {
    batches: VecDeque<Vec<HistoryRecord>>,
    queued_records: usize,
    shed_records: u64,
    /// Batches ever accepted, and ever written: equal when nothing is under way.
    accepted_batches: u64,
    written_batches: u64,
    taken_batches: u64,
    closed: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self::with_bound(QUEUED_RECORDS_MAX)
    }
}

impl Queue {
    pub(super) fn with_bound(records_max: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), records_max }
    }

    /// Adds a batch. When there is no room within [`PUSH_WAIT_MAX`] the batch is dropped and counted.
    pub(super) fn push(&self, batch: Vec<HistoryRecord>) {
        if batch.is_empty() {
            return;
        }
        let full = |state: &mut QueueState| {
            // A batch larger than the bound is taken when the queue is empty, or it could never pass.
            !state.closed && state.queued_records > 0 && state.queued_records + batch.len() > self.records_max
        };
        let (mut state, waited) = self
            .changed
            .wait_timeout_while(self.lock(), PUSH_WAIT_MAX, full)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if state.closed || waited.timed_out() {
            state.shed_records += batch.len() as u64;
            return;
        }
        state.queued_records += batch.len();
        state.accepted_batches += 1;
        state.batches.push_back(batch);
        drop(state);
        self.changed.notify_all();
    }

    /// Takes all that waits, up to about `records_max`; waits up to `patience` for the first batch.
    /// Returns `None` when the queue is closed and empty.
    pub(super) fn take(&self, records_max: usize, patience: Duration) -> Option<Vec<HistoryRecord>> {
        let idle = |state: &mut QueueState| state.batches.is_empty() && !state.closed;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.lock(), patience, idle)
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if state.batches.is_empty() && state.closed {
            return None;
        }
        let mut taken = Vec::new();
        while taken.len() < records_max
            && let Some(batch) = state.batches.pop_front()
        {
            state.queued_records -= batch.len();
            state.taken_batches += 1;
            taken.extend(batch);
        }
        drop(state);
        self.changed.notify_all();
        Some(taken)
    }

    /// Says that all that was taken is on the disk.
    pub(super) fn confirm_written(&self) {
        let mut state = self.lock();
        state.written_batches = state.taken_batches;
        drop(state);
        self.changed.notify_all();
    }

    /// Waits until all that was accepted before the call is on the disk.
    pub(super) fn wait_until_written(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let state = self.lock();
        let goal = state.accepted_batches;
        let (state, waited) = self
            .changed
            .wait_timeout_while(state, deadline.saturating_duration_since(Instant::now()), |state| {
                state.written_batches < goal
            })
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        drop(state);
        !waited.timed_out()
    }

    /// Ends the queue: what waits is still taken, what comes later is shed.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn queued_records(&self) -> usize {
        self.lock().queued_records
    }

    pub(super) fn shed_records(&self) -> u64 {
        self.lock().shed_records
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // The state is only counters and a list, whole after every statement.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
