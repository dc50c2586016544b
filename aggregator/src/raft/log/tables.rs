//! The layout of the file.

use std::ops::RangeInclusive;
use std::path::Path;

use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::LogError;
use crate::raft::types::{Entry, LogId, NodeId, Vote};

/// Index -> entry.
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
/// The few values beside the entries.
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");

const VOTE: &str = "vote";
const COMMITTED: &str = "committed";
const PURGED: &str = "purged";
const NODE: &str = "node";
const FORMAT: &str = "format";

/// Format of the file; to be raised when the encoding of an entry changes.
const FORMAT_NOW: u64 = 2;

/// Memory for pages. The tail of the log is in memory anyway; the file is read after a restart and by peers far behind.
const CACHE_BYTES: usize = 16 << 20;

/// The file.
#[derive(Debug)]
pub(super) struct Tables(Database);

/// What stands in the file when it is opened.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) vote: Option<Vote>,
    pub(super) committed: Option<LogId>,
    pub(super) purged: Option<LogId>,
    /// Index and size of each entry.
    pub(super) sizes: Vec<(u64, usize)>,
    pub(super) last: Option<Entry>,
}

impl Tables {
    /// Opens or creates the file of that node.
    pub(super) fn open(path: &Path, node: NodeId) -> Result<(Self, Found), LogError> {
        let open_error = |source: redb::Error| LogError::Open { path: path.to_owned(), source: Box::new(source) };
        let database =
            Database::builder().set_cache_size(CACHE_BYTES).create(path).map_err(|error| open_error(error.into()))?;
        let tables = Self(database);
        tables.claim(path, node)?;
        let found = tables.look(path)?;
        Ok((tables, found))
    }

    pub(super) fn begin(&self) -> Result<Transaction, LogError> {
        let mut transaction = self.0.begin_write().map_err(LogError::write)?;
        transaction.set_durability(redb::Durability::Immediate).map_err(LogError::write)?;
        Ok(Transaction(transaction))
    }

    /// Reads consecutive entries, as many as fit into that many bytes, but at least one.
    pub(super) fn read(&self, indexes: RangeInclusive<u64>, bytes_max: usize) -> Result<Vec<Entry>, LogError> {
        let transaction = self.0.begin_read().map_err(LogError::read)?;
        let table = transaction.open_table(ENTRIES).map_err(LogError::read)?;
        let mut entries = Vec::new();
        let mut bytes = 0;
        for row in table.range(indexes).map_err(LogError::read)? {
            let (index, value) = row.map_err(LogError::read)?;
            bytes += value.value().len();
            if bytes > bytes_max && !entries.is_empty() {
                break;
            }
            entries.push(decode_entry(index.value(), value.value())?);
        }
        Ok(entries)
    }

    /// Writes down whose file it is, or makes sure that it is ours.
    fn claim(&self, path: &Path, node: NodeId) -> Result<(), LogError> {
        let transaction = self.begin()?;
        {
            let mut values = transaction.0.open_table(VALUES).map_err(LogError::write)?;
            let format = value::<u64>(&values, FORMAT)?.unwrap_or(FORMAT_NOW);
            if format != FORMAT_NOW {
                return Err(LogError::OtherFormat { path: path.to_owned(), found: format, known: FORMAT_NOW });
            }
            let owner = value::<NodeId>(&values, NODE)?.unwrap_or(node);
            if owner != node {
                return Err(LogError::OtherNode { path: path.to_owned(), found: owner, expected: node });
            }
            set(&mut values, FORMAT, &FORMAT_NOW)?;
            set(&mut values, NODE, &node)?;
            transaction.0.open_table(ENTRIES).map_err(LogError::write)?;
        }
        transaction.commit()
    }

    fn look(&self, path: &Path) -> Result<Found, LogError> {
        let transaction = self.0.begin_read().map_err(LogError::read)?;
        let values = transaction.open_table(VALUES).map_err(LogError::read)?;
        let mut found = Found {
            vote: value(&values, VOTE)?,
            committed: value(&values, COMMITTED)?,
            purged: value(&values, PURGED)?,
            ..Found::default()
        };
        look_at_entries(path, &transaction, &mut found)?;
        Ok(found)
    }
}

fn look_at_entries(path: &Path, transaction: &ReadTransaction, found: &mut Found) -> Result<(), LogError> {
    let table = transaction.open_table(ENTRIES).map_err(LogError::read)?;
    for row in table.iter().map_err(LogError::read)? {
        let (index, value) = row.map_err(LogError::read)?;
        let index = index.value();
        if let Some((previous, _)) = found.sizes.last()
            && index != previous + 1
        {
            return Err(LogError::Hole { path: path.to_owned(), missing: previous + 1 });
        }
        found.sizes.push((index, value.value().len()));
    }
    if let Some((index, value)) = table.last().map_err(LogError::read)? {
        found.last = Some(decode_entry(index.value(), value.value())?);
    }
    Ok(())
}

/// Changes that become durable together.
pub(super) struct Transaction(WriteTransaction);

impl Transaction {
    pub(super) fn append(&self, entries: &[(u64, Vec<u8>)]) -> Result<(), LogError> {
        let mut table = self.0.open_table(ENTRIES).map_err(LogError::write)?;
        for (index, bytes) in entries {
            table.insert(index, bytes.as_slice()).map_err(LogError::write)?;
        }
        Ok(())
    }

    pub(super) fn remove_from(&self, first: u64) -> Result<(), LogError> {
        let mut table = self.0.open_table(ENTRIES).map_err(LogError::write)?;
        table.retain_in(first.., |_, _| false).map_err(LogError::write)
    }

    pub(super) fn purge(&self, through: &LogId) -> Result<(), LogError> {
        let mut table = self.0.open_table(ENTRIES).map_err(LogError::write)?;
        table.retain_in(..=through.index, |_, _| false).map_err(LogError::write)?;
        self.set(PURGED, through)
    }

    pub(super) fn set_vote(&self, vote: &Vote) -> Result<(), LogError> {
        self.set(VOTE, vote)
    }

    pub(super) fn set_committed(&self, committed: &LogId) -> Result<(), LogError> {
        self.set(COMMITTED, committed)
    }

    /// Returns when the changes are on the disk.
    pub(super) fn commit(self) -> Result<(), LogError> {
        self.0.commit().map_err(LogError::write)
    }

    fn set(&self, name: &str, to: &impl Serialize) -> Result<(), LogError> {
        let mut table = self.0.open_table(VALUES).map_err(|error: TableError| LogError::write(error))?;
        set(&mut table, name, to)
    }
}

pub(super) fn encode_entry(entry: &Entry) -> Result<Vec<u8>, LogError> {
    postcard::to_stdvec(entry).map_err(|source| LogError::Encode { index: entry.log_id.index, source })
}

fn decode_entry(index: u64, bytes: &[u8]) -> Result<Entry, LogError> {
    postcard::from_bytes(bytes).map_err(LogError::decode(format!("log entry {index}")))
}

fn value<T: DeserializeOwned>(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<Option<T>, LogError> {
    let Some(bytes) = table.get(name).map_err(LogError::read)? else { return Ok(None) };
    postcard::from_bytes(bytes.value()).map(Some).map_err(LogError::decode(name))
}

fn set(
    table: &mut redb::Table<'_, &'static str, &'static [u8]>,
    name: &str,
    to: &impl Serialize,
) -> Result<(), LogError> {
    let bytes = postcard::to_stdvec(to).map_err(LogError::decode(name))?;
    table.insert(name, bytes.as_slice()).map_err(LogError::write)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_of_another_format_is_refused_instead_of_misread() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.redb");
        let (tables, _) = Tables::open(&path, 1).unwrap();
        for format in [FORMAT_NOW - 1, FORMAT_NOW + 1] {
            let transaction = tables.begin().unwrap();
            set(&mut transaction.0.open_table(VALUES).unwrap(), FORMAT, &format).unwrap();
            transaction.commit().unwrap();
            let error = tables.claim(&path, 1).unwrap_err();
            assert!(matches!(error, LogError::OtherFormat { found, .. } if found == format), "{error}");
        }
    }
}
