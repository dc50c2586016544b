//! Device numbers of mounted file systems.

use std::path::{Path, PathBuf};

use procfs::process::Process;

/// The mounts that the agent sees.
///
/// btrfs and overlay report another device through `stat` than the kernel has for the file system, and records carry
/// the latter; the mount table has it too.
#[derive(Debug, Default)]
pub(super) struct Mounts(Vec<(PathBuf, u64)>);

impl Mounts {
    /// Reads the mount table; empty when it cannot be read.
    pub(super) fn read() -> Self {
        let mounts = Process::myself().and_then(|own| own.mountinfo()).map(|infos| infos.0).unwrap_or_default();
        Self(mounts.into_iter().filter_map(|mount| Some((mount.mount_point, device(&mount.majmin)?))).collect())
    }

    /// The kernel's device of the file system that a file lies in, `reported` being what `stat` says.
    pub(super) fn device_of(&self, canonical: &Path, reported: u64) -> u64 {
        if self.0.iter().any(|(_, device)| *device == reported) {
            return reported;
        }
        let around = self.0.iter().filter(|(point, _)| canonical.starts_with(point));
        // Of two mounts on one point the later one covers the other; `max_by_key` takes the last of equals.
        around.max_by_key(|(point, _)| point.components().count()).map_or(reported, |(_, device)| *device)
    }
}

/// `8:1` as `stat` encodes it.
fn device(text: &str) -> Option<u64> {
    let (major, minor) = text.split_once(':')?;
    Some(libc::makedev(major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_tells_the_device_that_stat_hides() {
        let mounts = Mounts(vec![("/".into(), 1), ("/home".into(), 2), ("/home/a".into(), 3), ("/home/a".into(), 4)]);
        assert_eq!(mounts.device_of(Path::new("/etc/shadow"), 1), 1);
        assert_eq!(mounts.device_of(Path::new("/home/a/b"), 99), 4);
        assert_eq!(mounts.device_of(Path::new("/homes/b"), 99), 1);
        assert_eq!(Mounts::default().device_of(Path::new("/x"), 7), 7);
    }

    #[test]
    fn devices_are_encoded_as_stat_does() {
        assert_eq!(device("8:1"), Some(0x801));
        assert_eq!(device("x"), None);
        assert!(!Mounts::read().0.is_empty());
    }
}
