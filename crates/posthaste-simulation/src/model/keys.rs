//! I7: one key of one tenant makes one event.

use std::collections::BTreeMap;

use posthaste::{clock::Timestamp, event::TenantId, id::EventId};
use posthaste_store::record::Idempotency;

#[derive(Debug, Default)]
pub struct Keys(BTreeMap<(TenantId, [u8; 32]), (EventId, Idempotency)>);

impl Keys {
    /// Says whether the key made nothing before.
    pub fn first_use(
        &mut self,
        now: Timestamp,
        tenant: &TenantId,
        used: &Idempotency,
        event: EventId,
    ) -> bool {
        let fresh = self.known(now, tenant, used).is_none();
        self.0
            .insert((tenant.clone(), used.key), (event, used.clone()));
        fresh
    }

    /// What the key made, and whether of the same body.
    #[must_use]
    pub fn known(
        &self,
        now: Timestamp,
        tenant: &TenantId,
        used: &Idempotency,
    ) -> Option<(EventId, bool)> {
        let (event, first) = self.0.get(&(tenant.clone(), used.key))?;
        (first.expires_at > now).then_some((*event, first.body == used.body))
    }
}
