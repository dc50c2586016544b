//! The wire: messages, identities, error codes and mutual TLS.

/// Messages and services of Tiercel's own protocols, version 1.
#[expect(missing_docs, reason = "generated code; the .proto files hold the documentation")]
pub mod v1 {
    tonic::include_proto!("tiercel.v1");
}
