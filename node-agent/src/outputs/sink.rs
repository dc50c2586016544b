//! Stdout and files: places that lines are appended to.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tiercel_detection::Alert;
use tracing::{info, warn};

use super::Output;
use super::line::Style;
use super::tally::Tally;

/// Owner writes, group reads: alerts quote command lines, which may hold secrets.
const FILE_MODE: u32 = 0o640;

/// Stdout or a file.
pub(super) struct Sink {
    writer: Box<dyn Write + Send>,
    style: Style,
    /// Where the file is; `None` for stdout.
    path: Option<PathBuf>,
    tally: Tally,
}

impl Sink {
    pub(super) fn stdout(style: Style) -> Self {
        Self {
            writer: Box::new(BufWriter::new(io::stdout())),
            style,
            path: None,
            tally: Tally::new("stdout", "stdout"),
        }
    }

    pub(super) fn file(path: &Path, style: Style) -> io::Result<Self> {
        let writer = Box::new(BufWriter::new(open(path)?));
        let tally = Tally::new("file", path.display().to_string());
        Ok(Self { writer, style, path: Some(path.to_owned()), tally })
    }
}

impl Output for Sink {
    fn write(&mut self, alert: &Alert) {
        let mut text = self.style.line(alert);
        text.push('\n');
        match self.writer.write_all(text.as_bytes()) {
            Ok(()) => self.tally.wrote(),
            Err(error) => self.tally.lost("write_failed", &error),
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.writer.flush() {
            self.tally.failed(&error);
        }
    }

    fn reopen(&mut self) {
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
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(path)
}
