//! `tiercel-certs`: the operator's command for certificates.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the output of a command is its purpose")]

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand, ValueEnum};
use tiercel_certs::{
    Authority, CA_DAYS, CERTIFICATE_DAYS, CertsError, DEFAULT_TRUST_DOMAIN, PairFiles, Request, Validity, inspect,
    renew,
};
use tiercel_proto::mtls::Role;

/// Longest time that can be asked for: a hundred years, below the end of the date format.
const DAYS_MAX: i64 = 36_500;

/// Create an authority, issue certificates to agents, aggregators and clients, and look at them.
#[derive(Debug, Parser)]
#[command(name = "tiercel-certs", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tiercel-certs init --dir /etc/tiercel/pki
  tiercel-certs issue aggregator agg-1 --dir /etc/tiercel/pki --dns agg-1.example.com --ip 10.0.0.5
  tiercel-certs issue agent web-1 --dir /etc/tiercel/pki --out /tmp/web-1
  tiercel-certs inspect /etc/tiercel/pki/*.pem
  tiercel-certs renew /etc/tiercel/pki/agent-web-1.pem --dir /etc/tiercel/pki

Exit codes: 0 done, 1 failed or a certificate has expired, 2 wrong usage.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Create the authority: ca.pem (goes to every node) and ca.key (stays here).
    Init {
        /// Folder for the two files; made if need be.
        #[arg(long)]
        dir: PathBuf,
        /// Name of the installation; peers of other installations are refused.
        #[arg(long, default_value = DEFAULT_TRUST_DOMAIN)]
        trust_domain: String,
        /// How long the authority holds.
        #[arg(long, default_value_t = CA_DAYS, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
        days: u32,
    },
    /// Issue a certificate: writes ROLE-NAME.pem and ROLE-NAME.key.
    Issue {
        /// What the peer is there for.
        role: RoleArgument,
        /// Its name: for an agent that of the node.
        name: String,
        /// Folder with the authority.
        #[arg(long)]
        dir: PathBuf,
        /// A DNS name under which it is called (an aggregator always has localhost).
        #[arg(long = "dns", value_name = "NAME")]
        dns_names: Vec<String>,
        /// An address under which it is called (an aggregator always has 127.0.0.1 and ::1).
        #[arg(long = "ip", value_name = "ADDR")]
        addresses: Vec<IpAddr>,
        /// How long the certificate holds.
        #[arg(long, default_value_t = CERTIFICATE_DAYS, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
        days: u32,
        /// Folder for the two files [default: that of the authority].
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Replace a certificate and the key beside it by new ones for the same identity and names.
    Renew {
        /// The certificate; its key is the file of the same name with the ending .key.
        #[arg(value_name = "FILE")]
        certificate: PathBuf,
        /// Folder with the authority.
        #[arg(long)]
        dir: PathBuf,
        /// How long the new certificate holds.
        #[arg(long, default_value_t = CERTIFICATE_DAYS, value_parser = clap::value_parser!(u32).range(1..=DAYS_MAX))]
        days: u32,
    },
    /// Print what stands in certificates, and how long they still hold.
    Inspect {
        /// The certificates.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    /// The sensor of a node.
    Agent,
    /// A member of the cluster.
    Aggregator,
    /// A person or program that uses the API.
    Client,
}

impl From<RoleArgument> for Role {
    fn from(argument: RoleArgument) -> Self {
        match argument {
            RoleArgument::Agent => Self::Agent,
            RoleArgument::Aggregator => Self::Aggregator,
            RoleArgument::Client => Self::Client,
        }
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, CertsError> {
    let now = SystemTime::now();
    match command {
        Command::Init { dir, trust_domain, days } => {
            let authority = Authority::create(&trust_domain, Validity::days(now, days))?;
            print_files(&authority.save(&dir)?);
        }
        Command::Issue { role, name, dir, dns_names, addresses, days, out } => {
            let authority = Authority::load(&dir)?;
            let validity = Validity::days(now, days);
            let role = Role::from(role);
            let issued = authority.issue(&Request { role, name: name.clone(), dns_names, addresses, validity })?;
            print_files(&issued.save(out.as_deref().unwrap_or(&dir), role, &name)?);
        }
        Command::Renew { certificate, dir, days } => {
            let authority = Authority::load(&dir)?;
            print_files(&renew(&authority, &certificate, Validity::days(now, days))?);
        }
        Command::Inspect { files } => return inspect_all(&files, now),
    }
    Ok(ExitCode::SUCCESS)
}

fn print_files(files: &PairFiles) {
    println!("wrote {}", files.certificate.display());
    println!("wrote {} (secret)", files.key.display());
}

fn inspect_all(files: &[PathBuf], now: SystemTime) -> Result<ExitCode, CertsError> {
    let mut code = ExitCode::SUCCESS;
    for path in files {
        let inspection = inspect(Path::new(path))?;
        print!("{}", inspection.render(now));
        if inspection.is_expired(now) {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
