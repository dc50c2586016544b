//! Where the binaries under test are.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// Finds a binary of the workspace beside the test that asks for it.
///
/// # Errors
/// When it is not there; the text says how to build it.
pub fn binary(name: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("failed to find the test executable")?;
    // Tests lie in target/PROFILE/deps, binaries in target/PROFILE.
    let profile_directory = test.parent().and_then(Path::parent).context("the test executable has no directory")?;
    let path = profile_directory.join(name);
    anyhow::ensure!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` first (`make test` does)",
        path.display()
    );
    Ok(path)
}
