//! The store's verbs, each handed to the thread that writes or to a connection that reads.

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use async_trait::async_trait;
use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::{Line, TenantId},
    id::{DeliveryId, EventId, InboxId, KeyId, ReplayId, SubscriptionId},
    subscription::Subscription,
};
use posthaste_store::{
    EventTypeEntry, Horizon, Page, Store, StoreError,
    again::{Again, SentAgain},
    audit::{AuditEntry, AuditQuery},
    change::Change,
    dead_letter::DeadLetters,
    inbox::{Arrival, Inbox, InboxRequest},
    keeping::{Expired, Held, Hold, KeyHash, Pruned, PrunedKeys},
    ledger::Ledger,
    pass::{Pass, PortalLink, TokenDigest},
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{
        Acceptance, Accepted, Attempt, Backlog, Counts, Delivery, EventSummary, History,
        NotAccepted, SettleBatch, Spoilt, StoredEvent, Waiting,
    },
    replay::Replay,
    rollup::{Level, Minute, Rollup, Tally},
    settings::{ApiKey, Identity, Tenant},
};
use tokio::task::spawn_blocking;

use crate::{
    checkpoint, footprint,
    reader::{self, Reader},
    spoilt::Spoils,
    writer::{self, Writer},
};

/// A store in one SQLite file.
///
/// Dropped, it leaves its file as a crash would: nothing is lost, and the next start has a little
/// more to read than after [`SqliteStore::shutdown`].
pub struct SqliteStore {
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) writer: Writer,
    pub(crate) reader: Arc<Reader>,
    pub(crate) spoils: Arc<Spoils>,
    pub(crate) checkpoint_thread: Mutex<Option<JoinHandle<()>>>,
    /// Closed last: the next process may come.
    pub(crate) _lock: File,
}

impl SqliteStore {
    /// Writes what memory still holds for the indexes, ends its threads and empties the WAL. Every
    /// verb that comes after it is refused as unavailable.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: nothing that was accepted or settled is lost by it.
    pub async fn shutdown(&self) -> Result<(), StoreError> {
        self.writer.call(0, Vec::new(), writer::feed_all).await?;
        let mark = |group: &mut writer::Group<'_>| writer::write_mark(group);
        self.writer.call(0, Vec::new(), mark).await?;
        self.stop();
        let path = self.path.clone();
        let emptied = spawn_blocking(move || checkpoint::empty(&path)).await;
        let failed = |_| StoreError::Unavailable("a panic while closing".into());
        emptied.map_err(failed)?
    }

    /// As [`Self::shutdown`], when nobody else has the store.
    ///
    /// # Errors
    /// As there.
    pub async fn close(self) -> Result<(), StoreError> {
        self.shutdown().await
    }

    /// Ends the threads, without tidying up.
    fn stop(&self) {
        self.writer.stop();
        self.reader.close();
        let mut thread = self
            .checkpoint_thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpoint thread panicked");
        }
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.stop();
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn identity(&self) -> Identity {
        self.identity.clone()
    }

    async fn size_bytes(&self) -> Result<Option<u64>, StoreError> {
        let path = self.path.clone();
        let size = spawn_blocking(move || footprint::bytes(&path)).await;
        let size = size.unwrap_or_else(|panic| Err(panic.into()));
        let told = |error: std::io::Error| StoreError::Unavailable(error.to_string());
        size.map(Some).map_err(told)
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
        let items = requests.iter().flatten();
        let reserved: Vec<EventId> = items.map(|item| item.event.id).collect();
        let accept = move |group: &mut writer::Group<'_>| writer::accept(group, now, requests);
        self.writer.call(reserved.len(), reserved, accept).await
    }

    async fn settle(&self, batch: SettleBatch) -> Result<(), StoreError> {
        let rows = batch.settlements.len() + batch.health.len() + batch.alerts.len();
        self.write(rows, move |group| writer::settle(group, &batch))
            .await
    }

    async fn take_due(&self, now: Timestamp, at_most: usize) -> Result<Page<Waiting>, StoreError> {
        self.write(at_most, move |group| writer::take_due(group, now, at_most))
            .await
    }

    async fn take_shelved(
        &self,
        subscription: SubscriptionId,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        let take =
            move |group: &mut writer::Group<'_>| writer::take_shelved(group, subscription, at_most);
        self.write(at_most, take).await
    }

    async fn take_shelved_after(
        &self,
        subscription: SubscriptionId,
        after: Option<DeliveryId>,
        except: &[Line],
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        let except = except.iter().copied().collect();
        let take = move |group: &mut writer::Group<'_>| {
            writer::take_shelved_after(group, subscription, after, &except, at_most)
        };
        self.write(at_most, take).await
    }

    async fn take_line(
        &self,
        subscription: SubscriptionId,
        line: Line,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        let take = move |group: &mut writer::Group<'_>| {
            writer::take_line(group, subscription, line, at_most)
        };
        self.write(at_most, take).await
    }

    async fn shelved(&self) -> Result<Vec<SubscriptionId>, StoreError> {
        self.write(0, writer::shelved).await
    }

    async fn recover(
        &self,
        after: Option<EventId>,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError> {
        let query = move |moment: &reader::Moment<'_>| reader::recover(moment, after, at_most);
        self.reader.read(query).await
    }

    fn spoilt(&self) -> Vec<Spoilt> {
        self.spoils.take()
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
        let (rows, reserved) = (again.len(), again.reserved());
        let send = move |group: &mut writer::Group<'_>| writer::send_again(group, &again);
        self.writer.call(rows, reserved, send).await
    }

    async fn discard_failed(
        &self,
        tenant: &TenantId,
        deliveries: Vec<DeliveryId>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let tenant = tenant.clone();
        self.write(deliveries.len(), move |group| {
            writer::discard_failed(group, &tenant, &deliveries, now)
        })
        .await
    }

    async fn discard_parked(
        &self,
        subscription: SubscriptionId,
        why: Discard,
        now: Timestamp,
        at_most: usize,
    ) -> Result<usize, StoreError> {
        let discard = move |group: &mut writer::Group<'_>| {
            writer::discard_parked(group, subscription, why, now, at_most)
        };
        self.write(at_most, discard).await
    }

    async fn body_of_key(
        &self,
        tenant: &TenantId,
        key: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<[u8; 32]>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::body_of_key(moment.disk()?, &tenant, key, now)
        };
        self.reader.read(query).await
    }

    async fn prune(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        after: Option<EventId>,
        at_most: usize,
    ) -> Result<Pruned, StoreError> {
        // Before the moment: what is at or below it then is on disk in that moment.
        let settled = self.ledger.mark();
        let of = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::old(moment, &of, (before, settled), after, at_most)
        };
        let old = self.reader.read(query).await?;
        let mut pruned = Pruned {
            next: old.next,
            ..Pruned::default()
        };
        if !old.is_nothing() {
            let tenant = tenant.clone();
            let prune = move |group: &mut writer::Group<'_>| writer::prune(group, &tenant, &old);
            (pruned.events, pruned.deliveries) = self.write(at_most, prune).await?;
        }
        Ok(pruned)
    }

    async fn prune_keys(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<KeyHash>,
        at_most: usize,
    ) -> Result<PrunedKeys, StoreError> {
        let of = tenant.clone();
        let query =
            move |moment: &reader::Moment<'_>| reader::old_keys(moment, &of, now, after, at_most);
        let old = self.reader.read(query).await?;
        let (mut keys, next) = (0, old.next);
        if !old.keys.is_empty() {
            let (tenant, old) = (tenant.clone(), old.keys);
            let prune =
                move |group: &mut writer::Group<'_>| writer::prune_keys(group, &tenant, now, &old);
            keys = self.write(at_most, prune).await?;
        }
        Ok(PrunedKeys { keys, next })
    }

    async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.reader.read(reader::holds).await
    }

    async fn held(
        &self,
        subscription: SubscriptionId,
        until: Timestamp,
    ) -> Result<Option<Held>, StoreError> {
        let query = move |moment: &reader::Moment<'_>| reader::held(moment, subscription, until);
        self.reader.read(query).await
    }

    async fn tell_expiring(
        &self,
        hold: &Hold,
        alert: Option<Acceptance>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let reserved = alert.iter().map(|alert| alert.event.id).collect();
        let hold = hold.clone();
        let tell = move |group: &mut writer::Group<'_>| {
            writer::tell_expiring(group, &hold, alert.as_ref(), now)
        };
        self.writer.call(1, reserved, tell).await
    }

    async fn expire_held(
        &self,
        subscription: SubscriptionId,
        before: Timestamp,
        after: Option<DeliveryId>,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Expired, StoreError> {
        let expire = move |group: &mut writer::Group<'_>| {
            writer::expire_held(group, subscription, before, after, now, at_most)
        };
        self.write(at_most, expire).await
    }

    async fn event(
        &self,
        tenant: &TenantId,
        id: EventId,
    ) -> Result<Option<StoredEvent>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::event(moment, &tenant, id);
        self.reader.read(query).await
    }

    async fn events(
        &self,
        tenant: &TenantId,
        query: &EventQuery,
        stretch: Stretch,
    ) -> Result<Page<EventSummary>, StoreError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        let query =
            move |moment: &reader::Moment<'_>| reader::events(moment, &tenant, &query, stretch);
        self.reader.read(query).await
    }

    async fn events_between(
        &self,
        tenant: &TenantId,
        after: EventId,
        until: EventId,
        at_most: usize,
    ) -> Result<Page<StoredEvent>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::events_between(moment, &tenant, (after, until), at_most)
        };
        self.reader.read(query).await
    }

    async fn events_of(
        &self,
        tenant: &TenantId,
        ids: Vec<EventId>,
    ) -> Result<Page<StoredEvent>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::events_of(moment, &tenant, &ids);
        self.reader.read(query).await
    }

    async fn delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::delivery(moment, &tenant, id);
        self.reader.read(query).await
    }

    async fn deliveries(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
        stretch: Stretch,
    ) -> Result<Page<Delivery>, StoreError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        let query =
            move |moment: &reader::Moment<'_>| reader::deliveries(moment, &tenant, &query, stretch);
        self.reader.read(query).await
    }

    async fn dead_letters(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<DeadLetters, StoreError> {
        let tenant = tenant.clone();
        let query =
            move |moment: &reader::Moment<'_>| reader::dead_letters(moment, &tenant, stretch);
        self.reader.read(query).await
    }

    async fn attempts(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Vec<Attempt>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::attempts(moment, &tenant, id);
        self.reader.read(query).await
    }

    async fn histories(
        &self,
        tenant: &TenantId,
        after: DeliveryId,
        until: DeliveryId,
        at_most: usize,
    ) -> Result<Page<History>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::histories(moment, &tenant, (after, until), at_most)
        };
        self.reader.read(query).await
    }

    async fn deliveries_of(
        &self,
        tenant: &TenantId,
        events: Vec<EventId>,
    ) -> Result<Vec<Delivery>, StoreError> {
        let tenant = tenant.clone();
        let query =
            move |moment: &reader::Moment<'_>| reader::deliveries_of(moment, &tenant, &events);
        self.reader.read(query).await
    }

    async fn insert_replay(
        &self,
        replay: Replay,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError> {
        let insert = move |group: &mut writer::Group<'_>| {
            writer::insert_replay(group, replay, entry.as_ref())
        };
        self.write(1, insert).await
    }

    async fn replay(&self, tenant: &TenantId, id: ReplayId) -> Result<Option<Replay>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::replay(moment, &tenant, id);
        self.reader.read(query).await
    }

    async fn replays(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<Page<Replay>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::replays(moment, &tenant, stretch);
        self.reader.read(query).await
    }

    async fn running_replays(&self) -> Result<Vec<Replay>, StoreError> {
        self.reader.read(reader::running_replays).await
    }

    async fn stop_replay(
        &self,
        tenant: &TenantId,
        id: ReplayId,
        now: Timestamp,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError> {
        let tenant = tenant.clone();
        let stop = move |group: &mut writer::Group<'_>| {
            writer::stop_replay(group, &tenant, id, now, entry.as_ref())
        };
        self.write(1, stop).await
    }

    async fn counts(&self, tenant: &TenantId) -> Result<Counts, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::counts(moment, &tenant);
        self.reader.read(query).await
    }

    async fn backlog(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
    ) -> Result<Backlog, StoreError> {
        let tenant = tenant.clone();
        let query =
            move |moment: &reader::Moment<'_>| reader::backlog(moment, &tenant, subscription);
        self.reader.read(query).await
    }

    async fn rollups(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
        from: Minute,
        to: Minute,
        level: Level,
    ) -> Result<Vec<(Minute, Rollup)>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::rollups(moment, &tenant, subscription, from..to, level)
        };
        self.reader.read(query).await
    }

    async fn tallies(
        &self,
        tenant: &TenantId,
        subscriptions: Vec<SubscriptionId>,
        from: Minute,
        to: Minute,
        level: Level,
    ) -> Result<Vec<(SubscriptionId, Minute, Tally)>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::tallies(moment, &tenant, &subscriptions, from..to, level)
        };
        self.reader.read(query).await
    }

    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.reader.read(reader::tenants).await
    }

    async fn change(&self, change: Change, entry: Option<AuditEntry>) -> Result<(), StoreError> {
        let change =
            move |group: &mut writer::Group<'_>| writer::change(group, &change, entry.as_ref());
        self.write(1, change).await
    }

    async fn append_audit(&self, entry: AuditEntry) -> Result<(), StoreError> {
        let append = move |group: &mut writer::Group<'_>| writer::append(group, Some(&entry));
        self.write(1, append).await
    }

    async fn audit(
        &self,
        tenant: &TenantId,
        query: &AuditQuery,
        stretch: Stretch,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        let query =
            move |moment: &reader::Moment<'_>| reader::audit(moment, &tenant, &query, stretch);
        self.reader.read(query).await
    }

    async fn prune_audit(&self, before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        let prune =
            move |group: &mut writer::Group<'_>| writer::prune_audit(group, before, at_most);
        self.write(at_most, prune).await
    }

    async fn deleted_tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        self.reader.read(reader::deleted_tenants).await
    }

    async fn remove_tenant(&self, tenant: &TenantId, at_most: usize) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        let remove =
            move |group: &mut writer::Group<'_>| writer::remove_tenant(group, &tenant, at_most);
        self.write(at_most, remove).await
    }

    async fn event_types(&self) -> Result<Vec<EventTypeEntry>, StoreError> {
        self.reader.read(reader::event_types).await
    }

    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError> {
        self.reader.read(reader::subscriptions).await
    }

    async fn subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| reader::subscription(moment, &tenant, id);
        self.reader.read(query).await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.reader.read(reader::keys).await
    }

    async fn pass(&self, digest: TokenDigest, now: Timestamp) -> Result<Option<Pass>, StoreError> {
        let query = move |moment: &reader::Moment<'_>| reader::pass(moment, digest, now);
        self.reader.read(query).await
    }

    async fn take_pass(
        &self,
        digest: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Pass>, StoreError> {
        self.write(1, move |group| writer::take_pass(group, digest, now))
            .await
    }

    async fn portal_links(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        stretch: Stretch,
    ) -> Result<Page<PortalLink>, StoreError> {
        let tenant = tenant.clone();
        let query =
            move |moment: &reader::Moment<'_>| reader::portal_links(moment, &tenant, now, stretch);
        self.reader.read(query).await
    }

    async fn prune_passes(&self, now: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        self.write(at_most, move |group| {
            writer::prune_passes(group, now, at_most)
        })
        .await
    }

    async fn inboxes(&self) -> Result<Vec<Inbox>, StoreError> {
        self.reader.read(reader::inboxes).await
    }

    async fn keep_arrival(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        arrival: Arrival,
    ) -> Result<u64, StoreError> {
        let tenant = tenant.clone();
        let keep = move |group: &mut writer::Group<'_>| {
            writer::keep_arrival(group, &tenant, inbox, &arrival)
        };
        self.write(1, keep).await
    }

    async fn inbox_requests(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        stretch: Stretch,
    ) -> Result<Page<InboxRequest>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::inbox_requests(moment, &tenant, inbox, stretch)
        };
        self.reader.read(query).await
    }

    async fn inbox_requests_after(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        after: u64,
        at_most: usize,
    ) -> Result<Vec<InboxRequest>, StoreError> {
        let tenant = tenant.clone();
        let query = move |moment: &reader::Moment<'_>| {
            reader::inbox_requests_after(moment, &tenant, inbox, after, at_most)
        };
        self.reader.read(query).await
    }

    async fn prune_arrivals(&self, before: Timestamp, at_most: usize) -> Result<usize, StoreError> {
        let prune =
            move |group: &mut writer::Group<'_>| writer::prune_arrivals(group, before, at_most);
        self.write(at_most, prune).await
    }

    async fn touch_keys(&self, used: Vec<(KeyId, Timestamp)>) -> Result<(), StoreError> {
        self.write(used.len(), move |group| writer::touch_keys(group, &used))
            .await
    }
}

impl SqliteStore {
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        rows: usize,
        run: impl FnOnce(&mut writer::Group<'_>) -> crate::fault::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.call(rows, Vec::new(), run).await
    }
}
