//! Which remembered alerts a reader wants.

use regex::{Regex, RegexBuilder};
use tiercel_detection::{Fingerprint, Priority};

use super::record::Row;

/// The text is too long to be a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to build pattern: {length} bytes is longer than {PATTERN_BYTES_MAX}")]
pub struct PatternError {
    length: usize,
}

/// Longest pattern. Rule names and hosts are shorter; a bound keeps the compiled matcher small.
const PATTERN_BYTES_MAX: usize = 512;

/// A whole value, ignoring case; `*` stands for any text.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Builds the pattern of a text such as `Read sensitive*`.
    pub fn whole(text: &str) -> Result<Self, PatternError> {
        let body = text.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
        compile(&format!("^(?s:{body})$"), text.len())
    }

    /// Builds the pattern of a text that may stand anywhere.
    pub fn contained(text: &str) -> Result<Self, PatternError> {
        compile(&regex::escape(text), text.len())
    }

    fn matches(&self, value: &str) -> bool {
        self.0.is_match(value)
    }
}

fn compile(expression: &str, length: usize) -> Result<Pattern, PatternError> {
    let error = || PatternError { length };
    if length > PATTERN_BYTES_MAX {
        return Err(error());
    }
    RegexBuilder::new(expression).case_insensitive(true).build().map(Pattern).map_err(|_| error())
}

/// Text that an alert must contain in its output, its rule, its host, its tags or one of its field values.
#[derive(Debug, Clone)]
pub struct TextFilter {
    /// The text as it stands inside a JSON string: a cheap test that lets few wrong records through.
    in_json: Pattern,
    /// The text itself, for the values of the records that are left.
    in_value: Pattern,
}

/// What a reader asks for; every part that is given must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The rule.
    pub rule: Option<Pattern>,
    /// The least severe priority that is wanted.
    pub priority: Option<Priority>,
    /// The host.
    pub hostname: Option<Pattern>,
    /// The event source.
    pub source: Option<Pattern>,
    /// The finding.
    pub fingerprint: Option<Fingerprint>,
    /// Text somewhere in it.
    pub text: Option<TextFilter>,
}

impl Filter {
    pub(super) fn matches(&self, row: &Row<'_>) -> bool {
        let whole = |pattern: &Option<Pattern>, value| pattern.as_ref().is_none_or(|wanted| wanted.matches(value));
        self.priority.is_none_or(|least| row.priority() <= least)
            && self.fingerprint.is_none_or(|wanted| wanted.0 == row.fingerprint)
            && whole(&self.rule, row.rule)
            && whole(&self.hostname, row.hostname)
            && whole(&self.source, row.source)
            && self.text.as_ref().is_none_or(|text| text.matches(row.alert_json))
    }
}

impl TextFilter {
    /// Builds the filter; case is ignored.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let quoted = serde_json::Value::from(text).to_string();
        let in_json = Pattern::contained(&quoted[1..quoted.len() - 1])?;
        Ok(Self { in_json, in_value: Pattern::contained(text)? })
    }

    fn matches(&self, alert_json: &str) -> bool {
        self.in_json.matches(alert_json) && serde_json::from_str(alert_json).is_ok_and(|alert| self.in_values(&alert))
    }

    /// Looks at values only: every alert has a key `container.id`, so a search for "container" must not find them all.
    fn in_values(&self, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => self.in_value.matches(text),
            serde_json::Value::Number(number) => self.in_value.matches(&number.to_string()),
            serde_json::Value::Bool(truth) => self.in_value.matches(if *truth { "true" } else { "false" }),
            serde_json::Value::Array(items) => items.iter().any(|item| self.in_values(item)),
            serde_json::Value::Object(members) => members.values().any(|member| self.in_values(member)),
            serde_json::Value::Null => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, value: &str, expected: bool) {
        assert_eq!(Pattern::whole(pattern).unwrap().matches(value), expected, "{pattern:?} on {value:?}");
    }

    #[test]
    fn patterns_are_whole_and_ignore_case() {
        check("web-1", "WEB-1", true);
        check("web-1", "web-10", false);
        check("web-*", "web-10", true);
        check("*shell*", "Terminal shell in container", true);
        check("a.c", "abc", false);
        check("a*c", "a\nc", true);
        check("", "", true);
        check("", "x", false);
    }

    #[test]
    fn overlong_patterns_are_refused() {
        assert!(Pattern::whole(&"a".repeat(PATTERN_BYTES_MAX + 1)).is_err());
        assert!(TextFilter::new(&"*".repeat(PATTERN_BYTES_MAX)).is_ok());
    }
}
