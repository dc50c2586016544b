//! Files: a certificate and its key, side by side, the key for its owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use tiercel_proto::mtls::Role;

use crate::authority::Authority;
use crate::error::CertsError;
use crate::inspect::inspect;
use crate::issue::{Issued, Request};
use crate::validity::Validity;

const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o700;

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl PairFiles {
    /// `ca.pem` and `ca.key`.
    pub fn authority(dir: &Path) -> Self {
        Self { certificate: dir.join("ca.pem"), key: dir.join("ca.key") }
    }

    /// `agent-web-1.pem` and `agent-web-1.key`.
    pub fn of(dir: &Path, role: Role, name: &str) -> Self {
        Self { certificate: dir.join(format!("{role}-{name}.pem")), key: dir.join(format!("{role}-{name}.key")) }
    }
}

impl Issued {
    /// Writes `<role>-<name>.pem` and `.key` into the folder, which is made if need be. Refuses to overwrite.
    pub fn save(&self, dir: &Path, role: Role, name: &str) -> Result<PairFiles, CertsError> {
        let files = PairFiles::of(dir, role, name);
        create(&files, &self.certificate_pem, &self.key_pem)?;
        Ok(files)
    }
}

/// Replaces the certificate and key at `certificate` and beside it (`.key`) by new ones for the same identity and
/// names. Each file is exchanged in one step; a program that reads between the two sees that they do not belong
/// together, and keeps what it has until it reads again.
pub fn renew(authority: &Authority, certificate: &Path, validity: Validity) -> Result<PairFiles, CertsError> {
    let old = inspect(certificate)?;
    let wrong = |reason| CertsError::Content { path: certificate.to_owned(), reason };
    let identity = old.identity.ok_or_else(|| wrong("names no identity, there is nothing to renew".to_owned()))?;
    if identity.trust_domain() != authority.trust_domain() {
        let reason =
            format!("is of trust domain {}, the authority is of {}", identity.trust_domain(), authority.trust_domain());
        return Err(wrong(reason));
    }
    let issued = authority.issue(&Request {
        role: identity.role(),
        name: identity.name().to_owned(),
        dns_names: old.dns_names,
        addresses: old.addresses,
        validity,
    })?;
    let files = PairFiles { certificate: certificate.to_owned(), key: certificate.with_extension("key") };
    replace(&files.key, &issued.key_pem, KEY_MODE)?;
    replace(&files.certificate, &issued.certificate_pem, CERTIFICATE_MODE)?;
    Ok(files)
}

/// Writes both files or none.
pub(crate) fn create(files: &PairFiles, certificate_pem: &str, key_pem: &str) -> Result<(), CertsError> {
    if files.certificate.exists() {
        return Err(CertsError::Exists { path: files.certificate.clone() });
    }
    let dir = files.key.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(dir).map_err(|source| write_error(dir, source))?;
    create_file(&files.key, key_pem, KEY_MODE)?;
    create_file(&files.certificate, certificate_pem, CERTIFICATE_MODE).inspect_err(|_| {
        // Without its certificate the key is of no use, and it would be in the way of the next attempt.
        drop(fs::remove_file(&files.key));
    })
}

fn create_file(path: &Path, text: &str, mode: u32) -> Result<(), CertsError> {
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CertsError::Exists { path: path.to_owned() });
        }
        Err(source) => return Err(write_error(path, source)),
    };
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|source| {
        drop(fs::remove_file(path));
        write_error(path, source)
    })
}

fn replace(path: &Path, text: &str, mode: u32) -> Result<(), CertsError> {
    let fresh = path.with_added_extension("new");
    create_file(&fresh, text, mode)?;
    let sync_folder = || File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all();
    fs::rename(&fresh, path).and_then(|()| sync_folder()).map_err(|source| write_error(path, source))
}

fn write_error(path: &Path, source: io::Error) -> CertsError {
    CertsError::Write { path: path.to_owned(), source }
}
