//! `rules profile`: what each rule costs over a recording, and how often it fires.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use jiff::tz::TimeZone;
use tiercel_agent::capture::Progress;
use tiercel_agent::capture::scap::Reader;
use tiercel_agent::detect::rules;
use tiercel_agent::enrich::scap::CaptureState;
use tiercel_agent::input::Input;
use tiercel_detection::{Engine, Event, LoadOptions, OutputContext, RuleSet, TimeFormat};

use super::stdout;

/// Events that are measured together: enough to make reading the clock cheap, few enough to stay in memory.
const CHUNK_EVENTS: usize = 4096;

/// What to measure.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Rule files and directories
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// A file that `tiercel-agent record` made, or a capture (.scap) of Falco or sysdig
    #[arg(value_name = "RECORDING")]
    recording: Option<PathBuf>,
}

impl Arguments {
    /// The rule files and the recording. Behind `--rules` the recording is read as the last of the files.
    fn files(&self) -> anyhow::Result<(&[PathBuf], &Path)> {
        let (rules, recording) = match (&self.recording, self.rules.as_slice()) {
            (Some(recording), rules) => (rules, recording),
            (None, [rules @ .., recording]) if !rules.is_empty() => (rules, recording),
            (None, _) => anyhow::bail!("no recording was given: rules profile --rules FILE... RECORDING"),
        };
        Ok((rules, recording))
    }
}

/// What evaluating something took.
#[derive(Debug, Clone, Copy, Default)]
struct Cost {
    took: Duration,
    events: u64,
    hits: u64,
}

impl Cost {
    fn ns_per_event(self) -> f64 {
        if self.events == 0 { 0.0 } else { self.took.as_nanos() as f64 / self.events as f64 }
    }
}

/// Prints a table of the rules, the most expensive ones first.
pub(super) fn profile(arguments: &Arguments) -> anyhow::Result<bool> {
    let (files, path) = arguments.files()?;
    let (set, report) = RuleSet::load(&rules::read(files)?, &LoadOptions::default());
    if !report.is_ok() {
        eprintln!("{report}");
    }
    let mut profiler = Profiler::new(set);
    if Reader::is_capture(path)? {
        capture(path, &mut profiler)?;
    } else {
        recording(path, &mut profiler)?;
    }
    profiler.measure();
    profiler.print(&mut stdout())?;
    Ok(report.is_ok())
}

fn recording(path: &Path, profiler: &mut Profiler) -> anyhow::Result<()> {
    let Input { mut source, mut enricher, .. } = Input::recording(path)?;
    enricher.want(profiler.engine.rules().required_kinds());
    enricher.follow_paths(profiler.engine.rules().literal_paths());
    let mut batch = Vec::new();
    loop {
        let drained = source.next_batch(&mut batch)?;
        batch.iter().filter_map(|observation| enricher.handle(observation)).for_each(|event| profiler.add(event));
        batch.clear();
        if drained.progress == Progress::Finished {
            return Ok(());
        }
    }
}

fn capture(path: &Path, profiler: &mut Profiler) -> anyhow::Result<()> {
    let (mut reader, metadata) = Reader::open(path)?;
    let mut state = CaptureState::new(&metadata);
    state.want(profiler.engine.rules().required_kinds());
    while let Some(captured) = reader.next_event()? {
        if let Some(event) = state.handle(&captured) {
            profiler.add(event);
        }
    }
    Ok(())
}

/// Evaluates every rule alone, and all together as the agent does.
struct Profiler {
    engine: Engine,
    chunk: Vec<Event>,
    /// One for each rule.
    costs: Vec<Cost>,
    together: Cost,
}

impl Profiler {
    fn new(rules: RuleSet) -> Self {
        let costs = vec![Cost::default(); rules.rules().len()];
        let (hostname, time_zone) = ("localhost".into(), TimeZone::UTC);
        let context = OutputContext { hostname, time_zone, time_format: TimeFormat::default() };
        Self { engine: Engine::new(rules, context), chunk: Vec::new(), costs, together: Cost::default() }
    }

    fn add(&mut self, event: Event) {
        self.chunk.push(event);
        if self.chunk.len() == CHUNK_EVENTS {
            self.measure();
        }
    }

    /// Measures the events that have come together and forgets them.
    fn measure(&mut self) {
        let mut alerts = Vec::new();
        let started = Instant::now();
        self.chunk.iter().for_each(|event| self.engine.evaluate(event, &mut alerts));
        self.together.took += started.elapsed();
        self.together.events += self.chunk.len() as u64;
        self.together.hits += alerts.len() as u64;
        for (rule, cost) in self.costs.iter_mut().enumerate() {
            let kinds = self.engine.rules().rules()[rule].kinds;
            let concerned: Vec<&Event> = self.chunk.iter().filter(|event| kinds.contains(event.kind)).collect();
            let started = Instant::now();
            let hits = concerned.iter().filter(|event| self.engine.would_fire(rule, event)).count();
            cost.took += started.elapsed();
            cost.hits += hits as u64;
            cost.events += concerned.len() as u64;
        }
        self.chunk.clear();
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let rules = self.engine.rules().rules();
        let mut rows: Vec<(&str, Cost)> =
            rules.iter().map(|rule| &*rule.name).zip(self.costs.iter().copied()).collect();
        rows.sort_by_key(|(_, cost)| std::cmp::Reverse(cost.took));
        writeln!(out, "{:>10} {:>9} {:>9} {:>9}  rule, evaluated alone", "total us", "ns/event", "events", "hits")?;
        for (name, cost) in rows.iter().filter(|(_, cost)| cost.events > 0) {
            row(out, name, *cost)?;
        }
        row(out, "all rules together, with alerts, as the agent evaluates them", self.together)
    }
}

fn row(out: &mut impl Write, name: &str, cost: Cost) -> std::io::Result<()> {
    let microseconds = cost.took.as_micros();
    writeln!(out, "{microseconds:>10} {:>9.0} {:>9} {:>9}  {name}", cost.ns_per_event(), cost.events, cost.hits)
}
