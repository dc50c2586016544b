//! `rules`: check, list, test and evaluate rules without a kernel.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use tiercel_agent::capture::syscall::recorded_kinds;
use tiercel_agent::detect::{builtin, rules};
use tiercel_detection::event::EventKind;
use tiercel_detection::field::{Field, FieldFlags, FieldId};
use tiercel_detection::rule::Diagnostic;
use tiercel_detection::{Engine, FieldMap, LoadOptions, Matching, OutputContext, RuleFile, RuleSet, TimeFormat};

use super::{profile, stdout};

/// What can be done with rules.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Load files in order, as one rule set, and say what is wrong with them
    Check {
        /// Rule files and directories
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print the result as JSON in Falco's shape
        #[arg(long)]
        json: bool,
    },
    /// List rules, fields or event types
    List(ListArguments),
    /// Run the examples that stand beside the rules
    Test {
        /// Rule files and directories [default: the built-in rules]
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Judge events written by hand, one JSON object of fields a line; print alerts as Falco's JSON lines
    Eval {
        /// Rule files and directories
        #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
        rules: Vec<PathBuf>,
        /// File of events; `-` is stdin
        #[arg(long, value_name = "FILE.jsonl")]
        events: PathBuf,
        /// Let every matching rule fire, not only the first
        #[arg(long)]
        all: bool,
    },
    /// Measure over a recording what each rule costs and how often it fires
    Profile(profile::Arguments),
}

/// What to list.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    #[command(flatten)]
    what: What,
    /// Rule files and directories [default: the built-in rules]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct What {
    /// List the fields that conditions and outputs may use
    #[arg(long)]
    fields: bool,
    /// List the event types that conditions may name
    #[arg(long)]
    events: bool,
    /// List the rules (the default)
    #[arg(long)]
    rules: bool,
}

/// Runs one of the commands; `false` means that something is wrong with the rules.
pub(super) fn run(command: &Command) -> anyhow::Result<bool> {
    match command {
        Command::Check { files, json } => check(files, *json),
        Command::List(ListArguments { what, files }) => {
            if what.fields {
                list_fields(&mut stdout())?;
                Ok(true)
            } else if what.events {
                list_events(&mut stdout())?;
                Ok(true)
            } else {
                list_rules(files)
            }
        }
        Command::Test { files } => test(files),
        Command::Eval { rules, events, all } => eval(rules, events, *all),
        Command::Profile(arguments) => profile::profile(arguments),
    }
}

fn check(files: &[PathBuf], json: bool) -> anyhow::Result<bool> {
    let out = &mut stdout();
    let (files, options) =
        (rules::read(files)?, LoadOptions { recorded: Some(recorded_kinds()), ..LoadOptions::default() });
    let (set, report) = RuleSet::load(&files, &options);
    let lints = RuleSet::lint(&files, &options);
    if json {
        let mut result = report.to_json();
        result["lints"] = lints.iter().map(Diagnostic::to_json).collect();
        writeln!(out, "{result}")?;
        return Ok(report.is_ok());
    }
    writeln!(out, "{report}")?;
    if !lints.is_empty() {
        writeln!(out, "lints (they keep no rule from being used): {}", lints.len())?;
        lints.iter().try_for_each(|lint| writeln!(out, "{lint}"))?;
    }
    let (errors, warnings) = (report.errors().count(), report.warnings().count());
    match report.is_ok() {
        true => writeln!(out, "ok, {} rules", set.rules().len())?,
        false => writeln!(out, "{errors} errors, {warnings} warnings, {} rules can be used", set.rules().len())?,
    }
    Ok(report.is_ok())
}

fn list_rules(files: &[PathBuf]) -> anyhow::Result<bool> {
    let out = &mut stdout();
    let (set, report) = RuleSet::load(&files_or_builtin(files)?, &LoadOptions::default());
    for rule in set.rules() {
        let state = if rule.enabled { "" } else { " (disabled)" };
        writeln!(out, "{:<13} {}{state}", rule.priority.name(), rule.name)?;
        let description = rule.description.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(out, "{:<13} {description}", "")?;
        writeln!(out, "{:<13} tags: {}\n", "", rule.tags.join(", "))?;
    }
    writeln!(out, "{} rules, {} enabled", report.rules_loaded, report.rules_enabled)?;
    Ok(report.is_ok())
}

fn list_fields(out: &mut impl Write) -> io::Result<()> {
    for field in FieldId::all().map(FieldId::field) {
        writeln!(out, "{:<32} {}{}", field.name, field.description, state(field))?;
    }
    Ok(())
}

/// Where the values of a field come from, when it is not simply from the event.
fn state(field: &Field) -> &'static str {
    let states = [
        (FieldFlags::LATE, " [read when judged]"),
        (FieldFlags::UNSET, " [not filled yet]"),
        (FieldFlags::NEVER, " [never set]"),
    ];
    states.iter().find(|(flag, _)| field.flags.has(*flag)).map_or("", |(_, state)| state)
}

fn list_events(out: &mut impl Write) -> io::Result<()> {
    let recorded = recorded_kinds();
    for kind in EventKind::all() {
        let state = if recorded.contains(kind) { "" } else { " [not recorded]" };
        writeln!(out, "{}{state}", kind.name())?;
    }
    Ok(())
}

fn test(files: &[PathBuf]) -> anyhow::Result<bool> {
    let out = &mut stdout();
    let (set, report) = RuleSet::load(&files_or_builtin(files)?, &LoadOptions::default());
    if !report.is_ok() {
        writeln!(out, "{report}")?;
    }
    let mut engine = Engine::new(set, output_context());
    let (run, failures) = engine.check_examples();
    for failure in &failures {
        writeln!(out, "{failure}")?;
    }
    let tested = engine.rules().rules();
    let bare = tested.iter().filter(|rule| rule.examples.fires.is_empty()).count();
    writeln!(
        out,
        "{} examples passed, {} failed; {bare} of {} rules have no example that fires",
        run - failures.len(),
        failures.len(),
        tested.len()
    )?;
    Ok(report.is_ok() && failures.is_empty())
}

fn eval(files: &[PathBuf], events: &Path, all: bool) -> anyhow::Result<bool> {
    let out = &mut stdout();
    let matching = if all { Matching::All } else { Matching::First };
    let (set, report) = RuleSet::load(&rules::read(files)?, &LoadOptions { matching, ..LoadOptions::default() });
    if !report.is_ok() {
        eprintln!("{report}");
    }
    let mut engine = Engine::new(set, output_context());
    let mut ok = report.is_ok();
    for (index, line) in open(events)?.lines().enumerate() {
        let line = line.with_context(|| format!("failed to read {}", events.display()))?;
        if line.trim().is_empty() {
            continue;
        }
        let event = match FieldMap::parse(&line) {
            Ok(event) => event,
            Err(error) => {
                eprintln!("{}:{}: {error}", events.display(), index + 1);
                ok = false;
                continue;
            }
        };
        let mut alerts = Vec::new();
        engine.evaluate_fields(&event, &mut alerts);
        for alert in &alerts {
            writeln!(out, "{}", alert.to_falco_json())?;
        }
    }
    Ok(ok)
}

fn open(path: &Path) -> anyhow::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
    Ok(Box::new(BufReader::new(file)))
}

fn files_or_builtin(files: &[PathBuf]) -> Result<Vec<RuleFile>, rules::ReadError> {
    if files.is_empty() { Ok(builtin::files()) } else { rules::read(files) }
}

/// Events written by hand come from no node: what is printed must not depend on where it is printed.
fn output_context() -> OutputContext {
    OutputContext { hostname: "localhost".into(), time_zone: TimeZone::UTC, time_format: TimeFormat::default() }
}
