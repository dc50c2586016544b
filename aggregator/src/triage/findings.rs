//! Which findings were told lately: within its window a repeat is counted and not told again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tiercel_proto::AlertId;

use super::UnixMillis;

/// Most findings remembered at a time, at about 200 bytes each. Beyond it the one whose window ends first goes.
const FINDINGS_MAX: usize = 262_144;

/// The findings of the current windows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Findings {
    by_fingerprint: BTreeMap<u128, Window>,
    /// The same by the end of what is remembered of them.
    by_end: BTreeSet<(UnixMillis, u128)>,
}

/// One finding and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    pub(super) first_alert: AlertId,
    pub(super) first_at: UnixMillis,
    pub(super) last_at: UnixMillis,
    /// Alerts after the first.
    pub(super) repeats: u64,
    /// Repeats stop being repeats here.
    pub(super) ends_at: UnixMillis,
    /// The count is kept until here, so that the next notification can tell what was only counted.
    pub(super) forgotten_at: UnixMillis,
}

/// What an alert is to its finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sighting {
    /// The first of a window; `untold` were only counted in the window before.
    First { untold: u64 },
    /// One more in the window that `of` opened.
    Repeat { of: AlertId, seen: u64 },
}

impl Findings {
    /// Counts one alert. Also says how many other findings had to be forgotten for it.
    pub(super) fn see(
        &mut self,
        fingerprint: u128,
        alert: AlertId,
        now: UnixMillis,
        window_ms: u64,
    ) -> (Sighting, u64) {
        match self.by_fingerprint.get_mut(&fingerprint) {
            Some(window) if now < window.ends_at => {
                window.repeats += 1;
                window.last_at = now;
                (Sighting::Repeat { of: window.first_alert, seen: window.repeats + 1 }, 0)
            }
            Some(_) | None => {
                let untold = self.remove(fingerprint).map_or(0, |window| window.repeats);
                let evicted = self.make_room();
                self.open(fingerprint, alert, now, window_ms);
                (Sighting::First { untold }, evicted)
            }
        }
    }

    /// Repeats of the finding since that alert opened its window; 0 when the window is over.
    pub(super) fn repeats_since(&self, fingerprint: u128, alert: AlertId) -> u64 {
        self.by_fingerprint
            .get(&fingerprint)
            .filter(|window| window.first_alert == alert)
            .map_or(0, |window| window.repeats)
    }

    /// Forgets what is over.
    pub(super) fn expire(&mut self, now: UnixMillis) {
        while let Some((forgotten_at, fingerprint)) = self.by_end.first().copied() {
            if forgotten_at > now {
                break;
            }
            self.remove(fingerprint);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&u128, &Window)> {
        self.by_fingerprint.iter()
    }

    fn open(&mut self, fingerprint: u128, first_alert: AlertId, now: UnixMillis, window_ms: u64) {
        let ends_at = now.plus_ms(window_ms);
        let forgotten_at = ends_at.plus_ms(window_ms);
        let window = Window { first_alert, first_at: now, last_at: now, repeats: 0, ends_at, forgotten_at };
        self.by_fingerprint.insert(fingerprint, window);
        self.by_end.insert((forgotten_at, fingerprint));
    }

    fn remove(&mut self, fingerprint: u128) -> Option<Window> {
        let window = self.by_fingerprint.remove(&fingerprint)?;
        self.by_end.remove(&(window.forgotten_at, fingerprint));
        Some(window)
    }

    fn make_room(&mut self) -> u64 {
        let mut evicted = 0;
        while self.by_fingerprint.len() >= FINDINGS_MAX {
            let Some((_, fingerprint)) = self.by_end.first().copied() else { break };
            self.remove(fingerprint);
            evicted += 1;
        }
        evicted
    }
}
