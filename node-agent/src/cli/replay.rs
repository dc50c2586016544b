//! `replay`: the alerts of a recording, the same on every machine, or of a capture or an audit log, with times of this
//! machine's zone as Falco prints them.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::tz::TimeZone;
use tiercel_agent::capture::Progress;
use tiercel_agent::capture::scap::Reader;
use tiercel_agent::config::RulesConfig;
use tiercel_agent::detect::{Detector, rules};
use tiercel_agent::enrich::scap::CaptureState;
use tiercel_agent::input::Input;
use tiercel_agent::kubernetes_audit::{AuditFile, is_audit_log};
use tiercel_agent::outputs::line;
use tiercel_detection::{Engine, Matching, OutputContext, Priority, RuleSet, TimeFormat};

use super::{OutputFormat, stdout};

/// What to replay, and with which rules.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A file that `tiercel-agent record` made, a capture (.scap) of Falco or sysdig, or an audit log (JSON) of an API
    /// server of Kubernetes
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Rule files and directories [default: the built-in rules]
    #[arg(long, num_args = 1.., value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// How alerts are printed
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
}

/// Prints every alert of the recording.
pub(super) fn replay(arguments: &Arguments) -> anyhow::Result<bool> {
    let out = &mut stdout();
    let is_audit = is_audit_log(&arguments.file)?;
    let config = RulesConfig {
        files: arguments.rules.clone(),
        matching: Matching::First,
        minimum_priority: Priority::Debug,
        watch: false,
        with_audit: is_audit,
    };
    let loaded = rules::load(&config)?;
    if !loaded.report.is_ok() {
        eprintln!("{}", loaded.report);
    }
    let is_ok = loaded.report.is_ok();
    if is_audit {
        audit_log(arguments, loaded.rules, out)?;
    } else if Reader::is_capture(&arguments.file)? {
        capture(arguments, loaded.rules, out)?;
    } else {
        recording(arguments, loaded.rules, out)?;
    }
    Ok(is_ok)
}

/// Prints the alerts of a recording of ours.
fn recording(arguments: &Arguments, rules: RuleSet, out: &mut impl Write) -> anyhow::Result<()> {
    let Input { mut source, enricher, context, .. } = Input::recording(&arguments.file)?;
    let mut detector = Detector::new(enricher, rules, context);
    let mut batch = Vec::new();
    loop {
        let drained = source.next_batch(&mut batch)?;
        for alert in detector.handle(&batch) {
            writeln!(out, "{}", line(&alert, arguments.output.into()))?;
        }
        batch.clear();
        if drained.progress == Progress::Finished {
            break;
        }
    }
    let lost = source.losses().lost();
    if lost > 0 {
        eprintln!("warning: {lost} records are missing in this recording");
    }
    Ok(())
}

/// Prints the alerts of an audit log of an API server.
fn audit_log(arguments: &Arguments, rules: RuleSet, out: &mut impl Write) -> anyhow::Result<()> {
    let mut log = AuditFile::open(&arguments.file)?;
    // The log does not say on which machine it was written.
    let context =
        OutputContext { hostname: "".into(), time_zone: TimeZone::system(), time_format: TimeFormat::default() };
    let mut engine = Engine::new(rules, context);
    let mut alerts = Vec::new();
    while let Some(event) = log.next_event()? {
        engine.evaluate_document(&event, &mut alerts);
        for alert in alerts.drain(..) {
            writeln!(out, "{}", line(&alert, arguments.output.into()))?;
        }
    }
    if log.rejected() > 0 {
        eprintln!("warning: {} parts of this log are no audit events", log.rejected());
    }
    Ok(())
}

/// Prints the alerts of a capture; a damaged one gives those of its sound part before it fails.
fn capture(arguments: &Arguments, rules: RuleSet, out: &mut impl Write) -> anyhow::Result<()> {
    let (mut reader, metadata) = Reader::open(&arguments.file)?;
    let mut state = CaptureState::new(&metadata);
    state.want(rules.required_kinds());
    let context = OutputContext {
        hostname: metadata.machine.hostname.as_str().into(),
        time_zone: TimeZone::system(),
        time_format: TimeFormat::default(),
    };
    let mut engine = Engine::new(rules, context);
    let mut alerts = Vec::new();
    while let Some(captured) = reader.next_event()? {
        if let Some(event) = state.handle(&captured) {
            engine.evaluate(&event, &mut alerts);
        }
        for alert in alerts.drain(..) {
            writeln!(out, "{}", line(&alert, arguments.output.into()))?;
        }
    }
    Ok(())
}
