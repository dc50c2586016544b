//! Where tests find the cases and rule files of other projects that we compare ourselves with.

use std::path::PathBuf;

/// The folder that `TIERCEL_COMPAT_DIR` names, else the one beside the project; says loudly when there is none.
pub(crate) fn directory() -> Option<PathBuf> {
    let named = std::env::var_os("TIERCEL_COMPAT_DIR").map(PathBuf::from);
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let directory = named.unwrap_or_else(beside);
    if directory.is_dir() {
        return Some(directory);
    }
    println!("SKIPPED: {} is not a directory, set TIERCEL_COMPAT_DIR to run the comparison", directory.display());
    None
}
