//! The door for Falco's `http_output` and for whatever sends to falcosidekick: plain HTTP, one alert a request.
//!
//! It answers as falcosidekick does, with one difference: 200 means that a quorum has the alert on its disks, not only
//! that it could be parsed. There is no authentication, so it listens on loopback unless told otherwise.

mod intake;
mod post;
#[cfg(test)]
mod tests;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::header::ContentType;
use actix_web::middleware::DefaultHeaders;
use actix_web::{App, HttpResponse, HttpServer, web};

pub use intake::{Intake, IntakeError};

use crate::api::{not_ready, readiness};
use crate::metrics::{CONTENT_TYPE, Metrics};

/// Largest body. Falco's alerts are some KiB; arguments of a page or two fit many times over.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Threads that answer.
const WORKERS: usize = 2;

/// Most connections: with [`BODY_BYTES_MAX`] this bounds what senders can make us hold.
const CONNECTIONS_MAX: usize = 256;

/// How long a sender may take for its headers.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What the door leads to.
#[derive(Clone)]
pub struct HttpInput {
    /// Takes the alerts.
    pub intake: Arc<dyn Intake>,
    /// What `/metrics` shows; the requests are counted in its `inputs`.
    pub metrics: Metrics,
}

impl std::fmt::Debug for HttpInput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("HttpInput")
    }
}

/// Serves the door on a socket that is already bound, until the returned server is stopped.
pub fn serve(listener: TcpListener, input: HttpInput) -> io::Result<Server> {
    let input = web::Data::new(input);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(input.clone())
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .wrap(DefaultHeaders::new().add(("X-Content-Type-Options", "nosniff")))
            .route("/", web::post().to(post::alert))
            .route("/", web::to(post::wrong_method))
            .route("/ping", web::to(async || "pong\n"))
            .route("/healthz", web::to(healthz))
            .route("/readyz", web::to(readyz))
            .route("/test", web::to(post::test))
            .route("/metrics", web::to(metrics))
    })
    .workers(WORKERS)
    .max_connections(CONNECTIONS_MAX)
    .client_request_timeout(REQUEST_TIMEOUT)
    .disable_signals()
    .listen(listener)?;
    Ok(server.run())
}

/// Says that the process answers; never looks further, as liveness probes expect.
async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body("{\"status\": \"ok\"}")
}

async fn readyz(input: web::Data<HttpInput>) -> HttpResponse {
    readiness(not_ready(&input.metrics.view.status()))
}

async fn metrics(input: web::Data<HttpInput>) -> HttpResponse {
    HttpResponse::Ok().content_type(CONTENT_TYPE).body(input.metrics.render())
}
