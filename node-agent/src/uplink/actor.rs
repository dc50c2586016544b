//! The shell: one mailbox in, threads behind it.

use std::future::Future;
use std::io;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Recipient, WrapFuture,
};
use tiercel_detection::Alert;
use tiercel_proto::mtls::{Credentials, Role, TlsFileError};
use tokio::sync::{mpsc, oneshot};

use super::config::UplinkConfig;
use super::link::{self, Link};
use super::metrics::{NodeReport, UplinkMetrics};
use super::spool::{Spool, SpoolError};
use super::worker::{ORDERS_MAX, Order, SharedMetrics, Worker};

/// Batches of the detector that may wait. When the worker cannot keep up, the actor stops reading its mailbox, the
/// mailbox fills, and the sender of a batch is told so: it keeps the batch and tries again. Nothing is dropped here.
const MAILBOX_BATCHES_MAX: usize = 64;

/// Alerts on their way to the spool.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct AlertBatch(pub Vec<Alert>);

/// What the cluster is to hear of this node with the next heartbeat.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ReportNode(pub NodeReport);

/// Hands batches over to the worker in the order in which they come.
#[derive(Debug)]
pub struct UplinkActor {
    worker: mpsc::Sender<Order>,
}

impl Actor for UplinkActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        context.set_mailbox_capacity(MAILBOX_BATCHES_MAX);
    }
}

impl Handler<AlertBatch> for UplinkActor {
    type Result = ();

    fn handle(&mut self, batch: AlertBatch, context: &mut Self::Context) {
        self.hand_over(Order::Alerts(batch.0), context);
    }
}

impl Handler<ReportNode> for UplinkActor {
    type Result = ();

    fn handle(&mut self, report: ReportNode, context: &mut Self::Context) {
        self.hand_over(Order::Report(report.0), context);
    }
}

impl UplinkActor {
    fn hand_over(&self, order: Order, context: &mut Context<Self>) {
        let worker = self.worker.clone();
        let handed_over = async move { worker.send(order).await.is_ok() };
        // No other message is handled before this one is with the worker.
        context.wait(handed_over.into_actor(self).map(|is_alive, _, context| {
            if !is_alive {
                tracing::error!("the uplink worker is gone");
                context.stop();
            }
        }));
    }
}

/// The running uplink.
#[derive(Debug, Clone)]
pub struct UplinkHandle {
    actor: Addr<UplinkActor>,
    worker: mpsc::Sender<Order>,
    metrics: SharedMetrics,
}

impl UplinkHandle {
    /// Where batches go.
    pub fn recipient(&self) -> Recipient<AlertBatch> {
        self.actor.clone().recipient()
    }

    /// Where news of the node goes.
    pub fn report_recipient(&self) -> Recipient<ReportNode> {
        self.actor.clone().recipient()
    }

    /// How it goes.
    pub fn metrics(&self) -> UplinkMetrics {
        self.metrics.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether the actor can still take batches.
    pub fn is_alive(&self) -> bool {
        self.actor.connected() && !self.worker.is_closed()
    }

    /// Puts everything that was handed over on disk, then waits until the cluster has it all, at most so long.
    /// Returns how many alerts still wait in the spool, or `None` if the worker is gone. The last step of a shutdown,
    /// once nobody sends batches any more.
    pub fn flush(&self, grace: Duration) -> impl Future<Output = Option<u64>> + use<> {
        let (actor, worker) = (self.actor.clone(), self.worker.clone());
        async move {
            // Behind whatever is in the mailbox already.
            actor.send(AlertBatch(Vec::new())).await.ok()?;
            let (done, answer) = oneshot::channel();
            worker.send(Order::Flush { deadline: Instant::now() + grace, done }).await.ok()?;
            answer.await.ok()
        }
    }
}

/// Why the uplink could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The spool.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// The operating system.
    #[error("failed to start uplink thread: {0}")]
    Thread(#[from] io::Error),
}

/// Opens the spool and starts the uplink; must be called within an actix system. It ends when the last handle and
/// recipient are gone.
pub fn start(config: UplinkConfig) -> Result<UplinkHandle, StartError> {
    let credentials = Credentials::load(config.tls.clone(), Role::Agent)?;
    let spool = Spool::open(config.spool.clone())?;
    let (orders, inbox) = mpsc::channel(ORDERS_MAX);
    let (to_link, from_worker) = mpsc::channel(link::REQUESTS_MAX);
    let worker = Worker::new(spool, &config, inbox, to_link);
    let metrics = worker.metrics();
    let link = Link { credentials, server_name: config.server_name, inbox: from_worker, worker: orders.downgrade() };
    run_on_thread("uplink-spool", worker.run())?;
    run_on_thread("uplink-link", link.run())?;
    let actor = UplinkActor { worker: orders.clone() }.start();
    Ok(UplinkHandle { actor, worker: orders, metrics })
}

/// Threads of their own: a disk that hangs must not stop the network, and neither may stop the sensor.
fn run_on_thread(name: &str, work: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name.to_owned()).spawn(move || runtime.block_on(work))?;
    Ok(())
}
