//! What the model lets go of.

use std::{collections::BTreeSet, ops::Bound};

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::TenantId,
    id::{DeliveryId, EventId, SubscriptionId},
};

use super::{
    disk::{Disk, Kept, fan_out},
    queue::State,
    row::Row,
};
use crate::{
    keeping::{Expired, Held, Hold, KeyHash, Pruned, PrunedKeys},
    ledger::Ledger,
    record::{Acceptance, Settlement, Standing},
};

impl Disk {
    pub fn prune(
        &mut self,
        tenant: &TenantId,
        before: Timestamp,
        after: Option<EventId>,
        settled: EventId,
        at_most: usize,
    ) -> Pruned {
        let (mut pruned, mut looked_at) = (Pruned::default(), 0);
        for event in self.old_events(tenant, before, after, settled) {
            let deliveries = self.rows_of(event);
            looked_at += 1 + deliveries.len();
            let goes = |id: &DeliveryId| self.goes(event, *id, before, settled);
            if deliveries.iter().all(goes) {
                pruned.events += 1;
                pruned.deliveries += deliveries.len() as u64;
                self.forget(event, &deliveries);
            }
            if looked_at >= at_most {
                pruned.next = Some(event);
                return pruned;
            }
        }
        self.bury(tenant, before);
        pruned
    }

    fn old_events(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        after: Option<EventId>,
        settled: EventId,
    ) -> Vec<EventId> {
        let above = after.map_or(Bound::Unbounded, Bound::Excluded);
        let events = self.events.range((above, Bound::Unbounded));
        let old = events.take_while(|(id, _)| id.time() < before && **id <= settled);
        let of_tenant = old.filter(|(_, stored)| stored.event.tenant == *tenant);
        of_tenant.map(|(&id, _)| id).collect()
    }

    fn rows_of(&self, event: EventId) -> Vec<DeliveryId> {
        // None of them is older than its event.
        let rows = self.rows.range(DeliveryId::from_u64(event.as_u64())..);
        let of_event = rows.filter(|(_, row)| row.latest.event == event);
        of_event.map(|(&id, _)| id).collect()
    }

    /// Whether a delivery lets its event go. One that was made after its event and lies above the
    /// mark may not be settled for good.
    fn goes(&self, of: EventId, id: DeliveryId, before: Timestamp, settled: EventId) -> bool {
        let late = || of.index_of(id, fan_out(&self.events[&of])).is_none();
        let above = id.place() > settled.place() && late();
        !above && self.rows[&id].ended_before(before)
    }

    fn forget(&mut self, event: EventId, deliveries: &[DeliveryId]) {
        self.newest = self.newest();
        self.events.remove(&event);
        for id in deliveries {
            self.rows.remove(id);
            self.late.remove(&(event, *id));
        }
    }

    /// Tombstones without a delivery go.
    fn bury(&mut self, tenant: &TenantId, before: Timestamp) {
        let buried = |kept: &Kept| {
            kept.subscription.tenant == *tenant && kept.deleted_at.is_some_and(|at| at < before)
        };
        if !self.subscriptions.values().any(buried) {
            return;
        }
        let rows = self.deliveries(tenant).into_values();
        let named: BTreeSet<SubscriptionId> = rows.map(|row| row.latest.subscription).collect();
        self.newest = self.newest();
        self.subscriptions
            .retain(|id, kept| !buried(kept) || named.contains(id));
    }

    pub fn prune_keys(
        &mut self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<KeyHash>,
        at_most: usize,
    ) -> PrunedKeys {
        let of_tenant = self.idempotency.iter();
        let of_tenant = of_tenant.filter(|((of, _), _)| of == tenant);
        let next = of_tenant.filter(|((_, key), _)| after.is_none_or(|after| *key > after));
        let looked_at: Vec<_> = next.take(at_most).map(|(key, _)| key.clone()).collect();
        let full = looked_at.len() >= at_most;
        let next = looked_at.last().filter(|_| full).map(|(_, key)| *key);
        let before = self.idempotency.len();
        for key in looked_at {
            if self.idempotency[&key].expires_at <= now {
                self.idempotency.remove(&key);
            }
        }
        let keys = (before - self.idempotency.len()) as u64;
        PrunedKeys { keys, next }
    }

    pub fn holds(&self) -> Vec<Hold> {
        let kept = self.subscriptions.values();
        let live = kept.filter(|kept| kept.deleted_at.is_none());
        let paused = live.filter_map(|kept| {
            let pause = kept.pause?;
            Some(Hold {
                tenant: kept.subscription.tenant.clone(),
                subscription: kept.subscription.id,
                since: pause.since,
                told_at: pause.told_at,
            })
        });
        paused.collect()
    }

    /// When its pause began, where it is paused.
    fn paused_since(&self, subscription: SubscriptionId) -> Option<Timestamp> {
        let kept = self.subscriptions.get(&subscription)?;
        let live = kept.deleted_at.is_none();
        live.then_some(kept.pause?.since)
    }

    fn tell(&mut self, hold: &Hold, now: Timestamp) -> bool {
        let kept = self.subscriptions.get_mut(&hold.subscription);
        let pause = kept
            .filter(|kept| kept.deleted_at.is_none())
            .and_then(|kept| kept.pause.as_mut());
        match pause {
            Some(pause) if pause.since == hold.since && pause.told_at.is_none() => {
                pause.told_at = Some(now);
                true
            }
            _ => false,
        }
    }
}

impl State {
    pub fn held(&self, subscription: SubscriptionId, until: Timestamp) -> Option<Held> {
        let paused = self.disk.paused_since(subscription)?;
        let parked: Vec<&Row> = self.parked(subscription).collect();
        let since = parked.iter().map(|row| row.held_since(paused)).min()?;
        (since <= until).then_some(Held {
            deliveries: parked.len() as u64,
            since,
        })
    }

    /// A subscription's that are parked, also those in the engine's hands.
    fn parked(&self, subscription: SubscriptionId) -> impl Iterator<Item = &Row> {
        let waiting = self.disk.waiting.iter();
        let of_it = waiting.filter(move |(_, (of, _))| *of == subscription);
        of_it.map(|(id, _)| &self.disk.rows[id])
    }

    pub fn tell_expiring(
        &mut self,
        ledger: &Ledger,
        hold: &Hold,
        alert: Option<Acceptance>,
        now: Timestamp,
    ) -> bool {
        let told = self.disk.tell(hold, now);
        match alert {
            Some(alert) if told => self.keep(ledger, &alert),
            Some(alert) => ledger.release([alert.event.id]),
            None => {}
        }
        told
    }

    pub fn expire_held(
        &mut self,
        subscription: SubscriptionId,
        before: Timestamp,
        after: Option<DeliveryId>,
        now: Timestamp,
        at_most: usize,
    ) -> Expired {
        let Some(paused) = self.disk.paused_since(subscription) else {
            return Expired::default();
        };
        let parked = self.parked(subscription);
        let next = parked.filter(|row| after.is_none_or(|after| row.id() > after));
        let old = next.take_while(|row| row.id().time() <= before);
        let looked_at: Vec<Row> = old.take(at_most).cloned().collect();
        let full = looked_at.len() >= at_most;
        let next = looked_at.last().filter(|_| full).map(Row::id);
        let expired = looked_at
            .into_iter()
            .filter(|row| !self.taken.contains(&row.id()) && row.held_since(paused) <= before);
        let expired: Vec<Row> = expired.collect();
        let deliveries = expired.len() as u64;
        expired
            .into_iter()
            .for_each(|row| self.discard(row, Discard::Expired, now));
        Expired { deliveries, next }
    }

    pub fn discard(&mut self, mut row: Row, why: Discard, now: Timestamp) {
        let discarded = Settlement {
            standing: Standing::Discarded(why),
            at: now,
            ..row.latest.clone()
        };
        self.disk.count(&discarded);
        row.settle(discarded);
        self.disk.put(row);
    }
}
