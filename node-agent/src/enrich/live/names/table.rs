//! Which host names are looked up when, and what they stand for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tiercel_detection::event::Text;
use tracing::warn;

use super::Known;

/// A name is looked up again after this time when its addresses have changed, Falco's value.
const REFRESH_MIN: Duration = Duration::from_secs(10);

/// The time doubles up to this while they stay the same, Falco's value.
const REFRESH_MAX: Duration = Duration::from_secs(320);

/// Addresses are forgotten and not looked up any more when no event has asked for this long, Falco's value.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Names that are looked up at most: rules that know more need a list of addresses.
const NAMES_MAX: usize = 1024;

/// Addresses that are kept of a name at most.
const ADDRESSES_MAX: usize = 64;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Look this name up.
    LookUp(Text),
    /// Nobody has asked for long: all addresses are forgotten.
    Forgotten,
    /// Nothing for this long; for as long as nobody asks.
    Wait(Option<Duration>),
}

/// Names with their addresses. Times are counted from any fixed moment.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    names: BTreeMap<Text, Watched>,
    asked_at: Duration,
    forgotten: bool,
}

#[derive(Debug)]
struct Watched {
    addresses: Vec<IpAddr>,
    refresh: Duration,
    due_at: Duration,
}

impl NameTable {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Keeps what is known of names that stay; new ones are due at once.
    pub(super) fn follow(&mut self, names: impl IntoIterator<Item = Text>, now: Duration) {
        let mut before = std::mem::take(&mut self.names);
        for name in names {
            if self.names.len() == NAMES_MAX {
                warn!(limit = NAMES_MAX, "rules name more hosts than are looked up");
                break;
            }
            let fresh = Watched { addresses: Vec::new(), refresh: REFRESH_MIN, due_at: now };
            let watched = before.remove(&name).unwrap_or(fresh);
            self.names.insert(name, watched);
        }
        self.asked(now);
    }

    /// Notes that an event has asked; says whether the worker must be woken.
    pub(super) fn asked(&mut self, now: Duration) -> bool {
        self.asked_at = now;
        std::mem::take(&mut self.forgotten)
    }

    pub(super) fn next(&mut self, now: Duration) -> Next {
        if self.forgotten || self.names.is_empty() {
            return Next::Wait(None);
        }
        if now.saturating_sub(self.asked_at) >= FORGOTTEN_AFTER {
            self.forgotten = true;
            for watched in self.names.values_mut() {
                *watched = Watched { addresses: Vec::new(), refresh: REFRESH_MIN, due_at: now };
            }
            return Next::Forgotten;
        }
        match self.names.iter().min_by_key(|(_, watched)| watched.due_at) {
            Some((name, watched)) if watched.due_at <= now => Next::LookUp(name.clone()),
            Some((_, watched)) => Next::Wait(Some(watched.due_at - now)),
            None => Next::Wait(None),
        }
    }

    /// Takes an answer; a lookup that failed leaves the addresses as they were. Says whether they have changed.
    pub(super) fn learn(&mut self, name: &Text, found: Option<Vec<IpAddr>>, now: Duration) -> bool {
        let Some(watched) = self.names.get_mut(name) else { return false };
        let found = found.map(|mut addresses| {
            addresses.sort_unstable();
            addresses.dedup();
            addresses.truncate(ADDRESSES_MAX);
            addresses
        });
        let changed = found.as_ref().is_some_and(|addresses| *addresses != watched.addresses);
        watched.refresh = if changed { REFRESH_MIN } else { (watched.refresh * 2).min(REFRESH_MAX) };
        watched.due_at = now + watched.refresh;
        if changed {
            watched.addresses = found.unwrap_or_default();
        }
        changed
    }

    /// The names of each address, in alphabetical order.
    pub(super) fn by_address(&self) -> Known {
        let mut lists: BTreeMap<IpAddr, Vec<Text>> = BTreeMap::new();
        for (name, watched) in &self.names {
            for address in &watched.addresses {
                lists.entry(*address).or_default().push(name.clone());
            }
        }
        lists.into_iter().map(|(address, names)| (address, names.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_time_between_lookups_doubles_while_nothing_changes() {
        let (mut table, name) = (NameTable::default(), Text::from("db.example"));
        table.follow([name.clone()], seconds(0));
        let mut now = seconds(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert_eq!(table.next(now), Next::LookUp(name.clone()));
            table.learn(&name, Some(vec![address("192.0.2.1")]), now);
            let Next::Wait(Some(wait)) = table.next(now) else { panic!("nothing to wait for") };
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 320, 320]);
        assert!(table.learn(&name, Some(vec![address("192.0.2.2")]), now));
        assert_eq!(table.next(now), Next::Wait(Some(seconds(10))));
        assert!(!table.learn(&name, None, now), "a lookup that failed changes nothing");
        assert_eq!(&*table.by_address()[&address("192.0.2.2")], [name]);
    }

    #[test]
    fn what_nobody_asks_for_is_forgotten_until_somebody_does() {
        let (mut table, name) = (NameTable::default(), Text::from("db.example"));
        table.follow([name.clone()], seconds(0));
        table.learn(&name, Some(vec![address("::1")]), seconds(0));
        assert_eq!(table.next(seconds(3600)), Next::Forgotten);
        assert!(table.by_address().is_empty());
        assert_eq!(table.next(seconds(9000)), Next::Wait(None));
        assert!(table.asked(seconds(9000)));
        assert_eq!(table.next(seconds(9000)), Next::LookUp(name));
    }

    #[test]
    fn an_address_has_every_name_that_stands_for_it_and_no_more_than_a_bound_are_followed() {
        let mut table = NameTable::default();
        table.follow((0..2 * NAMES_MAX).map(|number| Text::from(format!("n{number}"))), seconds(0));
        assert_eq!(table.names.len(), NAMES_MAX);
        for name in ["n1", "n2"] {
            table.learn(&name.into(), Some(vec![address("10.0.0.1"); 2]), seconds(0));
        }
        assert_eq!(table.by_address()[&address("10.0.0.1")].len(), 2);
        table.follow([Text::from("n2")], seconds(1));
        assert_eq!(&*table.by_address()[&address("10.0.0.1")], [Text::from("n2")]);
    }
}
