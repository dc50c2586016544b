//! The history file: written in log order by one thread, scanned backwards by readers.

use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, ReadableTable};
use tiercel_proto::AlertId;
use tiercel_proto::error::Chain;

use super::record::HistoryRecord;
use super::series::{SeriesCount, SeriesLabels, SeriesMoves, SeriesTable};
use super::tables::{self, ALERTS, FORMAT, PLACES, Tables};
use super::{Filter, HistoryError, PastAlert, Place, Position, Retention};
use crate::triage::UnixMillis;

/// Bytes that a record takes beside its row: its keys and its entry in the index.
const RECORD_OVERHEAD_BYTES: u64 = 80;

/// Most records that one query looks at, so that a rare match cannot hold a thread; the cursor goes on from there.
const SCAN_RECORDS_MAX: usize = 200_000;

/// Longest time that one query scans.
const SCAN_TIME_MAX: Duration = Duration::from_millis(400);

/// Most records that one round of retention removes; the next round follows within a second.
const TRIM_RECORDS_MAX: usize = 4_096;

/// One question to the history.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Which alerts.
    pub filter: Filter,
    /// Only alerts that arrived at or after this moment.
    pub since: Option<UnixMillis>,
    /// Only alerts that arrived before this moment.
    pub until: Option<UnixMillis>,
    /// Only alerts newer than this place: the head of an earlier answer.
    pub after: Option<Place>,
    /// Only alerts older than this place: where the page before ended.
    pub cursor: Option<Place>,
    /// Most alerts to return.
    pub limit: usize,
}

/// One answer, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The alerts.
    pub alerts: Vec<PastAlert>,
    /// Where to go on; absent when there is no more. A page may be short, even empty, and still have one, because the
    /// scan of one query is bounded.
    pub next_cursor: Option<Place>,
    /// The newest place of all, whether it matches or not: what comes later is new to this reader.
    pub head: Option<Place>,
}

/// What the file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Number of alerts.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last log position that was written.
    pub last_position: Option<Position>,
    /// When the newest alert arrived.
    pub newest_at: Option<UnixMillis>,
}

/// The database and what is known about it without reading.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    totals: Mutex<Totals>,
    series: Mutex<SeriesTable>,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, HistoryError> {
        let failed = |source: redb::Error| HistoryError::Open { path: path.to_owned(), source: Box::new(source) };
        let database = Database::create(path).map_err(|error| failed(error.into()))?;
        let found = tables::prepare(&database).map_err(failed)?;
        if found > FORMAT {
            return Err(HistoryError::NewerFormat { path: path.to_owned(), found, known: FORMAT });
        }
        let totals = tables::read_totals(&database).map_err(failed)?;
        let series = SeriesTable::restore(tables::read_series(&database).map_err(failed)?);
        Ok(Self { database, totals: Mutex::new(totals), series: Mutex::new(series) })
    }

    pub(super) fn totals(&self) -> Totals {
        *lock(&self.totals)
    }

    pub(super) fn series(&self) -> Vec<(SeriesLabels, SeriesCount)> {
        lock(&self.series).snapshot()
    }

    pub(super) fn folded_series_alerts(&self) -> u64 {
        lock(&self.series).folded()
    }

    /// Writes what is not there yet and returns how many records that was. Durable when it returns; only the writer
    /// thread calls it, so that the totals cannot change meanwhile.
    pub(super) fn append(&self, records: &[HistoryRecord]) -> Result<usize, HistoryError> {
        let mut moves = SeriesMoves::default();
        let written = self.try_append(records, &mut moves);
        if written.is_err() {
            lock(&self.series).undo(&moves);
        }
        written
    }

    fn try_append(&self, records: &[HistoryRecord], moves: &mut SeriesMoves) -> Result<usize, HistoryError> {
        let mut totals = self.totals();
        let transaction = self.database.begin_write().map_err(HistoryError::write)?;
        let mut tables = Tables::open(&transaction)?;
        let mut stored = 0;
        for record in records {
            if totals.last_position.is_some_and(|last| record.position <= last) {
                continue;
            }
            totals.last_position = Some(record.position);
            let alert = match record.record.alert.decode() {
                Ok(alert) => alert,
                Err(error) => {
                    // It was parsed before it was proposed: a defect, which must not stop the records behind it.
                    tracing::error!(alert = %record.record.id, error = %Chain(&error), "failed to read alert for history");
                    continue;
                }
            };
            totals.add(record.record.received_at, tables.insert(record, &alert)?);
            moves.add(lock(&self.series).count(&alert, record.record.received_at));
            stored += 1;
        }
        tables.write_series(&lock(&self.series), moves)?;
        tables.write_totals(&totals)?;
        drop(tables);
        transaction.commit().map_err(HistoryError::write)?;
        *lock(&self.totals) = totals;
        Ok(stored)
    }

    /// Removes a bounded number of the oldest records that are too old or do not fit; returns how many. Only the
    /// writer thread calls it.
    pub(super) fn trim(&self, retention: &Retention, now: UnixMillis) -> Result<u64, HistoryError> {
        let oldest_kept = retention.oldest_kept(now);
        if !self.needs_trim(retention, oldest_kept)? {
            return Ok(0);
        }
        let mut totals = self.totals();
        let mut removed = 0;
        let transaction = self.database.begin_write().map_err(HistoryError::write)?;
        let mut tables = Tables::open(&transaction)?;
        for _ in 0..TRIM_RECORDS_MAX {
            let Some(oldest) = tables.oldest()? else { break };
            if totals.bytes <= retention.bytes_max && oldest.place.received_at >= oldest_kept {
                break;
            }
            tables.remove(&oldest)?;
            totals.remove(oldest.row_bytes);
            removed += 1;
        }
        tables.write_totals(&totals)?;
        drop(tables);
        transaction.commit().map_err(HistoryError::write)?;
        *lock(&self.totals) = totals;
        Ok(removed)
    }

    fn needs_trim(&self, retention: &Retention, oldest_kept: UnixMillis) -> Result<bool, HistoryError> {
        if self.totals().bytes > retention.bytes_max {
            return Ok(true);
        }
        let transaction = self.database.begin_read().map_err(HistoryError::read)?;
        let alerts = transaction.open_table(ALERTS).map_err(HistoryError::read)?;
        let oldest = alerts.first().map_err(HistoryError::read)?;
        Ok(oldest.is_some_and(|(key, _)| Place::from_key(key.value()).received_at < oldest_kept))
    }

    /// Forgets the series that have been silent for long. Only the writer thread calls it.
    pub(super) fn forget_idle_series(&self, now: UnixMillis) -> Result<(), HistoryError> {
        let idle = lock(&self.series).idle(now);
        if idle.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin_write().map_err(HistoryError::write)?;
        let mut tables = Tables::open(&transaction)?;
        idle.iter().try_for_each(|labels| tables.remove_series(labels))?;
        drop(tables);
        transaction.commit().map_err(HistoryError::write)?;
        let mut series = lock(&self.series);
        idle.iter().for_each(|labels| series.forget(labels));
        Ok(())
    }

    pub(super) fn get(&self, alert_id: &AlertId) -> Result<Option<PastAlert>, HistoryError> {
        let transaction = self.database.begin_read().map_err(HistoryError::read)?;
        let places = transaction.open_table(PLACES).map_err(HistoryError::read)?;
        let Some(key) = places.get(tables::id_key(alert_id)).map_err(HistoryError::read)? else { return Ok(None) };
        let alerts = transaction.open_table(ALERTS).map_err(HistoryError::read)?;
        let place = Place::from_key(key.value());
        let row = alerts.get(place.key()).map_err(HistoryError::read)?;
        row.map(|row| Ok(tables::decode(place, row.value())?.to_past_alert(place))).transpose()
    }

    pub(super) fn query(&self, query: &Query) -> Result<Page, HistoryError> {
        self.scan(query, SCAN_RECORDS_MAX)
    }

    /// Walks backwards from the cursor, at most `records_max` records and [`SCAN_TIME_MAX`].
    pub(super) fn scan(&self, query: &Query, records_max: usize) -> Result<Page, HistoryError> {
        let started = Instant::now();
        let transaction = self.database.begin_read().map_err(HistoryError::read)?;
        let alerts = transaction.open_table(ALERTS).map_err(HistoryError::read)?;
        let head = alerts.last().map_err(HistoryError::read)?.map(|(key, _)| Place::from_key(key.value()));
        let mut page = Page { head, ..Page::default() };
        let (low, high) = query.bounds();
        if low >= high {
            return Ok(page);
        }
        let range = alerts.range(low.key()..high.key()).map_err(HistoryError::read)?;
        for (scanned, entry) in range.rev().enumerate() {
            let (key, value) = entry.map_err(HistoryError::read)?;
            let place = Place::from_key(key.value());
            if query.after == Some(place) {
                break;
            }
            let row = tables::decode(place, value.value())?;
            if query.filter.matches(&row) {
                page.alerts.push(row.to_past_alert(place));
            }
            let scan_ends = scanned + 1 >= records_max || started.elapsed() > SCAN_TIME_MAX;
            if page.alerts.len() >= query.limit || scan_ends {
                page.next_cursor = Some(place);
                break;
            }
        }
        Ok(page)
    }
}

impl Query {
    /// The half-open range of places that can match. `after` itself is inside and ends the scan.
    fn bounds(&self) -> (Place, Place) {
        let oldest = Place::first_at(self.since.unwrap_or_default());
        let low = self.after.map_or(oldest, |after| after.max(oldest));
        let newest = Place::first_at(self.until.unwrap_or(UnixMillis(u64::MAX)));
        let high = self.cursor.map_or(newest, |cursor| cursor.min(newest));
        (low, high)
    }
}

impl Totals {
    fn add(&mut self, received_at: UnixMillis, row_bytes: usize) {
        self.records += 1;
        self.bytes += row_bytes as u64 + RECORD_OVERHEAD_BYTES;
        self.newest_at = self.newest_at.max(Some(received_at));
    }

    fn remove(&mut self, row_bytes: usize) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(row_bytes as u64 + RECORD_OVERHEAD_BYTES);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What they guard are counts, whole after every statement.
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
