//! The name in a certificate.

use std::fmt;
use std::str::FromStr;

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Longest trust domain or name; that of a DNS name, because host names are used as names.
const PART_BYTES_MAX: usize = 253;

/// What a peer is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The sensor of one node: may hand in alerts.
    Agent,
    /// A member of the cluster: may replicate, and is what agents talk to.
    Aggregator,
    /// A person or program that asks: may use the API.
    Client,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Agent, Self::Aggregator, Self::Client];

    /// The word in the URI.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Aggregator => "aggregator",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| IdentityError::Role { role: text.to_owned() })
    }
}

/// Who a peer is: `spiffe://<trust domain>/<role>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    trust_domain: String,
    role: Role,
    name: String,
}

impl Identity {
    /// Makes an identity of parts that keep to the alphabet.
    pub fn new(trust_domain: &str, role: Role, name: &str) -> Result<Self, IdentityError> {
        check_trust_domain(trust_domain)?;
        check_part(name).map_err(|reason| IdentityError::Name { text: name.into(), reason })?;
        Ok(Self { trust_domain: trust_domain.to_owned(), role, name: name.to_owned() })
    }

    /// Reads the identity from a certificate in DER. Exactly one SAN URI must be there.
    pub fn from_certificate(der: &[u8]) -> Result<Self, IdentityError> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| IdentityError::Encoding)?;
        let names = certificate.subject_alternative_name().map_err(|_| IdentityError::Encoding)?;
        let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        let mut uris = names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
        match (uris.next(), uris.next()) {
            (Some(uri), None) => uri.parse(),
            (Some(_), Some(_)) => Err(IdentityError::Ambiguous),
            (None, _) => Err(IdentityError::Absent),
        }
    }

    /// The installation that the peer belongs to.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// What the peer is there for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The name of the node, member or user.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "spiffe://{}/{}/{}", self.trust_domain, self.role, self.name)
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(uri: &str) -> Result<Self, IdentityError> {
        let wrong = || IdentityError::Uri { uri: uri.to_owned() };
        let path = uri.strip_prefix("spiffe://").ok_or_else(wrong)?;
        let (trust_domain, path) = path.split_once('/').ok_or_else(wrong)?;
        let (role, name) = path.split_once('/').ok_or_else(wrong)?;
        Self::new(trust_domain, role.parse()?, name)
    }
}

/// Makes sure that the text can be the name of an installation.
pub fn check_trust_domain(text: &str) -> Result<(), IdentityError> {
    check_part(text).map_err(|reason| IdentityError::TrustDomain { text: text.to_owned(), reason })
}

fn check_part(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.len() > PART_BYTES_MAX {
        return Err("it is longer than 253 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')) {
        return Err("only letters, digits, `.`, `-` and `_` are allowed");
    }
    if text.starts_with('.') || text.starts_with('-') {
        return Err("it starts with `.` or `-`");
    }
    Ok(())
}

/// Why a certificate or a text does not name anyone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a certificate.
    #[error("certificate is not readable as X.509")]
    Encoding,
    /// No SAN URI.
    #[error("certificate names no identity (no SAN URI spiffe://<trust domain>/<role>/<name>)")]
    Absent,
    /// More than one SAN URI.
    #[error("certificate names more than one identity (several SAN URIs)")]
    Ambiguous,
    /// Not of our shape.
    #[error("`{uri}` is not an identity: expected spiffe://<trust domain>/<role>/<name>")]
    Uri {
        /// The text.
        uri: String,
    },
    /// A role that we do not know.
    #[error("unknown role `{role}`: expected agent, aggregator or client")]
    Role {
        /// The word.
        role: String,
    },
    /// A trust domain outside the alphabet.
    #[error("`{text}` cannot be a trust domain: {reason}")]
    TrustDomain {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name outside the alphabet.
    #[error("`{text}` cannot be a name: {reason}")]
    Name {
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_keeps_its_uri() {
        let identity: Identity = "spiffe://tiercel/agent/web-1.example".parse().unwrap();
        assert_eq!(
            (identity.trust_domain(), identity.role(), identity.name()),
            ("tiercel", Role::Agent, "web-1.example")
        );
        assert_eq!(identity.to_string(), "spiffe://tiercel/agent/web-1.example");
    }

    #[track_caller]
    fn check_refused(uri: &str, expected: &str) {
        assert_eq!(uri.parse::<Identity>().unwrap_err().to_string(), expected);
    }

    #[test]
    fn other_uris_are_refused_with_the_reason() {
        let shape = "is not an identity: expected spiffe://<trust domain>/<role>/<name>";
        check_refused("https://tiercel/agent/web-1", &format!("`https://tiercel/agent/web-1` {shape}"));
        check_refused("spiffe://tiercel/agent", &format!("`spiffe://tiercel/agent` {shape}"));
        check_refused("spiffe://tiercel/root/x", "unknown role `root`: expected agent, aggregator or client");
        check_refused("spiffe:///agent/x", "`` cannot be a trust domain: it is empty");
        check_refused(
            "spiffe://t/agent/../x",
            "`../x` cannot be a name: only letters, digits, `.`, `-` and `_` are allowed",
        );
        check_refused("spiffe://t/agent/..", "`..` cannot be a name: it starts with `.` or `-`");
    }
}
