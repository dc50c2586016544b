//! Starting: what earlier runs left in the directory.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tiercel_proto::{Lane, Sequence, SpoolId};

use super::SpoolError;
use super::ledger::{Entry, Ledger};
use super::segment::{self, Segment, StreamId};
use super::skips::Skips;
use super::stream::Stream;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Streams with something in them, oldest first, by lane.
    pub(super) streams: [VecDeque<Stream>; 3],
    /// Segments in which nothing is left to send.
    pub(super) settled: Vec<Segment>,
    /// Bytes cut off from torn ends.
    pub(super) torn_bytes: u64,
}

/// Reads the directory. Files that cannot be read become holes, which are announced when their turn comes.
pub(super) fn recover(directory: &Path, ledger: &Ledger, own: SpoolId) -> Result<Recovery, SpoolError> {
    let mut entries: BTreeMap<StreamId, Entry> = ledger.read().into_iter().map(|entry| (entry.id(), entry)).collect();
    let mut files = segment_files(directory).map_err(SpoolError::io("list", directory))?;
    let mut ids: Vec<StreamId> = entries.keys().chain(files.keys()).copied().collect();
    // What came with another name is older than anything of our own.
    ids.sort_by_key(|id| (id.spool == own, id.spool, id.generation, id.lane));
    ids.dedup();
    let mut recovery = Recovery::default();
    for id in ids {
        let files = files.remove(&id).unwrap_or_default();
        recovery.add(id, entries.remove(&id), files);
    }
    Ok(recovery)
}

type Files = BTreeMap<Sequence, PathBuf>;

fn segment_files(directory: &Path) -> io::Result<BTreeMap<StreamId, Files>> {
    let mut found: BTreeMap<StreamId, Files> = BTreeMap::new();
    for item in fs::read_dir(directory)? {
        let path = item?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some((stream, first)) = name.and_then(segment::parse_file_name) {
            found.entry(stream).or_default().insert(first, path);
        }
    }
    Ok(found)
}

impl Recovery {
    fn add(&mut self, id: StreamId, entry: Option<Entry>, files: Files) {
        let oldest = files.keys().next().copied();
        let mut stream = match entry {
            Some(entry) => {
                let mut stream = Stream::new(id, entry.unacked, Skips::from_ranges(entry.skips));
                stream.next = entry.next.max(entry.unacked);
                stream
            }
            // Without books, what is not there was acknowledged, or else the gap would have been booked.
            None => Stream::new(id, oldest.unwrap_or(Sequence::FIRST), Skips::default()),
        };
        for (first, path) in files {
            let Some(segment) = self.open(path, first) else { continue };
            stream.next = stream.next.max(segment.end);
            if is_settled(&stream, &segment) { self.settled.push(segment) } else { stream.segments.push_back(segment) }
        }
        if !stream.is_settled() {
            self.streams[id.lane.index()].push_back(stream);
        }
    }

    fn open(&mut self, path: PathBuf, first: Sequence) -> Option<Segment> {
        match Segment::recover(path.clone(), first) {
            Ok((segment, torn_bytes)) => {
                self.torn_bytes += torn_bytes;
                Some(segment)
            }
            Err(error) => {
                tracing::error!(%error, file = %path.display(), "failed to read spool segment, its alerts are lost");
                None
            }
        }
    }

    /// How many alerts wait.
    pub(super) fn waiting(&self) -> u64 {
        Lane::ALL.iter().flat_map(|lane| &self.streams[lane.index()]).map(Stream::waiting).sum()
    }
}

/// Whether everything in the segment is acknowledged or given up. The latter is left over from a run that ended
/// between the booking of a gap and the deletion of its file.
fn is_settled(stream: &Stream, segment: &Segment) -> bool {
    segment.end <= stream.unacked
        || stream.skips.at(segment.first.max(stream.unacked)).is_some_and(|range| range.end() >= segment.end)
}
