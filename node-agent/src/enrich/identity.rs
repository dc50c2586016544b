//! Which files have a name that rules mention, whatever name they are opened by.
//!
//! A hard link, a bind mount and `/proc/self/root/...` lead to the same (device, inode) as the name in the rule. The
//! map is made anew every few seconds, because the name may have come to mean another file.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use tiercel_detection::event::Text;

use super::world::{NamedFile, World};
use crate::capture::observation::FileObject;
use crate::metrics::publish_unfollowed_paths;

/// How old the map may get.
const REFRESH_NS: u64 = 10_000_000_000;

/// Shortest time between two refreshes that unknown hard links ask for: each costs one `stat` per path.
const REFRESH_ON_DEMAND_NS: u64 = 1_000_000_000;

/// Paths that are followed at most; a refresh of so many takes about 15 ms. The official rules name about 150.
const PATHS_MAX: usize = 1_024;

/// `S_IFMT` and `S_IFREG`.
const TYPE_MASK: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// The files that the paths of the rules name now.
#[derive(Debug, Default)]
pub(super) struct Identities {
    paths: Vec<Text>,
    names: FxHashMap<(u64, u64), SmallVec<[Text; 1]>>,
    refreshed_ns: Option<u64>,
}

impl Identities {
    /// Takes the paths that the rules name; the map is made at the next event.
    pub(super) fn follow(&mut self, paths: impl IntoIterator<Item = Text>) {
        let mut paths = paths.into_iter();
        self.paths = paths.by_ref().take(PATHS_MAX).collect();
        let left_out = paths.count();
        publish_unfollowed_paths(left_out);
        if left_out > 0 {
            tracing::warn!(left_out, followed = PATHS_MAX, "rules name more paths than are known under other names");
        }
        self.refreshed_ns = None;
    }

    /// Makes the map anew when it is old.
    pub(super) fn keep_fresh(&mut self, now_ns: u64, world: &mut dyn World) {
        if self.is_older_than(REFRESH_NS, now_ns) {
            self.refresh(now_ns, world);
        }
    }

    /// Names of the file that the rules know it by; of one that an overlay shows, those of the file behind it. A file
    /// with several hard links that is not known asks for a refresh, at most once a second.
    pub(super) fn names_of(&mut self, file: &FileObject, now_ns: u64, world: &mut dyn World) -> &[Text] {
        let shown = (file.device, file.inode);
        let key = file.in_layer.filter(|_| !self.names.contains_key(&shown)).unwrap_or(shown);
        let suspicious = file.links > 1 && file.mode & TYPE_MASK == REGULAR && !self.names.contains_key(&key);
        if suspicious && self.is_older_than(REFRESH_ON_DEMAND_NS, now_ns) {
            self.refresh(now_ns, world);
        }
        self.names.get(&key).map_or(&[], |names| names.as_slice())
    }

    fn is_older_than(&self, age_ns: u64, now_ns: u64) -> bool {
        self.refreshed_ns.is_none_or(|at_ns| now_ns.saturating_sub(at_ns) >= age_ns)
    }

    fn refresh(&mut self, now_ns: u64, world: &mut dyn World) {
        self.refreshed_ns = Some(now_ns);
        self.names.clear();
        if self.paths.is_empty() {
            return;
        }
        for NamedFile { path, device, inode } in world.named_files(&self.paths) {
            self.names.entry((device, inode)).or_default().push(path);
        }
    }
}
