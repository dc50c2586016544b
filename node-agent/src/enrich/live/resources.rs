//! Threads, memory, page faults and time of a process.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use nix::time::{ClockId, clock_gettime};
use procfs::process::{LimitValue, Limits, Stat, Status};
use procfs::{FromBufRead, FromRead};
use tiercel_detection::event::{Event, Resources};

/// Reads them from the directory of the process in /proc; `None` when it is gone meanwhile.
pub(super) fn read(directory: &Path, event: &Event) -> Option<Resources> {
    let status = Status::from_read(File::open(directory.join("status")).ok()?).ok()?;
    let limits = File::open(directory.join("limits")).ok()?;
    let limits = Limits::from_buf_read(BufReader::new(limits)).ok()?;
    let thread = super::stat(&directory.join("task").join(event.thread_id.to_string()))?;
    let memory = [status.vmsize, status.vmrss, status.vmswap];
    Some(Resources {
        threads: status.threads,
        memory_kib: memory[0].map(|_| memory.map(Option::unwrap_or_default)),
        page_faults: [thread.majflt, thread.minflt],
        cpu_percent: cpu_percent(&thread),
        fd_limit: match limits.max_open_files.soft_limit {
            LimitValue::Unlimited => i64::MAX,
            LimitValue::Value(limit) => i64::try_from(limit).unwrap_or(i64::MAX),
        },
    })
}

/// The share of its life that a thread has been on a CPU: in user space, in the kernel.
fn cpu_percent(thread: &Stat) -> [f64; 2] {
    #[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 52 bits")]
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let Ok(now) = clock_gettime(ClockId::CLOCK_BOOTTIME) else { return [0.0; 2] };
    let life = std::time::Duration::from(now).as_secs_f64() - seconds(thread.starttime);
    [thread.utime, thread.stime].map(|ticks| if life > 0.0 { seconds(ticks) * 100.0 / life } else { 0.0 })
}
