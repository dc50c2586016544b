//! What may come from outside while events are read: signals, and changes of the files that were read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::signal::unix::{SignalKind, signal};

/// How often files are looked at: a change is noticed within a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What was asked for by signals.
#[derive(Debug, Clone, Default)]
pub(super) struct Signals {
    pub(super) end: Arc<AtomicBool>,
    restart: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
}

impl Signals {
    /// Listens to SIGINT and SIGTERM, SIGHUP, and SIGUSR1 on a thread of its own.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let signals = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (mut hang_up, mut user) = (signal(SignalKind::hangup())?, signal(SignalKind::user_defined1())?);
        drop(entered);
        let heard = signals.clone();
        let listen = async move {
            loop {
                let flag = tokio::select! {
                    _ = interrupt.recv() => &heard.end,
                    _ = terminate.recv() => &heard.end,
                    _ = hang_up.recv() => &heard.restart,
                    _ = user.recv() => &heard.reopen,
                };
                flag.store(true, Ordering::Release);
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(listen))?;
        Ok(signals)
    }

    /// Whether the process is to end.
    pub(super) fn end(&self) -> bool {
        self.end.load(Ordering::Acquire)
    }

    /// Whether a restart was asked for since the last question.
    pub(super) fn take_restart(&self) -> bool {
        self.restart.swap(false, Ordering::AcqRel)
    }

    /// Whether outputs are to be opened anew.
    pub(super) fn take_reopen(&self) -> bool {
        self.reopen.swap(false, Ordering::AcqRel)
    }
}

/// Notices that files changed.
#[derive(Debug)]
pub(super) struct FileWatch {
    files: Vec<(PathBuf, Option<State>)>,
    looked: Instant,
}

/// Replaced and rewritten files differ in one of these.
type State = (SystemTime, u64);

impl FileWatch {
    pub(super) fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files = files.into_iter().map(|path| (path.clone(), state(&path))).collect();
        Self { files, looked: Instant::now() }
    }

    /// Whether a file has changed since the last question; looks no more often than makes sense.
    pub(super) fn take_change(&mut self) -> bool {
        if self.looked.elapsed() < LOOK_INTERVAL {
            return false;
        }
        self.looked = Instant::now();
        let mut changed = false;
        for (path, known) in &mut self.files {
            let now = state(path);
            changed |= now.is_some() && now != *known;
            *known = now.or(*known);
        }
        changed
    }
}

fn state(path: &Path) -> Option<State> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_noticed_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("falco.yaml");
        fs::write(&path, "a: 1\n").unwrap();
        let mut watch = FileWatch::new([path.clone()]);
        let later = |watch: &mut FileWatch| {
            watch.looked -= LOOK_INTERVAL;
            watch.take_change()
        };
        assert!(!later(&mut watch));
        fs::write(&path, "a: 1\n\n").unwrap();
        assert!(later(&mut watch));
        assert!(!later(&mut watch));
        fs::remove_file(&path).unwrap();
        assert!(!later(&mut watch));
    }
}
