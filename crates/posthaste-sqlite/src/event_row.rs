//! An event as a row, with a checksum over what of it is sent: a disk that gives back other bytes
//! than it was given is noticed before a receiver gets them.

use posthaste::{event::Event, id::EventId, json::RawJson};
use rusqlite::{Connection, Row};

use crate::{
    fault::{Fault, Result},
    row::Columns,
    tenant,
};

/// CRC-32 of what of an event is sent.
pub fn checksum(id: EventId, event_type: &str, details: Option<&[u8]>, data: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&id.as_u64().to_be_bytes());
    for part in [event_type.as_bytes(), details.unwrap_or_default(), data] {
        sum.update(&(part.len() as u64).to_be_bytes());
        sum.update(part);
    }
    sum.finalize()
}

/// Reads the columns `id, tenant, type, details, data, checksum`, the first of them at `from`.
pub fn read(connection: &Connection, row: &Row<'_>, from: usize) -> Result<Event> {
    let id = row.event_id(from)?;
    let data: Vec<u8> = row.get(from + 4)?;
    if let Some(expected) = row.get::<_, Option<u32>>(from + 5)? {
        let (event_type, details) = (row.get_ref(from + 2)?, row.get_ref(from + 3)?);
        let found = checksum(id, event_type.as_str()?, details.as_blob_or_null()?, &data);
        if found != expected {
            return Err(Fault::Corrupt(format!("{id} is not what was written")));
        }
    }
    Ok(Event {
        id,
        tenant: tenant::name(connection, row.number(from + 1)?)?,
        event_type: row.event_type(from + 2)?,
        details: row.details(from + 3)?,
        data: RawJson::trusted(data.into()),
    })
}
