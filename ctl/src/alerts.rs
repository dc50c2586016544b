//! `alerts list` and `alerts show`, and the line of an alert.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cli::{Filters, ListArguments};
use crate::client::{AskError, Client};
use crate::output::{Output, text, visible};
use crate::table::Table;

/// Most alerts that a node gives at once.
pub(crate) const PAGE_ALERTS_MAX: usize = 1000;

/// One answer of `GET /api/v1/alerts`.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) alerts: Vec<Value>,
    pub(crate) next_cursor: Option<String>,
    pub(crate) head: Option<String>,
}

/// Asks for one page.
pub(crate) async fn page(
    client: &Client,
    filters: &Filters,
    limit: usize,
    place: &[(&'static str, Option<&String>)],
) -> Result<Page, AskError> {
    let mut parameters = filters.parameters();
    parameters.push(("limit", limit.clamp(1, PAGE_ALERTS_MAX).to_string()));
    parameters.extend(place.iter().filter_map(|(name, value)| Some((*name, (*value)?.clone()))));
    let mut document = client.get("/api/v1/alerts", &parameters).await?;
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
    let (next_cursor, head) = (text(&document["next_cursor"]), text(&document["head"]));
    let alerts = document["alerts"].as_array_mut().map(std::mem::take).unwrap_or_default();
    Ok(Page { alerts, next_cursor, head })
}

/// The columns of a list; the first one only on demand.
const HEADING: [&str; 7] = ["ID", "TIME", "PRIORITY", "HOST", "SEEN", "RULE", "OUTPUT"];

/// Prints alerts, newest first, page by page until there are enough.
pub(crate) async fn list(client: &Client, arguments: &ListArguments, output: &mut Output) -> anyhow::Result<()> {
    let mut left = arguments.limit;
    let mut cursor = None;
    let mut table = Table::new(&HEADING[usize::from(!arguments.ids)..]);
    let mut printed = 0;
    while left > 0 {
        let page = page(client, &arguments.filters, left, &[("cursor", cursor.as_ref())]).await?;
        left -= page.alerts.len().min(left);
        printed += page.alerts.len();
        for alert in &page.alerts {
            if output.is_json() {
                output.json(alert)?;
            } else {
                let id = arguments.ids.then(|| text(&alert["id"]));
                table.row(id.into_iter().chain(cells(alert)));
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    if !output.is_json() {
        let lines = if printed == 0 { vec!["no alerts".to_owned()] } else { table.lines() };
        lines.iter().try_for_each(|line| output.line(line))?;
    }
    Ok(())
}

/// Prints everything about one alert.
pub(crate) async fn show(client: &Client, id: &str, output: &mut Output) -> anyhow::Result<()> {
    let alert = client.get(&format!("/api/v1/alerts/{}", id.trim()), &[]).await?;
    if output.is_json() {
        return Ok(output.json(&alert)?);
    }
    Ok(sheet(&alert).iter().try_for_each(|line| output.line(line))?)
}

fn cells(alert: &Value) -> [String; 6] {
    let seen = alert["repeats"].as_u64().unwrap_or(0) + 1;
    [
        seconds(&text(&alert["time"])),
        text(&alert["priority"]),
        text(&alert["hostname"]),
        format!("x{seen}"),
        text(&alert["rule"]),
        message(alert),
    ]
}

/// One line for an alert that has just come.
pub(crate) fn line(alert: &Value) -> String {
    let [time, priority, host, _, rule, message] = cells(alert);
    format!("{time}  {priority:<13}  {host}  {rule}: {message}")
}

/// The output without its time and priority, which have columns of their own.
fn message(alert: &Value) -> String {
    let output = text(&alert["output"]);
    let marker = format!(": {} ", text(&alert["priority"]));
    let without = output.split_once(&marker).filter(|(time, _)| !time.contains(' ')).map(|(_, rest)| rest.to_owned());
    without.unwrap_or(output)
}

/// `2026-11-23T10:33:53.419063181Z` to the second.
fn seconds(time: &str) -> String {
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

fn sheet(alert: &Value) -> Vec<String> {
    let mut lines = vec![text(&alert["output"]), String::new()];
    let mut facts: Vec<(String, String)> = Vec::new();
    for key in ["id", "rule", "priority", "hostname", "time", "received_at", "source", "fingerprint", "repeats"] {
        facts.push((key.to_owned(), text(&alert[key])));
    }
    facts.push(("told".to_owned(), verdict(&alert["verdict"])));
    facts.push(("tags".to_owned(), list_text(&alert["tags"])));
    let fields: BTreeMap<String, String> = alert["output_fields"]
        .as_object()
        .map(|fields| fields.iter().map(|(key, value)| (visible(key), text(value))).collect())
        .unwrap_or_default();
    let keys = facts.iter().map(|(key, _)| key).chain(fields.keys());
    let width = keys.map(|key| key.chars().count()).max().unwrap_or(0);
    let print = |(key, value): (&String, &String)| format!("{key:width$}  {value}");
    lines.extend(facts.iter().map(|(key, value)| print((key, value))));
    lines.push(String::new());
    lines.extend(fields.iter().map(print));
    lines
}

fn list_text(value: &Value) -> String {
    value.as_array().map(|items| items.iter().map(text).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}

fn verdict(verdict: &Value) -> String {
    match verdict["kind"].as_str() {
        Some("told") => list_text(&verdict["receivers"]),
        Some("repeat") => format!("no: repeats {}", text(&verdict["of"])),
        Some("folded") => "in a storm summary: the rule was over its limit".to_owned(),
        Some("unrouted") => "no: no route sends it to a receiver".to_owned(),
        Some(_) | None => text(verdict),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alert() -> Value {
        json!({
            "id": "ab/1/1/7", "received_at": "2026-11-23T10:33:54.000Z", "fingerprint": "feed", "repeats": 2,
            "verdict": {"kind": "told", "receivers": ["pager", "audit"]},
            "hostname": "web-1", "priority": "Warning", "rule": "Read", "source": "syscall", "tags": ["a", "b"],
            "time": "2026-11-23T10:33:53.419063181Z", "output": "10:33:53.419063181: Warning Opened \u{1b}[31m (f=/x)",
            "output_fields": {"fd.name": "/x", "user.loginuid": 1000, "k8s.ns.name": null},
        })
    }

    #[test]
    fn a_line_says_when_where_and_what() {
        assert_eq!(line(&alert()), "2026-11-23T10:33:53Z  Warning        web-1  Read: Opened \\u{1b}[31m (f=/x)");
    }

    #[test]
    fn an_output_of_another_shape_is_printed_whole() {
        let mut alert = alert();
        alert["output"] = json!("a note: Warning x");
        assert!(line(&alert).ends_with("Read: a note: Warning x"));
        alert["output"] = json!("This is a test");
        assert!(line(&alert).ends_with("Read: This is a test"));
    }

    #[test]
    fn the_sheet_has_every_field_in_one_column() {
        let sheet = sheet(&alert());
        assert!(sheet.contains(&"user.loginuid  1000".to_owned()), "{sheet:#?}");
        assert!(sheet.contains(&"k8s.ns.name    -".to_owned()), "{sheet:#?}");
        assert!(sheet.contains(&"told           pager, audit".to_owned()), "{sheet:#?}");
    }
}
