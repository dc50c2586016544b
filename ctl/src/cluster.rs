//! `cluster status`.

use serde_json::Value;

use crate::client::Client;
use crate::output::{Output, text, visible};
use crate::table::Table;

/// Prints what the node knows about its cluster.
pub(crate) async fn status(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let status = client.get("/api/v1/status", &[]).await?;
    if output.is_json() {
        return Ok(output.json(&status)?);
    }
    Ok(sheet(&status).iter().try_for_each(|line| output.line(line))?)
}

fn sheet(status: &Value) -> Vec<String> {
    let mut lines = facts(status).lines();
    lines.push(String::new());
    lines.extend(members(status).lines());
    lines.push(String::new());
    lines.extend(counters(&status["counters"]).lines());
    lines
}

fn facts(status: &Value) -> Table {
    let name = format!("{} (node {})", text(&status["node"]["name"]), text(&status["node"]["id"]));
    let ready = match status["not_ready"].as_str() {
        None => "yes".to_owned(),
        Some(reason) => format!("no: {}", visible(reason)),
    };
    let history = &status["history"];
    let mut table = Table::new(&["NODE", &name]);
    table.row(["VERSION".to_owned(), text(&status["node"]["version"])]);
    table.row(["CLUSTER".to_owned(), text(&status["cluster_id"])]);
    table.row(["ROLE".to_owned(), text(&status["role"])]);
    table.row(["LEADER".to_owned(), text(&status["leader"])]);
    table.row(["TERM".to_owned(), text(&status["term"])]);
    table.row([
        "APPLIED".to_owned(),
        format!("{} of {}", text(&status["applied_index"]), text(&status["last_log_index"])),
    ]);
    table.row(["SNAPSHOT".to_owned(), text(&status["snapshot_index"])]);
    table.row(["READY".to_owned(), ready]);
    table
        .row(["HISTORY".to_owned(), format!("{} alerts, {} bytes", text(&history["alerts"]), text(&history["bytes"]))]);
    table
}

fn members(status: &Value) -> Table {
    let mut table = Table::new(&["MEMBER", "LEADS", "VOTES", "HAS", "PEERS", "AGENTS"]);
    for member in status["members"].as_array().into_iter().flatten() {
        let yes = |key: &str| if member[key] == true { "yes" } else { "no" }.to_owned();
        table.row([
            text(&member["id"]),
            yes("leads"),
            yes("votes"),
            text(&member["matched_index"]),
            text(&member["raft"]),
            text(&member["ingest"]),
        ]);
    }
    table
}

fn counters(sums: &Value) -> Table {
    let mut table = Table::new(&["COUNTER", "ALERTS"]);
    let mut row = |name: &str, value: &Value| table.row([name.to_owned(), text(value)]);
    row("accepted", &sums["accepted"]);
    row("  notified", &sums["notified"]);
    for (reason, count) in sums["suppressed"].as_object().into_iter().flatten() {
        row(&format!("  suppressed: {}", visible(reason)), count);
    }
    for key in ["duplicates", "invalid"] {
        row(key, &sums[key]);
    }
    for (reason, count) in sums["lost"].as_object().into_iter().flatten() {
        row(&format!("lost: {}", visible(reason)), count);
    }
    for key in ["total", "delivered", "waiting", "retries"] {
        row(&format!("notifications: {key}"), &sums["notifications"][key]);
    }
    row("imbalance", &sums["imbalance"]);
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sheet_says_who_leads_and_whether_sums_add_up() {
        let status = json!({
            "node": {"id": 1, "name": "aggregator-1", "version": "0.1.0"}, "cluster_id": null, "role": "follower",
            "leader": 2, "term": 3, "applied_index": 41, "last_log_index": 42, "snapshot_index": null,
            "not_ready": "the cluster has no leader", "history": {"alerts": 7, "bytes": 700},
            "members": [{"id": 2, "raft": "a:5051", "ingest": "a:5050", "votes": true, "leads": true, "matched_index": null}],
            "counters": {
                "accepted": 10, "notified": 4, "suppressed": {"repeat": 6}, "duplicates": 1, "invalid": 0,
                "lost": {"spool full": 5}, "notifications": {"total": 4, "delivered": 3, "waiting": 1, "retries": 0},
                "imbalance": 0,
            },
        });
        let sheet = sheet(&status).join("\n");
        for line in [
            "NODE      aggregator-1 (node 1)",
            "APPLIED   41 of 42",
            "READY     no: the cluster has no leader",
            "2       yes    yes    -    a:5051  a:5050",
            "  suppressed: repeat      6",
            "lost: spool full          5",
            "imbalance                 0",
        ] {
            assert!(sheet.lines().any(|found| found == line), "{line}\nis not in\n{sheet}");
        }
    }
}
