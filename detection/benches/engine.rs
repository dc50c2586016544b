//! How many events a second one core judges, by the number of rules.
//!
//! `cargo bench -p tiercel-detection --bench engine`. The official rules are read from `TIERCEL_COMPAT_DIR` (or
//! `../shared/data` beside the workspace); without them only generated rules are measured. `-- all` measures one set.

#![expect(clippy::print_stdout, reason = "the table is the result")]

mod counting;
mod workload;

use std::time::{Duration, Instant};

use tiercel_detection::{Engine, Event, LoadOptions, RuleFile, RuleSet};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Each cell runs so long: enough to level out interrupts, short enough to look at.
const CELL_TIME: Duration = Duration::from_millis(700);

/// Of so many parts of that time the best counts, so that other programs disturb little.
const ROUNDS: u32 = 7;

fn main() {
    let streams: [(&str, Vec<Event>); 4] = [
        ("opens", workload::opens()),
        ("execs", workload::execs()),
        ("connects", workload::connects()),
        ("mix", workload::mix()),
    ];
    println!(
        "{:<10} {:>9} {:>10} {:>10} {:>12} {:>14} {:>7}",
        "rules", "load ms", "events", "ns/event", "events/s", "allocs/event", "alerts"
    );
    // `cargo bench` itself adds `--bench`.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let sets = rule_sets().into_iter().filter(|(what, _)| wanted.as_ref().is_none_or(|wanted| what == wanted));
    for (what, files) in sets {
        let started = Instant::now();
        let (rules, report) = RuleSet::load(&files, &LoadOptions::default());
        assert!(report.is_ok(), "{report}");
        let enabled = report.rules_enabled;
        let mut engine = Engine::new(rules, workload::context());
        let load = started.elapsed().as_millis();
        for (stream, events) in &streams {
            let Cell { ns, allocations, alerts } = measure(&mut engine, events);
            let rate = 1e9 / ns;
            println!(
                "{:<10} {load:>9} {stream:>10} {ns:>10.1} {rate:>12.0} {allocations:>14.3} {alerts:>7}",
                format!("{what} {enabled}")
            );
        }
    }
}

fn rule_sets() -> Vec<(&'static str, Vec<RuleFile>)> {
    let with = |count: usize| {
        let mut files = workload::official(workload::ALL).unwrap_or_default();
        files.push(workload::generated(count));
        files
    };
    let mut sets = Vec::new();
    match (workload::official(workload::STABLE), workload::official(workload::ALL)) {
        (Some(stable), Some(all)) => {
            sets.push(("stable", stable));
            sets.push(("all", all));
        }
        _ => println!("SKIPPED official rules: TIERCEL_COMPAT_DIR names no folder with them"),
    }
    sets.push(("site", with(907)));
    sets.push(("site", with(9907)));
    sets
}

struct Cell {
    ns: f64,
    allocations: f64,
    alerts: usize,
}

fn measure(engine: &mut Engine, events: &[Event]) -> Cell {
    let mut alerts = Vec::new();
    let pass = |engine: &mut Engine, alerts: &mut Vec<_>| {
        alerts.clear();
        events.iter().for_each(|event| engine.evaluate(event, alerts));
    };
    pass(engine, &mut alerts);
    let before = counting::allocations();
    pass(engine, &mut alerts);
    let allocations = (counting::allocations() - before) as f64 / events.len() as f64;
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let (started, started_cpu, mut passes) = (Instant::now(), cpu_time(), 0_u32);
        while started.elapsed() < CELL_TIME / ROUNDS {
            (0..20).for_each(|_| pass(engine, &mut alerts));
            passes += 20;
        }
        let took = match (started_cpu, cpu_time()) {
            (Some(before), Some(after)) => after - before,
            _ => started.elapsed(),
        };
        best = best.min(took.as_nanos() as f64 / f64::from(passes) / events.len() as f64);
    }
    Cell { ns: best, allocations, alerts: alerts.len() }
}

/// How long this thread has had a CPU: unlike the time of day it does not count what other programs take.
fn cpu_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
