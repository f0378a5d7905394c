//! The model: what must hold, in plain maps. It watches what enters and leaves the engine and the
//! store, knows nothing of how either works, and says what was wrong.

mod chains;
mod endpoint;
mod fair;
mod keys;
mod owed;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, Discard},
    event::TenantId,
    id::{BatchId, DeliveryId, EventId, SubscriptionId},
    subscription::{Subscription, SubscriptionStatus},
    transport::{Answer, TransportError},
};
use posthaste_engine::{
    Bounds,
    scheduler::{Input, Load},
};
use posthaste_store::{
    Store,
    record::{Acceptance, Counts, SettleBatch},
};

use crate::{dice::Dice, disk::ready};
use endpoint::Endpoint;
use fair::Fair;
use keys::Keys;
use owed::{Kept, Owed};
use rules::{Expected, Jitter, Judgement};

/// An attempt's end, as the world knows it.
#[derive(Clone, Copy, Debug)]
struct Truth {
    status: Option<u16>,
    retry_after_s: Option<u64>,
}

#[derive(Debug)]
pub struct Model {
    bounds: Bounds,
    deliveries: BTreeMap<DeliveryId, Owed>,
    /// Every event on disk, and whether its publisher knows.
    events: BTreeMap<EventId, bool>,
    endpoints: BTreeMap<SubscriptionId, Endpoint>,
    keys: Keys,
    in_flight: usize,
    /// Deliveries that wait, of subscriptions that are not deleted.
    open: usize,
    truth: Option<Truth>,
    /// Requests under way, by their first delivery.
    flights: BTreeMap<DeliveryId, Vec<DeliveryId>>,
    /// Batches as they were formed.
    batches: BTreeMap<BatchId, Vec<DeliveryId>>,
    /// The first deliveries of those that hold a slot and have not left.
    forming: BTreeSet<DeliveryId>,
    /// What the attempt that just ended must lead to.
    expected: BTreeMap<DeliveryId, Expected>,
    judgement: Option<Judgement>,
    jitter: Jitter,
    fair: Fair,
    verdict: Result<(), String>,
}

impl Model {
    #[must_use]
    pub fn new(bounds: Bounds, quiet: Option<TenantId>) -> Self {
        Self {
            bounds,
            deliveries: BTreeMap::new(),
            events: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            keys: Keys::default(),
            in_flight: 0,
            open: 0,
            truth: None,
            flights: BTreeMap::new(),
            batches: BTreeMap::new(),
            forming: BTreeSet::new(),
            expected: BTreeMap::new(),
            judgement: None,
            jitter: Jitter::default(),
            fair: Fair::of(quiet),
            verdict: Ok(()),
        }
    }

    /// What was wrong so far, if anything.
    pub fn verdict(&self) -> Result<(), String> {
        self.verdict.clone()
    }

    /// The first wrong is told; what follows from it is not.
    fn wrong(&mut self, what: std::fmt::Arguments<'_>) {
        if self.verdict.is_ok() {
            self.verdict = Err(what.to_string());
        }
    }

    fn must(&mut self, holds: bool, what: std::fmt::Arguments<'_>) {
        if !holds {
            self.wrong(what);
        }
    }

    // What publishers see.

    /// The event is on disk, with what it owes.
    pub fn committed(&mut self, now: Timestamp, acceptance: &Acceptance) {
        let event = &acceptance.event;
        if let Some(used) = &acceptance.idempotency {
            let fresh = self.keys.first_use(now, &event.tenant, used, event.id);
            self.must(
                fresh,
                format_args!("I7: {} is a second event of its key", event.id),
            );
        }
        self.events.entry(event.id).or_insert(false);
        for (index, subscription) in (0..).zip(acceptance.subscriptions.iter()) {
            let owed = Owed::new(event, *subscription);
            let id = event.id.delivery(index);
            self.open += usize::from(self.is_live(*subscription));
            if let Some(endpoint) = self.endpoints.get_mut(subscription) {
                endpoint.waits(owed.line, id);
            }
            self.deliveries.insert(id, owed);
        }
    }

    pub fn replayed(&mut self, now: Timestamp, acceptance: &Acceptance, first: EventId) {
        let Some(used) = &acceptance.idempotency else {
            return self.wrong(format_args!("I7: a replay without a key"));
        };
        let known = self.keys.known(now, &acceptance.event.tenant, used);
        self.must(
            known == Some((first, true)),
            format_args!("I7: a key answers {first}, its tenant's first was {known:?}"),
        );
    }

    pub fn conflicted(&mut self, now: Timestamp, request: &[Acceptance], index: usize) {
        let refused = &request[index];
        let Some(used) = &refused.idempotency else {
            return self.wrong(format_args!("I7: a conflict without a key"));
        };
        let known = self.keys.known(now, &refused.event.tenant, used);
        self.must(
            known.is_some_and(|(_, same)| !same),
            format_args!("I7: a conflict with {known:?}"),
        );
    }

    /// Its publisher has its 2xx.
    pub fn acked(&mut self, event: EventId) {
        self.events.insert(event, true);
    }

    // What the configuration says.

    /// A subscription as it is in the store by now.
    pub fn stored(&mut self, subscription: &Subscription, resumed: bool) {
        let endpoint = self.endpoints.entry(subscription.id);
        let endpoint = endpoint.or_insert_with(|| Endpoint::new(subscription));
        endpoint.stored(subscription, resumed);
    }

    pub fn deleted(&mut self, id: SubscriptionId) {
        let waiting = self.deliveries.values();
        let waiting = waiting.filter(|owed| owed.subscription == id && owed.kept.waits());
        self.open -= waiting.count();
        if let Some(endpoint) = self.endpoints.get_mut(&id) {
            endpoint.deleted = true;
        }
    }

    fn is_live(&self, id: SubscriptionId) -> bool {
        self.endpoints.get(&id).is_some_and(|known| !known.deleted)
    }

    /// Those that are not deleted.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<SubscriptionId> {
        let live = self.endpoints.iter().filter(|(_, known)| !known.deleted);
        live.map(|(id, _)| *id).collect()
    }

    #[must_use]
    pub fn subscription_of(&self, id: DeliveryId) -> Option<SubscriptionId> {
        self.deliveries.get(&id).map(|owed| owed.subscription)
    }

    #[must_use]
    pub fn tenant_of(&self, id: SubscriptionId) -> Option<TenantId> {
        self.endpoints.get(&id).map(|known| known.tenant.clone())
    }

    // What the scheduler is told and says.

    pub fn started<'a>(&mut self, now: Timestamp, all: impl Iterator<Item = &'a Subscription>) {
        for endpoint in self.endpoints.values_mut() {
            endpoint.told = None;
        }
        for subscription in all {
            let Some(endpoint) = self.endpoints.get_mut(&subscription.id) else {
                return self.wrong(format_args!("{} is not known", subscription.id));
            };
            let as_written = endpoint.start(subscription, now);
            self.must(
                as_written,
                format_args!("health of {} did not survive", subscription.id),
            );
        }
    }

    pub fn told(&mut self, now: Timestamp, input: &Input) {
        match input {
            Input::Changed {
                subscriber,
                resumed,
            } => {
                let subscription = &subscriber.subscription;
                if let Some(endpoint) = self.endpoints.get_mut(&subscription.id) {
                    endpoint.change(subscription, *resumed);
                }
            }
            Input::Removed(id) => {
                if let Some(endpoint) = self.endpoints.get_mut(id) {
                    endpoint.told = None;
                }
            }
            Input::Reopened { delivery, .. } => {
                if let Some(owed) = self.deliveries.get_mut(delivery) {
                    owed.hurried = true;
                }
            }
            Input::Accepted(all) => self.fair.came(now, all),
            Input::Finished(ended) => self.finished(now, ended.delivery),
            _ => {}
        }
    }

    /// What a request came to, before anyone may have misread it.
    pub fn answered(&mut self, result: &Result<Answer, TransportError>) {
        let answer = result.as_ref().ok();
        self.truth = Some(Truth {
            status: answer.map(|answer| answer.status),
            retry_after_s: answer
                .and_then(|a| a.retry_after)
                .map(|wait| wait.as_secs()),
        });
    }

    /// After a turn of the scheduler.
    pub fn loaded(&mut self, load: &Load) {
        let (held, bound) = (load.held, self.bounds.deliveries);
        self.must(
            held <= bound + 16,
            format_args!("I10: {held} held of {bound}"),
        );
        let in_flight = self.in_flight;
        self.must(
            load.in_flight == in_flight,
            format_args!("{} in flight, {in_flight} counted", load.in_flight),
        );
        if let Some((id, expected)) = self.expected.pop_first() {
            self.wrong(format_args!("{id} is not settled: {expected:?}"));
        }
        if let Some(judgement) = self.judgement.take() {
            self.wrong(format_args!("no health after {judgement:?}"));
        }
    }

    // What the store has.

    /// A group of outcomes is on disk.
    pub fn written(&mut self, batch: &SettleBatch, again: bool) {
        for alert in batch.alerts.iter().filter(|_| !again) {
            self.committed(Timestamp::default(), alert);
        }
        for settlement in &batch.settlements {
            let Some(owed) = self.deliveries.get_mut(&settlement.id) else {
                continue;
            };
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
                endpoint.pause_stored(change.pause);
            }
        }
    }

    fn keep(&mut self, id: DeliveryId, kept: Kept) {
        let Some(owed) = self.deliveries.get_mut(&id) else {
            return;
        };
        let (before, after) = (owed.kept.waits(), kept.waits());
        let subscription = owed.subscription;
        owed.kept = kept;
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
    pub fn reopened(&mut self, id: DeliveryId, now: Timestamp) {
        let Some(owed) = self.deliveries.get_mut(&id) else {
            return;
        };
        let kept = owed.reopen(now);
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

    pub fn discarded_parked(&mut self, id: SubscriptionId, why: Discard, store: &dyn Store) {
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
        for delivery in waiting {
            let shown = ready(store.delivery(&tenant, delivery)).ok().flatten();
            let state = shown.map(|shown| shown.state);
            if matches!(state, Some(DeliveryState::Discarded { .. }))
                && !self.endpoints[&id].deleted
            {
                self.discarded(delivery);
            }
        }
    }

    fn discarded(&mut self, id: DeliveryId) {
        let owed = self.deliveries.get_mut(&id).expect("it was found");
        let kept = Kept {
            standing: owed::Standing::Discarded,
            ..owed.kept
        };
        let (subscription, line, idle) = (owed.subscription, owed.line, owed.is_idle());
        if idle {
            owed.latest = kept;
        }
        self.keep(id, kept);
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
                .any(|id| deliveries[id].kept.batch == Some(*batch))
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
        self.acked_are_there(store)
    }

    /// I1.
    fn acked_are_there(&self, store: &dyn Store) -> Result<(), String> {
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

    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.open == 0 && self.in_flight == 0
    }

    /// When all is over.
    pub fn finale(&self, store: &dyn Store) -> Result<(), String> {
        self.fair.verdict()?;
        self.acked_are_there(store)?;
        self.counts(store)?;
        chains::fit(store)?;
        self.jitter.verdict()
    }

    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.deliveries.len() as u64
    }

    /// I2: what should have ended.
    #[must_use]
    pub fn stuck(&self) -> String {
        let mut waiting = self
            .deliveries
            .iter()
            .filter(|(_, owed)| owed.kept.waits() && self.is_live(owed.subscription));
        let open = self.open;
        match waiting.next() {
            Some((id, owed)) => format!("I2: {open} are stuck, first {id}: {owed:?}"),
            None => String::from("I2: publishers are not answered"),
        }
    }
}
