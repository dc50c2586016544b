//! Mutual TLS: the only place where certificates are read, peers are judged and TLS is configured.
//!
//! Who a peer is stands in its certificate as a SAN URI, `spiffe://<trust domain>/<role>/<name>`, and nowhere
//! else: no message can claim another name. A peer is let in if its certificate comes from our authority, is in its
//! time, is of our trust domain and has one of the roles that the door is for.

mod client;
mod credentials;
mod door;
mod files;
mod identity;
mod incoming;
mod refusal;
mod server;

pub use client::{ClientTls, ConnectError};
pub use credentials::Credentials;
pub use door::door_config;
pub use files::{TlsFileError, TlsFiles};
pub use identity::{Identity, IdentityError, Role, check_trust_domain};
pub use incoming::{HANDSHAKE_TIMEOUT, HANDSHAKES_MAX, Incoming, Peer, PeerStream, peer};
pub use refusal::Refusal;
pub use server::{ServerTls, identity_of};

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The one cryptography provider of the whole tree. It is named at each use, so that nothing depends on what a
/// process installs as its default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
