//! The gRPC service that agents call.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use tiercel_proto::mtls::{Credentials, Role, ServerTls, peer};
use tiercel_proto::v1;
use tiercel_proto::v1::ingest_server::{Ingest, IngestServer};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::error;

use super::intake::Intake;
use super::session::Session;

/// Largest message of an agent. Its batches end at 512 KiB, give or take one alert of at most
/// 256 KiB; the rest is room for what its skips say about rules.
const MESSAGE_BYTES_MAX: usize = 2 << 20;

/// Answers of one stream that wait for the network.
const RESPONSES_WAITING_MAX: usize = 64;

/// Pings, to notice agents that died without a word.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Answers agents on that listener until it is told to stop; ends when all streams have their last answers. Must be
/// called inside a tokio runtime, on which it runs.
pub fn serve(
    intake: Intake,
    listener: TcpListener,
    credentials: &Credentials,
    stop: CancellationToken,
) -> JoinHandle<()> {
    let incoming = ServerTls::new(credentials, &[Role::Agent]).incoming(listener);
    let service =
        IngestServer::new(Service { intake, stop: stop.clone() }).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let server = tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
    tokio::spawn(async move {
        if let Err(error) = server.await {
            error!(error = %tiercel_proto::error::Chain(&error), "failed to serve agents");
        }
    })
}

struct Service {
    intake: Intake,
    stop: CancellationToken,
}

#[tonic::async_trait]
impl Ingest for Service {
    type ForwardStream = Pin<Box<dyn Stream<Item = Result<v1::ForwardResponse, Status>> + Send>>;

    async fn forward(
        &self,
        request: Request<Streaming<v1::ForwardRequest>>,
    ) -> Result<Response<Self::ForwardStream>, Status> {
        // The name in the certificate, never one in a message.
        let node: Arc<str> = peer(&request)?.identity.name().into();
        let (sender, responses) = mpsc::channel(RESPONSES_WAITING_MAX);
        let session = Session::new(self.intake.clone(), node, sender);
        tokio::spawn(session.run(request.into_inner(), self.stop.clone()));
        Ok(Response::new(Box::pin(ReceiverStream::new(responses))))
    }
}
