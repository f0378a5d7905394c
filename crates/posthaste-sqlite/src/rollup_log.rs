//! The log of counts: what a settle group counted, a row each, in the group's own transaction.
//!
//! Rows are numbered by the writer and never renumbered, so that `meta` can say which of them are
//! in the rollups: all up to one, and of the rows up to another so many counts, in their order.

use rusqlite::Connection;

use crate::{
    fault::Result,
    meta::{self, CLOSED, FOLDED, FOLDED_OF_CLOSED},
    row::{Columns, number},
    unfolded::{Deltas, Unfolded},
};

pub fn append(connection: &Connection, seq: u64, counts: &[u8]) -> Result<()> {
    let sql = "INSERT INTO rollup_log (seq, counts) VALUES (?1, ?2)";
    let mut insert = connection.prepare_cached(sql)?;
    insert.execute((number(seq), counts))?;
    Ok(())
}

/// Deletes rows up to this one.
pub fn clear(connection: &Connection, to: u64) -> Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM rollup_log WHERE seq <= ?1")?;
    delete.execute([number(to)])?;
    Ok(())
}

/// Of the rows up to `closed`, so many counts are in the rollups; perhaps that is all.
pub fn progress(connection: &Connection, closed: u64, folded: usize, all: bool) -> Result<()> {
    if all {
        meta::set(connection, FOLDED, number(closed))?;
        return meta::set(connection, FOLDED_OF_CLOSED, 0);
    }
    meta::set(connection, CLOSED, number(closed))?;
    meta::set(connection, FOLDED_OF_CLOSED, number(folded as u64))
}

/// What is in the log and not in the rollups.
pub fn read(connection: &Connection) -> Result<Unfolded> {
    let value = |name| meta::number(connection, name).map(|value| value.unwrap_or(0));
    let (folded, of_closed) = (value(FOLDED)?, value(FOLDED_OF_CLOSED)?);
    let closed = match of_closed {
        0 => folded,
        _ => value(CLOSED)?,
    };
    let (mut closing, mut growing) = (Deltas::default(), Deltas::default());
    let (mut bytes, mut last) = (0, folded);
    let sql = "SELECT seq, counts FROM rollup_log WHERE seq > ?1 ORDER BY seq";
    let mut query = connection.prepare(sql)?;
    let mut rows = query.query([number(folded)])?;
    while let Some(row) = rows.next()? {
        last = row.number(0)?;
        let counts = row.get_ref(1)?.as_blob()?;
        let deltas = decode(last, counts);
        if last <= closed {
            closing.merge(deltas);
        } else {
            bytes += counts.len();
            growing.merge(deltas);
        }
    }
    let of_closed = usize::try_from(of_closed).unwrap_or(usize::MAX);
    let closing = (closing, closed, of_closed);
    let cleared = cleared(connection, folded)?;
    Ok(Unfolded::restored(closing, (growing, bytes, last), cleared))
}

/// A spoilt row costs its counts and nothing else: deliveries do not wait for figures.
fn decode(seq: u64, counts: &[u8]) -> Deltas {
    Deltas::decode(counts).unwrap_or_else(|error| {
        tracing::error!(seq, %error, "counts of a settle group are lost");
        Deltas::default()
    })
}

/// The row below the first one that is there; else the last one that is folded.
fn cleared(connection: &Connection, folded: u64) -> Result<u64> {
    let sql = "SELECT coalesce(min(seq) - 1, ?1) FROM rollup_log";
    connection.query_row(sql, [number(folded)], |row| Ok(row.number(0)))?
}
