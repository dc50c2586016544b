//! Free ports on loopback.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::Context;

/// An address on loopback that nobody listened on a moment ago.
///
/// # Errors
/// When no port is free.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("failed to find a free port")?;
    listener.local_addr().context("failed to read the port")
}
