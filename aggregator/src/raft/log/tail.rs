//! The end of the log in memory: what was just appended is read at once, long before it is on the disk.

use std::collections::{BTreeMap, VecDeque};

use super::tables::Found;
use crate::raft::types::{Entry, LogId};

/// Bytes of entries kept in memory after they are durable, for peers that follow closely. Entries that are not
/// durable yet stay whatever their size; the intake bounds those.
const CACHED_BYTES_MAX: usize = 32 << 20;

/// What is known of the log without the disk.
#[derive(Debug, Default)]
pub(super) struct Tail {
    cached: BTreeMap<u64, Entry>,
    cached_bytes: usize,
    /// Size of every entry from the first one on.
    sizes: VecDeque<usize>,
    sizes_bytes: u64,
    first_index: u64,
    last: Option<LogId>,
    purged: Option<LogId>,
    /// Everything up to here is durable.
    durable_through: u64,
    /// Bytes ever appended.
    appended_bytes: u64,
}

impl Tail {
    pub(super) fn new(found: &Found) -> Self {
        let first_index = found.sizes.first().map_or_else(|| next_index(found.purged), |(index, _)| *index);
        let mut tail = Self { first_index, purged: found.purged, ..Self::default() };
        tail.sizes.extend(found.sizes.iter().map(|(_, bytes)| *bytes));
        tail.sizes_bytes = tail.sizes.iter().map(|bytes| *bytes as u64).sum();
        tail.last = found.last.as_ref().map(|entry| entry.log_id).or(found.purged);
        tail.durable_through = tail.last.map_or(0, |last| last.index);
        tail
    }

    pub(super) fn last(&self) -> Option<LogId> {
        self.last
    }

    pub(super) fn purged(&self) -> Option<LogId> {
        self.purged
    }

    pub(super) fn appended_bytes(&self) -> u64 {
        self.appended_bytes
    }

    pub(super) fn append(&mut self, entry: Entry, bytes: usize) {
        if self.sizes.is_empty() {
            self.first_index = entry.log_id.index;
        }
        self.last = Some(entry.log_id);
        self.sizes.push_back(bytes);
        self.sizes_bytes += bytes as u64;
        self.cached_bytes += bytes;
        self.appended_bytes += bytes as u64;
        self.cached.insert(entry.log_id.index, entry);
    }

    /// Lets go of what is durable and does not fit.
    pub(super) fn set_durable(&mut self, through: u64) {
        self.durable_through = self.durable_through.max(through);
        while self.cached_bytes > CACHED_BYTES_MAX {
            match self.cached.first_key_value() {
                Some((index, _)) if *index <= self.durable_through => self.forget_first_cached(),
                Some(_) | None => break,
            }
        }
    }

    /// Removes the entries from `first` on.
    pub(super) fn truncate(&mut self, first: u64, last_before: Option<LogId>) {
        for index in self.cached.split_off(&first).into_keys() {
            self.cached_bytes -= self.size(index);
        }
        let kept = usize::try_from(first.saturating_sub(self.first_index)).unwrap_or(usize::MAX);
        while self.sizes.len() > kept {
            self.sizes_bytes -= self.sizes.pop_back().unwrap_or(0) as u64;
        }
        self.durable_through = self.durable_through.min(first.saturating_sub(1));
        self.last = last_before;
    }

    /// Removes the entries up to and with `through`.
    pub(super) fn purge(&mut self, through: LogId) {
        while self.cached.first_key_value().is_some_and(|(index, _)| *index <= through.index) {
            self.forget_first_cached();
        }
        while self.first_index <= through.index {
            self.sizes_bytes -= self.sizes.pop_front().unwrap_or(0) as u64;
            self.first_index += 1;
        }
        self.purged = Some(through);
        self.last = self.last.max(Some(through));
        self.durable_through = self.durable_through.max(through.index);
    }

    /// The first entry that is in memory.
    pub(super) fn first_cached(&self) -> Option<u64> {
        self.cached.first_key_value().map(|(index, _)| *index)
    }

    /// Entries from memory, as many as fit into that many bytes, but at least one; `None` when the first of them is in
    /// the file only.
    pub(super) fn read(&self, start: u64, end: u64, bytes_max: usize) -> Option<Vec<Entry>> {
        if self.first_cached().is_some_and(|first| start < first) {
            return None;
        }
        let mut bytes = 0;
        let entries = self
            .cached
            .range(start..end)
            .take_while(|(index, _)| {
                let is_first = bytes == 0;
                bytes += self.size(**index);
                is_first || bytes <= bytes_max
            })
            .map(|(_, entry)| entry.clone())
            .collect();
        Some(entries)
    }

    /// The last entry to purge so that at most that many bytes stay, though never one after `through_max`.
    pub(super) fn purge_point(&self, bytes_kept_max: u64, through_max: u64) -> Option<u64> {
        let mut bytes = self.sizes_bytes;
        let mut point = None;
        for (index, size) in (self.first_index..=through_max).zip(&self.sizes) {
            if bytes <= bytes_kept_max {
                break;
            }
            bytes -= *size as u64;
            point = Some(index);
        }
        point
    }

    fn size(&self, index: u64) -> usize {
        let place = usize::try_from(index.saturating_sub(self.first_index)).unwrap_or(usize::MAX);
        self.sizes.get(place).copied().unwrap_or(0)
    }

    fn forget_first_cached(&mut self) {
        if let Some((index, _)) = self.cached.pop_first() {
            self.cached_bytes -= self.size(index);
        }
    }
}

fn next_index(after: Option<LogId>) -> u64 {
    after.map_or(0, |log_id| log_id.index + 1)
}
