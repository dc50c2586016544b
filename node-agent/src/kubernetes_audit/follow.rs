//! An audit log that grows: what is written to it from now on, also when it is rotated.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics::counter;
use tiercel_detection::event::Document;
use tracing::{info, warn};

use super::parse;
use super::split::Splitter;
use super::webhook::Intake;

/// How often the file is looked at when nothing was new.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Events that are handed over together; the file itself is the queue of all others.
const EVENTS_MAX: usize = 256;

/// Hands over the events of a log file as they are written, until the runtime ends. The file may come into being later.
pub fn follow(path: PathBuf, intake: Intake) {
    actix_rt::spawn(async move {
        let mut tail = Tail::at_the_end(path);
        loop {
            let read = tokio::task::spawn_blocking(move || {
                let events = tail.read();
                (tail, events)
            });
            // The runtime ends before a read does only when the process ends.
            let Ok((back, read)) = read.await else { return };
            tail = back;
            match read {
                Ok(events) if events.is_empty() => tokio::time::sleep(POLL_INTERVAL).await,
                Ok(events) => {
                    let count = events.len();
                    if intake(events).await.is_err() {
                        warn!(events = count, "failed to hand over audit events: detection has ended");
                        return;
                    }
                }
                Err(error) => {
                    warn!(%error, path = %tail.path.display(), "failed to read the audit log");
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
            }
        }
    });
}

/// The place in a file up to which it was read.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    file: Option<BufReader<File>>,
    inode: u64,
    position: u64,
    /// A line whose end is not written yet.
    line: Vec<u8>,
    splitter: Splitter,
}

impl Tail {
    /// Begins behind what the file holds now: an agent that starts again does not judge old events twice.
    pub(super) fn at_the_end(path: PathBuf) -> Self {
        let mut tail =
            Self { path, file: None, inode: 0, position: 0, line: Vec::new(), splitter: Splitter::default() };
        if let Err(error) = tail.open(true) {
            info!(%error, path = %tail.path.display(), "the audit log is not there yet");
        }
        tail
    }

    /// The events that were written since, at most so many that they make a batch.
    pub(super) fn read(&mut self) -> io::Result<Vec<Document>> {
        let mut events = Vec::new();
        if self.file.is_none() {
            match self.open(false) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(events),
                result => result?,
            }
        }
        while events.len() < EVENTS_MAX {
            let Some(file) = &mut self.file else { return Ok(events) };
            let count = file.read_until(b'\n', &mut self.line)?;
            self.position += count as u64;
            if !self.line.ends_with(b"\n") {
                // The end of the file, within a line or behind one.
                if count == 0 && self.is_replaced() {
                    self.file = None;
                }
                return Ok(events);
            }
            let line = std::mem::take(&mut self.line);
            if let Some(text) = self.splitter.push(&line) {
                take(&text, &mut events);
            }
        }
        Ok(events)
    }

    fn open(&mut self, at_the_end: bool) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        self.position = if at_the_end { file.seek(SeekFrom::End(0))? } else { 0 };
        self.inode = file.metadata()?.ino();
        self.file = Some(BufReader::new(file));
        self.line.clear();
        self.splitter = Splitter::default();
        Ok(())
    }

    /// Whether another file has the name now, or the file was emptied.
    fn is_replaced(&self) -> bool {
        std::fs::metadata(Path::new(&self.path)).is_ok_and(|now| now.ino() != self.inode || now.len() < self.position)
    }
}

fn take(text: &[u8], events: &mut Vec<Document>) {
    let rejected = match parse(text) {
        Ok(parsed) => {
            events.extend(parsed.events);
            parsed.rejected
        }
        Err(error) => {
            warn!(%error, "part of the audit log left out");
            1
        }
    };
    counter!("tiercel_agent_audit_events_rejected_total").increment(rejected);
}
