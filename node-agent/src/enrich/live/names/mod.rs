//! Names of addresses: the host names that rules mention are looked up by a worker, and again while events ask.
//!
//! There is no reverse lookup: whoever owns an address could answer whatever he likes.

mod table;

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use rustc_hash::FxHashMap;
use tiercel_detection::event::Text;
use tracing::{debug, error};

use table::{NameTable, Next};

/// The names of the addresses that are known.
type Known = FxHashMap<IpAddr, Arc<[Text]>>;

/// The host names that rules mention, with their addresses.
#[derive(Debug)]
pub(super) struct HostNames(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Read by whoever judges events; held only to look up or to be replaced.
    known: RwLock<Known>,
    state: Mutex<State>,
    changed: Condvar,
    started: Instant,
}

#[derive(Debug, Default)]
struct State {
    table: NameTable,
    works: bool,
    ended: bool,
}

impl Default for HostNames {
    fn default() -> Self {
        Self(Arc::new(Shared {
            known: RwLock::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
            started: Instant::now(),
        }))
    }
}

impl Drop for HostNames {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_all();
    }
}

impl HostNames {
    /// Looks these names up from now on, and no others. The worker begins with the first name.
    pub(super) fn follow(&self, names: impl IntoIterator<Item = Text>) {
        let mut state = self.0.state();
        state.table.follow(names, self.0.started.elapsed());
        self.0.publish(&state.table);
        if !state.table.is_empty() && !state.works {
            let shared = self.0.clone();
            let worker = std::thread::Builder::new().name("host-names".to_owned()).spawn(move || shared.work());
            state.works = worker.inspect_err(|error| error!(%error, "failed to start looking host names up")).is_ok();
        }
        drop(state);
        self.0.changed.notify_all();
    }

    /// The names that stand for the address, as far as is known now.
    pub(super) fn of(&self, address: IpAddr) -> Option<Arc<[Text]>> {
        let names = self.0.known.read().unwrap_or_else(PoisonError::into_inner).get(&address.to_canonical()).cloned();
        // Whoever cannot have the lock at once leaves it: the next event asks again.
        if let Ok(mut state) = self.0.state.try_lock()
            && state.table.asked(self.0.started.elapsed())
        {
            self.0.changed.notify_all();
        }
        names
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, table: &NameTable) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = table.by_address();
    }

    /// Looks one name up after the other, whenever it is due. The lock is not held while a server is waited for.
    fn work(&self) {
        let mut state = self.state();
        while !state.ended {
            match state.table.next(self.started.elapsed()) {
                Next::LookUp(name) => {
                    drop(state);
                    let found = look_up(&name);
                    state = self.state();
                    if state.table.learn(&name, found, self.started.elapsed()) {
                        self.publish(&state.table);
                    }
                }
                Next::Forgotten => self.publish(&state.table),
                Next::Wait(Some(time)) => {
                    let waited = self.changed.wait_timeout(state, time);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Next::Wait(None) => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Asks as every program of this machine does: /etc/hosts, then the servers of /etc/resolv.conf.
fn look_up(name: &str) -> Option<Vec<IpAddr>> {
    match (name, 0).to_socket_addrs() {
        Ok(found) => Some(found.map(|address| address.ip().to_canonical()).collect()),
        Err(error) => {
            debug!(%error, name, "failed to look a host name up");
            None
        }
    }
}
