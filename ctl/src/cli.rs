//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  export TIERCEL_CA=ca.pem TIERCEL_CERT=client-ada.pem TIERCEL_KEY=client-ada.key
  tiercelctl alerts list --priority warning --since 1h
  tiercelctl alerts tail --rule 'Read sensitive*' --hostname 'web-*'
  tiercelctl alerts show 00112233445566778899aabbccddeeff/7/1/42
  tiercelctl --output json alerts list --text /etc/shadow | jq .output_fields
  tiercelctl --server https://aggregator-2:2802 cluster status";

/// Looks into a Tiercel cluster: alerts, nodes, receivers.
#[derive(Debug, Parser)]
#[command(name = "tiercelctl", version, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// How to print: a table for people, or JSON, one document a line.
    #[arg(long, short, global = true, value_enum, default_value_t = Format::Table, env = "TIERCEL_OUTPUT")]
    pub(crate) output: Format,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which node to ask, and as whom.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The node to ask; any member of the cluster.
    #[arg(long, global = true, env = "TIERCEL_SERVER", default_value = "https://127.0.0.1:2802", value_name = "URL")]
    pub(crate) server: String,

    /// PEM file with the authority that the node's certificate comes from.
    #[arg(long, global = true, env = "TIERCEL_CA", value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// PEM file with your certificate of role client.
    #[arg(long, global = true, env = "TIERCEL_CERT", value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,

    /// PEM file with the key of your certificate.
    #[arg(long, global = true, env = "TIERCEL_KEY", value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// File with a bearer token, instead of a certificate.
    #[arg(long, global = true, env = "TIERCEL_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one for each process")]
pub(crate) enum Command {
    /// Search, show and follow alerts.
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// The nodes of the cluster and its counters.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// The receivers and what they are owed.
    #[command(subcommand)]
    Receiver(ReceiverCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Print alerts, newest first.
    List(ListArguments),
    /// Print one alert with everything that is known about it.
    Show {
        /// Its id, as `alerts list --ids` shows it.
        id: String,
    },
    /// Print alerts as they come, oldest first; ends with Ctrl-C.
    Tail(TailArguments),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Print roles, log positions and the sums that must add up.
    Status,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReceiverCommand {
    /// Print receivers, their backlog and the attempts of this node.
    List,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ListArguments {
    #[command(flatten)]
    pub(crate) filters: Filters,

    /// Most alerts to print.
    #[arg(long, short = 'n', default_value_t = 50, value_name = "N")]
    pub(crate) limit: usize,

    /// Print the id of each alert too, for `alerts show`.
    #[arg(long)]
    pub(crate) ids: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct TailArguments {
    #[command(flatten)]
    pub(crate) filters: Filters,

    /// Alerts to begin with.
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    pub(crate) lines: usize,

    /// Time between questions to the node.
    #[arg(long, default_value = "2s", value_parser = parse_interval, value_name = "TIME")]
    pub(crate) interval: Duration,
}

/// Which alerts; all that are given must hold.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Name of the rule; * stands for any text, case does not matter.
    #[arg(long)]
    pub(crate) rule: Option<String>,

    /// That priority and all worse.
    #[arg(long, value_parser = PRIORITIES)]
    pub(crate) priority: Option<String>,

    /// Name of the node; * stands for any text.
    #[arg(long)]
    pub(crate) hostname: Option<String>,

    /// Event source, such as syscall or k8s_audit.
    #[arg(long)]
    pub(crate) source: Option<String>,

    /// Text anywhere in the alert.
    #[arg(long)]
    pub(crate) text: Option<String>,

    /// All alerts of one finding.
    #[arg(long)]
    pub(crate) fingerprint: Option<String>,

    /// Not older: an RFC 3339 time, or an age such as 15m or 7days.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Older: an RFC 3339 time, or an age.
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

const PRIORITIES: [&str; 8] =
    ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"];

impl Filters {
    /// The parameters of a question.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let pairs = [
            ("rule", &self.rule),
            ("priority", &self.priority),
            ("hostname", &self.hostname),
            ("source", &self.source),
            ("text", &self.text),
            ("fingerprint", &self.fingerprint),
            ("since", &self.since),
            ("until", &self.until),
        ];
        pairs.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// Faster questions would only load the node: the page of a browser asks as often.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

fn parse_interval(text: &str) -> Result<Duration, String> {
    let interval = humantime::parse_duration(text).map_err(|error| format!("{error}; expected a time such as 2s"))?;
    if interval < INTERVAL_MIN {
        return Err(format!("expected at least {INTERVAL_MIN:?}"));
    }
    Ok(interval)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn filters_become_parameters() {
        let arguments = ["tiercelctl", "alerts", "list", "--rule", "Read*", "--priority", "error", "--since", "1h"];
        let Command::Alerts(AlertsCommand::List(list)) = Cli::parse_from(arguments).command else {
            panic!("not a list")
        };
        let expected = [("rule", "Read*"), ("priority", "error"), ("since", "1h")];
        assert_eq!(list.filters.parameters(), expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn mistakes_are_refused() {
        let parse = |arguments: &[&str]| Cli::try_parse_from([&["tiercelctl"], arguments].concat()).is_ok();
        assert!(!parse(&["alerts", "list", "--priority", "loud"]));
        assert!(!parse(&["alerts", "tail", "--interval", "1ms"]));
        assert!(parse(&["alerts", "tail", "--interval", "500ms"]));
    }
}
