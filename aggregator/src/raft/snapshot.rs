//! Snapshot files: written beside the old one, made durable, then renamed; checked from end to end before they are used.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::warn;

use super::types::{LogId, SnapshotMeta};
use crate::triage::State;

/// First bytes of a file.
const MAGIC: [u8; 8] = *b"TIERCEL\x01";
/// Format of what follows; to be raised when the state or its encoding changes.
const FORMAT: u32 = 2;
/// Magic, format, checksum of the rest.
const HEADER_BYTES: usize = 16;

/// End of the names of finished files.
const EXTENSION: &str = "snapshot";
/// End of the names of files that are still being written.
const TEMPORARY_EXTENSION: &str = "partial";

/// What a file holds, in memory.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Contents {
    pub(super) meta: SnapshotMeta,
    pub(super) state: State,
}

/// An open snapshot file. It can be read to its end even when a newer one has replaced it meanwhile.
#[derive(Debug, Clone)]
pub struct SnapshotFile(Arc<OpenFile>);

#[derive(Debug)]
struct OpenFile {
    file: File,
    path: PathBuf,
    /// It came over the wire and is removed when nobody needs it any more, taken over or not.
    is_temporary: bool,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = fs::remove_file(&self.path)
        {
            warn!(%error, path = %self.path.display(), "failed to remove received snapshot");
        }
    }
}

impl SnapshotFile {
    pub(super) fn len(&self) -> io::Result<u64> {
        Ok(self.0.file.metadata()?.len())
    }

    /// Reads up to that many bytes from that place.
    pub(super) fn read_at(&self, offset: u64, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; bytes_max];
        let mut filled = 0;
        while filled < bytes_max {
            match self.0.file.read_at(&mut buffer[filled..], offset + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        buffer.truncate(filled);
        Ok(buffer)
    }

    /// Adds received bytes.
    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0.file).write_all(bytes)
    }
}

/// The folder with the snapshot in use, and at times another one on its way.
#[derive(Debug, Clone)]
pub(super) struct SnapshotFolder {
    path: PathBuf,
}

/// A failed operation on snapshots.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The file system refused something.
    #[error("failed to {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("failed to read snapshot {}: {fault}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// The state could not be turned into bytes.
    #[error("failed to encode snapshot")]
    Encode {
        /// Why.
        #[source]
        source: postcard::Error,
    },
}

impl SnapshotFolder {
    /// Opens or creates the folder and removes what an interrupted write left.
    pub(super) fn open(path: &Path) -> Result<Self, SnapshotError> {
        fs::create_dir_all(path).map_err(failed("create", path))?;
        let folder = Self { path: path.to_owned() };
        for leftover in folder.files_with(TEMPORARY_EXTENSION)? {
            fs::remove_file(&leftover).map_err(failed("remove", &leftover))?;
        }
        Ok(folder)
    }

    /// Reads the newest snapshot. One that is damaged is an error: the log before it is gone, so going on without it
    /// would be going on without what was acknowledged.
    pub(super) fn load(&self) -> Result<Option<(Contents, SnapshotFile)>, SnapshotError> {
        let mut newest: Option<(Contents, SnapshotFile)> = None;
        for path in self.files_with(EXTENSION)? {
            let file = open(&path)?;
            let contents = read(&file)?;
            if newest.as_ref().is_none_or(|(known, _)| known.meta.last_log_id < contents.meta.last_log_id) {
                newest = Some((contents, file));
            }
        }
        Ok(newest)
    }

    /// Writes a snapshot and removes the older ones.
    pub(super) fn store(&self, contents: &Contents) -> Result<SnapshotFile, SnapshotError> {
        let payload = postcard::to_stdvec(contents).map_err(|source| SnapshotError::Encode { source })?;
        // The id in a received file is the sender's text; it must not choose where we write.
        let name = name_of(contents.meta.last_log_id);
        let temporary = self.path.join(format!("{name}.{TEMPORARY_EXTENSION}"));
        let target = self.path.join(format!("{name}.{EXTENSION}"));
        let mut file = File::create(&temporary).map_err(failed("create", &temporary))?;
        let write = |file: &mut File| -> io::Result<()> {
            file.write_all(&MAGIC)?;
            file.write_all(&FORMAT.to_be_bytes())?;
            file.write_all(&crc32fast::hash(&payload).to_be_bytes())?;
            file.write_all(&payload)?;
            file.sync_all()
        };
        write(&mut file).map_err(failed("write", &temporary))?;
        fs::rename(&temporary, &target).map_err(failed("rename", &temporary))?;
        self.sync()?;
        // A snapshot that was built slowly may end after a newer one came from a peer; that one stays.
        let index = index_of(&target);
        for older in self.files_with(EXTENSION)?.into_iter().filter(|path| index_of(path) < index) {
            fs::remove_file(&older).map_err(failed("remove", &older))?;
        }
        open(&target)
    }

    /// Makes an empty file for a snapshot that a peer sends.
    pub(super) fn receive(&self) -> Result<SnapshotFile, SnapshotError> {
        let path = self.path.join(format!("{}.{TEMPORARY_EXTENSION}", uuid::Uuid::new_v4()));
        let file = File::options().create_new(true).read(true).append(true).open(&path);
        let file = file.map_err(failed("create", &path))?;
        Ok(SnapshotFile(Arc::new(OpenFile { file, path, is_temporary: true })))
    }

    /// Takes over a received file: checks it and stores it as our own.
    pub(super) fn install(&self, received: &SnapshotFile) -> Result<(Contents, SnapshotFile), SnapshotError> {
        let contents = read(received)?;
        let file = self.store(&contents)?;
        Ok((contents, file))
    }

    fn files_with(&self, extension: &str) -> Result<Vec<PathBuf>, SnapshotError> {
        let entries = fs::read_dir(&self.path).map_err(failed("list", &self.path))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("list", &self.path))?.path();
            if path.extension().is_some_and(|found| found == extension) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Makes a rename durable.
    fn sync(&self) -> Result<(), SnapshotError> {
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed("sync", &self.path))
    }
}

/// The name says what is in it, so that two nodes at the same place in the log name it alike.
pub(super) fn name_of(last: Option<LogId>) -> String {
    last.map_or_else(|| "empty".to_owned(), |last| format!("{}-{}", last.leader_id.term, last.index))
}

/// The last log index in a snapshot, from its name `<term>-<index>`.
fn index_of(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.split_once('-')?.1.parse().ok()
}

fn open(path: &Path) -> Result<SnapshotFile, SnapshotError> {
    let file = File::open(path).map_err(failed("open", path))?;
    Ok(SnapshotFile(Arc::new(OpenFile { file, path: path.to_owned(), is_temporary: false })))
}

fn read(snapshot: &SnapshotFile) -> Result<Contents, SnapshotError> {
    let path = &snapshot.0.path;
    let damaged = |fault: String| SnapshotError::Damaged { path: path.clone(), fault };
    // A file of our own, so that its place does not depend on who else reads.
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(failed("read", path))?;
    let (header, payload) =
        bytes.split_at_checked(HEADER_BYTES).ok_or_else(|| damaged("it ends inside its header".to_owned()))?;
    if header[..8] != MAGIC {
        return Err(damaged("it is not a snapshot".to_owned()));
    }
    let number = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if number(8) != FORMAT {
        return Err(damaged(format!("it has format {}, this version reads {FORMAT}", number(8))));
    }
    if number(12) != crc32fast::hash(payload) {
        return Err(damaged("its checksum does not fit".to_owned()));
    }
    postcard::from_bytes(payload).map_err(|error| damaged(error.to_string()))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_owned();
    move |source| SnapshotError::Io { operation, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(index: u64) -> Contents {
        let log_id = openraft::LogId::new(openraft::CommittedLeaderId::new(3, 1), index);
        let meta = SnapshotMeta { last_log_id: Some(log_id), snapshot_id: format!("3-{index}"), ..Default::default() };
        Contents { meta, state: State::default() }
    }

    #[test]
    fn newest_snapshot_is_the_one_that_counts_and_the_only_one_that_stays() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = SnapshotFolder::open(folder.path()).unwrap();
        assert!(snapshots.load().unwrap().is_none());
        snapshots.store(&contents(5)).unwrap();
        snapshots.store(&contents(12)).unwrap();
        let (loaded, file) = snapshots.load().unwrap().unwrap();
        assert_eq!(loaded.meta, contents(12).meta);
        assert!(file.len().unwrap() > HEADER_BYTES as u64);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn sender_of_a_snapshot_does_not_choose_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = SnapshotFolder::open(&folder.path().join("snapshots")).unwrap();
        let mut foreign = contents(5);
        foreign.meta.snapshot_id = "../3-99".to_owned();
        let stored = snapshots.store(&foreign).unwrap();
        assert_eq!(stored.0.path, folder.path().join("snapshots/3-5.snapshot"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn interrupted_write_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("3-9.partial"), b"TIER").unwrap();
        let snapshots = SnapshotFolder::open(folder.path()).unwrap();
        assert!(snapshots.load().unwrap().is_none());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn damaged_snapshot_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = SnapshotFolder::open(folder.path()).unwrap();
        let path = snapshots.store(&contents(5)).unwrap().0.path.clone();
        let good = fs::read(&path).unwrap();
        let check = |bytes: &[u8], expected: &str| {
            fs::write(&path, bytes).unwrap();
            let error = snapshots.load().unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
        };
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        check(&flipped, "its checksum does not fit");
        check(&good[..good.len() - 1], "its checksum does not fit");
        check(&good[..7], "it ends inside its header");
        check(&[b'x'; 64], "it is not a snapshot");
        let mut newer = good.clone();
        newer[11] = 9;
        check(&newer, "it has format 9, this version reads 2");
    }
}
