//! Writing a recording.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::frame::{FRAME_BYTES_MAX, FrameRef};
use super::{HEADER_BYTES, MAGIC, RecordingError, VERSION};
use crate::capture::Observation;
use crate::enrich::{Answer, Snapshot};

/// Writes a recording.
#[derive(Debug)]
pub struct Writer<W: Write> {
    output: W,
    observations: u64,
    bytes: u64,
}

impl Writer<BufWriter<File>> {
    /// Creates the file, in the place of one that is there, readable by its owner only: arguments can hold secrets.
    pub fn create(path: &Path, snapshot: &Snapshot) -> Result<Self, RecordingError> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.map_err(|source| RecordingError::Open { path: path.to_owned(), source })?;
        Self::new(BufWriter::new(file), snapshot)
    }
}

impl<W: Write> Writer<W> {
    /// Begins a recording with the state of the machine.
    pub fn new(mut output: W, snapshot: &Snapshot) -> Result<Self, RecordingError> {
        output.write_all(&MAGIC).map_err(RecordingError::Write)?;
        output.write_all(&VERSION.to_le_bytes()).map_err(RecordingError::Write)?;
        let mut writer = Self { output, observations: 0, bytes: HEADER_BYTES };
        writer.frame(&FrameRef::Snapshot(snapshot))?;
        Ok(writer)
    }

    /// Appends an observation.
    pub fn observation(&mut self, observation: &Observation) -> Result<(), RecordingError> {
        self.observations += 1;
        self.frame(&FrameRef::Observation(observation))
    }

    /// Appends an answer of the machine.
    pub fn answer(&mut self, answer: &Answer) -> Result<(), RecordingError> {
        self.frame(&FrameRef::Answer(answer))
    }

    /// How many observations were written.
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// How long the recording is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hands everything to the operating system and returns the output.
    pub fn finish(mut self) -> Result<W, RecordingError> {
        self.output.flush().map_err(RecordingError::Write)?;
        Ok(self.output)
    }

    fn frame(&mut self, frame: &FrameRef<'_>) -> Result<(), RecordingError> {
        let payload = postcard::to_stdvec(frame).map_err(RecordingError::Encode)?;
        let length = u32::try_from(payload.len()).ok().filter(|length| *length <= FRAME_BYTES_MAX);
        let length = length.ok_or(RecordingError::Encode(postcard::Error::SerializeBufferFull))?;
        let mut head = [0; 8];
        head[..4].copy_from_slice(&length.to_le_bytes());
        head[4..].copy_from_slice(&crc32fast::hash(&payload).to_le_bytes());
        self.output.write_all(&head).map_err(RecordingError::Write)?;
        self.output.write_all(&payload).map_err(RecordingError::Write)?;
        self.bytes += head.len() as u64 + u64::from(length);
        Ok(())
    }
}
