//! The end of a thread.

use smallvec::smallvec;
use tiercel_detection::event::flags::SIGNALS;
use tiercel_detection::event::{Trust, kinds};

use super::{Built, Scene, choice, errno, unsigned};
use crate::capture::observation::Exit;

/// The event of an exit. The code is taken apart as wait(2) does.
pub(in crate::enrich) fn exit(exit: &Exit, scene: &mut Scene<'_>) -> Built {
    const SIGNAL: i32 = 0x7f;
    const CORE: i32 = 0x80;
    let signal = u64::from((exit.code & SIGNAL).unsigned_abs());
    Built {
        kind: kinds::PROCEXIT,
        result: Some(i64::from(exit.code)),
        parameters: smallvec![
            errno("status", i64::from(exit.code)),
            errno("ret", i64::from(exit.code >> 8 & 0xff)),
            choice("sig", signal, SIGNALS),
            unsigned("core", u64::from(exit.code & CORE != 0)),
            scene.pid("reaper_tid", i64::from(exit.reaper_pid)),
        ],
        fd: None,
        trust: Trust::Kernel,
    }
}
