//! The model: what a store promises, in plain maps behind one lock.
//!
//! It is what the other stores are compared with, and the store of tests and of programs that
//! embed the engine and want nothing kept. It is obviously right before it is fast: a list reads
//! everything.

mod again;
mod audit;
mod configuration;
mod catalogue;
mod disk;
mod inboxes;
mod keeping;
mod log;
mod queue;
mod removal;
mod rollups;
mod replays;
mod passes;
mod row;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use async_trait::async_trait;
use posthaste::{
    chance,
    clock::Timestamp,
    delivery::Discard,
    event::{Line, TenantId},
    id::{DeliveryId, EventId, InboxId, KeyId, ReplayId, SubscriptionId},
    subscription::Subscription,
};

use zeroize::Zeroizing;

use self::{disk::Disk, queue::State, row::Row};
use crate::{
    again::{Again, SentAgain},
    audit::{AuditEntry, AuditQuery},
    change::Change,
    dead_letter::DeadLetters,
    event_type::EventTypeEntry,
    inbox::{Arrival, Inbox, InboxRequest},
    keeping::{Expired, Held, Hold, KeyHash, Pruned, PrunedKeys},
    ledger::Ledger,
    pass::{Pass, PortalLink, TokenDigest},
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{
        Acceptance, Accepted, Attempt, Backlog, Counts, Delivery, EventSummary, History,
        NotAccepted, SettleBatch, StoredEvent, Waiting,
    },
    replay::Replay,
    rollup::{Level, Minute, Rollup, Tally},
    settings::{ApiKey, Identity, Tenant},
    store::{Horizon, Page, Store, StoreError},
};

/// Ids of the model are made by the one node there is.
const NODE: u32 = 0;

/// A store in memory, gone with its process.
pub struct MemoryStore {
    state: Mutex<State>,
    ledger: Ledger,
}

impl MemoryStore {
    /// An empty one, with the tenant `default`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let id = TenantId::default_tenant();
        let tenant = Tenant::new(id.clone(), String::from("Default"), now);
        Self::open(Disk {
            identity: Identity {
                server: u64::from_le_bytes(chance::secure()),
                cursor_key: Zeroizing::new(chance::secure()),
            },
            tenants: BTreeMap::from([(id, tenant)]),
            deleted: BTreeSet::new(),
            event_types: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            keys: BTreeMap::new(),
            events: BTreeMap::new(),
            idempotency: BTreeMap::new(),
            rows: BTreeMap::new(),
            late: BTreeSet::new(),
            waiting: BTreeMap::new(),
            rollups: BTreeMap::new(),
            replays: BTreeMap::new(),
            audit: BTreeMap::new(),
            passes: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            mark: EventId::from_u64(0),
            newest: EventId::from_u64(0),
        })
    }

    /// What a crash at this moment would leave, opened again: what was taken or reserved is
    /// forgotten, what was accepted or settled is there.
    #[must_use]
    pub fn after_crash(&self) -> Self {
        Self::open(self.lock().disk.clone())
    }

    fn open(disk: Disk) -> Self {
        let newest = disk.newest();
        let ledger = Ledger::new(NODE, newest, disk.mark);
        let above = disk.events.iter().filter(|(id, _)| **id > disk.mark);
        for (&id, stored) in above {
            let without_row = disk.without_row(stored).len();
            ledger.committed(id, u32::try_from(without_row).unwrap_or(u32::MAX));
        }
        let state = State {
            disk,
            taken: BTreeSet::new(),
            opened_at: newest,
        };
        Self {
            state: Mutex::new(state),
            ledger,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it holds the model")
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn identity(&self) -> Identity {
        self.lock().disk.identity.clone()
    }

    async fn size_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn reserve(&self, now: Timestamp, deliveries: &[u32]) -> Vec<EventId> {
        self.ledger.reserve(now, deliveries)
    }

    fn release(&self, ids: &[EventId]) {
        self.ledger.release(ids.iter().copied());
    }

    async fn accept(
        &self,
        now: Timestamp,
        requests: Vec<Vec<Acceptance>>,
    ) -> Result<Vec<Result<Vec<Accepted>, NotAccepted>>, StoreError> {
        let mut state = self.lock();
        let answers = requests.iter();
        let answers = answers.map(|request| state.accept(&self.ledger, now, request));
        Ok(answers.collect())
    }

    async fn settle(&self, batch: SettleBatch) -> Result<(), StoreError> {
        self.lock().settle(&self.ledger, batch);
        Ok(())
    }

    async fn take_due(&self, now: Timestamp, at_most: usize) -> Result<Page<Waiting>, StoreError> {
        Ok(self.lock().take_due(now, at_most))
    }

    async fn take_shelved(
        &self,
        subscription: SubscriptionId,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        Ok(self.lock().take_from_shelf(subscription, |_| true, at_most))
    }

    async fn take_shelved_after(
        &self,
        subscription: SubscriptionId,
        after: Option<DeliveryId>,
        except: &[Line],
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        let wanted = |row: &Row| {
            after.is_none_or(|after| row.id() > after)
                && row.latest.line.is_none_or(|line| !except.contains(&line))
        };
        let mut page = self.lock().take_from_shelf(subscription, wanted, at_most);
        page.next = page.next.map(|left| left - 1);
        Ok(page)
    }

    async fn take_line(
        &self,
        subscription: SubscriptionId,
        line: Line,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        let wanted = |row: &Row| row.latest.line == Some(line);
        Ok(self.lock().take_from_shelf(subscription, wanted, at_most))
    }

    async fn shelved(&self) -> Result<Vec<SubscriptionId>, StoreError> {
        Ok(self.lock().shelved())
    }

    async fn recover(
        &self,
        after: Option<EventId>,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        Ok(self.lock().recover(after, at_most))
    }

    fn settled_mark(&self) -> EventId {
        self.ledger.mark()
    }

    fn horizon(&self) -> Horizon {
        self.ledger.horizon()
    }

    fn unparked(&self) -> u64 {
        self.ledger.unparked()
    }

    async fn send_again(&self, again: Again) -> Result<SentAgain, StoreError> {
        self.lock().send_again(&self.ledger, &again)
    }

    async fn discard_failed(
        &self,
        tenant: &TenantId,
        deliveries: Vec<DeliveryId>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        Ok(self.lock().discard_failed(tenant, &deliveries, now))
    }

    async fn discard_parked(
        &self,
        subscription: SubscriptionId,
        why: Discard,
        now: Timestamp,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        Ok(self.lock().discard_parked(subscription, why, now, at_most))
    }

    async fn body_of_key(
        &self,
        tenant: &TenantId,
        key: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let inner = self.lock();
        let used = inner.disk.idempotency.get(&(tenant.clone(), key));
        Ok(used
            .filter(|used| used.expires_at > now)
            .map(|used| used.body))
    }

    async fn prune(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        after: Option<EventId>,
        at_most: usize,
    ) -> Result<Pruned, StoreError> {
        let settled = self.ledger.mark();
        let mut state = self.lock();
        Ok(state.disk.prune(tenant, before, after, settled, at_most))
    }

    async fn prune_keys(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<KeyHash>,
        at_most: usize,
    ) -> Result<PrunedKeys, StoreError> {
        Ok(self.lock().disk.prune_keys(tenant, now, after, at_most))
    }

    async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        Ok(self.lock().disk.holds())
    }

    async fn held(
        &self,
        subscription: SubscriptionId,
        until: Timestamp,
    ) -> Result<Option<Held>, StoreError> {
        Ok(self.lock().held(subscription, until))
    }

    async fn tell_expiring(
        &self,
        hold: &Hold,
        alert: Option<Acceptance>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Ok(self.lock().tell_expiring(&self.ledger, hold, alert, now))
    }

    async fn expire_held(
        &self,
        subscription: SubscriptionId,
        before: Timestamp,
        after: Option<DeliveryId>,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Expired, StoreError> {
        let mut state = self.lock();
        Ok(state.expire_held(subscription, before, after, now, at_most))
    }

    async fn event(
        &self,
        tenant: &TenantId,
        id: EventId,
    ) -> Result<Option<StoredEvent>, StoreError> {
        Ok(self.lock().disk.event(tenant, id))
    }

    async fn events(
        &self,
        tenant: &TenantId,
        query: &EventQuery,
        stretch: Stretch,
    ) -> Result<Page<EventSummary>, StoreError> {
        Ok(self.lock().disk.list_events(tenant, query, stretch))
    }

    async fn events_between(
        &self,
        tenant: &TenantId,
        after: EventId,
        until: EventId,
        at_most: usize,
    ) -> Result<Page<StoredEvent>, StoreError> {
        let state = self.lock();
        Ok(state.disk.events_between(tenant, after, until, at_most))
    }

    async fn events_of(
        &self,
        tenant: &TenantId,
        ids: Vec<EventId>,
    ) -> Result<Page<StoredEvent>, StoreError> {
        Ok(self.lock().disk.events_of(tenant, &ids))
    }

    async fn delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        Ok(self.lock().disk.delivery(tenant, id))
    }

    async fn deliveries(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
        stretch: Stretch,
    ) -> Result<Page<Delivery>, StoreError> {
        Ok(self.lock().disk.list_deliveries(tenant, query, stretch))
    }

    async fn dead_letters(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<DeadLetters, StoreError> {
        Ok(self.lock().disk.dead_letters(tenant, stretch))
    }

    async fn attempts(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Vec<Attempt>, StoreError> {
        Ok(self.lock().disk.attempts(tenant, id))
    }

    async fn histories(
        &self,
        tenant: &TenantId,
        after: DeliveryId,
        until: DeliveryId,
        at_most: usize,
    ) -> Result<Page<History>, StoreError> {
        let state = self.lock();
        Ok(state.disk.histories(tenant, (after, until), at_most))
    }

    async fn deliveries_of(
        &self,
        tenant: &TenantId,
        events: Vec<EventId>,
    ) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.lock().disk.deliveries_of(tenant, &events))
    }

    async fn insert_replay(
        &self,
        replay: Replay,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError> {
        self.lock().disk.insert_replay(replay, entry)
    }

    async fn replay(&self, tenant: &TenantId, id: ReplayId) -> Result<Option<Replay>, StoreError> {
        Ok(self.lock().disk.replay_mut(tenant, id).cloned())
    }

    async fn replays(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<Page<Replay>, StoreError> {
        Ok(self.lock().disk.list_replays(tenant, stretch))
    }

    async fn running_replays(&self) -> Result<Vec<Replay>, StoreError> {
        Ok(self.lock().disk.running_replays())
    }

    async fn stop_replay(
        &self,
        tenant: &TenantId,
        id: ReplayId,
        now: Timestamp,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError> {
        self.lock().disk.stop_replay(tenant, id, now, entry)
    }

    async fn counts(&self, tenant: &TenantId) -> Result<Counts, StoreError> {
        Ok(self.lock().disk.counts(tenant))
    }

    async fn backlog(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
    ) -> Result<Backlog, StoreError> {
        Ok(self.lock().disk.backlog(tenant, subscription))
    }

    async fn rollups(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
        from: Minute,
        to: Minute,
        level: Level,
    ) -> Result<Vec<(Minute, Rollup)>, StoreError> {
        let state = self.lock();
        Ok(state.disk.rollups(tenant, subscription, from..to, level))
    }

    async fn tallies(
        &self,
        tenant: &TenantId,
        subscriptions: Vec<SubscriptionId>,
        from: Minute,
        to: Minute,
        level: Level,
    ) -> Result<Vec<(SubscriptionId, Minute, Tally)>, StoreError> {
        let state = self.lock();
        let of = |id| state.disk.rollups(tenant, Some(id), from..to, level);
        let in_short = |id| {
            let found = of(id).into_iter();
            found.map(move |(at, rollup)| (id, at, Tally::of(&rollup)))
        };
        Ok(subscriptions.into_iter().flat_map(in_short).collect())
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        Ok(self.lock().disk.tenants.values().cloned().collect())
    }

    async fn change(&self, change: Change, entry: Option<AuditEntry>) -> Result<(), StoreError> {
        self.lock().change(&self.ledger, change, entry)
    }

    async fn append_audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.lock().disk.append(Some(entry));
        Ok(())
    }

    async fn audit(
        &self,
        tenant: &TenantId,
        query: &AuditQuery,
        stretch: Stretch,
    ) -> Result<Page<AuditEntry>, StoreError> {
        Ok(self.lock().disk.list_audit(tenant, query, stretch))
    }

    async fn prune_audit(&self, before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        Ok(self.lock().disk.prune_audit(before, at_most))
    }

    async fn deleted_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.lock().disk.deleted.iter().cloned().collect())
    }

    async fn remove_tenant(&self, tenant: &TenantId, _: usize) -> Result<bool, StoreError> {
        self.lock().disk.deleted.remove(tenant);
        Ok(false)
    }

    async fn event_types(&self) -> Result<Vec<EventTypeEntry>, StoreError> {
        Ok(self.lock().disk.event_types.values().cloned().collect())
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        Ok(self.lock().disk.live().cloned().collect())
    }

    async fn subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        Ok(self.lock().disk.subscription_mut(tenant, id).cloned())
    }

    async fn inboxes(&self) -> Result<Vec<Inbox>, StoreError> {
        Ok(self.lock().disk.all_inboxes())
    }

    async fn keep_arrival(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        arrival: Arrival,
    ) -> Result<u64, StoreError> {
        self.lock().disk.keep_arrival(tenant, inbox, arrival)
    }

    async fn inbox_requests(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        stretch: Stretch,
    ) -> Result<Page<InboxRequest>, StoreError> {
        Ok(self.lock().disk.inbox_requests(tenant, inbox, stretch))
    }

    async fn inbox_requests_after(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        after: u64,
        at_most: usize,
    ) -> Result<Vec<InboxRequest>, StoreError> {
        let state = self.lock();
        Ok(state
            .disk
            .inbox_requests_after(tenant, inbox, after, at_most))
    }

    async fn prune_arrivals(&self, before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        Ok(self.lock().disk.prune_arrivals(before, at_most))
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        Ok(self.lock().disk.keys.values().cloned().collect())
    }

    async fn pass(&self, digest: TokenDigest, now: Timestamp) -> Result<Option<Pass>, StoreError> {
        Ok(self.lock().disk.pass(digest, now))
    }

    async fn take_pass(
        &self,
        digest: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Pass>, StoreError> {
        let disk = &mut self.lock().disk;
        let pass = disk.pass(digest, now);
        disk.passes.remove(&digest);
        Ok(pass)
    }

    async fn portal_links(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        stretch: Stretch,
    ) -> Result<Page<PortalLink>, StoreError> {
        Ok(self.lock().disk.list_portal_links(tenant, now, stretch))
    }

    async fn prune_passes(&self, now: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        Ok(self.lock().disk.prune_passes(now, at_most))
    }

    async fn touch_keys(&self, used: Vec<(KeyId, Timestamp)>) -> Result<(), StoreError> {
        let mut state = self.lock();
        for (id, at) in used {
            state.disk.touch_key(id, at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::Harness;

    /// Holds the store twice: as what it is, and as what the cases see.
    struct InMemory {
        store: Arc<MemoryStore>,
        seen: Arc<dyn Store>,
    }

    impl InMemory {
        fn holding(store: MemoryStore) -> Self {
            let store = Arc::new(store);
            let seen = store.clone();
            Self { store, seen }
        }
    }

    #[async_trait]
    impl Harness for InMemory {
        async fn start(now: Timestamp) -> Self {
            Self::holding(MemoryStore::new(now))
        }

        fn store(&self) -> &Arc<dyn Store> {
            &self.seen
        }

        async fn crash(&mut self, _now: Timestamp) {
            *self = Self::holding(self.store.after_crash());
        }
    }

    crate::conformance_suite!(InMemory);
}
