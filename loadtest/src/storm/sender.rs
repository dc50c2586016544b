//! The wire of a storm: connect, send within the window, read acknowledgements, move on to the next aggregator.

use std::time::{Duration, Instant};

use tiercel_proto::envelope::SpoolId;
use tiercel_proto::mtls::{ClientTls, Credentials};
use tiercel_proto::v1;
use tiercel_proto::v1::forward_request::Kind as Request;
use tiercel_proto::v1::forward_response::Kind as Response;
use tiercel_proto::v1::ingest_client::IngestClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{LANE, Ledger, StormArguments, Sums, alert};

/// Without an acknowledgement for this long the connection counts as lost; above the cluster's own failover time it
/// would hide it.
const SILENCE_MAX: Duration = Duration::from_secs(2);

/// How long one address may take to connect before the next is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);

/// Pause between two connection attempts.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);

/// Messages between the ledger and the socket.
const CHANNEL_MESSAGES_MAX: usize = 8;

/// `announce` is called each time this many more alerts are acknowledged.
const ANNOUNCE_EVERY: u64 = 500;

/// One synthetic agent.
#[derive(Debug)]
pub struct Storm {
    arguments: StormArguments,
    tls: ClientTls,
    spool: SpoolId,
    ledger: Ledger,
    started: Instant,
    connections: u64,
    retries: u64,
    announced: u64,
}

/// How a connection ended.
enum Ended {
    Done,
    Lost,
}

impl Storm {
    /// Prepares a storm of that producer.
    pub fn new(arguments: StormArguments, credentials: &Credentials, spool: SpoolId) -> Self {
        let ledger = Ledger::new(arguments.alerts, arguments.window, arguments.batch);
        let tls = ClientTls::new(credentials);
        Self { arguments, tls, spool, ledger, started: Instant::now(), connections: 0, retries: 0, announced: 0 }
    }

    /// Sends until everything is acknowledged or `timeout` has passed, and returns the sums.
    pub async fn run(mut self, timeout: Duration, announce: impl Fn(u64)) -> Sums {
        self.started = Instant::now();
        // What is not acknowledged by then shows in the sums.
        tokio::time::timeout(timeout, self.send_everything(&announce)).await.ok();
        announce(self.ledger.acknowledged());
        self.ledger.sums(self.spool.to_string(), self.connections.saturating_sub(1), self.retries)
    }

    async fn send_everything(&mut self, announce: &impl Fn(u64)) {
        for address in self.arguments.aggregators.clone().iter().cycle() {
            if let Ok(Ok(channel)) = tokio::time::timeout(CONNECT_TIMEOUT, self.connect(address)).await {
                self.connections += 1;
                if matches!(self.use_connection(channel, announce).await, Ended::Done) {
                    return;
                }
                self.ledger.go_back();
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    async fn connect(&self, address: &str) -> anyhow::Result<IngestClient<tonic::transport::Channel>> {
        let channel = self.tls.connect(address, self.arguments.server_name.as_deref()).await?;
        Ok(IngestClient::new(channel))
    }

    async fn use_connection(
        &mut self,
        mut client: IngestClient<tonic::transport::Channel>,
        announce: &impl Fn(u64),
    ) -> Ended {
        let (requests, receiver) = mpsc::channel(CHANNEL_MESSAGES_MAX);
        if requests.try_send(self.hello()).is_err() {
            return Ended::Lost;
        }
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, client.forward(ReceiverStream::new(receiver))).await;
        let Ok(Ok(response)) = opened else { return Ended::Lost };
        let mut responses = response.into_inner();
        while !self.ledger.is_done() {
            if !self.fill_window(&requests).await {
                return Ended::Lost;
            }
            match self.wait_for_answer(&mut responses).await {
                Some(()) => self.announce(announce),
                None => return Ended::Lost,
            }
        }
        Ended::Done
    }

    /// Sends what the window allows; false when the connection is gone.
    async fn fill_window(&mut self, requests: &mpsc::Sender<v1::ForwardRequest>) -> bool {
        while let Some(range) = self.ledger.take_batch() {
            self.pace(range.start).await;
            let first_sequence = range.start;
            let items = range
                .map(|sequence| v1::Item { kind: Some(v1::item::Kind::Alert(alert(&self.arguments, sequence))) })
                .collect();
            let batch = v1::Batch {
                spool_id: self.spool.0.to_vec().into(),
                generation: 1,
                lane: LANE.number(),
                first_sequence,
                items,
            };
            if requests.send(v1::ForwardRequest { kind: Some(Request::Batch(batch)) }).await.is_err() {
                return false;
            }
            if self.arguments.rate > 0 {
                break;
            }
        }
        true
    }

    async fn pace(&self, sequence: u64) {
        if self.arguments.rate > 0 {
            let due = Duration::from_secs_f64(sequence as f64 / self.arguments.rate as f64);
            tokio::time::sleep(due.saturating_sub(self.started.elapsed())).await;
        }
    }

    /// Reads one answer; `None` when the connection is gone or silent for too long.
    async fn wait_for_answer(&mut self, responses: &mut Streaming<v1::ForwardResponse>) -> Option<()> {
        let answer = tokio::time::timeout(SILENCE_MAX, responses.message()).await.ok()?.ok()??;
        match answer.kind? {
            Response::Ack(ack) => self.ledger.acknowledge(ack.sequence, self.started.elapsed()),
            Response::Retry(retry) => {
                self.retries += 1;
                tokio::time::sleep(Duration::from_millis(retry.after_milliseconds.min(1_000))).await;
                self.ledger.go_back();
            }
        }
        Some(())
    }

    fn announce(&mut self, announce: &impl Fn(u64)) {
        if self.ledger.acknowledged() >= self.announced + ANNOUNCE_EVERY {
            self.announced = self.ledger.acknowledged();
            announce(self.announced);
        }
    }

    fn hello(&self) -> v1::ForwardRequest {
        let hello = v1::Hello {
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: "storm".to_owned(),
            spool_id: self.spool.0.to_vec().into(),
            generation: 1,
        };
        v1::ForwardRequest { kind: Some(Request::Hello(hello)) }
    }
}
