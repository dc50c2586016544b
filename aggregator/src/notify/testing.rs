//! Notifications for the tests of the receivers.

use std::sync::Arc;

use tiercel_detection::{Alert, Fingerprint, Priority};
use tiercel_proto::{AlertId, Generation, Lane, Sequence, SpoolId};
use uuid::Uuid;

use crate::triage::{Content, Finding, Notification, NotificationId, Severity, StormSummary, UnixMillis};

const ALERT: &str = r#"{"hostname":"web-1","output":"10:33:53.419063181: Warning Sensitive file opened (file=/etc/shadow)","output_fields":{"container.id":"host","fd.name":"/etc/shadow","k8s.ns.name":null,"user.loginuid":1000},"priority":"Warning","rule":"Read sensitive file","source":"syscall","tags":["T1555","host"],"time":"2026-11-23T10:33:53.419063181Z"}"#;

fn notification(content: Content) -> Notification {
    Notification {
        id: NotificationId(7),
        key: Uuid::from_u128(0x1234),
        receiver: "pager".into(),
        created_at: UnixMillis(1_795_430_034_000),
        attempt: 2,
        possible_repeat: true,
        content,
    }
}

fn alert_id(sequence: u64) -> AlertId {
    let (generation, sequence) = (Generation(3), Sequence(sequence));
    AlertId { spool: SpoolId([0xab; 16]), generation, lane: Lane::Important, sequence }
}

pub(super) fn finding() -> Notification {
    notification(Content::Finding(Finding {
        alert_id: alert_id(42),
        fingerprint: Fingerprint(0xfeed),
        received_at: UnixMillis(1_795_430_033_500),
        repeats: 4,
        untold_before: 1,
        alert: Arc::new(Alert::from_falco_json(ALERT).unwrap()),
    }))
}

pub(super) fn storm() -> Notification {
    notification(Content::Storm(StormSummary {
        rule: "Read sensitive file".into(),
        severity: Severity(Priority::Warning),
        since: UnixMillis(1_795_430_000_000),
        until: UnixMillis(1_795_430_030_250),
        alerts: 1234,
        alerts_by_hostname: [("web-1".into(), 34), ("web-2".into(), 1200)].into(),
        samples: vec![alert_id(1), alert_id(2)],
    }))
}
