//! An audit log that is read from its beginning to its end.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use tiercel_detection::event::Document;
use tracing::warn;

use super::parse;
use super::split::Splitter;

/// How far into a file the first character that is no blank is looked for.
const BLANKS_MAX: usize = 4096;

/// A log file: events one a line, or as JSON over several lines, or lists of events.
#[derive(Debug)]
pub struct AuditFile {
    reader: BufReader<File>,
    splitter: Splitter,
    ready: VecDeque<Document>,
    count: u64,
    rejected: u64,
}

impl AuditFile {
    /// Opens it.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let reader = BufReader::new(File::open(path)?);
        Ok(Self { reader, splitter: Splitter::default(), ready: VecDeque::new(), count: 0, rejected: 0 })
    }

    /// The next event; `None` at the end. What is no event is left out, counted and logged.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_event(&mut self) -> io::Result<Option<Document>> {
        while self.ready.is_empty() {
            let mut line = Vec::new();
            let end = self.reader.read_until(b'\n', &mut line)? == 0;
            let text = if end { self.splitter.finish() } else { self.splitter.push(&line) };
            match text {
                Some(text) => self.take(&text),
                None if end => return Ok(None),
                None => {}
            }
        }
        let mut event = self.ready.pop_front();
        self.count += 1;
        if let Some(event) = &mut event {
            event.number = self.count;
        }
        Ok(event)
    }

    /// What was left out until now.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    fn take(&mut self, text: &[u8]) {
        match parse(text) {
            Ok(parsed) => {
                self.rejected += parsed.rejected;
                self.ready.extend(parsed.events);
            }
            Err(error) => {
                self.rejected += 1;
                warn!(%error, "part of an audit log left out");
            }
        }
    }
}

/// Whether the file begins as JSON does, which no recording and no capture does.
///
/// # Errors
/// When the file cannot be read.
pub fn is_audit_log(path: &Path) -> io::Result<bool> {
    let mut reader = BufReader::with_capacity(BLANKS_MAX, File::open(path)?);
    Ok(matches!(reader.fill_buf()?.trim_ascii_start().first(), Some(b'{' | b'[')))
}
