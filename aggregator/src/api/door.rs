//! HTTPS as the operators' door needs it: like that of the web framework, and every refused handshake is logged.

use std::fmt::Debug;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_http::{HttpService, Protocol, Request};
use actix_server::Server;
use actix_service::{IntoServiceFactory, ServiceFactory, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::body::MessageBody;
use actix_web::dev::{AppConfig, ServiceResponse};
use actix_web::rt::net::TcpStream;
use tiercel_proto::mtls::{HANDSHAKE_TIMEOUT, Refusal, ServerTls};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Threads that answer. Searches run on the blocking pool; these only parse and print.
const WORKERS: usize = 2;

/// Most connections; operators and their scripts, not the fleet.
const CONNECTIONS_MAX: usize = 1024;

/// A connection whose handshake is done.
pub(super) type Connection = TlsStream<TcpStream>;

/// Serves an application until the returned server is stopped.
pub(super) fn serve<F, I, S, B>(listener: TcpListener, tls: &ServerTls, app: F) -> io::Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    S::InitError: Debug,
    B: MessageBody + 'static,
{
    let mut config = tls.web_config();
    // The only protocol that this server speaks; a client must not be promised another.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::build()
        .workers(WORKERS)
        .max_concurrent_connections(CONNECTIONS_MAX)
        .disable_signals()
        .listen("api", listener, move || {
            let app = app().into_factory().map_err(|error| error.error_response());
            let http = HttpService::build()
                .on_connect_ext(super::auth::remember_peer)
                // Only tells handlers how they are reached, which none of ours asks.
                .finish(map_config(app, |()| AppConfig::default()));
            let acceptor = acceptor.clone();
            fn_service(move |socket| admit(socket, acceptor.clone())).and_then(http.map_err(drop))
        })?;
    Ok(server.run())
}

/// Shakes hands, or says who was refused and why.
async fn admit(
    socket: TcpStream,
    acceptor: TlsAcceptor,
) -> Result<(Connection, Protocol, Option<std::net::SocketAddr>), ()> {
    let address = socket.peer_addr().ok();
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(socket)).await;
    let shaken = handshake.map_or(Err(Refusal::Timeout), |shaken| shaken.map_err(|error| Refusal::of(&error)));
    let peer = address.map(|address| address.to_string());
    match shaken {
        Ok(connection) => return Ok((connection, Protocol::Http1, address)),
        Err(Refusal::Closed) => tracing::debug!(peer, reason = %Refusal::Closed, "connection not made"),
        Err(refusal) => tracing::warn!(peer, kind = refusal.name(), reason = %refusal, "refused connection"),
    }
    Err(())
}
