//! `tiercelctl`: the operator's command. It speaks the public REST interface and nothing else.

mod alerts;
mod cli;
mod client;
mod cluster;
mod output;
mod receivers;
mod table;
mod tail;

use std::process::ExitCode;

use clap::Parser;

use cli::{AlertsCommand, Cli, ClusterCommand, Command, ReceiverCommand};
use client::Client;
use output::Output;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> anyhow::Result<()> {
    let client = Client::new(&cli.connection)?;
    let mut output = Output::new(cli.output);
    match &cli.command {
        Command::Alerts(AlertsCommand::List(arguments)) => alerts::list(&client, arguments, &mut output).await,
        Command::Alerts(AlertsCommand::Show { id }) => alerts::show(&client, id, &mut output).await,
        Command::Alerts(AlertsCommand::Tail(arguments)) => tail::tail(&client, arguments, &mut output).await,
        Command::Cluster(ClusterCommand::Status) => cluster::status(&client, &mut output).await,
        Command::Receiver(ReceiverCommand::List) => receivers::list(&client, &mut output).await,
    }
}
