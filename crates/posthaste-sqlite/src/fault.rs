//! What goes wrong inside this store, before it becomes one of the seam's few errors.

use posthaste_store::StoreError;
use rusqlite::{ErrorCode, types::FromSqlError};

/// Why one piece of work did not happen.
#[derive(Debug)]
pub enum Fault {
    /// SQLite failed: nothing of the transaction is kept.
    Sqlite(rusqlite::Error),
    /// A row that this store cannot have written.
    Corrupt(String),
    /// A decision, made before anything was written: the rest of the transaction goes on.
    Refused(StoreError),
}

pub type Result<T> = std::result::Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match is_another_value(&error) {
            true => Self::Corrupt(error.to_string()),
            false => Self::Sqlite(error),
        }
    }
}

/// The row was read, and a column is none of what this store writes there.
fn is_another_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::FromSqlConversionFailure(..)
            | Error::InvalidColumnType(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
    )
}

impl From<FromSqlError> for Fault {
    fn from(error: FromSqlError) -> Self {
        Self::Corrupt(error.to_string())
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Corrupt(what) => Self::Corrupt(what),
            Fault::Sqlite(error) if is_corruption(&error) => Self::Corrupt(error.to_string()),
            Fault::Sqlite(error) => Self::Unavailable(error.to_string()),
        }
    }
}

fn is_corruption(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}
