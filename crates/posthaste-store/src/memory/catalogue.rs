//! The model's catalogues.

use posthaste::event::{EventType, TenantId};

use super::disk::Disk;
use crate::{event_type::EventTypeEntry, store::StoreError};

impl Disk {
    pub fn put_event_type(&mut self, entry: EventTypeEntry) -> Result<(), StoreError> {
        self.expect_tenant(&entry.tenant)?;
        let key = (entry.tenant.clone(), entry.name.clone());
        let known = self.event_types.get(&key);
        if known.map_or(0, |known| known.revision) + 1 != entry.revision {
            return Err(StoreError::Stale);
        }
        let created_at = known.map_or(entry.created_at, |known| known.created_at);
        let entry = EventTypeEntry {
            created_at,
            ..entry
        };
        self.event_types.insert(key, entry);
        Ok(())
    }

    pub fn delete_event_type(&mut self, tenant: &TenantId, name: &EventType) -> bool {
        let key = (tenant.clone(), name.clone());
        self.event_types.remove(&key).is_some()
    }
}
