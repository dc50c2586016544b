//! A webhook receiver that keeps what it is sent: one JSON line for each request, flushed before it answers.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;

/// What `tiercel-loadtest sink` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct SinkArguments {
    /// Address to listen on; loopback only.
    #[arg(long, default_value = "127.0.0.1:9801")]
    pub listen: SocketAddr,
    /// File to append request bodies to, one a line.
    #[arg(long)]
    pub file: PathBuf,
}

/// Bodies above this are refused; notifications are far smaller.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// When the address is not a loopback one or is taken, or the file cannot be opened.
pub fn run(arguments: &SinkArguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments.listen.ip().is_loopback(),
        "refusing to listen on {}: not a loopback address",
        arguments.listen
    );
    let file = web::Data::new(Mutex::new(open(&arguments.file)?));
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(file.clone())
                .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
                .default_service(web::post().to(keep))
        })
        .workers(1)
        .bind(arguments.listen)
        .with_context(|| format!("failed to listen on {}", arguments.listen))?;
        server.run().await.context("failed to serve")
    })
}

fn open(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("failed to open {} for appending", path.display()))
}

async fn keep(file: web::Data<Mutex<File>>, body: web::Bytes) -> HttpResponse {
    let mut line: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'\n').collect();
    line.push(b'\n');
    let written = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
    match written {
        Ok(()) => HttpResponse::Ok().finish(),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
