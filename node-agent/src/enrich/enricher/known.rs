//! How processes come to be known that no record announced.

use super::Enricher;
use crate::capture::observation::{Act, Observation};
use crate::enrich::process::Incarnation;
use crate::enrich::profile::{self, Names};
use crate::enrich::world::ScannedProcess;

/// How a lookup went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    Found,
    Gone,
    Refused,
}

impl Enricher {
    /// Sees to it that the process that acted is in the table, if it can be found at all.
    pub(super) fn make_known(&mut self, id: Incarnation, observation: &Observation) {
        let needless = match &observation.act {
            // It says all that a lookup could find.
            Act::Exec(exec) => exec.result >= 0,
            // There is nothing to be found any more.
            Act::Exit(_) => true,
            Act::Fork(_)
            | Act::Open(_)
            | Act::Network(_)
            | Act::Path(_)
            | Act::Dup(_)
            | Act::Scalar(_)
            | Act::Changed(_) => false,
        };
        if needless || self.processes.get(id).is_some() {
            return;
        }
        if self.look_up(id, observation.boot_ns) == Lookup::Gone {
            let process = profile::unknown(observation, self.boot_offset_ns);
            self.processes.insert(process, id, Incarnation::default(), self.starts_in_scope(id), observation.boot_ns);
        }
    }

    /// Looks a process up that no record announced.
    pub(super) fn look_up(&mut self, id: Incarnation, now_ns: u64) -> Lookup {
        if !self.budget.take(now_ns) {
            self.counters.lookups_refused += 1;
            return Lookup::Refused;
        }
        self.counters.lookups += 1;
        match self.world.process(id.pid) {
            Some(found) if id.start_ticks == 0 || found.start_ticks == id.start_ticks => {
                self.add_scanned(&found, now_ns);
                Lookup::Found
            }
            _ => {
                self.counters.lookups_failed += 1;
                Lookup::Gone
            }
        }
    }

    pub(super) fn add_scanned(&mut self, found: &ScannedProcess, now_ns: u64) {
        let parent = Incarnation { pid: found.parent_pid, start_ticks: 0 };
        let before = self.processes.get(parent).and_then(|parent| parent.container.clone());
        let asked = (true, before.as_ref());
        let container = self.containers.of(&found.cgroup, found.namespaces, now_ns, asked, self.world.as_mut());
        let scope = self.containers.account_scope(container.as_ref(), found.namespaces[1], Some(found.pid));
        self.accounts.make_known(&scope, self.world.as_mut());
        let names = Names::find(&self.accounts, &scope, [found.uid, found.gid, found.login_uid]);
        let process = profile::scanned(found, names, container, self.boot_offset_ns);
        let id = Incarnation { pid: found.pid, start_ticks: found.start_ticks };
        let in_scope = self.starts_in_scope(id) || self.processes.in_scope(parent);
        self.processes.insert(process, id, parent, in_scope, now_ns);
    }

    pub(super) fn starts_in_scope(&self, id: Incarnation) -> bool {
        self.options.process_tree.is_some_and(|root| root == id.pid)
    }
}
