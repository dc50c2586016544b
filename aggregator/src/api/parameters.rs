//! The parameters of a search, parsed and bounded.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use tiercel_detection::{Fingerprint, Priority};

use super::ApiError;
use crate::history::{Filter, Pattern, Query, TextFilter};
use crate::triage::UnixMillis;

/// Alerts on a page when nothing else is asked for.
const LIMIT_DEFAULT: usize = 100;

/// Most alerts on a page; about 2 MiB.
const LIMIT_MAX: usize = 1000;

/// All parameters, for the hint.
const NAMES: [&str; 11] =
    ["rule", "priority", "hostname", "source", "fingerprint", "since", "until", "text", "limit", "cursor", "after"];

/// Turns the parameters of `GET /api/v1/alerts` into a question. Empty parameters count as absent, as forms send them.
pub(super) fn parse(pairs: Vec<(String, String)>, now: UnixMillis) -> Result<Query, ApiError> {
    let mut parameters = Parameters::new(pairs)?;
    let filter = Filter {
        rule: parameters.take("rule", Pattern::whole)?,
        priority: parameters.take("priority", parse_priority)?,
        hostname: parameters.take("hostname", Pattern::whole)?,
        source: parameters.take("source", Pattern::whole)?,
        fingerprint: parameters.take("fingerprint", parse_fingerprint)?,
        text: parameters.take("text", TextFilter::new)?,
    };
    Ok(Query {
        filter,
        since: parameters.take("since", |text| parse_moment(text, now))?,
        until: parameters.take("until", |text| parse_moment(text, now))?,
        after: parameters.take("after", FromStr::from_str)?,
        cursor: parameters.take("cursor", FromStr::from_str)?,
        limit: parameters.take("limit", parse_limit)?.unwrap_or(LIMIT_DEFAULT),
    })
}

struct Parameters(BTreeMap<String, String>);

impl Parameters {
    fn new(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut map = BTreeMap::new();
        for (name, value) in pairs {
            if !NAMES.contains(&name.as_str()) {
                return Err(unknown(&name));
            }
            if map.contains_key(&name) {
                return Err(ApiError::parameter(&name, "given twice", "give it once"));
            }
            map.insert(name, value);
        }
        map.retain(|_, value: &mut String| !value.is_empty());
        Ok(Self(map))
    }

    fn take<T, E: std::fmt::Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.0.remove(name) else { return Ok(None) };
        parse(&text).map(Some).map_err(|error| ApiError::parameter(name, error, hint(name)))
    }
}

fn unknown(name: &str) -> ApiError {
    let nearest = NAMES
        .iter()
        .max_by(|left, right| strsim::jaro_winkler(left, name).total_cmp(&strsim::jaro_winkler(right, name)));
    let nearest = nearest.expect("there are names");
    let hint = format!("did you mean {nearest}? known are: {}", NAMES.join(", "));
    ApiError::parameter(name, "no such parameter", hint)
}

fn hint(name: &str) -> &'static str {
    match name {
        "priority" => {
            "one of emergency, alert, critical, error, warning, notice, informational, debug: that one and all worse"
        }
        "since" | "until" => "an RFC 3339 time such as 2026-01-31T12:00:00Z, or an age such as 15m, 24h or 7days",
        "limit" => "a number from 1 to 1000",
        "cursor" => "next_cursor of the page before",
        "after" => "head of an earlier answer",
        "fingerprint" => "32 hexadecimal digits, as alerts show it",
        _ => "at most 512 bytes; * stands for any text in rule, hostname and source",
    }
}

fn parse_priority(text: &str) -> Result<Priority, String> {
    Priority::from_name(text).ok_or_else(|| format!("`{text}` is not a priority"))
}

fn parse_fingerprint(text: &str) -> Result<Fingerprint, String> {
    let number = (text.len() == 32).then(|| u128::from_str_radix(text, 16).ok()).flatten();
    number.map(Fingerprint).ok_or_else(|| format!("`{text}` is not a fingerprint"))
}

fn parse_limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or_else(|| format!("`{text}` is not a number from 1 to {LIMIT_MAX}"))
}

fn parse_moment(text: &str, now: UnixMillis) -> Result<UnixMillis, String> {
    if let Ok(age) = humantime::parse_duration(text) {
        return Ok(before(now, age));
    }
    let moment = text.parse::<jiff::Timestamp>().map_err(|_| format!("`{text}` is neither a time nor an age"))?;
    u64::try_from(moment.as_millisecond()).map(UnixMillis).map_err(|_| format!("`{text}` is before 1970"))
}

fn before(now: UnixMillis, age: Duration) -> UnixMillis {
    UnixMillis(now.0.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn parsed(text: &str) -> Result<Query, ApiError> {
        parse(serde_urlencoded_pairs(text), NOW)
    }

    fn serde_urlencoded_pairs(text: &str) -> Vec<(String, String)> {
        actix_web::web::Query::<Vec<(String, String)>>::from_query(text).unwrap().into_inner()
    }

    #[test]
    fn times_are_absolute_or_ages() {
        let since = |text: &str| parsed(&format!("since={text}")).unwrap().since.unwrap().0;
        assert_eq!(since("15m"), NOW.0 - 15 * 60 * 1000);
        assert_eq!(since("2026-01-31T12:00:00Z"), 1_769_860_800_000);
        assert_eq!(since("2026-01-31T13:00:00.5%2B01:00"), 1_769_860_800_500);
    }

    #[test]
    fn forms_with_empty_fields_ask_for_everything() {
        let query = parsed("rule=&priority=&hostname=&source=&since=&until=&text=&limit=&cursor=").unwrap();
        assert_eq!((query.limit, query.since, query.cursor), (100, None, None));
        assert!(query.filter.rule.is_none() && query.filter.priority.is_none());
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let ApiError::InvalidParameter { message, hint } = parsed(text).unwrap_err() else { panic!("another error") };
        let shown = format!("{message}; {hint}");
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn mistakes_come_with_what_would_be_right() {
        check_refused("limit=0", "parameter limit: `0` is not a number from 1 to 1000");
        check_refused("limit=1001", "a number from 1 to 1000");
        check_refused("limit=ten", "a number from 1 to 1000");
        check_refused("priority=loud", "`loud` is not a priority; one of emergency");
        check_refused("since=yesterday", "neither a time nor an age; an RFC 3339 time");
        check_refused("cursor=7", "`7` is not a cursor");
        check_refused("fingerprint=abc", "32 hexadecimal digits");
        check_refused("host=web-1", "did you mean hostname?");
        check_refused("rule=a&rule=b", "given twice");
        check_refused(&format!("text={}", "a".repeat(600)), "at most 512 bytes");
    }
}
