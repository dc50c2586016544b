//! Calls that take one or two paths.

use smallvec::smallvec;
use tiercel_detection::event::flags::{
    FCHOWNAT_FLAGS, LINKAT_FLAGS, MOUNT_FLAGS, RENAMEAT2_FLAGS, UMOUNT_FLAGS, UNLINKAT_FLAGS, ppm_fchownat_flags,
    ppm_same_flags,
};
use tiercel_detection::event::{EventKind, FileDescriptor, Parameter, ParameterValue, Parameters, Trust, kinds};

use super::{
    Built, Scene, errno, files, flags, hex, int, parameter, path, text, unknown_descriptor, unsigned, used_fd, word,
};
use crate::capture::observation::{GivenPath, PathCall};

/// The event of a call on paths.
pub(in crate::enrich) fn path_call(kind: EventKind, call: &PathCall, scene: &mut Scene<'_>) -> Built {
    let fd = descriptor(kind, call, scene);
    let trust = if call.file.is_some() { Trust::Kernel } else { Trust::User };
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

fn parameters(kind: EventKind, call: &PathCall, fd: Option<&FileDescriptor>, scene: &mut Scene<'_>) -> Parameters {
    let nowhere = GivenPath::default();
    let second = call.second.as_ref().unwrap_or(&nowhere);
    let res = errno("res", call.result);
    let place = |name: &'static str, given: &GivenPath, scene: &Scene<'_>| {
        path(name, &given.given, || files::absolute(given, scene))
    };
    let first_path = |name: &'static str, scene: &Scene<'_>| place(name, &call.first, scene);
    let second_path = |name: &'static str, scene: &Scene<'_>| place(name, second, scene);
    let word_at = |index: usize| word(call.arguments[index]);
    let permissions = |name, index| parameter(name, ParameterValue::Mode(word_at(index)));
    let id = |name, index| unsigned(name, u64::from(word_at(index)));
    let bits = |name, index: usize, table| flags(name, ppm_same_flags(call.arguments[index], table), table);
    match kind {
        kinds::UNLINK | kinds::RMDIR | kinds::CHROOT => smallvec![res, first_path("path", scene)],
        kinds::CHDIR => smallvec![res, text("path", call.first.given.clone())],
        kinds::FCHDIR => smallvec![res, descriptor_parameter("fd", fd)],
        kinds::UNLINKAT => {
            smallvec![res, directory("dirfd", &call.first), first_path("name", scene), bits("flags", 2, UNLINKAT_FLAGS),]
        }
        kinds::MKDIR => smallvec![res, first_path("path", scene), hex("mode", u64::from(word_at(1)))],
        kinds::MKDIRAT => smallvec![
            res,
            directory("dirfd", &call.first),
            first_path("path", scene),
            hex("mode", u64::from(word_at(2))),
        ],
        kinds::MKNOD => smallvec![res, first_path("path", scene), permissions("mode", 1), id("dev", 2)],
        kinds::MKNODAT => smallvec![
            res,
            directory("dirfd", &call.first),
            first_path("path", scene),
            permissions("mode", 2),
            id("dev", 3),
        ],
        kinds::RENAME | kinds::LINK => {
            smallvec![res, first_path("oldpath", scene), second_path("newpath", scene)]
        }
        kinds::RENAMEAT | kinds::RENAMEAT2 => {
            let mut list: Parameters = smallvec![
                res,
                directory("olddirfd", &call.first),
                first_path("oldpath", scene),
                directory("newdirfd", second),
                second_path("newpath", scene),
            ];
            if kind == kinds::RENAMEAT2 {
                list.push(bits("flags", 4, RENAMEAT2_FLAGS));
            }
            list
        }
        kinds::LINKAT => smallvec![
            res,
            directory("olddir", &call.first),
            first_path("oldpath", scene),
            directory("newdir", second),
            second_path("newpath", scene),
            bits("flags", 4, LINKAT_FLAGS),
        ],
        kinds::SYMLINK => smallvec![res, text("target", call.first.given.clone()), second_path("linkpath", scene)],
        kinds::SYMLINKAT => smallvec![
            res,
            text("target", call.first.given.clone()),
            directory("linkdirfd", second),
            second_path("linkpath", scene),
        ],
        kinds::CHMOD => smallvec![res, first_path("filename", scene), permissions("mode", 1)],
        kinds::FCHMOD => smallvec![res, descriptor_parameter("fd", fd), permissions("mode", 1)],
        kinds::FCHMODAT => {
            smallvec![res, directory("dirfd", &call.first), first_path("filename", scene), permissions("mode", 2),]
        }
        kinds::CHOWN | kinds::LCHOWN => smallvec![res, first_path("path", scene), id("uid", 1), id("gid", 2)],
        kinds::FCHOWN => smallvec![res, descriptor_parameter("fd", fd), id("uid", 1), id("gid", 2)],
        kinds::FCHOWNAT => smallvec![
            res,
            directory("dirfd", &call.first),
            first_path("pathname", scene),
            id("uid", 2),
            id("gid", 3),
            flags("flags", ppm_fchownat_flags(call.arguments[4]), FCHOWNAT_FLAGS),
        ],
        kinds::MOUNT => smallvec![
            res,
            text("dev", call.first.given.clone()),
            second_path("dir", scene),
            text("type", call.text.clone()),
            bits("flags", 3, MOUNT_FLAGS),
        ],
        kinds::UMOUNT => smallvec![res, first_path("name", scene)],
        kinds::UMOUNT2 => smallvec![res, first_path("name", scene), bits("flags", 1, UMOUNT_FLAGS)],
        _ => Parameters::new(),
    }
}

fn directory(name: &'static str, given: &GivenPath) -> Parameter {
    used_fd(name, i64::from(given.directory_fd), &files::directory_descriptor(given))
}

fn descriptor_parameter(name: &'static str, fd: Option<&FileDescriptor>) -> Parameter {
    fd.map_or_else(|| super::empty(name), |fd| used_fd(name, fd.number, fd))
}
