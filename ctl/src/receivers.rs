//! `receiver list`.

use serde_json::Value;

use crate::client::Client;
use crate::output::{Output, text};
use crate::table::Table;

/// Prints the receivers, what they are owed, and how the node got on with them.
pub(crate) async fn list(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let document = client.get("/api/v1/receivers", &[]).await?;
    let receivers = document["receivers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if output.is_json() {
        return Ok(receivers.iter().try_for_each(|receiver| output.json(receiver))?);
    }
    Ok(table(receivers).lines().iter().try_for_each(|line| output.line(line))?)
}

fn table(receivers: &[Value]) -> Table {
    let mut table =
        Table::new(&["NAME", "KIND", "TARGET", "WAITING", "CLAIMED", "DELIVERED", "RETRYABLE", "FINAL", "LAST ERROR"]);
    for receiver in receivers {
        let attempts = &receiver["attempts_of_this_node"];
        table.row([
            text(&receiver["name"]),
            text(&receiver["kind"]),
            text(&receiver["target"]),
            text(&receiver["waiting"]),
            text(&receiver["claimed"]),
            text(&attempts["delivered"]),
            text(&attempts["retryable"]),
            text(&attempts["final"]),
            text(&receiver["last_error"]),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_receiver_in_trouble_shows_why() {
        let pager = json!({
            "name": "pager", "kind": "webhook", "target": "https://p", "waiting": 3, "claimed": 1,
            "attempts_of_this_node": {"delivered": 7, "retryable": 2, "final": 0}, "last_error": "p answered 503",
        });
        let lines = table(&[pager]).lines();
        assert_eq!(
            lines[1],
            "pager  webhook  https://p  3        1        7          2          0      p answered 503"
        );
    }
}
