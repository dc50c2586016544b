//! Recordings: a file of observations with all that is needed to understand them on any machine.
//!
//! ```text
//! file   = magic (8 bytes) version (u16) frame*
//! frame  = length (u32) checksum (u32, CRC-32 of the payload) payload (postcard)
//! ```
//! Numbers are little-endian. The first frame is the snapshot of the machine. Answers of the machine stand before the
//! observation that comes after the one whose handling asked for them.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CapabilityMatrix, ClassLoss, Drained, LossReport, Observation, Progress, Source, SourceError};
use crate::enrich::{Answer, Answers, Snapshot};

const MAGIC: [u8; 8] = *b"TIERCEL\n";

/// Version of the format. Readers refuse others: there is no released format to be compatible with yet.
const VERSION: u16 = 1;

/// A longer frame is damage. The snapshot is the largest: 10 KiB for each of a million processes.
const FRAME_BYTES_MAX: u32 = 1 << 30;

/// Bytes that are read before a frame's length is believed.
const READ_STEP_BYTES: u64 = 1 << 20;

/// Observations that one batch takes at most.
const BATCH_MAX: usize = 4_096;

const HEADER_BYTES: u64 = (MAGIC.len() + size_of::<u16>()) as u64;

#[derive(Deserialize)]
enum Frame {
    Snapshot(Snapshot),
    Observation(Observation),
    Answer(Answer),
}

/// The same as [`Frame`], for writing without a copy.
#[derive(Serialize)]
enum FrameRef<'a> {
    Snapshot(&'a Snapshot),
    Observation(&'a Observation),
    Answer(&'a Answer),
}

/// A recording could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file could not be opened.
    #[error("failed to open recording {}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file does not begin as a recording does.
    #[error("failed to read recording: it does not begin as a recording of tiercel-agent does")]
    NotARecording,
    /// Another version wrote it.
    #[error("failed to read recording: it has format version {found}, this agent reads version {VERSION}")]
    Version {
        /// The version that it has.
        found: u16,
    },
    /// A frame is cut or its bytes changed.
    #[error("failed to read recording: it is damaged at byte {offset}: {damage}")]
    Damaged {
        /// Where the frame begins.
        offset: u64,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Reading failed.
    #[error("failed to read recording")]
    Read(#[source] io::Error),
    /// Writing failed.
    #[error("failed to write recording")]
    Write(#[source] io::Error),
    /// A value does not fit into a frame.
    #[error("failed to write recording: a frame cannot be encoded")]
    Encode(#[source] postcard::Error),
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file ends inside it.
    #[error("the file ends inside a frame")]
    Cut,
    /// It says that it is longer than frames can be.
    #[error("a frame has an impossible length")]
    Length,
    /// Its bytes are not those that were written.
    #[error("a checksum is wrong")]
    Checksum,
    /// Its bytes are whole but mean nothing.
    #[error("a frame has no meaning")]
    Meaning,
    /// The snapshot is missing, or there is more than one.
    #[error("the snapshot is not where it should be")]
    Order,
}

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

/// A recording that was checked from its first to its last byte.
#[derive(Debug)]
pub struct Recording {
    /// The machine when it began.
    pub snapshot: Snapshot,
    /// What the machine answered while it was made: the world of the enricher that replays it.
    pub answers: Answers,
    /// Its observations.
    pub source: RecordingSource,
}

impl Recording {
    /// Opens a recording. Damage anywhere in it is found here.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let open = || {
            let file = File::open(path).map_err(|source| RecordingError::Open { path: path.to_owned(), source })?;
            Ok(BufReader::new(file))
        };
        let checked = Contents::check(Frames::begin(open()?)?)?;
        let source = RecordingSource::new(Box::new(open()?), checked.classes)?;
        Ok(Self { snapshot: checked.snapshot, answers: checked.answers, source })
    }
}

/// What a first reading of a recording gathers.
struct Contents {
    snapshot: Snapshot,
    answers: Answers,
    classes: Vec<ClassLoss>,
}

impl Contents {
    fn check<R: Read>(mut frames: Frames<R>) -> Result<Self, RecordingError> {
        let Some(Frame::Snapshot(snapshot)) = frames.next()? else {
            return Err(frames.damaged(Damage::Order));
        };
        let mut contents = Self { snapshot, answers: Answers::default(), classes: Vec::new() };
        while let Some(frame) = frames.next()? {
            match frame {
                Frame::Snapshot(_) => return Err(frames.damaged(Damage::Order)),
                Frame::Observation(observation) => contents.count(&observation),
                Frame::Answer(answer) => contents.answers.add(answer),
            }
        }
        Ok(contents)
    }

    /// Holes in the sequence of a class on a CPU are losses of the recording.
    fn count(&mut self, observation: &Observation) {
        let Observation { class, cpu, sequence, .. } = *observation;
        let known = self.classes.iter_mut().find(|row| row.class == class && row.cpu == cpu);
        match known {
            Some(row) => {
                let step = sequence.saturating_sub(row.made);
                row.lost += step.saturating_sub(1);
                row.made = row.made.max(sequence);
            }
            None => self.classes.push(ClassLoss { class, cpu, made: sequence, lost: 0 }),
        }
    }
}

/// The observations of a recording, as a source.
pub struct RecordingSource {
    frames: Frames<Box<dyn Read + Send>>,
    losses: LossReport,
    capabilities: CapabilityMatrix,
    finished: bool,
}

impl std::fmt::Debug for RecordingSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordingSource").field("offset", &self.frames.offset).finish_non_exhaustive()
    }
}

impl RecordingSource {
    fn new(input: Box<dyn Read + Send>, classes: Vec<ClassLoss>) -> Result<Self, RecordingError> {
        let capabilities = CapabilityMatrix {
            hooks: Vec::new(),
            notes: vec!["observations come from a recording, not from this machine".to_owned()],
        };
        let losses = LossReport { classes, malformed: 0 };
        Ok(Self { frames: Frames::begin(input)?, losses, capabilities, finished: false })
    }

    fn next_observation(&mut self) -> Result<Option<Observation>, RecordingError> {
        while let Some(frame) = self.frames.next()? {
            match frame {
                Frame::Observation(observation) => return Ok(Some(observation)),
                Frame::Snapshot(_) | Frame::Answer(_) => {}
            }
        }
        Ok(None)
    }
}

impl Source for RecordingSource {
    fn next_batch(&mut self, batch: &mut Vec<Observation>) -> Result<Drained, SourceError> {
        let mut observations = 0;
        while observations < BATCH_MAX && !self.finished {
            match self.next_observation() {
                Ok(Some(observation)) => {
                    batch.push(observation);
                    observations += 1;
                }
                Ok(None) => self.finished = true,
                Err(error) => return Err(SourceError::Read(io::Error::other(error))),
            }
        }
        let progress = if self.finished { Progress::Finished } else { Progress::More };
        Ok(Drained { observations, progress })
    }

    fn poll_interval(&self) -> Duration {
        Duration::ZERO
    }

    fn losses(&mut self) -> LossReport {
        self.losses.clone()
    }

    fn capabilities(&self) -> &CapabilityMatrix {
        &self.capabilities
    }
}

/// Frames one after the other.
struct Frames<R> {
    input: R,
    offset: u64,
}

impl<R: Read> Frames<R> {
    fn begin(mut input: R) -> Result<Self, RecordingError> {
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

    /// The next frame; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<Frame>, RecordingError> {
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

    fn damaged(&self, damage: Damage) -> RecordingError {
        RecordingError::Damaged { offset: self.offset, damage }
    }
}

fn split_head(head: &[u8]) -> Option<(u32, u32)> {
    let (length, checksum) = head.split_at_checked(4)?;
    Some((u32::from_le_bytes(length.try_into().ok()?), u32::from_le_bytes(checksum.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capture::Class;
    use crate::capture::observation::{Act, Exit, Open};
    use crate::enrich::{ContainerCandidate, ScannedProcess, World};

    fn snapshot() -> Snapshot {
        let init = ScannedProcess { pid: 1, name: "init".into(), ..ScannedProcess::default() };
        Snapshot { hostname: "web-1".to_owned(), boot_offset_ns: 7, processes: vec![init], ..Snapshot::default() }
    }

    fn observation(sequence: u64) -> Observation {
        let act = if sequence % 2 == 0 {
            Act::Exit(Exit { code: 256, last_thread: true, reaper_pid: 1 })
        } else {
            Act::Open(Open { given: "/etc/shadow".into(), result: -13, ..Open::default() })
        };
        Observation {
            boot_ns: sequence * 10,
            cpu: 1,
            class: Class::Bulk,
            sequence,
            pid: 42,
            tid: 42,
            started_boot_ns: 5,
            uid: 0,
            gid: 0,
            compat: false,
            act,
        }
    }

    fn recorded(sequences: &[u64]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), &snapshot()).unwrap();
        for sequence in sequences {
            writer.observation(&observation(*sequence)).unwrap();
            writer.answer(&Answer::Process(u32::try_from(*sequence).unwrap(), None)).unwrap();
        }
        let bytes = writer.bytes();
        let output = writer.finish().unwrap();
        assert_eq!(output.len() as u64, bytes);
        output
    }

    fn open(bytes: &[u8]) -> Result<Recording, RecordingError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Recording::open(file.path())
    }

    fn observations(source: &mut RecordingSource) -> Vec<String> {
        let mut batch = Vec::new();
        while source.next_batch(&mut batch).unwrap().progress != Progress::Finished {}
        batch.iter().map(|observation| format!("{observation:?}")).collect()
    }

    #[test]
    fn what_was_written_comes_back() {
        let sequences: Vec<u64> = (1..=10_000).collect();
        let mut recording = open(&recorded(&sequences)).unwrap();
        assert_eq!(recording.snapshot.hostname, "web-1");
        assert_eq!(recording.snapshot.processes, snapshot().processes);
        let expected: Vec<_> = sequences.iter().map(|sequence| format!("{:?}", observation(*sequence))).collect();
        assert_eq!(observations(&mut recording.source), expected);
        let mut batch = Vec::new();
        let drained = recording.source.next_batch(&mut batch).unwrap();
        assert_eq!(drained, Drained { observations: 0, progress: Progress::Finished });
    }

    #[test]
    fn answers_come_back_in_the_order_of_their_questions() {
        let mut writer = Writer::new(Vec::new(), &snapshot()).unwrap();
        let candidate = ContainerCandidate { cgroup: "/web".into(), name: "web".into(), namespace: None };
        for pid in [7, 8] {
            let found = ScannedProcess { pid, start_ticks: u64::from(pid), ..ScannedProcess::default() };
            writer.answer(&Answer::Process(7, Some(Box::new(found)))).unwrap();
            writer.answer(&Answer::Container(candidate.clone(), None)).unwrap();
        }
        let mut recording = open(&writer.finish().unwrap()).unwrap();
        let world = &mut recording.answers;
        assert_eq!(world.container(&candidate), None);
        assert_eq!(
            [world.process(7), world.process(7), world.process(7), world.process(9)].map(|found| found.map(|p| p.pid)),
            [Some(7), Some(8), None, None]
        );
    }

    #[test]
    fn holes_in_the_sequence_are_losses() {
        let mut recording = open(&recorded(&[3, 4, 7, 8])).unwrap();
        let losses = recording.source.losses();
        assert_eq!((losses.made(), losses.lost()), (8, 2));
    }

    #[test]
    fn other_files_and_versions_are_refused() {
        let refused = |bytes: &[u8]| open(bytes).unwrap_err().to_string();
        let foreign = "failed to read recording: it does not begin as a recording of tiercel-agent does";
        assert_eq!(refused(b""), foreign);
        assert_eq!(refused(b"\x7fELF\x02\x01\x01\x00\x00\x00"), foreign);
        let mut newer = recorded(&[]);
        newer[8] = 9;
        assert_eq!(refused(&newer), "failed to read recording: it has format version 9, this agent reads version 1");
        assert_eq!(
            refused(&recorded(&[])[..10]),
            "failed to read recording: it is damaged at byte 10: the snapshot is not where it should be"
        );
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let whole = recorded(&[]);
        let mut longer = recorded(&[1]);
        longer[whole.len() + 9] ^= 1;
        let place = whole.len();
        assert_eq!(
            open(&longer).unwrap_err().to_string(),
            format!("failed to read recording: it is damaged at byte {place}: a checksum is wrong")
        );
    }

    proptest! {
        #[test]
        fn a_cut_recording_is_an_error_or_a_shorter_one(cut in 0usize..4096) {
            let bytes = recorded(&[1, 2, 3, 4, 5]);
            let cut = cut % bytes.len();
            match open(&bytes[..cut]) {
                Ok(mut recording) => prop_assert!(observations(&mut recording.source).len() <= 5),
                Err(RecordingError::Damaged { offset, .. }) => prop_assert!(offset <= cut as u64),
                Err(error) => prop_assert!(matches!(error, RecordingError::NotARecording), "{error}"),
            }
        }

        #[test]
        fn a_flipped_bit_is_always_found(position in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut bytes = recorded(&[1, 2, 3]);
            let position = position.index(bytes.len());
            bytes[position] ^= 1 << bit;
            prop_assert!(open(&bytes).is_err());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(tail in prop::collection::vec(any::<u8>(), 0..256)) {
            let mut bytes = recorded(&[1]);
            bytes.extend(tail.iter());
            prop_assert_eq!(open(&bytes).is_ok(), tail.is_empty());
        }
    }
}
