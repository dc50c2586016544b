//! The kernel programs: load them, attach what this kernel accepts, and read what they write.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use aya::maps::RingBuf;
use aya::programs::{BtfTracePoint, ProgramError};
use aya::{Btf, Ebpf, EbpfError, EbpfLoader};

use super::pace::Pace;
use super::ring::Rings;
use super::scope::{CgroupScope, Scope, ScopeError, descendants_of};
use super::tables::{self, TableError, Tables};
use super::{
    CapabilityMatrix, Drained, Hook, HookState, LossReport, Observation, Source, SourceError, WantedCalls, host,
};

/// Smallest ring: a few of the longest records.
const RING_BYTES_MIN: u32 = 128 * 1024;
/// Largest ring that the kernel takes as a power of two in 32 bits.
const RING_BYTES_MAX: u32 = 1 << 30;

/// What to capture.
#[derive(Debug, Clone)]
pub struct KernelOptions {
    /// Bytes of each of the three rings, rounded up to a power of two.
    pub ring_bytes: u32,
    /// A ring wakes its reader when so many bytes come to wait; 0 leaves it to the timer.
    pub wake_bytes: u32,
    /// Which calls are recorded.
    pub calls: WantedCalls,
    /// Record the environment of executed programs.
    pub capture_environment: bool,
    /// Whose acts are recorded. The capturing process itself never is.
    pub scope: Scope,
}

impl Default for KernelOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 8 << 20,
            wake_bytes: 1 << 20,
            calls: WantedCalls::state(),
            capture_environment: false,
            scope: Scope::Machine,
        }
    }
}

/// The kernel programs could not be put to work.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The table of calls is that of another architecture.
    #[error("failed to capture: the table of system calls is that of x86-64, this machine is {0}")]
    Architecture(&'static str),
    /// The kernel lacks ring buffers and CLOCK_BOOTTIME for programs.
    #[error("failed to capture: kernel {0} is too old; 5.8 or later is needed, update the kernel of this node")]
    KernelTooOld(String),
    /// The kernel does not describe its types.
    #[error(
        "failed to capture: /sys/kernel/btf/vmlinux is missing; boot a kernel built with CONFIG_DEBUG_INFO_BTF=y (the \
         kernels of all current distributions are), or in a container mount /sys"
    )]
    NoBtf,
    /// The types of the kernel cannot be read.
    #[error("failed to read the type information of the kernel")]
    Btf(#[source] aya::BtfError),
    /// The user may not load programs.
    #[error(
        "failed to capture: not allowed to load kernel programs; run as root, or with the capabilities CAP_BPF, \
         CAP_PERFMON and CAP_SYS_RESOURCE"
    )]
    NotAllowed,
    /// The object was refused as a whole.
    #[error("failed to load the kernel programs")]
    Load(#[source] EbpfError),
    /// A table could not be set up.
    #[error(transparent)]
    Table(#[from] TableError),
    /// What to watch cannot be found.
    #[error("failed to set the scope of the capture")]
    Scope(#[from] ScopeError),
    /// The kernel refused every program.
    #[error("failed to attach any kernel program: {0}")]
    NothingAttached(String),
}

/// One program of the object with the tracepoint that it is attached to.
struct Program {
    function: &'static str,
    tracepoint: &'static str,
    purpose: &'static str,
}

/// In the order of attaching: processes are followed before their acts are.
const PROGRAMS: [Program; 4] = [
    Program { function: "on_fork", tracepoint: "sched_process_fork", purpose: "new processes and threads" },
    Program { function: "on_exit", tracepoint: "sched_process_exit", purpose: "ends of processes and threads" },
    Program { function: "on_exec", tracepoint: "sched_process_exec", purpose: "executed programs" },
    Program { function: "on_sys_exit", tracepoint: "sys_exit", purpose: "system calls, also of the 32-bit table" },
];

/// Observations of the running kernel. Dropping it detaches and frees everything: nothing is pinned.
pub struct KernelSource {
    rings: Rings,
    pace: Pace,
    tables: Tables,
    capabilities: CapabilityMatrix,
    /// Holds the attachments; they end when it is dropped.
    _programs: Ebpf,
}

impl std::fmt::Debug for KernelSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KernelSource").field("capabilities", &self.capabilities).finish_non_exhaustive()
    }
}

impl KernelSource {
    /// Loads and attaches the kernel programs. What this kernel refuses is told by [`Source::capabilities`]; it is an
    /// error only when nothing could be attached.
    pub fn open(options: &KernelOptions) -> Result<Self, OpenError> {
        host::check()?;
        host::raise_locked_memory_limit();
        let cgroup = match &options.scope {
            Scope::Cgroup(path) => CgroupScope::find(path)?,
            Scope::Machine | Scope::ProcessTree(_) => CgroupScope::default(),
        };
        let btf = Btf::from_sys_fs().map_err(OpenError::Btf)?;
        let mut programs = load(options, cgroup, &btf)?;
        let mut tables = Tables::take(&mut programs)?;
        let rings = take_rings(&mut programs)?;
        tables.write_calls(&options.calls)?;
        if let Scope::ProcessTree(root) = options.scope {
            tables.follow(&BTreeSet::from([root]))?;
        }
        let capabilities = attach(&mut programs, &btf)?;
        if let Scope::ProcessTree(root) = options.scope {
            // Those that were born before the fork program was attached.
            tables.follow(&descendants_of(root))?;
        }
        Ok(Self { rings, pace: Pace::default(), tables, capabilities, _programs: programs })
    }
}

impl Source for KernelSource {
    fn next_batch(&mut self, batch: &mut Vec<Observation>) -> Result<Drained, SourceError> {
        let drained = self.rings.drain(batch);
        self.pace.note(drained.observations);
        Ok(drained)
    }

    fn poll_interval(&self) -> Duration {
        self.pace.interval()
    }

    fn wake_descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.rings.descriptors()
    }

    fn want(&mut self, calls: &WantedCalls) -> Result<(), SourceError> {
        self.tables.write_calls(calls).map_err(SourceError::Configure)
    }

    fn losses(&mut self) -> LossReport {
        let classes = self.tables.losses().unwrap_or_else(|error| {
            tracing::error!(%error, "failed to read the loss counters of the kernel programs");
            Vec::new()
        });
        LossReport { classes, malformed: self.rings.malformed() }
    }

    fn capabilities(&self) -> &CapabilityMatrix {
        &self.capabilities
    }
}

fn load(options: &KernelOptions, cgroup: CgroupScope, btf: &Btf) -> Result<Ebpf, OpenError> {
    let ring_bytes = options.ring_bytes.clamp(RING_BYTES_MIN, RING_BYTES_MAX).next_power_of_two();
    let own_pid = std::process::id();
    let environment = u32::from(options.capture_environment);
    let tree = u32::from(matches!(options.scope, Scope::ProcessTree(_)));
    EbpfLoader::new()
        .btf(Some(btf))
        .override_global("config_own_pid", &own_pid, true)
        .override_global("config_environment", &environment, true)
        .override_global("config_wake_bytes", &options.wake_bytes, true)
        .override_global("config_scope_cgroup", &cgroup.id, true)
        .override_global("config_scope_level", &cgroup.level, true)
        .override_global("config_scope_tree", &tree, true)
        .map_max_entries("critical", ring_bytes)
        .map_max_entries("normal", ring_bytes)
        .map_max_entries("bulk", ring_bytes)
        .load(tiercel_ebpf::sensor_object())
        .map_err(|error| if host::is_permission_error(&error) { OpenError::NotAllowed } else { OpenError::Load(error) })
}

fn take_rings(programs: &mut Ebpf) -> Result<Rings, TableError> {
    let mut ring = |name| tables::take(programs, name, RingBuf::try_from);
    Ok(Rings::new(ring("critical")?, ring("normal")?, ring("bulk")?))
}

fn attach(programs: &mut Ebpf, btf: &Btf) -> Result<CapabilityMatrix, OpenError> {
    let hooks: Vec<Hook> = PROGRAMS.iter().map(|program| attach_hook(programs, program, btf)).collect();
    if hooks.iter().all(|hook| hook.state != HookState::Attached) {
        let reasons: Vec<String> = hooks.iter().map(|hook| format!("{}: {}", hook.name, hook.state)).collect();
        return Err(OpenError::NothingAttached(reasons.join("; ")));
    }
    Ok(CapabilityMatrix { hooks, notes: host::notes() })
}

fn attach_hook(programs: &mut Ebpf, program: &Program, btf: &Btf) -> Hook {
    let state = match load_and_attach(programs, program, btf) {
        Ok(()) => HookState::Attached,
        Err(error) => HookState::Refused(host::reason(&error)),
    };
    Hook { name: program.tracepoint, purpose: program.purpose, state }
}

fn load_and_attach(programs: &mut Ebpf, program: &Program, btf: &Btf) -> Result<(), ProgramError> {
    let tracepoint: &mut BtfTracePoint =
        programs.program_mut(program.function).ok_or(ProgramError::NotLoaded)?.try_into()?;
    tracepoint.load(program.tracepoint, btf)?;
    tracepoint.attach()?;
    Ok(())
}
