//! The three rings as one stream.

use std::os::fd::{AsFd, BorrowedFd};

use aya::maps::{MapData, RingBuf};
use nix::time::{ClockId, clock_gettime};

use super::merge::Merge;
use super::{Drained, Observation, Progress, decode};

/// Records taken from one ring in one drain: bounds the time that one drain takes (about 4 ms at 1 µs a record).
const RECORDS_PER_RING_MAX: usize = 4096;

/// A program takes its time stamp first and hands over its record last; what is younger than this when a drain begins
/// may have older neighbours still on their way. Programs run for some microseconds, with preemption off.
const SETTLE_NS: u64 = 200_000;

/// Reads the rings of all classes.
pub(super) struct Rings {
    /// In the order of draining: effects before causes. An exec that precedes an open of the same process is then
    /// always in the same batch or an earlier one.
    rings: [RingBuf<MapData>; 3],
    merge: Merge,
    malformed: u64,
}

impl std::fmt::Debug for Rings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rings").field("malformed", &self.malformed).finish_non_exhaustive()
    }
}

impl Rings {
    pub(super) fn new(critical: RingBuf<MapData>, normal: RingBuf<MapData>, bulk: RingBuf<MapData>) -> Self {
        Self { rings: [bulk, normal, critical], merge: Merge::default(), malformed: 0 }
    }

    /// Appends what is ready in the order of time stamps, up to the bound of each ring.
    pub(super) fn drain(&mut self, batch: &mut Vec<Observation>) -> Drained {
        let mut horizon_ns = boot_ns().saturating_sub(SETTLE_NS);
        let mut progress = Progress::CaughtUp;
        for ring in &mut self.rings {
            let mut last_ns = 0;
            let mut taken = 0;
            while taken < RECORDS_PER_RING_MAX {
                let Some(record) = ring.next() else { break };
                taken += 1;
                match decode::observation(&record) {
                    Ok(observation) => {
                        last_ns = observation.boot_ns;
                        self.merge.push(observation);
                    }
                    Err(_) => self.malformed += 1,
                }
            }
            if taken == RECORDS_PER_RING_MAX {
                progress = Progress::More;
                horizon_ns = horizon_ns.min(last_ns.saturating_sub(SETTLE_NS));
            }
        }
        Drained { observations: self.merge.release(horizon_ns, batch), progress }
    }

    pub(super) fn malformed(&self) -> u64 {
        self.malformed
    }

    pub(super) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.rings.iter().map(AsFd::as_fd).collect()
    }
}

/// Nanoseconds since boot, the clock of the records. The kernel cannot refuse this clock; if it did, nothing would be
/// held back.
fn boot_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(u64::MAX, |now| {
        let seconds = u64::try_from(now.tv_sec()).unwrap_or_default();
        seconds * 1_000_000_000 + u64::try_from(now.tv_nsec()).unwrap_or_default()
    })
}
