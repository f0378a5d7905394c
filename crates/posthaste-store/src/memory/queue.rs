//! The model's queue: accept, settle, take, recover, discard what is parked.

use std::collections::BTreeSet;

use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    id::{DeliveryId, EventId, SubscriptionId},
    subscription::SubscriptionStatus,
};

use super::{
    disk::{Disk, Keys, Pause, Used, fan_out, summary},
    row::Row,
};
use crate::{
    ledger::Ledger,
    record::{
        Acceptance, Accepted, HealthChange, NotAccepted, Parking, SettleBatch, Settlement,
        Standing, StoredEvent, Waiting,
    },
    store::Page,
};

/// What is on disk, and what is in the engine's hands since it was opened.
pub(super) struct State {
    pub disk: Disk,
    /// Handed out by a `take_*`, or parked as `Taken`, and not settled since.
    pub taken: BTreeSet<DeliveryId>,
    /// The newest event when it was opened: recovery ends there.
    pub opened_at: EventId,
}

impl State {
    pub fn accept(
        &mut self,
        ledger: &Ledger,
        now: Timestamp,
        request: &[Acceptance],
    ) -> Result<Vec<Accepted>, NotAccepted> {
        let ids = request.iter().map(|item| item.event.id);
        let (answers, keys) = match self.judge(now, request) {
            Ok(judged) => judged,
            Err(refused) => {
                ledger.release(ids);
                return Err(refused);
            }
        };
        for (item, answer) in request.iter().zip(&answers) {
            match answer {
                Accepted::New => self.keep(ledger, item),
                Accepted::Replayed(_) => ledger.release([item.event.id]),
            }
        }
        self.disk.idempotency.extend(keys);
        Ok(answers)
    }

    /// What each event of a request comes to, and the keys that it would use up.
    fn judge(
        &self,
        now: Timestamp,
        request: &[Acceptance],
    ) -> Result<(Vec<Accepted>, Keys), NotAccepted> {
        let (mut keys, known) = (Keys::new(), &self.disk.tenants);
        if !request
            .iter()
            .all(|item| known.contains_key(&item.event.tenant))
        {
            return Err(NotAccepted::NoTenant);
        }
        let mut answers = Vec::with_capacity(request.len());
        for (index, item) in request.iter().enumerate() {
            let Some(idempotency) = &item.idempotency else {
                answers.push(Accepted::New);
                continue;
            };
            let key = (item.event.tenant.clone(), idempotency.key);
            let stored = self.disk.idempotency.get(&key);
            let known = stored.filter(|used| used.expires_at > now);
            match keys.get(&key).or(known) {
                Some(used) if used.body != idempotency.body => {
                    return Err(NotAccepted::IdempotencyConflict { index });
                }
                Some(used) => answers.push(Accepted::Replayed(used.first.clone())),
                None => {
                    answers.push(Accepted::New);
                    let used = Used {
                        body: idempotency.body,
                        first: summary(&stored_event(item)),
                        expires_at: idempotency.expires_at,
                    };
                    keys.insert(key, used);
                }
            }
        }
        Ok((answers, keys))
    }

    pub fn keep(&mut self, ledger: &Ledger, item: &Acceptance) {
        let stored = stored_event(item);
        ledger.committed(item.event.id, fan_out(&stored));
        self.disk.events.insert(item.event.id, stored);
    }

    pub fn settle(&mut self, ledger: &Ledger, batch: SettleBatch) {
        for settlement in batch.settlements {
            self.settle_one(ledger, settlement);
        }
        for change in &batch.health {
            self.change_health(change);
        }
        for alert in &batch.alerts {
            match self.disk.tenants.contains_key(&alert.event.tenant) {
                true => self.keep(ledger, alert),
                false => ledger.release([alert.event.id]),
            }
        }
        self.disk.mark = ledger.mark();
    }

    pub fn settle_one(&mut self, ledger: &Ledger, settlement: Settlement) {
        let (id, event) = (settlement.id, settlement.event);
        let Some(stored) = self.disk.events.get(&event) else {
            return;
        };
        if stored.event.tenant != settlement.tenant {
            return;
        }
        let late = event.index_of(id, fan_out(stored)).is_none();
        if late {
            self.disk.late.insert((event, id));
        }
        if !late && !self.disk.rows.contains_key(&id) {
            ledger.rowed(event);
        }
        match settlement.standing {
            Standing::Waiting {
                parking: Parking::Taken,
                ..
            } => self.taken.insert(id),
            _ => self.taken.remove(&id),
        };
        let known = self.disk.rows.get(&id);
        if known.is_none_or(|row| !row.has(&settlement)) {
            self.disk.count(&settlement);
        }
        let fresh = || Row::fresh(settlement.clone());
        let mut row = self.disk.rows.remove(&id).unwrap_or_else(fresh);
        row.settle(settlement);
        self.disk.put(row);
    }

    fn change_health(&mut self, change: &HealthChange) {
        let id = change.subscription;
        let Some(subscription) = self.disk.subscription_mut(&change.tenant, id) else {
            return;
        };
        subscription.health = change.health;
        if let (Some(reason), SubscriptionStatus::Active) = (change.pause, subscription.status) {
            subscription.status = SubscriptionStatus::Paused(reason);
            subscription.revision += 1;
            subscription.updated_at = change.at;
            let pause = Pause::of(subscription.status, change.at);
            let kept = self.disk.subscriptions.get_mut(&id);
            kept.expect("it was there a moment ago").pause = pause;
        }
    }

    pub fn take_due(&mut self, now: Timestamp, at_most: usize) -> Page<Waiting> {
        let parked = self.disk.waiting.iter();
        let parked = parked.filter_map(|(id, (_, parking))| match *parking {
            Parking::Due(at) => Some((at, *id)),
            Parking::Taken | Parking::Shelved => None,
        });
        let parked: BTreeSet<_> = parked.filter(|(_, id)| !self.taken.contains(id)).collect();
        let due = parked.iter().take_while(|(at, _)| *at <= now);
        let items = self.take(due.map(|&(_, id)| id), at_most);
        let next = parked.iter().find(|(_, id)| !self.taken.contains(id));
        let next = next.map(|(at, _)| u64::try_from(at.as_millis()).unwrap_or(0));
        Page { items, next }
    }

    /// Of a subscription's shelf, those that are wanted; `next` is the first that is left.
    pub fn take_from_shelf(
        &mut self,
        from: SubscriptionId,
        wanted: impl Fn(&Row) -> bool,
        at_most: usize,
    ) -> Page<Waiting> {
        let first: Vec<DeliveryId> = self.shelf_of(from, &wanted).take(at_most).collect();
        let items = self.take(first.into_iter(), at_most);
        let next = self.shelf_of(from, &wanted).next();
        let next = next.map(DeliveryId::as_u64);
        Page { items, next }
    }

    /// What is on a subscription's shelf and in nobody's hands, of what is wanted.
    fn shelf_of(
        &self,
        from: SubscriptionId,
        wanted: impl Fn(&Row) -> bool,
    ) -> impl Iterator<Item = DeliveryId> {
        let waiting = self.disk.waiting.iter();
        let shelf = waiting.filter(move |(_, place)| **place == (from, Parking::Shelved));
        let free = shelf.filter(|(id, _)| !self.taken.contains(id));
        let free = free.map(|(id, _)| *id);
        free.filter(move |id| wanted(&self.disk.rows[id]))
    }

    pub fn shelved(&self) -> Vec<SubscriptionId> {
        let waiting = self.disk.waiting.iter();
        let shelf = waiting.filter(|(_, (_, parking))| *parking == Parking::Shelved);
        let free = shelf.filter(|(id, _)| !self.taken.contains(id));
        let subscriptions: BTreeSet<_> = free.map(|(_, (of, _))| *of).collect();
        subscriptions.into_iter().collect()
    }

    /// Rows that wait, and that nobody has in their hands.
    fn free(&self) -> impl Iterator<Item = &Row> {
        let waiting = self.disk.waiting.keys();
        let free = waiting.filter(|id| !self.taken.contains(id));
        free.map(|id| &self.disk.rows[id])
    }

    /// The first of these, with those that leave in one batch with them.
    fn take(&mut self, ids: impl Iterator<Item = DeliveryId>, at_most: usize) -> Vec<Waiting> {
        let mut items = Vec::new();
        for id in ids {
            if items.len() >= at_most {
                break;
            }
            if self.taken.contains(&id) {
                continue;
            }
            let together = self.batch_of(id);
            self.taken.extend(&together);
            let rows = together.iter().map(|id| &self.disk.rows[id]);
            items.extend(rows.map(|row| self.disk.waiting(row)));
        }
        items
    }

    fn batch_of(&self, id: DeliveryId) -> Vec<DeliveryId> {
        let Some(batch) = self.disk.rows[&id].latest.batch else {
            return vec![id];
        };
        let waits = self.free().filter(|row| row.parking().is_some());
        let members = waits.filter(|row| row.latest.batch == Some(batch));
        members.map(Row::id).collect()
    }

    pub fn recover(&self, after: Option<EventId>, at_most: usize) -> Page<Waiting> {
        let mut items = Vec::new();
        let from = after.map_or(self.disk.mark, |after| after.max(self.disk.mark));
        let above = self.disk.events.range(from..);
        for (&id, stored) in above.skip_while(|(id, _)| **id == from) {
            if id > self.opened_at {
                break;
            }
            let implied = self.disk.without_row(stored);
            items.extend(implied.iter().map(|row| row.waiting(stored)));
            if items.len() >= at_most {
                let next = Some(id.as_u64());
                return Page { items, next };
            }
        }
        Page { items, next: None }
    }

    pub fn discard_parked(
        &mut self,
        subscription: SubscriptionId,
        why: Discard,
        now: Timestamp,
        at_most: usize,
    ) -> usize {
        // One that is active again keeps what it is owed.
        if why == Discard::Disabled && !self.disk.is_disabled(subscription) {
            return 0;
        }
        let parked = self
            .free()
            .filter(|row| row.latest.subscription == subscription && row.parking().is_some());
        let parked: Vec<Row> = parked.take(at_most).cloned().collect();
        let discarded = parked.len();
        for row in parked {
            self.discard(row, why, now);
        }
        discarded
    }
}

fn stored_event(item: &Acceptance) -> StoredEvent {
    StoredEvent {
        event: item.event.clone(),
        subscriptions: item.subscriptions.clone(),
    }
}
