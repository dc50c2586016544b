//! dup, dup2, dup3 and fcntl(F_DUPFD).

use smallvec::smallvec;
use tiercel_detection::event::flags::{FCNTL_COMMANDS, FILE_FLAGS, ppm_descriptor_flags, ppm_fcntl_command};
use tiercel_detection::event::{EventKind, FileDescriptor, Parameters, Trust, kinds};

use super::{Built, Scene, choice, files, flags, hex, int, new_fd, plain_fd, unknown_descriptor, used_fd, word};
use crate::capture::observation::Dup;
use crate::enrich::sockets;

/// The event of a copy: its descriptor is the new one.
pub(in crate::enrich) fn dup(kind: EventKind, dup: &Dup, scene: &mut Scene<'_>) -> Built {
    let old = i64::from(int(dup.arguments[0]));
    let fd = if dup.result < 0 { unknown_descriptor(old) } else { descriptor(dup, scene) };
    Built {
        kind,
        result: Some(dup.result),
        parameters: parameters(kind, dup, old, &fd),
        fd: Some(fd),
        trust: Trust::Kernel,
    }
}

fn descriptor(dup: &Dup, scene: &mut Scene<'_>) -> FileDescriptor {
    if let Some(socket) = &dup.socket {
        let memory = scene.sockets.recall(socket).unwrap_or_else(|| sockets::guess(socket));
        return sockets::descriptor(dup.result, socket, memory);
    }
    match &dup.file {
        Some(file) => files::descriptor(dup.result, file, scene),
        None => unknown_descriptor(dup.result),
    }
}

fn parameters(kind: EventKind, dup: &Dup, old: i64, fd: &FileDescriptor) -> Parameters {
    let res = new_fd("res", dup.result, fd);
    let source = |name| if dup.result < 0 { plain_fd(name, old) } else { used_fd(name, old, fd) };
    let target = || used_fd("newfd", i64::from(int(dup.arguments[1])), fd);
    match kind {
        kinds::DUP2 => smallvec![res, source("oldfd"), target()],
        kinds::DUP3 => {
            let bits = ppm_descriptor_flags(word(dup.arguments[2]));
            smallvec![res, source("oldfd"), target(), flags("flags", bits, FILE_FLAGS)]
        }
        kinds::FCNTL => {
            let command = ppm_fcntl_command(dup.arguments[1]);
            smallvec![res, source("fd"), choice("cmd", command, FCNTL_COMMANDS), hex("arg", dup.arguments[2])]
        }
        _ => smallvec![res, source("oldfd")],
    }
}
