//! `alerts tail`: asks again and again for what is newer than the last answer.

use serde_json::Value;

use crate::alerts::{self, PAGE_ALERTS_MAX, Page};
use crate::cli::TailArguments;
use crate::client::{AskError, Client};
use crate::output::{Output, complain};

/// Prints alerts as they come, until it is ended. A node that does not answer for a while is asked again: what came
/// meanwhile is printed then.
pub(crate) async fn tail(client: &Client, arguments: &TailArguments, output: &mut Output) -> anyhow::Result<()> {
    let filters = &arguments.filters;
    let first = alerts::page(client, filters, arguments.lines.max(1), &[]).await?;
    let shown = first.alerts.iter().take(arguments.lines);
    print(shown.rev(), output)?;
    let mut head = first.head;
    let mut is_reachable = true;
    loop {
        tokio::time::sleep(arguments.interval).await;
        match newer(client, arguments, head.as_ref()).await {
            Ok(page) => {
                if !is_reachable {
                    complain("the node answers again");
                }
                is_reachable = true;
                print(page.alerts.iter().rev(), output)?;
                head = page.head.or(head);
            }
            Err(error @ AskError::Refused(_)) => return Err(error.into()),
            Err(error @ AskError::Unreachable(_)) => {
                if is_reachable {
                    complain(&format!("warning: {error}; asking again"));
                }
                is_reachable = false;
            }
        }
    }
}

/// All that came after `head`, newest first, with the head of the first page: later ones may have moved on.
async fn newer(client: &Client, arguments: &TailArguments, head: Option<&String>) -> Result<Page, AskError> {
    let mut page = alerts::page(client, &arguments.filters, PAGE_ALERTS_MAX, &[("after", head)]).await?;
    while let Some(cursor) = page.next_cursor.take() {
        let place = [("after", head), ("cursor", Some(&cursor))];
        let next = alerts::page(client, &arguments.filters, PAGE_ALERTS_MAX, &place).await?;
        page.alerts.extend(next.alerts);
        page.next_cursor = next.next_cursor;
    }
    Ok(page)
}

fn print<'a>(alerts: impl Iterator<Item = &'a Value>, output: &mut Output) -> anyhow::Result<()> {
    for alert in alerts {
        if output.is_json() { output.json(alert)? } else { output.line(&alerts::line(alert))? }
    }
    Ok(())
}
