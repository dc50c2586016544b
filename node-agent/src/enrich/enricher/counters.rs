//! What the room counts, for the metrics.

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
