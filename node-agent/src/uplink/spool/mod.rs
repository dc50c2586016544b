//! The spool: alerts lie here, on disk, from the moment they are numbered until a quorum has them.
//!
//! Each run of the agent opens one stream a lane and numbers its alerts from 1 on without gaps. Nothing that was
//! numbered ever disappears in silence: what has to be given up stays in its stream as a skip with a reason and a
//! count. So at every moment
//!
//! ```text
//! recovered + spooled = acknowledged + skipped(reason) + waiting
//! ```
//!
//! A run that is killed loses nothing that [`Spool::append`] had returned for. A power cut may take what was appended
//! since the last [`Spool::sync`] of its lane, and a new generation sees to it that the numbers are not used again.

mod append;
mod durable;
mod identity;
mod ledger;
mod reader;
mod record;
mod recovery;
mod room;
mod segment;
mod skips;
mod stream;
#[cfg(test)]
mod tests;

pub use segment::StreamId;
pub use skips::SkipReason;
pub use stream::{Batch, BatchLimits};

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tiercel_proto::{Generation, Lane, Sequence, SpoolId};

use durable::Durability;
use identity::Claim;
use ledger::{Entry, Ledger};
use segment::Segment;
use stream::Stream;

/// Where the spool is and how large it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolOptions {
    /// The directory; nobody else may use it.
    pub directory: PathBuf,
    /// Bytes of all segments on disk. A quarter is for critical alerts and a half for errors and warnings.
    pub bytes_max: u64,
}

/// Why the spool could not be opened. Once open, it copes.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process has it.
    #[error("spool {} is in use by another process", directory.display())]
    Busy {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory cannot be used.
    #[error("failed to {operation} spool {}: {source}", directory.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The directory.
        directory: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl SpoolError {
    fn io(operation: &'static str, directory: &Path) -> impl FnOnce(io::Error) -> Self {
        let directory = directory.to_owned();
        move |source| Self::Io { operation, directory, source }
    }
}

/// The sums of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpoolCounts {
    /// Alerts that earlier runs had left.
    pub recovered: u64,
    /// Alerts that were numbered.
    pub spooled: u64,
    /// Alerts that a quorum has.
    pub acknowledged: u64,
    /// Alerts that were given up, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Alerts in the spool.
    pub waiting: u64,
    /// Bytes on disk.
    pub disk_bytes: u64,
    /// Bytes in memory, because the disk takes nothing.
    pub memory_bytes: u64,
    /// Bytes that were cut off from the ends of files at the start.
    pub torn_bytes: u64,
    /// How often the disk refused.
    pub disk_failures: u64,
    /// Whether the disk takes nothing at the moment.
    pub is_degraded: bool,
}

/// A disk queue of alerts. Every method may block on the disk.
#[derive(Debug)]
pub struct Spool {
    options: SpoolOptions,
    claim: Claim,
    ledger: Ledger,
    /// By lane, oldest first; the last one is that of this run.
    lanes: [VecDeque<Stream>; 3],
    /// Segments that are settled and go as soon as the books say so.
    settled: Vec<Segment>,
    books_changed: bool,
    books_failing: bool,
    disk_retry_at: Option<Instant>,
    /// Segments were created whose names are not yet safe from a power cut.
    names_unsynced: bool,
    counts: SpoolCounts,
}

impl Spool {
    /// Opens the directory, opens a new generation, and looks at everything that earlier runs left.
    pub fn open(options: SpoolOptions) -> Result<Self, SpoolError> {
        let claim = Claim::new(&options.directory)?;
        let ledger = Ledger::in_directory(&options.directory);
        let recovery = recovery::recover(&options.directory, &ledger, claim.id)?;
        let counts =
            SpoolCounts { recovered: recovery.waiting(), torn_bytes: recovery.torn_bytes, ..SpoolCounts::default() };
        let mut lanes = recovery.streams;
        for lane in Lane::ALL {
            let id = StreamId { spool: claim.id, generation: claim.generation, lane };
            lanes[lane.index()].push_back(Stream::new(id, Sequence::FIRST, skips::Skips::default()));
        }
        tracing::info!(
            directory = %options.directory.display(), spool = %claim.id, generation = %claim.generation,
            recovered = counts.recovered, torn_bytes = counts.torn_bytes, "opened spool"
        );
        Ok(Self {
            options,
            claim,
            ledger,
            lanes,
            settled: recovery.settled,
            books_changed: true,
            books_failing: false,
            disk_retry_at: None,
            names_unsynced: false,
            counts,
        })
    }

    /// The name of the spool.
    pub fn id(&self) -> SpoolId {
        self.claim.id
    }

    /// The number of this run.
    pub fn generation(&self) -> Generation {
        self.claim.generation
    }

    /// Whether the lane has something that was not sent.
    pub fn has_unsent(&self, lane: Lane) -> bool {
        self.lanes[lane.index()].iter().any(Stream::has_unsent)
    }

    /// Takes the next items of the lane: those of earlier runs first.
    pub fn next_batch(&mut self, lane: Lane, limits: BatchLimits) -> Option<Batch> {
        let stream = self.lanes[lane.index()].iter_mut().find(|stream| stream.has_unsent())?;
        let (batch, damaged) = stream.next_batch(limits);
        self.count_skipped(SkipReason::Damaged, damaged);
        Some(batch)
    }

    /// Takes note that a quorum has everything of the stream up to the sequence. Returns how many alerts it did not
    /// know that of.
    pub fn acknowledge(&mut self, stream: StreamId, through: Sequence) -> u64 {
        let current = self.claim.generation == stream.generation && self.claim.id == stream.spool;
        let Some(found) = self.stream_mut(stream) else { return 0 };
        let settled = found.acknowledge(through.plus(1), current);
        self.settled.extend(settled.segments);
        self.counts.acknowledged += settled.alerts;
        self.books_changed = true;
        settled.alerts
    }

    /// Makes everything of the lane that is not acknowledged be sent again.
    pub fn rewind(&mut self, lane: Lane) {
        self.lanes[lane.index()].iter_mut().for_each(Stream::rewind);
    }

    /// Answers a cluster that expects another sequence than we would send next. A later one means that it has what
    /// we have no acknowledgement of; an earlier one, that it has forgotten what it acknowledged.
    pub fn expect(&mut self, stream: StreamId, expected: Sequence) {
        if let Some(found) = self.stream_mut(stream)
            && expected < found.unacked
        {
            tracing::warn!(
                stream = %stream, acknowledged_before = %found.unacked, %expected,
                "cluster has forgotten alerts that it had acknowledged, the gap is announced to it"
            );
            found.restate(expected);
            self.books_changed = true;
        } else if expected > Sequence::FIRST {
            self.acknowledge(stream, Sequence(expected.0 - 1));
        }
    }

    /// Writes the books if they have changed, and deletes what they say is settled.
    pub fn checkpoint(&mut self) {
        if !std::mem::take(&mut self.books_changed) {
            return;
        }
        // A segment may only go when a power cut cannot bring back books that still count on it.
        let durability = if self.settled.is_empty() { Durability::Cached } else { Durability::Synced };
        let written = self.ledger.write(&self.entries(), durability);
        // Books that are too old only cost repeats; room on the disk is worth more, so what is settled goes anyway.
        self.books_changed = written.is_err();
        self.report_books(written);
        for segment in std::mem::take(&mut self.settled) {
            if let Err(error) = segment.delete() {
                tracing::error!(%error, directory = %self.options.directory.display(), "failed to delete spool segment");
            }
        }
        for streams in &mut self.lanes {
            let current = streams.pop_back();
            let before = streams.len();
            streams.retain(|stream| !stream.is_settled());
            self.books_changed |= streams.len() != before;
            streams.extend(current);
        }
    }

    /// Says once that the books cannot be written, not twice a second.
    fn report_books(&mut self, written: io::Result<()>) {
        let had_failed = std::mem::replace(&mut self.books_failing, written.is_err());
        if let Err(error) = written {
            self.counts.disk_failures += 1;
            if !had_failed {
                tracing::error!(%error, directory = %self.options.directory.display(), "failed to write the books of the spool");
            }
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |stream: &Stream| {
            Entry::new(stream.id, stream.unacked, stream.next, stream.skips.ranges().cloned().collect())
        };
        self.lanes.iter().flatten().map(entry).collect()
    }

    /// The sums.
    pub fn counts(&self) -> SpoolCounts {
        let streams = || self.lanes.iter().flatten();
        let segments = || streams().flat_map(|stream| &stream.segments).chain(&self.settled);
        SpoolCounts {
            waiting: streams().map(Stream::waiting).sum(),
            disk_bytes: segments().map(Segment::disk_bytes).sum(),
            memory_bytes: segments().map(Segment::memory_bytes).sum(),
            ..self.counts.clone()
        }
    }

    fn count_skipped(&mut self, reason: SkipReason, count: u64) {
        if count > 0 {
            *self.counts.skipped.entry(reason).or_default() += count;
            self.books_changed = true;
        }
    }

    fn current(&mut self, lane: Lane) -> &mut Stream {
        self.lanes[lane.index()].back_mut().expect("every lane has the stream of this run")
    }

    fn stream_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.lanes[id.lane.index()].iter_mut().find(|stream| stream.id == id)
    }
}
