//! What outlives a crash of the model: all that a real store has on disk.

use std::collections::{BTreeMap, BTreeSet};

use posthaste::{
    clock::Timestamp,
    event::{EventType, TenantId},
    id::{AuditId, BatchId, DeliveryId, EventId, InboxId, KeyId, ReplayId, SubscriptionId, places},
    subscription::{Subscription, SubscriptionStatus},
};

use super::{
    inboxes::Filled,
    rollups::Rollups,
    row::{Row, Shade},
};
use crate::{
    audit::AuditEntry,
    event_type::EventTypeEntry,
    pass::{Pass, TokenDigest},
    record::{EventSummary, Parking, StoredEvent, Waiting},
    replay::Replay,
    settings::{ApiKey, Identity, Tenant},
};

#[derive(Clone)]
pub(super) struct Disk {
    pub identity: Identity,
    pub tenants: BTreeMap<TenantId, Tenant>,
    /// Deleted, and not removed yet; all that they had is gone.
    pub deleted: BTreeSet<TenantId>,
    pub event_types: BTreeMap<(TenantId, EventType), EventTypeEntry>,
    pub subscriptions: BTreeMap<SubscriptionId, Kept>,
    pub keys: BTreeMap<KeyId, ApiKey>,
    pub events: BTreeMap<EventId, StoredEvent>,
    pub idempotency: Keys,
    /// Deliveries that are not implied.
    pub rows: BTreeMap<DeliveryId, Row>,
    /// Of these, those that were made after their event.
    pub late: BTreeSet<(EventId, DeliveryId)>,
    /// Of all, those that wait, and where: few among all that ever were.
    pub waiting: BTreeMap<DeliveryId, (SubscriptionId, Parking)>,
    /// By tenant, subscription and minute.
    pub rollups: Rollups,
    pub replays: BTreeMap<ReplayId, Replay>,
    pub audit: BTreeMap<AuditId, AuditEntry>,
    pub passes: BTreeMap<TokenDigest, Pass>,
    pub inboxes: BTreeMap<InboxId, Filled>,
    /// The settled mark, as of the last settle.
    pub mark: EventId,
    /// The last place of what was let go of: ids begin above it.
    pub newest: EventId,
}

/// What keys made, by tenant and the hash of the key.
pub(super) type Keys = BTreeMap<(TenantId, [u8; 32]), Used>;

/// A subscription, or its tombstone.
#[derive(Clone)]
pub(super) struct Kept {
    pub subscription: Subscription,
    /// When it was deleted: a tombstone.
    pub deleted_at: Option<Timestamp>,
    pub pause: Option<Pause>,
}

/// Since when a subscription is paused.
#[derive(Clone, Copy)]
pub(super) struct Pause {
    pub since: Timestamp,
    pub told_at: Option<Timestamp>,
}

impl Pause {
    /// One that a subscription is in from `since` on, where its status is paused.
    pub fn of(status: SubscriptionStatus, since: Timestamp) -> Option<Self> {
        let told_at = None;
        let paused = matches!(status, SubscriptionStatus::Paused(_));
        paused.then_some(Self { since, told_at })
    }
}

/// An idempotency key and what it made.
#[derive(Clone)]
pub(super) struct Used {
    pub body: [u8; 32],
    pub first: EventSummary,
    pub expires_at: Timestamp,
}

/// How many deliveries an event had when it was accepted.
pub(super) fn fan_out(stored: &StoredEvent) -> u32 {
    u32::try_from(stored.subscriptions.len()).expect("a slice of ids that fits in memory")
}

pub(super) fn summary(stored: &StoredEvent) -> EventSummary {
    EventSummary {
        id: stored.event.id,
        event_type: stored.event.event_type.clone(),
        details: stored.event.details.clone(),
        deliveries: fan_out(stored),
    }
}

impl Disk {
    /// A delivery of any tenant, implied or not.
    pub fn row(&self, id: DeliveryId) -> Option<Row> {
        self.rows.get(&id).cloned().or_else(|| self.implied(id))
    }

    /// Keeps a row as it is now.
    pub fn put(&mut self, row: Row) {
        let (id, subscription) = (row.id(), row.latest.subscription);
        match row.parking() {
            Some(parking) => self.waiting.insert(id, (subscription, parking)),
            None => self.waiting.remove(&id),
        };
        self.rows.insert(id, row);
    }

    /// The event that the id would belong to is the nearest one below it.
    fn implied(&self, id: DeliveryId) -> Option<Row> {
        let below = ..=EventId::from_u64(id.as_u64());
        let (event, stored) = self.events.range(below).next_back()?;
        let index = event.index_of(id, fan_out(stored))?;
        Some(Row::implied(stored, index))
    }

    /// An event's deliveries that have no row.
    pub fn without_row(&self, stored: &StoredEvent) -> Vec<Row> {
        let implied = (0..fan_out(stored)).map(|index| Row::implied(stored, index));
        implied
            .filter(|row| !self.rows.contains_key(&row.id()))
            .collect()
    }

    /// An event's deliveries that were made after it.
    pub fn late_of(&self, event: EventId) -> impl Iterator<Item = &Row> {
        let (first, last) = (DeliveryId::from_u64(0), DeliveryId::from_u64(u64::MAX));
        let late = self.late.range((event, first)..=(event, last));
        late.map(|(_, id)| &self.rows[id])
    }

    /// Every delivery of a tenant, implied or not, by id.
    pub fn deliveries(&self, tenant: &TenantId) -> BTreeMap<DeliveryId, Row> {
        let events = self.events.values();
        let events = events.filter(|stored| stored.event.tenant == *tenant);
        let implied = events.flat_map(|stored| self.without_row(stored));
        let rows = self.rows.values().cloned();
        let rows = rows.filter(|row| row.latest.tenant == *tenant);
        implied.chain(rows).map(|row| (row.id(), row)).collect()
    }

    pub fn shade(&self, subscription: SubscriptionId) -> Shade {
        match self.subscriptions.get(&subscription) {
            None => Shade::None,
            Some(kept) if kept.deleted_at.is_some() => Shade::Deleted,
            Some(kept) => kept.subscription.status.into(),
        }
    }

    pub fn is_disabled(&self, subscription: SubscriptionId) -> bool {
        let kept = self.subscriptions.get(&subscription);
        kept.is_some_and(|kept| kept.subscription.status == SubscriptionStatus::Disabled)
    }

    pub fn waiting(&self, row: &Row) -> Waiting {
        row.waiting(&self.events[&row.latest.event])
    }

    /// A subscription that is not deleted.
    pub fn subscription_mut(
        &mut self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Option<&mut Subscription> {
        let kept = self.subscriptions.get_mut(&id)?;
        let live = kept.deleted_at.is_none() && kept.subscription.tenant == *tenant;
        live.then_some(&mut kept.subscription)
    }

    /// An id in the last place that anything stored takes.
    pub fn newest(&self) -> EventId {
        let event = self.events.last_key_value().map(|(id, stored)| {
            let last = places(fan_out(stored)) - 1;
            id.place().forward(u64::from(last))
        });
        let batch = self.rows.values().filter_map(|row| row.latest.batch).max();
        let others = [
            batch.map(BatchId::place),
            self.rows.last_key_value().map(|(id, _)| id.place()),
            self.subscriptions
                .last_key_value()
                .map(|(id, _)| id.place()),
            self.keys.last_key_value().map(|(id, _)| id.place()),
            Some(self.newest.place()),
            self.replays.last_key_value().map(|(id, _)| id.place()),
            self.audit.last_key_value().map(|(id, _)| id.place()),
            self.links().map(|link| link.id.place()).max(),
            self.inboxes.last_key_value().map(|(id, _)| id.place()),
        ];
        let newest = others.into_iter().flatten().chain(event).max();
        newest.map_or(EventId::from_u64(0), posthaste::id::Place::event)
    }
}
