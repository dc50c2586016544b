//! The wire: messages, identities, error codes and mutual TLS.
//!
//! Nothing outside this crate knows a wire format, and nothing outside [`mtls`] configures TLS: there is no
//! plaintext mode between an agent and the cluster, nor between two nodes of the cluster.

pub mod convert;
pub mod envelope;
pub mod error;
pub mod mtls;

pub use convert::ConvertError;
pub use envelope::{AlertId, Envelope, Generation, Lane, Sequence, SpoolId};
pub use error::{ErrorCode, WireError};

/// Messages and services of Tiercel's own protocols, version 1.
#[expect(
    missing_docs,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the .proto files hold the documentation"
)]
pub mod v1 {
    tonic::include_proto!("tiercel.v1");
}
