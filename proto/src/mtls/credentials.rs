//! What a process has to show and whom it believes; replaced as a whole when the files are read again.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::files::{Authority, Own, TlsFileError, TlsFiles};
use super::identity::{Identity, Role};

/// The certificates of a process. Clones share them: one [`Credentials::reload`] reaches every door and every
/// connector made from it. Connections that stand keep the certificates with which they were made.
#[derive(Debug, Clone)]
pub struct Credentials {
    files: Arc<TlsFiles>,
    role: Role,
    live: Live,
}

impl Credentials {
    /// Reads the files. The certificate must be of that role.
    pub fn load(files: TlsFiles, role: Role) -> Result<Self, TlsFileError> {
        let material = read(&files, role)?;
        Ok(Self { files: Arc::new(files), role, live: Live(Arc::new(ArcSwap::from_pointee(material))) })
    }

    /// Reads the files again. If they are not in order, what was there stays in use.
    pub fn reload(&self) -> Result<(), TlsFileError> {
        let material = read(&self.files, self.role)?;
        self.live.0.store(Arc::new(material));
        Ok(())
    }

    /// Who we are.
    pub fn identity(&self) -> Identity {
        self.own(|own| own.identity.clone())
    }

    /// When our certificate ends.
    pub fn not_after(&self) -> SystemTime {
        self.own(|own| own.not_after)
    }

    pub(super) fn live(&self) -> Live {
        self.live.clone()
    }

    fn own<T>(&self, take: impl FnOnce(&Own) -> T) -> T {
        let material = self.live.0.load();
        take(material.own.as_ref().expect("credentials are always loaded with a certificate of our own"))
    }
}

fn read(files: &TlsFiles, role: Role) -> Result<Material, TlsFileError> {
    let authority = Authority::load(&files.ca)?;
    let own = Own::load(&files.certificate, &files.key, role)?;
    Ok(Material { authority, own: Some(own) })
}

/// The certificates in use at this moment.
#[derive(Debug, Clone)]
pub(super) struct Live(pub(super) Arc<ArcSwap<Material>>);

impl Live {
    /// Only the authority: for callers that show no certificate.
    pub(super) fn anonymous(ca: &Path) -> Result<Self, TlsFileError> {
        let material = Material { authority: Authority::load(ca)?, own: None };
        Ok(Self(Arc::new(ArcSwap::from_pointee(material))))
    }
}

#[derive(Debug)]
pub(super) struct Material {
    pub(super) authority: Authority,
    pub(super) own: Option<Own>,
}
