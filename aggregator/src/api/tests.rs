//! What operators, their scripts and their browsers see, over real TLS.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tiercel_certs::{Authority, Request, Validity};
use tiercel_proto::mtls::{ClientTls, Credentials, Role, ServerTls, TlsFiles};

use super::{Api, Token, serve};
use crate::notify::{RawReceiver, build, file};
use crate::testing::{self, ToldCluster};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A served interface, and its certificates.
struct Door {
    url: String,
    cluster: Arc<ToldCluster>,
    folder: tempfile::TempDir,
    _history: tempfile::TempDir,
}

fn issue(authority: &Authority, folder: &Path, role: Role, name: &str) -> Credentials {
    let validity = Validity::days(SystemTime::now(), 1);
    let request = Request { role, name: name.to_owned(), dns_names: vec![], addresses: vec![], validity };
    let pair = authority.issue(&request).unwrap().save(folder, role, name).unwrap();
    let files = TlsFiles { ca: folder.join("ca.pem"), certificate: pair.certificate, key: pair.key };
    Credentials::load(files, role).unwrap()
}

impl Door {
    fn open(alerts: u64, token: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create("tiercel", Validity::days(SystemTime::now(), 1)).unwrap();
        authority.save(folder.path()).unwrap();
        let own = issue(&authority, folder.path(), Role::Aggregator, "aggregator-1");
        issue(&authority, folder.path(), Role::Client, "ada");
        issue(&authority, folder.path(), Role::Agent, "web-1");

        let cluster = ToldCluster::new();
        let (history_folder, history) = testing::history(alerts);
        let path = folder.path().join("alerts.jsonl");
        let audit =
            RawReceiver { name: "audit".into(), stdout: None, file: Some(file::RawConfig { path }), webhook: None };
        let api = Api {
            node_name: "aggregator-1".into(),
            view: cluster.clone(),
            history,
            receivers: Arc::new(build(&[audit]).unwrap()),
            token: token.map(|token| Token::new(token).unwrap()),
        };
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let tls = ServerTls::new(&own, &[Role::Client]);
        actix_web::rt::spawn(serve(listener, &tls, api).unwrap());
        Self { url, cluster, folder, _history: history_folder }
    }

    fn files(&self, pair: &str) -> TlsFiles {
        let folder = self.folder.path();
        TlsFiles {
            ca: folder.join("ca.pem"),
            certificate: folder.join(format!("{pair}.pem")),
            key: folder.join(format!("{pair}.key")),
        }
    }

    fn client_of(&self, tls: &ClientTls) -> Client {
        Client::builder().tls_backend_preconfigured(tls.web_config()).build().unwrap()
    }

    fn operator(&self) -> Client {
        self.client_of(&ClientTls::new(&Credentials::load(self.files("client-ada"), Role::Client).unwrap()))
    }

    fn stranger(&self) -> Client {
        self.client_of(&ClientTls::anonymous(&self.folder.path().join("ca.pem")).unwrap())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.operator().get(format!("{}{path}", self.url))).await
    }
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    (response.status(), response.json().await.unwrap())
}

#[actix_web::test]
async fn alerts_come_newest_first_with_our_keys_and_those_of_falco() {
    let door = Door::open(3, None);
    let (status, page) = door.get("/api/v1/alerts?limit=2").await;
    assert_eq!(status, StatusCode::OK);
    let mut expected: Value = serde_json::from_str(&testing::falco_json(3, "web-1")).unwrap();
    let ours = json!({
        "id": testing::alert_id(3).to_string(),
        "received_at": "2026-11-23T10:33:20.003Z",
        "fingerprint": "0000000000000000000000000000feed",
        "repeats": 0,
        "verdict": {"kind": "told", "receivers": ["audit"]},
    });
    expected.as_object_mut().unwrap().extend(ours.as_object().unwrap().clone());
    assert_eq!(page["alerts"][0], expected);
    assert_eq!(page["alerts"].as_array().unwrap().len(), 2);

    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, last) = door.get(&format!("/api/v1/alerts?limit=2&cursor={cursor}")).await;
    assert_eq!(last["alerts"][0]["id"], json!(testing::alert_id(1).to_string()));
    assert_eq!(last["next_cursor"], Value::Null);

    let head = page["head"].as_str().unwrap();
    let (_, newer) = door.get(&format!("/api/v1/alerts?after={head}")).await;
    assert_eq!(newer, json!({"alerts": [], "next_cursor": null, "head": head}));
}

#[actix_web::test]
async fn filters_work_together() {
    let door = Door::open(12, None);
    let count = async |query: &str| {
        let (status, page) = door.get(&format!("/api/v1/alerts?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        page["alerts"].as_array().unwrap().len()
    };
    assert_eq!(count("rule=read*&hostname=WEB-1&priority=warning&source=syscall&text=/etc/shadow").await, 12);
    assert_eq!(count("text=web-12").await, 1);
    assert_eq!(count("priority=error").await, 0);
    assert_eq!(count("since=2026-11-23T10:33:20.005Z&until=2026-11-23T10:33:20.007Z").await, 2);
    assert_eq!(count("fingerprint=0000000000000000000000000000feed").await, 12);
}

#[actix_web::test]
async fn one_alert_is_shown_by_its_id() {
    let door = Door::open(2, None);
    let id = testing::alert_id(2);
    let (status, alert) = door.get(&format!("/api/v1/alerts/{id}")).await;
    assert_eq!((status, &alert["id"]), (StatusCode::OK, &json!(id.to_string())));
    assert_eq!(alert["output_fields"]["proc.pid"], 2);

    let (status, error) = door.get(&format!("/api/v1/alerts/{}", testing::alert_id(9))).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    let (status, error) = door.get("/api/v1/alerts/nonsense").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_parameter")));
}

#[actix_web::test]
async fn status_and_counters_show_the_cluster_and_its_sums() {
    let door = Door::open(2, None);
    let (_, status) = door.get("/api/v1/status").await;
    assert_eq!(status["node"], json!({"id": 1, "name": "aggregator-1", "version": env!("CARGO_PKG_VERSION")}));
    assert_eq!((&status["role"], &status["term"], &status["applied_index"]), (&json!("leader"), &json!(3), &json!(41)));
    assert_eq!(status["members"][0]["leads"], true);
    assert_eq!((&status["members"][2]["votes"], &status["members"][1]["matched_index"]), (&json!(false), &json!(40)));
    assert_eq!(status["history"]["alerts"], 2);

    let (_, counters) = door.get("/api/v1/counters").await;
    let suppressed: u64 = counters["suppressed"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(counters["accepted"].as_u64().unwrap(), counters["notified"].as_u64().unwrap() + suppressed);
    assert_eq!(counters["lost"], json!({"spool full": 5}));
    assert_eq!(status["counters"], counters);

    let (_, receivers) = door.get("/api/v1/receivers").await;
    let audit = &receivers["receivers"][0];
    assert_eq!(
        (&audit["kind"], &audit["waiting"], &audit["last_error"]),
        (&json!("file"), &json!(1), &json!("disk full"))
    );
}

#[actix_web::test]
async fn nobody_gets_in_without_certificate_or_token() {
    let door = Door::open(1, Some(TOKEN));
    let url = format!("{}/api/v1/status", door.url);
    let stranger = door.stranger();
    let (status, error) = answer(stranger.get(&url)).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::UNAUTHORIZED, &json!("unauthorized")));
    assert!(error["error"]["hint"].as_str().unwrap().contains("api.token_file"));
    for wrong in ["wrong", &TOKEN[1..], ""] {
        assert_eq!(answer(stranger.get(&url).bearer_auth(wrong)).await.0, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    assert_eq!(answer(stranger.get(&url).basic_auth("ada", Some(TOKEN))).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(answer(stranger.get(&url).bearer_auth(TOKEN)).await.0, StatusCode::OK);
    assert_eq!(answer(door.operator().get(&url)).await.0, StatusCode::OK);
    assert_eq!(answer(stranger.get(format!("{}/healthz", door.url))).await.0, StatusCode::OK);
}

#[actix_web::test]
async fn without_a_token_file_no_token_is_good() {
    let door = Door::open(0, None);
    let (status, error) = answer(door.stranger().get(format!("{}/api/v1/status", door.url)).bearer_auth(TOKEN)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(error["error"]["message"].as_str().unwrap().contains("api.token_file is not set"));
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    async fn wait_for(&self, text: &str) {
        for _ in 0..200 {
            if String::from_utf8_lossy(&self.0.lock().unwrap()).contains(text) {
                return;
            }
            actix_web::rt::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{text:?} is not in {}", String::from_utf8_lossy(&self.0.lock().unwrap()));
    }
}

#[actix_web::test]
async fn whoever_is_refused_is_logged_with_address_and_reason() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let door = Door::open(0, None);
    let agent = door.client_of(&ClientTls::new(&Credentials::load(door.files("agent-web-1"), Role::Agent).unwrap()));
    agent.get(format!("{}/api/v1/status", door.url)).send().await.unwrap_err();
    log.wait_for("refused connection peer=\"127.0.0.1:").await;
    log.wait_for("kind=\"wrong_role\"").await;
    door.operator().get(door.url.replace("https", "http")).send().await.unwrap_err();
    log.wait_for("kind=\"plaintext\"").await;
    let elsewhere = Door::open(0, None);
    let url = door.url.clone();
    let foreigner = elsewhere.operator();
    foreigner.get(format!("{url}/api/v1/status")).send().await.unwrap_err();
    log.wait_for("peer refused our certificate").await;
}

#[actix_web::test]
async fn mistakes_are_answered_in_json() {
    let door = Door::open(0, None);
    let (status, error) = door.get("/api/v1/alerts?limit=0").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        error,
        json!({"error": {
            "code": "invalid_parameter",
            "message": "parameter limit: `0` is not a number from 1 to 1000",
            "hint": "a number from 1 to 1000",
        }})
    );
    let (status, error) = door.get("/api/v1/nothing").await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    let (status, error) = answer(door.operator().post(format!("{}/api/v1/alerts", door.url))).await;
    assert_eq!((status, &error["error"]["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("method_not_allowed")));
}

#[actix_web::test]
async fn a_node_without_a_leader_is_alive_and_not_ready() {
    let door = Door::open(0, None);
    door.cluster.status.lock().unwrap().leader = None;
    assert_eq!(door.get("/healthz").await, (StatusCode::OK, json!({"status": "ok"})));
    let (status, body) = door.get("/readyz").await;
    assert_eq!((status, &body["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("not ready")));
}

#[actix_web::test]
async fn the_page_is_there_for_everybody_and_lets_nothing_else_in() {
    let door = Door::open(0, None);
    for (path, content_type) in [("/", "text/html"), ("/app.js", "text/javascript"), ("/style.css", "text/css")] {
        let response = door.stranger().get(format!("{}{path}", door.url)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(content_type));
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(!response.text().await.unwrap().is_empty());
    }
}
