//! What retention lets go of and what expires: only what had ended, only what was told before.

use std::time::Duration;

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, Discard},
    event::TenantId,
    id::{DeliveryId, EventId, SubscriptionId},
};
use posthaste_store::{Store, keeping::Hold, record::Reopened};

use super::Model;
use crate::disk::ready;

impl Model {
    /// Retention was at a tenant's events that were accepted before then.
    pub fn pruned(&mut self, tenant: &TenantId, before: Timestamp, store: &dyn Store) {
        let old = self.bodies.iter();
        let old = old.take_while(|(id, _)| id.time() < before);
        let theirs = old.filter(|(_, (_, event))| event.tenant == *tenant);
        let gone = theirs.filter(|(id, _)| matches!(ready(store.event(tenant, **id)), Ok(None)));
        let gone: Vec<EventId> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            self.lets_go(id, before);
        }
    }

    fn lets_go(&mut self, event: EventId, before: Timestamp) {
        let (from, to) = (
            SubscriptionId::from_u64(0),
            SubscriptionId::from_u64(u64::MAX),
        );
        let owing = self.owing.range((event, from)..=(event, to));
        let owing: Vec<_> = owing.map(|(key, id)| (*key, *id)).collect();
        for (key, id) in owing {
            self.owing.remove(&key);
            self.loses(id, before);
        }
        self.events.remove(&event);
        if let Some((_, body)) = self.bodies.remove(&event) {
            self.gone.insert(event, body);
        }
    }

    fn loses(&mut self, id: DeliveryId, before: Timestamp) {
        let Some(owed) = self.deliveries.remove(&id) else {
            return;
        };
        let live = self.is_live(owed.subscription);
        if let Some(endpoint) = self.endpoints.get_mut(&owed.subscription) {
            endpoint.ended(owed.line, id);
        }
        let waits = owed.kept.waits() && live;
        let (idle, free) = (owed.is_idle(), owed.blurred || !live);
        self.must(!waits, format_args!("{id} is pruned while it waits"));
        self.must(
            idle || free,
            format_args!("{id} is pruned and in the engine's hands: {owed:?}"),
        );
        self.must(
            owed.kept.at < before || free,
            format_args!("{id} is pruned before its time: {:?}", owed.kept),
        );
        self.gone_deliveries.push((id, owed.tenant));
    }

    /// A few deliveries that are gone, newest first.
    pub fn some_gone(&self) -> impl Iterator<Item = &(DeliveryId, TenantId)> {
        self.gone_deliveries.iter().rev().take(3)
    }

    pub fn asked_for_gone(&mut self, id: DeliveryId, came: Reopened) {
        let missing = came == Reopened::Missing;
        self.must(missing, format_args!("{id} is gone and is {came:?}"));
    }

    #[must_use]
    pub fn pruned_in_all(&self) -> u64 {
        self.gone_deliveries.len() as u64
    }

    /// A tenant was told that a pause is about to cost it deliveries.
    pub fn told_expiring(&mut self, hold: &Hold, now: Timestamp) {
        let Some(endpoint) = self.endpoints.get_mut(&hold.subscription) else {
            return;
        };
        let pause = endpoint.pause;
        endpoint.pause = pause.map(|(since, told)| (since, told.or(Some(now))));
        self.must(
            pause == Some((hold.since, None)),
            format_args!("{hold:?} is told of, its pause is {pause:?}"),
        );
    }

    /// Of a paused subscription, so many that had been held since `before` were discarded.
    pub fn expired(
        &mut self,
        (id, count): (SubscriptionId, u64),
        (before, notice): (Timestamp, Duration),
        now: Timestamp,
        store: &dyn Store,
    ) {
        let endpoint = self.endpoints.get(&id);
        let pause = endpoint.and_then(|endpoint| endpoint.pause);
        let Some(tenant) = self.tenant_of(id) else {
            return;
        };
        let waiting = self.deliveries.iter();
        let waiting = waiting.filter(|(_, owed)| owed.subscription == id && owed.kept.waits());
        let expired = waiting.filter(|(delivery, _)| {
            let shown = ready(store.delivery(&tenant, **delivery)).ok().flatten();
            let why = Discard::Expired;
            shown.is_some_and(|shown| shown.state == DeliveryState::Discarded { why })
        });
        let expired: Vec<DeliveryId> = expired.map(|(id, _)| *id).collect();
        let legal = pause.is_some_and(|(since, told)| {
            since <= before && told.is_some_and(|told| told + notice <= now)
        });
        let found = expired.len() as u64;
        self.must(
            legal || count == 0,
            format_args!("I3: {id} loses {count} to its pause {pause:?} at {now}"),
        );
        self.must(
            found == count,
            format_args!("{id} loses {found}, told are {count}"),
        );
        for delivery in expired {
            self.expired += 1;
            let young = self.deliveries[&delivery].opened > before || delivery.time() > before;
            self.must(!young, format_args!("I3: {delivery} expires too soon"));
            self.discarded(delivery, now);
        }
    }
}
