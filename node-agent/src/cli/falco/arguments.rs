//! The flags of Falco.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// Falco's flags, with Falco's meaning.
#[derive(Debug, Args)]
#[command(
    override_usage = "falco [OPTION...]",
    after_help = "Reads falco.yaml: rules, outputs, engine.kind replay and nodriver, JSON and time formats. Every other \
                  engine.kind means the sensor of this program. Keys without a counterpart here are ignored."
)]
pub(in super::super) struct Arguments {
    /// Configuration file [default: /etc/falco/falco.yaml if it exists]
    #[arg(short = 'c', value_name = "PATH")]
    pub(super) config: Option<PathBuf>,
    /// Print the JSON schema of the configuration (there is none here)
    #[arg(long)]
    pub(super) config_schema: bool,
    /// Print the JSON schema of rules files (there is none here)
    #[arg(long)]
    pub(super) rule_schema: bool,
    /// Turn off an event source; may be repeated
    #[arg(long, value_name = "SOURCE", conflicts_with = "enable_source")]
    pub(super) disable_source: Vec<String>,
    /// Turn on this event source and no other; may be repeated
    #[arg(long, value_name = "SOURCE")]
    pub(super) enable_source: Vec<String>,
    /// Check configuration and rules, and stop
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Print the system calls that are known and not captured
    #[arg(short = 'i')]
    pub(super) ignored_events: bool,
    /// Print names and descriptions of all rules
    #[arg(short = 'L')]
    pub(super) describe_rules: bool,
    /// Print name and description of one rule
    #[arg(short = 'l', value_name = "RULE")]
    pub(super) describe_rule: Option<String>,
    /// Print the fields for conditions and outputs, of one source or of all
    #[arg(long, value_name = "SOURCE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) list: Option<String>,
    /// With --list: names only
    #[arg(short = 'N')]
    pub(super) names_only: bool,
    /// Print the event types for conditions
    #[arg(long)]
    pub(super) list_events: bool,
    /// Print what stands in the place of Falco's plugins
    #[arg(long)]
    pub(super) list_plugins: bool,
    /// Print what is known of one of these
    #[arg(long, value_name = "NAME")]
    pub(super) plugin_info: Option<String>,
    /// How lists are printed
    #[arg(long, value_enum)]
    pub(super) format: Option<ListFormat>,
    /// The same as --format markdown (deprecated)
    #[arg(long)]
    pub(super) markdown: bool,
    /// Stop after so many seconds
    #[arg(short = 'M', value_name = "SECONDS")]
    pub(super) seconds: Option<u64>,
    /// Set a configuration value: key.subkey[0]=value; may be repeated
    #[arg(short = 'o', long = "option", value_name = "KEY=VAL")]
    pub(super) options: Vec<String>,
    /// Append a text to the output of every rule (deprecated: append_output of falco.yaml)
    #[arg(short = 'p', long = "print", value_name = "FORMAT")]
    pub(super) print: Option<String>,
    /// Write the process id to this file
    #[arg(short = 'P', long = "pidfile", value_name = "FILE")]
    pub(super) pidfile: Option<PathBuf>,
    /// Rules file or folder in place of the configured ones; may be repeated
    #[arg(short = 'r', value_name = "PATH")]
    pub(super) rules: Vec<PathBuf>,
    /// Print what a report about this program should contain
    #[arg(long)]
    pub(super) support: bool,
    /// Write each alert at once (which is what happens anyway)
    #[arg(short = 'U', long = "unbuffered")]
    pub(super) unbuffered: bool,
    /// Check a rules file and stop; may be repeated
    #[arg(short = 'V', long = "validate", value_name = "FILE")]
    pub(super) validate: Vec<PathBuf>,
    /// Log more
    #[arg(short = 'v')]
    pub(super) verbose: bool,
    /// Print versions
    #[arg(long, action = ArgAction::SetTrue)]
    pub(super) version: bool,
    /// Print the size of a page of memory
    #[arg(long)]
    pub(super) page_size: bool,
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// For people.
    Text,
    /// A table for a web page.
    Markdown,
    /// One JSON object.
    Json,
}

impl Arguments {
    /// How lists are printed: as asked for, else as alerts are.
    pub(super) fn list_format(&self, json_output: bool) -> ListFormat {
        match self.format {
            Some(format) => format,
            None if self.markdown => ListFormat::Markdown,
            None if json_output => ListFormat::Json,
            None => ListFormat::Text,
        }
    }
}
