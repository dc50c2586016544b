//! What a reader of the pipe sees.

use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::super::{DeliveryError, Notifier, document, testing};
use super::StdoutNotifier;

/// Short, because one test runs into it.
const TIMEOUT: Duration = Duration::from_millis(100);

#[tokio::test]
async fn each_notification_is_one_line() {
    let (writer, mut reader) = tokio::io::duplex(1 << 20);
    let notifier = StdoutNotifier::to(writer, TIMEOUT);
    notifier.deliver(&testing::finding()).await.unwrap();
    notifier.deliver(&testing::storm()).await.unwrap();
    drop(notifier);
    let mut text = String::new();
    reader.read_to_string(&mut text).await.unwrap();
    let expected = [document::render(&testing::finding()), document::render(&testing::storm())];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_closed_pipe_is_worth_another_attempt() {
    let (writer, reader) = tokio::io::duplex(16);
    drop(reader);
    let error = StdoutNotifier::to(writer, TIMEOUT).deliver(&testing::finding()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { after: None, .. }), "{error}");
}

#[tokio::test]
async fn a_reader_that_does_not_read_does_not_hold_us_for_ever() {
    let (writer, _reader) = tokio::io::duplex(16);
    let error = StdoutNotifier::to(writer, TIMEOUT).deliver(&testing::finding()).await.unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
}
