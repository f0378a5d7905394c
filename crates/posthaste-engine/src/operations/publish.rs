//! Publishing: match, reserve ids, accept. All or nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use posthaste::{
    clock::Timestamp,
    event::{Event, EventDetails, EventType, TenantId},
    filter::EventDocument,
    id::{DeliveryId, EventId, SubscriptionId},
    json::RawJson,
};
use posthaste_store::{
    StoreError,
    record::{Acceptance, Accepted, Idempotency, NotAccepted},
    settings::EventRate,
};
use sha2::{Digest, Sha256};

use crate::{
    Engine,
    catalogue::{Misfit, Objection},
    delivery::intake::Slot,
    subscribers::TenantView,
};

/// Times that an event may come back to this server as a publish.
const HOPS_MAX: u8 = 3;
/// What a producer is told to wait when too much waits already.
const OVERLOADED_RETRY_AFTER: Duration = Duration::from_secs(1);
/// One publish may owe so many times the deliveries that memory is to hold.
const AT_ONCE: usize = 10;

/// Places in data that a whole publish is told about; past them, the first one of each event.
const MISFITS_MAX: usize = 20;
/// Bytes of filters, schemas and events that are gone through before others may run: some milliseconds.
const JUDGED_AT_ONCE: usize = 1 << 20;
/// A step of a filter costs as much as so many bytes.
const STEP_BYTES: usize = 32;

/// An event to be published.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub event_type: EventType,
    pub data: RawJson,
    pub details: EventDetails,
    /// Only these, of the ones that want it.
    pub subscriptions: Option<Vec<SubscriptionId>>,
    pub idempotency: Option<IdempotencyClaim>,
}

/// A producer's word that a repetition is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    pub key: String,
    /// SHA-256 of the published bytes.
    pub body: [u8; 32],
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub id: EventId,
    pub event_type: EventType,
    /// Subscriptions that matched.
    pub deliveries: u32,
    /// Whether it had been published before, under the same key.
    pub replayed: bool,
}

impl Published {
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.id.time()
    }

    pub fn delivery_ids(&self) -> impl Iterator<Item = DeliveryId> + '_ {
        (0..self.deliveries).map(|index| self.id.delivery(index))
    }
}

/// Why an event cannot be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Its type begins with `posthaste.`.
    PlatformType,
    /// The tenant's catalogue is strict, and the type is not in it.
    UnsupportedType,
    /// The tenant's catalogue is strict, and the type has other versions.
    UnknownVersion,
    /// A place in its data that does not fit its type's schema.
    Data(Misfit),
    /// It is narrowed to a subscription that the tenant does not have.
    UnknownSubscription(SubscriptionId),
}

/// Why nothing was published.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PublishError {
    #[error("no such tenant")]
    UnknownTenant,
    /// Every event that cannot be published, by its index, and why.
    #[error("some events cannot be published")]
    Refused(Vec<(usize, Refusal)>),
    #[error("the event came back to this server {HOPS_MAX} times")]
    LoopDetected,
    #[error("the idempotency key of event {index} was used for another body")]
    IdempotencyConflict { index: usize },
    #[error("the tenant may publish {per_s} events per second")]
    RateLimited { per_s: f64, retry_after: Duration },
    #[error("too much waits already")]
    Overloaded { retry_after: Duration },
    #[error("the events make {owed} deliveries, more than {at_most} at once: publish fewer")]
    TooManyDeliveries { owed: usize, at_most: usize },
    #[error(transparent)]
    Storage(StoreError),
}

impl Engine {
    /// Publishes events of a tenant: on disk, with what they owe, when it returns `Ok`.
    ///
    /// # Errors
    /// Nothing was published.
    pub async fn publish(
        &self,
        tenant: &TenantId,
        events: Vec<NewEvent>,
    ) -> Result<Vec<Published>, PublishError> {
        let snapshot = self.snapshot();
        let view = snapshot
            .tenants
            .get(tenant)
            .ok_or(PublishError::UnknownTenant)?;
        if events.iter().any(|event| event.details.hops >= HOPS_MAX) {
            return Err(PublishError::LoopDetected);
        }
        let rate = self.limits().events_per_s(&view.tenant.limits);
        let rate = rate.map(|rate| (view, rate));
        // Whoever may not publish is told before filters and schemas are gone through.
        self.charge(rate, 0)?;
        let refused = refusals(view, &events).await;
        if !refused.is_empty() && !self.are_repetitions(tenant, &events, &refused).await? {
            return Err(PublishError::Refused(refused));
        }
        let (mut all, mut judged) = (Vec::with_capacity(events.len()), 0);
        for event in &events {
            all.push(takers(view, event, &mut judged).await);
        }
        let _owed = self.owe(all.iter().map(|takers| takers.len()).sum())?;
        let count = events.len();
        // Once ids are reserved nothing waits until the store has them.
        let slot = self.0.intake.slot().await.map_err(PublishError::Storage)?;
        self.charge(rate, count)?;
        let acceptances = self.acceptances(tenant, events, all);
        let answer = accepted(slot, acceptances).await;
        if let (Err(_), Some((view, rate))) = (&answer, rate) {
            view.allowance().give_back(rate, count);
        }
        answer
    }

    /// Counts so many events against a tenant's rate, where it may publish now.
    fn charge(
        &self,
        rate: Option<(&Arc<TenantView>, EventRate)>,
        events: usize,
    ) -> Result<(), PublishError> {
        let Some((view, rate)) = rate else {
            return Ok(());
        };
        let charged = view.allowance().charge(self.now(), rate, events);
        charged.map_err(|retry_after| PublishError::RateLimited {
            per_s: rate.per_s(),
            retry_after,
        })
    }

    /// Every event that [`Self::publish`] would refuse by itself, by its index: for a batch of which
    /// other events are refused already, so that its producer is told of all at once.
    pub async fn refusals(&self, tenant: &TenantId, events: &[NewEvent]) -> Vec<(usize, Refusal)> {
        let snapshot = self.snapshot();
        match snapshot.tenants.get(tenant) {
            Some(view) => refusals(view, events).await,
            None => Vec::new(),
        }
    }

    /// Whether all refused events were published before under their keys: then what they are
    /// narrowed to was there once, and the repetition is answered as the first.
    async fn are_repetitions(
        &self,
        tenant: &TenantId,
        events: &[NewEvent],
        refused: &[(usize, Refusal)],
    ) -> Result<bool, PublishError> {
        for (index, _) in refused {
            let Some(claim) = &events[*index].idempotency else {
                return Ok(false);
            };
            let (key, now) = (hash_of(&claim.key), self.now());
            let body = self.0.store.body_of_key(tenant, key, now).await;
            if body.map_err(PublishError::Storage)? != Some(claim.body) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Counts what a publish will owe until the store has it, where there is room for it.
    fn owe(&self, owed: usize) -> Result<Owed, PublishError> {
        let bound = self.0.config.bounds.deliveries;
        let at_most = bound * AT_ONCE;
        if owed > at_most {
            return Err(PublishError::TooManyDeliveries { owed, at_most });
        }
        let counted = Owed::count(&self.0.owed, owed);
        let unparked = usize::try_from(self.0.store.unparked()).unwrap_or(usize::MAX);
        let before = unparked.saturating_add(counted.before);
        if before > 0 && before.saturating_add(owed) > bound.saturating_mul(2) {
            return Err(PublishError::Overloaded {
                retry_after: OVERLOADED_RETRY_AFTER,
            });
        }
        Ok(counted)
    }

    fn acceptances(
        &self,
        tenant: &TenantId,
        events: Vec<NewEvent>,
        takers: Vec<Arc<[SubscriptionId]>>,
    ) -> Vec<Acceptance> {
        let now = self.now();
        let expires_at = now + self.0.config.limits.dedup_window;
        let owed: Vec<u32> = takers.iter().map(|takers| count(takers)).collect();
        let ids = self.0.store.reserve(now, &owed);
        let events = ids.into_iter().zip(events).zip(takers);
        let acceptances = events.map(|((id, event), subscriptions)| Acceptance {
            subscriptions,
            idempotency: event.idempotency.map(|claim| Idempotency {
                key: hash_of(&claim.key),
                body: claim.body,
                expires_at,
            }),
            event: Arc::new(Event {
                id,
                tenant: tenant.clone(),
                event_type: event.event_type,
                details: event.details,
                data: event.data,
            }),
        });
        acceptances.collect()
    }
}

/// Hands over what was reserved, and says what came of it.
async fn accepted(
    slot: Slot<'_>,
    acceptances: Vec<Acceptance>,
) -> Result<Vec<Published>, PublishError> {
    let own = acceptances.iter().map(published).collect::<Vec<_>>();
    let answer = slot.accept(acceptances).await;
    let accepted = answer.map_err(PublishError::Storage)?;
    let accepted = accepted.map_err(|refused| match refused {
        NotAccepted::IdempotencyConflict { index } => PublishError::IdempotencyConflict { index },
        NotAccepted::NoTenant => PublishError::UnknownTenant,
    })?;
    let published = own
        .into_iter()
        .zip(accepted)
        .map(|(own, accepted)| match accepted {
            Accepted::New => own,
            Accepted::Replayed(first) => Published {
                id: first.id,
                event_type: first.event_type,
                deliveries: first.deliveries,
                replayed: true,
            },
        });
    Ok(published.collect())
}

/// What a publish owes, counted until it is dropped.
struct Owed {
    counter: Arc<AtomicUsize>,
    owed: usize,
    /// What others were owing.
    before: usize,
}

impl Owed {
    fn count(counter: &Arc<AtomicUsize>, owed: usize) -> Self {
        let before = counter.fetch_add(owed, Ordering::Relaxed);
        Self {
            counter: counter.clone(),
            owed,
            before,
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.counter.fetch_sub(self.owed, Ordering::Relaxed);
    }
}

fn published(acceptance: &Acceptance) -> Published {
    Published {
        id: acceptance.event.id,
        event_type: acceptance.event.event_type.clone(),
        deliveries: count(&acceptance.subscriptions),
        replayed: false,
    }
}

pub(super) fn hash_of(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

fn count(subscriptions: &[SubscriptionId]) -> u32 {
    u32::try_from(subscriptions.len()).expect("a tenant has fewer than 2^32 subscriptions")
}

/// By event index.
async fn refusals(view: &TenantView, events: &[NewEvent]) -> Vec<(usize, Refusal)> {
    let (mut refused, mut misfits, mut judged) = (Vec::new(), 0, 0);
    for (index, event) in events.iter().enumerate() {
        if event.event_type.is_platforms() {
            refused.push((index, Refusal::PlatformType));
        } else if let Some(objection) = objection(view, event, &mut judged).await {
            let found = objected(objection, MISFITS_MAX.saturating_sub(misfits).max(1));
            misfits += found.len();
            refused.extend(found.into_iter().map(|why| (index, why)));
        }
        let only = event.subscriptions.iter().flatten();
        let unknown = only.filter(|id| !view.subscribers.contains_key(id));
        refused.extend(unknown.map(|id| (index, Refusal::UnknownSubscription(*id))));
    }
    refused
}

/// What the catalogue says against the event. `judged` counts the bytes that schemas have gone through
/// since others could run.
async fn objection(view: &TenantView, event: &NewEvent, judged: &mut usize) -> Option<Objection> {
    let (kind, name) = (view.tenant.catalogue, &event.event_type);
    if view.catalogue.reads(name) {
        *judged += event.data.len();
        if *judged > JUDGED_AT_ONCE {
            *judged = 0;
            tokio::task::yield_now().await;
        }
    }
    let version = event.details.version;
    view.catalogue.objection(kind, name, version, &event.data)
}

fn objected(objection: Objection, at_most: usize) -> Vec<Refusal> {
    match objection {
        Objection::Type => vec![Refusal::UnsupportedType],
        Objection::Version => vec![Refusal::UnknownVersion],
        Objection::Data(misfits) => {
            let misfits = misfits.into_iter().take(at_most);
            misfits.map(Refusal::Data).collect()
        }
    }
}

/// The subscriptions that take the event, of those it is narrowed to. `judged` counts the bytes that
/// filters have gone through since others could run.
async fn takers(view: &TenantView, event: &NewEvent, judged: &mut usize) -> Arc<[SubscriptionId]> {
    let mut takers = view.takers(&event.event_type, event.details.version);
    if let Some(only) = &event.subscriptions {
        takers.retain(|id| only.contains(id));
    }
    if view.have_filters(&takers) {
        takers = filtered(view, event, takers, judged).await;
    }
    takers.into()
}

/// Those whose filters want the event. It is read once for all of them.
async fn filtered(
    view: &TenantView,
    event: &NewEvent,
    takers: Vec<SubscriptionId>,
    judged: &mut usize,
) -> Vec<SubscriptionId> {
    let document = EventDocument::new(Some(&event.event_type), &event.details, Some(&event.data));
    let mut wanting = Vec::with_capacity(takers.len());
    for id in takers {
        let judgement = view.filter(id).map(|filter| filter.judge(&document));
        if judgement.is_none_or(|judgement| judgement.matches) {
            wanting.push(id);
        }
        let steps = judgement.map_or(0, |judgement| 1 + judgement.steps);
        *judged += usize::try_from(steps).unwrap_or(usize::MAX) * STEP_BYTES;
        if *judged > JUDGED_AT_ONCE {
            *judged = 0;
            tokio::task::yield_now().await;
        }
    }
    wanting
}
