//! Plain HTTP to the doors that have no TLS: the status page of the agent and the metrics of the aggregator.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;

/// How long a local answer may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Fetches a page and returns status code and body.
///
/// # Errors
/// When nobody listens or the answer is no HTTP.
pub fn get(address: SocketAddr, path: &str) -> anyhow::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("failed to connect to {address}"))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT)).context("failed to set a timeout")?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").context("failed to send the request")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("failed to read the answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("the answer has no status code")?;
    Ok((code, body.to_owned()))
}

/// Adds up all series of a metric that counts whole things, on a page in Prometheus' text form.
pub fn metric_sum(page: &str, metric: &str) -> u64 {
    page.lines()
        .filter_map(|line| line.strip_prefix(metric))
        .filter(|rest| rest.starts_with(['{', ' ']))
        .filter_map(|rest| rest.rsplit(' ').next())
        .filter_map(|value| value.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_the_same_metric_are_added_up() {
        let page = "# HELP a Things.\na{x=\"1 2\"} 3\na{x=\"2\"} 4\na_other 9\nb 1\n";
        assert_eq!(metric_sum(page, "a"), 7);
        assert_eq!(metric_sum(page, "b"), 1);
        assert_eq!(metric_sum(page, "c"), 0);
    }
}
