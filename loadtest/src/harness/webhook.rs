//! A webhook receiver inside the test: it answers 200 and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::Context;
use serde_json::Value;

/// Bodies above this are refused; notifications are far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body; `Null` when it was no JSON.
    pub body: Value,
}

impl Delivery {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

type Deliveries = Arc<Mutex<Vec<Delivery>>>;

/// A receiver on loopback. It stops when it is dropped.
#[derive(Debug)]
pub struct WebhookSink {
    address: SocketAddr,
    deliveries: Deliveries,
    server: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl WebhookSink {
    /// Starts the receiver on a free port.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start() -> anyhow::Result<Self> {
        let deliveries = Deliveries::default();
        let kept = deliveries.clone();
        let (report, started) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("webhook".to_owned())
            .spawn(move || serve(kept, &report))
            .context("failed to start the webhook thread")?;
        let (address, server) = started.recv().context("the webhook receiver ended at start")??;
        Ok(Self { address, deliveries, server, thread: Some(thread) })
    }

    /// Where to send notifications.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What has come in so far, in order of arrival.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for WebhookSink {
    fn drop(&mut self) {
        // Sending the stop is enough; the thread ends when the server has.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(deliveries: Deliveries, report: &mpsc::Sender<anyhow::Result<(SocketAddr, ServerHandle)>>) {
    actix_web::rt::System::new().block_on(async move {
        let data = web::Data::new(deliveries);
        let server = HttpServer::new(move || {
            let limit = web::PayloadConfig::new(BODY_BYTES_MAX);
            App::new().app_data(data.clone()).app_data(limit).default_service(web::post().to(keep))
        });
        let bound = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).context("failed to listen");
        let started = bound.and_then(|server| {
            let address = *server.addrs().first().context("failed to read the address")?;
            Ok((address, server.run()))
        });
        match started {
            Ok((address, running)) => {
                drop(report.send(Ok((address, running.handle()))));
                drop(running.await);
            }
            Err(error) => drop(report.send(Err(error))),
        }
    });
}

async fn keep(request: HttpRequest, deliveries: web::Data<Deliveries>, body: web::Bytes) -> HttpResponse {
    let headers = request.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let delivery = Delivery { headers: headers.collect(), body: serde_json::from_slice(&body).unwrap_or(Value::Null) };
    deliveries.lock().unwrap_or_else(PoisonError::into_inner).push(delivery);
    HttpResponse::Ok().finish()
}
