//! What the kernel programs cost the processes that they watch: nanoseconds of CPU a call without them, with them when nobody
//! asked for the call, and with them when it is recorded. All in one run, the variants in turn, the best round counts.
//!
//! `cargo bench -p tiercel-agent --bench kernel_cost`; needs root and a kernel with BTF.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{env, fs, io, thread};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tiercel_agent::capture::{KernelOptions, KernelSource, OpenError, Source, WantedCalls};

/// Names the process that makes the calls: the sensor does not record its own.
const WORKER: &str = "TIERCEL_BENCH_WORKER";
/// Enough for a quiet minimum on a busy machine, within some seconds.
const ROUNDS: usize = 5;

/// A loop of one act.
#[derive(Debug, Clone, Copy)]
enum Load {
    Getppid,
    OpenMissing,
    OpenClose,
    Exec,
}

const LOADS: [Load; 4] = [Load::Getppid, Load::OpenMissing, Load::OpenClose, Load::Exec];

impl Load {
    fn name(self) -> &'static str {
        match self {
            Self::Getppid => "getppid",
            Self::OpenMissing => "openat, no such file",
            Self::OpenClose => "openat and close",
            Self::Exec => "fork, exec, exit",
        }
    }

    fn repetitions(self) -> u32 {
        match self {
            Self::Getppid => 200_000,
            Self::OpenMissing | Self::OpenClose => 30_000,
            Self::Exec => 100,
        }
    }

    fn once(self) -> io::Result<()> {
        match self {
            Self::Getppid => {
                nix::unistd::getppid();
            }
            Self::OpenMissing => {
                fs::File::open("/no/such/file").map_or(Ok(()), |_| Err(io::Error::other("the missing file exists")))?;
            }
            Self::OpenClose => {
                fs::File::open("/etc/hostname").or_else(|_| fs::File::open("/proc/self/stat"))?;
            }
            Self::Exec => {
                Command::new("/usr/bin/true").status()?;
            }
        }
        Ok(())
    }
}

/// Under what the loop runs.
#[derive(Debug, Clone, Copy)]
enum Variant {
    Bare,
    NotWanted,
    Recorded,
}

const VARIANTS: [Variant; 3] = [Variant::Bare, Variant::NotWanted, Variant::Recorded];

impl Variant {
    fn open(self) -> Result<Option<KernelSource>, OpenError> {
        let calls = match self {
            Self::Bare => return Ok(None),
            Self::NotWanted => WantedCalls::state(),
            Self::Recorded => WantedCalls::all(),
        };
        KernelSource::open(&KernelOptions { calls, ..KernelOptions::default() }).map(Some)
    }
}

/// The process that makes the calls.
struct Worker {
    process: Child,
    orders: ChildStdin,
    results: BufReader<ChildStdout>,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let mut process =
            Command::new(env::current_exe()?).env(WORKER, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(orders), Some(results)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("the worker has no pipes"));
        };
        Ok(Self { process, orders, results: BufReader::new(results) })
    }

    /// Runs one loop; returns nanoseconds a repetition.
    fn run(&mut self, load: usize) -> io::Result<f64> {
        writeln!(self.orders, "{load}")?;
        let mut line = String::new();
        self.results.read_line(&mut line)?;
        line.trim().parse().map_err(io::Error::other)
    }
}

/// Nanoseconds of CPU that this process and its ended children have used: other load of the machine counts little.
fn cpu_ns() -> io::Result<f64> {
    let mut total = 0.0;
    for who in [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN] {
        let usage = getrusage(who)?;
        let microseconds = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        total += Duration::from_micros(microseconds.unsigned_abs()).as_secs_f64() * 1e9;
    }
    Ok(total)
}

#[expect(clippy::print_stdout, reason = "the worker answers on its standard output")]
fn work() -> io::Result<()> {
    for line in io::stdin().lock().lines() {
        let load = LOADS[line?.parse::<usize>().map_err(io::Error::other)?];
        let start = cpu_ns()?;
        for _ in 0..load.repetitions() {
            load.once()?;
        }
        println!("{}", (cpu_ns()? - start) / f64::from(load.repetitions()));
    }
    Ok(())
}

/// Drains a source at its own pace until told to stop.
fn drain(source: Option<KernelSource>, stop: &AtomicBool) {
    let Some(mut source) = source else { return };
    let mut batch = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        batch.clear();
        if source.next_batch(&mut batch).is_err() {
            return;
        }
        thread::sleep(source.poll_interval());
    }
}

/// Returns the best of all rounds, by load and variant.
fn measure(worker: &mut Worker) -> Result<[[f64; 3]; 4], Box<dyn std::error::Error>> {
    let mut best = [[f64::INFINITY; 3]; 4];
    for _ in 0..ROUNDS {
        for (column, variant) in VARIANTS.iter().enumerate() {
            let source = variant.open()?;
            let stop = Arc::new(AtomicBool::new(false));
            let drainer = thread::spawn({
                let stop = Arc::clone(&stop);
                move || drain(source, &stop)
            });
            for (row, times) in best.iter_mut().enumerate() {
                times[column] = times[column].min(worker.run(row)?);
            }
            stop.store(true, Ordering::Relaxed);
            drainer.join().map_err(|_| "the reader of the rings panicked")?;
        }
    }
    Ok(best)
}

#[expect(clippy::print_stdout, reason = "the table is what a bench is for")]
fn print(best: &[[f64; 3]; 4]) {
    println!("{:<22} {:>10} {:>20} {:>20}", "ns a call, best round", "bare", "not wanted", "recorded");
    for (load, [bare, not_wanted, recorded]) in LOADS.iter().zip(best) {
        let with_ratio = |time: &f64| format!("{time:.0} ({:.2}x)", time / bare);
        println!("{:<22} {bare:>10.0} {:>20} {:>20}", load.name(), with_ratio(not_wanted), with_ratio(recorded));
    }
}

#[expect(clippy::print_stderr, reason = "says why nothing was measured")]
fn main() -> ExitCode {
    if env::var_os(WORKER).is_some() {
        return work().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let measured = Worker::start().map_err(Into::into).and_then(|mut worker| {
        let best = measure(&mut worker);
        drop(worker.orders);
        worker.process.wait()?;
        best
    });
    match measured {
        Ok(best) => {
            print(&best);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("SKIPPED: kernel cost: {error}");
            ExitCode::SUCCESS
        }
    }
}
