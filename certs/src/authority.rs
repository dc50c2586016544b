//! The authority: the one key that every peer believes.

use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tiercel_proto::mtls::{IdentityError, check_trust_domain};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::error::CertsError;
use crate::store::{self, PairFiles};
use crate::validity::Validity;

/// How long an authority holds unless told otherwise: ten years, because replacing it means touching every node.
pub const CA_DAYS: u32 = 3650;

/// The trust domain of an installation that did not choose one.
pub const DEFAULT_TRUST_DOMAIN: &str = "tiercel";

const URI_PREFIX: &str = "spiffe://";

/// Issues certificates for one trust domain.
#[derive(Debug)]
pub struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    trust_domain: String,
}

impl Authority {
    /// Makes a new authority: an ECDSA P-256 key and a certificate signed with it.
    pub fn create(trust_domain: &str, validity: Validity) -> Result<Self, CertsError> {
        check_trust_domain(trust_domain)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.not_before = validity.not_before.into();
        params.not_after = validity.not_after.into();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Tiercel");
        params.distinguished_name.push(DnType::CommonName, format!("Tiercel CA of {trust_domain}"));
        params.subject_alt_names = vec![SanType::URI(format!("{URI_PREFIX}{trust_domain}").try_into()?)];
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate_pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate_pem, trust_domain: trust_domain.to_owned() })
    }

    /// Reads the authority that [`Authority::save`] wrote.
    pub fn load(dir: &Path) -> Result<Self, CertsError> {
        let files = PairFiles::authority(dir);
        for path in [&files.certificate, &files.key] {
            if !path.exists() {
                return Err(CertsError::NoAuthority { dir: dir.to_owned(), path: path.clone() });
            }
        }
        let certificate_pem = read(&files.certificate)?;
        let wrong = |path: &Path, reason: String| CertsError::Content { path: path.to_owned(), reason };
        let trust_domain = trust_domain_of(&certificate_pem).map_err(|reason| wrong(&files.certificate, reason))?;
        let key = KeyPair::from_pem(&read(&files.key)?)
            .map_err(|error| wrong(&files.key, format!("not a private key: {error}")))?;
        let issuer = Issuer::from_ca_cert_pem(&certificate_pem, key)
            .map_err(|error| wrong(&files.certificate, format!("not an authority: {error}")))?;
        Ok(Self { issuer, certificate_pem, trust_domain })
    }

    /// Writes `ca.pem` and `ca.key` into the folder, which is made if need be. Refuses to overwrite.
    pub fn save(&self, dir: &Path) -> Result<PairFiles, CertsError> {
        let files = PairFiles::authority(dir);
        store::create(&files, &self.certificate_pem, &self.issuer.key().serialize_pem())?;
        Ok(files)
    }

    /// The certificate that every peer must have.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The installation.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }
}

fn read(path: &Path) -> Result<String, CertsError> {
    fs::read_to_string(path).map_err(|source| CertsError::Read { path: path.to_owned(), source })
}

fn trust_domain_of(pem: &str) -> Result<String, String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| error.to_string())?;
    let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| IdentityError::Encoding.to_string())?;
    let names = certificate.subject_alternative_name().map_err(|_| IdentityError::Encoding.to_string())?;
    names
        .iter()
        .flat_map(|extension| &extension.value.general_names)
        .find_map(|name| if let GeneralName::URI(uri) = name { uri.strip_prefix(URI_PREFIX) } else { None })
        .map(str::to_owned)
        .ok_or_else(|| {
            "names no trust domain (no SAN URI spiffe://<trust domain>): not made by tiercel-certs".to_owned()
        })
}
