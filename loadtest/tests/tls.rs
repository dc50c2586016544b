//! The doors of the real aggregator: whoever is not who the door is for is refused, and the log says why.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime};

use tiercel_certs::{Authority, Request, Validity};
use tiercel_loadtest::harness::{Cluster, ClusterSetup, Pki, Scratch, wait_for};
use tiercel_proto::mtls::{ClientTls, Credentials, Role, TlsFiles};
use tiercel_proto::v1::ingest_client::IngestClient;
use tiercel_proto::v1::{self, forward_request, forward_response, item};
use tokio::runtime::Runtime;
use tokio_stream::StreamExt;

const LOG_LIMIT: Duration = Duration::from_secs(15);

/// One aggregator, and certificates good and bad.
struct Scene {
    scratch: Scratch,
    pki: Pki,
    cluster: Cluster,
    runtime: Runtime,
}

impl Scene {
    fn new(name: &str) -> Self {
        let scratch = Scratch::new(name).unwrap();
        let pki = Pki::create(&scratch.join("pki")).unwrap();
        let setup = ClusterSetup { members: 1, webhook: "http://127.0.0.1:9/".to_owned(), rate_per_minute: 60 };
        let cluster = Cluster::start(scratch.path(), &pki, &setup).unwrap();
        Self { scratch, pki, cluster, runtime: Runtime::new().unwrap() }
    }

    fn ca(&self) -> std::path::PathBuf {
        self.scratch.join("pki/ca.pem")
    }

    fn door(&self) -> SocketAddr {
        self.cluster.ingest_addresses()[0]
    }

    /// A certificate that no command would issue.
    fn forge(&self, authority: &Authority, folder: &str, role: Role, name: &str, validity: Validity) -> TlsFiles {
        let request = Request { role, name: name.to_owned(), dns_names: vec![], addresses: vec![], validity };
        let files = authority.issue(&request).unwrap().save(&self.scratch.join(folder), role, name).unwrap();
        TlsFiles { ca: self.ca(), certificate: files.certificate, key: files.key }
    }

    /// Tries to hand in an alert, which has to fail.
    #[track_caller]
    fn check_refused(&self, client: &ClientTls, reason: &str) {
        let lines_before = self.log_lines().len();
        let outcome = self.runtime.block_on(hand_in(client, self.door()));
        assert!(outcome.is_err(), "the aggregator took an alert although: {reason}");
        self.check_logged(lines_before, reason);
    }

    /// There is one new line about a refused connection, with the address of the peer and this reason.
    #[track_caller]
    fn check_logged(&self, lines_before: usize, reason: &str) {
        let refusals = wait_for(&format!("a log line with {reason:?}"), LOG_LIMIT, || {
            let lines = self.log_lines().split_off(lines_before);
            let refusals: Vec<_> = lines.into_iter().filter(|line| line.contains("refused connection")).collect();
            (!refusals.is_empty()).then_some(refusals)
        })
        .unwrap_or_else(|error| panic!("{error}{}", self.cluster.node(0).daemon().log_tail()));
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        let line = &refusals[0];
        assert!(line.contains("WARN"), "{line}");
        assert!(line.contains("127.0.0.1:"), "{line}");
        assert!(line.contains(reason), "expected {reason:?} in {line:?}");
    }

    fn log_lines(&self) -> Vec<String> {
        self.cluster.node(0).daemon().log().lines().map(str::to_owned).collect()
    }
}

fn client(files: TlsFiles, role: Role) -> ClientTls {
    ClientTls::new(&Credentials::load(files, role).unwrap())
}

/// Sends one alert and waits for its acknowledgement.
async fn hand_in(client: &ClientTls, address: SocketAddr) -> anyhow::Result<v1::Ack> {
    let channel = client.connect(&address.to_string(), Some("localhost")).await?;
    let alert = v1::Alert { rule: "Test".to_owned(), priority: 4, source: "syscall".to_owned(), ..Default::default() };
    let batch = v1::Batch {
        spool_id: vec![7; 16].into(),
        generation: 1,
        lane: 1,
        first_sequence: 1,
        items: vec![v1::Item { kind: Some(item::Kind::Alert(alert)) }],
    };
    let request = v1::ForwardRequest { kind: Some(forward_request::Kind::Batch(batch)) };
    // The stream stays open until the answer is there.
    let requests = tokio_stream::once(request).chain(tokio_stream::pending());
    let mut responses = IngestClient::new(channel).forward(requests).await?.into_inner();
    match responses.message().await?.and_then(|response| response.kind) {
        Some(forward_response::Kind::Ack(ack)) => Ok(ack),
        other => anyhow::bail!("expected an acknowledgement, got {other:?}"),
    }
}

#[test]
fn agents_door_opens_for_agents_of_the_installation_only() {
    let scene = Scene::new("tls-ingest");
    let now = SystemTime::now();
    let own = Authority::load(&scene.scratch.join("pki")).unwrap();
    let stranger = Authority::create("tiercel", Validity::days(now, 1)).unwrap();
    let valid = Validity::days(now, 1);

    let wrong_role = client(scene.pki.issue(Role::Client, "ops").unwrap(), Role::Client);
    scene.check_refused(
        &wrong_role,
        "wrong role: certificate is that of spiffe://tiercel/client/ops, expected role agent",
    );
    let unknown = client(scene.forge(&stranger, "stranger", Role::Agent, "web-1", valid), Role::Agent);
    scene.check_refused(&unknown, "certificate is from an unknown authority (CA)");
    let over = Validity::ended(now, 3);
    let expired = client(scene.forge(&own, "expired", Role::Agent, "web-1", over), Role::Agent);
    scene.check_refused(&expired, "certificate expired 3 days ago");
    let nobody = ClientTls::anonymous(&scene.ca()).unwrap();
    scene.check_refused(&nobody, "no certificate presented");

    for greeting in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "POST / HTTP/1.1\r\nHost: aggregator\r\n\r\n"] {
        let lines_before = scene.log_lines().len();
        let mut socket = TcpStream::connect(scene.door()).unwrap();
        socket.write_all(greeting.as_bytes()).unwrap();
        scene.check_logged(lines_before, "not TLS: the peer speaks plaintext or another protocol");
    }
    assert_eq!(scene.cluster.get(0, "/api/v1/counters").unwrap()["accepted"], 0);

    // The same door, the same alert, the right certificate: what was refused was refused for the reason given.
    let agent = client(scene.pki.issue(Role::Agent, "web-1").unwrap(), Role::Agent);
    let ack = scene.runtime.block_on(hand_in(&agent, scene.door())).unwrap();
    assert_eq!(ack.sequence, 1);
    assert_eq!(scene.cluster.get(0, "/api/v1/counters").unwrap()["accepted"], 1);
}

#[test]
fn peers_door_does_not_open_for_agents() {
    let scene = Scene::new("tls-raft");
    let agent = client(scene.pki.issue(Role::Agent, "web-1").unwrap(), Role::Agent);
    let lines_before = scene.log_lines().len();
    let raft = raft_address(&scene.scratch.join("aggregator-1/aggregator.yaml"));
    let connection = scene.runtime.block_on(agent.connect(&raft, Some("localhost")));
    assert!(connection.is_err(), "an agent was let in among the peers");
    scene.check_logged(
        lines_before,
        "wrong role: certificate is that of spiffe://tiercel/agent/web-1, expected role aggregator",
    );
}

fn raft_address(config: &Path) -> String {
    let config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(config).unwrap()).unwrap();
    config["listen"]["raft"].as_str().unwrap().to_owned()
}
