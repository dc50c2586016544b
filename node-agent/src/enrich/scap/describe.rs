//! Makes the event that rules see.

use std::sync::Arc;

use tiercel_detection::event::{
    Container, Details, Endpoint, Event, EventKind, FdKind, FileDescriptor, Moment, Polled, Process, Role, Socket,
    Text, Timestamp, Trust, Via, kinds,
};

use super::call::Call;
use super::descriptor::{Descriptor, Ends};
use super::learn::absolute_name;
use super::parameters::{self, watched};
use super::state::CaptureState;
use super::thread::{Thread, key};

/// Describes an event in the light of the state that it left behind.
pub(super) fn describe(state: &mut CaptureState, call: Call<'_>, kind: EventKind, old_name: Text) -> Event {
    let tid = call.event.tid;
    let details = details(state, call);
    let mut process = state.process_of(tid);
    if let Some(told) = told_container(state, call) {
        Arc::make_mut(&mut process).container = Some(told);
    }
    let ancestors: Vec<i64> = state.threads.ancestors(tid).iter().map(|thread| thread.tid).collect();
    let lineage = ancestors.into_iter().map(|tid| state.process_of(tid)).collect();
    Event {
        number: state.number,
        time: Timestamp(call.event.time_ns),
        cpu: call.event.cpu,
        kind,
        via: Via::Syscall,
        trust: Trust::Kernel,
        thread_id: tid,
        virtual_thread_id: state.threads.get(tid).map_or(-1, |thread| thread.vtid),
        process,
        lineage,
        result: call.result(),
        parameters: parameters::parameters(state, call),
        fd: call.row.has_fd().then(|| descriptor(state, call, kind, &old_name)),
        moment: Moment::default(),
        details: Some(Box::new(details)),
    }
}

/// The container that the event itself is about.
fn told_container(state: &CaptureState, call: Call<'_>) -> Option<Arc<Container>> {
    let document = call.bytes("json").filter(|_| call.row.name == "container")?;
    state.containers.told(document)
}

impl CaptureState {
    /// A process with everything that rules ask for; made once, until an event changes processes.
    pub(super) fn process_of(&mut self, tid: i64) -> Arc<Process> {
        if let Some(known) = self.described.get(&tid) {
            return known.clone();
        }
        let process = Arc::new(self.make_process(tid));
        // Ids that are not followed have no bound.
        if self.threads.get(tid).is_some() {
            self.described.insert(tid, process.clone());
        }
        process
    }

    fn make_process(&mut self, tid: i64) -> Process {
        let Some(thread) = self.threads.get(tid) else { return Process::unknown(0) };
        let main = self.threads.main_of(thread).unwrap_or(thread);
        let mut process = thread.process.clone();
        process.key = key(thread.pid);
        process.pid = thread.pid;
        process.parent_pid = main.ptid;
        process.environment = main.process.environment.clone();
        process.cwd = self.threads.cwd(tid).into();
        let cgroups = thread.cgroups.clone();
        process.cgroup = cgroups.join(" ").into();
        let (uid, gid, login_uid) = (thread.uid, thread.gid, thread.login_uid);
        process.container = self.containers.of(&cgroups);
        let container = process.container.as_ref().map_or("", |container| &container.id);
        process.user = self.accounts.user(container, uid);
        process.group = self.accounts.group(container, gid);
        process.login_user = self.accounts.user(container, login_uid);
        process
    }
}

fn details(state: &mut CaptureState, call: Call<'_>) -> Details {
    let tid = call.event.tid;
    // Events without a time are at the end of all times, which is what Falco counts with.
    let times = Details {
        notice: call.is_notice().then(|| call.row.name.into()),
        since_first_ns: call.event.time_ns.wrapping_sub(state.first_ns.unwrap_or(0)),
        since_previous_ns: if state.previous_ns == 0 { 0 } else { call.event.time_ns.wrapping_sub(state.previous_ns) },
        generic: call.row.name == "syscall",
        ..Details::default()
    };
    let leaders = leaders(state, tid);
    let Some(thread) = state.threads.get(tid) else {
        return Details { without_process: true, ..times };
    };
    let main = state.threads.main_of(thread).unwrap_or(thread);
    let table = state.threads.descriptors(tid);
    let mut fd_kinds = Vec::new();
    for descriptor in table.iter().flat_map(|table| table.iter()) {
        if !fd_kinds.contains(&descriptor.kind) {
            fd_kinds.push(descriptor.kind);
        }
    }
    let standard = |fd| table?.get(fd).map(|descriptor| (descriptor.kind, descriptor.name.clone()));
    Details {
        threads: state.threads.living(thread.pid),
        fd_limit: main.fd_limit,
        fd_count: table.filter(|_| thread.pid != -1).map_or(0, |table| table.len() as u64),
        fd_kinds,
        standard: [standard(0), standard(1), standard(2)],
        memory_kib: main.memory_kib,
        page_faults: thread.page_faults,
        polled: polled(state, call, thread),
        leaders,
        ..times
    }
}

/// Who leads the session, the group in the pid namespace and the group of a thread. On the host the id says it; inside
/// a pid namespace, or when that process is gone, it is the oldest of the unbroken line of ancestors with the same id;
/// the process itself does not count then.
fn leaders(state: &mut CaptureState, tid: i64) -> [Option<Arc<Process>>; 3] {
    type Id = fn(&Process) -> i64;
    let ids: [Id; 3] = [|it| it.session_id, |it| it.virtual_group_id, |it| it.group_id];
    let mut found = [None; 3];
    for (index, id) in ids.into_iter().enumerate() {
        found[index] = leader(state, tid, id, index == 2);
    }
    found.map(|leader| leader.map(|tid| state.process_of(tid)))
}

fn leader(state: &CaptureState, tid: i64, id: fn(&Process) -> i64, on_host: bool) -> Option<i64> {
    let thread = state.threads.get(tid)?;
    let main = state.threads.main_of(thread)?;
    let wanted = id(&thread.process);
    if wanted == -1 {
        return None;
    }
    let direct = || state.threads.get(wanted).map(|leader| leader.tid);
    let ancestors = state.threads.ancestors(tid);
    let oldest = || ancestors.into_iter().take_while(|it| id(&it.process) == wanted).last().map(|it| it.tid);
    if on_host || main.process.virtual_pid == main.pid { direct().or_else(oldest) } else { oldest() }
}

fn polled(state: &CaptureState, call: Call<'_>, thread: &Thread) -> Vec<Polled> {
    let table = state.threads.descriptors(thread.tid);
    let describe = |(number, _)| {
        let known: Option<&Descriptor> = table.and_then(|table| table.get(number));
        let ends = known.and_then(|descriptor| match descriptor.ends {
            Ends::Pair(client, server) => Some((client, server)),
            Ends::None | Ends::Bound(_) => None,
        });
        let name = known.map(|descriptor| descriptor.name.clone()).filter(|name| !name.is_empty());
        Polled { number, name, ends }
    };
    watched(call).into_iter().map(describe).collect()
}

/// The descriptor that the event is about.
fn descriptor(state: &CaptureState, call: Call<'_>, kind: EventKind, old_name: &Text) -> FileDescriptor {
    let tid = call.event.tid;
    let number = state.threads.get(tid).map_or(-1, |thread| thread.last_fd);
    let found = state.threads.descriptors(tid).and_then(|table| table.get(number));
    match found {
        Some(found) => FileDescriptor {
            number,
            kind: Some(found.kind),
            name: found.name.clone(),
            raw_name: found.raw_name.clone(),
            device: found.device,
            inode: found.inode,
            upper_layer: found.open_flags & 0x8000 != 0,
            lower_layer: found.open_flags & 0x1_0000 != 0,
            name_changed: found.name != *old_name,
            socket: socket(state, tid, found),
            ..FileDescriptor::default()
        },
        None => not_made(state, call, kind, number),
    }
}

/// What the call would have made, as far as its arguments tell.
fn not_made(state: &CaptureState, call: Call<'_>, kind: EventKind, number: i64) -> FileDescriptor {
    let (name, raw_name) = match kind {
        kinds::OPEN | kinds::OPENAT | kinds::OPENAT2 | kinds::CREAT | kinds::OPEN_BY_HANDLE_AT => {
            let given = call.text("name").unwrap_or_default();
            (absolute_name(state, call, &given, call.number("dirfd")), given)
        }
        kinds::ACCEPT | kinds::ACCEPT4 | kinds::CONNECT => {
            let tuple = parameters::tuple_text(call.bytes("tuple").unwrap_or_default());
            (tuple.clone(), tuple)
        }
        _ => (String::new(), String::new()),
    };
    FileDescriptor { number, name: name.into(), raw_name: raw_name.into(), ..FileDescriptor::default() }
}

/// Falco tells local and remote apart by the addresses of the machine: the client's end is the local one if its
/// address is, else the server's.
fn socket(state: &CaptureState, tid: i64, descriptor: &Descriptor) -> Option<Socket> {
    if !descriptor.is_ip() && descriptor.kind != FdKind::Unix {
        return None;
    }
    let mut socket = Socket {
        protocol: descriptor.told_l4(),
        role: descriptor.role,
        connected: descriptor.connected,
        server_is_local: Some(false),
        ..Socket::default()
    };
    match descriptor.ends {
        // Without an address an IPv6 socket counts as one of this machine, an IPv4 socket does not.
        Ends::None => socket.server_is_local = Some(descriptor.kind == FdKind::Ipv6),
        Ends::Bound(end) => {
            socket.local = Some(end);
            socket.server_is_local = Some(true);
        }
        Ends::Pair(client, server) => {
            socket.server_is_local = Some(state.is_local(tid, server));
            let mine = if state.is_local(tid, client) { Role::Client } else { Role::Server };
            (socket.local, socket.remote) = ends_of(mine, client, server);
            if descriptor.role != Role::Unknown {
                socket.role = mine;
            }
        }
    }
    Some(socket)
}

fn ends_of(mine: Role, client: Endpoint, server: Endpoint) -> (Option<Endpoint>, Option<Endpoint>) {
    match mine {
        Role::Client => (Some(client), Some(server)),
        Role::Server | Role::Unknown => (Some(server), Some(client)),
    }
}
