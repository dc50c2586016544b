//! The accept loop: from a listening socket to connections of known peers.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tonic::transport::server::Connected;
use tonic::{Request, Status};

use super::identity::Identity;
use super::refusal::Refusal;

/// How long a peer may take from the first byte to a connection. Ten times what the slowest link to a node needs.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many handshakes run at once; the next ones wait in the kernel's backlog. A handshake costs about 1 ms of CPU
/// and some 30 KiB, so this bounds both, and ten thousand agents that come back together are through in seconds.
pub const HANDSHAKES_MAX: usize = 256;

/// Finished connections that the server has not picked up yet.
const CONNECTIONS_WAITING_MAX: usize = 64;

/// Pause after `accept` failed, which it does when the process has no file descriptor left.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Connections of known peers, for tonic's `serve_with_incoming`. Dropping it stops the accept loop.
#[derive(Debug)]
pub struct Incoming {
    connections: mpsc::Receiver<PeerStream>,
    accept_loop: AbortHandle,
}

impl Incoming {
    pub(super) fn new(listener: TcpListener, config: Arc<ServerConfig>) -> Self {
        let (sender, connections) = mpsc::channel(CONNECTIONS_WAITING_MAX);
        let accept_loop = tokio::spawn(accept(listener, TlsAcceptor::from(config), sender)).abort_handle();
        Self { connections, accept_loop }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.accept_loop.abort();
    }
}

impl Stream for Incoming {
    type Item = io::Result<PeerStream>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

/// Runs until its task is aborted. The handshakes belong to it and end with it.
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, connections: mpsc::Sender<PeerStream>) {
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        if handshakes.len() >= HANDSHAKES_MAX {
            handshakes.join_next().await;
        }
        match listener.accept().await {
            Ok((socket, address)) => {
                handshakes.spawn(admit(socket, address, acceptor.clone(), connections.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept connection");
                tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
            }
        }
    }
}

async fn admit(socket: TcpStream, address: SocketAddr, acceptor: TlsAcceptor, connections: mpsc::Sender<PeerStream>) {
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, shake_hands(socket, address, acceptor));
    match handshake.await.unwrap_or(Err(Refusal::Timeout)) {
        Ok(stream) => {
            if connections.send(stream).await.is_err() {
                tracing::debug!(peer = %address, "connection dropped, the server is stopping");
            }
        }
        Err(Refusal::Closed) => tracing::debug!(peer = %address, reason = %Refusal::Closed, "connection not made"),
        Err(refusal) => {
            tracing::warn!(peer = %address, kind = refusal.name(), reason = %refusal, "refused connection");
        }
    }
}

async fn shake_hands(socket: TcpStream, address: SocketAddr, acceptor: TlsAcceptor) -> Result<PeerStream, Refusal> {
    socket.set_nodelay(true).map_err(|error| Refusal::of(&error))?;
    let stream = acceptor.accept(socket).await.map_err(|error| Refusal::of(&error))?;
    let identity = super::identity_of(stream.get_ref().1.peer_certificates()).ok_or(Refusal::NoCertificate)?;
    Ok(PeerStream { stream, peer: Peer { identity: Arc::new(identity), address } })
}

/// Who is at the other end, and where.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Who, by its certificate.
    pub identity: Arc<Identity>,
    /// Where it connected from.
    pub address: SocketAddr,
}

/// Tells who sent a request that came in through [`Incoming`].
pub fn peer<T>(request: &Request<T>) -> Result<&Peer, Status> {
    // Only a server that was not given our connections lacks it, and then nobody must be let in.
    request.extensions().get().ok_or_else(|| Status::unauthenticated("connection has no verified peer"))
}

/// An encrypted connection of a known peer.
#[derive(Debug)]
pub struct PeerStream {
    stream: TlsStream<TcpStream>,
    peer: Peer,
}

impl Connected for PeerStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }
}
