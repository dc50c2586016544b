//! The server side: which certificate we show and whom we let in.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, OtherError, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::net::TcpListener;

use super::credentials::{Credentials, Live};
use super::identity::{Identity, Role};
use super::incoming::Incoming;
use super::refusal::Refusal;

/// One door: our certificate, and the roles for which it opens.
#[derive(Debug, Clone)]
pub struct ServerTls {
    live: Live,
    accepted: Arc<[Role]>,
}

impl ServerTls {
    /// Makes a door for peers of these roles.
    pub fn new(credentials: &Credentials, accepted: &[Role]) -> Self {
        Self { live: credentials.live(), accepted: accepted.into() }
    }

    /// Accepts connections for gRPC: HTTP/2, TLS 1.3, a client certificate is a must. Every refusal is logged.
    pub fn incoming(&self, listener: TcpListener) -> Incoming {
        Incoming::new(listener, Arc::new(self.config(Demand::Certificate, &[&TLS13], &[b"h2"])))
    }

    /// Makes the configuration for an HTTPS server with people before it: TLS 1.2 too, HTTP/1.1 too, and the client
    /// certificate may be left out; one that is shown must be good. [`identity_of`] tells whose it is.
    pub fn web_config(&self) -> ServerConfig {
        self.config(Demand::Nothing, &[&TLS13, &TLS12], &[b"h2", b"http/1.1"])
    }

    fn config(&self, demand: Demand, versions: &[&'static SupportedProtocolVersion], alpn: &[&[u8]]) -> ServerConfig {
        let verifier = Doorkeeper { live: self.live.clone(), accepted: Arc::clone(&self.accepted), demand };
        let mut config = ServerConfig::builder_with_provider(super::provider())
            .with_protocol_versions(versions)
            .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(Shown(self.live.clone())));
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        // A resumed session does not show its certificate again: it would outlive expiry and a change of the CA.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config
    }
}

/// Tells who is at the other end of an HTTPS connection; `None` if the client showed no certificate. The
/// certificates are those of `ServerConnection::peer_certificates`, verified by then.
pub fn identity_of(certificates: Option<&[CertificateDer<'_>]>) -> Option<Identity> {
    Identity::from_certificate(certificates?.first()?).ok()
}

/// Judges the certificate of one end of a connection, after its signature chain was found good.
pub(super) fn judge(certificate: &[u8], ours: Option<&Identity>, accepted: &[Role]) -> Result<Identity, Refusal> {
    let identity = Identity::from_certificate(certificate).map_err(Refusal::NoIdentity)?;
    if let Some(ours) = ours
        && ours.trust_domain() != identity.trust_domain()
    {
        return Err(Refusal::WrongTrustDomain { identity, expected: ours.trust_domain().to_owned() });
    }
    if !accepted.contains(&identity.role()) {
        return Err(Refusal::WrongRole { identity, accepted: accepted.to_vec() });
    }
    Ok(identity)
}

/// Carries a refusal through the TLS library; [`Refusal::of`] takes it out again.
pub(super) fn refused(refusal: Refusal) -> TlsError {
    TlsError::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    Certificate,
    Nothing,
}

/// Shows the certificate in use at the moment of the handshake.
#[derive(Debug)]
struct Shown(Live);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.0.load().own.as_ref().map(|own| Arc::clone(&own.certified))
    }
}

/// Asks the authority in use at the moment of the handshake, then looks at the identity.
#[derive(Debug)]
struct Doorkeeper {
    live: Live,
    accepted: Arc<[Role]>,
    demand: Demand,
}

impl Doorkeeper {
    /// The accept loop of gRPC logs its refusals, with the address of the peer. A web server says nothing about
    /// handshakes that fail, so that the reason has to be told here.
    fn report(&self, error: &TlsError) {
        match self.demand {
            Demand::Certificate => {}
            Demand::Nothing => {
                let refusal = Refusal::of_tls(error);
                tracing::warn!(kind = refusal.name(), reason = %refusal, "refused client certificate of web client");
            }
        }
    }
}

impl ClientCertVerifier for Doorkeeper {
    fn client_auth_mandatory(&self) -> bool {
        self.demand == Demand::Certificate
    }

    /// No hints: our peers have one certificate, and the list could not be exchanged with the authority.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let material = self.live.0.load();
        let verified = material.authority.clients.verify_client_cert(end_entity, intermediates, now);
        let ours = material.own.as_ref().map(|own| &own.identity);
        let verdict =
            verified.and_then(|verified| judge(end_entity, ours, &self.accepted).map(|_| verified).map_err(refused));
        verdict.inspect_err(|error| self.report(error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.live.0.load().authority.clients.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.live.0.load().authority.clients.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.live.0.load().authority.clients.supported_verify_schemes()
    }
}
