//! `tiercel-loadtest`: the system from outside.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tiercel_loadtest::{sink, storm};

/// Drives a Tiercel cluster from outside, over the same wire as real agents.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send a bounded number of alerts as one synthetic agent and print the sums.
    Storm(storm::StormArguments),
    /// Receive webhooks and keep them, one JSON line each.
    Sink(sink::SinkArguments),
}

const EXAMPLES: &str = "Examples:
  tiercel-loadtest sink --listen 127.0.0.1:9801 --file webhooks.jsonl
  tiercel-loadtest storm --aggregator 127.0.0.1:5050 --ca ca.pem --certificate agent-web-1.pem --key agent-web-1.key --alerts 10000";

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Storm(arguments) => storm::run(&arguments),
        Command::Sink(arguments) => sink::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the last word of a command line tool")]
            {
                eprintln!("tiercel-loadtest: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
