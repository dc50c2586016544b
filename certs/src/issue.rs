//! Certificates for peers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use tiercel_proto::mtls::{Identity, Role};

use crate::authority::Authority;
use crate::error::CertsError;
use crate::validity::Validity;

/// How long a certificate holds unless told otherwise.
pub const CERTIFICATE_DAYS: u32 = 365;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What the peer is there for.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// The DNS names under which it is called.
    pub dns_names: Vec<String>,
    /// The addresses under which it is called.
    pub addresses: Vec<IpAddr>,
    /// For how long.
    pub validity: Validity,
}

/// A certificate and its key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// The private key.
    pub key_pem: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Issued").field("certificate_pem", &self.certificate_pem).finish_non_exhaustive()
    }
}

impl Authority {
    /// Issues a certificate for a new ECDSA P-256 key. That of an aggregator is always good for `localhost`,
    /// `127.0.0.1` and `::1` too: its own health checks and the operator on the node call it so.
    pub fn issue(&self, request: &Request) -> Result<Issued, CertsError> {
        let identity = Identity::new(self.trust_domain(), request.role, &request.name)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.not_before = request.validity.not_before.into();
        params.not_after = request.validity.not_after.into();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Tiercel");
        params.distinguished_name.push(DnType::CommonName, request.name.clone());
        params.subject_alt_names = alternative_names(&identity, request)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = purposes(request.role);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

fn alternative_names(identity: &Identity, request: &Request) -> Result<Vec<SanType>, CertsError> {
    let mut names = vec![SanType::URI(identity.to_string().try_into()?)];
    let mut add = |name: SanType| {
        if !names.contains(&name) {
            names.push(name);
        }
    };
    if request.role == Role::Aggregator {
        add(SanType::DnsName("localhost".try_into()?));
        add(SanType::IpAddress(Ipv4Addr::LOCALHOST.into()));
        add(SanType::IpAddress(Ipv6Addr::LOCALHOST.into()));
    }
    for name in &request.dns_names {
        add(SanType::DnsName(dns_name(name)?.try_into()?));
    }
    for address in &request.addresses {
        add(SanType::IpAddress(*address));
    }
    Ok(names)
}

fn dns_name(name: &str) -> Result<&str, CertsError> {
    // An address in a DNS name is a mistake that clients would report as a name that does not match.
    let wrong = rustls_pki_types::DnsName::try_from(name).is_err() || name.parse::<IpAddr>().is_ok();
    if wrong { Err(CertsError::DnsName { name: name.to_owned() }) } else { Ok(name) }
}

/// Members of the cluster call each other, so they are servers and clients; the others only call.
fn purposes(role: Role) -> Vec<ExtendedKeyUsagePurpose> {
    match role {
        Role::Agent | Role::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
        Role::Aggregator => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
    }
}
