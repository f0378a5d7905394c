//! An event as a row.

use posthaste::{event::Event, json::RawJson};
use rusqlite::{Connection, Row};

use crate::{fault::Result, row::Columns, tenant};

/// Reads the columns `id, tenant, type, details, data`, the first of them at `from`.
pub fn read(connection: &Connection, row: &Row<'_>, from: usize) -> Result<Event> {
    let data: Vec<u8> = row.get(from + 4)?;
    Ok(Event {
        id: row.event_id(from)?,
        tenant: tenant::name(connection, row.number(from + 1)?)?,
        event_type: row.event_type(from + 2)?,
        details: row.details(from + 3)?,
        data: RawJson::trusted(data.into()),
    })
}
