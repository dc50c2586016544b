//! From the configuration as written to the configuration as meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde_saphyr::Spanned;
use tiercel_detection::matcher::Matcher;

use super::faults::Judge;
use super::quantity;
use super::raw::{
    RawChildRoute, RawCluster, RawConfig, RawElectionTimeout, RawHistory, RawLimits, RawListen, RawMember, RawRoute,
};
use super::{Cluster, Config, Listen, TlsPaths};
use crate::history::Retention;
use crate::raft::{Member, NodeId};
use crate::triage::{Policy, Route};

const DATA_DEFAULT: &str = "/var/lib/tiercel/aggregator";

/// Generous, because an election costs more than a late one: a slow fsync or a busy machine must not look like a death.
const HEARTBEAT_DEFAULT: Duration = Duration::from_millis(250);
const ELECTION_MIN_DEFAULT: Duration = Duration::from_millis(1500);
const ELECTION_MAX_DEFAULT: Duration = Duration::from_millis(3000);

/// An election timeout must outlast some lost heartbeats.
const HEARTBEATS_PER_ELECTION_MIN: u32 = 3;

const DEDUP_WINDOW_DEFAULT: Duration = Duration::from_secs(300);
const STORM_INTERVAL_DEFAULT: Duration = Duration::from_secs(60);
const RATE_PER_MINUTE_DEFAULT: u32 = 60;
const BURST_DEFAULT: u32 = 60;

/// Longest window and interval: findings are held in memory for twice as long.
const WINDOW_MAX: Duration = Duration::from_secs(24 * 3600);

/// How deep routes may lie in routes.
const ROUTE_DEPTH_MAX: usize = 16;

/// Judges the configuration; `None` when a part that others need is missing. Faults are with the judge.
pub(super) fn config(raw: RawConfig, judge: &mut Judge) -> Option<Config> {
    let receivers: BTreeSet<&str> = raw.receivers.iter().map(|receiver| receiver.name.as_str()).collect();
    let route = route(&raw.route, &receivers, judge);
    let node_id = raw.node.id.value;
    let cluster = cluster(&raw.cluster, judge);
    if !cluster.members.is_empty() && !cluster.members.contains_key(&node_id) {
        let message = format!("node {node_id} is not among cluster.members");
        judge.fault(Some(&raw.node.id.referenced), "node.id", message);
    }
    Some(Config {
        node_id,
        node_name: raw.node.name.unwrap_or_else(|| format!("aggregator-{node_id}")),
        data: raw.data.unwrap_or_else(|| PathBuf::from(DATA_DEFAULT)),
        listen: listen(raw.listen, judge),
        tls: TlsPaths { ca: raw.tls.ca, certificate: raw.tls.certificate, key: raw.tls.key },
        cluster,
        policy: policy(raw.dedup.window.as_ref(), &raw.limits, judge),
        route,
        receivers: raw.receivers,
        retention: retention(&raw.history, judge),
        api_token_file: raw.api.token_file,
    })
}

fn listen(raw: RawListen, judge: &mut Judge) -> Listen {
    let mut address = |raw: Option<Spanned<String>>, key: &str, default: &str| match raw {
        None => default.to_owned(),
        Some(address) => {
            check_address(&address.value).unwrap_or_else(|fault| judge.fault(Some(&address.referenced), key, fault));
            address.value
        }
    };
    Listen {
        ingest: address(raw.ingest, "listen.ingest", "127.0.0.1:5050"),
        raft: address(raw.raft, "listen.raft", "127.0.0.1:5051"),
        http_input: address(raw.http_input, "listen.http_input", "127.0.0.1:2801"),
        api: address(raw.api, "listen.api", "127.0.0.1:2802"),
    }
}

fn check_address(text: &str) -> Result<(), String> {
    let is_address = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok()
    });
    if is_address { Ok(()) } else { Err(format!("`{text}`: expected host:port")) }
}

fn cluster(raw: &RawCluster, judge: &mut Judge) -> Cluster {
    let heartbeat = duration(raw.heartbeat.as_ref(), "cluster.heartbeat", HEARTBEAT_DEFAULT, judge);
    let (election_timeout_min, election_timeout_max) = election(&raw.election_timeout, heartbeat, judge);
    Cluster {
        bootstrap: raw.bootstrap.unwrap_or(false),
        members: members(&raw.members, judge),
        heartbeat,
        election_timeout_min,
        election_timeout_max,
    }
}

fn election(raw: &RawElectionTimeout, heartbeat: Duration, judge: &mut Judge) -> (Duration, Duration) {
    let min = duration(raw.min.as_ref(), "cluster.election_timeout.min", ELECTION_MIN_DEFAULT, judge);
    let max = duration(raw.max.as_ref(), "cluster.election_timeout.max", ELECTION_MAX_DEFAULT, judge);
    let place = raw.min.as_ref().or(raw.max.as_ref()).map(|text| &text.referenced);
    if min >= max {
        judge.fault(place, "cluster.election_timeout", "min must be below max, or all nodes stand at the same time");
    }
    if min < heartbeat * HEARTBEATS_PER_ELECTION_MIN {
        let message = format!("min must be at least {HEARTBEATS_PER_ELECTION_MIN} heartbeats");
        judge.fault(place, "cluster.election_timeout", message);
    }
    (min, max)
}

fn members(raw: &[Spanned<RawMember>], judge: &mut Judge) -> BTreeMap<NodeId, Member> {
    let mut members = BTreeMap::new();
    for spanned in raw {
        let RawMember { id, raft, ingest } = &spanned.value;
        for (key, address) in [("raft", raft), ("ingest", ingest)] {
            if let Err(fault) = check_address(address) {
                judge.fault(Some(&spanned.referenced), format!("cluster.members.{key}"), fault);
            }
        }
        if members.insert(*id, Member { raft: raft.clone(), ingest: ingest.clone() }).is_some() {
            judge.fault(Some(&spanned.referenced), "cluster.members", format!("node {id} is listed twice"));
        }
    }
    members
}

fn policy(window: Option<&Spanned<String>>, raw: &RawLimits, judge: &mut Judge) -> Policy {
    let window = bounded(window, "dedup.window", DEDUP_WINDOW_DEFAULT, judge);
    let interval = bounded(raw.storm_interval.as_ref(), "limits.storm_interval", STORM_INTERVAL_DEFAULT, judge);
    let rate = raw.per_rule.rate_per_minute.as_ref();
    let burst = raw.per_rule.burst.as_ref();
    for (key, value) in [("rate_per_minute", rate), ("burst", burst)] {
        if let Some(zero) = value.filter(|value| value.value == 0) {
            let message = "expected at least 1: with 0 nothing would ever be told";
            judge.fault(Some(&zero.referenced), format!("limits.per_rule.{key}"), message);
        }
    }
    Policy {
        dedup_window_ms: milliseconds(window),
        rule_rate_per_minute: rate.map_or(RATE_PER_MINUTE_DEFAULT, |value| value.value),
        rule_burst: burst.map_or(BURST_DEFAULT, |value| value.value),
        storm_interval_ms: milliseconds(interval),
    }
}

fn bounded(raw: Option<&Spanned<String>>, key: &str, default: Duration, judge: &mut Judge) -> Duration {
    let duration = duration(raw, key, default, judge);
    if duration > WINDOW_MAX {
        let message = format!("expected at most {}", humantime::format_duration(WINDOW_MAX));
        judge.fault(raw.map(|text| &text.referenced), key, message);
    }
    duration
}

fn route(raw: &RawRoute, receivers: &BTreeSet<&str>, judge: &mut Judge) -> Route {
    let receiver = &raw.receiver;
    known_receiver(receiver, receivers, judge);
    let children = raw.routes.iter().map(|child| child_route(child, &receiver.value, receivers, 1, judge));
    Route::root(receiver.value.as_str().into(), children.collect())
}

fn child_route(
    raw: &RawChildRoute,
    parent: &str,
    receivers: &BTreeSet<&str>,
    depth: usize,
    judge: &mut Judge,
) -> Route {
    if let Some(receiver) = &raw.receiver {
        known_receiver(receiver, receivers, judge);
    }
    let receiver = raw.receiver.as_ref().map_or(parent, |receiver| &receiver.value);
    let mut matchers = Vec::new();
    for text in &raw.matchers {
        match Matcher::parse(&text.value) {
            Ok(matcher) => matchers.push(matcher),
            Err(error) => judge.fault(Some(&text.referenced), "route.match", error.to_string()),
        }
    }
    let children = if depth < ROUTE_DEPTH_MAX {
        raw.routes.iter().map(|child| child_route(child, receiver, receivers, depth + 1, judge)).collect()
    } else {
        judge.fault(None, "route", format!("routes lie more than {ROUTE_DEPTH_MAX} deep in routes"));
        Vec::new()
    };
    Route { matchers, receiver: receiver.into(), goes_on: raw.goes_on, children }
}

fn known_receiver(receiver: &Spanned<String>, receivers: &BTreeSet<&str>, judge: &mut Judge) {
    if !receivers.contains(receiver.value.as_str()) {
        let hint = nearest(&receiver.value, receivers.iter().copied());
        let message = format!("there is no receiver `{}`{hint}", receiver.value);
        judge.fault(Some(&receiver.referenced), "route.receiver", message);
    }
}

fn retention(raw: &RawHistory, judge: &mut Judge) -> Retention {
    let default = Retention::default();
    let age_max = duration(raw.retention.as_ref(), "history.retention", default.age_max, judge);
    let bytes_max = raw.bytes_max.as_ref().map_or(default.bytes_max, |text| {
        quantity::bytes(&text.value).unwrap_or_else(|fault| {
            judge.fault(Some(&text.referenced), "history.bytes_max", fault);
            default.bytes_max
        })
    });
    Retention { age_max, bytes_max }
}

fn duration(raw: Option<&Spanned<String>>, key: &str, default: Duration, judge: &mut Judge) -> Duration {
    let Some(text) = raw else { return default };
    match quantity::duration(&text.value) {
        Ok(duration) if duration.is_zero() => {
            judge.fault(Some(&text.referenced), key, "expected more than 0");
            default
        }
        Ok(duration) => duration,
        Err(fault) => {
            judge.fault(Some(&text.referenced), key, fault);
            default
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The complaint of the YAML reader without the place, which is reported apart, and with the key that was probably meant.
pub(super) fn complaint(message: &str) -> String {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, expected "));
    let hint = unknown.map(|(unknown, known)| {
        let known = known.strip_prefix("one of ").unwrap_or(known).split(", ").map(|name| name.trim_matches('`'));
        nearest(unknown, known)
    });
    format!("{message}{}", hint.unwrap_or_default())
}

fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|name| (strsim::jaro_winkler(unknown, name), name))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map_or_else(String::new, |(_, name)| format!(", did you mean `{name}`?"))
}
