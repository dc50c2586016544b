//! An alert as the log and the state hold it: what decisions need in the open, the rest as it came over the wire.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use tiercel_detection::event::Text;
use tiercel_detection::{Alert, Fingerprint, Priority};
use tiercel_proto::{ConvertError, v1};

/// Priority as a serialisable number; the syslog severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Severity(pub Priority);

impl TryFrom<u8> for Severity {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Priority::from_number(number).map(Self).ok_or_else(|| format!("priority {number} is not 0 to 7"))
    }
}

impl From<Severity> for u8 {
    fn from(severity: Severity) -> Self {
        severity.0.number()
    }
}

/// An alert that was parsed and judged before it was proposed.
///
/// Fingerprint and routes are computed by the proposing leader and travel in the log, so that replicas with other
/// configuration or another version of a matcher still reach the same state.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAlert {
    /// Name of the rule.
    pub rule: Text,
    /// Priority of the rule.
    pub severity: Severity,
    /// Name of the node that saw it.
    pub hostname: Text,
    /// Identity of the finding ([`Fingerprint`]).
    pub fingerprint: u128,
    /// The receivers that the route tree chose, in its order, without repeats.
    pub receivers: Arc<[Text]>,
    /// The alert as a wire message.
    pub body: Bytes,
}

impl StoredAlert {
    /// The identity of the finding.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(self.fingerprint)
    }

    /// Reads the whole alert back.
    pub fn decode(&self) -> Result<Alert, DecodeAlertError> {
        let message = v1::Alert::decode(self.body.clone())?;
        Ok(Alert::try_from(message)?)
    }
}

impl fmt::Debug for StoredAlert {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoredAlert({} on {}, {} bytes)", self.rule, self.hostname, self.body.len())
    }
}

/// Why the bytes in the log are not an alert: a defect, since they were parsed before they were proposed.
#[derive(Debug, thiserror::Error)]
pub enum DecodeAlertError {
    /// The bytes are not a message.
    #[error("failed to decode stored alert")]
    Message(#[from] prost::DecodeError),
    /// The message is not an alert.
    #[error("failed to read stored alert")]
    Alert(#[from] ConvertError),
}
