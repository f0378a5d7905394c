//! An entry of a tenant's catalogue: one event type, described.

use std::collections::BTreeMap;

use posthaste::{
    clock::Timestamp,
    event::{EventType, TenantId},
    json::RawJson,
};

/// One event type in a tenant's catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTypeEntry {
    pub tenant: TenantId,
    pub name: EventType,
    /// For people.
    pub description: String,
    /// Data as an event of its newest version has it.
    pub example: Option<RawJson>,
    /// Each version's JSON Schema, as it was written.
    pub versions: BTreeMap<u32, RawJson>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Counts changes, so that a stale one is refused; 1 when it is made.
    pub revision: u64,
}

impl EventTypeEntry {
    /// Its newest version, where it has any.
    #[must_use]
    pub fn newest(&self) -> Option<(u32, &RawJson)> {
        let newest = self.versions.last_key_value();
        newest.map(|(version, schema)| (*version, schema))
    }
}
