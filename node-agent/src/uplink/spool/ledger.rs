//! The books of the spool beside its segments: how far each stream is acknowledged, and what was given up.
//!
//! They may be older than the segments, or gone: then some alerts are sent again under the same identity, or a gap is
//! announced without the names of its rules. No alert is lost by it and none is counted twice.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tiercel_proto::{Generation, Lane, Sequence, SpoolId};

use super::durable::{self, Durability};
use super::segment::StreamId;
use super::skips::SkipRange;

const MAGIC: &[u8; 8] = b"TIERLED1";

/// What is known of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    spool: SpoolId,
    generation: Generation,
    lane: Lane,
    /// Everything before it is acknowledged.
    pub(super) unacked: Sequence,
    /// At least so far the stream was numbered.
    pub(super) next: Sequence,
    pub(super) skips: Vec<SkipRange>,
}

impl Entry {
    pub(super) fn new(id: StreamId, unacked: Sequence, next: Sequence, skips: Vec<SkipRange>) -> Self {
        Self { spool: id.spool, generation: id.generation, lane: id.lane, unacked, next, skips }
    }

    pub(super) fn id(&self) -> StreamId {
        StreamId { spool: self.spool, generation: self.generation, lane: self.lane }
    }
}

/// The file.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    pub(super) fn in_directory(directory: &Path) -> Self {
        Self { path: directory.join("ledger") }
    }

    /// Reads the books; a file that is missing or damaged counts as empty.
    pub(super) fn read(&self) -> Vec<Entry> {
        match fs::read(&self.path) {
            Ok(bytes) => decode(&bytes).unwrap_or_else(|| {
                tracing::warn!(file = %self.path.display(), "books of the spool are damaged, acknowledged alerts may be sent again");
                Vec::new()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, file = %self.path.display(), "failed to read the books of the spool");
                Vec::new()
            }
        }
    }

    pub(super) fn write(&self, entries: &[Entry], durability: Durability) -> io::Result<()> {
        let body = postcard::to_stdvec(entries).map_err(io::Error::other)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        durable::replace(&self.path, &bytes, durability)
    }
}

fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (sum, body) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*sum) != crc32fast::hash(body) {
        return None;
    }
    postcard::from_bytes(body).ok()
}
