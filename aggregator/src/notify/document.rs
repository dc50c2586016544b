//! The JSON document of a notification: Falco's keys at the top, so that whatever reads Falco's alerts reads ours, and
//! what the cluster knows about it under `tiercel`.

use serde::Serialize;
use tiercel_detection::event::{Text, Timestamp};
use tiercel_detection::{Alert, FieldValue};

use crate::triage::{Content, Finding, Notification, StormSummary, UnixMillis};

/// Event source of what the cluster itself has to say.
const STORM_SOURCE: &str = "tiercel";

/// Tag of storm summaries, by which routes and consumers tell them from alerts.
const STORM_TAG: &str = "tiercel_storm_summary";

/// What stands under `tiercel`.
#[derive(Debug, Serialize)]
struct Envelope<'a> {
    kind: &'static str,
    /// The same for every attempt and every node: what a receiver can recognise a repeat by.
    notification_id: String,
    /// The number in the log of the cluster, for the operator.
    notification_number: u64,
    receiver: &'a str,
    attempt: u32,
    possible_repeat: bool,
    created_at: String,
    first_seen: String,
    /// Only of summaries: the cluster counts repeats of a finding and keeps no time for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    /// How many alerts it stands for.
    alerts: u64,
    #[serde(flatten)]
    content: EnvelopeContent,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum EnvelopeContent {
    Finding {
        alert_id: String,
        /// Identity of the finding, as in the history.
        fingerprint: String,
        /// How often it came again within its window until this attempt.
        repeats: u64,
        /// How often it had been seen and not told since a receiver last heard of it.
        untold_before: u64,
    },
    Storm {
        samples: Vec<String>,
    },
}

/// Renders the document; one line without its end.
pub(super) fn render(notification: &Notification) -> String {
    let alert_json = match &notification.content {
        Content::Finding(finding) => finding.alert.to_falco_json(),
        Content::Storm(storm) => storm_alert(storm).to_falco_json(),
    };
    let envelope = serde_json::to_string(&envelope(notification)).expect("the envelope has only text keys");
    let without_end = alert_json.strip_suffix('}').expect("an alert is a JSON object");
    format!("{without_end},\"tiercel\":{envelope}}}")
}

fn envelope(notification: &Notification) -> Envelope<'_> {
    let (kind, first_seen, last_seen, alerts, content) = match &notification.content {
        Content::Finding(finding) => finding_content(finding),
        Content::Storm(storm) => storm_content(storm),
    };
    Envelope {
        kind,
        notification_id: notification.key.to_string(),
        notification_number: notification.id.0,
        receiver: &notification.receiver,
        attempt: notification.attempt,
        possible_repeat: notification.possible_repeat,
        created_at: rfc3339(notification.created_at),
        first_seen: rfc3339(first_seen),
        last_seen: last_seen.map(rfc3339),
        alerts,
        content,
    }
}

fn finding_content(finding: &Finding) -> (&'static str, UnixMillis, Option<UnixMillis>, u64, EnvelopeContent) {
    let content = EnvelopeContent::Finding {
        alert_id: finding.alert_id.to_string(),
        fingerprint: fingerprint_text(finding.fingerprint.0),
        repeats: finding.repeats,
        untold_before: finding.untold_before,
    };
    ("alert", finding.received_at, None, 1 + finding.repeats, content)
}

fn storm_content(storm: &StormSummary) -> (&'static str, UnixMillis, Option<UnixMillis>, u64, EnvelopeContent) {
    let samples = storm.samples.iter().map(ToString::to_string).collect();
    ("storm_summary", storm.since, Some(storm.until), storm.alerts, EnvelopeContent::Storm { samples })
}

/// A storm summary in the shape of an alert: rule and priority are those of what was folded.
fn storm_alert(storm: &StormSummary) -> Alert {
    let time = Timestamp(storm.until.0.saturating_mul(1_000_000));
    let hosts = storm.alerts_by_hostname.len();
    let text = format!(
        "{} alerts of rule \"{}\" on {hosts} host{} between {} and {} were folded into this summary (hosts={})",
        storm.alerts,
        storm.rule,
        if hosts == 1 { "" } else { "s" },
        rfc3339(storm.since),
        rfc3339(storm.until),
        busiest_hosts(storm),
    );
    let moment = jiff_timestamp(storm.until).strftime("%H:%M:%S.%9f");
    Alert {
        time,
        rule: storm.rule.clone(),
        priority: storm.severity.0,
        source: STORM_SOURCE.into(),
        hostname: only_host(storm),
        output: format!("{moment}: {} {text}", storm.severity.0.name()).into(),
        fields: vec![
            ("evt.time".into(), FieldValue::Unsigned(time.0)),
            ("tiercel.storm.alerts".into(), FieldValue::Unsigned(storm.alerts)),
            ("tiercel.storm.hosts".into(), FieldValue::Text(busiest_hosts(storm).into())),
            ("tiercel.storm.since".into(), FieldValue::Text(rfc3339(storm.since).into())),
            ("tiercel.storm.until".into(), FieldValue::Text(rfc3339(storm.until).into())),
        ],
        tags: [STORM_TAG.into()].into(),
    }
}

/// Most hosts that a summary names.
const HOSTS_NAMED_MAX: usize = 10;

fn busiest_hosts(storm: &StormSummary) -> String {
    let mut hosts: Vec<_> = storm.alerts_by_hostname.iter().collect();
    hosts.sort_by_key(|(name, alerts)| (std::cmp::Reverse(**alerts), (*name).clone()));
    let named: Vec<String> =
        hosts.iter().take(HOSTS_NAMED_MAX).map(|(name, alerts)| format!("{name}:{alerts}")).collect();
    let rest = hosts.len().saturating_sub(HOSTS_NAMED_MAX);
    if rest == 0 { named.join(" ") } else { format!("{} and {rest} more", named.join(" ")) }
}

fn only_host(storm: &StormSummary) -> Text {
    let mut names = storm.alerts_by_hostname.keys();
    match (names.next(), names.next()) {
        (Some(name), None) => name.clone(),
        (Some(_), Some(_)) | (None, _) => "".into(),
    }
}

/// The text of a fingerprint: the same here, in the history and in the API.
pub(crate) fn fingerprint_text(fingerprint: u128) -> String {
    format!("{fingerprint:032x}")
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(moment: UnixMillis) -> String {
    jiff_timestamp(moment).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

fn jiff_timestamp(moment: UnixMillis) -> jiff::Timestamp {
    let milliseconds = i64::try_from(moment.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(milliseconds).unwrap_or(jiff::Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::testing;
    use super::*;

    #[track_caller]
    fn check(notification: &Notification, expected: Expect) {
        let line = render(notification);
        assert!(!line.contains('\n'));
        let document: serde_json::Value = serde_json::from_str(&line).unwrap();
        expected.assert_eq(&serde_json::to_string_pretty(&document).unwrap());
    }

    #[test]
    fn a_finding_keeps_the_keys_of_its_alert() {
        check(
            &testing::finding(),
            expect![[r#"
                {
                  "hostname": "web-1",
                  "output": "10:33:53.419063181: Warning Sensitive file opened (file=/etc/shadow)",
                  "output_fields": {
                    "container.id": "host",
                    "fd.name": "/etc/shadow",
                    "k8s.ns.name": null,
                    "user.loginuid": 1000
                  },
                  "priority": "Warning",
                  "rule": "Read sensitive file",
                  "source": "syscall",
                  "tags": [
                    "T1555",
                    "host"
                  ],
                  "time": "2026-11-23T10:33:53.419063181Z",
                  "tiercel": {
                    "kind": "alert",
                    "notification_id": "00000000-0000-0000-0000-000000001234",
                    "notification_number": 7,
                    "receiver": "pager",
                    "attempt": 2,
                    "possible_repeat": true,
                    "created_at": "2026-11-23T10:33:54.000Z",
                    "first_seen": "2026-11-23T10:33:53.500Z",
                    "alerts": 5,
                    "alert_id": "abababababababababababababababab/3/1/42",
                    "fingerprint": "0000000000000000000000000000feed",
                    "repeats": 4,
                    "untold_before": 1
                  }
                }"#]],
        );
    }

    #[test]
    fn a_storm_summary_looks_like_an_alert() {
        check(
            &testing::storm(),
            expect![[r#"
            {
              "hostname": "",
              "output": "10:33:50.250000000: Warning 1234 alerts of rule \"Read sensitive file\" on 2 hosts between 2026-11-23T10:33:20.000Z and 2026-11-23T10:33:50.250Z were folded into this summary (hosts=web-2:1200 web-1:34)",
              "output_fields": {
                "evt.time": 1795430030250000000,
                "tiercel.storm.alerts": 1234,
                "tiercel.storm.hosts": "web-2:1200 web-1:34",
                "tiercel.storm.since": "2026-11-23T10:33:20.000Z",
                "tiercel.storm.until": "2026-11-23T10:33:50.250Z"
              },
              "priority": "Warning",
              "rule": "Read sensitive file",
              "source": "tiercel",
              "tags": [
                "tiercel_storm_summary"
              ],
              "time": "2026-11-23T10:33:50.250000000Z",
              "tiercel": {
                "kind": "storm_summary",
                "notification_id": "00000000-0000-0000-0000-000000001234",
                "notification_number": 7,
                "receiver": "pager",
                "attempt": 2,
                "possible_repeat": true,
                "created_at": "2026-11-23T10:33:54.000Z",
                "first_seen": "2026-11-23T10:33:20.000Z",
                "last_seen": "2026-11-23T10:33:50.250Z",
                "alerts": 1234,
                "samples": [
                  "abababababababababababababababab/3/1/1",
                  "abababababababababababababababab/3/1/2"
                ]
              }
            }"#]],
        );
    }

    #[test]
    fn a_summary_names_the_busiest_hosts_only() {
        let Content::Storm(mut storm) = testing::storm().content else { unreachable!() };
        storm.alerts_by_hostname = (0..12).map(|n| (format!("web-{n:02}").into(), 100 - n)).collect();
        assert!(busiest_hosts(&storm).starts_with("web-00:100 web-01:99 "));
        assert!(busiest_hosts(&storm).ends_with("web-09:91 and 2 more"));
        assert_eq!(&*only_host(&storm), "");
    }
}
