//! The kernel programs: load them, attach what this kernel accepts, and read what they write.

use std::collections::BTreeSet;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use aya::maps::RingBuf;
use aya::{Btf, Ebpf, EbpfError, EbpfLoader};

use super::hooks::{Attachment, Hooks};
use super::pace::Pace;
use super::ring::Rings;
use super::scope::{CgroupScope, Scope, ScopeError, descendants_of};
use super::tables::{self, TableError, Tables};
use super::{CapabilityMatrix, Drained, LossReport, Observation, Source, SourceError, WantedCalls, host};

/// Smallest ring: a few of the longest records.
const RING_BYTES_MIN: u32 = 128 * 1024;
/// Largest ring that the kernel takes as a power of two in 32 bits.
const RING_BYTES_MAX: u32 = 1 << 30;
/// What a cgroup may use ahead of its share of the bulk ring: one burst of a build step or a package install.
const FAIR_BURST_RECORDS: u64 = 1_000;

/// What to capture.
#[derive(Debug, Clone)]
pub struct KernelOptions {
    /// Bytes of each of the three rings, rounded up to a power of two.
    pub ring_bytes: u32,
    /// A ring wakes its reader when so many bytes come to wait, or an eighth of it if that is less; 0 leaves it to the
    /// timer.
    pub wake_bytes: u32,
    /// Bulk records a second of each cgroup while the bulk ring is three quarters full; 0 for no limit.
    pub fair_limit: u32,
    /// Which calls are recorded.
    pub calls: WantedCalls,
    /// Record the environment of executed programs.
    pub capture_environment: bool,
    /// Whose acts are recorded. The capturing process itself never is.
    pub scope: Scope,
    /// How programs may be attached.
    pub attachment: Attachment,
}

/// Default of [`KernelOptions::fair_limit`]: far above what one service does, far below what a core can judge.
pub const FAIR_LIMIT_DEFAULT: u32 = 10_000;

impl Default for KernelOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 8 << 20,
            wake_bytes: 1 << 20,
            fair_limit: FAIR_LIMIT_DEFAULT,
            calls: WantedCalls::state(),
            capture_environment: false,
            scope: Scope::Machine,
            attachment: Attachment::Best,
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

/// Observations of the running kernel. Dropping it detaches and frees everything: nothing is pinned.
pub struct KernelSource {
    rings: Rings,
    pace: Pace,
    tables: Tables,
    hooks: Hooks,
    capabilities: CapabilityMatrix,
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
        let mut object = load(options, cgroup, &btf)?;
        let mut tables = Tables::take(&mut object)?;
        let rings = take_rings(&mut object)?;
        tables.write_calls(&options.calls)?;
        if let Scope::ProcessTree(root) = options.scope {
            tables.follow(&BTreeSet::from([root]))?;
        }
        let mut hooks = Hooks::new(object, options.attachment);
        hooks.attach_needed(&options.calls, &btf);
        let capabilities = hooks.matrix(&options.calls);
        if capabilities.attached() == 0 {
            return Err(OpenError::NothingAttached(reasons(&capabilities)));
        }
        if let Scope::ProcessTree(root) = options.scope {
            // Those that were born before the fork program was attached.
            tables.follow(&descendants_of(root))?;
        }
        Ok(Self { rings, pace: Pace::default(), tables, hooks, capabilities })
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
        if self.hooks.lacks(calls) {
            let btf = Btf::from_sys_fs().map_err(SourceError::Types)?;
            self.hooks.attach_needed(calls, &btf);
        }
        self.tables.write_calls(calls).map_err(SourceError::Configure)?;
        self.hooks.detach_unneeded(calls);
        self.capabilities = self.hooks.matrix(calls);
        Ok(())
    }

    fn losses(&mut self) -> LossReport {
        let counted = self.tables.losses().unwrap_or_else(|error| {
            tracing::error!(%error, "failed to read the loss counters of the kernel programs");
            LossReport::default()
        });
        LossReport { malformed: self.rings.malformed(), ..counted }
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
    let wake_bytes = options.wake_bytes.min(ring_bytes / 8);
    let (process_bytes, fair_bytes) = (ring_bytes / 2, ring_bytes / 4 * 3);
    let fair_interval_ns = 1_000_000_000_u64.checked_div(options.fair_limit.into()).unwrap_or(0);
    let fair_burst_ns = FAIR_BURST_RECORDS * fair_interval_ns;
    EbpfLoader::new()
        .btf(Some(btf))
        .override_global("config_own_pid", &own_pid, true)
        .override_global("config_environment", &environment, true)
        .override_global("config_wake_bytes", &wake_bytes, true)
        .override_global("config_process_bytes", &process_bytes, true)
        .override_global("config_fair_bytes", &fair_bytes, true)
        .override_global("config_fair_interval_ns", &fair_interval_ns, true)
        .override_global("config_fair_burst_ns", &fair_burst_ns, true)
        .override_global("config_scope_cgroup", &cgroup.id, true)
        .override_global("config_scope_level", &cgroup.level, true)
        .override_global("config_scope_tree", &tree, true)
        .map_max_entries("critical", ring_bytes)
        .map_max_entries("normal", ring_bytes)
        .map_max_entries("bulk", ring_bytes)
        .load(tiercel_ebpf::sensor_object())
        .map_err(|error| if host::is_permission_error(&error) { OpenError::NotAllowed } else { OpenError::Load(error) })
}

fn take_rings(object: &mut Ebpf) -> Result<Rings, TableError> {
    let mut ring = |name| tables::take(object, name, RingBuf::try_from);
    Ok(Rings::new(ring("critical")?, ring("normal")?, ring("bulk")?))
}

fn reasons(capabilities: &CapabilityMatrix) -> String {
    let reasons: Vec<String> = capabilities.hooks.iter().map(|hook| format!("{}: {}", hook.name, hook.state)).collect();
    reasons.join("; ")
}
