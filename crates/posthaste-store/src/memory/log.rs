//! What the model answers to those who look: events, deliveries, counts.

use std::{collections::BTreeMap, ops::Bound};

use posthaste::{
    delivery::DeliveryStatus,
    event::TenantId,
    id::{DeliveryId, EventId, SubscriptionId},
};

use super::{
    disk::{Disk, fan_out, summary},
    row::Row,
};
use crate::{
    dead_letter::DeadLetters,
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{Attempt, Backlog, Counts, Delivery, EventSummary, History, StoredEvent},
    store::Page,
};

impl Disk {
    pub fn event(&self, tenant: &TenantId, id: EventId) -> Option<StoredEvent> {
        let stored = self.events.get(&id).cloned();
        stored.filter(|stored| stored.event.tenant == *tenant)
    }

    pub fn list_events(
        &self,
        tenant: &TenantId,
        query: &EventQuery,
        stretch: Stretch,
    ) -> Page<EventSummary> {
        let newest_first = self.events.values().rev();
        let wanted = newest_first
            .filter(|stored| stored.event.tenant == *tenant)
            .map(summary)
            .filter(|event| query.wants(event));
        page(wanted, stretch, |event| event.id.as_u64())
    }

    pub fn events_between(
        &self,
        tenant: &TenantId,
        after: EventId,
        until: EventId,
        at_most: usize,
    ) -> Page<StoredEvent> {
        let until = until.max(EventId::from_u64(after.as_u64() + 1));
        let between = (Bound::Excluded(after), Bound::Excluded(until));
        let of_tenant = self.events.range(between).map(|(_, stored)| stored);
        let mut of_tenant = of_tenant.filter(|stored| stored.event.tenant == *tenant);
        let items: Vec<StoredEvent> = of_tenant.by_ref().take(at_most).cloned().collect();
        let more = of_tenant.next().is_some();
        let next = items.last().filter(|_| more);
        let next = next.map(|stored| stored.event.id.as_u64());
        Page { items, next }
    }

    pub fn events_of(&self, tenant: &TenantId, ids: &[EventId]) -> Page<StoredEvent> {
        let items = ids
            .iter()
            .filter_map(|id| self.event(tenant, *id))
            .collect();
        Page { items, next: None }
    }

    pub fn delivery(&self, tenant: &TenantId, id: DeliveryId) -> Option<Delivery> {
        let row = self.row(id).filter(|row| row.latest.tenant == *tenant)?;
        Some(row.shown(self.shade(row.latest.subscription)))
    }

    pub fn list_deliveries(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
        stretch: Stretch,
    ) -> Page<Delivery> {
        let newest_first = self.shown(tenant).into_iter().rev();
        let wanted = newest_first.filter(|delivery| query.wants(delivery));
        page(wanted, stretch, |delivery| delivery.id.as_u64())
    }

    pub fn dead_letters(&self, tenant: &TenantId, stretch: Stretch) -> DeadLetters {
        let failed = DeliveryQuery {
            status: Some(DeliveryStatus::Failed),
            ..DeliveryQuery::default()
        };
        let page = self.list_deliveries(tenant, &failed, stretch);
        let mut dead = DeadLetters {
            next: page.next,
            ..DeadLetters::default()
        };
        for one in page.items {
            dead.add(one.id, one.subscription, one.last_error.as_deref());
        }
        dead
    }

    pub fn deliveries_of(&self, tenant: &TenantId, events: &[EventId]) -> Vec<Delivery> {
        let stored = events.iter().filter_map(|id| self.event(tenant, *id));
        let rows = stored.flat_map(|stored| {
            let implied = (0..fan_out(&stored)).map(|index| stored.event.id.delivery(index));
            let implied = implied.filter_map(|id| self.row(id));
            let late = self.late_of(stored.event.id).cloned();
            implied.chain(late).collect::<Vec<_>>()
        });
        let all: BTreeMap<_, _> = rows.map(|row| (row.id(), row)).collect();
        let all = all.into_values();
        all.map(|row| row.shown(self.shade(row.latest.subscription)))
            .collect()
    }

    pub fn attempts(&self, tenant: &TenantId, id: DeliveryId) -> Vec<Attempt> {
        let row = self.row(id).filter(|row| row.latest.tenant == *tenant);
        row.map(|row| row.attempts).unwrap_or_default()
    }

    pub fn histories(
        &self,
        tenant: &TenantId,
        (after, until): (DeliveryId, DeliveryId),
        at_most: usize,
    ) -> Page<History> {
        if until <= after {
            let (items, next) = (Vec::new(), None);
            return Page { items, next };
        }
        let between = (Bound::Excluded(after), Bound::Excluded(until));
        let rows = self.rows.range(between).map(|(_, row)| row);
        let of_tenant = rows.filter(|row| row.latest.tenant == *tenant);
        let mut attempted = of_tenant.filter(|row| !row.attempts.is_empty());
        let history = |row: &Row| row.history(self.events.get(&row.latest.event));
        let items: Vec<History> = attempted.by_ref().take(at_most).map(history).collect();
        let more = attempted.next().is_some();
        let next = items.last().filter(|_| more);
        let next = next.map(|history| history.id.as_u64());
        Page { items, next }
    }

    pub fn counts(&self, tenant: &TenantId) -> Counts {
        let mut counts = Counts::default();
        for delivery in self.shown(tenant) {
            let count = match delivery.state.status() {
                DeliveryStatus::Pending => &mut counts.pending,
                DeliveryStatus::Retrying => &mut counts.retrying,
                DeliveryStatus::Held => &mut counts.held,
                DeliveryStatus::Delivered => &mut counts.delivered,
                DeliveryStatus::Failed => &mut counts.failed,
                DeliveryStatus::Discarded => &mut counts.discarded,
            };
            *count += 1;
        }
        counts
    }

    pub fn backlog(&self, tenant: &TenantId, subscription: Option<SubscriptionId>) -> Backlog {
        let mut backlog = Backlog::default();
        for delivery in self.shown(tenant) {
            if subscription.is_some_and(|id| id != delivery.subscription) {
                continue;
            }
            match delivery.state.status() {
                DeliveryStatus::Pending => backlog.pending += 1,
                DeliveryStatus::Retrying => backlog.retrying += 1,
                DeliveryStatus::Held => backlog.held += 1,
                DeliveryStatus::Failed => backlog.failed += 1,
                DeliveryStatus::Delivered | DeliveryStatus::Discarded => {}
            }
            if matches!(
                delivery.state.status(),
                DeliveryStatus::Pending | DeliveryStatus::Retrying
            ) {
                backlog.meet(Some(delivery.id));
            }
        }
        backlog
    }

    /// A tenant's deliveries as everyone sees them, oldest first.
    fn shown(&self, tenant: &TenantId) -> Vec<Delivery> {
        let rows = self.deliveries(tenant).into_values();
        rows.map(|row| row.shown(self.shade(row.latest.subscription)))
            .collect()
    }
}

/// A stretch of what is wanted, newest first.
pub(super) fn page<T>(
    wanted: impl Iterator<Item = T>,
    stretch: Stretch,
    id: impl Fn(&T) -> u64,
) -> Page<T> {
    let below = |item: &T| stretch.before.is_none_or(|before| id(item) < before);
    let mut rest = wanted.filter(below).peekable();
    let items: Vec<T> = rest.by_ref().take(stretch.limit).collect();
    let more = rest.peek().is_some();
    let next = items.last().filter(|_| more).map(id);
    Page { items, next }
}
