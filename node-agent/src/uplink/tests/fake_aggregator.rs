//! An aggregator over real mutual TLS that counts as the cluster does, and misbehaves as it is told to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tiercel_certs::{Authority, PairFiles, Request, Validity};
use tiercel_proto::mtls::{Credentials, Role, ServerTls, TlsFiles, peer};
use tiercel_proto::v1::ingest_server::{Ingest, IngestServer};
use tiercel_proto::v1::{self, forward_request, forward_response, item};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

/// Certificates of one test.
pub(super) struct Pki {
    dir: TempDir,
    authority: Authority,
}

impl Pki {
    pub(super) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let authority = Authority::create("tiercel", Validity::days(SystemTime::now(), 1)).unwrap();
        authority.save(dir.path()).unwrap();
        Self { dir, authority }
    }

    pub(super) fn issue(&self, role: Role, name: &str) -> TlsFiles {
        let validity = Validity::days(SystemTime::now(), 1);
        let request = Request { role, name: name.to_owned(), dns_names: vec![], addresses: vec![], validity };
        let issued = self.authority.issue(&request).unwrap();
        let PairFiles { certificate, key } = issued.save(self.dir.path(), role, name).unwrap();
        TlsFiles { ca: self.dir.path().join("ca.pem"), certificate, key }
    }
}

/// How an aggregator treats batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As it should.
    Good,
    /// Counts, and never acknowledges.
    Mute,
    /// Counts, and closes the stream instead of acknowledging, every third time.
    Rude,
    /// Does not take half of the batches, in no order.
    Busy,
}

/// The state of the cluster, shared by its members.
#[derive(Debug, Clone, Default)]
pub(super) struct Cluster(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) next: BTreeMap<(Vec<u8>, u32, u32), u64>,
    /// Times of the alerts, in the order in which they were counted.
    pub(super) alerts: Vec<u64>,
    pub(super) duplicates: u64,
    pub(super) skipped: u64,
    pub(super) batches: u64,
    pub(super) heartbeats: Vec<v1::Heartbeat>,
    pub(super) hellos: Vec<v1::Hello>,
    pub(super) agents: Vec<String>,
}

impl Cluster {
    pub(super) fn read<T>(&self, read: impl FnOnce(&Counts) -> T) -> T {
        read(&self.0.lock().unwrap())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

impl Counts {
    /// Counts each sequence once; a gap is not taken.
    fn take(&mut self, batch: &v1::Batch) -> Result<u64, u64> {
        self.batches += 1;
        let next = self.next.entry((batch.spool_id.to_vec(), batch.generation, batch.lane)).or_insert(1);
        if batch.first_sequence > *next {
            return Err(*next);
        }
        let mut sequence = batch.first_sequence;
        for item in &batch.items {
            match item.kind.as_ref().unwrap() {
                item::Kind::Alert(alert) if sequence >= *next => self.alerts.push(alert.time_unix_nanos),
                item::Kind::Alert(_) => self.duplicates += 1,
                item::Kind::Skip(skip) => {
                    self.skipped += (sequence + skip.count).saturating_sub(sequence.max(*next));
                    sequence += skip.count - 1;
                }
            }
            sequence += 1;
            *next = (*next).max(sequence);
        }
        Ok(*next - 1)
    }
}

/// One member, on threads of its own: with it its connections die, as those of a killed process do.
pub(super) struct FakeAggregator {
    pub(super) address: String,
    runtime: Option<Runtime>,
}

impl FakeAggregator {
    pub(super) fn start(pki: &Pki, name: &str, cluster: &Cluster, manner: Manner) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let credentials = Credentials::load(pki.issue(Role::Aggregator, name), Role::Aggregator).unwrap();
        let service = IngestServer::new(Service { cluster: cluster.clone(), manner });
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let incoming = ServerTls::new(&credentials, &[Role::Agent]).incoming(listener);
            let server = tonic::transport::Server::builder().add_service(service);
            server.serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, runtime: Some(runtime) }
    }
}

impl Drop for FakeAggregator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Service {
    cluster: Cluster,
    manner: Manner,
}

#[tonic::async_trait]
impl Ingest for Service {
    type ForwardStream = ReceiverStream<Result<v1::ForwardResponse, Status>>;

    async fn forward(
        &self,
        request: tonic::Request<Streaming<v1::ForwardRequest>>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        let agent = peer(&request)?.identity.to_string();
        self.cluster.change(|counts| counts.agents.push(agent));
        let (responses, receiver) = mpsc::channel(64);
        tokio::spawn(serve(self.cluster.clone(), self.manner, request.into_inner(), responses));
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

async fn serve(
    cluster: Cluster,
    manner: Manner,
    mut requests: Streaming<v1::ForwardRequest>,
    responses: mpsc::Sender<Result<v1::ForwardResponse, Status>>,
) {
    while let Ok(Some(request)) = requests.message().await {
        let batch = match request.kind.unwrap() {
            forward_request::Kind::Hello(hello) => {
                cluster.change(|counts| counts.hellos.push(hello));
                continue;
            }
            forward_request::Kind::Heartbeat(heartbeat) => {
                cluster.change(|counts| counts.heartbeats.push(heartbeat));
                continue;
            }
            forward_request::Kind::Batch(batch) => batch,
        };
        let (number, taken) = cluster.change(|counts| {
            let refused = manner == Manner::Busy && is_refused(counts.batches);
            let taken = if refused {
                counts.batches += 1;
                Err(0)
            } else {
                counts.take(&batch)
            };
            (counts.batches, taken)
        });
        match manner {
            Manner::Mute => continue,
            Manner::Rude if number.is_multiple_of(3) => return,
            Manner::Good | Manner::Busy | Manner::Rude => {}
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        if responses.send(Ok(answer(&batch, taken))).await.is_err() {
            return;
        }
    }
}

/// Mixes the number of the batch. A strict alternation could keep in step with the window of the agent for ever.
fn is_refused(batch: u64) -> bool {
    batch.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 1
}

fn answer(batch: &v1::Batch, taken: Result<u64, u64>) -> v1::ForwardResponse {
    let (spool_id, generation, lane) = (batch.spool_id.clone(), batch.generation, batch.lane);
    let kind = match taken {
        Ok(sequence) => forward_response::Kind::Ack(v1::Ack { spool_id, generation, lane, sequence, log_index: 1 }),
        Err(expected_sequence) => forward_response::Kind::Retry(v1::Retry {
            spool_id,
            generation,
            lane,
            after_milliseconds: 5,
            expected_sequence,
            reason: "busy".to_owned(),
            leader_address: String::new(),
        }),
    };
    v1::ForwardResponse { kind: Some(kind) }
}
