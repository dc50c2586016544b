//! The tables that the agent and the kernel programs share.

use std::collections::BTreeSet;

use aya::Ebpf;
use aya::maps::{Array, HashMap, Map, MapData, MapError, PerCpuArray};
use tiercel_ebpf::abi::{CallRow, CgroupAccount, ClassCounters};

use super::cgroups::CgroupNames;
use super::{CgroupLoss, Class, ClassLoss, LossReport, WantedCalls};

/// A row of the table of calls as a value of a map.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Row(CallRow);

// SAFETY: `CallRow` is `repr(C)` without implicit padding and made of integers only, so its bytes can be copied to and
// from the kernel.
unsafe impl aya::Pod for Row {}

/// The counters of one CPU as a value of a map.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Counters(ClassCounters);

// SAFETY: `ClassCounters` is `repr(C)` without implicit padding and made of integers only, so its bytes can be copied
// to and from the kernel.
unsafe impl aya::Pod for Counters {}

/// What a cgroup could not hand over, as a value of a map.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Account(CgroupAccount);

// SAFETY: `CgroupAccount` is `repr(C)` without implicit padding and made of integers only, so its bytes can be copied to
// and from the kernel.
unsafe impl aya::Pod for Account {}

/// A table is missing or could not be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to set up the table `{name}` of the kernel programs")]
pub struct TableError {
    /// Name of the table.
    pub name: &'static str,
    /// Why; absent when the object does not have it.
    #[source]
    pub source: Option<MapError>,
}

/// Which calls are recorded, whose, and how many were.
pub(super) struct Tables {
    calls: Array<MapData, Row>,
    socketcalls: Array<MapData, u16>,
    ring_operations: Array<MapData, u16>,
    scope_tree: HashMap<MapData, u32, u8>,
    counters: PerCpuArray<MapData, Counters>,
    accounts: HashMap<MapData, u64, Account>,
    names: CgroupNames,
    /// The accounts are read only when the exact counters say that there is something new in them.
    last: LossReport,
}

impl Tables {
    pub(super) fn take(programs: &mut Ebpf) -> Result<Self, TableError> {
        Ok(Self {
            calls: take(programs, "calls", Array::try_from)?,
            socketcalls: take(programs, "socketcalls", Array::try_from)?,
            ring_operations: take(programs, "ring_operations", Array::try_from)?,
            scope_tree: take(programs, "scope_tree", HashMap::try_from)?,
            counters: take(programs, "counters", PerCpuArray::try_from)?,
            accounts: take(programs, "cgroup_accounts", HashMap::try_from)?,
            names: CgroupNames::new(),
            last: LossReport::default(),
        })
    }

    /// Writes which calls are recorded, row by row. Rows that stay as they are are not touched.
    pub(super) fn write_calls(&mut self, wanted: &WantedCalls) -> Result<(), TableError> {
        for (index, row) in (0..).zip(wanted.rows()) {
            let present = self.calls.get(&index, 0).map_err(failed("calls"))?;
            if present.0 != row {
                self.calls.set(index, Row(row), 0).map_err(failed("calls"))?;
            }
        }
        for (index, number) in (0..).zip(wanted.socketcalls()) {
            self.socketcalls.set(index, number, 0).map_err(failed("socketcalls"))?;
        }
        for (index, number) in (0..).zip(wanted.ring_operations()) {
            self.ring_operations.set(index, number, 0).map_err(failed("ring_operations"))?;
        }
        Ok(())
    }

    /// Puts processes into the scope of a process tree.
    pub(super) fn follow(&mut self, processes: &BTreeSet<u32>) -> Result<(), TableError> {
        processes.iter().try_for_each(|pid| self.scope_tree.insert(pid, 1, 0)).map_err(failed("scope_tree"))
    }

    /// Reads what all CPUs counted, and whose it was.
    pub(super) fn losses(&mut self) -> Result<LossReport, TableError> {
        let cpus = self.counters.get(&0, 0).map_err(failed("counters"))?;
        let classes: Vec<_> =
            (0..).zip(cpus.iter()).flat_map(|(cpu, counters)| class_losses(cpu, &counters.0)).collect();
        let unfollowed = cpus.iter().map(|counters| counters.0.unfollowed).sum();
        let mut report = LossReport { classes, unfollowed, ..LossReport::default() };
        let is_news = report.lost() != self.last.lost() || report.refused() != self.last.refused();
        report.cgroups = if is_news { self.cgroup_losses() } else { std::mem::take(&mut self.last.cgroups) };
        self.last = report.clone();
        Ok(report)
    }

    /// Cgroups that were forgotten while the table was read are left out.
    fn cgroup_losses(&mut self) -> Vec<CgroupLoss> {
        let rows: Vec<(u64, CgroupAccount)> =
            self.accounts.iter().filter_map(Result::ok).map(|(id, account)| (id, account.0)).collect();
        let losses = rows.into_iter().map(|(id, account)| CgroupLoss {
            id,
            path: None,
            lost: account.lost.iter().sum(),
            refused: account.refused,
        });
        let mut losses: Vec<_> = losses.filter(|row| row.lost + row.refused > 0).collect();
        self.names.learn(losses.iter().map(|row| row.id));
        for row in &mut losses {
            row.path = self.names.path_of(row.id);
        }
        losses
    }
}

/// Takes a map out of the object as the type that `typed` gives it.
pub(super) fn take<T>(
    programs: &mut Ebpf,
    name: &'static str,
    typed: impl FnOnce(Map) -> Result<T, MapError>,
) -> Result<T, TableError> {
    typed(programs.take_map(name).ok_or(TableError { name, source: None })?).map_err(failed(name))
}

fn failed(name: &'static str) -> impl FnOnce(MapError) -> TableError {
    move |error| TableError { name, source: Some(error) }
}

fn class_losses(cpu: u16, counters: &ClassCounters) -> [ClassLoss; 3] {
    // In the order of `CLASS_*`.
    let classes = [Class::Critical, Class::Normal, Class::Bulk];
    std::array::from_fn(|index| ClassLoss {
        class: classes[index],
        cpu,
        made: counters.made[index],
        lost: counters.lost[index],
        refused: if classes[index] == Class::Bulk { counters.refused } else { 0 },
    })
}
