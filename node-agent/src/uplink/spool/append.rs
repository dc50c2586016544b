//! Numbering and writing: to disk, or to memory while the disk takes nothing.

use std::io;
use std::time::{Duration, Instant};

use prost::Message;
use tiercel_detection::Alert;
use tiercel_proto::{Lane, Sequence, v1};

use super::room::MEMORY_BYTES_MAX;
use super::segment::Segment;
use super::{SkipReason, Spool, durable, record};

/// Size at which a segment is closed. Large enough that a full spool has few files, small enough that giving up the
/// oldest one loses little of a lane.
const SEGMENT_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Into how many segments a small lane is divided at least, for the same reason.
const SEGMENTS_PER_LANE_MIN: u64 = 4;

/// Smallest segment, for spools of a few kilobytes as tests have them.
pub(super) const SEGMENT_BYTES_MIN: u64 = 4 * 1024;

/// Size at which a piece of memory is closed.
const MEMORY_SEGMENT_BYTES: u64 = 1024 * 1024;

/// How much is written with one call, and at most by how much a segment grows beyond its size.
const WRITE_BYTES_MAX: u64 = 64 * 1024;

/// How long the disk is left alone after it failed.
pub(super) const DISK_RETRY_INTERVAL: Duration = Duration::from_secs(5);

impl Spool {
    /// Numbers the alerts and writes them. This cannot fail: what the disk does not take goes to memory, and what
    /// finds no room is given up by the rules of its lane.
    pub fn append(&mut self, alerts: &[Alert], now: Instant) {
        for lane in Lane::ALL {
            let mut records = Vec::new();
            for alert in alerts.iter().filter(|alert| Lane::of(alert.priority) == lane) {
                self.append_one(lane, alert, &mut records, now);
            }
            self.write(lane, &mut records, now);
            self.make_room(lane);
        }
    }

    fn append_one(&mut self, lane: Lane, alert: &Alert, records: &mut Vec<u8>, now: Instant) {
        self.counts.spooled += 1;
        let payload = v1::Alert::from(alert).encode_to_vec();
        if payload.len() > record::PAYLOAD_BYTES_MAX {
            self.write(lane, records, now);
            self.current(lane).skip_next(&alert.rule, SkipReason::Oversized);
            self.count_skipped(SkipReason::Oversized, 1);
            return;
        }
        let write_bytes_max = self.segment_bytes_max(lane).min(WRITE_BYTES_MAX);
        let stream = self.current(lane);
        record::encode(stream.next, &payload, records);
        stream.next = stream.next.plus(1);
        if records.len() as u64 >= write_bytes_max {
            self.write(lane, records, now);
        }
    }

    /// Writes the encoded records, which end the numbering of the lane so far.
    fn write(&mut self, lane: Lane, records: &mut Vec<u8>, now: Instant) {
        if records.is_empty() {
            return;
        }
        if self.needs_segment(lane, now) {
            self.add_segment(lane, first_sequence(records), now);
        }
        let stream = self.current(lane);
        let end = stream.next;
        let head = stream.segments.back_mut().expect("a segment was just added");
        if let Err(error) = head.append(records, end) {
            if head.bytes() == 0 {
                // It was made for these records: a disk that is full lets files be made and takes nothing into them.
                let empty = stream.segments.pop_back();
                self.settled.extend(empty);
                self.books_changed = true;
            }
            self.append_to_memory(lane, records, end);
            self.disk_failed("write to", &error, now);
        }
        records.clear();
    }

    fn append_to_memory(&mut self, lane: Lane, records: &[u8], end: Sequence) {
        let mut memory = Segment::in_memory(first_sequence(records));
        memory.append(records, end).expect("memory takes everything");
        self.current(lane).segments.push_back(memory);
    }

    fn needs_segment(&mut self, lane: Lane, now: Instant) -> bool {
        let bytes_max = self.segment_bytes_max(lane);
        let retry_due = self.disk_retry_at.is_some_and(|at| now >= at);
        self.current(lane).segments.back().is_none_or(|head| match head.is_memory() {
            true => head.bytes() >= MEMORY_SEGMENT_BYTES || retry_due,
            false => head.bytes() >= bytes_max || head.is_broken(),
        })
    }

    fn add_segment(&mut self, lane: Lane, first: Sequence, now: Instant) {
        self.sync(lane, now);
        let stream = self.current(lane).id;
        if self.disk_retry_at.is_none_or(|at| now >= at) {
            match Segment::create(&self.options.directory, stream, first) {
                Ok(segment) => {
                    self.names_unsynced = true;
                    return self.current(lane).segments.push_back(segment);
                }
                Err(error) => self.disk_failed("create a segment in", &error, now),
            }
        }
        self.current(lane).segments.push_back(Segment::in_memory(first));
    }

    /// Puts what was appended to the lane on the disk; after it, a power cut does not take it any more.
    pub fn sync(&mut self, lane: Lane, now: Instant) {
        let synced = self.current(lane).sync();
        let named = match std::mem::take(&mut self.names_unsynced) {
            true => durable::sync_folder(&self.options.directory),
            false => Ok(()),
        };
        self.names_unsynced |= named.is_err();
        match synced.and_then(|was_anything| named.map(|()| was_anything)) {
            Ok(true) => self.disk_works(),
            Ok(false) => {}
            Err(error) => self.disk_failed("sync", &error, now),
        }
    }

    fn disk_failed(&mut self, operation: &str, error: &io::Error, now: Instant) {
        self.counts.disk_failures += 1;
        self.disk_retry_at = Some(now + DISK_RETRY_INTERVAL);
        if !self.counts.is_degraded {
            self.counts.is_degraded = true;
            tracing::error!(
                %error, directory = %self.options.directory.display(), memory_bytes_max = MEMORY_BYTES_MAX,
                "failed to {operation} spool, alerts are kept in memory"
            );
        }
    }

    /// Only a sync proves that the disk works: a full one lets files be made, and a broken one takes what it loses.
    fn disk_works(&mut self) {
        self.disk_retry_at = None;
        if self.counts.is_degraded {
            self.counts.is_degraded = false;
            tracing::info!(directory = %self.options.directory.display(), "spool is written to disk again");
        }
    }

    fn segment_bytes_max(&self, lane: Lane) -> u64 {
        (self.lane_bytes_max(lane) / SEGMENTS_PER_LANE_MIN).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
    }
}

/// The sequence of the first of some encoded records.
fn first_sequence(records: &[u8]) -> Sequence {
    match record::parse(records) {
        record::Parsed::Record(record) => record.sequence,
        record::Parsed::Short { .. } | record::Parsed::Damaged => unreachable!("records were encoded a moment ago"),
    }
}
