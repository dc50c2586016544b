//! From the text of a field to the field.

use super::catalogue::{IDS, ROWS};
use super::{Argument, ArgumentRule, Class, Field, FieldFlags, FieldId, FieldRef, FieldType, Pattern};
use crate::event::{EventKind, ParameterType, Text};

/// How different a name may be (Jaro-Winkler) to be offered as what the user may have meant.
const SIMILARITY_MIN: f64 = 0.88;

/// Longest position that an argument may name.
const INDEX_MAX: u32 = 65_535;

/// Fields whose argument is written behind a dot.
const DOTTED: [(&str, FieldId); 13] = [
    ("evt.arg", FieldId::EvtArg),
    ("evt.rawarg", FieldId::EvtRawarg),
    ("evt.type.is", FieldId::EvtTypeIs),
    ("evt.abspath", FieldId::EvtAbspath),
    ("thread.cgroup", FieldId::ThreadCgroup),
    ("container.label", FieldId::ContainerLabel),
    ("k8s.pod.label", FieldId::K8sPodLabel),
    ("k8s.rc.label", FieldId::K8sRcLabel),
    ("k8s.rs.label", FieldId::K8sRsLabel),
    ("k8s.svc.label", FieldId::K8sSvcLabel),
    ("k8s.ns.label", FieldId::K8sNsLabel),
    ("k8s.deployment.label", FieldId::K8sDeploymentLabel),
    ("k8smeta.pod.label", FieldId::K8smetaPodLabel),
];

/// Fields whose bracketed argument is a position.
const INDEXED: [FieldId; 9] = [
    FieldId::ProcAname,
    FieldId::ProcAexe,
    FieldId::ProcAexepath,
    FieldId::ProcAcmdline,
    FieldId::ProcAargs,
    FieldId::ProcApid,
    FieldId::ProcArgs,
    FieldId::EvtArg,
    FieldId::FdTypes,
];

/// Why a text does not name a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// There is no such field.
    #[error("filter_check called with nonexistent field {0}")]
    Unknown(String),
    /// It needs an argument.
    #[error("filter error: field '{0}' requires an argument, but none was given")]
    ArgumentMissing(String),
    /// It takes no argument.
    #[error("filter error: field '{0}' does not take an argument")]
    ArgumentUnexpected(String),
    /// The argument must be a position.
    #[error("filter error: field '{0}' requires a number as its argument, but '{1}' was given")]
    ArgumentNotNumber(String, String),
    /// The argument must be a regular expression.
    #[error("filter error: field '{0}' requires a regular expression as its argument, but '{1}' was given")]
    ArgumentNotPattern(String, String),
    /// No event has such a parameter.
    #[error("filter error: unknown event argument {0}")]
    UnknownParameter(String),
    /// No event has such a name.
    #[error("filter error: unknown event type {0}")]
    UnknownEvent(String),
    /// `evt.arg` without a name.
    #[error("filter error: evt.arg fields must be expressed explicitly")]
    ParameterNotNamed,
}

impl FieldRef {
    /// Finds the field of that name and bracketed argument.
    pub fn find(name: &str, argument: Option<&str>) -> Result<Self, FieldError> {
        if let Ok(row) = ROWS.binary_search_by(|row| row.name.cmp(name)) {
            return with_brackets(IDS[row], argument);
        }
        let dotted = DOTTED.iter().find_map(|(prefix, id)| Some((*id, name.strip_prefix(prefix)?.strip_prefix('.')?)));
        match (dotted, argument) {
            (Some((id, key)), None) => with_key(id, key),
            (Some(_), Some(_)) => Err(FieldError::ArgumentUnexpected(name.to_owned())),
            (None, _) => Err(FieldError::Unknown(name.to_owned())),
        }
    }

    /// Parses `name`, `name[argument]` or `name.argument`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        match text.split_once('[') {
            None => Self::find(text, None),
            Some((name, rest)) => match rest.strip_suffix(']') {
                Some(argument) => Self::find(name, Some(argument.trim_matches(['"', '\'']))),
                None => Err(FieldError::Unknown(text.to_owned())),
            },
        }
    }

    /// Type of its value; of `evt.rawarg` the type of the parameter, `None` when it cannot be compared.
    pub fn value_type(&self) -> Option<FieldType> {
        let kind = self.field().kind;
        if kind != FieldType::Dynamic {
            return Some(kind);
        }
        let Argument::Key(name) = &self.argument else { return None };
        match parameter_type(name)? {
            ParameterType::Signed => Some(FieldType::Signed),
            ParameterType::Unsigned => Some(FieldType::Unsigned),
            ParameterType::AbsoluteTime => Some(FieldType::AbsoluteTime),
            ParameterType::RelativeTime => Some(FieldType::RelativeTime),
            ParameterType::Text => Some(FieldType::Text),
            ParameterType::Bytes => Some(FieldType::Bytes),
            ParameterType::Account | ParameterType::Opaque => None,
        }
    }

    /// Whether its value is a list.
    pub fn is_list(&self) -> bool {
        self.field().flags.has(FieldFlags::LIST)
    }
}

impl std::fmt::Display for FieldRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.field().name;
        match &self.argument {
            Argument::None => f.write_str(name),
            Argument::Index(index) => write!(f, "{name}[{index}]"),
            Argument::Key(key) if key.is_empty() => f.write_str(name),
            Argument::Key(key) if DOTTED.iter().any(|(_, id)| *id == self.id) => write!(f, "{name}.{key}"),
            Argument::Key(key) => write!(f, "{name}[{key}]"),
            Argument::Pattern(pattern) => write!(f, "{name}[{}]", pattern.as_str()),
        }
    }
}

/// The field name that the user may have meant.
pub fn closest(name: &str) -> Option<&'static str> {
    let listed = ROWS.iter().filter(|row| !row.flags.has(FieldFlags::HIDDEN));
    listed
        .map(|row| (strsim::jaro_winkler(name, row.name), row.name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, name)| name)
}

/// The longest beginning of `text` that names a field, with the rest. Output formats need it: `%proc.nameand`.
pub fn longest_prefix(text: &str) -> Option<(FieldRef, usize)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(text.len());
    let bracket = text[end..].strip_prefix('[').and_then(|rest| rest.find(']')).map(|close| end + close + 2);
    if let Some(field) = bracket.and_then(|bracket| FieldRef::parse(&text[..bracket]).ok()) {
        return Some((field, bracket.unwrap_or(end)));
    }
    (1..=end).rev().find_map(|length| Some((FieldRef::find(&text[..length], None).ok()?, length)))
}

fn with_brackets(id: FieldId, argument: Option<&str>) -> Result<FieldRef, FieldError> {
    let row = id.field();
    match (row.argument, argument) {
        (ArgumentRule::None, Some(_)) => Err(FieldError::ArgumentUnexpected(row.name.to_owned())),
        (ArgumentRule::Required, None) if id == FieldId::EvtAbspath => with_key(id, ""),
        (ArgumentRule::Required, None) if id == FieldId::EvtArg => Err(FieldError::ParameterNotNamed),
        (ArgumentRule::Required, None) => Err(FieldError::ArgumentMissing(row.name.to_owned())),
        (_, None) => Ok(FieldRef::plain(id)),
        (_, Some(argument)) if INDEXED.contains(&id) || is_position_in_document(row) => {
            let index = argument.parse().ok().filter(|index| *index <= INDEX_MAX);
            let wrong = || FieldError::ArgumentNotNumber(row.name.to_owned(), argument.to_owned());
            Ok(FieldRef { id, argument: Argument::Index(index.ok_or_else(wrong)?) })
        }
        (_, Some(argument)) => match argument.parse().ok().filter(|index| *index <= INDEX_MAX) {
            Some(index) if takes_both(id) => Ok(FieldRef { id, argument: Argument::Index(index) }),
            None if takes_both(id) && id != FieldId::ProcAenv => with_pattern(id, argument),
            _ => with_key(id, argument),
        },
    }
}

/// Optional arguments of fields of requests to the API server are positions, required ones are keys.
fn is_position_in_document(row: &Field) -> bool {
    row.class == Class::KubernetesAudit && row.argument == ArgumentRule::Optional
}

/// Fields that take a position or a key.
fn takes_both(id: FieldId) -> bool {
    matches!(
        id,
        FieldId::ContainerMount
            | FieldId::ContainerMountSource
            | FieldId::ContainerMountDest
            | FieldId::ContainerMountMode
            | FieldId::ContainerMountRdwr
            | FieldId::ContainerMountPropagation
            | FieldId::ProcAenv
    )
}

fn with_pattern(id: FieldId, pattern: &str) -> Result<FieldRef, FieldError> {
    let wrong = || FieldError::ArgumentNotPattern(id.field().name.to_owned(), pattern.to_owned());
    let pattern = Pattern::new(pattern).ok_or_else(wrong)?;
    Ok(FieldRef { id, argument: Argument::Pattern(pattern) })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the keys of other fields are free")]
fn with_key(id: FieldId, key: &str) -> Result<FieldRef, FieldError> {
    match id {
        FieldId::EvtRawarg if parameter_type(key).is_none() => Err(FieldError::UnknownParameter(key.to_owned())),
        FieldId::EvtArg if key.is_empty() => Err(FieldError::ParameterNotNamed),
        FieldId::EvtTypeIs if EventKind::from_name(key).is_none() => Err(FieldError::UnknownEvent(key.to_owned())),
        FieldId::EvtAbspath if !matches!(key, "" | "src" | "dst") => {
            Err(FieldError::Unknown(format!("{}.{key}", id.field().name)))
        }
        _ => Ok(FieldRef { id, argument: Argument::Key(Text::from(key)) }),
    }
}

/// Falco takes the type from the first event of its table that has a parameter of that name; our table is sorted by
/// name. Here the two differ.
const DECIDED: [(&str, ParameterType); 8] = [
    ("flags", ParameterType::Unsigned),
    ("gid", ParameterType::Account),
    ("id", ParameterType::Unsigned),
    ("key", ParameterType::Signed),
    ("size", ParameterType::Unsigned),
    ("source", ParameterType::Unsigned),
    ("type", ParameterType::Unsigned),
    ("uid", ParameterType::Account),
];

fn parameter_type(name: &str) -> Option<ParameterType> {
    if let Some((_, decided)) = DECIDED.iter().find(|(parameter, _)| *parameter == name) {
        return Some(*decided);
    }
    let rows = EventKind::all().flat_map(|kind| kind.schema().parameters);
    rows.into_iter().find(|(parameter, _)| *parameter == name).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_sorted_and_every_name_leads_back_to_its_row() {
        assert!(ROWS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for id in FieldId::all() {
            assert_eq!(id.field().name, ROWS[id as usize].name);
        }
    }

    #[test]
    fn names_with_arguments_print_as_they_are_written() {
        for name in [
            "proc.name",
            "proc.aname[2]",
            "evt.arg.flags",
            "evt.arg[1]",
            "evt.rawarg.res",
            "proc.env[PATH]",
            "evt.abspath.src",
            "ka.req.pod.containers.image[0]",
            "ka.uri.param[command]",
            "jevt.value[/requestObject/spec]",
        ] {
            assert_eq!(FieldRef::parse(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn mistakes_in_names_are_told_apart() {
        for (name, text) in [
            ("proc.nam", "nonexistent field proc.nam"),
            ("proc.name[1]", "does not take an argument"),
            ("evt.arg", "must be expressed explicitly"),
            ("proc.aname[x]", "requires a number"),
            ("ka.req.service.ports[x]", "requires a number"),
            ("jevt.value", "requires an argument"),
            ("evt.rawarg.nothing", "unknown event argument nothing"),
            ("evt.type.is.nothing", "unknown event type nothing"),
            ("container.mount", "requires an argument"),
        ] {
            let error = FieldRef::parse(name).unwrap_err().to_string();
            assert!(error.contains(text), "{name}: {error}");
        }
        assert_eq!(closest("proc.nmae"), Some("proc.name"));
    }

    #[test]
    fn the_longest_name_wins_in_running_text() {
        let prefix = |text| longest_prefix(text).map(|(field, length)| (field.to_string(), length));
        assert_eq!(prefix("proc.nameand"), Some(("proc.name".into(), 9)));
        assert_eq!(prefix("proc.aname[0]and"), Some(("proc.aname[0]".into(), 13)));
        assert_eq!(prefix("some.field"), None);
    }
}
