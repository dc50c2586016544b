//! The connection: opens a stream to one aggregator, carries requests out and answers in, and says when it is over.

use std::time::Duration;

use tiercel_proto::error::{Chain, WireError};
use tiercel_proto::mtls::{ClientTls, Credentials};
use tiercel_proto::v1;
use tiercel_proto::v1::ingest_client::IngestClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::decisions::WINDOW_BATCHES_MAX;
use super::worker::Order;

/// Requests that may wait between the worker and the network: the windows of all lanes, the greeting and heartbeats.
/// The worker never has more on its way, so it never has to wait here.
pub(super) const REQUESTS_MAX: usize = 3 * WINDOW_BATCHES_MAX + 8;

/// How long an aggregator may take to open the stream.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// What the worker tells the link.
#[derive(Debug)]
pub(super) enum ToLink {
    /// Connect, and greet with this.
    Connect { attempt: Attempt, address: String, hello: v1::Hello },
    /// Send, if this is still the connection.
    Request { attempt: Attempt, request: Box<v1::ForwardRequest> },
    /// Close the connection.
    Disconnect { attempt: Attempt },
}

/// Numbers the connections of a run, so that news of an old one is not taken for news of the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attempt(pub(super) u64);

/// What the link tells the worker.
#[derive(Debug)]
pub(super) enum FromLink {
    Connected,
    Response(v1::ForwardResponse),
    Disconnected { reason: String },
}

/// Opens connections.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) credentials: Credentials,
    pub(super) server_name: Option<String>,
    pub(super) inbox: mpsc::Receiver<ToLink>,
    /// Weak: the connection must not keep the worker alive that nobody else needs any more.
    pub(super) worker: mpsc::WeakSender<Order>,
}

impl Link {
    /// Makes one connection after the other, as it is told to, until the worker is gone.
    pub(super) async fn run(mut self) {
        while let Some(message) = self.inbox.recv().await {
            // Anything else is for a connection that has ended.
            if let ToLink::Connect { attempt, address, hello } = message {
                let reason = self.converse(attempt, &address, hello).await;
                self.tell(attempt, FromLink::Disconnected { reason }).await;
            }
        }
    }

    /// Returns why the connection ended.
    async fn converse(&mut self, attempt: Attempt, address: &str, hello: v1::Hello) -> String {
        if let Err(error) = self.credentials.reload() {
            tracing::warn!(%error, "failed to read certificates again, the ones read before stay in use");
        }
        let (requests, receiver) = mpsc::channel(REQUESTS_MAX);
        let greeting = v1::ForwardRequest { kind: Some(v1::forward_request::Kind::Hello(hello)) };
        requests.try_send(greeting).expect("the channel was just made");
        match self.open(address, receiver).await {
            Ok(responses) => {
                self.tell(attempt, FromLink::Connected).await;
                self.carry(attempt, &requests, responses).await
            }
            Err(reason) => reason,
        }
    }

    async fn open(
        &self,
        address: &str,
        requests: mpsc::Receiver<v1::ForwardRequest>,
    ) -> Result<Streaming<v1::ForwardResponse>, String> {
        let tls = ClientTls::new(&self.credentials);
        let connection = tls.connect(address, self.server_name.as_deref()).await;
        let channel = connection.map_err(|error| Chain(&error).to_string())?;
        let mut client = IngestClient::new(channel);
        let opened = tokio::time::timeout(OPEN_TIMEOUT, client.forward(ReceiverStream::new(requests))).await;
        let response = opened.map_err(|_| format!("aggregator did not open the stream within {OPEN_TIMEOUT:?}"))?;
        Ok(response.map_err(|status| WireError::from(&status).to_string())?.into_inner())
    }

    async fn carry(
        &mut self,
        attempt: Attempt,
        requests: &mpsc::Sender<v1::ForwardRequest>,
        mut responses: Streaming<v1::ForwardResponse>,
    ) -> String {
        loop {
            tokio::select! {
                message = self.inbox.recv() => match message {
                    Some(ToLink::Request { attempt: of, request }) if of == attempt => {
                        if requests.send(*request).await.is_err() {
                            return "connection was closed".to_owned();
                        }
                    }
                    Some(ToLink::Request { .. } | ToLink::Connect { .. }) => {}
                    Some(ToLink::Disconnect { attempt: of }) if of != attempt => {}
                    Some(ToLink::Disconnect { .. }) | None => return "closed by us".to_owned(),
                },
                response = responses.message() => match response {
                    Ok(Some(response)) => self.tell(attempt, FromLink::Response(response)).await,
                    Ok(None) => return "aggregator closed the stream".to_owned(),
                    Err(status) => return WireError::from(&status).to_string(),
                },
            }
        }
    }

    async fn tell(&self, attempt: Attempt, news: FromLink) {
        let Some(worker) = self.worker.upgrade() else { return };
        if worker.send(Order::News { attempt, news }).await.is_err() {
            tracing::debug!("the uplink has stopped, news of the connection is dropped");
        }
    }
}
