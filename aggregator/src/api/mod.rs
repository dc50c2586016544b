//! The operator's door: a read-only REST interface and a web page over TLS.
//!
//! A client certificate of role client opens it, or a bearer token; whoever has neither sees the page without data.

mod alerts;
mod auth;
mod door;
mod error;
mod page;
mod parameters;
mod status;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, HttpResponse, web};
use tiercel_proto::mtls::ServerTls;

pub use auth::{Token, TokenError};
pub use error::ApiError;
pub(crate) use status::readiness;
pub(crate) use view::not_ready;
pub use view::{ClusterView, Sums};

use crate::history::History;
use crate::notify::Receivers;

/// What the interface shows.
#[derive(Clone)]
pub struct Api {
    /// Name of this node.
    pub node_name: Arc<str>,
    /// The cluster.
    pub view: Arc<dyn ClusterView>,
    /// The past.
    pub history: Arc<History>,
    /// The receivers.
    pub receivers: Arc<Receivers>,
    /// The bearer token, if there is one.
    pub token: Option<Token>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Api").field("takes_token", &self.token.is_some()).finish_non_exhaustive()
    }
}

/// Serves the interface on a socket that is already bound, until the returned server is stopped.
///
/// `tls` decides who may come with a certificate: it must accept the role client only.
pub fn serve(listener: TcpListener, tls: &ServerTls, api: Api) -> io::Result<Server> {
    let api = web::Data::new(api);
    let app = move || App::new().app_data(api.clone()).wrap(page::headers()).configure(routes);
    door::serve(listener, tls, app)
}

fn routes(config: &mut web::ServiceConfig) {
    let v1 = web::scope("/api/v1")
        .wrap(from_fn(auth::require))
        .route("/alerts", web::get().to(alerts::list))
        .route("/alerts/{id:.+}", web::get().to(alerts::show))
        .route("/status", web::get().to(status::status))
        .route("/counters", web::get().to(status::counters))
        .route("/receivers", web::get().to(status::receivers))
        .default_service(web::to(elsewhere));
    config
        .configure(page::routes)
        .route("/healthz", web::get().to(status::healthz))
        .route("/readyz", web::get().to(status::readyz))
        .service(v1)
        .default_service(web::to(elsewhere));
}

async fn elsewhere(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if request.method() != actix_web::http::Method::GET {
        return Err(ApiError::MethodNotAllowed { method: request.method().to_string() });
    }
    Err(ApiError::NotFound {
        message: format!("no such path: {}", request.path()),
        hint: "known are /api/v1/alerts, /api/v1/alerts/ID, /api/v1/status, /api/v1/counters, /api/v1/receivers",
    })
}
