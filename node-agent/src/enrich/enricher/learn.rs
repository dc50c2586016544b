//! How acts change the state of the machine.

use tiercel_detection::event::{Process, ProcessKey, Text, kinds};

use super::Enricher;
use crate::capture::observation::{Act, Exec, Fork, Observation, PathCall, Scalar, TaskIdentity};
use crate::enrich::accounts::AccountScope;
use crate::enrich::kind::kind_of;
use crate::enrich::path;
use crate::enrich::process::Incarnation;
use crate::enrich::profile::{self, Names};

impl Enricher {
    /// Changes the state as the act did.
    pub(super) fn learn(&mut self, id: Incarnation, observation: &Observation) {
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
            | Act::Changed(_)
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
        let before = self.processes.get(id).or_else(|| self.processes.get(parent));
        let before = before.and_then(|process| process.container.clone());
        let asked = (true, before.as_ref());
        let container = self.containers.of(&task.cgroup, task.namespaces, now_ns, asked, self.world.as_mut());
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
            let asked = (false, original.container.as_ref());
            self.containers.of(&task.cgroup, task.namespaces, now_ns, asked, self.world.as_mut())
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

    fn names_of(&mut self, task: &TaskIdentity, scope: &AccountScope) -> Names {
        self.accounts.make_known(scope, self.world.as_mut());
        Names::find(&self.accounts, scope, [task.uid, task.gid, task.login_uid])
    }
}
