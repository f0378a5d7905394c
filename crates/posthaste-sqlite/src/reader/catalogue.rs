//! Catalogues.

use posthaste::json::RawJson;
use posthaste_store::EventTypeEntry;
use rusqlite::Row;

use super::{
    Moment,
    configuration::{all, tenant_id},
};
use crate::{
    fault::{Fault, Result},
    row::Columns,
};

pub fn event_types(moment: &Moment<'_>) -> Result<Vec<EventTypeEntry>> {
    let sql = include_str!("../../sql/event_types.sql");
    all(moment.disk()?, sql, read)
}

fn read(row: &Row<'_>) -> Result<EventTypeEntry> {
    let name = row.get_ref(1)?.as_str()?.parse();
    let versions = row.get_ref(4)?.as_str()?;
    let example: Option<String> = row.get(3)?;
    Ok(EventTypeEntry {
        tenant: tenant_id(row, 0)?,
        name: name.map_err(|_| corrupt("name"))?,
        description: row.get(2)?,
        example: example.map(|text| RawJson::trusted(text.into())),
        versions: serde_json::from_str(versions).map_err(|_| corrupt("versions"))?,
        created_at: row.time(5)?.unwrap_or_default(),
        updated_at: row.time(6)?.unwrap_or_default(),
        revision: row.number(7)?,
    })
}

fn corrupt(column: &str) -> Fault {
    Fault::Corrupt(format!("an event type's {column} cannot be read"))
}
