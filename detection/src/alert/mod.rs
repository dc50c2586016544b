//! What the engine says when a rule matches, in the shape in which Falco prints it.

mod fingerprint;
mod json;

use std::sync::Arc;

pub use fingerprint::{FINGERPRINT_VERSION, Fingerprint};
pub use json::{AlertParseError, JsonKeys};

use crate::event::{Text, Timestamp};

/// Falco's priorities; the number is the syslog severity (0 is the most severe).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Priority {
    /// 0
    Emergency = 0,
    /// 1
    Alert = 1,
    /// 2
    Critical = 2,
    /// 3
    Error = 3,
    /// 4
    Warning = 4,
    /// 5
    Notice = 5,
    /// 6
    Informational = 6,
    /// 7
    Debug = 7,
}

impl Priority {
    /// All priorities, most severe first.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Informational,
        Self::Debug,
    ];

    /// The name that outputs print.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "Emergency",
            Self::Alert => "Alert",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Informational => "Informational",
            Self::Debug => "Debug",
        }
    }

    /// Parses a name, ignoring case; `INFO` is an alias of `INFORMATIONAL`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("info") {
            return Some(Self::Informational);
        }
        Self::ALL.into_iter().find(|priority| priority.name().eq_ignore_ascii_case(name))
    }

    /// The syslog severity.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The priority of that syslog severity.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// A value of `output_fields`.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// The field could not be extracted; JSON `null`, text `<NA>`.
    Missing,
    /// A boolean.
    Bool(bool),
    /// A signed number.
    Signed(i64),
    /// An unsigned number.
    Unsigned(u64),
    /// A fraction.
    Float(f64),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<FieldValue>),
}

/// One alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// When the event happened.
    pub time: Timestamp,
    /// Name of the rule.
    pub rule: Text,
    /// Priority of the rule.
    pub priority: Priority,
    /// Event source: `syscall`, `k8s_audit`, `internal` ...
    pub source: Text,
    /// Name of the node.
    pub hostname: Text,
    /// The whole line as Falco prints it: time, priority and message.
    pub output: Text,
    /// The values of the fields that the output names, sorted by key.
    pub fields: Vec<(Text, FieldValue)>,
    /// Tags of the rule, sorted, without repeats.
    pub tags: Arc<[Text]>,
}

impl Alert {
    /// The value of one of its output fields; `None` when the output did not name the field.
    pub fn field(&self, name: &str) -> Option<&FieldValue> {
        let index = self.fields.binary_search_by(|(key, _)| (**key).cmp(name)).ok()?;
        Some(&self.fields[index].1)
    }
}

impl std::fmt::Display for FieldValue {
    /// Writes the value as the text form of an output has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("<NA>"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Signed(value) => write!(f, "{value}"),
            Self::Unsigned(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:.1}"),
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                f.write_str("(")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_str(")")
            }
        }
    }
}
