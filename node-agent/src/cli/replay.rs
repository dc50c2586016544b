//! `replay`: the alerts of a recording, the same on every machine.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use tiercel_agent::capture::Progress;
use tiercel_agent::config::RulesConfig;
use tiercel_agent::detect::{Detector, rules};
use tiercel_agent::input::Input;
use tiercel_agent::outputs::line;
use tiercel_detection::{Matching, Priority};

use super::{OutputFormat, stdout};

/// What to replay, and with which rules.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A file that `tiercel-agent record` made
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
    let config = RulesConfig {
        files: arguments.rules.clone(),
        matching: Matching::First,
        minimum_priority: Priority::Debug,
        watch: false,
    };
    let loaded = rules::load(&config)?;
    if !loaded.report.is_ok() {
        eprintln!("{}", loaded.report);
    }
    let Input { mut source, enricher, context, .. } = Input::recording(&arguments.file)?;
    let mut detector = Detector::new(enricher, loaded.rules, context);
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
    Ok(loaded.report.is_ok())
}
