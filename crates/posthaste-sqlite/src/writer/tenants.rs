//! Tenants' numbers: rows carry a number instead of a name. They never change, so that they are
//! kept in memory. There is none for a tenant that does not exist or is deleted: nothing is written
//! for it.

use std::collections::HashMap;

use posthaste::event::TenantId;
use posthaste_store::StoreError;
use rusqlite::Connection;

use crate::{
    fault::{Fault, Result},
    tenant,
};

#[derive(Default)]
pub struct Tenants(HashMap<TenantId, u64>);

impl Tenants {
    pub fn find(&mut self, connection: &Connection, name: &TenantId) -> Result<Option<u64>> {
        if let Some(&known) = self.0.get(name) {
            return Ok(Some(known));
        }
        let found = tenant::find(connection, name)?;
        if let Some(no) = found {
            self.0.insert(name.clone(), no);
        }
        Ok(found)
    }

    /// The number of one that has to be there.
    pub fn number(&mut self, connection: &Connection, name: &TenantId) -> Result<u64> {
        let found = self.find(connection, name)?;
        found.ok_or(Fault::Refused(StoreError::Missing))
    }

    /// It is deleted.
    pub fn forget(&mut self, name: &TenantId) {
        self.0.remove(name);
    }
}
