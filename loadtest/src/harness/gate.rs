//! What a test needs of the machine, and saying aloud when it is not there.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// File name of the lock that tests take while they watch the kernel.
const KERNEL_LOCK: &str = "/tmp/tiercel-kernel-tests.lock";

/// The rule files that Falco's users have, in the order in which they load them.
const OFFICIAL_RULE_FILES: [&str; 3] = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

/// Says on standard error that a test did not run, so that a green run cannot hide it.
pub fn skip(test: &str, why: &str) {
    #[expect(clippy::print_stderr, reason = "the message is for the person who reads the test run")]
    {
        eprintln!("SKIPPED {test}: {why}");
    }
}

/// Why this machine cannot run tests of the kernel sensor; `None` when it can.
pub fn kernel_refusal() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("loading kernel programs needs root".to_owned());
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Some("the kernel has no type information (/sys/kernel/btf/vmlinux)".to_owned());
    }
    None
}

/// Held by a test while its agent watches the kernel: two of them at once would only measure each other.
#[derive(Debug)]
pub struct KernelLock {
    _file: File,
}

impl KernelLock {
    /// Waits until no other test holds it.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked.
    pub fn take() -> anyhow::Result<Self> {
        let file = File::create(KERNEL_LOCK).with_context(|| format!("failed to open {KERNEL_LOCK}"))?;
        file.lock().with_context(|| format!("failed to lock {KERNEL_LOCK}"))?;
        Ok(Self { _file: file })
    }
}

/// Falco's own rule files, when the machine has them: below `rules` in `TIERCEL_COMPAT_DIR`, or in the directory that
/// stands beside the checkout.
pub fn official_rules() -> Option<Vec<PathBuf>> {
    let directory =
        std::env::var_os("TIERCEL_COMPAT_DIR").map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
    let files: Vec<PathBuf> = OFFICIAL_RULE_FILES.iter().map(|name| directory.join("rules").join(name)).collect();
    files.iter().all(|file| file.is_file()).then_some(files)
}

/// The directory of the rules that are shipped.
pub fn default_rules() -> PathBuf {
    workspace().join("detection/rules")
}

fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("the crate lies in the workspace").to_path_buf()
}
