//! PEM files: reading them, and saying which one is wrong and why.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::identity::{Identity, IdentityError, Role};

/// Where the three files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authority that peers must come from; several certificates may stand in it while it is being replaced.
    pub ca: PathBuf,
    /// Our own certificate, and intermediates if there are any.
    pub certificate: PathBuf,
    /// The private key of our certificate.
    pub key: PathBuf,
}

/// Why the files cannot be used. Each text names the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// The file cannot be read.
    #[error("failed to read {what} {}: {source}", path.display())]
    Read {
        /// Which of the three.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("failed to load {what} {}: {reason}", path.display())]
    Content {
        /// Which of the three.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Key and certificate are both fine and do not belong together.
    #[error("key {} does not belong to certificate {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The certificate does not say who we are.
    #[error("failed to load certificate {}: {source}", path.display())]
    Identity {
        /// The certificate file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: IdentityError,
    },
    /// The certificate is somebody else's.
    #[error("certificate {} is that of {identity}, expected role {expected}", path.display())]
    Role {
        /// The certificate file.
        path: PathBuf,
        /// Whose it is.
        identity: Identity,
        /// What this program needs.
        expected: Role,
    },
}

const CA: &str = "CA certificate";
const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";

/// Those whose certificates we believe.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) clients: Arc<dyn ClientCertVerifier>,
    pub(super) servers: Arc<dyn ServerCertVerifier>,
}

impl Authority {
    pub(super) fn load(path: &Path) -> Result<Self, TlsFileError> {
        let wrong = |reason: String| TlsFileError::Content { what: CA, path: path.to_owned(), reason };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(CA, path)? {
            roots.add(certificate).map_err(|error| wrong(format!("not usable as an authority: {error}")))?;
        }
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), super::provider())
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let servers = WebPkiServerVerifier::builder_with_provider(roots, super::provider())
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Self { clients, servers })
    }
}

/// What we show to peers.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) identity: Identity,
    pub(super) not_after: SystemTime,
}

impl Own {
    pub(super) fn load(certificate: &Path, key: &Path, role: Role) -> Result<Self, TlsFileError> {
        let chain = certificates(CERTIFICATE, certificate)?;
        let leaf = chain.first().expect("`certificates` returns at least one");
        let identity = Identity::from_certificate(leaf)
            .map_err(|source| TlsFileError::Identity { path: certificate.to_owned(), source })?;
        if identity.role() != role {
            return Err(TlsFileError::Role { path: certificate.to_owned(), identity, expected: role });
        }
        let not_after = not_after(leaf)
            .ok_or_else(|| TlsFileError::Identity { path: certificate.to_owned(), source: IdentityError::Encoding })?;
        warn_if_expired(certificate, not_after);
        let certified = Arc::new(with_key(chain, certificate, key)?);
        Ok(Self { certified, identity, not_after })
    }
}

/// A certificate with its key, whoever it is for.
pub(super) fn certified(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsFileError> {
    with_key(certificates(CERTIFICATE, certificate)?, certificate, key)
}

fn with_key(chain: Vec<CertificateDer<'static>>, certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsFileError> {
    let wrong_key = |reason: String| TlsFileError::Content { what: KEY, path: key.to_owned(), reason };
    let signer = super::provider()
        .key_provider
        .load_private_key(private_key(key)?)
        .map_err(|error| wrong_key(error.to_string()))?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match().map_err(|_| TlsFileError::Mismatch { certificate: certificate.into(), key: key.into() })?;
    Ok(certified)
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let text = read(what, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let wrong = |reason| TlsFileError::Content { what, path: path.to_owned(), reason };
    match found {
        Ok(found) if found.is_empty() => Err(wrong(pem_reason(&pem::Error::NoItemsFound, &text, "certificate"))),
        Ok(found) => Ok(found),
        Err(error) => Err(wrong(pem_reason(&error, &text, "certificate"))),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsFileError> {
    let text = read(KEY, path)?;
    warn_if_readable_by_others(path);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| TlsFileError::Content {
        what: KEY,
        path: path.to_owned(),
        reason: pem_reason(&error, &text, "private key"),
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, TlsFileError> {
    fs::read(path).map_err(|source| TlsFileError::Read { what, path: path.to_owned(), source })
}

/// Says what is in the file instead of what was looked for; two file names that changed places are the usual case.
fn not_found(text: &[u8], expected: &str) -> String {
    let text = String::from_utf8_lossy(text);
    match text.lines().find_map(|line| line.strip_prefix("-----BEGIN ")) {
        Some(label) => format!("no {expected} in it, but a PEM section {}", label.trim_end_matches('-')),
        None if text.trim().is_empty() => "the file is empty".to_owned(),
        None => format!("no {expected} in it: not a PEM file"),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors are an open enum")]
fn pem_reason(error: &pem::Error, text: &[u8], expected: &str) -> String {
    match error {
        pem::Error::NoItemsFound => not_found(text, expected),
        pem::Error::MissingSectionEnd { .. } => format!("the {expected} is cut off (no END line)"),
        pem::Error::Base64Decode(_) => format!("the {expected} is damaged (not valid base64)"),
        error => error.to_string(),
    }
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// A sensor with an expired certificate must still start: it keeps its alerts and its local outputs.
fn warn_if_expired(path: &Path, not_after: SystemTime) {
    if let Ok(since) = SystemTime::now().duration_since(not_after) {
        let days = since.as_secs() / SECONDS_PER_DAY;
        tracing::warn!(certificate = %path.display(), days_ago = days, "own certificate has expired, peers will refuse it");
    }
}

pub(super) const SECONDS_PER_DAY: u64 = 86_400;

fn warn_if_readable_by_others(path: &Path) {
    let Ok(metadata) = fs::metadata(path) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(key = %path.display(), mode = format!("{mode:04o}"), "private key is readable by others, expected mode 0600");
    }
}
