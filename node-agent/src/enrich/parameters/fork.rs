//! clone, clone3, fork and vfork, as the caller sees them return.

use smallvec::smallvec;
use tiercel_detection::event::flags::CLONE_FLAGS;
use tiercel_detection::event::{EventKind, Parameters, Trust};

use super::exec::ended_by_zero;
use super::{Built, Scene, bytes, empty, flags, text, unsigned};
use crate::capture::observation::Fork;

/// Falco's bit for a new thread of the same process.
const CLONE_THREAD: u64 = 0x2000;

/// The event of a fork.
pub(in crate::enrich) fn fork(kind: EventKind, fork: &Fork, scene: &mut Scene<'_>) -> Built {
    Built {
        kind,
        result: Some(i64::from(fork.child_tid)),
        parameters: parameters(fork, scene),
        fd: None,
        trust: Trust::Kernel,
    }
}

fn parameters(fork: &Fork, scene: &mut Scene<'_>) -> Parameters {
    let process = scene.process.clone();
    let bits = if fork.child_tid == fork.child_pid { 0 } else { CLONE_THREAD };
    let mut list: Parameters = smallvec![
        scene.pid("res", i64::from(fork.child_tid)),
        text("exe", process.exe.clone()),
        bytes("args", &ended_by_zero(&process.arguments)),
        scene.own_pid("tid", i64::from(scene.thread_id)),
        scene.own_pid("pid", i64::from(process.key.pid)),
        scene.pid("ptid", process.parent_pid),
        text("cwd", process.cwd.clone()),
    ];
    list.extend(["fdlimit", "pgft_maj", "pgft_min", "vm_size", "vm_rss", "vm_swap"].map(empty));
    list.extend([
        text("comm", process.name.clone()),
        text("cgroups", process.cgroup.clone()),
        flags("flags", bits, CLONE_FLAGS),
        unsigned("uid", u64::from(process.user.id)),
        unsigned("gid", u64::from(process.group.id)),
        scene.own_pid("vtid", i64::from(scene.thread_id)),
        scene.own_pid("vpid", process.virtual_pid),
        unsigned("pidns_init_start_ts", process.pid_namespace_started_at.0),
    ]);
    list
}
