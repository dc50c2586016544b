//! What a webhook says: the body, and the headers of the Standard Webhooks convention
//! (https://www.standardwebhooks.com) with the attempt beside them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ring::hmac;

use super::super::document;
use crate::triage::Notification;

/// Marks a secret whose rest is base64.
const ENCODED_SECRET_PREFIX: &str = "whsec_";

/// Shorter secrets can be guessed; the convention asks for 24 to 64 bytes.
const SECRET_BYTES_MIN: usize = 16;

/// Most secrets in use at once: the old one and the new one.
const SECRETS_MAX: usize = 2;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Message {
    /// Renders the request of this attempt.
    pub(super) fn render(notification: &Notification, signer: Option<&Signer>, unix_seconds: u64) -> Self {
        let body = document::render(notification);
        let id = notification.key.to_string();
        let mut headers = HeaderMap::new();
        let mut set = |name: &'static str, value: String| {
            let value = HeaderValue::try_from(value).expect("ids, numbers and base64 are visible ASCII");
            headers.insert(HeaderName::from_static(name), value);
        };
        set("webhook-id", id.clone());
        set("webhook-timestamp", unix_seconds.to_string());
        set("x-attempt", notification.attempt.to_string());
        set("x-possible-duplicate", notification.possible_repeat.to_string());
        if let Some(signer) = signer {
            set("webhook-signature", signer.sign(&format!("{id}.{unix_seconds}.{body}")));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { headers, body }
    }
}

/// Signs with every secret in use, so that a receiver may be switched at its own time.
#[derive(Debug)]
pub(super) struct Signer {
    keys: Vec<hmac::Key>,
}

impl Signer {
    /// Reads secrets, one a line: `whsec_` and base64, or the bytes as they are.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let secrets = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = secrets.map(parse_key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() || keys.len() > SECRETS_MAX {
            return Err(format!("holds {} secrets: expected one, or two while they are being rotated", keys.len()));
        }
        Ok(Self { keys })
    }

    fn sign(&self, text: &str) -> String {
        let sign = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, text.as_bytes())));
        self.keys.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}

fn parse_key(line: &str) -> Result<hmac::Key, String> {
    let secret = match line.strip_prefix(ENCODED_SECRET_PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| "a secret that begins with whsec_ is not base64")?,
        None => line.as_bytes().to_vec(),
    };
    if secret.len() < SECRET_BYTES_MIN {
        return Err(format!("a secret has {} bytes: expected at least {SECRET_BYTES_MIN}", secret.len()));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_convention() {
        // The example of the Standard Webhooks specification.
        let signer = Signer::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let signed = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        assert_eq!(signer.sign(signed), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_give_two_signatures() {
        let signer = Signer::parse("0123456789abcdef\n\nfedcba9876543210\n").unwrap();
        assert_eq!(signer.sign("x").split(' ').count(), 2);
    }

    #[test]
    fn bad_secrets_are_refused_without_being_shown() {
        for text in [
            "",
            "\n\n",
            "short-one",
            "whsec_???????????????????",
            "0123456789abcdef\n0123456789abcdef\n0123456789abcdef",
        ] {
            let error = Signer::parse(text).unwrap_err();
            assert!(!error.contains("short-one") && !error.contains("abcdef"), "{error}");
        }
    }
}
