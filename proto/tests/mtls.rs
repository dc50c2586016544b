//! Who gets in through a door, who does not, and what the log says about it.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tiercel_certs::{Authority, PairFiles, Request, Validity};
use tiercel_proto::error::Chain;
use tiercel_proto::mtls::{ClientTls, Credentials, Incoming, PeerStream, Role, ServerTls, TlsFiles};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_stream::StreamExt;
use tonic::transport::server::Connected;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// One installation: an authority, and a folder with certificates.
struct Pki {
    dir: TempDir,
    authority: Authority,
}

impl Pki {
    fn new(trust_domain: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let authority = Authority::create(trust_domain, Validity::days(SystemTime::now(), 1)).unwrap();
        authority.save(dir.path()).unwrap();
        Self { dir, authority }
    }

    fn issue(&self, role: Role, name: &str, validity: Validity) -> TlsFiles {
        let request = Request { role, name: name.to_owned(), dns_names: Vec::new(), addresses: Vec::new(), validity };
        self.authority.issue(&request).unwrap().save(self.dir.path(), role, name).unwrap();
        self.files(role, name)
    }

    fn files(&self, role: Role, name: &str) -> TlsFiles {
        let pair = PairFiles::of(self.dir.path(), role, name);
        TlsFiles { ca: self.dir.path().join("ca.pem"), certificate: pair.certificate, key: pair.key }
    }

    fn credentials(&self, role: Role, name: &str) -> Credentials {
        Credentials::load(self.issue(role, name, Validity::days(SystemTime::now(), 1)), role).unwrap()
    }
}

/// A door for agents on a free port, and the log that it writes.
struct Door {
    incoming: Incoming,
    address: String,
    log: Log,
    _guard: DefaultGuard,
}

impl Door {
    async fn open(credentials: &Credentials) -> Self {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let incoming = ServerTls::new(credentials, &[Role::Agent]).incoming(listener);
        Self { incoming, address, log, _guard: guard }
    }

    /// Lets the client connect, and says what an HTTP/2 server says first: an empty list of settings.
    async fn admit(&mut self, client: &ClientTls) -> PeerStream {
        let address = self.address.clone();
        let (connected, stream) = tokio::join!(client.connect(&address, None), self.next());
        connected.unwrap();
        stream
    }

    async fn next(&mut self) -> PeerStream {
        let mut stream = self.incoming.next().await.unwrap().unwrap();
        stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
        stream.flush().await.unwrap();
        stream
    }

    /// Waits for the one log line about a refused peer.
    async fn refusal(&self) -> String {
        for _ in 0..1000 {
            if let Some(line) = self.log.lines().into_iter().find(|line| line.contains("refused connection")) {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no refusal was logged: {:?}", self.log.lines());
    }
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

async fn check_refused(server: &Pki, client: ClientTls, kind: &str, reason: &str) {
    let door = Door::open(&server.credentials(Role::Aggregator, "a1")).await;
    let error = client.connect(&door.address, None).await.unwrap_err();
    assert!(Chain(&error).to_string().contains("peer refused our certificate"), "{}", Chain(&error));
    let line = door.refusal().await;
    assert!(line.contains(" WARN "), "{line}");
    assert!(line.contains("peer=127.0.0.1:"), "{line}");
    assert!(line.contains(&format!("kind=\"{kind}\" reason={reason}")), "{line}");
}

#[tokio::test]
async fn agent_of_the_installation_is_let_in_under_its_name() {
    let pki = Pki::new("tiercel");
    let mut door = Door::open(&pki.credentials(Role::Aggregator, "a1")).await;
    let agent = ClientTls::new(&pki.credentials(Role::Agent, "web-1"));
    let stream = door.admit(&agent).await;
    let peer = stream.connect_info();
    assert_eq!(peer.identity.to_string(), "spiffe://tiercel/agent/web-1");
    assert_eq!(peer.address.ip().to_string(), "127.0.0.1");
}

#[tokio::test]
async fn wrong_role_is_refused() {
    let pki = Pki::new("tiercel");
    let client = ClientTls::new(&pki.credentials(Role::Client, "ops"));
    let reason = "wrong role: certificate is that of spiffe://tiercel/client/ops, expected role agent";
    check_refused(&pki, client, "wrong_role", reason).await;
}

#[tokio::test]
async fn unknown_authority_is_refused() {
    let (pki, other) = (Pki::new("tiercel"), Pki::new("tiercel"));
    let mut files = other.issue(Role::Agent, "web-1", Validity::days(SystemTime::now(), 1));
    files.ca = pki.dir.path().join("ca.pem");
    let client = ClientTls::new(&Credentials::load(files, Role::Agent).unwrap());
    check_refused(&pki, client, "unknown_authority", "certificate is from an unknown authority (CA)").await;
}

#[tokio::test]
async fn expired_certificate_is_refused() {
    let pki = Pki::new("tiercel");
    let files = pki.issue(Role::Agent, "web-1", Validity::ended(SystemTime::now(), 2));
    let client = ClientTls::new(&Credentials::load(files, Role::Agent).unwrap());
    check_refused(&pki, client, "expired", "certificate expired 2 days ago").await;
}

#[tokio::test]
async fn missing_certificate_is_refused() {
    let pki = Pki::new("tiercel");
    let client = ClientTls::anonymous(&pki.dir.path().join("ca.pem")).unwrap();
    check_refused(&pki, client, "no_certificate", "no certificate presented").await;
}

/// Two installations that believe in each other's authority, as one that is being split up would.
fn twins() -> (Pki, Pki) {
    let (one, other) = (Pki::new("tiercel"), Pki::new("another"));
    let both = [one.authority.certificate_pem(), other.authority.certificate_pem()].concat();
    for pki in [&one, &other] {
        std::fs::write(pki.dir.path().join("ca.pem"), &both).unwrap();
    }
    (one, other)
}

#[tokio::test]
async fn server_refuses_other_trust_domain() {
    let (pki, other) = twins();
    let files = other.issue(Role::Agent, "web-1", Validity::days(SystemTime::now(), 1));
    let door = Door::open(&pki.credentials(Role::Aggregator, "a1")).await;
    // Our own client would not even talk to that server.
    let socket = TcpStream::connect(&door.address).await.unwrap();
    let name = "localhost".try_into().unwrap();
    let _connection = TlsConnector::from(Arc::new(trusting_client(&files))).connect(name, socket).await;
    let line = door.refusal().await;
    let reason = "reason=wrong trust domain: certificate is that of spiffe://another/agent/web-1, \
                  expected trust domain tiercel";
    assert!(line.contains(reason), "{line}");
}

fn trusting_client(files: &TlsFiles) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_file_iter(&files.ca).unwrap().map(Result::unwrap));
    let chain = CertificateDer::pem_file_iter(&files.certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(&files.key).unwrap();
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap()
}

#[tokio::test]
async fn client_refuses_other_trust_domain() {
    let (pki, other) = twins();
    let door = Door::open(&pki.credentials(Role::Aggregator, "a1")).await;
    let client = ClientTls::new(&other.credentials(Role::Agent, "web-1"));
    let text = Chain(&client.connect(&door.address, None).await.unwrap_err()).to_string();
    assert!(text.contains("wrong trust domain: certificate is that of spiffe://tiercel/aggregator/a1"), "{text}");
    let line = door.refusal().await;
    assert!(line.contains("reason=peer refused our certificate or protocol"), "{line}");
}

#[tokio::test]
async fn plaintext_is_refused() {
    for bytes in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let pki = Pki::new("tiercel");
        let door = Door::open(&pki.credentials(Role::Aggregator, "a1")).await;
        let mut socket = TcpStream::connect(&door.address).await.unwrap();
        socket.write_all(bytes.as_bytes()).await.unwrap();
        let line = door.refusal().await;
        assert!(line.contains("reason=not TLS: the peer speaks plaintext or another protocol"), "{line}");
    }
}

#[tokio::test]
async fn peer_that_leaves_without_a_word_is_no_news() {
    let pki = Pki::new("tiercel");
    let mut door = Door::open(&pki.credentials(Role::Aggregator, "a1")).await;
    drop(TcpStream::connect(&door.address).await.unwrap());
    let agent = ClientTls::new(&pki.credentials(Role::Agent, "web-1"));
    door.admit(&agent).await;
    assert_eq!(door.log.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn server_that_is_not_a_member_is_refused_by_the_client() {
    let pki = Pki::new("tiercel");
    let door = Door::open(&pki.credentials(Role::Aggregator, "a1")).await;
    let agent = ClientTls::new(&pki.credentials(Role::Agent, "web-1"));
    let error = agent.connect(&door.address, Some("elsewhere.example")).await.unwrap_err();
    let text = Chain(&error).to_string();
    assert!(text.contains("failed to make a TLS connection to 127.0.0.1:"), "{text}");
    assert!(text.contains("elsewhere.example"), "{text}");
}

#[tokio::test]
async fn reload_changes_what_new_connections_see() {
    let pki = Pki::new("tiercel");
    let credentials = pki.credentials(Role::Agent, "web-1");
    let mut door = Door::open(&pki.credentials(Role::Aggregator, "a1")).await;
    let client = ClientTls::new(&credentials);
    let files = pki.files(Role::Agent, "web-1");
    let renewed = pki.issue(Role::Agent, "web-2", Validity::days(SystemTime::now(), 1));

    std::fs::copy(&renewed.key, &files.key).unwrap();
    let error = credentials.reload().unwrap_err().to_string();
    assert!(error.contains("does not belong to certificate"), "{error}");
    assert_eq!(credentials.identity().name(), "web-1", "a bad pair changes nothing");

    std::fs::copy(&renewed.certificate, &files.certificate).unwrap();
    credentials.reload().unwrap();
    let stream = door.admit(&client).await;
    assert_eq!(stream.connect_info().identity.name(), "web-2");
}

#[track_caller]
fn check_files(files: TlsFiles, expected: &str) {
    let error = Credentials::load(files, Role::Agent).unwrap_err().to_string();
    assert!(error.contains(expected), "expected {expected:?} in {error:?}");
}

#[test]
fn bad_files_are_named_with_the_reason() {
    let pki = Pki::new("tiercel");
    let good = pki.issue(Role::Agent, "web-1", Validity::days(SystemTime::now(), 1));
    let other = pki.issue(Role::Client, "ops", Validity::days(SystemTime::now(), 1));
    let write = |name: &str, text: &str| {
        let path = pki.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let with_certificate = |path: &Path| TlsFiles { certificate: path.to_owned(), ..good.clone() };

    check_files(
        with_certificate(Path::new("/nonexistent.pem")),
        "failed to read certificate /nonexistent.pem: No such",
    );
    check_files(with_certificate(&write("empty.pem", "")), "empty.pem: the file is empty");
    check_files(with_certificate(&write("text.pem", "hello")), "text.pem: no certificate in it: not a PEM file");
    check_files(with_certificate(&good.key), "no certificate in it, but a PEM section PRIVATE KEY");
    let cut = std::fs::read_to_string(&good.certificate).unwrap()[..200].to_owned();
    check_files(with_certificate(&write("cut.pem", &cut)), "cut.pem: the certificate is cut off (no END line)");
    check_files(with_certificate(&good.ca), "`spiffe://tiercel` is not an identity");
    check_files(with_certificate(&other.certificate), "is that of spiffe://tiercel/client/ops, expected role agent");
    check_files(
        TlsFiles { key: good.ca.clone(), ..good.clone() },
        "no private key in it, but a PEM section CERTIFICATE",
    );
    check_files(TlsFiles { key: other.key.clone(), ..good.clone() }, "does not belong to certificate");
    check_files(TlsFiles { ca: write("ca2.pem", "x"), ..good.clone() }, "failed to load CA certificate");
}
