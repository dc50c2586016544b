//! What Falco sees, over a real socket.

use std::sync::Arc;

use reqwest::{Client, Response, StatusCode};

use super::{BODY_BYTES_MAX, HttpInput, serve};
use crate::notify::Receivers;
use crate::raft::ProposeError;
use crate::testing::{self, ToldCluster};

struct Door {
    url: String,
    cluster: Arc<ToldCluster>,
    client: Client,
    _history: tempfile::TempDir,
}

impl Door {
    fn open() -> Self {
        let cluster = ToldCluster::new();
        let (directory, history) = testing::history(0);
        let metrics = testing::metrics(&cluster, history, Receivers::default());
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        actix_web::rt::spawn(serve(listener, HttpInput { intake: cluster.clone(), metrics }).unwrap());
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = Client::builder().tls_certs_only([]).build().unwrap();
        Self { url, cluster, client, _history: directory }
    }

    async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        self.client.post(&self.url).body(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.client.get(format!("{}{path}", self.url)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }
}

#[actix_web::test]
async fn an_alert_of_falco_is_taken_as_it_is() {
    let door = Door::open();
    let body = testing::falco_json(1, "web-1");
    let response = door.post(body.clone()).await;
    assert_eq!((response.status(), response.text().await.unwrap().as_str()), (StatusCode::OK, ""));
    assert_eq!(door.cluster.taken.lock().unwrap()[0].to_falco_json(), body);
}

#[actix_web::test]
async fn what_is_missing_is_filled_in_as_falcosidekick_does() {
    let door = Door::open();
    let bare = r#"{"priority":"info","rule":"r","time":"2026-01-02T03:04:05Z","output_fields":{"a":1}} {"next":1}"#;
    assert_eq!(door.post(bare).await.status(), StatusCode::OK);
    let test = bare.replace("\"r\"", "\"Test rule\"");
    assert_eq!(door.post(test).await.status(), StatusCode::OK);
    let taken = door.cluster.taken.lock().unwrap();
    let sources: Vec<&str> = taken.iter().map(|alert| alert.source.as_ref()).collect();
    assert_eq!(sources, ["syscalls", "internal"]);
}

#[actix_web::test]
async fn what_is_no_alert_is_refused_with_the_reason() {
    let door = Door::open();
    for (body, reason) in [
        ("", "the body is empty"),
        ("[]", "failed to parse alert"),
        (r#"{"priority":"loud"}"#, "unknown priority 'loud'"),
        (r#"{"priority":"debug","rule":"r","time":"2026-01-02T03:04:05Z","output_fields":{}}"#, "'output_fields'"),
    ] {
        let response = door.post(body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        let text = response.text().await.unwrap();
        assert!(text.starts_with("Please send a valid request body\n") && text.contains(reason), "{text}");
    }
    assert_eq!(door.get("/").await, (StatusCode::BAD_REQUEST, "Please send with post http method\n".to_owned()));
    assert!(door.cluster.taken.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn a_body_beyond_the_bound_is_refused() {
    let door = Door::open();
    let response = door.post(vec![b' '; BODY_BYTES_MAX + 1]).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[actix_web::test]
async fn an_alert_that_could_not_be_kept_is_refused_before_it_is_taken() {
    let door = Door::open();
    let alert = |key: &str, value: &str| {
        format!(
            r#"{{"priority":"debug","rule":"r","time":"2026-01-02T03:04:05Z","output_fields":{{"{key}":{value}}}}}"#
        )
    };
    let deep = "[".repeat(9) + &"]".repeat(9);
    for (body, status, reason) in [
        (
            alert("a", &format!("\"{}\"", "x".repeat(256 << 10))),
            StatusCode::PAYLOAD_TOO_LARGE,
            "expected at most 262144",
        ),
        (alert("", "1"), StatusCode::BAD_REQUEST, "has a field without a name"),
        (alert("a", &deep), StatusCode::BAD_REQUEST, "nested more than 8 deep"),
    ] {
        let response = door.post(body).await;
        assert_eq!(response.status(), status);
        let text = response.text().await.unwrap();
        assert!(text.starts_with("Please send a valid request body\n") && text.contains(reason), "{text}");
    }
    assert!(door.cluster.taken.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn without_a_quorum_falco_is_told_to_come_again() {
    let door = Door::open();
    *door.cluster.refusal.lock().unwrap() = Some(ProposeError::NoQuorum { silent_ms: 9000 });
    let response = door.post(testing::falco_json(1, "web-1")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "3");
    let text = response.text().await.unwrap();
    assert_eq!(text, "no quorum answered for 9000 ms\nthe alert was not taken: send it again\n");

    *door.cluster.refusal.lock().unwrap() = Some(ProposeError::Unknown);
    let text = door.post(testing::falco_json(1, "web-1")).await.text().await.unwrap();
    assert!(text.contains("may count it twice"), "{text}");
}

#[actix_web::test]
async fn the_other_paths_answer_as_falcosidekick_does() {
    let door = Door::open();
    assert_eq!(door.get("/ping").await, (StatusCode::OK, "pong\n".to_owned()));
    assert_eq!(door.get("/healthz").await, (StatusCode::OK, "{\"status\": \"ok\"}".to_owned()));
    assert_eq!(door.get("/readyz").await.0, StatusCode::OK);
    assert_eq!(door.get("/test").await, (StatusCode::OK, String::new()));
    assert_eq!(door.cluster.taken.lock().unwrap()[0].rule.as_ref(), "Test rule");
    assert_eq!(door.get("/nowhere").await.0, StatusCode::NOT_FOUND);

    door.cluster.status.lock().unwrap().leader = None;
    let (status, text) = door.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("no leader"), "{text}");
    assert_eq!(door.get("/healthz").await.0, StatusCode::OK);
}

#[actix_web::test]
async fn requests_are_counted_under_the_name_that_falcosidekick_gives_them() {
    let door = Door::open();
    door.post(testing::falco_json(1, "web-1")).await;
    door.post("no alert").await;
    let (_, text) = door.get("/metrics").await;
    for line in [
        "falcosecurity_falcosidekick_inputs_total{source=\"requests\",status=\"accepted\"} 1",
        "falcosecurity_falcosidekick_inputs_total{source=\"requests\",status=\"rejected\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
