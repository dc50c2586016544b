//! What an operator reads when a node cannot be asked, against real TLS.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tiercel_certs::{Authority, Request, Validity};
use tiercel_proto::mtls::{Credentials, Role, ServerTls, TlsFiles};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{AskError, Client};
use crate::cli::Connection;

/// An installation: an authority, an aggregator, a client and an agent.
struct Installation(tempfile::TempDir);

impl Installation {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let validity = Validity::days(SystemTime::now(), 1);
        let authority = Authority::create("tiercel", validity).unwrap();
        authority.save(folder.path()).unwrap();
        for (role, name) in [(Role::Aggregator, "a"), (Role::Client, "ada"), (Role::Agent, "web-1")] {
            let request = Request { role, name: name.to_owned(), dns_names: vec![], addresses: vec![], validity };
            authority.issue(&request).unwrap().save(folder.path(), role, name).unwrap();
        }
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn files(&self, pair: &str) -> TlsFiles {
        let file = |end: &str| self.path().join(format!("{pair}{end}"));
        TlsFiles { ca: self.path().join("ca.pem"), certificate: file(".pem"), key: file(".key") }
    }

    fn connection(&self, server: &str) -> Connection {
        let TlsFiles { ca, certificate, key } = self.files("client-ada");
        Connection {
            server: server.to_owned(),
            ca: Some(ca),
            cert: Some(certificate),
            key: Some(key),
            token_file: None,
        }
    }

    /// Answers every request with the same text.
    async fn serve(&self, answer: &'static str) -> String {
        let credentials = Credentials::load(self.files("aggregator-a"), Role::Aggregator).unwrap();
        let config = ServerTls::new(&credentials, &[Role::Client]).web_config();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(socket).await else { continue };
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok() && stream.write_all(answer.as_bytes()).await.is_ok() {
                    stream.shutdown().await.ok();
                }
            }
        });
        format!("https://{address}")
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n{\"a\": 1}";
const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 53\r\nconnection: close\r\n\r\n{\"error\":{\"message\":\"the token is wrong\",\"hint\":\"x\"}}";

async fn failure(connection: &Connection) -> AskError {
    Client::new(connection).unwrap().get("/api/v1/status", &[]).await.unwrap_err()
}

#[track_caller]
fn check(error: &AskError, expected: &str) {
    assert!(error.to_string().contains(expected), "{error}");
}

#[tokio::test]
async fn a_node_answers_its_operator() {
    let installation = Installation::new();
    let server = installation.serve(OK).await;
    let client = Client::new(&installation.connection(&server)).unwrap();
    assert_eq!(client.get("/x", &[("text", "a&b".to_owned())]).await.unwrap()["a"], 1);
}

#[tokio::test]
async fn nobody_there_is_said_with_the_key_to_look_at() {
    let installation = Installation::new();
    let taken = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = format!("https://{}", taken.local_addr().unwrap());
    drop(taken);
    let error = failure(&installation.connection(&server)).await;
    check(&error, "connection refused; is the aggregator running there, with this as listen.api?");
    assert!(matches!(error, AskError::Unreachable(_)));
}

#[tokio::test]
async fn a_wrong_authority_is_told_from_a_wrong_certificate() {
    let installation = Installation::new();
    let server = installation.serve(OK).await;
    let other = Installation::new();
    check(&failure(&other.connection(&server)).await, "give the ca.pem of this cluster with --ca");

    let mut mixed = other.connection(&server);
    mixed.ca = Some(installation.path().join("ca.pem"));
    check(&failure(&mixed).await, "did not accept the certificate in --cert");
}

#[tokio::test]
async fn a_refusal_brings_message_and_hint() {
    let installation = Installation::new();
    let server = installation.serve(UNAUTHORIZED).await;
    let error = failure(&installation.connection(&server)).await;
    check(&error, "the token is wrong\nhint: x");
    assert!(matches!(error, AskError::Refused(_)));
}

#[track_caller]
fn check_unusable(connection: &Connection, expected: &str) {
    let error = format!("{:#}", Client::new(connection).unwrap_err());
    assert!(error.contains(expected), "{error}");
}

#[test]
fn what_is_missing_is_named_with_its_option_and_variable() {
    let installation = Installation::new();
    let good = installation.connection("https://127.0.0.1:2802");
    check_unusable(&Connection { server: "127.0.0.1:2802".into(), ..good.clone() }, "expected https://host:port");
    check_unusable(&Connection { server: "http://127.0.0.1:2802".into(), ..good.clone() }, "no plaintext interface");
    check_unusable(&Connection { ca: None, ..good.clone() }, "set --ca or TIERCEL_CA");
    check_unusable(&Connection { key: None, ..good.clone() }, "--cert is set and --key is not");
    check_unusable(&Connection { cert: None, ..good.clone() }, "--key is set and --cert is not");
    check_unusable(&Connection { cert: None, key: None, ..good.clone() }, "TIERCEL_CERT");
    check_unusable(
        &Connection { token_file: Some("/no/such".into()), ..good.clone() },
        "failed to read token file /no/such",
    );
    let TlsFiles { certificate, key, .. } = installation.files("agent-web-1");
    check_unusable(&Connection { cert: Some(certificate), key: Some(key), ..good }, "client");
}
