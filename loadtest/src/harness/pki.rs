//! Certificates for a test, made by the command that operators use.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use tiercel_proto::mtls::{Role, TlsFiles};

use super::binaries::binary;
use super::wait::run_bounded;

/// How long making a key and a certificate may take.
const ISSUE_LIMIT: Duration = Duration::from_secs(20);

/// An authority of its own.
#[derive(Debug, Clone)]
pub struct Pki {
    directory: PathBuf,
}

impl Pki {
    /// Makes an authority in a new directory.
    ///
    /// # Errors
    /// When `tiercel-certs init` fails.
    pub fn create(directory: &Path) -> anyhow::Result<Self> {
        let pki = Self { directory: directory.to_path_buf() };
        pki.certs(&["init"])?;
        Ok(pki)
    }

    /// Issues a certificate and returns its files.
    ///
    /// # Errors
    /// When `tiercel-certs issue` fails.
    pub fn issue(&self, role: Role, name: &str) -> anyhow::Result<TlsFiles> {
        self.certs(&["issue", role.name(), name])?;
        let file = |extension: &str| self.directory.join(format!("{}-{name}.{extension}", role.name()));
        Ok(TlsFiles { ca: self.directory.join("ca.pem"), certificate: file("pem"), key: file("key") })
    }

    fn certs(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new(binary("tiercel-certs")?);
        let output = run_bounded(command.args(arguments).arg("--dir").arg(&self.directory), ISSUE_LIMIT)?;
        let error = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "failed to run tiercel-certs {arguments:?}: {error}");
        Ok(())
    }
}

/// The `tls` section of a configuration.
pub(super) fn tls_section(files: &TlsFiles) -> serde_json::Value {
    serde_json::json!({ "ca": files.ca, "certificate": files.certificate, "key": files.key })
}

/// Reads a role's files into what a client needs.
pub(super) fn client_tls(files: TlsFiles, role: Role) -> anyhow::Result<tiercel_proto::mtls::ClientTls> {
    let credentials =
        tiercel_proto::mtls::Credentials::load(files, role).context("failed to load the client certificate")?;
    Ok(tiercel_proto::mtls::ClientTls::new(&credentials))
}
