//! What the tests of several rooms need: a cluster of one that only remembers, alerts, and certificates.

use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use prost::Message as _;
use tiercel_detection::Alert;
use tiercel_proto::{AlertId, Generation, Lane, Sequence, SpoolId, v1};

use crate::api::{ClusterView, Sums};
use crate::history::{History, Retention};
use crate::http_input::{Intake, IntakeError};
use crate::ingest::Parser;
use crate::metrics::{InputCounters, Metrics};
use crate::notify::Receivers;
use crate::raft::{ClusterStatus, Member, MemberStatus, ProposeError, Role};
use crate::triage::{Backlog, Counters, Record, Route, Severity, StoredAlert, UnixMillis, Verdict};

/// A cluster that says what the test tells it to say.
#[derive(Debug)]
pub(crate) struct ToldCluster {
    pub(crate) status: Mutex<ClusterStatus>,
    pub(crate) sums: Mutex<Sums>,
    /// What came through the intake.
    pub(crate) taken: Mutex<Vec<Alert>>,
    /// What the intake answers.
    pub(crate) refusal: Mutex<Option<ProposeError>>,
}

impl ToldCluster {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            status: Mutex::new(status()),
            sums: Mutex::new(sums()),
            taken: Mutex::default(),
            refusal: Mutex::default(),
        })
    }
}

impl ClusterView for ToldCluster {
    fn status(&self) -> ClusterStatus {
        self.status.lock().unwrap().clone()
    }

    fn sums(&self) -> Sums {
        self.sums.lock().unwrap().clone()
    }
}

impl Intake for ToldCluster {
    fn admit(&self, alert: Alert) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(async move {
            if let Some(refusal) = self.refusal.lock().unwrap().clone() {
                return Err(refusal.into());
            }
            Parser::new(Route::root("audit".into(), Vec::new())).direct(&alert)?;
            self.taken.lock().unwrap().push(alert);
            Ok(())
        })
    }
}

fn status() -> ClusterStatus {
    let member = |node: u64| MemberStatus {
        node,
        member: Member { raft: format!("10.0.0.{node}:5051"), ingest: format!("10.0.0.{node}:5050") },
        votes: node < 3,
        matched_index: (node == 2).then_some(40),
    };
    ClusterStatus {
        node: 1,
        cluster_id: Some(uuid::Uuid::from_u128(7)),
        role: Role::Leader,
        term: 3,
        leader: Some(1),
        last_log_index: Some(42),
        applied_index: Some(41),
        snapshot_index: None,
        purged_index: None,
        quorum_silent_ms: Some(250),
        members: vec![member(1), member(2), member(3)],
    }
}

fn sums() -> Sums {
    let counters = Counters {
        accepted: 10,
        duplicates: 2,
        told: 4,
        repeats: 3,
        folded: 2,
        unrouted: 1,
        lost: [("spool full".into(), 5)].into(),
        notifications: 4,
        delivered: 3,
        ..Counters::default()
    };
    let backlog = Backlog {
        receiver: "audit".into(),
        waiting: 1,
        claimed: 0,
        oldest_at: UnixMillis(1_795_430_000_500),
        last_error: Some("disk full".into()),
    };
    Sums { as_of: UnixMillis(1_795_430_034_000), counters, imbalance: 0, backlogs: vec![backlog] }
}

/// An alert of Falco; `number` makes it differ from others.
pub(crate) fn falco_json(number: u64, hostname: &str) -> String {
    let time = format!("2026-11-23T10:33:{:02}.419063181Z", number % 60);
    format!(
        r#"{{"hostname":"{hostname}","output":"10:33:53.419063181: Warning Sensitive file opened (file=/etc/shadow number={number})","output_fields":{{"fd.name":"/etc/shadow","k8s.ns.name":"shop","k8s.pod.name":"web-{number}","proc.pid":{number}}},"priority":"Warning","rule":"Read sensitive file","source":"syscall","tags":["T1555","host"],"time":"{time}"}}"#
    )
}

/// What apply says about alerts 1 to `count`; all told to `audit`.
pub(crate) fn records(count: u64) -> Vec<Record> {
    let record = |number| {
        let alert = Alert::from_falco_json(&falco_json(number, "web-1")).unwrap();
        Record {
            id: alert_id(number),
            received_at: UnixMillis(1_795_430_000_000 + number),
            alert: StoredAlert {
                rule: alert.rule.clone(),
                severity: Severity(alert.priority),
                hostname: alert.hostname.clone(),
                fingerprint: 0xfeed,
                receivers: Arc::from(["audit".into()]),
                body: v1::Alert::from(&alert).encode_to_vec().into(),
            },
            verdict: Verdict::Told { receivers: Arc::from(["audit".into()]) },
            seen: 1,
        }
    };
    (1..=count).map(record).collect()
}

pub(crate) fn alert_id(number: u64) -> AlertId {
    AlertId { spool: SpoolId([0xab; 16]), generation: Generation(1), lane: Lane::Important, sequence: Sequence(number) }
}

/// A history in a folder of its own that holds alerts 1 to `count`.
pub(crate) fn history(count: u64) -> (tempfile::TempDir, Arc<History>) {
    let directory = tempfile::tempdir().unwrap();
    let forever = Retention { age_max: std::time::Duration::MAX, bytes_max: u64::MAX };
    let history = Arc::new(History::open(directory.path(), forever).unwrap());
    history.append(1, records(count));
    assert!(history.wait_until_written(std::time::Duration::from_secs(10)));
    (directory, history)
}

pub(crate) fn metrics(cluster: &Arc<ToldCluster>, history: Arc<History>, receivers: Receivers) -> Metrics {
    Metrics {
        view: cluster.clone(),
        history,
        receivers: Arc::new(receivers),
        inputs: Arc::new(InputCounters::default()),
        intake: None,
        credentials: None,
    }
}
