//! The client side: calling a member of the cluster and making sure that it is one.

use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::io::{AsyncReadExt, Chain, Join, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};

use super::credentials::{Credentials, Live};
use super::files::TlsFileError;
use super::identity::Role;
use super::refusal::Refusal;
use super::server::{judge, refused};

/// How long a connection may take, name resolution and handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an idle connection is probed; half of the shortest idle time that common firewalls grant.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// How long an answer to a probe may take before the connection counts as dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of what the server says first is read at once; its settings take some 60 bytes.
const GREETING_BYTES_MAX: usize = 1024;

/// Calls members of the cluster. The certificate of the server must come from our authority, be for the name under
/// which it was called, and name a peer of role aggregator of our trust domain.
#[derive(Debug, Clone)]
pub struct ClientTls {
    live: Live,
}

impl ClientTls {
    /// Makes a caller that shows our certificate.
    pub fn new(credentials: &Credentials) -> Self {
        Self { live: credentials.live() }
    }

    /// Makes a caller that shows no certificate: for the API, with a token.
    pub fn anonymous(ca: &Path) -> Result<Self, TlsFileError> {
        Ok(Self { live: Live::anonymous(ca)? })
    }

    /// Makes the configuration for an HTTPS client of the API.
    pub fn web_config(&self) -> ClientConfig {
        self.config(&[&TLS13, &TLS12], &[b"http/1.1"])
    }

    /// Connects for gRPC to `host:port`. The name that the certificate must be for is the host part, unless another
    /// is given. When this returns, both sides have accepted each other.
    pub async fn connect(&self, address: &str, server_name: Option<&str>) -> Result<Channel, ConnectError> {
        let call = self.call(address, server_name)?;
        let error = |source| ConnectError::Transport { address: address.to_owned(), source };
        endpoint(address)?.connect_with_connector(call.connector()).await.map_err(error)
    }

    /// As [`ClientTls::connect`], but connects at the first request and again whenever the connection is lost.
    pub fn connect_lazy(&self, address: &str, server_name: Option<&str>) -> Result<Channel, ConnectError> {
        let call = self.call(address, server_name)?;
        Ok(endpoint(address)?.connect_with_connector_lazy(call.connector()))
    }

    fn call(&self, address: &str, server_name: Option<&str>) -> Result<Call, ConnectError> {
        let host = host_of(address).ok_or_else(|| ConnectError::Address { address: address.to_owned() })?;
        let name = server_name.unwrap_or(host);
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| ConnectError::ServerName { address: address.to_owned(), name: name.to_owned() })?;
        let config = Arc::new(self.config(&[&TLS13], &[b"h2"]));
        Ok(Call { address: address.to_owned(), server_name, connector: TlsConnector::from(config) })
    }

    fn config(&self, versions: &[&'static SupportedProtocolVersion], alpn: &[&[u8]]) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(super::provider())
            .with_protocol_versions(versions)
            .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(MembersOnly(self.live.clone())))
            .with_client_cert_resolver(Arc::new(Shown(self.live.clone())));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        // Each connection shows its certificates: a resumed one would outlive expiry and a change of the CA.
        config.resumption = Resumption::disabled();
        config
    }
}

/// The host of `host:port`; a literal IPv6 address stands in brackets.
fn host_of(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let host = match host.strip_prefix('[') {
        Some(literal) => literal.strip_suffix(']')?,
        None if host.contains(':') => return None,
        None => host,
    };
    (!host.is_empty()).then_some(host)
}

fn endpoint(address: &str) -> Result<Endpoint, ConnectError> {
    // `http`, because the connector returns connections that are encrypted already.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| ConnectError::Address { address: address.to_owned() })?;
    Ok(endpoint
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true))
}

/// Everything needed to call one member.
#[derive(Clone)]
struct Call {
    address: String,
    server_name: ServerName<'static>,
    connector: TlsConnector,
}

type Encrypted = TokioIo<Greeted>;

impl Call {
    fn connector(
        self,
    ) -> impl tower::Service<Uri, Response = Encrypted, Error = ConnectError, Future: Send> + Send + 'static {
        tower::service_fn(move |_: Uri| self.clone().connect())
    }

    async fn connect(self) -> Result<Encrypted, ConnectError> {
        let timeout = ConnectError::Timeout { address: self.address.clone() };
        tokio::time::timeout(CONNECT_TIMEOUT, self.connect_and_shake_hands()).await.unwrap_or(Err(timeout))
    }

    async fn connect_and_shake_hands(self) -> Result<Encrypted, ConnectError> {
        let Self { address, server_name, connector } = self;
        let connected = async {
            let socket = TcpStream::connect(&address).await?;
            socket.set_nodelay(true)?;
            Ok(socket)
        };
        let socket = connected.await.map_err(|source| ConnectError::Tcp { address: address.clone(), source })?;
        let refused = |error| ConnectError::Tls { address, refusal: Refusal::of(&error) };
        let greeting = async { greeted(connector.connect(server_name, socket).await?).await };
        greeting.await.map(TokioIo::new).map_err(refused)
    }
}

/// Why a member could not be called.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not `host:port`.
    #[error("`{address}` is not an address: expected host:port")]
    Address {
        /// The text.
        address: String,
    },
    /// Not a name that a certificate could have.
    #[error("failed to connect to {address}: `{name}` is not a host name or IP address")]
    ServerName {
        /// Where to.
        address: String,
        /// The name.
        name: String,
    },
    /// No connection.
    #[error("failed to connect to {address}: {source}")]
    Tcp {
        /// Where to.
        address: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A connection, and then not the right peer.
    #[error("failed to make a TLS connection to {address}: {refusal}")]
    Tls {
        /// Where to.
        address: String,
        /// Why not.
        refusal: Refusal,
    },
    /// Nothing within the time.
    #[error("failed to connect to {address} within {CONNECT_TIMEOUT:?}")]
    Timeout {
        /// Where to.
        address: String,
    },
    /// The gRPC library gave up; the cause is below it.
    #[error("failed to open a gRPC connection to {address}")]
    Transport {
        /// Where to.
        address: String,
        /// Why not.
        #[source]
        source: tonic::transport::Error,
    },
}

/// A connection on which the server has spoken: what it said first is read first.
type Greeted = Join<Chain<Cursor<BytesMut>, ReadHalf<TlsStream<TcpStream>>>, WriteHalf<TlsStream<TcpStream>>>;

/// Waits until the server speaks.
///
/// In TLS 1.3 the handshake of the client ends before the server has judged the client's certificate; a refusal would
/// show up at some later request. But a gRPC server speaks first, with its HTTP/2 settings, and it does so only to
/// peers that it has accepted.
async fn greeted(mut stream: TlsStream<TcpStream>) -> io::Result<Greeted> {
    let mut greeting = BytesMut::with_capacity(GREETING_BYTES_MAX);
    if stream.read_buf(&mut greeting).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let (read, write) = tokio::io::split(stream);
    Ok(tokio::io::join(Cursor::new(greeting).chain(read), write))
}

/// Shows the certificate in use at the moment of the handshake.
#[derive(Debug)]
struct Shown(Live);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.0.load().own.as_ref().map(|own| Arc::clone(&own.certified))
    }

    fn has_certs(&self) -> bool {
        self.0.0.load().own.is_some()
    }
}

/// Asks the authority in use at the moment of the handshake, then looks at the identity.
#[derive(Debug)]
struct MembersOnly(Live);

impl ServerCertVerifier for MembersOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let material = self.0.0.load();
        let servers = &material.authority.servers;
        let verified = servers.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        let ours = material.own.as_ref().map(|own| &own.identity);
        judge(end_entity, ours, &[Role::Aggregator]).map_err(refused)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.0.load().authority.servers.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.0.0.load().authority.servers.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.0.load().authority.servers.supported_verify_schemes()
    }
}
