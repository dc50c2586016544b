//! A storm: one synthetic agent sends a bounded number of alerts over the real wire and keeps the sums.
//!
//! Its alerts are a function of their sequence, so after any number of reconnections the same sequence carries the
//! same alert; what the cluster counts can be compared with what was sent.

mod ledger;
mod sender;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tiercel_proto::envelope::{Lane, SpoolId};
use tiercel_proto::mtls::{Credentials, Role, TlsFiles};
use tiercel_proto::v1;

pub use ledger::{Ledger, Sums};
pub use sender::Storm;

/// What `tiercel-loadtest storm` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct StormArguments {
    /// Aggregators, host:port, tried in turn.
    #[arg(long = "aggregator", required = true)]
    pub aggregators: Vec<String>,
    /// The name that the aggregators' certificates must be for [default: the host part of the address].
    #[arg(long)]
    pub server_name: Option<String>,
    /// Certificate authority.
    #[arg(long)]
    pub ca: PathBuf,
    /// Certificate of role agent.
    #[arg(long)]
    pub certificate: PathBuf,
    /// Its key.
    #[arg(long)]
    pub key: PathBuf,
    /// How many alerts to send.
    #[arg(long, default_value_t = 10_000)]
    pub alerts: u64,
    /// How many of them go into one message.
    #[arg(long, default_value_t = 100)]
    pub batch: u64,
    /// How many may be unacknowledged.
    #[arg(long, default_value_t = 2_000)]
    pub window: u64,
    /// How many different rules they name.
    #[arg(long, default_value_t = 10)]
    pub rules: u64,
    /// How many different files they name; rules times files findings are distinct, the rest are repeats.
    #[arg(long, default_value_t = 50)]
    pub files: u64,
    /// Alerts per second, 0 for as fast as acknowledgements come.
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 120)]
    pub timeout: u64,
}

/// Runs the storm, prints `acknowledged N` as it goes and the sums as one JSON line at the end.
///
/// # Errors
/// When the files cannot be read, or not everything is acknowledged before the timeout; the sums are printed then too.
pub fn run(arguments: &StormArguments) -> anyhow::Result<()> {
    let files =
        TlsFiles { ca: arguments.ca.clone(), certificate: arguments.certificate.clone(), key: arguments.key.clone() };
    let credentials = Credentials::load(files, Role::Agent).context("failed to load the certificates of the storm")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let storm = Storm::new(arguments.clone(), &credentials, SpoolId::random());
    let sums = runtime.block_on(storm.run(Duration::from_secs(arguments.timeout), announce));
    #[expect(clippy::print_stdout, reason = "the result of the command")]
    {
        println!("{}", serde_json::to_string(&sums)?);
    }
    anyhow::ensure!(
        sums.acknowledged == sums.alerts,
        "{} of {} alerts were not acknowledged",
        sums.alerts - sums.acknowledged,
        sums.alerts
    );
    Ok(())
}

#[expect(clippy::print_stdout, reason = "progress that tests wait for")]
fn announce(acknowledged: u64) {
    println!("acknowledged {acknowledged}");
}

/// The lane that the storm uses: its alerts are warnings.
const LANE: Lane = Lane::Important;

/// The alert that carries this sequence, always the same one.
fn alert(arguments: &StormArguments, sequence: u64) -> v1::Alert {
    let rule = sequence % arguments.rules.max(1);
    let file = (sequence / arguments.rules.max(1)) % arguments.files.max(1);
    let text = |value: String| Some(v1::FieldValue { kind: Some(v1::field_value::Kind::Text(value)) });
    let field = |name: &str, value: String| v1::Field { name: name.to_owned(), value: text(value) };
    v1::Alert {
        time_unix_nanos: 1_700_000_000_000_000_000 + sequence,
        rule: format!("Storm rule {rule}"),
        priority: 4,
        source: "syscall".to_owned(),
        hostname: "storm".to_owned(),
        output: format!("Warning Storm | file=/storm/{}/{file} number={sequence}", letters(file)),
        fields: vec![
            field("fd.name", format!("/storm/{}", letters(file))),
            field("proc.cmdline", format!("storm {sequence}")),
            field("proc.name", "storm".to_owned()),
            field("user.name", "root".to_owned()),
        ],
        tags: vec!["storm".to_owned()],
    }
}

/// A number in letters, because fingerprints do not tell digits apart.
fn letters(mut number: u64) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(b'a' + u8::try_from(number % 26).expect("below 26")));
        number /= 26;
        if number == 0 {
            return text;
        }
    }
}
