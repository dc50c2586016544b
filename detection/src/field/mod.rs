//! The field catalogue: what a rule can ask about an event, and where the answer comes from.

mod catalogue;
mod document;
mod lookup;
mod reference;
pub(crate) mod services;
mod source;
mod value;
mod view;

pub use catalogue::{Field, FieldId};
pub use document::DocumentView;
pub use lookup::{FieldError, closest, longest_prefix};
pub use reference::reference;
pub use value::Value;
pub use view::EventView;
pub(crate) use view::result_text;

/// Bits that say how a file is opened, in Falco's encoding.
pub(crate) mod access {
    pub(crate) use super::view::{CREATE, CREATED, MODE_EXECUTE, READ, TEMPORARY, WRITE};
}

use crate::event::{EventKind, Text, Timestamp};

/// What a field is about; the order is the order of `rules list --fields`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The event itself.
    Event,
    /// The process and its ancestors.
    Process,
    /// The effective and the login user.
    User,
    /// The effective group.
    Group,
    /// The descriptor of the event.
    Descriptor,
    /// Paths of system calls on paths.
    Path,
    /// Descriptors of `poll`.
    Poll,
    /// The container and its pod.
    Container,
    /// Kubernetes objects.
    Kubernetes,
    /// Requests to the API server of Kubernetes.
    KubernetesAudit,
    /// Events that are JSON documents.
    Json,
    /// Not for users.
    Internal,
}

impl Class {
    /// Heading of the class.
    pub fn title(self) -> &'static str {
        match self {
            Self::Event => "events",
            Self::Process => "processes and their ancestors",
            Self::User => "users",
            Self::Group => "groups",
            Self::Descriptor => "file descriptors and sockets",
            Self::Path => "paths of system calls",
            Self::Poll => "descriptors of poll",
            Self::Container => "containers and pods",
            Self::Kubernetes => "Kubernetes objects",
            Self::KubernetesAudit => "requests to the API server of Kubernetes",
            Self::Json => "events that are JSON documents",
            Self::Internal => "internal",
        }
    }
}

/// Type of a field's value, as far as comparison treats types apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text or a path.
    Text,
    /// A signed number.
    Signed,
    /// An unsigned number.
    Unsigned,
    /// Nanoseconds since the epoch.
    AbsoluteTime,
    /// Nanoseconds.
    RelativeTime,
    /// A fraction.
    Double,
    /// A truth value.
    Bool,
    /// A port number or service name.
    Port,
    /// An IP address.
    Address,
    /// An IP address that is compared with networks.
    Network,
    /// Raw bytes.
    Bytes,
    /// The type of the event parameter that the argument names.
    Dynamic,
}

/// Whether a field takes an argument in brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentRule {
    /// It takes none.
    None,
    /// It may have one.
    Optional,
    /// It needs one.
    Required,
}

/// Restrictions and marks of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldFlags(u16);

impl FieldFlags {
    /// Only usable in conditions.
    pub const FILTER_ONLY: Self = Self(1);
    /// Only usable in outputs.
    pub const PRINT_ONLY: Self = Self(1 << 1);
    /// Not listed.
    pub const HIDDEN: Self = Self(1 << 2);
    /// Deprecated.
    pub const DEPRECATED: Self = Self(1 << 3);
    /// Not usable in a comparison of two fields.
    pub const NO_RIGHT: Self = Self(1 << 4);
    /// Not usable in a transformer.
    pub const NO_TRANSFORM: Self = Self(1 << 5);
    /// Added to the output of every rule.
    pub const SUGGESTED: Self = Self(1 << 6);
    /// Its value is a list.
    pub const LIST: Self = Self(1 << 7);
    /// Known by name, so that rules load, but never filled from the events that we capture today.
    pub const UNSET: Self = Self(1 << 8);
    /// Known by name, so that rules load, but never filled, by Falco neither.
    pub const NEVER: Self = Self(1 << 9);
    /// Asked of the machine when a rule or an output reads it, which is later than the event.
    pub const LATE: Self = Self(1 << 10);

    /// Both.
    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The argument of a field.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Argument {
    /// None was given.
    #[default]
    None,
    /// A position: `proc.aname[2]`, `evt.arg[1]`.
    Index(u32),
    /// A key: `evt.arg.flags`, `proc.env[PATH]`.
    Key(Text),
    /// A pattern that picks one of several: `container.mount.dest[/proc*]`.
    Pattern(Pattern),
}

/// A regular expression that is searched for anywhere in a text; equal when written equally.
#[derive(Debug, Clone)]
pub struct Pattern(regex::Regex);

impl Pattern {
    /// Bound on the compiled size, so that a rule file cannot exhaust memory.
    const BYTES_MAX: usize = 1 << 20;

    /// Compiles it; `None` when it is not a regular expression.
    pub fn new(text: &str) -> Option<Self> {
        regex::RegexBuilder::new(text).size_limit(Self::BYTES_MAX).build().ok().map(Self)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is found in the text.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl std::hash::Hash for Pattern {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// A field with its argument.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldRef {
    /// Which field.
    pub id: FieldId,
    /// Its argument.
    pub argument: Argument,
}

impl FieldRef {
    /// A field without argument.
    pub fn plain(id: FieldId) -> Self {
        Self { id, argument: Argument::None }
    }

    /// Its row in the catalogue.
    pub fn field(&self) -> &'static Field {
        self.id.field()
    }
}

impl FieldId {
    /// Its row in the catalogue.
    pub fn field(self) -> &'static Field {
        &catalogue::ROWS[self as usize]
    }

    /// Whether it is the name of an address, of which there may be several.
    pub fn is_host_name(self) -> bool {
        matches!(self, Self::FdCipName | Self::FdSipName | Self::FdLipName | Self::FdRipName)
    }

    /// All fields, in order of their names.
    pub fn all() -> impl Iterator<Item = Self> {
        catalogue::IDS.iter().copied()
    }
}

/// Something that has answers to what rules ask: an event, or a map of fields written by hand.
pub trait Fields {
    /// The value of a field; `None` when it cannot be extracted. Of fields that have several values in conditions
    /// (`fd.ip`, bare `proc.aname`) it is the one that outputs print.
    fn value(&self, field: &FieldRef) -> Option<Value<'_>>;

    /// Calls `test` with each value that a condition on the field looks at, until it says true; returns whether it did.
    fn any_value(&self, field: &FieldRef, test: impl FnMut(&Value<'_>) -> bool) -> bool;

    /// What happened; `None` when not known, then every rule is evaluated.
    fn kind(&self) -> Option<EventKind>;

    /// When it happened.
    fn time(&self) -> Timestamp;
}
