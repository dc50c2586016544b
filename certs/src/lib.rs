//! The PKI of one installation: an authority, and certificates that say who each peer is.
//!
//! An installation has one authority and one trust domain, which stands in the SAN URI of the authority's own
//! certificate. Everything it issues carries `spiffe://<trust domain>/<role>/<name>`; `tiercel_proto::mtls` reads it.

mod authority;
mod error;
mod inspect;
mod issue;
mod store;
mod validity;

pub use authority::{Authority, CA_DAYS, DEFAULT_TRUST_DOMAIN};
pub use error::CertsError;
pub use inspect::{EXPIRY_WARNING_DAYS, Inspection, inspect};
pub use issue::{CERTIFICATE_DAYS, Issued, Request};
pub use store::{PairFiles, renew};
pub use validity::Validity;
