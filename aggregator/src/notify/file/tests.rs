//! What a reader of the file sees.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::{DeliveryError, Notifier, ReceiverError, document, testing};
use super::{FileNotifier, RawConfig};

fn notifier(path: &Path) -> FileNotifier {
    FileNotifier::build("audit", &RawConfig { path: path.to_owned() }).unwrap()
}

#[tokio::test]
async fn lines_are_appended_to_a_private_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alerts.jsonl");
    notifier(&path).deliver(&testing::finding()).await.unwrap();
    notifier(&path).deliver(&testing::storm()).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let expected = [document::render(&testing::finding()), document::render(&testing::storm())];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_that_was_moved_away_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alerts.jsonl");
    let notifier = notifier(&path);
    notifier.deliver(&testing::finding()).await.unwrap();
    fs::rename(&path, directory.path().join("alerts.jsonl.1")).unwrap();
    notifier.deliver(&testing::storm()).await.unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), document::render(&testing::storm()) + "\n");
}

#[tokio::test]
async fn half_a_line_of_a_crash_does_not_spoil_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alerts.jsonl");
    fs::write(&path, "{\"half").unwrap();
    notifier(&path).deliver(&testing::finding()).await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, format!("{{\"half\n{}\n", document::render(&testing::finding())));
}

#[tokio::test]
async fn many_at_once_stay_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alerts.jsonl");
    let notifier = notifier(&path);
    let notification = testing::finding();
    let deliveries = (0..20).map(|_| notifier.deliver(&notification));
    for delivered in futures::future::join_all(deliveries).await {
        delivered.unwrap();
    }
    let line = document::render(&notification);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().filter(|found| *found == line).count(), 20);
    assert_eq!(text.lines().count(), 20);
}

#[tokio::test]
async fn a_write_that_fails_may_have_arrived() {
    let error = notifier(Path::new("/dev/full")).deliver(&testing::finding()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { may_have_arrived: true, .. }), "{error}");
}

#[tokio::test]
async fn a_missing_folder_is_an_error_at_start_and_worth_a_retry_later() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("logs");
    let path = folder.join("alerts.jsonl");
    let error = FileNotifier::build("audit", &RawConfig { path: path.clone() }).unwrap_err();
    assert!(matches!(error, ReceiverError::File { .. }), "{error}");
    assert!(error.to_string().starts_with("receiver `audit`: file.path: failed to open /"), "{error}");

    fs::create_dir(&folder).unwrap();
    let notifier = notifier(&path);
    fs::remove_dir_all(&folder).unwrap();
    let error = notifier.deliver(&testing::finding()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retryable { after: None, may_have_arrived: false, .. }), "{error}");
}
