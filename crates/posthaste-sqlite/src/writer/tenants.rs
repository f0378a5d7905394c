//! Tenants' numbers: rows carry a number instead of a name. They never change, so that they are
//! kept in memory.

use std::collections::HashMap;

use posthaste::event::TenantId;
use rusqlite::Connection;

use crate::{fault::Result, tenant};

#[derive(Default)]
pub struct Tenants(HashMap<TenantId, u64>);

impl Tenants {
    /// A tenant's number; an unknown one is given the next.
    pub fn number(&mut self, connection: &Connection, name: &TenantId) -> Result<u64> {
        if let Some(&known) = self.0.get(name) {
            return Ok(known);
        }
        let no = match tenant::find(connection, name)? {
            Some(no) => no,
            None => {
                connection
                    .prepare_cached("INSERT INTO tenants (id) VALUES (?1)")?
                    .execute([name.as_str()])?;
                u64::try_from(connection.last_insert_rowid()).unwrap_or(0)
            }
        };
        self.0.insert(name.clone(), no);
        Ok(no)
    }
}
