//! From observations to events: keeps the state of the machine and describes each act in the light of it.

mod counters;
mod known;
mod learn;

use std::sync::Arc;

use tiercel_detection::event::{
    Container, Event, EventKind, KindSet, Moment, Process, Surroundings, Text, Timestamp, Trust, Via, kinds,
};

use crate::capture::observation::{Act, Entry, Fork, Observation};
use crate::enrich::accounts::{AccountScope, Accounts};
use crate::enrich::container::{Containers, LookupCounts, TableCounts};
use crate::enrich::identity::Identities;
use crate::enrich::kind::kind_of;
use crate::enrich::live::LiveMachine;
use crate::enrich::lookup::LookupBudget;
use crate::enrich::parameters::{self, Built, Scene};
use crate::enrich::process::{Incarnation, ProcessTable};
use crate::enrich::profile::{self, Names};
use crate::enrich::sockets::SocketTable;
use crate::enrich::world::{Snapshot, World};

pub use counters::Counters;

/// How often the account database and the clock of the host are looked at.
const HOST_CHECK_NS: u64 = 1_000_000_000;

/// The parent of all kernel threads. They have no program and Falco does not see them come.
const KTHREADD_PID: u32 = 2;

/// What the room is asked to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only the events of this process and its descendants are given out.
    pub process_tree: Option<u32>,
    /// Only events of these kinds are given out; others change the state all the same.
    pub wanted: KindSet,
    /// Answers what rules ask of the machine while they judge; `None` for events of another time or machine.
    pub machine: Option<Arc<LiveMachine>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { process_tree: None, wanted: KindSet::all(), machine: None }
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
    /// Whether a rule asks the machine.
    asks_machine: bool,
    /// When the first event and the latest one happened.
    span: Option<(Timestamp, Timestamp)>,
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
            asks_machine: false,
            span: None,
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

    /// Takes what the rules will ask of the machine while they judge, when rules change: whether they ask at all, and the
    /// host names that they mention.
    pub fn expect_questions(&mut self, asked: bool, host_names: impl IntoIterator<Item = Text>) {
        self.asks_machine = asked;
        if let Some(machine) = &self.options.machine {
            machine.follow_names(host_names);
        }
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

    /// What was counted about containers so far.
    pub fn container_counts(&self) -> (TableCounts, LookupCounts) {
        (self.containers.counts(), self.world.lookup_counts())
    }

    /// Whether the runtime of the container with that whole id has not answered yet.
    pub fn awaits_runtime_of(&self, id: &str) -> bool {
        self.containers.is_due(id)
    }

    /// Whether the runtime of the event's container has not answered yet.
    pub fn awaits_runtime(&self, event: &Event) -> bool {
        event.process.container.as_ref().is_some_and(|container| self.containers.is_due(&container.full_id))
    }

    /// Gives an event what has become known of its container since it was made.
    pub fn complete(&self, event: &mut Event) {
        let current = event.process.container.as_ref().and_then(|container| self.containers.current(container));
        if let Some(current) = current {
            Arc::make_mut(&mut event.process).container = Some(current);
        }
    }

    /// Takes the answers of container runtimes that have come; for times when nothing else happens.
    pub fn take_container_news(&mut self) {
        let described = self.containers.take_news(self.world.as_mut());
        self.describe_containers(described);
    }

    fn describe_containers(&mut self, described: Vec<Arc<Container>>) {
        for container in described {
            self.processes.describe_container(&container);
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
        let described = self.containers.news(now_ns, self.world.as_mut());
        self.describe_containers(described);
        self.identities.keep_fresh(now_ns, self.world.as_mut());
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
        if !wanted {
            return None;
        }
        let time = Timestamp(self.boot_offset_ns.saturating_add(observation.boot_ns));
        Some(Event {
            number: self.counters.observations,
            time,
            cpu: observation.cpu,
            kind: built.kind,
            via: via(observation.entry),
            trust: trust(built.trust, observation),
            thread_id: i64::from(observation.tid),
            virtual_thread_id: profile::virtual_thread_id(&process, observation),
            process,
            lineage,
            result: built.result,
            parameters: built.parameters,
            fd: built.fd,
            moment: self.moment(time),
            details: None,
        })
    }

    /// Where an event of that time stands. Times of different CPUs can be out of order by a little.
    fn moment(&mut self, time: Timestamp) -> Moment {
        let (first, previous) = self.span.unwrap_or((time, time));
        self.span = Some((first, time));
        let machine = self.options.machine.as_ref().filter(|_| self.asks_machine);
        Moment { first, previous, machine: machine.map(|machine| machine.clone() as Arc<dyn Surroundings>) }
    }

    fn is_in_scope(&self, id: Incarnation) -> bool {
        self.options.process_tree.is_none() || self.processes.in_scope(id)
    }

    fn process_of(&mut self, id: Incarnation, observation: &Observation) -> Arc<Process> {
        match self.processes.get(id) {
            Some(process) => process.clone(),
            None => {
                self.counters.unknown_processes += 1;
                let ids = [observation.uid, observation.gid, u32::MAX];
                let mut process = profile::unknown(observation, self.boot_offset_ns);
                Names::find(&self.accounts, &AccountScope::Host, ids).apply(&mut process);
                Arc::new(process)
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
            Act::Changed(changed) => parameters::changed(changed),
        }
    }
}

fn via(entry: Entry) -> Via {
    match entry {
        Entry::Syscall => Via::Syscall,
        Entry::Compat => Via::Compat,
        Entry::IoUring => Via::IoUring,
    }
}

/// The paths of a request of io_uring are the kernel's own copies, whatever its program does to them afterwards.
fn trust(built: Trust, observation: &Observation) -> Trust {
    match (observation.entry, &observation.act) {
        (Entry::IoUring, Act::Path(_)) => Trust::Kernel,
        _ => built,
    }
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
        Act::Changed(_) => Some(kinds::ASYNCEVENT),
    }
}
