//! The agent's own use of the machine, read when somebody asks for metrics.

use std::time::Duration;

use metrics::{counter, gauge};
use procfs::process::Process;
use tiercel_detection::event::Timestamp;

use crate::clock::now;

/// Renews the gauges of memory, processor time and duration.
pub(super) fn refresh(started: Timestamp) {
    let lifetime = Duration::from_nanos(now().0.saturating_sub(started.0));
    counter!("falcosecurity_falco_duration_seconds_total").absolute(lifetime.as_secs());
    let Ok(stat) = Process::myself().and_then(|process| process.stat()) else { return };
    gauge!("falcosecurity_falco_memory_rss_bytes").set(as_f64(stat.rss.saturating_mul(procfs::page_size())));
    gauge!("falcosecurity_falco_memory_vsz_bytes").set(as_f64(stat.vsize));
    let ticks = stat.utime.saturating_add(stat.stime);
    let busy = as_f64(ticks) / as_f64(procfs::ticks_per_second());
    if !lifetime.is_zero() {
        gauge!("falcosecurity_falco_cpu_usage_ratio").set(busy / lifetime.as_secs_f64());
    }
}

/// Gauges are floating point; 53 bits hold any amount of memory that exists.
#[expect(clippy::cast_precision_loss, reason = "a gauge shows at most 53 bits")]
fn as_f64(value: u64) -> f64 {
    value as f64
}
