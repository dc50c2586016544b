//! The open family.

use smallvec::smallvec;
use tiercel_detection::event::flags::{
    CREAT_FLAGS, FILE_FLAGS, OPENAT2_FLAGS, ppm_creat_flags, ppm_open_flags, ppm_openat2_resolve,
};
use tiercel_detection::event::{
    EventKind, FdKind, FileDescriptor, Parameter, ParameterValue, Parameters, Text, Trust, kinds,
};

use super::{Built, Scene, files, flags, hex, new_fd, no_descriptor, parameter, path, unsigned, used_fd};
use crate::capture::observation::{FileObject, GivenPath, Open};

/// `O_CREAT`, `O_DIRECTORY` and the bit that makes it `O_TMPFILE`.
const O_CREAT: u32 = 0o100;
const O_DIRECTORY: u32 = 0o200_000;
const O_TMPFILE: u32 = 0o20_000_000;

/// Number of creat.
const CREAT: u32 = 85;

/// The event of an open.
pub(in crate::enrich) fn open(kind: EventKind, open: &Open, scene: &mut Scene<'_>) -> Built {
    let given =
        GivenPath { directory_fd: open.directory_fd, directory: open.directory.clone(), given: open.given.clone() };
    let absolute = match &open.file {
        Some(file) if kind == kinds::OPEN_BY_HANDLE_AT => file.path.clone(),
        _ => files::absolute(&given, scene),
    };
    let fd = descriptor(kind, open, absolute, scene);
    Built {
        kind,
        result: Some(open.result),
        parameters: parameters(kind, open, &given, &fd),
        fd: Some(fd),
        trust: if open.file.is_some() { Trust::Kernel } else { Trust::User },
    }
}

fn descriptor(kind: EventKind, open: &Open, name: Text, scene: &mut Scene<'_>) -> FileDescriptor {
    let mut fd = FileDescriptor { name, ..no_descriptor() };
    if kind != kinds::OPEN_BY_HANDLE_AT {
        fd.raw_name = files::raw_name(&open.given);
    }
    if open.result >= 0 {
        fd.number = open.result;
        fd.kind = Some(if open.flags & O_DIRECTORY != 0 { FdKind::Directory } else { FdKind::File });
    }
    if let Some(file) = &open.file {
        fd.device = file.device;
        fd.inode = file.inode;
        fd.upper_layer = file.upper_layer;
        fd.lower_layer = file.lower_layer;
        files::add_aliases(&mut fd, file, scene);
    }
    fd
}

fn parameters(kind: EventKind, open: &Open, given: &GivenPath, fd: &FileDescriptor) -> Parameters {
    let nothing = FileObject::default();
    let file = open.file.as_ref().unwrap_or(&nothing);
    let bits = ppm_open_flags(open.flags, open.created, file.upper_layer, file.lower_layer);
    let dirfd = files::directory_descriptor(given);
    let mut list = smallvec![new_fd("fd", open.result, fd)];
    match kind {
        kinds::OPEN_BY_HANDLE_AT => list.extend([
            used_fd("mountfd", i64::from(open.directory_fd), &dirfd),
            flags("flags", bits, FILE_FLAGS),
            parameter("path", ParameterValue::Path { given: fd.name.clone(), resolved: None }),
        ]),
        kinds::CREAT => list.extend([path("name", &given.given, || fd.name.clone()), mode(open)]),
        kinds::OPEN => {
            list.extend([path("name", &given.given, || fd.name.clone()), flags("flags", bits, FILE_FLAGS), mode(open)])
        }
        _ => list.extend([
            used_fd("dirfd", i64::from(open.directory_fd), &dirfd),
            path("name", &given.given, || fd.name.clone()),
            flags("flags", bits, FILE_FLAGS),
            mode(open),
        ]),
    }
    if kind == kinds::OPENAT2 {
        list.push(flags("resolve", ppm_openat2_resolve(u64::from(open.resolve)), OPENAT2_FLAGS));
    }
    list.extend([hex("dev", file.device), unsigned("ino", file.inode)]);
    if kind == kinds::CREAT {
        list.push(flags("creat_flags", ppm_creat_flags(file.upper_layer, file.lower_layer), CREAT_FLAGS));
    }
    list
}

/// The mode counts only for calls that may create a file.
fn mode(open: &Open) -> Parameter {
    let counts = open.syscall == CREAT || open.flags & (O_CREAT | O_TMPFILE) != 0;
    parameter("mode", ParameterValue::Octal(if counts { u64::from(open.mode & 0o7777) } else { 0 }))
}
