//! One agent's stream: batches are submitted as they come and answered in their order.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{FuturesOrdered, StreamExt as _};
use tiercel_detection::event::Text;
use tiercel_proto::envelope::{Generation, SpoolId};
use tiercel_proto::error::Chain;
use tiercel_proto::v1;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};
use tracing::{debug, info, trace, warn};

use super::figures::add;
use super::intake::Intake;
use crate::raft::{Admitted, ProposeError};
use crate::triage::BatchReply;

/// Batches of one agent that wait for their answer. The agent has as many under way as it likes; beyond these the stream
/// is not read, and the agent feels it.
const UNANSWERED_BATCHES_MAX: usize = 32;

/// When to come back, by reason.
const AFTER_ELECTION: Duration = Duration::from_millis(500);
const AFTER_BUSY: Duration = Duration::from_millis(200);
const AFTER_UNKNOWN: Duration = Duration::from_millis(100);
const AFTER_CONFLICT: Duration = Duration::from_secs(30);
const AT_ONCE: Duration = Duration::ZERO;

type Response = Result<v1::ForwardResponse, Status>;
type Requests = Streaming<v1::ForwardRequest>;

/// One connected agent.
pub(super) struct Session {
    intake: Intake,
    node: Text,
    responses: mpsc::Sender<Response>,
    unanswered: FuturesOrdered<BoxFuture<'static, v1::ForwardResponse>>,
}

/// Where an answer belongs.
#[derive(Debug, Clone)]
struct Address {
    spool_id: bytes::Bytes,
    generation: u32,
    lane: u32,
}

impl Session {
    pub(super) fn new(intake: Intake, node: Arc<str>, responses: mpsc::Sender<Response>) -> Self {
        Self { intake, node, responses, unanswered: FuturesOrdered::new() }
    }

    /// Serves the stream until the agent ends it or the node stops. What was submitted by then is answered first.
    pub(super) async fn run(mut self, requests: Requests, stop: CancellationToken) {
        add(&self.intake.counts.streams, 1);
        let end = self.serve(requests, stop).await;
        self.intake.counts.streams.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        match end {
            Ok(()) => info!(agent = &*self.node, "agent disconnected"),
            Err(status) => {
                warn!(agent = &*self.node, error = status.message(), "closed stream of agent");
                // If the agent is gone it does not need to know.
                drop(self.responses.send(Err(status)).await);
            }
        }
    }

    async fn serve(&mut self, mut requests: Requests, stop: CancellationToken) -> Result<(), Status> {
        let mut ended = false;
        while !ended || !self.unanswered.is_empty() {
            tokio::select! {
                Some(response) = self.unanswered.next(), if !self.unanswered.is_empty() => {
                    if self.responses.send(Ok(response)).await.is_err() {
                        return Ok(());
                    }
                }
                () = stop.cancelled(), if !ended => ended = true,
                request = requests.next(), if !ended && self.unanswered.len() < UNANSWERED_BATCHES_MAX => {
                    match request {
                        Some(Ok(request)) => self.handle(request)?,
                        Some(Err(status)) => {
                            debug!(agent = &*self.node, error = %Chain(&status), "stream of agent broke");
                            ended = true;
                        }
                        None => ended = true,
                    }
                }
            }
        }
        Ok(())
    }

    fn handle(&mut self, request: v1::ForwardRequest) -> Result<(), Status> {
        match request.kind {
            Some(v1::forward_request::Kind::Hello(hello)) => self.greet(&hello),
            Some(v1::forward_request::Kind::Batch(batch)) => self.submit(batch),
            Some(v1::forward_request::Kind::Heartbeat(heartbeat)) => {
                trace!(agent = &*self.node, lost = heartbeat.lost_total, "heartbeat");
                Ok(())
            }
            None => Err(Status::invalid_argument("request is of no known kind")),
        }
    }

    fn greet(&self, hello: &v1::Hello) -> Result<(), Status> {
        let spool =
            SpoolId::from_slice(&hello.spool_id).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let (version, generation) = (&hello.agent_version, Generation(hello.generation));
        info!(agent = &*self.node, version, %spool, %generation, "agent connected");
        Ok(())
    }

    fn submit(&mut self, batch: v1::Batch) -> Result<(), Status> {
        let address = Address { spool_id: batch.spool_id.clone(), generation: batch.generation, lane: batch.lane };
        let batch = self.intake.parser.batch(&self.node, batch)?;
        let admitted = self.intake.submit(vec![batch], false);
        let (intake, node) = (self.intake.clone(), self.node.clone());
        self.unanswered.push_back(
            async move {
                let response = address.response(&node, admitted.await);
                count(&intake, &response);
                response.response
            }
            .boxed(),
        );
        Ok(())
    }
}

/// An answer, and what it counts as.
struct Answer {
    response: v1::ForwardResponse,
    busy: bool,
    unknown: bool,
}

fn count(intake: &Intake, answer: &Answer) {
    let counts = &intake.counts;
    match &answer.response.kind {
        Some(v1::forward_response::Kind::Ack(_)) => add(&counts.acknowledged, 1),
        Some(v1::forward_response::Kind::Retry(_)) | None => add(&counts.put_off, 1),
    }
    add(&counts.busy, usize::from(answer.busy));
    add(&counts.unknown, usize::from(answer.unknown));
}

impl Address {
    fn response(&self, node: &str, result: Result<Admitted, ProposeError>) -> Answer {
        let busy = matches!(result, Err(ProposeError::Busy));
        let unknown = matches!(result, Err(ProposeError::Unknown));
        let kind = match result {
            Ok(admitted) => self.admitted(node, &admitted),
            Err(error) => self.put_off(&error),
        };
        Answer { response: v1::ForwardResponse { kind: Some(kind) }, busy, unknown }
    }

    fn admitted(&self, node: &str, admitted: &Admitted) -> v1::forward_response::Kind {
        match admitted.replies.first() {
            Some(BatchReply::Accepted { through }) => v1::forward_response::Kind::Ack(v1::Ack {
                spool_id: self.spool_id.clone(),
                generation: self.generation,
                lane: self.lane,
                sequence: through.0,
                log_index: admitted.log_index,
            }),
            Some(BatchReply::Gap { expected }) => {
                let retry = self.retry(AT_ONCE, format!("alerts before it are missing, expected {expected}"));
                v1::forward_response::Kind::Retry(v1::Retry { expected_sequence: expected.0, ..retry })
            }
            Some(BatchReply::Conflict) => {
                warn!(agent = node, "refused batch: another node sends under the same spool id");
                let reason = "another node sends under the same spool id; was the spool copied with the disk?";
                v1::forward_response::Kind::Retry(self.retry(AFTER_CONFLICT, reason.to_owned()))
            }
            Some(BatchReply::Full) => {
                warn!(agent = node, "refused batch: too many spools are known");
                v1::forward_response::Kind::Retry(self.retry(AFTER_CONFLICT, "too many spools are known".to_owned()))
            }
            // A reply for each batch is what apply promises; without one there is nothing to acknowledge.
            None => self.put_off(&ProposeError::Unknown),
        }
    }

    fn put_off(&self, error: &ProposeError) -> v1::forward_response::Kind {
        let after = match error {
            ProposeError::NotLeader { .. } | ProposeError::NoQuorum { .. } | ProposeError::Stopping => AFTER_ELECTION,
            ProposeError::Busy => AFTER_BUSY,
            ProposeError::Unknown => AFTER_UNKNOWN,
        };
        let retry = self.retry(after, error.to_string());
        let leader_address = match error {
            ProposeError::NotLeader { leader: Some((_, member)) } => member.ingest.clone(),
            ProposeError::NotLeader { leader: None }
            | ProposeError::NoQuorum { .. }
            | ProposeError::Busy
            | ProposeError::Unknown
            | ProposeError::Stopping => String::new(),
        };
        v1::forward_response::Kind::Retry(v1::Retry { leader_address, ..retry })
    }

    fn retry(&self, after: Duration, reason: String) -> v1::Retry {
        v1::Retry {
            spool_id: self.spool_id.clone(),
            generation: self.generation,
            lane: self.lane,
            after_milliseconds: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
            expected_sequence: 0,
            reason,
            leader_address: String::new(),
        }
    }
}
