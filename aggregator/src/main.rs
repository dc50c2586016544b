//! `tiercel-aggregator`: one node of the alert cluster.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool talks to the terminal")]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
