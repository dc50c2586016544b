//! One-line matchers over alerts, for routes, silences and limits: `priority <= warning`, `rule =~ "Read.*"`.

use regex::Regex;

use crate::alert::{Alert, FieldValue, Priority};

/// Bound on the compiled size of a pattern, so that a configuration cannot exhaust memory.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Why a text is not a matcher.
#[derive(Debug, thiserror::Error)]
pub enum MatcherError {
    /// It is not `key operator value`.
    #[error("failed to parse matcher '{0}': expected a key, one of = != =~ !~ <= >= < > and a value")]
    Shape(String),
    /// The priority is none of Falco's.
    #[error(
        "failed to parse matcher: unknown priority '{0}', expected one of emergency alert critical error warning notice informational debug"
    )]
    Priority(String),
    /// The operator orders, but the value is not a number.
    #[error("failed to parse matcher: '{0}' is not a number, and {1} compares numbers")]
    Number(String, &'static str),
    /// The pattern is not a regular expression.
    #[error("failed to parse matcher: bad pattern")]
    Pattern(#[from] regex::Error),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    AtMost,
    AtLeast,
    Below,
    Above,
}

#[derive(Debug, Clone)]
enum Test {
    Equal(String),
    Pattern(Regex),
    Order(Order, f64),
    Priority(Order, Priority),
}

/// A test of one property of an alert.
///
/// Keys are `rule`, `priority`, `source`, `hostname`, `tags` and the name of any output field. Regular expressions are
/// anchored at both ends. Priorities order as syslog severities do: `priority <= warning` is warning and everything
/// more severe. `tags` matches when any tag does, and its negations when none does. A field that the alert does not
/// have counts as empty text, so `k8s.ns.name != kube-system` holds for a process outside Kubernetes; it is neither
/// above nor below any number.
#[derive(Debug, Clone)]
pub struct Matcher {
    text: String,
    key: String,
    negated: bool,
    test: Test,
}

impl Matcher {
    /// Parses `key operator value`; the value may be quoted.
    pub fn parse(text: &str) -> Result<Self, MatcherError> {
        let (key, operator, value) = split(text).ok_or_else(|| MatcherError::Shape(text.to_owned()))?;
        let test = match operator {
            "=" | "!=" => equality(&key, value)?,
            "=~" | "!~" => Test::Pattern(anchored(&value)?),
            "<=" => ordered(&key, Order::AtMost, value, "<=")?,
            ">=" => ordered(&key, Order::AtLeast, value, ">=")?,
            "<" => ordered(&key, Order::Below, value, "<")?,
            _ => ordered(&key, Order::Above, value, ">")?,
        };
        Ok(Self { text: text.trim().to_owned(), key, negated: operator.starts_with('!'), test })
    }

    /// Whether the alert has the property.
    pub fn matches(&self, alert: &Alert) -> bool {
        let found = match self.key.as_str() {
            "rule" => self.test_text(&alert.rule),
            "source" => self.test_text(&alert.source),
            "hostname" => self.test_text(&alert.hostname),
            "priority" => self.test_priority(alert.priority),
            "tags" => alert.tags.iter().any(|tag| self.test_text(tag)),
            field => self.test_field(alert.field(field).unwrap_or(&FieldValue::Missing)),
        };
        found != self.negated
    }

    fn test_priority(&self, priority: Priority) -> bool {
        match &self.test {
            Test::Priority(order, bound) => holds(*order, priority.number().cmp(&bound.number())),
            Test::Equal(_) | Test::Pattern(_) | Test::Order(..) => self.test_text(priority.name()),
        }
    }

    fn test_field(&self, value: &FieldValue) -> bool {
        match value {
            FieldValue::Missing => self.test_text(""),
            FieldValue::Text(text) => self.test_text(text),
            FieldValue::List(items) => items.iter().any(|item| self.test_field(item)),
            FieldValue::Bool(_) | FieldValue::Signed(_) | FieldValue::Unsigned(_) | FieldValue::Float(_) => {
                self.test_text(&value.to_string())
            }
        }
    }

    fn test_text(&self, text: &str) -> bool {
        match &self.test {
            Test::Equal(value) => text == value,
            Test::Pattern(pattern) => pattern.is_match(text),
            Test::Order(order, bound) => text
                .parse::<f64>()
                .ok()
                .and_then(|number| number.partial_cmp(bound))
                .is_some_and(|it| holds(*order, it)),
            Test::Priority(..) => false,
        }
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Matcher {
    type Err = MatcherError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

fn split(text: &str) -> Option<(String, &'static str, String)> {
    const OPERATORS: [&str; 8] = ["!=", "!~", "=~", "<=", ">=", "=", "<", ">"];
    let at = text.find(['=', '!', '<', '>'])?;
    let operator = OPERATORS.into_iter().find(|operator| text[at..].starts_with(operator))?;
    let key = text[..at].trim();
    let value = unquote(text[at + operator.len()..].trim())?;
    (!key.is_empty() && !key.contains(char::is_whitespace)).then(|| (key.to_owned(), operator, value))
}

fn unquote(value: &str) -> Option<String> {
    let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        return Some(value.to_owned());
    };
    let inner = value[1..].strip_suffix(quote)?;
    Some(inner.replace(&format!("\\{quote}"), &quote.to_string()))
}

fn equality(key: &str, value: String) -> Result<Test, MatcherError> {
    if key != "priority" {
        return Ok(Test::Equal(value));
    }
    let priority = Priority::from_name(&value).ok_or(MatcherError::Priority(value))?;
    Ok(Test::Equal(priority.name().to_owned()))
}

fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(PATTERN_BYTES_MAX).build()
}

fn ordered(key: &str, order: Order, value: String, operator: &'static str) -> Result<Test, MatcherError> {
    if key == "priority" {
        return Priority::from_name(&value)
            .map(|bound| Test::Priority(order, bound))
            .ok_or(MatcherError::Priority(value));
    }
    value.parse().map(|bound| Test::Order(order, bound)).map_err(|_| MatcherError::Number(value, operator))
}

fn holds(order: Order, ordering: std::cmp::Ordering) -> bool {
    match order {
        Order::AtMost => ordering.is_le(),
        Order::AtLeast => ordering.is_ge(),
        Order::Below => ordering.is_lt(),
        Order::Above => ordering.is_gt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Timestamp;

    fn alert() -> Alert {
        Alert {
            time: Timestamp(1),
            rule: "Read sensitive file untrusted".into(),
            priority: Priority::Warning,
            source: "syscall".into(),
            hostname: "web-1".into(),
            output: "".into(),
            fields: vec![
                ("k8s.ns.name".into(), FieldValue::Missing),
                ("proc.name".into(), FieldValue::Text("cat".into())),
                ("user.uid".into(), FieldValue::Unsigned(0)),
            ],
            tags: ["T1555".into(), "host".into()].into(),
        }
    }

    #[test]
    fn matchers_select_as_an_operator_expects() {
        let holds = |text: &str| Matcher::parse(text).unwrap().matches(&alert());
        for text in [
            "priority <= warning",
            "priority >= warning",
            "priority < notice",
            "priority = WARNING",
            r#"rule =~ "Read.*""#,
            "rule !~ Read",
            "hostname=web-1",
            "tags = T1555",
            "tags =~ T[0-9]+",
            "tags != container",
            "proc.name = 'cat'",
            "user.uid = 0",
            "user.uid < 1000",
            "k8s.ns.name != kube-system",
            "fd.name = \"\"",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in
            ["priority < warning", "rule =~ Read", "tags != host", "fd.name > 3", "proc.name != cat", "source =~ sys"]
        {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, reason) in [
            ("priority", "expected a key"),
            ("= x", "expected a key"),
            ("a b = x", "expected a key"),
            ("rule = \"open", "expected a key"),
            ("priority <= loud", "unknown priority 'loud'"),
            ("user.uid < many", "'many' is not a number"),
            ("rule =~ (", "bad pattern"),
        ] {
            assert!(Matcher::parse(text).unwrap_err().to_string().contains(reason), "{text}");
        }
    }
}
