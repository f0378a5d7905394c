//! The model's audit log, and the changes that are kept with an entry of it.

use posthaste::{clock::Timestamp, event::TenantId, id::AuditId};

use super::{disk::Disk, log::page, queue::State};
use crate::{
    audit::{AuditEntry, AuditQuery},
    change::Change,
    ledger::Ledger,
    query::Stretch,
    store::{Page, StoreError},
};

impl State {
    pub fn change(
        &mut self,
        ledger: &Ledger,
        change: Change,
        entry: Option<AuditEntry>,
    ) -> Result<(), StoreError> {
        match change {
            Change::DeleteTenant { tenant, .. } => self.delete_tenant(ledger, &tenant)?,
            change => self.disk.carry_out(change)?,
        }
        self.disk.append(entry);
        Ok(())
    }
}

impl Disk {
    fn carry_out(&mut self, change: Change) -> Result<(), StoreError> {
        let found = |found| {
            if found {
                Ok(())
            } else {
                Err(StoreError::Missing)
            }
        };
        match change {
            Change::InsertTenant(tenant) => self.insert_tenant(tenant),
            Change::UpdateTenant(tenant) => self.update_tenant(tenant),
            Change::DeleteTenant { .. } => unreachable!("more than the disk is changed by it"),
            Change::PutEventType(entry) => self.put_event_type(entry),
            Change::DeleteEventType { tenant, name } => {
                found(self.delete_event_type(&tenant, &name))
            }
            Change::InsertSubscription(subscription) => self.insert_subscription(*subscription),
            Change::UpdateSubscription {
                subscription,
                forgive,
            } => self.update_subscription(*subscription, forgive),
            Change::DeleteSubscription { tenant, id, now } => {
                self.delete_subscription(&tenant, id, now)
            }
            Change::InsertKey(key) => self.insert_key(key),
            Change::DeleteKey { tenant, id } => found(self.delete_key(tenant.as_ref(), id)),
            Change::InsertPass(pass) => self.insert_pass(*pass),
            Change::DeletePass(digest) => found(self.passes.remove(&digest).is_some()),
            Change::DeletePortalLink { tenant, id } => found(self.delete_portal_link(&tenant, id)),
            Change::InsertInbox(inbox) => self.insert_inbox(*inbox),
            Change::UpdateInbox(inbox) => self.update_inbox(*inbox),
            Change::DeleteInbox { tenant, id } => found(self.delete_inbox(&tenant, id)),
        }
    }

    pub fn append(&mut self, entry: Option<AuditEntry>) {
        self.audit.extend(entry.map(|entry| (entry.id, entry)));
    }

    pub fn list_audit(
        &self,
        tenant: &TenantId,
        query: &AuditQuery,
        stretch: Stretch,
    ) -> Page<AuditEntry> {
        let newest_first = self.audit.values().rev();
        let read = newest_first.filter(|entry| match &entry.tenant {
            Some(owner) => owner == tenant,
            None => query.platforms,
        });
        let wanted = read.filter(|entry| query.wants(entry));
        page(wanted.cloned(), stretch, |entry| entry.id.as_u64())
    }

    pub fn prune_audit(&mut self, before: Timestamp, at_most: usize) -> usize {
        let old = self.audit.values().take_while(|entry| entry.at() < before);
        let old: Vec<AuditId> = old.take(at_most).map(|entry| entry.id).collect();
        old.iter().for_each(|id| drop(self.audit.remove(id)));
        old.len()
    }
}
