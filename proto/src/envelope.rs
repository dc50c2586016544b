//! Who an alert is: the identity that makes a resent alert recognisable for ever.
//!
//! The spool of an agent numbers every alert. The number is never used for another alert, not even after a power
//! cut that takes the end of the spool with it, because each start of the agent opens a new generation before it
//! numbers anything. So the cluster can count each alert exactly once with one integer for each lane.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tiercel_detection::{Alert, Priority};

/// Name of one spool directory: 16 random bytes, made with the directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpoolId(pub [u8; 16]);

impl SpoolId {
    /// Makes a new name.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().into_bytes())
    }

    /// Reads the name from the bytes of a message.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ParseIdError> {
        bytes.try_into().map(Self).map_err(|_| ParseIdError::SpoolLength { length: bytes.len() })
    }
}

impl fmt::Display for SpoolId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for SpoolId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SpoolId({self})")
    }
}

impl FromStr for SpoolId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wrong = || ParseIdError::Spool { text: text.to_owned() };
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return Err(wrong());
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| wrong())?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// How many times an agent has started with this spool; durable before the first alert of the run is numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Generation(pub u32);

impl fmt::Display for Generation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Position of an alert in its lane; starts at 1 and has no gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The first one of each lane.
    pub const FIRST: Self = Self(1);

    /// The one `count` places further on.
    #[must_use]
    pub fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The queue that an alert travels in. Each lane has its own sequence, so that what is urgent may overtake what is
/// not without leaving a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// Critical and worse: on disk before it is sent.
    Critical = 0,
    /// Error and warning.
    Important = 1,
    /// Notice and below.
    Rest = 2,
}

impl Lane {
    /// All lanes, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Important, Self::Rest];

    /// The lane of that priority.
    pub fn of(priority: Priority) -> Self {
        match priority {
            Priority::Emergency | Priority::Alert | Priority::Critical => Self::Critical,
            Priority::Error | Priority::Warning => Self::Important,
            Priority::Notice | Priority::Informational | Priority::Debug => Self::Rest,
        }
    }

    /// The number on the wire.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The place of the lane in an array with one element a lane.
    pub fn index(self) -> usize {
        self as usize
    }

    /// The lane of that number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|lane| lane.number() == number)
    }

    /// The name for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Important => "important",
            Self::Rest => "rest",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Identity of one alert. Its text is `spool/generation/lane/sequence`, the lane as a number:
/// `00112233445566778899aabbccddeeff/7/0/42`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertId {
    /// The spool that numbered it.
    pub spool: SpoolId,
    /// The run of the agent.
    pub generation: Generation,
    /// The lane.
    pub lane: Lane,
    /// The number in the lane.
    pub sequence: Sequence,
}

impl fmt::Display for AlertId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}/{}", self.spool, self.generation, self.lane.number(), self.sequence)
    }
}

impl FromStr for AlertId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wrong = || ParseIdError::Alert { text: text.to_owned() };
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or_else(wrong);
        let spool = next()?.parse().map_err(|_| wrong())?;
        let generation = Generation(number(next()?).ok_or_else(wrong)?);
        let lane = number(next()?).and_then(Lane::from_number).ok_or_else(wrong)?;
        let sequence = Sequence(number(next()?).ok_or_else(wrong)?);
        if parts.next().is_some() || sequence < Sequence::FIRST {
            return Err(wrong());
        }
        Ok(Self { spool, generation, lane, sequence })
    }
}

/// Parses a number in the one form that we print, so that an alert has one text only.
fn number<N: FromStr + ToString>(text: &str) -> Option<N> {
    text.parse::<N>().ok().filter(|number| number.to_string() == text)
}

/// One alert under its identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// Who it is.
    pub id: AlertId,
    /// What it says.
    pub alert: Alert,
}

/// Why a text or a message is not an identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// The bytes are not 16.
    #[error("spool id has {length} bytes, expected 16")]
    SpoolLength {
        /// How many there were.
        length: usize,
    },
    /// The text is not 32 hexadecimal digits.
    #[error("`{text}` is not a spool id: expected 32 lower-case hexadecimal digits")]
    Spool {
        /// The text.
        text: String,
    },
    /// The text does not have the four parts.
    #[error("`{text}` is not an alert id: expected spool/generation/lane/sequence")]
    Alert {
        /// The text.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00112233445566778899aabbccddeeff/7/1/42";

    #[test]
    fn alert_id_keeps_its_text() {
        let id: AlertId = TEXT.parse().unwrap();
        assert_eq!(id.to_string(), TEXT);
        assert_eq!(id.lane, Lane::Important);
        assert_eq!(id.sequence, Sequence(42));
    }

    #[test]
    fn alert_id_has_one_text_only() {
        let wrong = [
            "",
            "00112233445566778899aabbccddeeff/7/1",
            "00112233445566778899aabbccddeeff/7/1/42/",
            "00112233445566778899aabbccddeeff/7/3/42",
            "00112233445566778899aabbccddeeff/7/1/0",
            "00112233445566778899aabbccddeeff/07/1/42",
            "00112233445566778899aabbccddeeff/+7/1/42",
            "00112233445566778899AABBCCDDEEFF/7/1/42",
            "0112233445566778899aabbccddeeff/7/1/42",
        ];
        for text in wrong {
            assert_eq!(text.parse::<AlertId>(), Err(ParseIdError::Alert { text: text.to_owned() }), "{text}");
        }
    }

    #[test]
    fn every_priority_has_the_lane_of_its_urgency() {
        let lanes: Vec<u32> = Priority::ALL.iter().map(|priority| Lane::of(*priority).number()).collect();
        assert_eq!(lanes, [0, 0, 0, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn spool_id_of_wrong_length_is_refused() {
        assert_eq!(SpoolId::from_slice(&[0; 15]), Err(ParseIdError::SpoolLength { length: 15 }));
        assert_eq!(SpoolId::from_slice(&[7; 16]), Ok(SpoolId([7; 16])));
    }
}
