//! From what was written to what was meant: defaults, ranges, and what must stand together.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

use tiercel_detection::{Matching, Priority};

use crate::capture::FAIR_LIMIT_DEFAULT;

use super::fault::Fault;
use super::quantity::Bytes;
use super::raw::{RawCapture, RawConfig, RawRules, RawUplink};
use super::reader::At;
use super::{CaptureConfig, CaptureSource, Config, RulesConfig, Scope, SpoolConfig, TlsFiles, UplinkConfig};

/// Holds about 80,000 open records, a second of the busiest machine that we measured.
const RING_BYTES_DEFAULT: u64 = 8 << 20;
/// The kernel wants whole pages and a power of two; above 1 GiB a ring is a mistake in the unit.
const RING_BYTES: std::ops::RangeInclusive<u64> = 4096..=1 << 30;
/// A day of alerts of a noisy host (1 kB each, 6 a second) without an aggregator.
const SPOOL_BYTES_MAX_DEFAULT: u64 = 512 << 20;
/// Room for one segment; less could not hold a single batch.
const SPOOL_BYTES_MAX_MIN: u64 = 1 << 20;
/// Falco's web server port, so that probes and scrapers find what they know.
const STATUS_LISTEN_DEFAULT: &str = "127.0.0.1:8765";

/// Judges every key; each fault is added to `faults` and read as the default.
pub(super) fn validate(raw: RawConfig, host_name: &str, faults: &mut Vec<Fault>) -> Config {
    let kubernetes_audit = raw.kubernetes_audit.validate(faults);
    Config {
        node_name: raw.node_name.map_or_else(|| host_name.to_owned(), |name| node_name(&name, faults)),
        rules: rules(raw.rules, kubernetes_audit.is_on(), faults),
        capture: capture(raw.capture, faults),
        kubernetes_audit,
        containers: raw.containers.validate(faults),
        uplink: uplink(raw.uplink, faults),
        outputs: raw.outputs.validate(faults),
        status_listen: listen(raw.status_listen, faults),
    }
}

fn node_name(name: &At<String>, faults: &mut Vec<Fault>) -> String {
    if name.value.is_empty() || name.value.chars().any(|c| c.is_whitespace() || c.is_control()) {
        faults.push(name.fault("expected a name without blanks"));
    }
    name.value.clone()
}

fn rules(raw: RawRules, with_audit: bool, faults: &mut Vec<Fault>) -> RulesConfig {
    let minimum_priority = raw.minimum_priority.map_or(Priority::Debug, |text| {
        Priority::from_name(&text.value).unwrap_or_else(|| {
            let names: Vec<_> = Priority::ALL.iter().map(|priority| priority.name().to_lowercase()).collect();
            faults.push(text.fault(format!("expected one of {}, found `{}`", names.join(", "), text.value)));
            Priority::Debug
        })
    });
    RulesConfig {
        files: raw.files.unwrap_or_default().into_iter().map(|file| PathBuf::from(file.value)).collect(),
        matching: one_of(raw.matching, &[("first", Matching::First), ("all", Matching::All)], faults),
        minimum_priority,
        watch: raw.watch.is_none_or(|watch| watch.value),
        with_audit,
    }
}

fn capture(raw: RawCapture, faults: &mut Vec<Fault>) -> CaptureConfig {
    let ring_bytes = ring_bytes(raw.ring_bytes, faults);
    let scope = scope(raw.scope_cgroup, raw.scope_process_tree, faults);
    let from_recording = one_of(raw.source, &[("kernel", false), ("recording", true)], faults);
    let source = match (from_recording, raw.recording) {
        (true, Some(path)) => CaptureSource::Recording(existing_file(&path, faults)),
        (true, None) => {
            faults.push(missing("capture.recording", "needed when `capture.source` is `recording`"));
            CaptureSource::Recording(PathBuf::new())
        }
        (false, Some(path)) => {
            faults.push(path.fault("has no meaning unless `capture.source` is `recording`"));
            CaptureSource::Kernel { ring_bytes }
        }
        (false, None) => CaptureSource::Kernel { ring_bytes },
    };
    let fair_limit = raw.fair_limit.map_or(FAIR_LIMIT_DEFAULT, |limit| limit.value);
    CaptureConfig { source, fair_limit, losses: raw.losses.validate(faults), scope }
}

fn ring_bytes(raw: Option<At<Bytes>>, faults: &mut Vec<Fault>) -> u32 {
    let bytes = raw.map_or(RING_BYTES_DEFAULT, |raw| {
        let Bytes(bytes) = raw.value;
        if RING_BYTES.contains(&bytes) && bytes.is_power_of_two() {
            return bytes;
        }
        faults.push(raw.fault("expected a power of two from 4KiB to 1GiB"));
        RING_BYTES_DEFAULT
    });
    u32::try_from(bytes).expect("the range ends at 1 GiB")
}

fn scope(cgroup: Option<At<String>>, tree: Option<At<u32>>, faults: &mut Vec<Fault>) -> Scope {
    match (cgroup, tree) {
        (None, None) => Scope::Machine,
        (Some(cgroup), None) => {
            let path = PathBuf::from(&cgroup.value);
            if !path.is_dir() {
                faults.push(cgroup.fault(format!("`{}` is no directory of a cgroup file system", cgroup.value)));
            }
            Scope::Cgroup(path)
        }
        (None, Some(tree)) => {
            if tree.value == 0 {
                faults.push(tree.fault("expected a process id above 0"));
            }
            Scope::ProcessTree(tree.value)
        }
        (Some(_), Some(tree)) => {
            faults.push(tree.fault("only one of `scope.cgroup` and `scope.process_tree` can be given"));
            Scope::Machine
        }
    }
}

fn uplink(raw: RawUplink, faults: &mut Vec<Fault>) -> Option<UplinkConfig> {
    let addresses = raw.aggregators.unwrap_or_default();
    for address in &addresses {
        if !is_host_and_port(&address.value) {
            faults.push(address.fault(format!("expected host:port, found `{}`", address.value)));
        }
    }
    let first = addresses.first()?;
    let server_name = raw.server_name.map(|name| name.value);
    let mut tls_file = |given: Option<At<String>>, key: &str| match given {
        Some(path) => existing_file(&path, faults),
        None => {
            faults.push(Fault {
                place: Some(first.place.clone()),
                key: key.to_owned(),
                message: "needed when `uplink.aggregators` is not empty".to_owned(),
                hint: Some("there is no mode without TLS; `tiercel-certs issue agent NAME` makes the files".to_owned()),
            });
            PathBuf::new()
        }
    };
    let tls = TlsFiles {
        ca: tls_file(raw.ca, "uplink.tls.ca"),
        certificate: tls_file(raw.certificate, "uplink.tls.certificate"),
        key: tls_file(raw.key, "uplink.tls.key"),
    };
    let bytes_max = raw.spool_bytes_max.map_or(SPOOL_BYTES_MAX_DEFAULT, |raw| {
        if raw.value.0 < SPOOL_BYTES_MAX_MIN {
            faults.push(raw.fault("expected at least 1MiB"));
        }
        raw.value.0
    });
    let directory = raw.spool_directory.map_or_else(|| "/var/lib/tiercel/spool".into(), |path| path.value.into());
    Some(UplinkConfig {
        aggregators: addresses.into_iter().map(|address| address.value).collect(),
        server_name,
        tls,
        spool: SpoolConfig { directory, bytes_max },
    })
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        !host.is_empty() && (bracketed || !host.contains([':', '/'])) && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn listen(raw: Option<At<String>>, faults: &mut Vec<Fault>) -> SocketAddr {
    let default: SocketAddr = STATUS_LISTEN_DEFAULT.parse().expect("the constant is an address");
    let Some(raw) = raw else { return default };
    match raw.value.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()) {
        Some(address) => address,
        None => {
            faults.push(raw.fault(format!("expected address:port, found `{}`", raw.value)));
            default
        }
    }
}

/// The value of a word; an absent key means the first row.
pub(super) fn one_of<T: Copy>(raw: Option<At<String>>, table: &[(&str, T)], faults: &mut Vec<Fault>) -> T {
    let default = table.first().expect("every table has a row").1;
    let Some(raw) = raw else { return default };
    if let Some((_, value)) = table.iter().find(|(word, _)| *word == raw.value) {
        return *value;
    }
    let words: Vec<_> = table.iter().map(|(word, _)| *word).collect();
    faults.push(raw.fault(format!("expected {}, found `{}`", words.join(" or "), raw.value)));
    default
}

pub(super) fn existing_file(path: &At<String>, faults: &mut Vec<Fault>) -> PathBuf {
    if let Err(error) = std::fs::File::open(Path::new(&path.value)) {
        faults.push(path.fault(format!("failed to open `{}`: {error}", path.value)));
    }
    PathBuf::from(&path.value)
}

fn missing(key: &str, message: &str) -> Fault {
    Fault { place: None, key: key.to_owned(), message: message.to_owned(), hint: None }
}
