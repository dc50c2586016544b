//! The value of a field for one event.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::alert::FieldValue;

/// The value of a field for one event, borrowed from the event where it can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Text or a path.
    Text(Cow<'a, str>),
    /// A signed number.
    Signed(i64),
    /// An unsigned number, a time or a port.
    Unsigned(u64),
    /// A fraction.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// An IP address.
    Address(IpAddr),
    /// Raw bytes.
    Bytes(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// Borrowed text.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// Text that was made for this event.
    pub fn owned(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }

    /// The bytes that string comparisons look at; `None` for values that are not text.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text.as_bytes()),
            Self::Bytes(bytes) => Some(bytes),
            Self::Signed(_) | Self::Unsigned(_) | Self::Float(_) | Self::Bool(_) | Self::Address(_) | Self::List(_) => {
                None
            }
        }
    }

    /// The value as `output_fields` carries it.
    pub fn to_field_value(&self) -> FieldValue {
        match self {
            Self::Text(text) => FieldValue::Text(text.as_ref().into()),
            Self::Signed(value) => FieldValue::Signed(*value),
            Self::Unsigned(value) => FieldValue::Unsigned(*value),
            Self::Float(value) => FieldValue::Float(*value),
            Self::Bool(value) => FieldValue::Bool(*value),
            Self::Address(address) => FieldValue::Text(address.to_string().into()),
            Self::Bytes(bytes) => FieldValue::Text(printable(bytes).into()),
            Self::List(items) => FieldValue::List(items.iter().map(Value::to_field_value).collect()),
        }
    }

    /// The same value, independent of the event.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Signed(value) => Value::Signed(value),
            Self::Unsigned(value) => Value::Unsigned(value),
            Self::Float(value) => Value::Float(value),
            Self::Bool(value) => Value::Bool(value),
            Self::Address(address) => Value::Address(address),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
        }
    }
}

/// Bytes as Falco prints them: printable ASCII as it is, everything else as a dot.
pub(crate) fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' }).collect()
}
