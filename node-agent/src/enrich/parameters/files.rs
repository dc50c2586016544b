//! The `fd.*` fields of descriptors that the kernel described by their file.

use tiercel_detection::event::{FdKind, FileDescriptor, Text};

use super::{AT_FDCWD, EMPTY, Scene, unknown_descriptor};
use crate::capture::observation::{FileObject, GivenPath};
use crate::enrich::path;

/// File types of `stat.h`.
const TYPE_MASK: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
const FIFO: u32 = 0o010_000;

/// What the kernel calls its anonymous files, and what they are.
const ANONYMOUS: [(&str, FdKind); 10] = [
    ("[eventfd]", FdKind::Event),
    ("[eventpoll]", FdKind::EventPoll),
    ("[signalfd]", FdKind::Signal),
    ("[timerfd]", FdKind::Timer),
    ("[userfaultfd]", FdKind::Userfaultfd),
    ("[io_uring]", FdKind::IoUring),
    ("[pidfd]", FdKind::Pidfd),
    ("pidfd:", FdKind::Pidfd),
    ("inotify", FdKind::Inotify),
    ("bpf", FdKind::Bpf),
];

/// The descriptor of a file as the kernel has it.
pub(super) fn descriptor(number: i64, file: &FileObject, scene: &mut Scene<'_>) -> FileDescriptor {
    let kind = kind(file);
    let name = if kind == FdKind::Pipe {
        EMPTY.clone()
    } else if kind == FdKind::Memfd {
        file.path.trim_start_matches('/').strip_prefix("memfd:").unwrap_or(&file.path).into()
    } else {
        file.path.clone()
    };
    let mut fd = FileDescriptor {
        number,
        kind: Some(kind),
        name,
        raw_name: EMPTY.clone(),
        device: file.device,
        inode: file.inode,
        upper_layer: file.upper_layer,
        lower_layer: file.lower_layer,
        ..FileDescriptor::default()
    };
    add_aliases(&mut fd, file, scene);
    fd
}

/// Adds the names of the file that differ from the one it was given: where the kernel found it, and what rules call it.
pub(super) fn add_aliases(fd: &mut FileDescriptor, file: &FileObject, scene: &mut Scene<'_>) {
    let found = (file.path.starts_with('/') && !file.truncated).then_some(&file.path);
    let known = scene.identities.names_of(file, scene.now_ns, scene.world);
    for alias in found.into_iter().chain(known) {
        if *alias != fd.name && !fd.aliases.contains(alias) {
            fd.aliases.push(alias.clone());
        }
    }
}

/// The `fd.*` fields of a directory descriptor argument. The kernel told its path only where it mattered.
pub(super) fn directory_descriptor(path: &GivenPath) -> FileDescriptor {
    let fd = unknown_descriptor(i64::from(path.directory_fd));
    if path.directory_fd == AT_FDCWD || path.directory.is_empty() {
        return fd;
    }
    FileDescriptor { kind: Some(FdKind::Directory), name: path.directory.clone(), ..fd }
}

/// The path made absolute, from the directory that the kernel read or else from the current one.
pub(super) fn absolute(path: &GivenPath, scene: &Scene<'_>) -> Text {
    if path::is_clean(&path.given) {
        return path.given.clone();
    }
    let from_cwd = path.directory.is_empty() && path.directory_fd == AT_FDCWD;
    path::absolute(if from_cwd { &scene.process.cwd } else { &path.directory }, &path.given).into()
}

/// `fd.nameraw` of a path.
pub(super) fn raw_name(given: &Text) -> Text {
    match path::without_repeated_slashes(given) {
        std::borrow::Cow::Borrowed(_) => given.clone(),
        std::borrow::Cow::Owned(single) => single.into(),
    }
}

fn kind(file: &FileObject) -> FdKind {
    let name = file.path.strip_prefix("anon_inode:").unwrap_or(&file.path);
    match file.mode & TYPE_MASK {
        DIRECTORY => FdKind::Directory,
        FIFO => FdKind::Pipe,
        _ if name.starts_with("memfd:") || name.starts_with("/memfd:") => FdKind::Memfd,
        _ if name.starts_with('/') => FdKind::File,
        _ => anonymous_kind(name).unwrap_or(FdKind::File),
    }
}

/// What an anonymous file is, by the name that the kernel gives it.
pub(in crate::enrich) fn anonymous_kind(name: &str) -> Option<FdKind> {
    ANONYMOUS.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, kind)| *kind)
}
