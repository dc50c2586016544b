//! What a reader of the history sees, through the real store.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use tiercel_detection::event::Timestamp;
use tiercel_detection::{Alert, FieldValue, Fingerprint, Priority};
use tiercel_proto::{AlertId, Generation, Lane, Sequence, SpoolId, v1};

use super::queue::Queue;
use super::record::HistoryRecord;
use super::store::Store;
use super::{Filter, History, Page, Pattern, Place, Position, Query, Retention, TextFilter};
use crate::triage::{Record, Severity, StoredAlert, UnixMillis, Verdict};

fn record(log_index: u64, offset: u32, at: u64, rule: &str, priority: Priority, host: &str) -> HistoryRecord {
    let alert = Alert {
        time: Timestamp(at * 1_000_000),
        rule: rule.into(),
        priority,
        source: "syscall".into(),
        hostname: host.into(),
        output: format!("00:00:00.000000000: {} {rule} (file=/etc/shadow)", priority.name()).into(),
        fields: vec![
            ("container.id".into(), FieldValue::Text("host".into())),
            ("proc.cmdline".into(), FieldValue::Text(format!("cat \"C:\\{log_index}\" é").into())),
        ],
        tags: Arc::from(["T1003".into()]),
    };
    let verdict = match log_index % 4 {
        0 => Verdict::Told { receivers: Arc::from(["pager".into()]) },
        1 => Verdict::Repeat { of: alert_id(1, 0) },
        2 => Verdict::Folded,
        _ => Verdict::Unrouted,
    };
    let alert = StoredAlert {
        rule: alert.rule.clone(),
        severity: Severity(priority),
        hostname: alert.hostname.clone(),
        fingerprint: u128::from(log_index % 2),
        receivers: Arc::from([]),
        body: v1::Alert::from(&alert).encode_to_vec().into(),
    };
    let id = alert_id(log_index, offset);
    let record = Record { id, received_at: UnixMillis(at), alert, verdict, seen: log_index };
    HistoryRecord { position: Position { log_index, offset }, record }
}

fn alert_id(log_index: u64, offset: u32) -> AlertId {
    let sequence = Sequence(log_index * 100 + u64::from(offset));
    AlertId { spool: SpoolId([7; 16]), generation: Generation(1), lane: Lane::Rest, sequence }
}

/// Ten alerts, one a millisecond; even ones are shells on web-1, odd ones are reads on db-1.
fn ten() -> Vec<HistoryRecord> {
    (1..=10)
        .map(|n| match n % 2 {
            0 => record(n, 0, n, "Terminal shell in container", Priority::Notice, "web-1"),
            _ => record(n, 0, n, "Read sensitive file", Priority::Warning, "db-1"),
        })
        .collect()
}

fn store_with(records: &[HistoryRecord]) -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&directory.path().join("history.redb")).unwrap();
    store.append(records).unwrap();
    (directory, store)
}

fn indexes(page: &Page) -> Vec<u64> {
    page.alerts.iter().map(|alert| alert.place.position.log_index).collect()
}

#[track_caller]
fn check(query: Query, expected: &[u64]) {
    let (_directory, store) = store_with(&ten());
    assert_eq!(indexes(&store.query(&Query { limit: 100, ..query }).unwrap()), expected);
}

fn filtered(filter: Filter) -> Query {
    Query { filter, ..Query::default() }
}

#[test]
fn newest_comes_first() {
    check(Query::default(), &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn filters_narrow_the_answer() {
    let whole = |text| Some(Pattern::whole(text).unwrap());
    check(filtered(Filter { rule: whole("terminal SHELL*"), ..Filter::default() }), &[10, 8, 6, 4, 2]);
    check(filtered(Filter { hostname: whole("db-1"), ..Filter::default() }), &[9, 7, 5, 3, 1]);
    check(filtered(Filter { priority: Some(Priority::Warning), ..Filter::default() }), &[9, 7, 5, 3, 1]);
    check(filtered(Filter { source: whole("k8s_audit"), ..Filter::default() }), &[]);
    check(filtered(Filter { fingerprint: Some(Fingerprint(0)), ..Filter::default() }), &[10, 8, 6, 4, 2]);
}

#[test]
fn times_are_half_open() {
    let at = |milliseconds| Some(UnixMillis(milliseconds));
    check(Query { since: at(8), ..Query::default() }, &[10, 9, 8]);
    check(Query { until: at(3), ..Query::default() }, &[2, 1]);
    check(Query { since: at(4), until: at(6), ..Query::default() }, &[5, 4]);
    check(Query { since: at(6), until: at(4), ..Query::default() }, &[]);
}

#[test]
fn text_is_found_in_values_and_not_in_keys() {
    let text = |text: &str| filtered(Filter { text: Some(TextFilter::new(text).unwrap()), ..Filter::default() });
    check(text("CONTAINER"), &[10, 8, 6, 4, 2]);
    check(text("container.id"), &[]);
    check(text("C:\\7\""), &[7]);
    check(text("É"), &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    check(text("t1003"), &[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    check(text("no such thing"), &[]);
}

#[test]
fn pages_join_without_gap_or_repeat() {
    let (_directory, store) = store_with(&ten());
    let mut query = Query { limit: 3, ..Query::default() };
    let mut seen = Vec::new();
    for _ in 0..10 {
        let page = store.query(&query).unwrap();
        seen.extend(indexes(&page));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn a_bounded_scan_goes_on_from_its_cursor() {
    let (_directory, store) = store_with(&ten());
    let filter = Filter { text: Some(TextFilter::new("C:\\1\"").unwrap()), ..Filter::default() };
    let mut query = Query { filter, limit: 5, ..Query::default() };
    let first = store.scan(&query, 4).unwrap();
    assert_eq!((indexes(&first), first.next_cursor.map(|place| place.position.log_index)), (vec![], Some(7)));
    query.cursor = first.next_cursor;
    assert_eq!(indexes(&store.scan(&query, 100).unwrap()), [1]);
}

#[test]
fn after_returns_only_what_is_newer() {
    let (_directory, store) = store_with(&ten());
    let eighth = ten()[7].place();
    let newer = Query { after: Some(eighth), limit: 100, ..Query::default() };
    assert_eq!(indexes(&store.query(&newer).unwrap()), [10, 9]);
    let head = store.query(&newer).unwrap().head;
    assert_eq!(head, Some(ten()[9].place()));
    let none = Query { after: head, limit: 100, ..Query::default() };
    assert_eq!(store.query(&none).unwrap(), Page { head, ..Page::default() });
}

#[test]
fn feeding_the_same_log_again_changes_nothing() {
    let (directory, store) = store_with(&ten());
    let before = store.totals();
    assert_eq!(store.append(&ten()).unwrap(), 0);
    assert_eq!(store.totals(), before);
    drop(store);
    let reopened = Store::open(&directory.path().join("history.redb")).unwrap();
    assert_eq!(reopened.totals(), before);
    let mut again = ten();
    again.push(record(10, 1, 10, "New", Priority::Notice, "web-1"));
    assert_eq!(reopened.append(&again).unwrap(), 1);
}

#[test]
fn old_alerts_go_first_and_totals_follow() {
    let (_directory, store) = store_with(&ten());
    let by_age = Retention { age_max: Duration::from_millis(3), bytes_max: u64::MAX };
    assert_eq!(store.trim(&by_age, UnixMillis(10)).unwrap(), 6);
    let left = Query { limit: 100, ..Query::default() };
    assert_eq!(indexes(&store.query(&left).unwrap()), [10, 9, 8, 7]);
    assert!(store.get(&alert_id(6, 0)).unwrap().is_none());

    let by_size = Retention { age_max: Duration::MAX, bytes_max: store.totals().bytes - 1 };
    assert_eq!(store.trim(&by_size, UnixMillis(10)).unwrap(), 1);
    assert_eq!(indexes(&store.query(&left).unwrap()), [10, 9, 8]);
    assert_eq!(store.totals().records, 3);

    let nothing = Retention { age_max: Duration::ZERO, bytes_max: 0 };
    store.trim(&nothing, UnixMillis(99)).unwrap();
    assert_eq!((store.totals().records, store.totals().bytes), (0, 0));
}

#[test]
fn an_alert_is_found_by_its_identity() {
    let (_directory, store) = store_with(&ten());
    let found = store.get(&alert_id(5, 0)).unwrap().unwrap();
    assert_eq!((found.alert_id, found.seen, found.fingerprint), (alert_id(5, 0), 5, Fingerprint(1)));
    let alert: serde_json::Value = serde_json::from_str(&found.alert_json).unwrap();
    assert_eq!(alert["output_fields"]["proc.cmdline"], "cat \"C:\\5\" é");
    assert_eq!(found.verdict, ten()[4].record.verdict);
    assert!(store.get(&alert_id(11, 0)).unwrap().is_none());
}

#[test]
fn a_cursor_survives_its_text() {
    let place = ten()[4].place();
    assert_eq!(place.to_string().parse::<Place>(), Ok(place));
    assert!("12-x-0".parse::<Place>().is_err());
    assert!("12-1-0-7".parse::<Place>().is_err());
}

#[test]
fn an_unreadable_alert_does_not_stop_those_behind_it() {
    let mut records = ten();
    records[3].record.alert.body = vec![0xff].into();
    let (_directory, store) = store_with(&records);
    assert_eq!(store.totals().records, 9);
    assert_eq!(store.totals().last_position, Some(records[9].position));
}

#[test]
fn series_survive_a_restart_and_outlive_the_alerts() {
    let (directory, store) = store_with(&ten());
    let nothing = Retention { age_max: Duration::ZERO, bytes_max: 0 };
    store.trim(&nothing, UnixMillis(99)).unwrap();
    let before = store.series();
    drop(store);
    let reopened = Store::open(&directory.path().join("history.redb")).unwrap();
    assert_eq!(reopened.series(), before);
    let counts: Vec<_> = before.iter().map(|(labels, count)| (labels.hostname.as_str(), count.alerts)).collect();
    assert_eq!(counts, [("db-1", 5), ("web-1", 5)]);
}

#[test]
fn the_handle_writes_what_was_appended() {
    let directory = tempfile::tempdir().unwrap();
    let forever = Retention { age_max: Duration::MAX, bytes_max: u64::MAX };
    let history = History::open(directory.path(), forever).unwrap();
    for record in ten() {
        history.append(record.position.log_index, vec![record.record]);
    }
    assert!(history.wait_until_written(Duration::from_secs(10)));
    assert_eq!(history.last_position(), Some(Position { log_index: 10, offset: 0 }));
    let last = |log_index| record(log_index, 0, log_index, "Late", Priority::Notice, "web-1").record;
    history.append(11, vec![last(11), last(11)]);
    history.close();
    assert_eq!(history.stats().totals.records, 12);
    assert_eq!(history.last_position(), Some(Position { log_index: 11, offset: 1 }));
    history.append(12, vec![last(12)]);
    assert_eq!(history.stats().shed_records, 1);
}

#[test]
fn a_full_queue_sheds_and_counts() {
    let queue = Queue::with_bound(3);
    queue.push(ten());
    queue.push(ten());
    assert_eq!((queue.queued_records(), queue.shed_records()), (10, 10));
    assert_eq!(queue.take(100, Duration::ZERO).unwrap().len(), 10);
    assert!(!queue.wait_until_written(Duration::ZERO));
    queue.confirm_written();
    assert!(queue.wait_until_written(Duration::ZERO));
    queue.close();
    assert!(queue.take(100, Duration::ZERO).is_none());
}

#[test]
fn what_is_written_already_takes_no_room_in_the_queue() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::open(directory.path(), Retention::default()).unwrap();
    let feed = |history: &History| ten().into_iter().for_each(|r| history.append(r.position.log_index, vec![r.record]));
    feed(&history);
    assert!(history.wait_until_written(Duration::from_secs(10)));
    // Nothing gets through the queue any more: what would enter it is shed.
    history.close();
    feed(&history);
    history.append(11, vec![record(11, 0, 11, "new", Priority::Notice, "web-1").record]);
    let stats = history.stats();
    assert_eq!((stats.repeated_records, stats.shed_records), (10, 1));
}
