//! Boundary tests: what an API server sends or writes, in; events, out.

use std::io::Write as _;
use std::sync::Mutex;

use super::follow::Tail;
use super::*;

fn event(id: &str) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"{id}","verb":"get","stageTimestamp":"2026-03-01T10:00:00.5Z"}}"#
    )
}

fn ids(events: &[tiercel_detection::event::Document]) -> Vec<&str> {
    events.iter().map(|event| event.value["auditID"].as_str().unwrap()).collect()
}

#[test]
fn events_lists_and_arrays_are_read() {
    for (text, expected) in [
        (event("a"), vec!["a"]),
        (format!(r#"{{"kind":"EventList","items":[{},{}]}}"#, event("a"), event("b")), vec!["a", "b"]),
        (format!("[{},[{}]]", event("a"), event("b")), vec!["a", "b"]),
        (r#"{"kind":"EventList","items":null}"#.to_owned(), vec![]),
    ] {
        let parsed = parse(text.as_bytes()).unwrap();
        assert_eq!((ids(&parsed.events), parsed.rejected), (expected, 0), "{text}");
    }
    assert_eq!(parse(event("a").as_bytes()).unwrap().events[0].time.0, 1_772_359_200_500_000_000);
}

#[test]
fn what_is_no_event_is_told_apart() {
    for text in [r#"{"kind":"Pod"}"#, "{}", "7", r#"{"kind":"EventList"}"#, "[7]"] {
        assert!(matches!(parse(text.as_bytes()), Err(NotAudit::Kind)), "{text}");
    }
    assert!(matches!(parse(b"{"), Err(NotAudit::Json(_))));
    let without_time = r#"{"kind":"EventList","items":[{"auditID":"a"},{"auditID":"b","stageTimestamp":"noon"}]}"#;
    assert_eq!(parse(without_time.as_bytes()).unwrap().rejected, 2);
}

#[test]
fn a_log_has_events_in_lines_and_over_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&event("c}\\\"{")).unwrap());
    let text = format!("{}\nno json\n\n{}\n{}", event("a"), event("b"), pretty.unwrap());
    std::fs::write(&path, text).unwrap();
    assert!(is_audit_log(&path).unwrap());
    let mut file = AuditFile::open(&path).unwrap();
    let mut events = Vec::new();
    while let Some(event) = file.next_event().unwrap() {
        events.push(event);
    }
    assert_eq!(ids(&events), ["a", "b", "c}\"{"]);
    assert_eq!(events.iter().map(|event| event.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(file.rejected(), 1);
}

#[test]
fn a_growing_log_is_followed_over_its_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    std::fs::write(&path, format!("{}\n", event("old"))).unwrap();
    let mut tail = Tail::at_the_end(path.clone());
    let mut log = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    assert!(tail.read().unwrap().is_empty());

    let (first, second) = (event("a"), event("b"));
    write!(log, "{first}\n{}", &second[..20]).unwrap();
    assert_eq!(ids(&tail.read().unwrap()), ["a"]);
    writeln!(log, "{}", &second[20..]).unwrap();
    assert_eq!(ids(&tail.read().unwrap()), ["b"]);

    std::fs::rename(&path, folder.path().join("audit-1.log")).unwrap();
    writeln!(log, "{}", event("c")).unwrap();
    assert_eq!(ids(&tail.read().unwrap()), ["c"]);
    assert!(tail.read().unwrap().is_empty());
    std::fs::write(&path, format!("{}\n", event("d"))).unwrap();
    assert!(tail.read().unwrap().is_empty(), "the end of the old file is seen once more");
    assert_eq!(ids(&tail.read().unwrap()), ["d"]);
}

/// Serves a webhook whose events are collected, and sends it requests.
#[actix_web::test]
async fn the_webhook_answers_as_the_plugin_of_falco_does() {
    let seen: std::sync::Arc<Mutex<Vec<String>>> = std::sync::Arc::default();
    let collected = std::sync::Arc::clone(&seen);
    let intake: Intake = std::sync::Arc::new(move |events| {
        collected.lock().unwrap().extend(ids(&events).into_iter().map(str::to_owned));
        let overloaded = events.iter().any(|event| event.value["auditID"] == "too much");
        Box::pin(std::future::ready(if overloaded { Err(Overloaded) } else { Ok(()) }))
    });
    let webhook = serve("127.0.0.1:0".parse().unwrap(), "/k8s-audit", None, intake).unwrap();
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = reqwest::Client::new();
    let url = format!("http://{}/k8s-audit", webhook.address);
    let send = |kind: &'static str, body: String| client.post(&url).header("Content-Type", kind).body(body).send();

    let list = format!(r#"{{"kind":"EventList","items":[{},{}]}}"#, event("a"), event("b"));
    assert_eq!(send("application/json", list).await.unwrap().status(), 200);
    assert_eq!(send("application/json; charset=utf-8", event("c")).await.unwrap().status(), 200);
    assert_eq!(send("text/plain", event("x")).await.unwrap().status(), 415);
    assert_eq!(send("application/json", "{".to_owned()).await.unwrap().status(), 400);
    assert_eq!(send("application/json", " ".repeat(BODY_BYTES_MAX + 1)).await.unwrap().status(), 400);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 405);
    let refused = send("application/json", event("too much")).await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["Retry-After"].to_str().unwrap()), (429, "1"));
    assert_eq!(*seen.lock().unwrap(), ["a", "b", "c", "too much"]);
    webhook.stop().await;
}
