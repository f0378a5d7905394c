//! What the store has, and what a crash leaves of it.

use std::collections::BTreeMap;

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, Discard},
    event::{Origin, TenantId},
    id::{DeliveryId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::{
    Store,
    record::{Counts, SettleBatch},
};

use super::{
    Model,
    owed::{self, Kept},
};
use crate::{dice::Dice, disk::ready};

impl Model {
    /// A group of outcomes is on disk.
    pub fn written(&mut self, batch: &SettleBatch, again: bool) {
        for alert in batch.alerts.iter().filter(|_| !again) {
            self.committed(Timestamp::default(), alert);
        }
        for settlement in &batch.settlements {
            let Some(owed) = self.deliveries.get_mut(&settlement.id) else {
                continue;
            };
            self.counted.settled(settlement, &owed.kept);
            owed.unwritten -= u32::from(!again && owed.unwritten > 0);
            let kept = Kept::of(settlement);
            self.keep(settlement.id, kept);
            if let Some(owed) = self.deliveries.get_mut(&settlement.id) {
                owed.hurried_on_disk &= settlement.attempt.is_none();
            }
        }
        for change in &batch.health {
            if let Some(endpoint) = self.endpoints.get_mut(&change.subscription) {
                endpoint.kept_health = change.health;
                endpoint.pause_stored(change.pause, change.at);
            }
        }
    }

    fn keep(&mut self, id: DeliveryId, kept: Kept) {
        let moment = self.moment();
        let Some(owed) = self.deliveries.get_mut(&id) else {
            return;
        };
        let (before, after) = (owed.kept.waits(), kept.waits());
        let subscription = owed.subscription;
        owed.kept = kept;
        owed.changed = moment;
        if self.is_live(subscription) {
            self.open = self.open + usize::from(after) - usize::from(before);
        }
    }

    /// The group's answer was lost: it will be written again, over what came after it.
    pub fn blurred(&mut self, batch: &SettleBatch) {
        for settlement in &batch.settlements {
            if let Some(owed) = self.deliveries.get_mut(&settlement.id) {
                owed.blurred = true;
                owed.taken = false;
            }
        }
    }

    /// Whether a delivery may be opened again, and whose it is.
    #[must_use]
    pub fn may_reopen(&self, id: DeliveryId) -> Option<TenantId> {
        let owed = self.deliveries.get(&id)?;
        let endpoint = self.endpoints.get(&owed.subscription)?;
        let disabled = endpoint.status == SubscriptionStatus::Disabled;
        (!endpoint.deleted && !disabled).then(|| endpoint.tenant.clone())
    }

    /// The store says that it did.
    pub fn reopened(&mut self, id: DeliveryId, origin: Origin, now: Timestamp) {
        let Some(owed) = self.deliveries.get_mut(&id) else {
            return;
        };
        let kept = owed.reopen(origin, now);
        let mates = kept.batch.and_then(|batch| self.batches.get(&batch));
        let (subscription, line) = (owed.subscription, owed.line);
        // A batch is handed out whole.
        let mates = mates.cloned().unwrap_or_default();
        self.keep(id, kept);
        for hurried in mates.into_iter().chain([id]) {
            if let Some(owed) = self.deliveries.get_mut(&hurried) {
                (owed.hurried, owed.hurried_on_disk) = (true, true);
            }
        }
        if let Some(endpoint) = self.endpoints.get_mut(&subscription) {
            endpoint.waits(line, id);
        }
    }

    /// A few deliveries of any kind.
    pub fn some_deliveries(&self, dice: &mut Dice) -> Vec<DeliveryId> {
        let count = dice.between(1, 20);
        let length = self.deliveries.len();
        let first = dice.index(length);
        let some = self.deliveries.keys().skip(first).step_by(3);
        some.take(usize::try_from(count).unwrap_or(1))
            .copied()
            .collect()
    }

    /// Those whose retry is due later than that.
    #[must_use]
    pub fn put_off_beyond(&self, patient: Timestamp) -> Vec<DeliveryId> {
        let late = self.deliveries.iter().filter(|(_, owed)| {
            let waits = owed.kept.waits();
            waits && owed.kept.retry_at.is_some_and(|at| at > patient)
        });
        late.map(|(id, _)| *id).collect()
    }

    pub fn discarded_parked(
        &mut self,
        (id, why): (SubscriptionId, Discard),
        count: u64,
        now: Timestamp,
        store: &dyn Store,
    ) {
        let Some(endpoint) = self.endpoints.get(&id) else {
            return;
        };
        let tenant = endpoint.tenant.clone();
        let legal = match why {
            Discard::Deleted => endpoint.deleted,
            _ => endpoint.was_disabled,
        };
        self.must(legal, format_args!("I3: {id} loses what waits: {why}"));
        let waiting = self.deliveries.iter();
        let waiting = waiting.filter(|(_, owed)| owed.subscription == id && owed.kept.waits());
        let waiting: Vec<_> = waiting.map(|(id, _)| *id).collect();
        if self.endpoints[&id].deleted {
            let tests = waiting.iter().any(|id| self.deliveries[id].test);
            self.counted.discarded(id, count, now);
            if tests {
                self.counted.is_vague(id);
            }
            return;
        }
        for delivery in waiting {
            let shown = ready(store.delivery(&tenant, delivery)).ok().flatten();
            let state = shown.map(|shown| shown.state);
            if matches!(state, Some(DeliveryState::Discarded { .. })) {
                self.discarded(delivery, now);
            }
        }
    }

    pub(super) fn discarded(&mut self, id: DeliveryId, now: Timestamp) {
        let owed = self.deliveries.get_mut(&id).expect("it was found");
        let kept = Kept {
            standing: owed::Standing::Discarded,
            at: now,
            ..owed.kept
        };
        let test = owed.kept.origin == Origin::Test;
        let (subscription, line, idle) = (owed.subscription, owed.line, owed.is_idle());
        if idle {
            owed.latest = kept;
        }
        self.keep(id, kept);
        self.counted.discarded(subscription, u64::from(!test), now);
        if let Some(endpoint) = self.endpoints.get_mut(&subscription).filter(|_| idle) {
            endpoint.ended(line, id);
        }
    }

    // What a crash leaves.

    pub fn crashed(&mut self, store: &dyn Store) -> Result<(), String> {
        self.in_flight = 0;
        // What was formed and not written never was: its id is free.
        let deliveries = &self.deliveries;
        self.batches.retain(|batch, ids| {
            ids.iter()
                .filter_map(|id| deliveries.get(id))
                .any(|owed| owed.kept.batch == Some(*batch))
        });
        self.flights.clear();
        self.forming.clear();
        for endpoint in self.endpoints.values_mut() {
            endpoint.crash();
        }
        for (id, owed) in &mut self.deliveries {
            owed.crash();
            let endpoint = self.endpoints.get_mut(&owed.subscription);
            if let Some(endpoint) = endpoint.filter(|_| owed.kept.waits()) {
                endpoint.waits(owed.line, *id);
            }
        }
        self.acked_are_there(store)?;
        self.figures(store)
    }

    /// I1.
    pub(super) fn acked_are_there(&self, store: &dyn Store) -> Result<(), String> {
        for (id, _) in self.events.iter().filter(|(_, acked)| **acked) {
            let there = self.endpoints.values().any(|endpoint| {
                ready(store.event(&endpoint.tenant, *id)).is_ok_and(|found| found.is_some())
            });
            if !there {
                return Err(format!("I1: {id} was accepted and is lost"));
            }
        }
        Ok(())
    }

    /// I13, tenant by tenant.
    pub fn counts(&self, store: &dyn Store) -> Result<(), String> {
        let mut all: BTreeMap<&TenantId, Counts> = BTreeMap::new();
        for owed in self.deliveries.values() {
            let counts = all.entry(&owed.tenant).or_default();
            let deleted = !self.is_live(owed.subscription);
            *owed.kept.counted_in(counts, deleted) += 1;
        }
        for (tenant, expected) in all {
            let found = ready(store.counts(tenant)).map_err(|error| error.to_string())?;
            let found = Counts {
                pending: found.pending + found.retrying + found.held,
                retrying: 0,
                held: 0,
                ..found
            };
            if found != expected {
                return Err(format!(
                    "I13: {tenant} has {found:?}, owed are {expected:?}"
                ));
            }
        }
        Ok(())
    }
}
