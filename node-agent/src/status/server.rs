//! The HTTP server.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusHandle;
use tiercel_detection::event::Timestamp;
use tracing::{info, warn};

use super::check::{self, Readiness};
use super::{process, versions};

/// One thread answers probes and scrapes; more would only take memory from detection.
const WORKERS: usize = 1;

/// Probes and scrapers are few; more connections than this are somebody else's mistake.
const CONNECTIONS_MAX: usize = 64;

/// Histograms must be folded regularly or their samples pile up between scrapes.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// What the server answers from.
pub struct Status {
    /// The checks behind `/readyz`.
    pub readiness: Readiness,
    /// The metrics of the process.
    pub metrics: PrometheusHandle,
    /// Which source records come from.
    pub engine_name: &'static str,
    /// When the agent was started.
    pub started: Timestamp,
    /// Brings metrics up to date that nobody counts as they happen.
    pub refresh: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Status").field("engine_name", &self.engine_name).finish_non_exhaustive()
    }
}

/// A server that runs.
#[derive(Debug)]
pub struct Server {
    /// The address that it really listens on.
    pub address: SocketAddr,
    handle: ServerHandle,
}

impl Server {
    /// Stops it; requests that are being answered are finished first.
    pub async fn stop(&self) {
        self.handle.stop(true).await;
    }
}

/// Starts the server.
pub fn serve(listen: SocketAddr, status: Status) -> anyhow::Result<Server> {
    let listener =
        TcpListener::bind(listen).with_context(|| format!("failed to listen on {listen} (`status.listen`)"))?;
    let address = listener.local_addr().context("failed to read the address of the status server")?;
    let status = web::Data::new(status);
    let metrics = status.metrics.clone();
    let app = move || {
        App::new()
            .app_data(status.clone())
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .route("/versions", web::get().to(versions))
            .route("/metrics", web::get().to(render_metrics))
    };
    let server = HttpServer::new(app)
        .workers(WORKERS)
        .max_connections(CONNECTIONS_MAX)
        .disable_signals()
        .listen(listener)
        .context("failed to start the status server")?
        .run();
    let handle = server.handle();
    actix_rt::spawn(async move {
        if let Err(error) = server.await {
            warn!(%error, "status server ended");
        }
    });
    actix_rt::spawn(async move {
        let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            interval.tick().await;
            metrics.run_upkeep();
        }
    });
    info!(%address, "status server listens");
    Ok(Server { address, handle })
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(r#"{"status": "ok"}"#)
}

async fn readyz(status: web::Data<Status>) -> HttpResponse {
    let checks = status.readiness.judge();
    let body = check::to_json(&checks);
    if checks.iter().all(|check| check.ok) {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

async fn versions(status: web::Data<Status>) -> HttpResponse {
    HttpResponse::Ok().json(versions::to_json(status.engine_name))
}

async fn render_metrics(status: web::Data<Status>) -> HttpResponse {
    process::refresh(status.started);
    (status.refresh)();
    HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(status.metrics.render())
}
