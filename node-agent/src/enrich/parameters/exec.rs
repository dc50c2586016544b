//! execve and execveat.

use smallvec::smallvec;
use tiercel_detection::event::flags::{EXECVE_FLAGS, ppm_execve_flags};
use tiercel_detection::event::{EventKind, ParameterValue, Parameters, Process, Text, Trust, kinds};

use super::{Built, Scene, bytes, empty, errno, flags, hex, parameter, text, unsigned};
use crate::capture::observation::Exec;

/// The event of an exec. A successful execveat is an execve to Falco's rules.
pub(in crate::enrich) fn exec(kind: EventKind, exec: &Exec, scene: &mut Scene<'_>) -> Built {
    let succeeded = exec.result >= 0;
    let kind = if succeeded { kinds::EXECVE } else { kind };
    Built {
        kind,
        result: Some(exec.result),
        parameters: parameters(kind, exec, scene),
        fd: None,
        trust: if succeeded { Trust::Kernel } else { Trust::User },
    }
}

fn parameters(kind: EventKind, exec: &Exec, scene: &mut Scene<'_>) -> Parameters {
    let process = scene.process.clone();
    let succeeded = exec.result >= 0;
    let exe = if succeeded { process.exe.clone() } else { exec.filename.clone() };
    let arguments: &[Text] = if succeeded { &process.arguments } else { &[] };
    let path = |given: &Text| ParameterValue::Path { given: given.clone(), resolved: None };
    let mut list: Parameters = smallvec![
        errno("res", exec.result),
        text("exe", exe),
        bytes("args", &ended_by_zero(arguments)),
        scene.own_pid("tid", i64::from(scene.thread_id)),
        scene.own_pid("pid", i64::from(process.key.pid)),
        scene.pid("ptid", process.parent_pid),
        text("cwd", process.cwd.clone()),
    ];
    list.extend(["fdlimit", "pgft_maj", "pgft_min", "vm_size", "vm_rss", "vm_swap"].map(empty));
    list.extend([
        text("comm", process.name.clone()),
        text("cgroups", process.cgroup.clone()),
        bytes("env", &ended_by_zero(&process.environment)),
        unsigned("tty", u64::from(process.tty)),
        scene.pid("vpgid", process.virtual_group_id),
        scene.user("loginuid", process.login_user.id),
        flags("flags", special(&process), EXECVE_FLAGS),
        hex("cap_inheritable", process.capabilities.inheritable),
        hex("cap_permitted", process.capabilities.permitted),
        hex("cap_effective", process.capabilities.effective),
        unsigned("exe_ino", process.exe_inode),
        unsigned("exe_ino_ctime", process.exe_changed_at.0),
        unsigned("exe_ino_mtime", process.exe_modified_at.0),
        scene.user("uid", process.user.id),
        parameter("trusted_exepath", path(&process.exe_path)),
        scene.pid("pgid", process.group_id),
        scene.group("gid", process.group.id),
    ]);
    if kind == kinds::EXECVE {
        list.push(parameter("filename", path(&exec.filename)));
    }
    list
}

fn special(process: &Process) -> u64 {
    ppm_execve_flags(process.exe_writable, process.exe_upper_layer, process.exe_from_memfd, process.exe_lower_layer)
}

/// The texts as the kernel lays them out: one after the other, each ended by a zero byte.
pub(super) fn ended_by_zero(texts: &[Text]) -> Vec<u8> {
    let mut laid_out = Vec::with_capacity(texts.iter().map(|text| text.len() + 1).sum());
    for text in texts {
        laid_out.extend_from_slice(text.as_bytes());
        laid_out.push(0);
    }
    laid_out
}
