//! One place that lines are written to.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use metrics::{Counter, counter};
use tiercel_detection::Alert;
use tracing::{info, warn};

use super::line::line;
use crate::config::{FileOutput, Format};

/// Owner writes, group reads: alerts quote command lines, which may hold secrets.
const FILE_MODE: u32 = 0o640;

/// Stdout or a file.
pub(super) struct Sink {
    writer: Box<dyn Write + Send>,
    format: Format,
    /// Where the file is; `None` for stdout.
    path: Option<PathBuf>,
    /// The last write failed; says so only once in a row.
    failing: bool,
    written: Counter,
    lost: Counter,
}

impl Sink {
    pub(super) fn stdout(format: Format) -> Self {
        Self::new(Box::new(BufWriter::new(io::stdout())), format, None)
    }

    pub(super) fn file(output: &FileOutput) -> io::Result<Self> {
        let file = open(&output.path)?;
        Ok(Self::new(Box::new(BufWriter::new(file)), output.format, Some(output.path.clone())))
    }

    fn new(writer: Box<dyn Write + Send>, format: Format, path: Option<PathBuf>) -> Self {
        let name = if path.is_some() { "file" } else { "stdout" };
        Self {
            writer,
            format,
            path,
            failing: false,
            written: counter!("tiercel_agent_output_alerts_written_total", "output" => name),
            lost: counter!("tiercel_agent_output_alerts_lost_total", "reason" => "write_failed", "output" => name),
        }
    }

    pub(super) fn write(&mut self, alert: &Alert) {
        let mut text = line(alert, self.format);
        text.push('\n');
        let result = self.writer.write_all(text.as_bytes());
        if result.is_ok() {
            self.written.increment(1)
        } else {
            self.lost.increment(1)
        }
        self.note(result);
    }

    pub(super) fn flush(&mut self) {
        let result = self.writer.flush();
        self.note(result);
    }

    pub(super) fn reopen(&mut self) {
        let Some(path) = self.path.clone() else { return };
        self.flush();
        match open(&path) {
            Ok(file) => {
                self.writer = Box::new(BufWriter::new(file));
                info!(path = %path.display(), "opened output file anew");
            }
            Err(error) => warn!(%error, path = %path.display(), "failed to open output file anew; keeping the old one"),
        }
    }

    fn note(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => self.failing = false,
            Err(error) => {
                if !self.failing {
                    let output = self.path.as_ref().map_or("stdout".to_owned(), |path| path.display().to_string());
                    warn!(%error, output, "failed to write alerts");
                }
                self.failing = true;
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(path)
}
