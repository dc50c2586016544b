//! An agent that says exactly what a test wants it to say.

use std::time::Duration;

use tiercel_detection::event::Timestamp;
use tiercel_detection::{Alert, Priority};
use tiercel_proto::mtls::{ClientTls, Role};
use tiercel_proto::v1;
use tiercel_proto::v1::ingest_client::IngestClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use crate::bench::Bench;

/// A connected agent.
pub(crate) struct Agent {
    requests: mpsc::Sender<v1::ForwardRequest>,
    responses: Streaming<v1::ForwardResponse>,
    spool: [u8; 16],
}

/// What the cluster said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Everything up to there is counted.
    Ack(u64),
    /// Come back.
    Retry { expected: u64, leader: String, reason: String },
}

impl Agent {
    /// Connects to a node with a certificate of that name; the spool has the same name.
    pub(crate) async fn connect(bench: &Bench, node: u64, name: &str) -> Result<Self, tonic::Status> {
        let tls = ClientTls::new(&bench.credentials(Role::Agent, name));
        let channel = tls
            .connect(bench.ingest_address(node), None)
            .await
            .map_err(|error| tonic::Status::unavailable(error.to_string()))?;
        let (requests, stream) = mpsc::channel(64);
        let mut spool = [0; 16];
        spool[..name.len()].copy_from_slice(name.as_bytes());
        let hello = v1::Hello { spool_id: spool.to_vec().into(), generation: 1, ..v1::Hello::default() };
        let hello = v1::ForwardRequest { kind: Some(v1::forward_request::Kind::Hello(hello)) };
        requests.send(hello).await.unwrap();
        let responses = IngestClient::new(channel).forward(ReceiverStream::new(stream)).await?.into_inner();
        Ok(Self { requests, responses, spool })
    }

    /// Sends alerts with consecutive numbers and returns the answer.
    pub(crate) async fn send(&mut self, first: u64, rules: &[&str]) -> Answer {
        self.submit(first, rules).await;
        self.answer().await
    }

    /// Sends without waiting.
    pub(crate) async fn submit(&mut self, first: u64, rules: &[&str]) {
        let items = rules.iter().map(|rule| v1::Item { kind: Some(v1::item::Kind::Alert((&alert(rule)).into())) });
        self.submit_items(first, items.collect()).await;
    }

    /// Sends any items.
    pub(crate) async fn submit_items(&mut self, first_sequence: u64, items: Vec<v1::Item>) {
        let spool_id = self.spool.to_vec().into();
        let batch = v1::Batch { spool_id, generation: 1, lane: 1, first_sequence, items };
        let request = v1::ForwardRequest { kind: Some(v1::forward_request::Kind::Batch(batch)) };
        self.requests.send(request).await.unwrap();
    }

    /// Waits for the next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        self.try_answer().await.unwrap()
    }

    /// Waits for the next answer, or for the end of the stream.
    pub(crate) async fn try_answer(&mut self) -> Result<Answer, String> {
        let response = tokio::time::timeout(Duration::from_secs(30), self.responses.message()).await;
        let response = response.map_err(|_| "no answer".to_owned())?.map_err(|status| status.message().to_owned())?;
        match response.and_then(|response| response.kind) {
            Some(v1::forward_response::Kind::Ack(ack)) => Ok(Answer::Ack(ack.sequence)),
            Some(v1::forward_response::Kind::Retry(retry)) => Ok(Answer::Retry {
                expected: retry.expected_sequence,
                leader: retry.leader_address,
                reason: retry.reason,
            }),
            None => Err("stream ended".to_owned()),
        }
    }
}

/// An alert of that rule.
pub(crate) fn alert(rule: &str) -> Alert {
    Alert {
        time: Timestamp(1_700_000_000_000_000_000),
        rule: rule.into(),
        priority: Priority::Warning,
        source: "syscall".into(),
        hostname: "web-1".into(),
        output: rule.into(),
        fields: Vec::new(),
        tags: [].into_iter().collect(),
    }
}
