//! Appending a line so that it is whole, once, and on the disk.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;

use super::super::{DeliveryError, Notifier, document};
use crate::triage::Notification;

/// Alerts name users, files and command lines.
const FILE_MODE: u32 = 0o600;

/// A disk that does not answer for so long is treated as failing. The write itself cannot be called back; the line
/// carries the id of its notification, so a late one can be recognised.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Appends lines to one file. The file is opened for each line, so that one that was moved away is made anew.
#[derive(Debug)]
pub(in super::super) struct FileNotifier {
    path: Arc<Path>,
    /// One writer at a time: a line that fails is cut off again, which must not hit a neighbour.
    turn: Arc<Mutex<()>>,
}

impl FileNotifier {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: path.into(), turn: Arc::default() }
    }

    fn failure(&self) -> String {
        format!("failed to append to {}", self.path.display())
    }
}

impl Notifier for FileNotifier {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn target(&self) -> String {
        self.path.display().to_string()
    }

    fn timeout(&self) -> Duration {
        WRITE_TIMEOUT
    }

    fn deliver<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let line = document::render(notification);
            let (path, turn) = (Arc::clone(&self.path), Arc::clone(&self.turn));
            let write = tokio::task::spawn_blocking(move || {
                let _turn = turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                append(&path, &line)
            });
            let written = tokio::time::timeout(WRITE_TIMEOUT, write).await;
            let unknown = |error: anyhow::Error| DeliveryError::retryable(true, error.context(self.failure()));
            match written.map_err(anyhow::Error::new).and_then(|joined| joined.map_err(anyhow::Error::new)) {
                Ok(Ok(())) => Ok(()),
                Ok(Err(Failure::Untouched(error))) => {
                    Err(DeliveryError::retryable(false, anyhow::Error::new(error).context(self.failure())))
                }
                Ok(Err(Failure::Written(error))) => Err(unknown(error.into())),
                Err(error) => Err(unknown(error)),
            }
        })
    }
}

/// Why a line is not known to be in the file.
#[derive(Debug)]
enum Failure {
    /// Nothing was written.
    Untouched(io::Error),
    /// A reader may have seen the line, or a part of it.
    Written(io::Error),
}

/// Opens the file for appending and makes it if it is not there.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let is_new = !path.exists();
    let file = OpenOptions::new().read(true).append(true).create(true).mode(FILE_MODE).open(path)?;
    if is_new && let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        // Without this the name of the file may be gone after a power cut, though its bytes are on the disk.
        File::open(folder)?.sync_all()?;
    }
    Ok(file)
}

fn append(path: &Path, line: &str) -> Result<(), Failure> {
    let mut file = open(path).map_err(Failure::Untouched)?;
    let metadata = file.metadata().map_err(Failure::Untouched)?;
    if !metadata.is_file() {
        // A pipe or a device: nothing to cut off and nothing to sync.
        return file.write_all(format!("{line}\n").as_bytes()).map_err(Failure::Written);
    }
    let length = metadata.len();
    let is_torn = ends_in_the_middle_of_a_line(&file, length).map_err(Failure::Untouched)?;
    let start = if is_torn { "\n" } else { "" };
    let written = file.write_all(format!("{start}{line}\n").as_bytes()).and_then(|()| file.sync_data());
    if written.is_err() {
        // The next attempt writes the whole line again; half a line before it would spoil both.
        file.set_len(length).map_err(Failure::Written)?;
    }
    written.map_err(Failure::Written)
}

/// True after a crash of the machine or of another writer.
fn ends_in_the_middle_of_a_line(file: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}
