//! The door for the audit webhook of an API server.
//!
//! Overflow policy: a batch is answered when it has been judged. While as many wait as may, further ones are refused
//! with 429, which an API server takes as a reason to send them again later; each refusal is counted.

use std::fmt;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::{CONTENT_TYPE, RETRY_AFTER};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use metrics::counter;
use rustls::ServerConfig;
use tiercel_detection::event::Document;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::parse::{BODY_BYTES_MAX, parse};

/// One thread: an API server sends one batch at a time, and judging has a thread of its own.
const WORKERS: usize = 1;

/// A cluster has a handful of API servers, and each keeps a few connections.
const CONNECTIONS_MAX: usize = 64;

/// Batches that are read or wait for their judgement: with [`BODY_BYTES_MAX`] the bound on memory.
const BATCHES_MAX: usize = 4;

/// How long a sender may take for a body; API servers give up after this time themselves.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Seconds after which a refused sender may come again.
const RETRY_SECONDS: &str = "1";

/// What becomes of a batch that was handed over.
pub type TakeFuture = Pin<Box<dyn Future<Output = Result<(), Overloaded>>>>;

/// Takes the events of a batch over.
pub type Intake = Arc<dyn Fn(Vec<Document>) -> TakeFuture + Send + Sync>;

/// Whoever judges events has no room for more, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overloaded;

/// A webhook that is served.
pub struct Webhook {
    /// The address that it really listens on.
    pub address: SocketAddr,
    handle: ServerHandle,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Stops it; batches that were taken are judged first.
    pub async fn stop(&self) {
        self.handle.stop(true).await;
    }
}

struct Door {
    intake: Intake,
    room: Semaphore,
}

/// Serves the webhook at that path, with TLS when there is a configuration for it.
///
/// # Errors
/// When the address cannot be listened on.
pub fn serve(listen: SocketAddr, path: &str, tls: Option<ServerConfig>, intake: Intake) -> anyhow::Result<Webhook> {
    let listener =
        TcpListener::bind(listen).with_context(|| format!("failed to listen for audit events on {listen}"))?;
    let address = listener.local_addr().context("failed to read the address of the audit webhook")?;
    if tls.is_none() && !address.ip().is_loopback() {
        warn!(%address, "audit webhook listens without TLS: whoever reaches it can send events");
    }
    let with_tls = tls.is_some();
    let door = web::Data::new(Door { intake, room: Semaphore::new(BATCHES_MAX) });
    let route = path.to_owned();
    let app = move || App::new().app_data(door.clone()).service(web::resource(&route).route(web::post().to(receive)));
    let server = HttpServer::new(app).workers(WORKERS).max_connections(CONNECTIONS_MAX).disable_signals();
    let server = match tls {
        None => server.listen(listener),
        Some(config) => server.listen_rustls_0_23(listener, config),
    };
    let server = server.context("failed to start the audit webhook")?.run();
    let handle = server.handle();
    actix_rt::spawn(async move {
        if let Err(error) = server.await {
            warn!(%error, "audit webhook ended");
        }
    });
    info!(%address, path, tls = with_tls, "audit webhook listens");
    Ok(Webhook { address, handle })
}

async fn receive(request: HttpRequest, payload: web::Payload, door: web::Data<Door>) -> HttpResponse {
    if !is_json(&request) {
        return refuse("content_type", HttpResponse::UnsupportedMediaType().body("expected application/json"));
    }
    let busy = || HttpResponse::TooManyRequests().insert_header((RETRY_AFTER, RETRY_SECONDS)).finish();
    let Ok(_place) = door.room.try_acquire() else { return refuse("busy", busy()) };
    let body = match tokio::time::timeout(BODY_TIMEOUT, payload.to_bytes_limited(BODY_BYTES_MAX)).await {
        Ok(Ok(Ok(body))) => body,
        Ok(Ok(Err(_))) => return refuse("body", HttpResponse::BadRequest().body("the body is cut off")),
        Ok(Err(_)) => {
            let message = format!("the body has more than {BODY_BYTES_MAX} bytes");
            return refuse("too_large", HttpResponse::BadRequest().body(message));
        }
        Err(_) => return refuse("timeout", HttpResponse::RequestTimeout().finish()),
    };
    let parsed = match parse(&body) {
        Ok(parsed) => parsed,
        Err(error) => {
            warn!(%error, peer = request.peer_addr().map(tracing::field::display), "audit events refused");
            return refuse("not_audit", HttpResponse::BadRequest().body(error.to_string()));
        }
    };
    // The text of a batch and its events need not be in memory both.
    drop(body);
    counter!("tiercel_agent_audit_events_rejected_total").increment(parsed.rejected);
    match (door.intake)(parsed.events).await {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(Overloaded) => refuse("busy", busy()),
    }
}

fn is_json(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.contains("application/json"))
}

fn refuse(reason: &'static str, answer: HttpResponse) -> HttpResponse {
    counter!("tiercel_agent_audit_requests_refused_total", "reason" => reason).increment(1);
    answer
}
