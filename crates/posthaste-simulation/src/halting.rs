//! The store as slow duties see it: each call waits until the world lets it happen, and its answer
//! waits again. So a step of the engine's own code is under way for as long as the world likes, and
//! a crash may fall before every call and behind it.
//!
//! It notes what was done, for the model to see at that moment.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryState, Discard},
    event::{Line, TenantId},
    id::{DeliveryId, EventId, InboxId, KeyId, Place, ReplayId, SubscriptionId},
    subscription::Subscription,
};
use posthaste_store::{
    EventTypeEntry, Horizon, MemoryStore, Page, Store, StoreError,
    again::{Again, SentAgain},
    audit::{AuditEntry, AuditQuery},
    change::Change,
    dead_letter::DeadLetters,
    inbox::{Arrival, Inbox, InboxRequest},
    keeping::{Expired, Held, Hold, KeyHash, Pruned, PrunedKeys},
    pass::{Pass, PortalLink, TokenDigest},
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{
        Acceptance, Accepted, Attempt, Backlog, Counts, Delivery, EventSummary, History,
        NotAccepted, SettleBatch, Settlement, Standing, StoredEvent, Waiting,
    },
    replay::{Progress, Replay, ReplayStep},
    rollup::{Level, Minute, Rollup, Tally},
    settings::{ApiKey, Identity, Tenant},
};

use crate::bug::Bug;

/// Something that a slow duty did to the store.
#[derive(Debug)]
pub enum Deed {
    SentAgain(Box<Again>, SentAgain),
    /// A tenant's events that were accepted before then were looked at.
    Pruned(TenantId, Timestamp),
    Told(Hold, Option<Acceptance>, Timestamp),
    /// Of a subscription, so many that were held since then.
    Expired(SubscriptionId, u64, Timestamp, Timestamp),
}

/// How the store is doing at the moment when a duty is let go on.
#[derive(Debug, Default)]
pub struct Weather {
    pub refuses: AtomicBool,
    /// The answer to the next commit is lost.
    pub loses: AtomicBool,
    deeds: Mutex<Vec<Deed>>,
}

impl Weather {
    fn note(&self, deed: Deed) {
        self.deeds.lock().expect("one thread").push(deed);
    }

    /// What was done since it was last asked.
    pub fn deeds(&self) -> Vec<Deed> {
        std::mem::take(&mut *self.deeds.lock().expect("one thread"))
    }
}

pub struct Halting {
    pub store: Arc<MemoryStore>,
    pub weather: Arc<Weather>,
    pub bug: Option<Bug>,
}

/// Gives the turn back, once.
async fn halt() {
    let mut halted = false;
    poll_fn(|_| match std::mem::replace(&mut halted, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

fn unavailable() -> StoreError {
    StoreError::Unavailable(String::from("simulated"))
}

impl Halting {
    /// On its way to the store.
    async fn goes(&self) -> Result<(), StoreError> {
        halt().await;
        match self.weather.refuses.load(Ordering::Relaxed) {
            true => Err(unavailable()),
            false => Ok(()),
        }
    }

    /// It was done; the answer is on its way, and may be lost.
    async fn done(&self, deed: Deed) -> Result<(), StoreError> {
        self.weather.note(deed);
        let lost = self.weather.loses.swap(false, Ordering::Relaxed);
        halt().await;
        if lost { Err(unavailable()) } else { Ok(()) }
    }

    /// What a planted bug makes of it: the cursor moves in a transaction of its own.
    async fn send_apart(&self, again: Again, step: ReplayStep) -> Result<SentAgain, StoreError> {
        let stays = ReplayStep {
            to: step.from,
            seen: Progress::default(),
            last: false,
            ..step
        };
        let moves = Again {
            reopen: Vec::new(),
            make: Vec::new(),
            step: Some(step),
            ..again.clone()
        };
        let sends = Again {
            step: Some(stays),
            ..again
        };
        let sent = self.store.send_again(sends.clone()).await?;
        self.done(Deed::SentAgain(Box::new(sends), sent.clone()))
            .await?;
        for _ in 0..300 {
            halt().await;
        }
        let moved = self.store.send_again(moves.clone()).await?;
        self.done(Deed::SentAgain(Box::new(moves), moved)).await?;
        Ok(sent)
    }
}

impl Halting {
    /// What a planted bug makes of retention: what waits is taken for what has ended.
    async fn end_all(&self, tenant: &TenantId, before: Timestamp) -> Result<(), StoreError> {
        let (from, to) = (EventId::from_u64(0), EventId::at(Place::at(before, 0)));
        let old = self.store.events_between(tenant, from, to, 100).await?;
        let ids = old.items.iter().map(|stored| stored.event.id).collect();
        let deliveries = self.store.deliveries_of(tenant, ids).await?;
        let rows = deliveries.into_iter();
        let waiting = rows.filter(|one| matches!(one.state, DeliveryState::Retrying { .. }));
        let ended = waiting.map(|one| Settlement {
            id: one.id,
            tenant: tenant.clone(),
            event: one.event,
            event_type: one.event_type,
            subscription: one.subscription,
            origin: one.origin,
            format: one.format,
            line: None,
            batch: None,
            tries: one.tries,
            standing: Standing::Failed,
            at: Timestamp::default(),
            attempt: None,
        });
        let batch = SettleBatch {
            settlements: ended.collect(),
            ..SettleBatch::default()
        };
        self.store.settle(batch).await
    }
}

macro_rules! halting {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Store for Halting {
            fn identity(&self) -> Identity {
                self.store.identity()
            }

            fn reserve(&self, now: Timestamp, deliveries: &[u32]) -> Vec<EventId> {
                self.store.reserve(now, deliveries)
            }

            fn release(&self, ids: &[EventId]) {
                self.store.release(ids);
            }

            fn settled_mark(&self) -> EventId {
                self.store.settled_mark()
            }

            fn horizon(&self) -> Horizon {
                self.store.horizon()
            }

            fn unparked(&self) -> u64 {
                self.store.unparked()
            }

            async fn send_again(&self, again: Again) -> Result<SentAgain, StoreError> {
                if let Err(error) = self.goes().await {
                    self.store.release(&again.reserved());
                    return Err(error);
                }
                if self.bug == Some(Bug::CursorWrittenApart)
                    && let Some(step) = again.step.clone()
                {
                    return self.send_apart(again, step).await;
                }
                let sent = self.store.send_again(again.clone()).await?;
                self.done(Deed::SentAgain(Box::new(again), sent.clone())).await?;
                Ok(sent)
            }

            async fn events_between(
                &self,
                tenant: &TenantId,
                after: EventId,
                until: EventId,
                at_most: usize,
            ) -> Result<Page<StoredEvent>, StoreError> {
                self.goes().await?;
                let mut page = self.store.events_between(tenant, after, until, at_most).await?;
                if self.bug == Some(Bug::LastPageSkipped) && page.next.is_none() {
                    page.items.clear();
                }
                halt().await;
                Ok(page)
            }

            async fn prune(
                &self,
                tenant: &TenantId,
                before: Timestamp,
                after: Option<EventId>,
                at_most: usize,
            ) -> Result<Pruned, StoreError> {
                self.goes().await?;
                if self.bug == Some(Bug::WaitingPruned) {
                    self.end_all(tenant, before).await?;
                }
                let pruned = self.store.prune(tenant, before, after, at_most).await?;
                self.done(Deed::Pruned(tenant.clone(), before)).await?;
                Ok(pruned)
            }

            async fn tell_expiring(
                &self,
                hold: &Hold,
                alert: Option<Acceptance>,
                now: Timestamp,
            ) -> Result<bool, StoreError> {
                if let Err(error) = self.goes().await {
                    let ids: Vec<EventId> = alert.iter().map(|alert| alert.event.id).collect();
                    self.store.release(&ids);
                    return Err(error);
                }
                let told = self.store.tell_expiring(hold, alert.clone(), now).await?;
                if told {
                    self.done(Deed::Told(hold.clone(), alert, now)).await?;
                }
                Ok(told)
            }

            async fn expire_held(
                &self,
                subscription: SubscriptionId,
                before: Timestamp,
                after: Option<DeliveryId>,
                now: Timestamp,
                at_most: usize,
            ) -> Result<Expired, StoreError> {
                self.goes().await?;
                let expired = self.store.expire_held(subscription, before, after, now, at_most);
                let expired = expired.await?;
                let count = expired.deliveries;
                self.done(Deed::Expired(subscription, count, before, now)).await?;
                Ok(expired)
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer, StoreError> {
                self.goes().await?;
                let answer = self.store.$name($($argument),*).await;
                halt().await;
                answer
            })*
        }
    };
}

halting! {
    size_bytes() -> Option<u64>;
    accept(now: Timestamp, requests: Vec<Vec<Acceptance>>)
        -> Vec<Result<Vec<Accepted>, NotAccepted>>;
    settle(batch: SettleBatch) -> ();
    take_due(now: Timestamp, at_most: usize) -> Page<Waiting>;
    take_shelved(subscription: SubscriptionId, at_most: usize) -> Page<Waiting>;
    take_shelved_after(
        subscription: SubscriptionId, after: Option<DeliveryId>, except: &[Line], at_most: usize
    ) -> Page<Waiting>;
    take_line(subscription: SubscriptionId, line: Line, at_most: usize) -> Page<Waiting>;
    shelved() -> Vec<SubscriptionId>;
    recover(after: Option<EventId>, at_most: usize) -> Page<Waiting>;
    discard_failed(tenant: &TenantId, deliveries: Vec<DeliveryId>, now: Timestamp) -> usize;
    discard_parked(subscription: SubscriptionId, why: Discard, now: Timestamp, at_most: usize)
        -> usize;
    body_of_key(tenant: &TenantId, key: [u8; 32], now: Timestamp) -> Option<[u8; 32]>;
    prune_keys(tenant: &TenantId, now: Timestamp, after: Option<KeyHash>, at_most: usize)
        -> PrunedKeys;
    holds() -> Vec<Hold>;
    held(subscription: SubscriptionId, until: Timestamp) -> Option<Held>;
    event(tenant: &TenantId, id: EventId) -> Option<StoredEvent>;
    events(tenant: &TenantId, query: &EventQuery, stretch: Stretch) -> Page<EventSummary>;
    events_of(tenant: &TenantId, ids: Vec<EventId>) -> Page<StoredEvent>;
    delivery(tenant: &TenantId, id: DeliveryId) -> Option<Delivery>;
    deliveries(tenant: &TenantId, query: &DeliveryQuery, stretch: Stretch) -> Page<Delivery>;
    dead_letters(tenant: &TenantId, stretch: Stretch) -> DeadLetters;
    attempts(tenant: &TenantId, id: DeliveryId) -> Vec<Attempt>;
    histories(tenant: &TenantId, after: DeliveryId, until: DeliveryId, at_most: usize)
        -> Page<History>;
    deliveries_of(tenant: &TenantId, events: Vec<EventId>) -> Vec<Delivery>;
    insert_replay(replay: Replay, entry: Option<AuditEntry>) -> Replay;
    replay(tenant: &TenantId, id: ReplayId) -> Option<Replay>;
    replays(tenant: &TenantId, stretch: Stretch) -> Page<Replay>;
    running_replays() -> Vec<Replay>;
    stop_replay(
        tenant: &TenantId, id: ReplayId, now: Timestamp, entry: Option<AuditEntry>
    ) -> Replay;
    counts(tenant: &TenantId) -> Counts;
    backlog(tenant: &TenantId, subscription: Option<SubscriptionId>) -> Backlog;
    rollups(
        tenant: &TenantId, subscription: Option<SubscriptionId>, from: Minute, to: Minute,
        level: Level
    ) -> Vec<(Minute, Rollup)>;
    tallies(
        tenant: &TenantId, subscriptions: Vec<SubscriptionId>, from: Minute, to: Minute,
        level: Level
    ) -> Vec<(SubscriptionId, Minute, Tally)>;
    change(change: Change, entry: Option<AuditEntry>) -> ();
    append_audit(entry: AuditEntry) -> ();
    audit(tenant: &TenantId, query: &AuditQuery, stretch: Stretch) -> Page<AuditEntry>;
    prune_audit(before: Timestamp, at_most: usize) -> usize;
    pass(digest: TokenDigest, now: Timestamp) -> Option<Pass>;
    take_pass(digest: TokenDigest, now: Timestamp) -> Option<Pass>;
    portal_links(tenant: &TenantId, now: Timestamp, stretch: Stretch) -> Page<PortalLink>;
    prune_passes(now: Timestamp, at_most: usize) -> usize;
    tenants() -> Vec<Tenant>;
    deleted_tenants() -> Vec<TenantId>;
    remove_tenant(tenant: &TenantId, at_most: usize) -> bool;
    event_types() -> Vec<EventTypeEntry>;
    subscriptions() -> Vec<Subscription>;
    subscription(tenant: &TenantId, id: SubscriptionId) -> Option<Subscription>;
    inboxes() -> Vec<Inbox>;
    keep_arrival(tenant: &TenantId, inbox: InboxId, arrival: Arrival) -> u64;
    inbox_requests(tenant: &TenantId, inbox: InboxId, stretch: Stretch) -> Page<InboxRequest>;
    inbox_requests_after(tenant: &TenantId, inbox: InboxId, after: u64, at_most: usize)
        -> Vec<InboxRequest>;
    prune_arrivals(before: Timestamp, at_most: usize) -> usize;
    keys() -> Vec<ApiKey>;
    touch_keys(used: Vec<(KeyId, Timestamp)>) -> ();
}
