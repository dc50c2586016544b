//! The hooks of the kernel programs: which of them the rules need, and how this kernel lets them be attached.

use aya::programs::raw_trace_point::RawTracePointLinkId;
use aya::programs::tp_btf::BtfTracePointLinkId;
use aya::programs::{BtfTracePoint, ProgramError, RawTracePoint};
use aya::{Btf, Ebpf};

use super::syscall::{Call, call_of};
use super::{BackEnd, CapabilityMatrix, Hook, HookState, WantedCalls, host};

/// Calls that the reason for a hook names; the number of all of them stands beside.
const NAMED_MAX: usize = 3;

/// Who needs a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// The table of processes, whatever the rules are.
    Processes,
    /// Recorded system calls.
    Calls,
    /// Recorded calls whose paths only the program vouches for.
    Paths,
    /// Recorded calls that io_uring has an operation for.
    Rings,
}

impl Need {
    /// Returns why the hook is needed for these calls; `None` when it is not.
    fn reason(self, calls: &WantedCalls) -> Option<String> {
        match self {
            Self::Processes => Some("the table of processes".to_owned()),
            Self::Calls => list("system calls", calls, |_| true),
            Self::Paths if !calls.compares_paths() => None,
            Self::Paths => list("calls whose paths are compared", calls, Call::is_compared),
            Self::Rings => list("operations of io_uring", calls, Call::has_operations),
        }
    }
}

/// Returns a sentence that counts the wanted calls of some sort; `None` when there are none.
fn list(what: &str, calls: &WantedCalls, sort: impl Fn(&Call) -> bool) -> Option<String> {
    let recorded = calls.numbers().filter_map(|number| call_of(number.into()));
    let names: Vec<&str> = recorded.filter(|call| sort(call)).map(|call| call.kind.name()).collect();
    let (named, more) = names.split_at(names.len().min(NAMED_MAX));
    let dots = if more.is_empty() { "" } else { ", ..." };
    (!names.is_empty()).then(|| format!("{} {what} ({}{dots})", names.len(), named.join(", ")))
}

/// One program of the object, in both its forms, with the tracepoint that it is attached to.
#[derive(Debug)]
struct Program {
    typed: &'static str,
    raw: &'static str,
    tracepoint: &'static str,
    purpose: &'static str,
    need: Need,
}

/// In the order of attaching: processes are followed before their acts are.
const PROGRAMS: &[Program] = &[
    Program {
        typed: "on_fork",
        raw: "raw_fork",
        tracepoint: "sched_process_fork",
        purpose: "new processes and threads",
        need: Need::Processes,
    },
    Program {
        typed: "on_exit",
        raw: "raw_exit",
        tracepoint: "sched_process_exit",
        purpose: "ends of processes and threads",
        need: Need::Processes,
    },
    Program {
        typed: "on_exec",
        raw: "raw_exec",
        tracepoint: "sched_process_exec",
        purpose: "executed programs",
        need: Need::Processes,
    },
    Program {
        typed: "on_sys_enter",
        raw: "raw_sys_enter",
        tracepoint: "sys_enter",
        purpose: "paths that are changed while a call runs",
        need: Need::Paths,
    },
    Program {
        typed: "on_sys_exit",
        raw: "raw_sys_exit",
        tracepoint: "sys_exit",
        purpose: "system calls, also of the 32-bit table",
        need: Need::Calls,
    },
    Program {
        typed: "on_ring_complete",
        raw: "raw_ring_complete",
        tracepoint: "io_uring_complete",
        purpose: "results of io_uring",
        need: Need::Rings,
    },
    Program {
        typed: "on_ring_overflow",
        raw: "raw_ring_overflow",
        tracepoint: "io_uring_cqe_overflow",
        purpose: "results of io_uring that are not fetched",
        need: Need::Rings,
    },
    Program {
        typed: "on_ring_submit",
        raw: "raw_ring_submit",
        tracepoint: "io_uring_submit_req",
        purpose: "requests of io_uring, also of polled rings",
        need: Need::Rings,
    },
];

/// What the tracepoint was called before; its own name when it never had another.
fn former_name(tracepoint: &'static str) -> &'static str {
    match tracepoint {
        // Up to 6.2.
        "io_uring_submit_req" => "io_uring_submit_sqe",
        other => other,
    }
}

/// How the programs may be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attachment {
    /// With kernel types where the kernel has them, else as plain tracepoints.
    #[default]
    Best,
    /// As plain tracepoints only.
    RawOnly,
}

/// What became of a program that was needed.
#[derive(Debug)]
enum Link {
    Typed(BtfTracePointLinkId),
    Raw(RawTracePointLinkId),
    Refused(String),
}

/// A program of the table with its present attachment; `None` while nobody needs it.
#[derive(Debug)]
struct Slot {
    program: &'static Program,
    link: Option<Link>,
}

/// The loaded object and its attachments. They end when it is dropped.
pub(super) struct Hooks {
    object: Ebpf,
    attachment: Attachment,
    slots: Vec<Slot>,
}

impl Hooks {
    pub(super) fn new(object: Ebpf, attachment: Attachment) -> Self {
        let slots = PROGRAMS.iter().map(|program| Slot { program, link: None }).collect();
        Self { object, attachment, slots }
    }

    /// Attaches what these calls need and is not attached yet. What was refused once is not tried again.
    pub(super) fn attach_needed(&mut self, calls: &WantedCalls, btf: &Btf) {
        for slot in &mut self.slots {
            if slot.link.is_none() && slot.program.need.reason(calls).is_some() {
                slot.link = Some(attach(&mut self.object, slot.program, self.attachment, btf));
            }
        }
    }

    /// Says whether something is to be attached.
    pub(super) fn lacks(&self, calls: &WantedCalls) -> bool {
        self.slots.iter().any(|slot| slot.link.is_none() && slot.program.need.reason(calls).is_some())
    }

    /// Detaches what these calls do not need.
    pub(super) fn detach_unneeded(&mut self, calls: &WantedCalls) {
        for slot in &mut self.slots {
            if slot.program.need.reason(calls).is_some() {
                continue;
            }
            let Some(link) = slot.link.take() else { continue };
            if let Err(error) = detach(&mut self.object, slot.program, link) {
                tracing::warn!(%error, hook = slot.program.tracepoint, "failed to detach what no rule needs");
            }
        }
    }

    /// Says of every hook whether it is in place and for whom.
    pub(super) fn matrix(&self, calls: &WantedCalls) -> CapabilityMatrix {
        let hooks = self.slots.iter().map(|slot| Hook {
            name: slot.program.tracepoint,
            purpose: slot.program.purpose,
            needed_for: slot.program.need.reason(calls).unwrap_or_default(),
            state: match &slot.link {
                None => HookState::NotNeeded,
                Some(Link::Typed(_)) => HookState::Attached(BackEnd::Typed),
                Some(Link::Raw(_)) => HookState::Attached(BackEnd::Raw),
                Some(Link::Refused(reason)) => HookState::Refused(reason.clone()),
            },
        });
        CapabilityMatrix { hooks: hooks.collect(), notes: host::notes() }
    }
}

/// Attaches a program in the best form that the kernel takes.
fn attach(object: &mut Ebpf, program: &Program, attachment: Attachment, btf: &Btf) -> Link {
    let refused = match attachment {
        Attachment::RawOnly => "not tried".to_owned(),
        Attachment::Best => match attach_typed(object, program, btf) {
            Ok(link) => return Link::Typed(link),
            Err(error) => host::reason(&error),
        },
    };
    match attach_raw(object, program) {
        Ok(link) => {
            tracing::warn!(hook = program.tracepoint, tp_btf = refused, "attached as a plain tracepoint");
            Link::Raw(link)
        }
        Err(error) => Link::Refused(format!("tp_btf: {refused}; raw_tp: {}", host::reason(&error))),
    }
}

fn attach_typed(object: &mut Ebpf, program: &Program, btf: &Btf) -> Result<BtfTracePointLinkId, ProgramError> {
    let tracepoint: &mut BtfTracePoint =
        object.program_mut(program.typed).ok_or(ProgramError::NotLoaded)?.try_into()?;
    if tracepoint.fd().is_err() {
        tracepoint.load(program.tracepoint, btf).or_else(|error| match former_name(program.tracepoint) {
            same if same == program.tracepoint => Err(error),
            former => tracepoint.load(former, btf).map_err(|_| error),
        })?;
    }
    tracepoint.attach()
}

fn attach_raw(object: &mut Ebpf, program: &Program) -> Result<RawTracePointLinkId, ProgramError> {
    let tracepoint: &mut RawTracePoint = object.program_mut(program.raw).ok_or(ProgramError::NotLoaded)?.try_into()?;
    if tracepoint.fd().is_err() {
        tracepoint.load()?;
    }
    tracepoint.attach(program.tracepoint).or_else(|error| match former_name(program.tracepoint) {
        same if same == program.tracepoint => Err(error),
        former => tracepoint.attach(former).map_err(|_| error),
    })
}

fn detach(object: &mut Ebpf, program: &Program, link: Link) -> Result<(), ProgramError> {
    match link {
        Link::Typed(link) => {
            let tracepoint: &mut BtfTracePoint =
                object.program_mut(program.typed).ok_or(ProgramError::NotLoaded)?.try_into()?;
            tracepoint.detach(link)
        }
        Link::Raw(link) => {
            let tracepoint: &mut RawTracePoint =
                object.program_mut(program.raw).ok_or(ProgramError::NotLoaded)?.try_into()?;
            tracepoint.detach(link)
        }
        Link::Refused(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tiercel_detection::event::{EventKind, kinds};

    use super::*;

    /// Names the hooks that rules about these kinds need.
    #[track_caller]
    fn check(kinds: &[EventKind], expected: &[&str]) {
        let calls = WantedCalls::for_kinds(&kinds.iter().copied().collect());
        let needed: Vec<&str> = PROGRAMS
            .iter()
            .filter(|program| program.need.reason(&calls).is_some())
            .map(|program| program.tracepoint)
            .collect();
        assert_eq!(needed, expected);
    }

    const PROCESSES: [&str; 3] = ["sched_process_fork", "sched_process_exit", "sched_process_exec"];

    #[test]
    fn rules_about_births_and_ends_cost_no_system_call_anything() {
        check(&[], &PROCESSES);
        check(&[kinds::CLONE, kinds::CLONE3, kinds::FORK, kinds::VFORK, kinds::PROCEXIT], &PROCESSES);
    }

    #[test]
    fn one_rule_about_a_call_needs_the_exit_of_calls() {
        let all = [&PROCESSES[..], &["sys_exit"]].concat();
        check(&[kinds::PTRACE], &all);
        // An exec that failed is seen at the end of the call only.
        check(&[kinds::EXECVE], &all);
    }

    #[test]
    fn only_a_rule_about_changed_paths_looks_at_the_beginning_of_calls() {
        let needed = |kinds: &[EventKind]| {
            let calls = WantedCalls::for_kinds(&kinds.iter().copied().collect());
            Need::Paths.reason(&calls).is_some()
        };
        assert!(!needed(&[kinds::UNLINKAT]));
        assert!(needed(&[kinds::ASYNCEVENT]), "the calls themselves are recorded too, to be compared");
    }

    #[test]
    fn a_rule_about_what_io_uring_can_do_needs_its_hooks() {
        const RINGS: [&str; 3] = ["io_uring_complete", "io_uring_cqe_overflow", "io_uring_submit_req"];
        check(&[kinds::OPENAT], &[&PROCESSES[..], &["sys_exit"], &RINGS].concat());
    }

    #[test]
    fn the_reason_names_the_calls() {
        let calls = WantedCalls::for_kinds(&[kinds::PTRACE].into_iter().collect());
        let reason = Need::Calls.reason(&calls).unwrap();
        assert!(reason.starts_with(&format!("{} system calls (", calls.numbers().count())), "{reason}");
        assert_eq!(Need::Calls.reason(&WantedCalls::for_kinds(&[].into_iter().collect())), None);
    }
}
