//! The directory of one test.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// A directory below `/tmp` that goes away with the test, unless `TIERCEL_TEST_KEEP` is set.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    /// Makes the directory; `name` becomes part of its name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mut directory = tempfile::Builder::new()
            .prefix(&format!("tiercel-{name}-"))
            .tempdir_in("/tmp")
            .context("failed to make a scratch directory")?;
        directory.disable_cleanup(std::env::var_os("TIERCEL_TEST_KEEP").is_some());
        Ok(Self { directory })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file in it and returns its path.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.join(name);
        std::fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
        Ok(path)
    }
}
