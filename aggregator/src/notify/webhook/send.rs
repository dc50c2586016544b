//! One attempt, and what its answer means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::anyhow;
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
        let response = sent.map_err(|error| self.unanswered(error))?;
        match classify(response.status()) {
            Class::Delivered => Ok(()),
            Class::Retryable { may_have_arrived } => {
                let after = retry_after(response.headers(), unix_seconds_now());
                Err(DeliveryError::Retryable { after, may_have_arrived, source: self.refusal(response).await })
            }
            Class::Final => Err(DeliveryError::permanent(self.refusal(response).await)),
        }
    }

    /// Only without a connection it is sure that nothing arrived.
    fn unanswered(&self, error: reqwest::Error) -> DeliveryError {
        let may_have_arrived = !error.is_connect();
        let source = anyhow::Error::new(error.without_url()).context(format!("failed to post to {}", self.target()));
        DeliveryError::retryable(may_have_arrived, source)
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
    Retryable { may_have_arrived: bool },
    Final,
}

/// Answers with which the endpoint says that it did not take this request but may take the next: it is busy, or its
/// address, its proxy or our token is wrong until an operator repairs that.
const NOT_TAKEN: [StatusCode; 8] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_EARLY,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::SERVICE_UNAVAILABLE,
];

fn classify(status: StatusCode) -> Class {
    if status.is_success() {
        Class::Delivered
    } else if NOT_TAKEN.contains(&status) {
        Class::Retryable { may_have_arrived: false }
    } else if status.is_server_error() || status.is_redirection() {
        // A gateway may have lost the answer, and some endpoints redirect after they have taken a request.
        Class::Retryable { may_have_arrived: true }
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
        let statuses = [
            (Class::Delivered, &[200, 204, 299][..]),
            (Class::Retryable { may_have_arrived: false }, &[401, 403, 404, 407, 408, 425, 429, 503]),
            (Class::Retryable { may_have_arrived: true }, &[301, 302, 303, 308, 500, 502, 504]),
            (Class::Final, &[400, 405, 410, 413, 422]),
        ];
        for (class, statuses) in statuses {
            for status in statuses {
                assert_eq!(classify(StatusCode::from_u16(*status).unwrap()), class, "{status}");
            }
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
