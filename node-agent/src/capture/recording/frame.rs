//! Frames: a length, a checksum and one value each.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use super::{Damage, HEADER_BYTES, MAGIC, RecordingError, VERSION};
use crate::capture::Observation;
use crate::enrich::{Answer, Snapshot};

/// A longer frame is damage. The snapshot is the largest: 10 KiB for each of a million processes.
pub(super) const FRAME_BYTES_MAX: u32 = 1 << 30;

/// Bytes that are read before a frame's length is believed.
const READ_STEP_BYTES: u64 = 1 << 20;

#[derive(Deserialize)]
pub(super) enum Frame {
    Snapshot(Snapshot),
    Observation(Observation),
    Answer(Answer),
}

/// The same as [`Frame`], for writing without a copy.
#[derive(Serialize)]
pub(super) enum FrameRef<'a> {
    Snapshot(&'a Snapshot),
    Observation(&'a Observation),
    Answer(&'a Answer),
}

/// Frames one after the other.
pub(super) struct Frames<R> {
    input: R,
    offset: u64,
}

impl<R: Read> Frames<R> {
    pub(super) fn begin(mut input: R) -> Result<Self, RecordingError> {
        let mut magic = [0; MAGIC.len()];
        let mut version = [0; size_of::<u16>()];
        let read = input.read_exact(&mut magic).and_then(|()| input.read_exact(&mut version));
        match read {
            Ok(()) if magic == MAGIC => {}
            Ok(()) => return Err(RecordingError::NotARecording),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(RecordingError::NotARecording),
            Err(error) => return Err(RecordingError::Read(error)),
        }
        match u16::from_le_bytes(version) {
            VERSION => Ok(Self { input, offset: HEADER_BYTES }),
            found => Err(RecordingError::Version { found }),
        }
    }

    /// Where the next frame begins.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, RecordingError> {
        let head = self.read(8)?;
        if head.is_empty() {
            return Ok(None);
        }
        let Some((length, checksum)) = split_head(&head) else { return Err(self.damaged(Damage::Cut)) };
        if length > FRAME_BYTES_MAX {
            return Err(self.damaged(Damage::Length));
        }
        let payload = self.read(u64::from(length))?;
        if payload.len() as u64 != u64::from(length) {
            return Err(self.damaged(Damage::Cut));
        }
        if crc32fast::hash(&payload) != checksum {
            return Err(self.damaged(Damage::Checksum));
        }
        match postcard::take_from_bytes(&payload) {
            Ok((frame, [])) => {
                self.offset += head.len() as u64 + u64::from(length);
                Ok(Some(frame))
            }
            Ok(_) | Err(_) => Err(self.damaged(Damage::Meaning)),
        }
    }

    /// Reads that many bytes, or as many as there are. Memory grows with what is really there, not with what a damaged
    /// length claims.
    fn read(&mut self, bytes: u64) -> Result<Vec<u8>, RecordingError> {
        let mut buffer = Vec::new();
        let mut left = bytes;
        while left > 0 {
            let step = left.min(READ_STEP_BYTES);
            let read = self.input.by_ref().take(step).read_to_end(&mut buffer).map_err(RecordingError::Read)? as u64;
            left -= read;
            if read < step {
                break;
            }
        }
        Ok(buffer)
    }

    pub(super) fn damaged(&self, damage: Damage) -> RecordingError {
        RecordingError::Damaged { offset: self.offset, damage }
    }
}

fn split_head(head: &[u8]) -> Option<(u32, u32)> {
    let (length, checksum) = head.split_at_checked(4)?;
    Some((u32::from_le_bytes(length.try_into().ok()?), u32::from_le_bytes(checksum.try_into().ok()?)))
}
