//! Writing a line and flushing it.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use futures::future::BoxFuture;
use tokio::io::{AsyncWrite, AsyncWriteExt, Stdout};
use tokio::sync::Mutex;

use super::super::{DeliveryError, Notifier, document};
use crate::triage::Notification;

/// A reader that does not read for so long has a full pipe and is treated as failing.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Writes lines, one at a time.
pub(in super::super) struct StdoutNotifier<W = Stdout> {
    writer: Mutex<W>,
    timeout: Duration,
}

impl StdoutNotifier {
    pub(in super::super) fn new() -> Self {
        Self::to(tokio::io::stdout(), WRITE_TIMEOUT)
    }
}

impl<W: AsyncWrite + Unpin + Send> StdoutNotifier<W> {
    pub(super) fn to(writer: W, timeout: Duration) -> Self {
        Self { writer: Mutex::new(writer), timeout }
    }

    async fn write(&self, line: &str) -> anyhow::Result<()> {
        let mut writer = self.writer.lock().await;
        writer.write_all(line.as_bytes()).await.context("failed to write to standard output")?;
        writer.flush().await.context("failed to flush standard output")
    }
}

impl<W> fmt::Debug for StdoutNotifier<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("StdoutNotifier")
    }
}

impl<W: AsyncWrite + Unpin + Send> Notifier for StdoutNotifier<W> {
    fn kind(&self) -> &'static str {
        "stdout"
    }

    fn target(&self) -> String {
        "standard output".to_owned()
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn deliver<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(async move {
            let line = document::render(notification) + "\n";
            match tokio::time::timeout(self.timeout, self.write(&line)).await {
                // A part of the line, or all of it, may be in the pipe.
                Ok(written) => written.map_err(|error| DeliveryError::retryable(true, error)),
                Err(elapsed) => Err(DeliveryError::retryable(
                    true,
                    anyhow::Error::new(elapsed).context("failed to write to standard output in time"),
                )),
            }
        })
    }
}
