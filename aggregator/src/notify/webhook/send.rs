//! One attempt, and what its answer means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use futures::future::BoxFuture;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};

use super::super::{DeliveryError, Notifier};
use super::message::{Message, Signer};
use crate::triage::Notification;

/// The longest pause that a receiver may ask for; a wrong `Retry-After` must not silence it for a day.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// How much of an error body is kept for the log.
const ERROR_BODY_CHARS_MAX: usize = 200;

/// How much of an error body is read at most.
const ERROR_BODY_BYTES_MAX: usize = 4096;

/// Posts to one URL.
#[derive(Debug)]
pub(in super::super) struct WebhookNotifier {
    pub(super) client: Client,
    pub(super) url: Url,
    pub(super) timeout: Duration,
    pub(super) signer: Option<Signer>,
}

impl Notifier for WebhookNotifier {
    fn kind(&self) -> &'static str {
        "webhook"
    }

    /// Without user, password, path and query: many services put the token there.
    fn target(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn deliver<'a>(&'a self, notification: &'a Notification) -> BoxFuture<'a, Result<(), DeliveryError>> {
        Box::pin(self.post(notification))
    }
}

impl WebhookNotifier {
    async fn post(&self, notification: &Notification) -> Result<(), DeliveryError> {
        let Message { headers, body } = Message::render(notification, self.signer.as_ref(), unix_seconds_now());
        let sent = self.client.post(self.url.clone()).headers(headers).body(body).send().await;
        let response = sent
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("failed to post to {}", self.target()))
            .map_err(DeliveryError::retryable)?;
        match classify(response.status()) {
            Class::Delivered => Ok(()),
            Class::Retryable => {
                let after = retry_after(response.headers(), unix_seconds_now());
                Err(DeliveryError::Retryable { after, source: self.refusal(response).await })
            }
            Class::Final => Err(DeliveryError::permanent(self.refusal(response).await)),
        }
    }

    async fn refusal(&self, response: Response) -> anyhow::Error {
        let status = response.status();
        let body = read_start(response).await;
        let body: String = body.trim().chars().filter(|c| !c.is_control()).take(ERROR_BODY_CHARS_MAX).collect();
        match body.as_str() {
            "" => anyhow!("{} answered {status}", self.target()),
            body => anyhow!("{} answered {status}: {body}", self.target()),
        }
    }
}

/// Reads as much of the body as is worth keeping.
async fn read_start(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < ERROR_BODY_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        bytes.extend_from_slice(&chunk[..chunk.len().min(ERROR_BODY_BYTES_MAX - bytes.len())]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[derive(Debug, PartialEq, Eq)]
enum Class {
    Delivered,
    Retryable,
    Final,
}

fn classify(status: StatusCode) -> Class {
    let passing = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    if status.is_success() {
        Class::Delivered
    } else if status.is_server_error() || passing.contains(&status) {
        Class::Retryable
    } else {
        Class::Final
    }
}

/// `Retry-After` is a number of seconds or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now_unix_seconds: u64) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?;
            u64::try_from(date.timestamp().as_second()).ok()?.saturating_sub(now_unix_seconds)
        }
    };
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

fn unix_seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_whether_to_try_again() {
        let classes = [200, 204, 299, 301, 400, 401, 404, 408, 410, 425, 429, 500, 503]
            .map(|status| (status, classify(StatusCode::from_u16(status).unwrap())));
        for (status, class) in classes {
            let expected = match status {
                200..=299 => Class::Delivered,
                408 | 425 | 429 | 500.. => Class::Retryable,
                _ => Class::Final,
            };
            assert_eq!(class, expected, "{status}");
        }
    }

    #[test]
    fn pauses_are_read_in_both_forms_and_bounded() {
        let after = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, 1_700_000_000).map(|pause| pause.as_secs())
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after("999999999"), Some(3600));
        assert_eq!(after("Tue, 14 Nov 2023 22:13:50 GMT"), Some(30));
        assert_eq!(after("Tue, 14 Nov 2023 22:00:00 GMT"), Some(0));
        assert_eq!(after("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), 0), None);
    }
}
