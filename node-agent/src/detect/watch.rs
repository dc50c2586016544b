//! Notices that rule files changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// Editors write a file in several steps; what comes within this time is one change.
const DEBOUNCE: Duration = Duration::from_millis(100);

/// Watches the directories of rule files; ends when it is dropped.
#[derive(Debug)]
pub(super) struct RuleWatch {
    changes: mpsc::Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl RuleWatch {
    /// Watches files (through their directories, because editors replace files) and directories.
    ///
    /// # Errors
    /// When the kernel refuses the watch.
    pub(super) fn start(paths: &[PathBuf]) -> notify::Result<Self> {
        // One pending change is enough: whoever takes it reads every file anew.
        let (sender, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| is_change(&event)) && sender.try_send(()).is_err() {
                tracing::trace!("a change of the rules is already pending");
            }
        })?;
        let mut directories: Vec<&Path> = paths.iter().map(|path| directory_of(path)).collect();
        directories.sort_unstable();
        directories.dedup();
        for directory in directories {
            watcher.watch(directory, RecursiveMode::NonRecursive)?;
        }
        Ok(Self { changes, _watcher: watcher })
    }

    /// Waits for a change of what is watched, for ever when nothing is.
    pub(super) async fn next(watch: &mut Option<Self>) -> bool {
        match watch {
            Some(watch) => watch.changed().await,
            None => std::future::pending().await,
        }
    }

    /// Returns after a change, when the files have been quiet for a moment; `false` when nothing will ever change.
    pub(super) async fn changed(&mut self) -> bool {
        if self.changes.recv().await.is_none() {
            return false;
        }
        while tokio::time::timeout(DEBOUNCE, self.changes.recv()).await.is_ok_and(|change| change.is_some()) {}
        true
    }
}

fn directory_of(path: &Path) -> &Path {
    if path.is_dir() {
        return path;
    }
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reading is no change. Which file changed is not asked: a mounted ConfigMap changes by renaming a hidden link, and
/// whoever reloads compares digests anyway.
fn is_change(event: &Event) -> bool {
    !matches!(event.kind, EventKind::Access(_))
}
