//! The one thread that writes: it takes all that waits, makes it durable with one fsync, then tells everybody.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use openraft::storage::LogFlushed;
use tiercel_proto::error::Chain;
use tokio::sync::oneshot;
use tracing::{error, info};

use super::LogError;
use super::store::lock;
use super::tables::{Tables, Transaction};
use super::tail::Tail;
use crate::raft::types::{LogId, TypeConfig, Vote};

/// Most jobs of one transaction. The core has a few under way at a time; the bound is for the memory of a reader of
/// this code.
const JOBS_PER_TRANSACTION_MAX: usize = 256;

/// Something to write.
pub(super) enum Job {
    /// Encoded entries, and whom to tell.
    Append { entries: Vec<(u64, Vec<u8>)>, flushed: LogFlushed<TypeConfig> },
    /// Remove the entries from that index on.
    Truncate { first: u64, done: Done },
    /// Remove the entries up to that one.
    Purge { through: LogId, done: Done },
    /// Our vote.
    Vote { vote: Vote, done: Done },
    /// How far the log is committed. It may be lost, so it waits for the next transaction.
    Committed(LogId),
    /// Write what waits, and end.
    Close { done: Done },
}

pub(super) type Done = oneshot::Sender<Result<(), LogError>>;

/// The state of the thread.
pub(super) struct Writer {
    pub(super) tables: Arc<Tables>,
    pub(super) tail: Arc<Mutex<Tail>>,
    pub(super) jobs: Receiver<Job>,
}

/// Those who wait for a transaction.
#[derive(Default)]
struct Waiting {
    appends: Vec<(LogFlushed<TypeConfig>, Option<u64>)>,
    done: Vec<Done>,
    is_last: bool,
}

impl Writer {
    /// Writes until it is told to close, the store is dropped, or a write fails.
    pub(super) fn run(self) {
        let mut committed = None;
        let mut works = true;
        while let Ok(first) = self.jobs.recv() {
            let jobs = std::iter::once(first).chain(self.jobs.try_iter().take(JOBS_PER_TRANSACTION_MAX - 1));
            let jobs = jobs.collect::<Vec<_>>();
            let (waiting, result) = self.write(jobs, &mut committed, works);
            works &= result.is_ok();
            let is_last = waiting.is_last;
            self.tell(waiting, result);
            if is_last {
                break;
            }
        }
        info!("log writer stopped");
    }

    fn write(&self, jobs: Vec<Job>, committed: &mut Option<LogId>, works: bool) -> (Waiting, Result<(), LogError>) {
        let mut transaction = None;
        let mut waiting = Waiting::default();
        // After a failed fsync the kernel may have dropped the dirty pages; a second one that succeeds proves nothing.
        let mut result = if works { Ok(()) } else { Err(LogError::Stopped) };
        for job in jobs {
            if result.is_ok() {
                result = self.put(&job, &mut transaction, committed);
            }
            waiting.add(job);
        }
        if result.is_ok() {
            result = finish(transaction, committed);
        }
        if let Err(error) = &result {
            error!(error = %Chain(error), "failed to write log");
        }
        (waiting, result)
    }

    fn put(
        &self,
        job: &Job,
        transaction: &mut Option<Transaction>,
        committed: &mut Option<LogId>,
    ) -> Result<(), LogError> {
        if let Job::Committed(log_id) = job {
            *committed = Some(*log_id);
            return Ok(());
        }
        let transaction = match transaction {
            Some(transaction) => transaction,
            None => transaction.insert(self.tables.begin()?),
        };
        match job {
            Job::Append { entries, .. } => transaction.append(entries),
            Job::Truncate { first, .. } => transaction.remove_from(*first),
            Job::Purge { through, .. } => transaction.purge(through),
            Job::Vote { vote, .. } => transaction.set_vote(vote),
            Job::Committed(_) | Job::Close { .. } => Ok(()),
        }
    }

    fn tell(&self, waiting: Waiting, result: Result<(), LogError>) {
        let durable_through = waiting.appends.iter().filter_map(|(_, last)| *last).max();
        if let (Ok(()), Some(through)) = (&result, durable_through) {
            lock(&self.tail).set_durable(through);
        }
        for (flushed, _) in waiting.appends {
            let result = result.as_ref().copied().map_err(|error| std::io::Error::other(error.to_string()));
            flushed.log_io_completed(result);
        }
        for done in waiting.done {
            let result = result.as_ref().copied().map_err(|_| LogError::Stopped);
            // A caller that is gone no longer needs to know.
            drop(done.send(result));
        }
    }
}

impl Waiting {
    fn add(&mut self, job: Job) {
        match job {
            Job::Append { entries, flushed } => {
                self.appends.push((flushed, entries.last().map(|(index, _)| *index)));
            }
            Job::Truncate { done, .. } | Job::Purge { done, .. } | Job::Vote { done, .. } => self.done.push(done),
            Job::Close { done } => {
                self.done.push(done);
                self.is_last = true;
            }
            Job::Committed(_) => {}
        }
    }
}

/// Makes everything durable, with how far the log is committed.
fn finish(transaction: Option<Transaction>, committed: &mut Option<LogId>) -> Result<(), LogError> {
    let Some(transaction) = transaction else { return Ok(()) };
    if let Some(log_id) = committed.take() {
        transaction.set_committed(&log_id)?;
    }
    transaction.commit()
}
