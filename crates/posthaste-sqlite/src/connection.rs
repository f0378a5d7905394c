//! Connections with the settings that durability rests on, read back after they are set: a store
//! that runs with weaker ones would lose what it acknowledged.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig, types::Value};

/// How long a connection waits for another's lock before it gives up.
const BUSY: Duration = Duration::from_secs(5);

/// Why a connection is not to be used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error("SQLite did not take {name} = {wanted}: it is {found:?}")]
    Unsafe {
        name: &'static str,
        wanted: &'static str,
        found: Value,
    },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// What each setting must read after it was set.
const DURABLE: &[(&str, &str, Expected)] = &[
    ("journal_mode", "WAL", Expected::Text("wal")),
    ("synchronous", "FULL", Expected::Number(2)),
    ("wal_autocheckpoint", "0", Expected::Number(0)),
    ("foreign_keys", "OFF", Expected::Number(0)),
];

#[derive(Clone, Copy)]
enum Expected {
    Text(&'static str),
    Number(i64),
}

/// The one connection that writes. Its file exists.
pub fn writing(path: &Path) -> Result<Connection, ConnectionError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "page_size", 4096)?;
    for &(name, wanted, expected) in DURABLE {
        set(&connection, name, wanted, expected)?;
    }
    connection.pragma_update(None, "cache_size", -65_536)?; // KiB
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // A data key that is deleted leaves no copy in its page; it costs no writing.
    connection.pragma_update(None, "secure_delete", "FAST")?;
    // Closing is not the moment to move the WAL: `shutdown` does, and a crash has none.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    keep_statements(&connection)?;
    Ok(connection)
}

fn set(
    connection: &Connection,
    name: &'static str,
    wanted: &'static str,
    expected: Expected,
) -> Result<(), ConnectionError> {
    connection.pragma_update(None, name, wanted)?;
    let found: Value = connection.pragma_query_value(None, name, |row| row.get(0))?;
    let taken = match (&found, expected) {
        (Value::Text(found), Expected::Text(expected)) => found == expected,
        (Value::Integer(found), Expected::Number(expected)) => *found == expected,
        _ => false,
    };
    match taken {
        true => Ok(()),
        false => Err(ConnectionError::Unsafe {
            name,
            wanted,
            found,
        }),
    }
}

/// One of those that read beside it.
pub fn reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -8192)?; // KiB
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    keep_statements(&connection)?;
    Ok(connection)
}

/// Statements are prepared once. Without the stability guarantee SQLite prepares many of them anew
/// with each value that is bound, in case it would plan otherwise; no plan here depends on one.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
