//! The command line: what may be asked, and which file answers it.

mod check;
mod doctor;
mod falco;
mod logging;
mod profile;
mod record;
mod replay;
mod rules;
mod run;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tiercel_agent::config::{Config, Format};

/// Exit code of a command that did its work and found something wrong.
const FAILED: u8 = 1;

const EXAMPLES: &str = "\
Examples:
  tiercel-agent doctor                               can this machine run the sensor?
  tiercel-agent run --config /etc/tiercel/agent.yaml
  tiercel-agent rules check rules.d/*.yaml           what a load would say
  tiercel-agent rules list --rules                   the built-in rules
  tiercel-agent record suspicious.tcap --seconds 30  what happens, for later
  tiercel-agent replay suspicious.tcap --output json the alerts of it, anywhere";

/// The Tiercel sensor: watches a host, judges what happens by rules, sends alerts to the aggregators.
#[derive(Debug, Parser)]
#[command(name = "tiercel-agent", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines on stderr look
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// Which log lines are written: error, warn, info, debug, trace, or a filter as in RUST_LOG
    #[arg(long, global = true, env = "RUST_LOG", default_value = "info")]
    log_level: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch this machine until SIGTERM; SIGHUP reloads rules, SIGUSR1 opens the output file anew
    Run(ConfigArguments),
    /// Check the configuration and the rules that it names
    Check(ConfigArguments),
    /// Find out what the sensor can do on this machine, by trying
    Doctor(ConfigArguments),
    /// Check, list, test and evaluate rules
    #[command(subcommand)]
    Rules(rules::Command),
    /// Write what happens on this machine to a file
    Record(record::Arguments),
    /// Print the alerts of a recording
    Replay(replay::Arguments),
    /// Take Falco's flags and Falco's configuration; also what a link named `falco` does
    Falco(Box<falco::Arguments>),
}

#[derive(Debug, Args)]
struct ConfigArguments {
    /// Configuration file [default: /etc/tiercel/agent.yaml if it exists]
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArguments {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutputFormat {
    /// Falco's text line
    Text,
    /// Falco's JSON line
    Json,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Text => Self::Text,
            OutputFormat::Json => Self::Json,
        }
    }
}

/// Runs what the arguments ask for.
pub(crate) fn main() -> ExitCode {
    let arguments = arguments();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        // Falco's scripts expect of a wrong flag what they expect of everything else that is wrong.
        Err(error) if error.use_stderr() && arguments.get(1).is_some_and(|command| command == "falco") => {
            eprint!("{}", error.render());
            return ExitCode::from(FAILED);
        }
        Err(error) => error.exit(),
    };
    let own_log = matches!(cli.command, Command::Falco(_));
    if !own_log && let Err(error) = logging::start(cli.log_format, &cli.log_level) {
        eprintln!("error: {error:#}");
        return ExitCode::from(2);
    }
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Rules(command) => rules::run(&command),
        Command::Record(arguments) => record::record(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Falco(arguments) => falco::run(&arguments),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        // `rules list | head` ends early, and nothing is wrong with that.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// The arguments; a program that is called `falco` takes those of Falco.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<_> = std::env::args_os().collect();
    let name = arguments.first().and_then(|program| Path::new(program).file_name());
    if name.is_some_and(|name| name == "falco") {
        arguments.insert(1, "falco".into());
    }
    arguments
}

/// Standard output as a writer: unlike `println!` it does not panic when nobody reads on.
fn stdout() -> impl Write {
    io::stdout().lock()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
