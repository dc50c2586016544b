//! Reading a certificate for people.

use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tiercel_proto::mtls::Identity;
use x509_parser::prelude::{ASN1Time, FromDer, GeneralName, X509Certificate};

use crate::error::CertsError;

/// From when on `inspect` warns that a certificate ends soon: time enough to plan a change window.
pub const EXPIRY_WARNING_DAYS: i64 = 30;

const SECONDS_PER_DAY: i64 = 86_400;

/// What stands in a certificate.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Whether it is an authority.
    pub is_authority: bool,
    /// The peer that it names; an authority names none.
    pub identity: Option<Identity>,
    /// SAN URIs.
    pub uris: Vec<String>,
    /// SAN DNS names.
    pub dns_names: Vec<String>,
    /// SAN addresses.
    pub addresses: Vec<IpAddr>,
    /// The first moment.
    pub not_before: SystemTime,
    /// The last moment.
    pub not_after: SystemTime,
}

/// Reads the first certificate in a PEM file.
pub fn inspect(path: &Path) -> Result<Inspection, CertsError> {
    let text = fs::read(path).map_err(|source| CertsError::Read { path: path.to_owned(), source })?;
    let wrong = |reason: String| CertsError::Content { path: path.to_owned(), reason };
    let der = CertificateDer::from_pem_slice(&text).map_err(|error| wrong(format!("no certificate in it: {error}")))?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|error| wrong(format!("not X.509: {error}")))?;
    let extension = certificate.subject_alternative_name().map_err(|error| wrong(error.to_string()))?;
    let names = extension.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    Ok(Inspection {
        path: path.to_owned(),
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        is_authority: certificate.is_ca(),
        identity: Identity::from_certificate(&der).ok(),
        uris: names.iter().filter_map(uri).collect(),
        dns_names: names.iter().filter_map(dns_name).collect(),
        addresses: names.iter().filter_map(address).collect(),
        not_before: system_time(certificate.validity().not_before),
        not_after: system_time(certificate.validity().not_after),
    })
}

impl Inspection {
    /// Whole days until the end; negative when it is over.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        let seconds = match self.not_after.duration_since(now) {
            Ok(left) => i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            Err(over) => i64::try_from(over.duration().as_secs()).map_or(i64::MIN, |seconds| -seconds - 1),
        };
        seconds.div_euclid(SECONDS_PER_DAY)
    }

    /// Whether its time is over.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        now > self.not_after
    }

    /// The text that `tiercel-certs inspect` prints.
    pub fn render(&self, now: SystemTime) -> String {
        use fmt::Write as _;
        let role = match &self.identity {
            Some(identity) => identity.role().name(),
            None if self.is_authority => "authority",
            None => "none: this certificate names no Tiercel peer",
        };
        let names: Vec<_> = self
            .uris
            .iter()
            .map(|uri| format!("URI {uri}"))
            .chain(self.dns_names.iter().map(|name| format!("DNS {name}")))
            .chain(self.addresses.iter().map(|address| format!("IP {address}")))
            .collect();
        let mut text = format!("{}\n", self.path.display());
        let mut line = |key: &str, value: &dyn fmt::Display| {
            writeln!(text, "  {key:<12}{value}").expect("writing to a string cannot fail");
        };
        line("subject", &self.subject);
        line("issuer", &self.issuer);
        line("role", &role);
        line("names", &names.join(", "));
        line("not before", &date(self.not_before));
        line("not after", &format_args!("{} ({})", date(self.not_after), self.remaining(now)));
        text
    }

    fn remaining(&self, now: SystemTime) -> String {
        let days = self.days_left(now);
        match days {
            _ if self.is_expired(now) => format!("EXPIRED {} days ago", -(days + 1)),
            ..EXPIRY_WARNING_DAYS => format!("{days} days left, WARNING: renew it soon"),
            _ => format!("{days} days left"),
        }
    }
}

fn date(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "out of range".to_owned(), |time| format!("{time:.0}"))
}

fn system_time(time: ASN1Time) -> SystemTime {
    let seconds = Duration::from_secs(time.timestamp().unsigned_abs());
    if time.timestamp() < 0 { SystemTime::UNIX_EPOCH - seconds } else { SystemTime::UNIX_EPOCH + seconds }
}

fn uri(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::URI(uri) = name { Some((*uri).to_owned()) } else { None }
}

fn dns_name(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name { Some((*name).to_owned()) } else { None }
}

fn address(name: &GeneralName<'_>) -> Option<IpAddr> {
    let GeneralName::IPAddress(bytes) = name else { return None };
    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)).ok()
}
