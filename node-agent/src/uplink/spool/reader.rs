//! Reading a segment from a sequence on: alerts, and the holes that damage has left between them.

use std::io;

use prost::Message;
use tiercel_proto::{Sequence, v1};

use super::record::{self, Parsed};
use super::segment::{Segment, sequence_limit};

/// How much of a segment is read at once: a batch and the largest record behind it.
const WINDOW_BYTES: usize = 512 * 1024 + record::PAYLOAD_BYTES_MAX + record::HEADER_BYTES;

/// What comes next in a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// The alert with exactly the sequence that was asked for, and its size.
    Alert { alert: v1::Alert, bytes: usize },
    /// There is no alert up to, and without, this sequence.
    HoleUntil(Sequence),
}

/// A place between two records; what follows has this sequence or a later one.
#[derive(Debug, Clone, Copy)]
struct Place {
    segment: Sequence,
    offset: u64,
    sequence: Sequence,
}

/// Bytes read ahead.
#[derive(Debug)]
struct Window {
    segment: Sequence,
    offset: u64,
    bytes: Vec<u8>,
}

/// Reads segments in order without reading anything twice.
#[derive(Debug, Default)]
pub(super) struct Reader {
    place: Option<Place>,
    window: Option<Window>,
}

enum Step {
    Here { alert: Option<v1::Alert>, length: usize },
    Over { length: usize },
    Hole { until: Sequence },
    ReadOn,
    Search,
}

impl Reader {
    /// Looks for the sequence in the segment, which must be one between its first and its end.
    pub(super) fn read(&mut self, segment: &Segment, sequence: Sequence) -> io::Result<Found> {
        let mut place = self.start(segment, sequence);
        loop {
            match self.step(segment, place.offset, sequence)? {
                Step::Here { alert, length } => {
                    self.rest_at(segment, place.offset + length as u64, sequence.plus(1));
                    return Ok(match alert {
                        Some(alert) => Found::Alert { alert, bytes: length },
                        None => Found::HoleUntil(sequence.plus(1)),
                    });
                }
                Step::Over { length } => place.offset += length as u64,
                Step::ReadOn => self.window = None,
                Step::Hole { until } => {
                    self.rest_at(segment, place.offset, until);
                    return Ok(Found::HoleUntil(until));
                }
                Step::Search => {
                    let rest = segment.read_rest(place.offset)?;
                    let limit = sequence_limit(sequence, rest.len()).min(segment.end);
                    match record::find(&rest, 1, sequence..limit) {
                        Some((start, _)) => place.offset += start as u64,
                        None => return Ok(Found::HoleUntil(segment.end)),
                    }
                }
            }
        }
    }

    /// The place to begin at: where the last read ended, or else the start of the segment.
    fn start(&self, segment: &Segment, sequence: Sequence) -> Place {
        let known = self.place.filter(|place| place.segment == segment.first && place.sequence <= sequence);
        known.unwrap_or(Place { segment: segment.first, offset: 0, sequence: segment.first })
    }

    fn rest_at(&mut self, segment: &Segment, offset: u64, sequence: Sequence) {
        self.place = Some(Place { segment: segment.first, offset, sequence });
        if offset >= segment.bytes() {
            self.window = None;
        }
    }

    fn step(&mut self, segment: &Segment, offset: u64, sequence: Sequence) -> io::Result<Step> {
        let bytes = self.window_at(segment, offset)?;
        Ok(match record::parse(bytes) {
            Parsed::Record(record) if record.sequence < sequence => Step::Over { length: record.length() },
            Parsed::Record(record) if record.sequence > sequence => Step::Hole { until: record.sequence },
            Parsed::Record(record) => {
                Step::Here { alert: v1::Alert::decode(record.payload).ok(), length: record.length() }
            }
            Parsed::Short { needed } if offset + needed as u64 <= segment.bytes() => Step::ReadOn,
            Parsed::Short { .. } | Parsed::Damaged => Step::Search,
        })
    }

    fn window_at(&mut self, segment: &Segment, offset: u64) -> io::Result<&[u8]> {
        let start = self.window.as_ref().and_then(|window| window.position(segment, offset));
        let (window, start) = match (self.window.take(), start) {
            (Some(window), Some(start)) => (window, start),
            (_, _) => (Window { segment: segment.first, offset, bytes: segment.read(offset, WINDOW_BYTES)? }, 0),
        };
        Ok(&self.window.insert(window).bytes[start..])
    }
}

impl Window {
    fn position(&self, segment: &Segment, offset: u64) -> Option<usize> {
        let start = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        (self.segment == segment.first && start < self.bytes.len()).then_some(start)
    }
}
