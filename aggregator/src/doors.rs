//! The four sockets, bound before anything else starts: an address that is taken is found at once.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context as _;
use tracing::info;

use crate::config::Listen;

/// The sockets, listening.
#[derive(Debug)]
pub struct Doors {
    /// Agents.
    pub ingest: Door,
    /// Peers.
    pub raft: Door,
    /// Falco's HTTP output, and metrics.
    pub http_input: Door,
    /// Operators.
    pub api: Door,
}

/// One socket and the address that it really has.
#[derive(Debug)]
pub struct Door {
    /// The socket.
    pub listener: TcpListener,
    /// Its address.
    pub address: SocketAddr,
}

impl Doors {
    /// Binds all of them and logs their addresses.
    pub fn bind(listen: &Listen) -> anyhow::Result<Self> {
        Ok(Self {
            ingest: Door::bind("ingest", &listen.ingest)?,
            raft: Door::bind("raft", &listen.raft)?,
            http_input: Door::bind("http_input", &listen.http_input)?,
            api: Door::bind("api", &listen.api)?,
        })
    }
}

impl Door {
    fn bind(door: &str, address: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("failed to listen on {address} ({door})"))?;
        let address = listener.local_addr().with_context(|| format!("failed to read the address of {door}"))?;
        info!(door, %address, "listening");
        Ok(Self { listener, address })
    }

    /// The socket for the current tokio runtime.
    pub fn into_tokio(self) -> anyhow::Result<tokio::net::TcpListener> {
        self.listener.set_nonblocking(true).context("failed to prepare a socket")?;
        tokio::net::TcpListener::from_std(self.listener).context("failed to hand a socket to its runtime")
    }
}
