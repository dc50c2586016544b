//! What can go wrong, in words that name the file.

use std::path::PathBuf;

use tiercel_proto::mtls::IdentityError;

/// Why nothing was created, issued or read.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// A file is in the way. Keys are never overwritten.
    #[error("{} exists already, nothing was written: move it away, or choose another name or folder", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The authority is not where it was said to be.
    #[error("no authority in {}: {} does not exist; create one with `tiercel-certs init --dir {}`", dir.display(), path.display(), dir.display())]
    NoAuthority {
        /// The folder.
        dir: PathBuf,
        /// The file that is missing.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("failed to write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("failed to read {}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate or key cannot be made.
    #[error("failed to make certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// A name that cannot stand in a certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A DNS name that cannot stand in a certificate.
    #[error("`{name}` is not a DNS name")]
    DnsName {
        /// The text.
        name: String,
    },
}
