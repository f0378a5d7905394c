//! The schema's numbered steps. Each is applied once, in a transaction, and remembered with its
//! checksum, so that a step that was edited after it ran is noticed. A schema newer than this
//! binary is refused, never guessed at.

use rusqlite::{OptionalExtension, Transaction};
use sha2::{Digest, Sha256};

/// In order. One that was released is never edited: what follows it mends it.
const STEPS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_order_batches_circuits.sql"),
    include_str!("../migrations/0003_tenants.sql"),
    include_str!("../migrations/0004_catalogue.sql"),
    include_str!("../migrations/0005_replays.sql"),
    include_str!("../migrations/0006_rollups.sql"),
    include_str!("../migrations/0007_provenance.sql"),
    include_str!("../migrations/0008_retention.sql"),
    include_str!("../migrations/0009_tenants.sql"),
    include_str!("../migrations/0010_keys.sql"),
    include_str!("../migrations/0011_audit.sql"),
    include_str!("../migrations/0012_sealed.sql"),
    include_str!("../migrations/0013_checksums.sql"),
    include_str!("../migrations/0014_passes.sql"),
    include_str!("../migrations/0015_inboxes.sql"),
    include_str!("../migrations/0016_timings.sql"),
    include_str!("../migrations/0017_backlog.sql"),
    include_str!("../migrations/0018_dead.sql"),
];

/// Why the schema cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    #[error("its schema is version {found}, this program knows {known}: use a newer program")]
    Newer { found: u32, known: u32 },
    #[error("its schema's step {step} is not the one this program was built with")]
    Changed { step: u32 },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Brings the schema up to date, in a transaction of the caller's.
pub fn migrate(transaction: &Transaction<'_>) -> Result<(), MigrationError> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (step INTEGER PRIMARY KEY, sha256 BLOB NOT NULL) STRICT",
    )?;
    refuse_newer(transaction)?;
    for (step, sql) in (1..).zip(STEPS) {
        apply(transaction, step, sql)?;
    }
    Ok(())
}

fn refuse_newer(transaction: &Transaction<'_>) -> Result<(), MigrationError> {
    let sql = "SELECT coalesce(max(step), 0) FROM migrations";
    let found: u32 = transaction.query_row(sql, [], |row| row.get(0))?;
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if found > known {
        return Err(MigrationError::Newer { found, known });
    }
    Ok(())
}

fn apply(transaction: &Transaction<'_>, step: u32, sql: &str) -> Result<(), MigrationError> {
    let checksum = Sha256::digest(sql.as_bytes()).to_vec();
    let query = "SELECT sha256 FROM migrations WHERE step = ?1";
    let applied: Option<Vec<u8>> = transaction
        .query_row(query, [step], |row| row.get(0))
        .optional()?;
    match applied {
        Some(applied) if applied == checksum => Ok(()),
        Some(_) => Err(MigrationError::Changed { step }),
        None => {
            transaction.execute_batch(sql)?;
            transaction.execute("INSERT INTO migrations VALUES (?1, ?2)", (step, checksum))?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn migrated(connection: &mut Connection) -> Result<(), MigrationError> {
        let transaction = connection.transaction()?;
        migrate(&transaction)?;
        Ok(transaction.commit()?)
    }

    #[track_caller]
    fn check(tamper: &str, expected: &str) {
        let mut connection = Connection::open_in_memory().unwrap();
        migrated(&mut connection).unwrap();
        connection.execute_batch(tamper).unwrap();
        let refusal = migrated(&mut connection).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }

    #[test]
    fn a_schema_is_migrated_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrated(&mut connection).unwrap();
        migrated(&mut connection).unwrap();
    }

    #[test]
    fn a_newer_schema_is_refused() {
        check("INSERT INTO migrations VALUES (99, x'00')", "newer");
    }

    #[test]
    fn a_step_that_was_edited_after_it_ran_is_refused() {
        check("UPDATE migrations SET sha256 = x'00'", "step 1");
    }
}
