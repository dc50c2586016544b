//! Reading a recording.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use super::frame::{Frame, Frames};
use super::{Damage, RecordingError};
use crate::capture::{CapabilityMatrix, ClassLoss, Drained, LossReport, Observation, Progress, Source, SourceError};
use crate::enrich::{Answers, Snapshot};

/// Observations that one batch takes at most.
const BATCH_MAX: usize = 4_096;

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
            None => self.classes.push(ClassLoss { class, cpu, made: sequence, lost: 0, refused: 0 }),
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
        f.debug_struct("RecordingSource").field("offset", &self.frames.offset()).finish_non_exhaustive()
    }
}

impl RecordingSource {
    fn new(input: Box<dyn Read + Send>, classes: Vec<ClassLoss>) -> Result<Self, RecordingError> {
        let capabilities = CapabilityMatrix {
            hooks: Vec::new(),
            notes: vec!["observations come from a recording, not from this machine".to_owned()],
        };
        let losses = LossReport { classes, ..LossReport::default() };
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
