//! The chain of blocks that a capture is made of.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::ScapError;

/// Type, length at the front and length at the back.
const FRAME_BYTES: u32 = 12;

/// Longest block that is believed. Writers keep blocks below 64 KiB, lists of processes and payloads of plugins may be
/// some megabytes.
const BLOCK_BYTES_MAX: u32 = 1 << 28;

/// How a gzip stream begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// How a capture begins that is not packed: the type of its first block.
const SECTION: [u8; 4] = 0x0a0d_0d0a_u32.to_le_bytes();

/// Whether a file begins like a capture, packed or not.
pub(super) fn is_capture(path: &Path) -> Result<bool, ScapError> {
    let open = |source| ScapError::Open { path: path.to_owned(), source };
    let mut start = Vec::new();
    File::open(path).map_err(open)?.take(4).read_to_end(&mut start).map_err(open)?;
    Ok(start.starts_with(&GZIP_MAGIC) || start == SECTION)
}

/// One block.
#[derive(Debug, Clone)]
pub(super) struct Block {
    /// What it holds.
    pub(super) kind: u32,
    /// What stands between the frame.
    pub(super) body: Bytes,
    /// Where the body stands in the unpacked file.
    pub(super) offset: u64,
}

/// Reads block after block.
pub(super) struct Blocks {
    input: Box<dyn Read + Send>,
    offset: u64,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl Blocks {
    /// Opens a file, packed by gzip or not.
    pub(super) fn open(path: &Path) -> Result<Self, ScapError> {
        let open = |source| ScapError::Open { path: path.to_owned(), source };
        Self::new(BufReader::new(File::open(path).map_err(open)?))
    }

    /// Reads from anything that gives bytes.
    pub(super) fn new(mut input: impl io::BufRead + Send + 'static) -> Result<Self, ScapError> {
        let start = input.fill_buf().map_err(|source| ScapError::Read { offset: 0, source })?;
        let packed = start.starts_with(&GZIP_MAGIC);
        let input: Box<dyn Read + Send> =
            if packed { Box::new(BufReader::new(MultiGzDecoder::new(input))) } else { Box::new(input) };
        Ok(Self { input, offset: 0 })
    }

    /// The next block; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Block>, ScapError> {
        let start = self.offset;
        let head = self.take(8)?;
        if head.is_empty() {
            return Ok(None);
        }
        let (kind, length) = (word(&head, 0), word(&head, 4));
        let malformed = |what| ScapError::Malformed { offset: start, what };
        let (Some(kind), Some(length)) = (kind, length) else {
            return Err(malformed("the file ends in the middle of a block"));
        };
        if length < FRAME_BYTES || length % 4 != 0 || length > BLOCK_BYTES_MAX {
            return Err(malformed("a block has an impossible length"));
        }
        let rest = self.take(u64::from(length - 8))?;
        let body_length = rest.len().saturating_sub(4);
        if body_length + 12 != length as usize {
            return Err(malformed("the file ends in the middle of a block"));
        }
        if word(&rest, body_length) != Some(length) {
            return Err(malformed("a block does not end with its length"));
        }
        Ok(Some(Block { kind, body: Bytes::from(rest).slice(..body_length), offset: start + 8 }))
    }

    /// As many bytes as there are, `count` at most.
    fn take(&mut self, count: u64) -> Result<Vec<u8>, ScapError> {
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(count).read_to_end(&mut bytes);
        self.offset += bytes.len() as u64;
        read.map_err(|source| ScapError::Read { offset: self.offset, source })?;
        Ok(bytes)
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
