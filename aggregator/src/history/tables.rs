//! The tables of the history file and what stands in them.

use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction,
};
use tiercel_detection::Alert;
use tiercel_proto::AlertId;

use super::record::{HistoryRecord, Key, Row};
use super::series::{SeriesCount, SeriesLabels, SeriesMoves, SeriesTable};
use super::store::Totals;
use super::{HistoryError, Place, Position};

/// [`Place`] -> one [`Row`].
pub(super) const ALERTS: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("alerts");
/// [`AlertId`] -> [`Place`].
pub(super) const PLACES: TableDefinition<'_, IdKey, Key> = TableDefinition::new("places");
/// [`SeriesLabels`] -> [`SeriesCount`], both in postcard.
const SERIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("series");
/// Figures that change with the alerts, in the same transaction.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// (spool, generation, lane, sequence)
pub(super) type IdKey = (u128, u32, u32, u64);

const META_FORMAT: &str = "format";
const META_BYTES: &str = "bytes";
const META_LAST_LOG_INDEX: &str = "last_log_index";
const META_LAST_OFFSET: &str = "last_offset";

/// Format of the rows; to be raised when [`Row`] or a table changes.
pub(super) const FORMAT: u64 = 1;

/// All tables, open for one write transaction.
pub(super) struct Tables<'txn> {
    alerts: Table<'txn, Key, &'static [u8]>,
    places: Table<'txn, IdKey, Key>,
    series: Table<'txn, &'static [u8], &'static [u8]>,
    meta: Table<'txn, &'static str, u64>,
}

/// The first record of the file, as much of it as its removal needs.
pub(super) struct Oldest {
    pub(super) place: Place,
    pub(super) row_bytes: usize,
    alert_id: AlertId,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction) -> Result<Self, HistoryError> {
        Ok(Self {
            alerts: transaction.open_table(ALERTS).map_err(HistoryError::write)?,
            places: transaction.open_table(PLACES).map_err(HistoryError::write)?,
            series: transaction.open_table(SERIES).map_err(HistoryError::write)?,
            meta: transaction.open_table(META).map_err(HistoryError::write)?,
        })
    }

    /// Writes one record and returns the bytes of its row.
    pub(super) fn insert(&mut self, record: &HistoryRecord, alert: &Alert) -> Result<usize, HistoryError> {
        let place = record.place();
        let alert_json = alert.to_falco_json();
        let row = postcard::to_stdvec(&Row::of(&record.record, alert, &alert_json))
            .map_err(|source| HistoryError::Row { place, source })?;
        self.alerts.insert(place.key(), row.as_slice()).map_err(HistoryError::write)?;
        self.places.insert(id_key(&record.record.id), place.key()).map_err(HistoryError::write)?;
        Ok(row.len())
    }

    pub(super) fn oldest(&self) -> Result<Option<Oldest>, HistoryError> {
        let Some((key, row)) = self.alerts.first().map_err(HistoryError::write)? else { return Ok(None) };
        let place = Place::from_key(key.value());
        let alert_id = decode(place, row.value())?.alert_id;
        Ok(Some(Oldest { place, row_bytes: row.value().len(), alert_id }))
    }

    pub(super) fn remove(&mut self, oldest: &Oldest) -> Result<(), HistoryError> {
        self.alerts.remove(oldest.place.key()).map_err(HistoryError::write)?;
        self.places.remove(id_key(&oldest.alert_id)).map_err(HistoryError::write)?;
        Ok(())
    }

    pub(super) fn write_series(&mut self, table: &SeriesTable, moves: &SeriesMoves) -> Result<(), HistoryError> {
        for labels in moves.labels() {
            let (key, value) = (encode_series(labels)?, encode_series(&table.get(labels))?);
            self.series.insert(key.as_slice(), value.as_slice()).map_err(HistoryError::write)?;
        }
        Ok(())
    }

    pub(super) fn remove_series(&mut self, labels: &SeriesLabels) -> Result<(), HistoryError> {
        self.series.remove(encode_series(labels)?.as_slice()).map_err(HistoryError::write)?;
        Ok(())
    }

    pub(super) fn write_totals(&mut self, totals: &Totals) -> Result<(), HistoryError> {
        self.meta.insert(META_BYTES, totals.bytes).map_err(HistoryError::write)?;
        if let Some(position) = totals.last_position {
            self.meta.insert(META_LAST_LOG_INDEX, position.log_index).map_err(HistoryError::write)?;
            self.meta.insert(META_LAST_OFFSET, u64::from(position.offset)).map_err(HistoryError::write)?;
        }
        Ok(())
    }
}

pub(super) fn id_key(id: &AlertId) -> IdKey {
    (u128::from_be_bytes(id.spool.0), id.generation.0, id.lane.number(), id.sequence.0)
}

pub(super) fn decode(place: Place, bytes: &[u8]) -> Result<Row<'_>, HistoryError> {
    postcard::from_bytes(bytes).map_err(|source| HistoryError::Row { place, source })
}

fn encode_series(value: &impl serde::Serialize) -> Result<Vec<u8>, HistoryError> {
    postcard::to_stdvec(value).map_err(|source| HistoryError::Series { source })
}

/// Creates the tables and returns the format of the file.
pub(super) fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(ALERTS)?;
    transaction.open_table(PLACES)?;
    transaction.open_table(SERIES)?;
    let format = {
        let mut meta = transaction.open_table(META)?;
        let found = meta.get(META_FORMAT)?.map(|value| value.value());
        if found.is_none() {
            meta.insert(META_FORMAT, FORMAT)?;
        }
        found.unwrap_or(FORMAT)
    };
    transaction.commit()?;
    Ok(format)
}

pub(super) fn read_totals(database: &Database) -> Result<Totals, redb::Error> {
    let transaction = database.begin_read()?;
    let alerts = transaction.open_table(ALERTS)?;
    let meta = transaction.open_table(META)?;
    let figure = |name: &str| meta.get(name).map(|value| value.map(|value| value.value()));
    let log_index = figure(META_LAST_LOG_INDEX)?;
    let offset = figure(META_LAST_OFFSET)?.and_then(|offset| u32::try_from(offset).ok());
    Ok(Totals {
        records: alerts.len()?,
        bytes: figure(META_BYTES)?.unwrap_or(0),
        last_position: log_index.map(|log_index| Position { log_index, offset: offset.unwrap_or(0) }),
        newest_at: alerts.last()?.map(|(key, _)| Place::from_key(key.value()).received_at),
    })
}

/// Reads the series back; one that does not decode is left out, since it is only a count for dashboards.
pub(super) fn read_series(database: &Database) -> Result<Vec<(SeriesLabels, SeriesCount)>, redb::Error> {
    let transaction = database.begin_read()?;
    let series = transaction.open_table(SERIES)?;
    let mut rows = Vec::new();
    for entry in series.iter()? {
        let (labels, count) = entry?;
        match (postcard::from_bytes(labels.value()), postcard::from_bytes(count.value())) {
            (Ok(labels), Ok(count)) => rows.push((labels, count)),
            (Err(error), _) | (_, Err(error)) => tracing::warn!(%error, "failed to decode series, left out"),
        }
    }
    Ok(rows)
}
