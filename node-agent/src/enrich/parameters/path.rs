//! Calls that take one or two paths.

use smallvec::smallvec;
use tiercel_detection::event::flags::{
    FCHOWNAT_FLAGS, LINKAT_FLAGS, MOUNT_FLAGS, RENAMEAT2_FLAGS, UMOUNT_FLAGS, UNLINKAT_FLAGS, ppm_fchownat_flags,
    ppm_same_flags,
};
use tiercel_detection::event::{
    EventKind, FileDescriptor, FlagTable, Parameter, ParameterValue, Parameters, Trust, kinds,
};

use super::{
    Built, Scene, errno, files, flags, hex, int, parameter, path, text, unknown_descriptor, unsigned, used_fd, word,
};
use crate::capture::observation::{GivenPath, PathCall};

/// The event of a call on paths.
pub(in crate::enrich) fn path_call(kind: EventKind, call: &PathCall, scene: &mut Scene<'_>) -> Built {
    let fd = descriptor(kind, call, scene);
    let by_descriptor = matches!(kind, kinds::FCHMOD | kinds::FCHOWN | kinds::FCHDIR | kinds::FTRUNCATE);
    let trust = if by_descriptor && call.file.is_some() { Trust::Kernel } else { Trust::User };
    Built { kind, result: Some(call.result), parameters: parameters(kind, call, fd.as_ref(), scene), fd, trust }
}

/// Falco gives `fd.*` fields to the calls whose first argument is a descriptor, rename and link left out.
fn descriptor(kind: EventKind, call: &PathCall, scene: &mut Scene<'_>) -> Option<FileDescriptor> {
    match kind {
        kinds::FCHMOD | kinds::FCHOWN | kinds::FCHDIR => {
            let number = i64::from(int(call.arguments[0]));
            Some(match &call.file {
                Some(file) => files::descriptor(number, file, scene),
                None => unknown_descriptor(number),
            })
        }
        kinds::UNLINKAT | kinds::MKDIRAT | kinds::MKNODAT | kinds::FCHMODAT | kinds::FCHOWNAT => {
            Some(files::directory_descriptor(&call.first))
        }
        kinds::SYMLINKAT => call.second.as_ref().map(files::directory_descriptor),
        _ => None,
    }
}

fn parameters(kind: EventKind, call: &PathCall, fd: Option<&FileDescriptor>, scene: &Scene<'_>) -> Parameters {
    match kind {
        kinds::UNLINK
        | kinds::UNLINKAT
        | kinds::RMDIR
        | kinds::TRUNCATE
        | kinds::CHROOT
        | kinds::CHDIR
        | kinds::FCHDIR => one_path(kind, call, fd, scene),
        kinds::MKDIR | kinds::MKDIRAT | kinds::MKNOD | kinds::MKNODAT => creation(kind, call, scene),
        kinds::RENAME | kinds::RENAMEAT | kinds::RENAMEAT2 | kinds::LINK | kinds::LINKAT => from_to(kind, call, scene),
        kinds::SYMLINK | kinds::SYMLINKAT => symbolic_link(kind, call, scene),
        kinds::CHMOD | kinds::FCHMOD | kinds::FCHMODAT => permissions(kind, call, fd, scene),
        kinds::CHOWN | kinds::LCHOWN | kinds::FCHOWN | kinds::FCHOWNAT => ownership(kind, call, fd, scene),
        kinds::MOUNT | kinds::UMOUNT | kinds::UMOUNT2 => mounting(kind, call, scene),
        _ => Parameters::new(),
    }
}

fn one_path(kind: EventKind, call: &PathCall, fd: Option<&FileDescriptor>, scene: &Scene<'_>) -> Parameters {
    let res = errno("res", call.result);
    match kind {
        kinds::CHDIR => smallvec![res, text("path", call.first.given.clone())],
        kinds::FCHDIR => smallvec![res, descriptor_parameter("fd", fd)],
        kinds::UNLINKAT => smallvec![
            res,
            directory("dirfd", &call.first),
            place("name", &call.first, scene),
            same_flags("flags", call, 2, UNLINKAT_FLAGS),
        ],
        _ => smallvec![res, place("path", &call.first, scene)],
    }
}

fn creation(kind: EventKind, call: &PathCall, scene: &Scene<'_>) -> Parameters {
    let mut list: Parameters = smallvec![errno("res", call.result)];
    let relative = kind == kinds::MKDIRAT || kind == kinds::MKNODAT;
    if relative {
        list.push(directory("dirfd", &call.first));
    }
    list.push(place("path", &call.first, scene));
    let mode = argument(call, if relative { 2 } else { 1 });
    if kind == kinds::MKDIR || kind == kinds::MKDIRAT {
        list.push(hex("mode", u64::from(mode)));
    } else {
        list.push(parameter("mode", ParameterValue::Mode(mode)));
        list.push(unsigned("dev", u64::from(argument(call, if relative { 3 } else { 2 }))));
    }
    list
}

fn from_to(kind: EventKind, call: &PathCall, scene: &Scene<'_>) -> Parameters {
    let nowhere = GivenPath::default();
    let to = call.second.as_ref().unwrap_or(&nowhere);
    let res = errno("res", call.result);
    let old = place("oldpath", &call.first, scene);
    let new = place("newpath", to, scene);
    match kind {
        kinds::RENAME | kinds::LINK => smallvec![res, old, new],
        kinds::LINKAT => smallvec![
            res,
            directory("olddir", &call.first),
            old,
            directory("newdir", to),
            new,
            same_flags("flags", call, 4, LINKAT_FLAGS),
        ],
        _ => {
            let mut list: Parameters =
                smallvec![res, directory("olddirfd", &call.first), old, directory("newdirfd", to), new];
            if kind == kinds::RENAMEAT2 {
                list.push(same_flags("flags", call, 4, RENAMEAT2_FLAGS));
            }
            list
        }
    }
}

fn symbolic_link(kind: EventKind, call: &PathCall, scene: &Scene<'_>) -> Parameters {
    let nowhere = GivenPath::default();
    let link = call.second.as_ref().unwrap_or(&nowhere);
    let res = errno("res", call.result);
    let target = text("target", call.first.given.clone());
    let path = place("linkpath", link, scene);
    match kind {
        kinds::SYMLINK => smallvec![res, target, path],
        _ => smallvec![res, target, directory("linkdirfd", link), path],
    }
}

fn permissions(kind: EventKind, call: &PathCall, fd: Option<&FileDescriptor>, scene: &Scene<'_>) -> Parameters {
    let res = errno("res", call.result);
    let mode = |index| parameter("mode", ParameterValue::Mode(argument(call, index)));
    match kind {
        kinds::CHMOD => smallvec![res, place("filename", &call.first, scene), mode(1)],
        kinds::FCHMOD => smallvec![res, descriptor_parameter("fd", fd), mode(1)],
        _ => smallvec![res, directory("dirfd", &call.first), place("filename", &call.first, scene), mode(2)],
    }
}

fn ownership(kind: EventKind, call: &PathCall, fd: Option<&FileDescriptor>, scene: &Scene<'_>) -> Parameters {
    let res = errno("res", call.result);
    let id = |name, index| unsigned(name, u64::from(argument(call, index)));
    match kind {
        kinds::FCHOWN => smallvec![res, descriptor_parameter("fd", fd), id("uid", 1), id("gid", 2)],
        kinds::FCHOWNAT => smallvec![
            res,
            directory("dirfd", &call.first),
            place("pathname", &call.first, scene),
            id("uid", 2),
            id("gid", 3),
            flags("flags", ppm_fchownat_flags(call.arguments[4]), FCHOWNAT_FLAGS),
        ],
        _ => smallvec![res, place("path", &call.first, scene), id("uid", 1), id("gid", 2)],
    }
}

fn mounting(kind: EventKind, call: &PathCall, scene: &Scene<'_>) -> Parameters {
    let res = errno("res", call.result);
    match kind {
        kinds::MOUNT => {
            let nowhere = GivenPath::default();
            let point = call.second.as_ref().unwrap_or(&nowhere);
            smallvec![
                res,
                text("dev", call.first.given.clone()),
                place("dir", point, scene),
                text("type", call.text.clone()),
                same_flags("flags", call, 3, MOUNT_FLAGS),
            ]
        }
        kinds::UMOUNT2 => {
            smallvec![res, place("name", &call.first, scene), same_flags("flags", call, 1, UMOUNT_FLAGS)]
        }
        _ => smallvec![res, place("name", &call.first, scene)],
    }
}

fn place(name: &'static str, given: &GivenPath, scene: &Scene<'_>) -> Parameter {
    path(name, &given.given, || files::absolute(given, scene))
}

fn argument(call: &PathCall, index: usize) -> u32 {
    word(call.arguments[index])
}

/// Flags whose values are the same in Linux and in Falco.
fn same_flags(name: &'static str, call: &PathCall, index: usize, table: &'static FlagTable) -> Parameter {
    flags(name, ppm_same_flags(call.arguments[index], table), table)
}

fn directory(name: &'static str, given: &GivenPath) -> Parameter {
    used_fd(name, i64::from(given.directory_fd), &files::directory_descriptor(given))
}

fn descriptor_parameter(name: &'static str, fd: Option<&FileDescriptor>) -> Parameter {
    fd.map_or_else(|| super::empty(name), |fd| used_fd(name, fd.number, fd))
}
