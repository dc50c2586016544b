//! Why a handshake ended without a connection, in words for whoever reads the log.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError, InvalidMessage};

use super::files::SECONDS_PER_DAY;
use super::identity::{Identity, IdentityError, Role};

/// Why no connection came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The bytes are not TLS.
    Plaintext,
    /// The certificate is of another authority.
    UnknownAuthority,
    /// The certificate's time is over.
    Expired {
        /// For how long.
        days: Option<u64>,
    },
    /// The certificate's time has not begun; usually a wrong clock.
    NotYetValid,
    /// The peer showed no certificate.
    NoCertificate,
    /// The certificate is good and names nobody.
    NoIdentity(IdentityError),
    /// The certificate is good and not for this door.
    WrongRole {
        /// Whose it is.
        identity: Identity,
        /// For whom the door is.
        accepted: Vec<Role>,
    },
    /// The certificate is of another installation under the same authority.
    WrongTrustDomain {
        /// Whose it is.
        identity: Identity,
        /// Our own.
        expected: String,
    },
    /// The certificate of the server is not for the name under which it was called.
    WrongName(String),
    /// The peer did not like us.
    ByPeer(AlertDescription),
    /// The handshake took too long.
    Timeout,
    /// The peer went away before it said anything; port scanners and health checks do.
    Closed,
    /// Anything else.
    Other(String),
}

impl Refusal {
    /// Finds the reason in what the handshake returned.
    pub fn of(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(error) => Self::of_tls(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof || error.kind() == io::ErrorKind::ConnectionReset => {
                Self::Closed
            }
            None => Self::Other(error.to_string()),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors are open enums")]
    pub(super) fn of_tls(error: &TlsError) -> Self {
        match error {
            TlsError::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
                Self::Plaintext
            }
            TlsError::NoCertificatesPresented => Self::NoCertificate,
            TlsError::AlertReceived(alert) => Self::ByPeer(*alert),
            TlsError::InvalidCertificate(error) => Self::of_certificate(error),
            error => Self::Other(error.to_string()),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's errors are open enums")]
    fn of_certificate(error: &CertificateError) -> Self {
        match error {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownAuthority,
            CertificateError::Expired => Self::Expired { days: None },
            CertificateError::ExpiredContext { time, not_after } => {
                let days = time.as_secs().saturating_sub(not_after.as_secs()) / SECONDS_PER_DAY;
                Self::Expired { days: Some(days) }
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName(error.to_string())
            }
            CertificateError::Other(other) => match other.0.downcast_ref::<Self>() {
                Some(refusal) => refusal.clone(),
                None => Self::Other(error.to_string()),
            },
            error => Self::Other(error.to_string()),
        }
    }

    /// The word for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::UnknownAuthority => "unknown_authority",
            Self::Expired { .. } => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::NoCertificate => "no_certificate",
            Self::NoIdentity(_) => "no_identity",
            Self::WrongRole { .. } => "wrong_role",
            Self::WrongTrustDomain { .. } => "wrong_trust_domain",
            Self::WrongName(_) => "wrong_name",
            Self::ByPeer(_) => "by_peer",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Other(_) => "other",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plaintext => write!(formatter, "not TLS: the peer speaks plaintext or another protocol"),
            Self::UnknownAuthority => write!(formatter, "certificate is from an unknown authority (CA)"),
            Self::Expired { days: Some(days) } => write!(formatter, "certificate expired {days} days ago"),
            Self::Expired { days: None } => write!(formatter, "certificate has expired"),
            Self::NotYetValid => write!(formatter, "certificate is not valid yet (is a clock wrong?)"),
            Self::NoCertificate => write!(formatter, "no certificate presented"),
            Self::NoIdentity(error) => error.fmt(formatter),
            Self::WrongRole { identity, accepted } => {
                let accepted: Vec<_> = accepted.iter().map(|role| role.name()).collect();
                write!(
                    formatter,
                    "wrong role: certificate is that of {identity}, expected role {}",
                    accepted.join(" or ")
                )
            }
            Self::WrongTrustDomain { identity, expected } => {
                write!(
                    formatter,
                    "wrong trust domain: certificate is that of {identity}, expected trust domain {expected}"
                )
            }
            Self::WrongName(text) => formatter.write_str(text),
            Self::ByPeer(alert) => write!(formatter, "peer refused our certificate or protocol ({alert:?})"),
            Self::Timeout => write!(formatter, "handshake not finished within {:?}", super::HANDSHAKE_TIMEOUT),
            Self::Closed => write!(formatter, "peer closed the connection during the handshake"),
            Self::Other(text) => formatter.write_str(text),
        }
    }
}

impl std::error::Error for Refusal {}
