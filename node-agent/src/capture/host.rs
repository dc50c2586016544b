//! What the machine offers to kernel programs, and how its refusals are told.

use std::io::{self, ErrorKind};
use std::path::Path;

use aya::EbpfError;
use aya::programs::ProgramError;
use nix::sys::resource::{RLIM_INFINITY, Resource, setrlimit};
use nix::sys::utsname::uname;

use super::kernel::OpenError;

/// Ring buffers, CLOCK_BOOTTIME in programs, and tracepoints with kernel types.
const KERNEL_MIN: (u32, u32) = (5, 8);
/// Inode number of the first pid namespace (`PROC_PID_INIT_INO`).
const INITIAL_PID_NAMESPACE: &str = "pid:[4026531836]";

/// Refuses machines on which the programs cannot work, before anything is loaded.
pub(super) fn check() -> Result<(), OpenError> {
    if cfg!(not(target_arch = "x86_64")) {
        return Err(OpenError::Architecture(std::env::consts::ARCH));
    }
    let release = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
    if kernel_version(&release).is_some_and(|version| version < KERNEL_MIN) {
        return Err(OpenError::KernelTooOld(release));
    }
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return Err(OpenError::NoBtf);
    }
    Ok(())
}

/// Up to 5.10 the memory of maps counts as locked memory; later kernels do not look at the limit.
pub(super) fn raise_locked_memory_limit() {
    if let Err(error) = setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY) {
        tracing::debug!(%error, "failed to raise the limit of locked memory");
    }
}

/// Returns limits of this machine that do not stop a capture.
pub(super) fn notes() -> Vec<String> {
    let mut notes = Vec::new();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    if namespace != Path::new(INITIAL_PID_NAMESPACE) {
        notes.push(
            "the agent runs in a pid namespace of its own: it records its own acts, and process ids do not match /proc; \
             share the pid namespace of the host (hostPID: true)"
                .to_owned(),
        );
    }
    notes
}

/// Reads (major, minor) from the head of a kernel release.
fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Says whether somewhere below an error the kernel said EPERM or EACCES.
pub(super) fn is_permission_error(error: &EbpfError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if current.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == ErrorKind::PermissionDenied) {
            return true;
        }
        cause = current.source();
    }
    false
}

/// Tells a refusal in one line: of a verifier log only the last lines say what was wrong.
pub(super) fn reason(error: &ProgramError) -> String {
    let text = error.to_string();
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let last: Vec<&str> = lines.filter(|line| !line.starts_with("processed ")).collect();
    match last.as_slice() {
        [] => first.to_owned(),
        [.., line] => format!("{}: {line}", first.split(". Verifier output").next().unwrap_or(first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_versions_are_compared_by_number() {
        assert_eq!(kernel_version("5.10.0-28-amd64"), Some((5, 10)));
        assert_eq!(kernel_version("6.18.44-fc"), Some((6, 18)));
        assert!(kernel_version("5.4.0").unwrap() < KERNEL_MIN);
        assert_eq!(kernel_version("unknown"), None);
    }
}
