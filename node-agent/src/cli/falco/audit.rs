//! Requests to an API server as a feed: a log file, or a webhook with a thread of its own.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use tiercel_agent::kubernetes_audit::{AuditFile, Intake, Overloaded, serve};
use tiercel_detection::event::Document;
use tiercel_detection::{Alert, Engine};
use tokio::sync::oneshot;

use super::plugins::AuditInput;

/// Events of a file that are judged before anything else is looked at.
const FILE_BATCH: usize = 256;

/// Batches that wait for their judgement; what comes while they wait is refused, and sent again by the API server.
const WAITING_MAX: usize = 16;

/// Audit events with the rules behind them.
pub(super) struct AuditFeed {
    source: Source,
    engine: Box<Engine>,
    count: u64,
}

enum Source {
    File(Box<AuditFile>),
    Webhook(Door),
}

impl AuditFeed {
    /// Opens the input.
    pub(super) fn open(input: &AuditInput, engine: Engine) -> anyhow::Result<Self> {
        let source = match input {
            AuditInput::File(path) => {
                let file = AuditFile::open(path).with_context(|| format!("failed to open {}", path.display()))?;
                Source::File(Box::new(file))
            }
            AuditInput::Webhook { listen, path, certificate } => {
                Source::Webhook(Door::open(*listen, path.clone(), certificate.as_deref())?)
            }
        };
        Ok(Self { source, engine: Box::new(engine), count: 0 })
    }

    /// Judges what is ready, waits at most so long when nothing is; `seen` hears of each event with the alerts about
    /// it. Returns whether more may follow.
    pub(super) fn judge(
        &mut self,
        patience: Duration,
        mut seen: impl FnMut(&Document, Vec<Alert>) -> bool,
    ) -> anyhow::Result<bool> {
        let mut judge = |document: &Document| {
            let mut alerts = Vec::new();
            self.engine.evaluate_document(document, &mut alerts);
            seen(document, alerts)
        };
        match &mut self.source {
            Source::File(file) => {
                for _ in 0..FILE_BATCH {
                    let next = file.next_event().context("failed to read the audit log")?;
                    if !next.is_some_and(|document| judge(&document)) {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Source::Webhook(door) => match door.batches.recv_timeout(patience) {
                Err(RecvTimeoutError::Timeout) => Ok(true),
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the audit webhook has ended"),
                Ok(batch) => {
                    for mut document in batch {
                        self.count += 1;
                        document.number = self.count;
                        if !judge(&document) {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                }
            },
        }
    }
}

/// A webhook that ends with its feed, so that a restart can listen at the same address.
struct Door {
    batches: Receiver<Vec<Document>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Door {
    fn open(listen: SocketAddr, path: String, certificate: Option<&Path>) -> anyhow::Result<Self> {
        // Falco keeps certificate and key in one file.
        let tls = certificate.map(|file| tiercel_proto::mtls::door_config(file, file, None)).transpose()?;
        let (sender, batches) = sync_channel(WAITING_MAX);
        let (stop, stopped) = oneshot::channel();
        let (report, started) = sync_channel(1);
        let body = move || {
            actix_rt::System::new().block_on(async move {
                let door = serve(listen, &path, tls, intake(sender));
                let door = match door {
                    Ok(door) => door,
                    // Whoever waits for it is there until it has heard.
                    Err(error) => return drop(report.send(Err(error))),
                };
                drop(report.send(Ok(())));
                // It ends when the feed says so, and when the feed is gone.
                drop(stopped.await);
                door.stop().await;
            });
        };
        let thread = std::thread::Builder::new().name("k8s-audit".to_owned()).spawn(body)?;
        started.recv().context("failed to start the audit webhook")??;
        Ok(Self { batches, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of it has ended the process already.
            drop(thread.join());
        }
    }
}

fn intake(sender: SyncSender<Vec<Document>>) -> Intake {
    Arc::new(move |events| {
        let taken = sender.try_send(events).map_err(|_| Overloaded);
        Box::pin(std::future::ready(taken))
    })
}
