//! The command line: what may be asked, and what is answered.

mod logging;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tiercel_aggregator::app;
use tiercel_aggregator::config::{Config, DEFAULT_PATH};

const EXAMPLES: &str = "\
Examples:
  tiercel-aggregator check --config aggregator.yaml      what is wrong with it, with line and column
  tiercel-aggregator run --config /etc/tiercel/aggregator.yaml
  TIERCEL_AGGREGATOR__LISTEN__API=0.0.0.0:2802 tiercel-aggregator run

Signals: SIGTERM ends in good order, SIGHUP reads the certificates again.
Exit codes: 0 done, 1 failed, 2 wrong usage.";

/// One node of the alert cluster: takes alerts in, agrees on them with its peers, and tells the receivers.
#[derive(Debug, Parser)]
#[command(name = "tiercel-aggregator", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines on stderr look
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Which log lines are written: error, warn, info, debug, trace, or a filter as in RUST_LOG
    #[arg(long, global = true, env = "RUST_LOG", default_value = "info,openraft=warn,actix_server=warn")]
    log_level: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take part in the cluster until SIGTERM
    Run(ConfigArguments),
    /// Check the configuration, the certificates and the receivers, and start nothing
    Check(ConfigArguments),
}

#[derive(Debug, Args)]
struct ConfigArguments {
    /// Configuration file
    #[arg(long, short, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// Runs what the arguments ask for.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = logging::start(cli.log_format, &cli.log_level) {
        eprintln!("error: {error:#}");
        return ExitCode::from(2);
    }
    let result = match cli.command {
        Command::Run(arguments) => run(&arguments),
        Command::Check(arguments) => check(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &ConfigArguments) -> anyhow::Result<()> {
    app::run(Config::load(&arguments.config)?)
}

fn check(arguments: &ConfigArguments) -> anyhow::Result<()> {
    let config = Config::load(&arguments.config)?;
    app::check(&config)?;
    println!("{}: ok, node {} ({})", arguments.config.display(), config.node_id, config.node_name);
    Ok(())
}
