//! The model's inboxes, each with what came to it.

use std::collections::BTreeMap;

use posthaste::{clock::Timestamp, event::TenantId, id::InboxId};

use super::{disk::Disk, log::page};
use crate::{
    inbox::{Arrival, Inbox, InboxRequest, stay},
    query::Stretch,
    store::{Page, StoreError},
};

/// An inbox and its requests, by number.
#[derive(Clone)]
pub(super) struct Filled {
    pub inbox: Inbox,
    requests: BTreeMap<u64, Arrival>,
    newest: u64,
}

fn numbered((&number, arrival): (&u64, &Arrival)) -> InboxRequest {
    let arrival = arrival.clone();
    InboxRequest { number, arrival }
}

impl Disk {
    pub fn all_inboxes(&self) -> Vec<Inbox> {
        let filled = self.inboxes.values();
        filled.map(|filled| filled.inbox.clone()).collect()
    }

    pub fn insert_inbox(&mut self, inbox: Inbox) -> Result<(), StoreError> {
        self.expect_tenant(&inbox.tenant)?;
        if self.inboxes.contains_key(&inbox.id) {
            return Err(StoreError::Exists(inbox.id.to_string()));
        }
        let filled = Filled {
            inbox,
            requests: BTreeMap::new(),
            newest: 0,
        };
        self.inboxes.insert(filled.inbox.id, filled);
        Ok(())
    }

    pub fn update_inbox(&mut self, inbox: Inbox) -> Result<(), StoreError> {
        let filled = self.filled_mut(&inbox.tenant, inbox.id);
        let filled = filled.ok_or(StoreError::Missing)?;
        if filled.inbox.revision + 1 != inbox.revision {
            return Err(StoreError::Stale);
        }
        filled.inbox = inbox;
        Ok(())
    }

    pub fn delete_inbox(&mut self, tenant: &TenantId, id: InboxId) -> bool {
        self.filled(tenant, id).is_some() && self.inboxes.remove(&id).is_some()
    }

    fn filled(&self, tenant: &TenantId, id: InboxId) -> Option<&Filled> {
        let filled = self.inboxes.get(&id);
        filled.filter(|filled| filled.inbox.tenant == *tenant)
    }

    fn filled_mut(&mut self, tenant: &TenantId, id: InboxId) -> Option<&mut Filled> {
        let filled = self.inboxes.get_mut(&id);
        filled.filter(|filled| filled.inbox.tenant == *tenant)
    }

    pub fn keep_arrival(
        &mut self,
        tenant: &TenantId,
        id: InboxId,
        arrival: Arrival,
    ) -> Result<u64, StoreError> {
        let filled = self.filled_mut(tenant, id).ok_or(StoreError::Missing)?;
        filled.newest += 1;
        filled.requests.insert(filled.newest, arrival);
        let weights = filled.requests.values().rev().map(Arrival::bytes);
        for _ in stay(weights)..filled.requests.len() {
            filled.requests.pop_first();
        }
        Ok(filled.newest)
    }

    pub fn inbox_requests(
        &self,
        tenant: &TenantId,
        id: InboxId,
        stretch: Stretch,
    ) -> Page<InboxRequest> {
        let filled = self.filled(tenant, id).into_iter();
        let newest_first = filled.flat_map(|filled| filled.requests.iter().rev());
        page(newest_first.map(numbered), stretch, |one| one.number)
    }

    pub fn inbox_requests_after(
        &self,
        tenant: &TenantId,
        id: InboxId,
        after: u64,
        at_most: usize,
    ) -> Vec<InboxRequest> {
        let filled = self.filled(tenant, id).into_iter();
        let newer = filled.flat_map(|filled| filled.requests.range(after.saturating_add(1)..));
        newer.take(at_most).map(numbered).collect()
    }

    pub fn prune_arrivals(&mut self, before: Timestamp, at_most: usize) -> usize {
        let mut left = at_most;
        for filled in self.inboxes.values_mut() {
            filled.requests.retain(|_, arrival| {
                let goes = arrival.at < before && left > 0;
                left -= usize::from(goes);
                !goes
            });
        }
        at_most - left
    }
}
