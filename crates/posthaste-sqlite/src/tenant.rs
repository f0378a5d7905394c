//! Tenants' numbers, which rows carry instead of their names.

use posthaste::event::TenantId;
use rusqlite::{Connection, OptionalExtension};

use crate::{
    fault::{Fault, Result},
    row::{Columns, number},
};

/// A tenant's number, if it ever had one.
pub fn find(connection: &Connection, tenant: &TenantId) -> Result<Option<u64>> {
    let mut query = connection.prepare_cached("SELECT no FROM tenants WHERE id = ?1")?;
    let no = query
        .query_row([tenant.as_str()], |row| Ok(row.number(0)))
        .optional()?;
    no.transpose()
}

/// A tenant's name by its number.
pub fn name(connection: &Connection, no: u64) -> Result<TenantId> {
    let mut query = connection.prepare_cached("SELECT id FROM tenants WHERE no = ?1")?;
    let id: String = query.query_row([number(no)], |row| row.get(0))?;
    id.parse()
        .map_err(|_| Fault::Corrupt(format!("{id:?} is no tenant")))
}
