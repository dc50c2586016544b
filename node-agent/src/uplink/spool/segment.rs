//! One file of records. It is appended to while it is the newest of its stream, and deleted as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tiercel_proto::{Generation, Lane, Sequence, SpoolId};

use super::durable::FILE_MODE;
use super::record::{self, Parsed, Record};

const EXTENSION: &str = "segment";

/// What a small file really takes on disk; counting it so keeps a crash loop from filling the directory with tiny
/// files that the quota does not see.
const BLOCK_BYTES: u64 = 4096;

/// The lane of one run of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The spool.
    pub spool: SpoolId,
    /// The run.
    pub generation: Generation,
    /// The lane.
    pub lane: Lane,
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}/{}", self.spool, self.generation, self.lane.number())
    }
}

/// Where the bytes are.
#[derive(Debug)]
enum Store {
    /// On disk. The file is open while something in it is not yet synced, or more may come.
    Disk { path: PathBuf, file: Option<File>, state: State },
    /// In memory, because the disk takes no more.
    Memory(Vec<u8>),
}

/// How sure the disk is of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Synced,
    Unsynced,
    /// A sync failed. The kernel then forgets what it could not write, and the next sync would succeed without it: so
    /// nothing more goes in, and what cannot be read back will be a gap.
    Broken,
}

/// Records with rising sequences, `first` being the lowest that may be in it.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) first: Sequence,
    /// The sequence after the last record.
    pub(super) end: Sequence,
    bytes: u64,
    store: Store,
}

impl Segment {
    /// Starts a file. The name says everything that is needed to find it again.
    pub(super) fn create(directory: &Path, stream: StreamId, first: Sequence) -> io::Result<Self> {
        let path = directory.join(file_name(stream, first));
        let file = OpenOptions::new().append(true).read(true).create_new(true).mode(FILE_MODE).open(&path)?;
        Ok(Self { first, end: first, bytes: 0, store: Store::Disk { path, file: Some(file), state: State::Synced } })
    }

    /// Starts a piece of memory in place of a file.
    pub(super) fn in_memory(first: Sequence) -> Self {
        Self { first, end: first, bytes: 0, store: Store::Memory(Vec::new()) }
    }

    /// Opens a file of an earlier run and looks at all of it. A torn end is cut off;
    /// also returns of how many bytes.
    pub(super) fn recover(path: PathBuf, first: Sequence) -> io::Result<(Self, u64)> {
        let bytes = fs::read(&path)?;
        let scan = scan(&bytes, first);
        let torn_bytes = bytes.len() - scan.length;
        if torn_bytes > 0 {
            OpenOptions::new().write(true).open(&path)?.set_len(scan.length as u64)?;
        }
        let segment = Self {
            first,
            end: scan.end,
            bytes: scan.length as u64,
            store: Store::Disk { path, file: None, state: State::Synced },
        };
        Ok((segment, torn_bytes as u64))
    }

    /// Appends encoded records that end before the sequence `end`. After an error nothing of them counts.
    pub(super) fn append(&mut self, records: &[u8], end: Sequence) -> io::Result<()> {
        match &mut self.store {
            Store::Memory(bytes) => bytes.extend_from_slice(records),
            Store::Disk { file, state, .. } => {
                let file = file.as_mut().expect("only the newest segment is appended to, and its file is open");
                if let Err(error) = file.write_all(records) {
                    // What did get through must not be taken for a record that someone was told about.
                    drop(file.set_len(self.bytes));
                    return Err(error);
                }
                *state = State::Unsynced;
            }
        }
        self.bytes += records.len() as u64;
        self.end = end;
        Ok(())
    }

    /// Puts what was appended on the disk. Returns whether there was anything to do.
    pub(super) fn sync(&mut self) -> io::Result<bool> {
        match &mut self.store {
            Store::Disk { file: Some(file), state: state @ State::Unsynced, .. } => {
                *state = State::Broken;
                file.sync_data()?;
                *state = State::Synced;
                Ok(true)
            }
            Store::Disk { .. } | Store::Memory(_) => Ok(false),
        }
    }

    /// Lets go of the file once no more comes, unless it still has to be synced.
    pub(super) fn close(&mut self) {
        if let Store::Disk { file, state: State::Synced | State::Broken, .. } = &mut self.store {
            *file = None;
        }
    }

    /// Whether nothing more may go in.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.store, Store::Disk { state: State::Broken, .. })
    }

    /// Reads at most so many bytes from the place on.
    pub(super) fn read(&self, offset: u64, length_max: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = left.min(length_max);
        match &self.store {
            Store::Memory(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                Ok(bytes[start..start + length].to_vec())
            }
            Store::Disk { path, file, .. } => {
                let mut buffer = vec![0; length];
                match file {
                    Some(file) => file.read_exact_at(&mut buffer, offset)?,
                    None => File::open(path)?.read_exact_at(&mut buffer, offset)?,
                }
                Ok(buffer)
            }
        }
    }

    /// Reads everything from the place on.
    pub(super) fn read_rest(&self, offset: u64) -> io::Result<Vec<u8>> {
        self.read(offset, usize::MAX)
    }

    /// Deletes it.
    pub(super) fn delete(self) -> io::Result<()> {
        match self.store {
            Store::Disk { path, .. } => fs::remove_file(path),
            Store::Memory(_) => Ok(()),
        }
    }

    /// Bytes of records.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that count towards the quota of the disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        if self.is_memory() { 0 } else { self.bytes.next_multiple_of(BLOCK_BYTES).max(BLOCK_BYTES) }
    }

    /// Bytes that count towards the bound of the memory.
    pub(super) fn memory_bytes(&self) -> u64 {
        if self.is_memory() { self.bytes } else { 0 }
    }

    /// Whether it is lost with the process.
    pub(super) fn is_memory(&self) -> bool {
        matches!(self.store, Store::Memory(_))
    }
}

struct Scan {
    /// The sequence after the last record.
    end: Sequence,
    /// Bytes up to there.
    length: usize,
}

/// Walks over the records, and over damage between them, to the end of what was once complete.
fn scan(bytes: &[u8], first: Sequence) -> Scan {
    let (mut end, mut offset) = (first, 0);
    loop {
        match record::parse(&bytes[offset..]) {
            Parsed::Record(record) if record.sequence >= end => {
                end = record.sequence.plus(1);
                offset += record.length();
            }
            Parsed::Record(_) | Parsed::Damaged | Parsed::Short { .. } => {
                match record::find(bytes, offset + 1, end..sequence_limit(end, bytes.len() - offset)) {
                    Some((start, Record { sequence, payload })) => {
                        end = sequence.plus(1);
                        offset = start + record::HEADER_BYTES + payload.len();
                    }
                    // Damaged and yet whole, to judge by its length: one alert was there.
                    None if record::claimed_length(&bytes[offset..]) == Some(bytes.len() - offset) => {
                        return Scan { end: end.plus(1), length: bytes.len() };
                    }
                    None => return Scan { end, length: offset },
                }
            }
        }
    }
}

/// The sequence that so many bytes cannot reach, each record having a header and a payload. It keeps a search among
/// damaged bytes from believing in a sequence that would open a huge gap.
pub(super) fn sequence_limit(from: Sequence, bytes: usize) -> Sequence {
    from.plus((bytes / (record::HEADER_BYTES + 1)) as u64 + 1)
}

fn file_name(stream: StreamId, first: Sequence) -> String {
    let StreamId { spool, generation, lane } = stream;
    format!("{spool}-{:010}-{}-{:020}.{EXTENSION}", generation.0, lane.number(), first.0)
}

/// Reads a file name; `None` for files that are not segments.
pub(super) fn parse_file_name(name: &str) -> Option<(StreamId, Sequence)> {
    let mut parts = name.strip_suffix(EXTENSION)?.strip_suffix('.')?.split('-');
    let spool = parts.next()?.parse().ok()?;
    let generation = Generation(parts.next()?.parse().ok()?);
    let lane = Lane::from_number(parts.next()?.parse().ok()?)?;
    let first = Sequence(parts.next()?.parse().ok()?);
    let stream = StreamId { spool, generation, lane };
    (file_name(stream, first) == name).then_some((stream, first))
}
