//! Keeping within bounds: what is given up when a lane is full.

use tiercel_proto::Lane;

use super::segment::Segment;
use super::{SkipReason, Spool};

/// How much of a lane is kept in memory while the disk takes nothing; 8 MiB are some ten thousand alerts.
pub(super) const MEMORY_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Share of the lanes in the size of the spool, in percent: critical, important, rest.
const LANE_PERCENT: [u64; 3] = [25, 50, 25];

impl Spool {
    /// Keeps the lane within its bounds by giving up its oldest segments.
    pub(super) fn make_room(&mut self, lane: Lane) {
        let quota = self.lane_bytes_max(lane);
        while self.lane_bytes(lane, Segment::disk_bytes) > quota
            && self.give_up_oldest(lane, SkipReason::OverQuota, |segment| !segment.is_memory())
        {}
        while self.lane_bytes(lane, Segment::memory_bytes) > MEMORY_BYTES_MAX
            && self.give_up_oldest(lane, SkipReason::DiskFailed, Segment::is_memory)
        {}
    }

    /// Gives up what is in memory only, because the process ends: the books say then that the disk failed, and not, after
    /// the restart, that something on it was damaged.
    pub fn give_up_memory(&mut self) {
        for lane in Lane::ALL {
            while self.give_up_oldest(lane, SkipReason::DiskFailed, Segment::is_memory) {}
        }
    }

    fn give_up_oldest(&mut self, lane: Lane, reason: SkipReason, eligible: fn(&Segment) -> bool) -> bool {
        let streams = self.lanes[lane.index()].iter_mut();
        let victim = streams.filter_map(|stream| Some((stream.victim(eligible)?, stream))).next();
        let Some((segment, lost)) = victim.and_then(|(index, stream)| stream.evict(index, reason)) else {
            return false;
        };
        self.count_skipped(reason, lost);
        tracing::warn!(lane = %lane, reason = reason.name(), alerts = lost, "alerts are given up: the spool has no room for them");
        self.settled.push(segment);
        self.books_changed = true;
        self.checkpoint();
        true
    }

    fn lane_bytes(&self, lane: Lane, measure: fn(&Segment) -> u64) -> u64 {
        self.lanes[lane.index()].iter().flat_map(|stream| &stream.segments).map(measure).sum()
    }

    pub(super) fn lane_bytes_max(&self, lane: Lane) -> u64 {
        self.options.bytes_max * LANE_PERCENT[lane.index()] / 100
    }
}
