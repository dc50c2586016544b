//! Falco's web server (`/healthz`, `/versions`, `/metrics`): the status server of this program at Falco's address.

use std::net::SocketAddr;
use std::sync::mpsc::sync_channel;

use anyhow::Context as _;
use tiercel_agent::metrics;
use tiercel_agent::status::{self, Readiness, Status};

use super::session::now;

/// Serves until the process ends, on a thread of its own. Metrics are counted from here on.
pub(super) fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let metrics = metrics::install().context("failed to install the metrics recorder")?;
    let status = Status {
        readiness: Readiness::default(),
        metrics,
        engine_name: "tiercel_ebpf",
        started: now(),
        refresh: Box::new(|| {}),
    };
    let (sender, started) = sync_channel(1);
    let body = move || {
        actix_rt::System::new().block_on(async move {
            let server = status::serve(listen, status);
            let runs = server.is_ok();
            // Whoever waits for it is there until it has heard.
            drop(sender.send(server.map(drop)));
            if runs {
                std::future::pending::<()>().await;
            }
        });
    };
    std::thread::Builder::new().name("web".to_owned()).spawn(body)?;
    started.recv().context("failed to start the web server")?
}
