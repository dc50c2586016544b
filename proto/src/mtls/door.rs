//! A door for programs that are not ours: an HTTPS server with any certificate, such as the API server of Kubernetes
//! sends its audit events to.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::NoClientAuth;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

use super::files::{Authority, TlsFileError, certified};

/// Makes the configuration of a server that shows this certificate. With an authority, clients must show a certificate
/// that comes from it.
///
/// # Errors
/// When a file cannot be read or is not what it should be.
pub fn door_config(certificate: &Path, key: &Path, client_ca: Option<&Path>) -> Result<ServerConfig, TlsFileError> {
    let clients: Arc<dyn ClientCertVerifier> = match client_ca {
        Some(path) => Authority::load(path)?.clients,
        None => Arc::new(NoClientAuth),
    };
    let shown = SingleCertAndKey::from(certified(certificate, key)?);
    let mut config = ServerConfig::builder_with_provider(super::provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
        .with_client_cert_verifier(clients)
        .with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
