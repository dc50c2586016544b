//! Whose spool it is, and which run of the agent this is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use tiercel_proto::{Generation, SpoolId};

use super::SpoolError;
use super::durable::{self, Durability};

const LOCK_FILE: &str = "lock";
const IDENTITY_FILE: &str = "identity";
const FOLDER_MODE: u32 = 0o700;

/// The directory, ours alone as long as this lives.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) id: SpoolId,
    pub(super) generation: Generation,
    /// Held for its effect; the lock ends with it.
    _lock: Flock<File>,
}

impl Claim {
    /// Locks the directory, which is made if need be, and opens a new generation. The new generation is on disk
    /// before this returns: a number of an earlier run can never be given to another alert, not even if a power cut
    /// takes the end of what the earlier run wrote.
    pub(super) fn new(directory: &Path) -> Result<Self, SpoolError> {
        let failed = |operation| SpoolError::io(operation, directory);
        let make = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(directory);
        make.map_err(failed("create"))?;
        let lock = lock(directory)?;
        let (id, generation) = next(&directory.join(IDENTITY_FILE));
        let text = format!("tiercel spool 1\nid {id}\ngeneration {generation}\n");
        let written = durable::replace(&directory.join(IDENTITY_FILE), text.as_bytes(), Durability::Synced);
        written.map_err(failed("write the identity of"))?;
        Ok(Self { id, generation, _lock: lock })
    }
}

fn lock(directory: &Path) -> Result<Flock<File>, SpoolError> {
    let path = directory.join(LOCK_FILE);
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(durable::FILE_MODE).open(path);
    let file = file.map_err(SpoolError::io("open the lock of", directory))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        if errno == Errno::EWOULDBLOCK {
            SpoolError::Busy { directory: directory.to_owned() }
        } else {
            SpoolError::io("lock", directory)(errno.into())
        }
    })
}

/// The identity for this run. A file that cannot be read means a new name: what lies in the directory is still sent
/// under the name in its file names, and nothing is ever numbered twice.
fn next(path: &Path) -> (SpoolId, Generation) {
    let Ok(text) = fs::read_to_string(path) else {
        return (SpoolId::random(), Generation(1));
    };
    let parsed = parse(&text).and_then(|(id, generation)| Some((id, Generation(generation.0.checked_add(1)?))));
    parsed.unwrap_or_else(|| {
        tracing::warn!(file = %path.display(), "identity of the spool is damaged, it gets a new one");
        (SpoolId::random(), Generation(1))
    })
}

fn parse(text: &str) -> Option<(SpoolId, Generation)> {
    let mut lines = text.strip_suffix('\n')?.lines();
    if lines.next()? != "tiercel spool 1" {
        return None;
    }
    let id = lines.next()?.strip_prefix("id ")?.parse().ok()?;
    let generation = lines.next()?.strip_prefix("generation ")?.parse().ok()?;
    lines.next().is_none().then_some((id, Generation(generation)))
}
