//! The model's removal of a tenant: all of it goes with the word, and only its id stays taken until
//! the removal is asked for.

use posthaste::event::TenantId;

use super::queue::State;
use crate::{ledger::Ledger, store::StoreError};

impl State {
    pub fn delete_tenant(&mut self, ledger: &Ledger, tenant: &TenantId) -> Result<(), StoreError> {
        self.disk
            .tenants
            .remove(tenant)
            .ok_or(StoreError::Missing)?;
        self.disk.newest = self.disk.newest();
        self.forget_events(ledger, tenant);
        let disk = &mut self.disk;
        let kept = &mut disk.subscriptions;
        kept.retain(|_, kept| kept.subscription.tenant != *tenant);
        disk.keys
            .retain(|_, key| key.tenant.as_ref() != Some(tenant));
        disk.event_types.retain(|(of, _), _| of != tenant);
        disk.idempotency.retain(|(of, _), _| of != tenant);
        disk.rollups.retain(|(of, ..), _| of != tenant);
        disk.audit
            .retain(|_, entry| entry.tenant.as_ref() != Some(tenant));
        disk.passes.retain(|_, pass| pass.tenant() != Some(tenant));
        disk.replays.retain(|_, replay| replay.tenant != *tenant);
        disk.inboxes
            .retain(|_, filled| filled.inbox.tenant != *tenant);
        disk.deleted.insert(tenant.clone());
        disk.mark = ledger.mark();
        Ok(())
    }

    /// With their deliveries; nothing is owed for them any more.
    fn forget_events(&mut self, ledger: &Ledger, tenant: &TenantId) {
        let disk = &mut self.disk;
        let events = disk.events.iter();
        let gone: Vec<_> = events
            .filter(|(_, stored)| stored.event.tenant == *tenant)
            .map(|(&id, stored)| (id, disk.without_row(stored).len()))
            .collect();
        for (id, without_row) in gone {
            (0..without_row).for_each(|_| ledger.rowed(id));
            disk.events.remove(&id);
        }
        let rows = &mut disk.rows;
        rows.retain(|_, row| row.latest.tenant != *tenant);
        disk.late.retain(|(_, id)| rows.contains_key(id));
        disk.waiting.retain(|id, _| rows.contains_key(id));
        self.taken.retain(|id| rows.contains_key(id));
    }
}
