//! `tiercel-agent`: the daemon of one node, and the tools around its rules and recordings.

#![expect(clippy::print_stderr, reason = "a command line tool talks to the terminal")]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
