//! Small files that are replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The spool holds command lines and file names of the whole node.
pub(super) const FILE_MODE: u32 = 0o600;

/// Whether a write must be on the disk before the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Survives a power cut.
    Synced,
    /// Survives the end of the process.
    Cached,
}

/// Replaces the file, so that whoever reads it finds the old text or the new one and nothing between.
pub(super) fn replace(path: &Path, bytes: &[u8], durability: Durability) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh)?;
    file.write_all(bytes)?;
    if durability == Durability::Synced {
        file.sync_all()?;
    }
    fs::rename(&fresh, path)?;
    match durability {
        Durability::Synced => sync_folder(path.parent().unwrap_or(Path::new("."))),
        Durability::Cached => Ok(()),
    }
}

/// Makes the names in the folder survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
