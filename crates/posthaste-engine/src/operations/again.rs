//! Sending again and letting go: one delivery, all that match, one event.
//!
//! Nothing here is done by half because a client left: a walk that has begun goes to its end, in
//! steps that are a transaction each.

use posthaste::{
    delivery::DeliveryStatus,
    event::{Origin, TenantId},
    id::{DeliveryId, EventId, SubscriptionId},
    subscription::SubscriptionStatus,
};
use posthaste_store::{
    again::{Again, SentAgain},
    audit::Action,
    query::{DeliveryQuery, Stretch},
    record::{Reopened, StoredEvent},
};

use serde::Serialize;

use super::OperationError;
use crate::{
    Engine,
    again::{Places, Target, late, targets, told},
    subscribers::TenantView,
    trail::{self, Details},
};

/// Deliveries that are read at once.
const PAGE: usize = 1000;
/// Deliveries that one transaction sends again or discards.
const STEP: usize = 500;

/// What came of sending deliveries again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redelivered {
    pub redelivered: u64,
    /// Of those, the ones whose subscription is paused: they leave when it is resumed.
    pub held: u64,
    /// Pending or held, and left as they are.
    pub already_waiting: u64,
    /// Gone, or of a subscription that is disabled or deleted.
    pub skipped: u64,
}

impl Redelivered {
    /// `paused`: whether the subscription of each is.
    fn of(sent: &SentAgain, paused: impl Iterator<Item = bool>) -> Self {
        let mut all = Self::default();
        for (came, is_paused) in sent.reopened.iter().chain(&sent.made).zip(paused) {
            match came {
                Reopened::Redelivered => {
                    all.redelivered += 1;
                    all.held += u64::from(is_paused);
                }
                Reopened::AlreadyWaiting => all.already_waiting += 1,
                Reopened::Missing => all.skipped += 1,
            }
        }
        all
    }

    fn add(&mut self, more: Self) {
        self.redelivered += more.redelivered;
        self.held += more.held;
        self.already_waiting += more.already_waiting;
        self.skipped += more.skipped;
    }
}

/// A query for the dead letters among what another asks for; none where it asks for none.
pub(super) fn dead(query: DeliveryQuery) -> Option<DeliveryQuery> {
    let failed = Some(DeliveryStatus::Failed);
    let may_be = query.status.is_none() || query.status == failed;
    may_be.then_some(DeliveryQuery {
        status: failed,
        ..query
    })
}

impl Engine {
    /// Opens a delivery again: under its id, with a fresh budget, due at once.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] also where its subscription was deleted;
    /// [`OperationError::Disabled`].
    pub async fn redeliver(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Redelivered, OperationError> {
        let delivery = self.delivery(tenant, id).await?;
        let snapshot = self.snapshot();
        let subscriber = snapshot.subscriber(tenant, delivery.subscription);
        let subscriber = subscriber.ok_or(OperationError::NotFound("subscription"))?;
        if subscriber.subscription.status == SubscriptionStatus::Disabled {
            return Err(OperationError::Disabled);
        }
        let (action, object) = (Action::RedeliverDelivery, Some(id.to_string()));
        let again = Again {
            entry: self.entry(Some(tenant), action, object, Details::default()),
            ..self.reopening(tenant, &[id])
        };
        let (engine, target) = (self.clone(), [(id, delivery.subscription)]);
        let sent = self.to_the_end(async move { engine.send(again, &target).await });
        let sent = sent.await?;
        match sent.skipped {
            0 => Ok(sent),
            _ => Err(OperationError::NotFound("delivery")),
        }
    }

    /// [`Self::redeliver`] of each, without those that are gone or whose subscription is.
    ///
    /// # Errors
    /// [`OperationError::Storage`]; what was sent by then stays so.
    pub async fn redeliver_each(
        &self,
        tenant: &TenantId,
        ids: &[DeliveryId],
    ) -> Result<Redelivered, OperationError> {
        let mut all = Redelivered::default();
        for &id in ids {
            match self.redeliver(tenant, id).await {
                Ok(one) => all.add(one),
                Err(OperationError::NotFound(_) | OperationError::Disabled) => all.skipped += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Opens all deliveries again that match and are there now, oldest first; those of disabled and
    /// deleted subscriptions are skipped.
    ///
    /// # Errors
    /// [`OperationError::Storage`]; what was sent by then stays so.
    pub async fn redeliver_all(
        &self,
        tenant: &TenantId,
        query: DeliveryQuery,
    ) -> Result<Redelivered, OperationError> {
        let (engine, tenant) = (self.clone(), tenant.clone());
        let walk = async move {
            let details = Details::given(&trail::filter(&query));
            let action = Action::RedeliverDeliveries;
            engine.note(&tenant, action, None, details).await?;
            engine.redeliver_found(&tenant, &query).await
        };
        self.to_the_end(walk).await
    }

    async fn redeliver_found(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
    ) -> Result<Redelivered, OperationError> {
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let is_open = |(_, to): &Target| view.is_some_and(|view| view.is_open(*to));
        let found = self.found(tenant, query).await?;
        let (open, closed): (Vec<_>, Vec<_>) = found.into_iter().partition(is_open);
        let mut answer = Redelivered {
            skipped: closed.len() as u64,
            ..Redelivered::default()
        };
        for step in open.chunks(STEP) {
            let ids: Vec<DeliveryId> = step.iter().map(|(id, _)| *id).collect();
            let again = Again {
                // Meanwhile another may have sent it again, and it arrived.
                only_failed: query.status == Some(DeliveryStatus::Failed),
                ..self.reopening(tenant, &ids)
            };
            answer.add(self.send(again, step).await?);
            tokio::task::yield_now().await;
        }
        Ok(answer)
    }

    /// Discards a dead letter; says whether it was one.
    ///
    /// # Errors
    /// [`OperationError::NotFound`].
    pub async fn discard(&self, tenant: &TenantId, id: DeliveryId) -> Result<bool, OperationError> {
        self.delivery(tenant, id).await?;
        let (engine, tenant) = (self.clone(), tenant.clone());
        self.to_the_end(async move {
            let (action, object) = (Action::DiscardDelivery, Some(id.to_string()));
            engine
                .note(&tenant, action, object, Details::default())
                .await?;
            let store = &engine.0.store;
            let discarded = store
                .discard_failed(&tenant, vec![id], engine.now())
                .await?;
            Ok(discarded > 0)
        })
        .await
    }

    /// [`Self::discard`] of each, without those that are gone; says how many.
    ///
    /// # Errors
    /// As [`Self::redeliver_each`].
    pub async fn discard_each(
        &self,
        tenant: &TenantId,
        ids: &[DeliveryId],
    ) -> Result<u64, OperationError> {
        let mut discarded = 0;
        for &id in ids {
            match self.discard(tenant, id).await {
                Ok(done) => discarded += u64::from(done),
                Err(OperationError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(discarded)
    }

    /// Discards all dead letters that match and are there now; says how many.
    ///
    /// # Errors
    /// As [`Self::redeliver_all`].
    pub async fn discard_all(
        &self,
        tenant: &TenantId,
        query: DeliveryQuery,
    ) -> Result<u64, OperationError> {
        let Some(query) = dead(query) else {
            return Ok(0);
        };
        let (engine, tenant) = (self.clone(), tenant.clone());
        let walk = async move {
            let details = Details::given(&trail::filter(&query));
            let action = Action::DiscardDeliveries;
            engine.note(&tenant, action, None, details).await?;
            engine.discard_found(&tenant, &query).await
        };
        self.to_the_end(walk).await
    }

    async fn discard_found(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
    ) -> Result<u64, OperationError> {
        let mut discarded = 0;
        for step in self.found(tenant, query).await?.chunks(STEP) {
            let ids = step.iter().map(|(id, _)| *id).collect();
            let store = &self.0.store;
            discarded += store.discard_failed(tenant, ids, self.now()).await?;
            tokio::task::yield_now().await;
        }
        Ok(discarded as u64)
    }

    /// What matches, oldest first: the order in which a line is to be filled.
    async fn found(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
    ) -> Result<Vec<Target>, OperationError> {
        let (mut found, mut before) = (Vec::new(), None);
        loop {
            let stretch = Stretch {
                before,
                limit: PAGE,
            };
            let page = self.deliveries(tenant, query, stretch).await?;
            let targets = page.items.iter();
            found.extend(targets.map(|delivery| (delivery.id, delivery.subscription)));
            before = page.next;
            if before.is_none() {
                found.reverse();
                return Ok(found);
            }
        }
    }

    /// Sends an event again: to all subscriptions that want it today, or to the ones that are named,
    /// whatever they want.
    ///
    /// # Errors
    /// [`OperationError::NotFound`]; [`OperationError::UnknownSubscription`] and
    /// [`OperationError::Disabled`] of one that is named.
    pub async fn redeliver_event(
        &self,
        tenant: &TenantId,
        event: EventId,
        named: Option<Vec<SubscriptionId>>,
    ) -> Result<Redelivered, OperationError> {
        let stored = self.event(tenant, event).await?;
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(tenant);
        let view = view.ok_or(OperationError::NotFound("tenant"))?.clone();
        let to = match named {
            Some(named) => checked(&view, named)?,
            None => view.wanting(&stored),
        };
        let engine = self.clone();
        self.to_the_end(async move { engine.send_event(&view, &stored, to).await })
            .await
    }

    async fn send_event(
        &self,
        view: &TenantView,
        stored: &StoredEvent,
        to: Vec<SubscriptionId>,
    ) -> Result<Redelivered, OperationError> {
        let tenant = &stored.event.tenant;
        let known = self.deliveries_of(tenant, stored).await?;
        let (there, missing): (Vec<_>, Vec<_>) =
            to.iter().copied().partition(|id| known.contains_key(id));
        let mut there: Vec<Target> = there.into_iter().map(|id| (known[&id], id)).collect();
        there.sort_unstable();
        let ids: Vec<DeliveryId> = there.iter().map(|(id, _)| *id).collect();
        let now = self.now();
        let mut places = Places::reserve(&*self.0.store, now, missing.len());
        let subscribers = missing.iter().filter_map(|id| view.subscribers.get(id));
        let make = places.deliveries().zip(subscribers).map(|(id, to)| {
            let origin = Origin::Redeliver;
            late(id, &stored.event, &to.subscription, origin, now)
        });
        let (action, object) = (Action::RedeliverEvent, stored.event.id.to_string());
        let details = Details::given(&SentTo { subscriptions: &to });
        let again = Again {
            make: make.collect(),
            entry: self.entry(Some(tenant), action, Some(object), details),
            ..self.reopening(tenant, &ids)
        };
        places.hand_over(&again.make);
        self.send(again, &there).await
    }

    fn reopening(&self, tenant: &TenantId, ids: &[DeliveryId]) -> Again {
        Again::reopening(tenant.clone(), ids.to_vec(), Origin::Redeliver, self.now())
    }

    /// Sends again, and tells the scheduler.
    async fn send(&self, again: Again, there: &[Target]) -> Result<Redelivered, OperationError> {
        let (targets, tenant) = (targets(there, &again), again.tenant.clone());
        let sent = self.0.store.send_again(again).await?;
        told(&targets, &sent).for_each(|input| self.0.dispatch.tell(input));
        let snapshot = self.snapshot();
        let view = snapshot.tenants.get(&tenant);
        let is_paused = |(_, to): &Target| view.is_some_and(|view| view.is_paused(*to));
        Ok(Redelivered::of(&sent, targets.iter().map(is_paused)))
    }
}

/// Where an event was sent again, for the audit log.
#[derive(Serialize)]
struct SentTo<'a> {
    subscriptions: &'a [SubscriptionId],
}

/// The ones that are named, each once.
fn checked(
    view: &TenantView,
    mut named: Vec<SubscriptionId>,
) -> Result<Vec<SubscriptionId>, OperationError> {
    for (index, &id) in named.iter().enumerate() {
        let subscriber = view.subscribers.get(&id);
        let subscriber = subscriber.ok_or(OperationError::UnknownSubscription { index, id })?;
        if subscriber.subscription.status == SubscriptionStatus::Disabled {
            return Err(OperationError::Disabled);
        }
    }
    named.sort_unstable();
    named.dedup();
    Ok(named)
}
