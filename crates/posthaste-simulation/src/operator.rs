//! Whoever changes the configuration and sends deliveries again while all is running.
//!
//! A change is what the engine's operations make of it: written first, then told to the scheduler,
//! one at a time.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bytes::Bytes;
use posthaste::{
    clock::Timestamp,
    delivery::{Discard, PauseReason},
    event::{Event, EventDetails, EventType, Origin},
    id::{DeliveryId, SubscriptionId},
    json::RawJson,
    signature::{Secret, Secrets},
    subscription::{EventPattern, RateLimit, Subscription, SubscriptionStatus},
};
use posthaste_engine::scheduler::Input;
use posthaste_store::{
    Store,
    record::{Acceptance, Reopened},
};

use crate::{
    dice::Dice,
    disk::ready,
    node::Request,
    receiver::{Profile, Receiver},
    scenario::{Endpoint, TERMS, Terms},
    world::{Call, Own, World},
};

/// Deliveries that one step discards.
const STEP: usize = 500;
/// The wait before a store that refused is asked again.
const AGAIN: Duration = Duration::from_millis(250);

/// A change of the configuration.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    Make(Endpoint),
    Status(SubscriptionId, SubscriptionStatus),
    Edit(SubscriptionId, Edit),
    Delete(SubscriptionId),
    /// Attempts paused it: the configuration follows.
    Reload(SubscriptionId),
}

/// What is edited.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    Terms(Terms),
    InFlight(u32),
    Timeout(Duration),
    Rate(Option<f64>),
}

impl World {
    /// A subscription as an endpoint wants it, with a receiver behind it.
    pub fn subscription(&mut self, endpoint: &Endpoint, now: Timestamp) -> Subscription {
        let place = self.disk.store.reserve(now, &[0])[0];
        self.disk.store.release(&[place]);
        let id = SubscriptionId::at(place.place());
        let dice = Dice::of(self.seed ^ id.as_u64(), "receiver");
        self.receivers
            .insert(id, Receiver::new(endpoint.profile, dice));
        self.trace.line(
            self.agenda.now.since(crate::world::START),
            format_args!("subscription {id} {endpoint:?}"),
        );
        Subscription {
            id,
            tenant: self.tenant(endpoint.tenant),
            external_id: None,
            url: "https://example.com/hook".parse().expect("a URL"),
            description: String::new(),
            events: wanted(endpoint.alerts),
            filter: None,
            status: SubscriptionStatus::Active,
            schemes: Vec::new(),
            algorithm: Default::default(),
            secrets: Secrets::new(Secret::trusted(String::from("0123456789abcdef"))),
            access: Default::default(),
            retry: endpoint.terms.policy(),
            timeout: endpoint.timeout,
            max_in_flight: endpoint.max_in_flight,
            rate_limit: endpoint.rate_limit_per_s.map(rate),
            ordering: endpoint.ordering,
            batch: endpoint.batch,
            auto_pause_after: endpoint.auto_pause_after,
            format: Default::default(),
            versions: Default::default(),
            metadata: RawJson::empty_object(),
            health: Default::default(),
            created_at: now,
            updated_at: now,
            revision: 1,
        }
    }

    /// Something that an operator may do.
    pub fn operate(&mut self) {
        self.totals.changes += 1;
        let ids = self.model.subscriptions();
        let Some(id) = (!ids.is_empty()).then(|| self.dice.operator.pick(&ids)) else {
            return;
        };
        let dice = &mut self.dice.operator;
        let change = match dice.below(20) {
            0 => Change::Delete(id),
            1 => Change::Status(id, SubscriptionStatus::Disabled),
            2..=6 => Change::Status(id, SubscriptionStatus::Paused(PauseReason::Manual)),
            7..=12 => Change::Status(id, SubscriptionStatus::Active),
            13 | 14 => {
                let tenant = dice.index(self.scenario.tenants.len());
                Change::Make(Endpoint::drawn(dice, &self.scenario.classes, tenant))
            }
            15 => Change::Edit(id, Edit::Timeout(dice.seconds(1, 15))),
            16 => Change::Edit(id, Edit::Terms(dice.pick(TERMS))),
            17 if self.scenario.classes.rate_limits => {
                Change::Edit(id, Edit::Rate(dice.pick(&[None, Some(0.5), Some(5.0)])))
            }
            _ => {
                let slots = dice.between(1, 16);
                Change::Edit(id, Edit::InFlight(u32::try_from(slots).expect("few")))
            }
        };
        self.change_soon(change);
    }

    /// One change at a time.
    pub fn change_soon(&mut self, change: Change) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        node.changes.push_back(change);
        self.next_change();
    }

    fn next_change(&mut self) {
        let Some(node) = self.node.as_mut() else {
            return;
        };
        if node.changing {
            return;
        }
        let Some(change) = node.changes.pop_front() else {
            return;
        };
        node.changing = true;
        self.ask_store(Call::Change(change));
    }

    pub fn commit_change(&mut self, change: Change) {
        if self.disk.refuses(self.agenda.now) {
            self.totals.faults += 1;
            return self.soon(AGAIN, Own::Call(Call::Change(change)));
        }
        self.note(format_args!("store: {change:?}"));
        let now = self.node_now();
        let (change, resumed) = match change {
            Change::Make(endpoint) => {
                let subscription = self.subscription(&endpoint, now);
                let id = subscription.id;
                self.model.stored(&subscription, false);
                ready(self.disk.store.insert_subscription(subscription)).expect("a new id");
                (Change::Reload(id), false)
            }
            Change::Delete(id) => (change, self.delete(id, now)),
            Change::Reload(_) => (change, false),
            Change::Status(id, status) => {
                let forgive = status == SubscriptionStatus::Active;
                (change, self.update(id, forgive, |s| s.status = status))
            }
            Change::Edit(id, edit) => (change, self.update(id, false, |s| edit.apply(s))),
        };
        self.store_answers(Own::Changed(change, resumed));
    }

    fn stored(&self, id: SubscriptionId) -> Option<Subscription> {
        let all = ready(self.disk.store.subscriptions()).expect("it answers");
        all.into_iter().find(|known| known.id == id)
    }

    /// Says whether its failures are forgiven.
    fn update(
        &mut self,
        id: SubscriptionId,
        forgive: bool,
        change: impl FnOnce(&mut Subscription),
    ) -> bool {
        let Some(mut subscription) = self.stored(id) else {
            return false;
        };
        change(&mut subscription);
        subscription.revision += 1;
        subscription.updated_at = self.node_now();
        let resumed = forgive;
        self.model.stored(&subscription, resumed);
        let updated = self.disk.store.update_subscription(subscription, resumed);
        ready(updated).expect("it was read at this very moment");
        resumed
    }

    fn delete(&mut self, id: SubscriptionId, now: Timestamp) -> bool {
        let Some(subscription) = self.stored(id) else {
            return false;
        };
        let deleted = self
            .disk
            .store
            .delete_subscription(&subscription.tenant, id, now);
        ready(deleted).expect("it is there");
        self.model.deleted(id);
        false
    }

    /// The node takes the change over, as it is in the store by now.
    pub fn changed(&mut self, change: &Change, resumed: bool) {
        match *change {
            Change::Delete(id) => self.removed(id),
            Change::Reload(id) | Change::Status(id, _) | Change::Edit(id, _) => {
                let there = self.reload(id, resumed);
                if let (true, Change::Status(_, SubscriptionStatus::Disabled)) = (there, change) {
                    self.ask_store(Call::Discard(id, Discard::Disabled));
                }
            }
            Change::Make(_) => {}
        }
        if let Some(node) = self.node.as_mut() {
            node.changing = false;
        }
        self.next_change();
    }

    /// Says whether it was not deleted meanwhile.
    fn reload(&mut self, id: SubscriptionId, resumed: bool) -> bool {
        let Some(subscription) = self.stored(id) else {
            return false;
        };
        let mut told = None;
        let node = self.node.as_ref().expect("a node reloads");
        node.subscribers.put(subscription, |subscriber| {
            if resumed {
                subscriber.set_health(subscriber.health().resumed());
            }
            told = Some(subscriber);
        });
        if let Some(subscriber) = told {
            let changed = Input::Changed {
                subscriber,
                resumed,
            };
            self.soon(Duration::ZERO, Own::Tell(changed));
        }
        true
    }

    fn removed(&mut self, id: SubscriptionId) {
        let Some(tenant) = self.model.tenant_of(id) else {
            return;
        };
        let node = self.node.as_ref().expect("a node removes");
        node.subscribers.remove(&tenant, id);
        self.soon(Duration::ZERO, Own::Tell(Input::Removed(id)));
        self.ask_store(Call::Discard(id, Discard::Deleted));
    }

    pub fn discard_parked(&mut self, id: SubscriptionId, why: Discard) {
        if self.disk.refuses(self.agenda.now) {
            return self.soon(AGAIN, Own::Call(Call::Discard(id, why)));
        }
        let now = self.node_now();
        let discarded = self.disk.store.discard_parked(id, why, now, STEP);
        let count = ready(discarded).expect("it answers");
        self.note(format_args!("store discards {count} of {id}"));
        let done = u64::try_from(count).unwrap_or(0);
        let store = &*self.disk.store;
        self.model.discarded_parked((id, why), done, now, store);
        if count > 0 {
            self.ask_store(Call::Discard(id, why));
        }
    }

    /// Opens some delivery again.
    pub fn redeliver(&mut self) {
        self.totals.changes += 1;
        let all = self.model.some_deliveries(&mut self.dice.operator);
        let gone: Vec<_> = self.model.some_gone().cloned().collect();
        for (delivery, tenant) in gone {
            let (store, origin) = (&self.disk.store, Origin::Redeliver);
            let now = self.agenda.now;
            let came = ready(store.reopen(&tenant, vec![delivery], origin, now));
            self.model
                .asked_for_gone(delivery, came.expect("it answers")[0]);
        }
        for delivery in all {
            self.ask_store(Call::Reopen(delivery));
        }
    }

    pub fn reopen(&mut self, delivery: DeliveryId) {
        let now = self.node_now();
        let refused = self.disk.refuses(self.agenda.now);
        let Some(tenant) = self.model.may_reopen(delivery).filter(|_| !refused) else {
            return;
        };
        let store = &self.disk.store;
        let reopened = ready(store.reopen(&tenant, vec![delivery], Origin::Redeliver, now));
        let reopened = reopened.expect("it answers")[0];
        self.note(format_args!("store reopens {delivery}: {reopened:?}"));
        if reopened == Reopened::Redelivered {
            self.model.reopened(delivery, Origin::Redeliver, now);
        }
        if let Some(subscription) = self.model.subscription_of(delivery) {
            let told = Input::Reopened {
                subscription,
                delivery,
            };
            self.soon(Duration::ZERO, Own::Tell(told));
        }
    }

    /// Tries one subscription, whatever its status.
    pub fn try_one(&mut self) {
        self.totals.changes += 1;
        let ids = self.model.subscriptions();
        if ids.is_empty() || self.node.is_none() {
            return;
        }
        let id = self.dice.operator.pick(&ids);
        let Some(tenant) = self.model.tenant_of(id) else {
            return;
        };
        let now = self.node_now();
        let event = Event {
            id: self.disk.store.reserve(now, &[1])[0],
            tenant,
            event_type: EventType::test(),
            details: EventDetails {
                test: true,
                ..EventDetails::default()
            },
            data: RawJson::trusted(Bytes::from_static(b"{\"test\":true}")),
        };
        let acceptance = Acceptance {
            event: Arc::new(event),
            subscriptions: Arc::new([id]),
            idempotency: None,
        };
        self.hand_in(Request {
            publishing: 0,
            events: vec![acceptance],
        });
    }

    /// Troubles end: receivers are well, and nothing is held back by anyone.
    pub fn cure(&mut self) {
        for receiver in self.receivers.values_mut() {
            receiver.profile = Profile::Healthy;
        }
        let mut changes = VecDeque::new();
        for id in self.model.subscriptions() {
            changes.push_back(Change::Edit(id, Edit::Rate(None)));
            changes.push_back(Change::Status(id, SubscriptionStatus::Active));
        }
        changes.into_iter().for_each(|c| self.change_soon(c));
    }
}

impl Edit {
    fn apply(self, subscription: &mut Subscription) {
        match self {
            Self::Terms(terms) => subscription.retry = terms.policy(),
            Self::InFlight(slots) => subscription.max_in_flight = slots,
            Self::Timeout(timeout) => subscription.timeout = timeout,
            Self::Rate(per_s) => subscription.rate_limit = per_s.map(rate),
        }
    }
}

fn rate(per_s: f64) -> RateLimit {
    RateLimit::try_from(per_s).expect("a rate within bounds")
}

/// All of the tenant's types, and with `alerts` the platform's too.
fn wanted(alerts: bool) -> Vec<EventPattern> {
    let patterns: &[&str] = if alerts { &["*", "posthaste.*"] } else { &[] };
    let parsed = patterns.iter().map(|text| text.parse());
    parsed.map(|pattern| pattern.expect("a pattern")).collect()
}
