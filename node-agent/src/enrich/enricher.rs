//! From observations to events: keeps the state of the machine and describes each act in the light of it.

use std::sync::Arc;

use tiercel_detection::event::{Event, EventKind, KindSet, Process, ProcessKey, Text, Timestamp, Via, kinds};

use super::accounts::Accounts;
use super::containers::Containers;
use super::identity::Identities;
use super::kind::kind_of;
use super::lookup::LookupBudget;
use super::parameters::{self, Built, Scene};
use super::path;
use super::process::{Incarnation, ProcessTable};
use super::profile::{self, Names};
use super::sockets::SocketTable;
use super::world::{ScannedProcess, Snapshot, World};
use crate::capture::observation::{Act, Exec, Fork, Observation, PathCall, Scalar, TaskIdentity};

/// How often the account database and the clock of the host are looked at.
const HOST_CHECK_NS: u64 = 1_000_000_000;

/// The parent of all kernel threads. They have no program and Falco does not see them come.
const KTHREADD_PID: u32 = 2;

/// What the room has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Observations that were handled.
    pub observations: u64,
    /// Processes that live now.
    pub processes: u64,
    /// Containers that are remembered now.
    pub containers: u64,
    /// Processes that were added to the table.
    pub processes_added: u64,
    /// Processes that exited.
    pub processes_removed: u64,
    /// Processes that were forgotten because the table was full.
    pub processes_evicted: u64,
    /// Processes whose exit was missed.
    pub processes_replaced: u64,
    /// Lookups of processes in /proc.
    pub lookups: u64,
    /// Lookups that found nothing: the process was gone.
    pub lookups_failed: u64,
    /// Lookups that were not made because there were too many in that second.
    pub lookups_refused: u64,
    /// Observations of processes of which nothing is known.
    pub unknown_processes: u64,
    /// Observations of system calls that have no event kind.
    pub unknown_calls: u64,
    /// Acts of processes outside the process tree that is watched.
    pub out_of_scope: u64,
}

/// What the room is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only the events of this process and its descendants are given out.
    pub process_tree: Option<u32>,
    /// Only events of these kinds are given out; others change the state all the same.
    pub wanted: KindSet,
}

impl Default for Options {
    fn default() -> Self {
        Self { process_tree: None, wanted: KindSet::all() }
    }
}

/// The state of the machine, kept current by observations.
#[derive(Debug)]
pub struct Enricher {
    processes: ProcessTable,
    accounts: Accounts,
    containers: Containers,
    identities: Identities,
    sockets: SocketTable,
    world: Box<dyn World>,
    options: Options,
    boot_offset_ns: u64,
    host_checked_ns: u64,
    budget: LookupBudget,
    counters: Counters,
}

impl Enricher {
    /// Starts from a snapshot of the machine.
    pub fn new(snapshot: &Snapshot, world: Box<dyn World>, options: Options) -> Self {
        let mut enricher = Self {
            processes: ProcessTable::default(),
            accounts: Accounts::new(&snapshot.accounts),
            containers: Containers::new(snapshot.namespaces),
            identities: Identities::default(),
            sockets: SocketTable::default(),
            world,
            options,
            boot_offset_ns: snapshot.boot_offset_ns,
            host_checked_ns: 0,
            budget: LookupBudget::default(),
            counters: Counters::default(),
        };
        for process in &snapshot.processes {
            enricher.add_scanned(process, 0);
        }
        enricher.processes.link_children();
        if let Some(root) = enricher.options.process_tree {
            enricher.processes.bring_into_scope(root);
        }
        enricher
    }

    /// Takes the absolute paths that the rules name, at the start and when rules change.
    pub fn follow_paths(&mut self, paths: impl IntoIterator<Item = Text>) {
        self.identities.follow(paths);
    }

    /// Takes the kinds of events that the rules read, when rules change.
    pub fn want(&mut self, kinds: KindSet) {
        self.options.wanted = kinds;
    }

    /// What was counted so far.
    pub fn counters(&self) -> Counters {
        let table = self.processes.counters();
        Counters {
            processes: self.processes.len() as u64,
            containers: self.containers.len() as u64,
            processes_added: table.added,
            processes_removed: table.removed,
            processes_evicted: table.evicted,
            processes_replaced: table.replaced,
            ..self.counters
        }
    }

    /// Learns from one observation and describes it, unless it is of no interest. Observations come in the order of
    /// their time, give or take what one drain of the rings leaves open.
    pub fn handle(&mut self, observation: &Observation) -> Option<Event> {
        self.counters.observations += 1;
        if matches!(observation.act, Act::Fork(_)) && observation.pid == KTHREADD_PID {
            return None;
        }
        self.tend(observation.boot_ns);
        let id = Incarnation::new(observation.pid, observation.started_boot_ns);
        self.make_known(id, observation);
        self.learn(id, observation);
        let event = self.describe(id, observation);
        if let Act::Exit(exit) = &observation.act
            && exit.last_thread
        {
            self.processes.exit(id, exit.reaper_pid, observation.boot_ns);
        }
        event
    }

    /// Work that comes round with time: everything runs on the time of the observations, so that a replay does the same.
    fn tend(&mut self, now_ns: u64) {
        self.processes.expire(now_ns);
        if now_ns.saturating_sub(self.host_checked_ns) >= HOST_CHECK_NS {
            self.host_checked_ns = now_ns;
            if let Some(change) = self.world.host_change() {
                self.boot_offset_ns = change.boot_offset_ns;
                if let Some(accounts) = &change.accounts {
                    self.accounts.replace_host(accounts);
                }
            }
        }
        self.identities.keep_fresh(now_ns, self.world.as_mut());
    }

    /// Sees to it that the process that acted is in the table, if it can be found at all.
    fn make_known(&mut self, id: Incarnation, observation: &Observation) {
        let needless = match &observation.act {
            // It says all that a lookup could find.
            Act::Exec(exec) => exec.result >= 0,
            // There is nothing to be found any more.
            Act::Exit(_) => true,
            Act::Fork(_) | Act::Open(_) | Act::Network(_) | Act::Path(_) | Act::Dup(_) | Act::Scalar(_) => false,
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
    fn look_up(&mut self, id: Incarnation, now_ns: u64) -> Lookup {
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

    fn add_scanned(&mut self, found: &ScannedProcess, now_ns: u64) {
        let container = self.containers.of(&found.cgroup, found.namespaces, now_ns, true, self.world.as_mut());
        let scope = self.containers.account_scope(container.as_ref(), found.namespaces[1], Some(found.pid));
        self.accounts.make_known(&scope, self.world.as_mut());
        let names = Names::find(&self.accounts, &scope, [found.uid, found.gid, found.login_uid]);
        let process = profile::scanned(found, names, container, self.boot_offset_ns);
        let id = Incarnation { pid: found.pid, start_ticks: found.start_ticks };
        let parent = Incarnation { pid: found.parent_pid, start_ticks: 0 };
        let in_scope = self.starts_in_scope(id) || self.processes.in_scope(parent);
        self.processes.insert(process, id, parent, in_scope, now_ns);
    }

    fn starts_in_scope(&self, id: Incarnation) -> bool {
        self.options.process_tree.is_some_and(|root| root == id.pid)
    }

    /// Changes the state as the act did.
    fn learn(&mut self, id: Incarnation, observation: &Observation) {
        match &observation.act {
            Act::Exec(exec) if exec.result >= 0 => return self.execute(id, exec, observation),
            Act::Scalar(Scalar { task: Some(task), result: 0.., .. }) => return self.become_task(id, task),
            Act::Fork(fork) => self.fork(id, fork, observation.boot_ns),
            Act::Path(call) if call.result >= 0 => self.move_to(id, call),
            Act::Exec(_)
            | Act::Exit(_)
            | Act::Open(_)
            | Act::Network(_)
            | Act::Path(_)
            | Act::Dup(_)
            | Act::Scalar(_) => {}
        }
        self.follow_credentials(id, observation);
    }

    fn execute(&mut self, id: Incarnation, exec: &Exec, observation: &Observation) {
        let now_ns = observation.boot_ns;
        let task = &exec.task;
        let parent = Incarnation::new(task.parent_pid, task.parent_started_boot_ns);
        if parent.pid != 0 && self.processes.get(parent).is_none() {
            self.look_up(parent, now_ns);
        }
        let container = self.containers.of(&task.cgroup, task.namespaces, now_ns, true, self.world.as_mut());
        let scope = self.containers.account_scope(container.as_ref(), task.namespaces[1], Some(id.pid));
        let names = self.names_of(task, &scope);
        if !self.processes.lives(id) {
            let key = ProcessKey { pid: id.pid, started_boot_ns: observation.started_boot_ns };
            let process = profile::newborn(key, self.boot_offset_ns);
            let in_scope = self.starts_in_scope(id) || self.processes.in_scope(parent);
            self.processes.insert(process, id, parent, in_scope, now_ns);
        }
        let boot_offset_ns = self.boot_offset_ns;
        self.processes.adopt(id, parent);
        self.processes.update(id, |process| {
            profile::apply_task(process, task, boot_offset_ns);
            names.apply(process);
            process.container = container;
            profile::apply_exec(process, exec);
        });
    }

    fn fork(&mut self, creator: Incarnation, fork: &Fork, now_ns: u64) {
        let child = Incarnation::new(fork.child_pid, fork.child_started_boot_ns);
        let parent = Incarnation::new(fork.child.parent_pid, fork.child.parent_started_boot_ns);
        if fork.child_tid != fork.child_pid {
            return;
        }
        if self.processes.lives(child) {
            self.processes.adopt(child, parent);
            return;
        }
        let Some(original) = self.processes.get(creator).cloned() else { return };
        let task = &fork.child;
        let container = if task.cgroup == original.cgroup {
            original.container.clone()
        } else {
            self.containers.of(&task.cgroup, task.namespaces, now_ns, false, self.world.as_mut())
        };
        let scope = self.containers.account_scope(container.as_ref(), task.namespaces[1], None);
        let names = self.names_of(task, &scope);
        let mut process = Process::clone(&original);
        process.key = ProcessKey { pid: fork.child_pid, started_boot_ns: fork.child_started_boot_ns };
        profile::apply_task(&mut process, task, self.boot_offset_ns);
        names.apply(&mut process);
        process.container = container;
        profile::rename(&mut process, &task.name);
        let in_scope = self.starts_in_scope(child) || self.processes.in_scope(creator);
        self.processes.insert(process, child, parent, in_scope, now_ns);
    }

    /// chdir and fchdir. The path of a chdir is Falco's: made absolute as text.
    fn move_to(&mut self, id: Incarnation, call: &PathCall) {
        let directory = match kind_of(call.syscall) {
            Some(kinds::CHDIR) => {
                let Some(process) = self.processes.get(id) else { return };
                let from = if call.first.directory.is_empty() { &process.cwd } else { &call.first.directory };
                path::absolute(from, &call.first.given)
            }
            Some(kinds::FCHDIR) => match &call.file {
                Some(file) => file.path.to_string(),
                None => return,
            },
            _ => return,
        };
        let cwd: Text = path::with_trailing_slash(&directory).into();
        self.processes.update(id, |process| process.cwd = cwd);
    }

    /// The task has another identity now. Its name stays: Falco does not follow renames.
    fn become_task(&mut self, id: Incarnation, task: &TaskIdentity) {
        let Some(process) = self.processes.get(id) else { return };
        let container = process.container.clone();
        let scope = self.containers.account_scope(container.as_ref(), task.namespaces[1], None);
        let names = self.names_of(task, &scope);
        let boot_offset_ns = self.boot_offset_ns;
        self.processes.update(id, |process| {
            let cgroup = process.cgroup.clone();
            profile::apply_task(process, task, boot_offset_ns);
            process.cgroup = cgroup;
            names.apply(process);
        });
    }

    /// A thread acts under other credentials than the table has: it changed them alone, or the record was lost.
    fn follow_credentials(&mut self, id: Incarnation, observation: &Observation) {
        let Some(process) = self.processes.get(id) else { return };
        if process.user.id == observation.uid && process.group.id == observation.gid {
            return;
        }
        let ids = [observation.uid, observation.gid, process.login_user.id];
        let scope = self.containers.account_scope(process.container.as_ref(), process.mount_namespace, None);
        let names = Names::find(&self.accounts, &scope, ids);
        self.processes.update(id, |process| names.apply(process));
    }

    fn names_of(&mut self, task: &TaskIdentity, scope: &super::accounts::AccountScope) -> Names {
        self.accounts.make_known(scope, self.world.as_mut());
        Names::find(&self.accounts, scope, [task.uid, task.gid, task.login_uid])
    }

    /// Makes the event, if it is wanted.
    fn describe(&mut self, id: Incarnation, observation: &Observation) -> Option<Event> {
        let Some(kind) = event_kind(&observation.act) else {
            self.counters.unknown_calls += 1;
            return None;
        };
        let in_scope = self.is_in_scope(id);
        self.counters.out_of_scope += u64::from(!in_scope);
        let wanted = in_scope && self.options.wanted.contains(kind);
        // What sockets do is learnt while their events are made.
        if !wanted && !matches!(observation.act, Act::Network(_)) {
            return None;
        }
        let process = self.process_of(id, observation);
        let built = self.build(kind, process.clone(), observation);
        let lineage = self.processes.lineage(id);
        wanted.then(|| Event {
            number: self.counters.observations,
            time: Timestamp(self.boot_offset_ns.saturating_add(observation.boot_ns)),
            cpu: observation.cpu,
            kind: built.kind,
            via: if observation.compat { Via::Compat } else { Via::Syscall },
            trust: built.trust,
            thread_id: i64::from(observation.tid),
            virtual_thread_id: profile::virtual_thread_id(&process, observation),
            process,
            lineage,
            result: built.result,
            parameters: built.parameters,
            fd: built.fd,
        })
    }

    fn is_in_scope(&self, id: Incarnation) -> bool {
        self.options.process_tree.is_none() || self.processes.in_scope(id)
    }

    fn process_of(&mut self, id: Incarnation, observation: &Observation) -> Arc<Process> {
        match self.processes.get(id) {
            Some(process) => process.clone(),
            None => {
                self.counters.unknown_processes += 1;
                Arc::new(profile::unknown(observation, self.boot_offset_ns))
            }
        }
    }

    fn build(&mut self, kind: EventKind, process: Arc<Process>, observation: &Observation) -> Built {
        let scope = self.containers.account_scope(process.container.as_ref(), process.mount_namespace, None);
        let mut scene = Scene {
            process,
            thread_id: observation.tid,
            processes: &self.processes,
            accounts: &self.accounts,
            scope,
            identities: &mut self.identities,
            sockets: &mut self.sockets,
            world: self.world.as_mut(),
            now_ns: observation.boot_ns,
        };
        match &observation.act {
            Act::Exec(exec) => parameters::exec(kind, exec, &mut scene),
            Act::Fork(fork) => parameters::fork(kind, fork, &mut scene),
            Act::Exit(exit) => parameters::exit(exit, &mut scene),
            Act::Open(open) => parameters::open(kind, open, &mut scene),
            Act::Network(call) => parameters::network(kind, call, &mut scene),
            Act::Path(call) => parameters::path_call(kind, call, &mut scene),
            Act::Dup(dup) => parameters::dup(kind, dup, &mut scene),
            Act::Scalar(call) => parameters::scalar(kind, call, &mut scene),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lookup {
    Found,
    Gone,
    Refused,
}

/// The kind of the event that the act gives. A successful execveat is an execve to Falco's rules.
fn event_kind(act: &Act) -> Option<EventKind> {
    match act {
        Act::Exec(exec) if exec.result >= 0 => Some(kinds::EXECVE),
        Act::Exec(exec) => kind_of(exec.syscall),
        Act::Fork(Fork { syscall: 0, .. }) => Some(kinds::CLONE),
        Act::Fork(fork) => kind_of(fork.syscall),
        Act::Exit(_) => Some(kinds::PROCEXIT),
        Act::Open(open) => kind_of(open.syscall),
        Act::Network(call) => kind_of(call.syscall),
        Act::Path(call) => kind_of(call.syscall),
        Act::Dup(dup) => kind_of(dup.syscall),
        Act::Scalar(call) => kind_of(call.syscall),
    }
}
