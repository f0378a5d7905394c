//! The trait. Every call is a batch, every promise a conformance case.

use async_trait::async_trait;
use posthaste::{
    clock::Timestamp,
    delivery::Discard,
    event::{EventType, Line, Origin, TenantId},
    id::{DeliveryId, EventId, InboxId, KeyId, PortalLinkId, ReplayId, SubscriptionId},
    subscription::Subscription,
};

use crate::{
    again::{Again, SentAgain},
    audit::{AuditEntry, AuditQuery},
    change::Change,
    dead_letter::DeadLetters,
    event_type::EventTypeEntry,
    inbox::{Arrival, Inbox, InboxRequest},
    keeping::{Expired, Held, Hold, KeyHash, Pruned, PrunedKeys},
    pass::{Pass, PortalLink, TokenDigest},
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{
        Acceptance, Accepted, Attempt, Backlog, Counts, Delivery, EventSummary, History,
        NotAccepted, Reopened, SettleBatch, Spoilt, StoredEvent, Waiting,
    },
    replay::Replay,
    rollup::{Level, Minute, Rollup, Tally},
    settings::{ApiKey, Identity, Tenant},
};

/// A stretch of a list, and where the next one begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// For [`Stretch::before`] (or `after`, where a list runs forwards); none at the end.
    pub next: Option<u64>,
}

/// How far what is accepted can be read without a hole: ids are handed out before they are
/// committed, so that a lower one may still come after a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// Every event at or below it that will ever be accepted can be read now, also after a crash.
    pub complete: EventId,
    /// No accepted event is above it.
    pub newest: EventId,
}

/// Why a store refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot write or read now; nothing of the call was kept. May pass.
    #[error("storage unavailable: {0}")]
    Unavailable(String),
    /// What it read back is not what was written. Does not pass.
    #[error("storage corrupt: {0}")]
    Corrupt(String),
    /// The object changed since it was read.
    #[error("changed meanwhile")]
    Stale,
    /// The name is taken, by the object with this id.
    #[error("already exists: {0}")]
    Exists(String),
    #[error("no such object")]
    Missing,
}

/// What keeps events, deliveries and configuration.
///
/// Every verb is atomic: it happens as a whole, durably, before it returns, or not at all. Verbs
/// made for someone take a tenant; the engine's own (accept, settle, take, recover) span tenants,
/// and each item carries its own. A query that forgets whose it is does not compile:
///
/// ```compile_fail,E0061
/// # use posthaste_store::{Store, StoreError, query::{DeliveryQuery, Stretch}};
/// # async fn all(store: &dyn Store, query: &DeliveryQuery, stretch: Stretch) -> Result<(), StoreError> {
/// store.deliveries(query, stretch).await?;
/// # Ok(())
/// # }
/// ```
///
/// with the tenant it does:
///
/// ```
/// # use posthaste::event::TenantId;
/// # use posthaste_store::{Store, StoreError, query::{DeliveryQuery, Stretch}};
/// # async fn all(
/// #     store: &dyn Store, tenant: &TenantId, query: &DeliveryQuery, stretch: Stretch,
/// # ) -> Result<(), StoreError> {
/// store.deliveries(tenant, query, stretch).await?;
/// # Ok(())
/// # }
/// ```
///
/// nor does one that takes an id for the tenant:
///
/// ```compile_fail,E0308
/// # use posthaste::id::DeliveryId;
/// # use posthaste_store::{Store, StoreError};
/// # async fn one(store: &dyn Store, id: DeliveryId) -> Result<(), StoreError> {
/// store.delivery(&id, id).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Deliveries and their rows
/// Accepting an event makes its deliveries, whether or not the store writes a row for each: one
/// without a row is *implied*, is `pending`, and shows wherever a row would. A delivery of a paused
/// subscription that waits shows as `held`; one of a deleted subscription that waits shows as
/// `discarded` with `deleted`; both from the very moment of the change. That is how they show and
/// no more: the engine's verbs hand them out as if nothing had changed, for the engine to shelve
/// or discard.
///
/// The id of a delivery that was made after its event ([`DeliveryId::late`]) is not among those
/// that its event implies; its first settlement makes it.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    fn identity(&self) -> Identity;

    /// What is stored takes so much room on disk, about; none where nothing is on a disk.
    async fn size_bytes(&self) -> Result<Option<u64>, StoreError>;

    /// Ids for events with so many deliveries each, in order, above all ids handed out or stored
    /// before. Each counts as unsettled from now on, until it is accepted and settled, or released.
    fn reserve(&self, now: Timestamp, deliveries: &[u32]) -> Vec<EventId>;

    /// Gives back reserved ids that will not be accepted.
    fn release(&self, ids: &[EventId]);

    /// Accepts requests, each all or nothing; one that is refused leaves no trace and does not
    /// touch the others. Resolves idempotency keys, also among the requests of one call, in order;
    /// a key whose `expires_at` is `now` or earlier is as good as none. What is no tenant's that
    /// there is (or that is deleted) is refused. The ids of what was refused
    /// or replayed are released. Durable when it returns. On an error nothing was accepted, and all
    /// ids are released.
    async fn accept(
        &self,
        now: Timestamp,
        requests: Vec<Vec<Acceptance>>,
    ) -> Result<Vec<Result<Vec<Accepted>, NotAccepted>>, StoreError>;

    /// Attempts, consequences, health and alerts of many deliveries, in one transaction.
    ///
    /// A settlement is what its delivery is from then on; of two for one delivery the later one.
    /// Without an attempt, what the last one left (status code, error, time) stays; a discarded
    /// one's error is why. A settled delivery that waits may be taken again, unless it is
    /// [`Parking::Taken`](crate::record::Parking).
    ///
    /// Its alerts are events like any other, accepted by it; on an error their ids stay reserved,
    /// for the repetition of the call.
    ///
    /// A call that is repeated because its answer was lost counts nothing twice: neither an attempt
    /// whose number is stored, nor an end that the delivery is at.
    ///
    /// Ignored: a settlement whose event is not stored or is another tenant's, a change of health
    /// of a subscription that is deleted or another tenant's, and all that is of a tenant that is
    /// deleted; the ids of its alerts are released.
    async fn settle(&self, batch: SettleBatch) -> Result<(), StoreError>;

    /// Deliveries parked as due by `now`, oldest due time first, of one due time by id; none is
    /// handed out again until it is settled, or until the store is opened anew. `next` is the
    /// earliest due time, in Unix milliseconds, of a parked delivery that is in nobody's hands.
    ///
    /// This and the other `take_*` hand out a batch whole: with one delivery of it come, one after
    /// another in the order of their ids, all of it that wait and are in nobody's hands, wherever
    /// they are parked, also above `at_most`.
    async fn take_due(&self, now: Timestamp, at_most: usize) -> Result<Page<Waiting>, StoreError>;

    /// Shelved deliveries of a subscription, in the order of their ids; otherwise as
    /// [`Self::take_due`]. `next` is some number if more are left.
    async fn take_shelved(
        &self,
        subscription: SubscriptionId,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError>;

    /// As [`Self::take_shelved`], of those above `after` that stand in none of these lines. `next`
    /// is the `after` of the next page; a page may hold fewer than `at_most`, or none, and still
    /// have one. A delivery that was shelved without a line counts as in none.
    async fn take_shelved_after(
        &self,
        subscription: SubscriptionId,
        after: Option<DeliveryId>,
        except: &[Line],
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError>;

    /// As [`Self::take_shelved`], of those that stand in this line.
    async fn take_line(
        &self,
        subscription: SubscriptionId,
        line: Line,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError>;

    /// Subscriptions, deleted ones included, that have shelved deliveries to take. One whose
    /// shelved deliveries are all in the engine's hands may be among them.
    async fn shelved(&self) -> Result<Vec<SubscriptionId>, StoreError>;

    /// Implied deliveries of events that were accepted before this store was opened, in the order
    /// of their ids, for events with ids above `after`. `next` is the `after` of the next page; a
    /// page ends with the event that brings it to `at_most`, whole. It takes nothing: what is not
    /// settled is recovered again.
    async fn recover(
        &self,
        after: Option<EventId>,
        at_most: usize,
    ) -> Result<Page<Waiting>, StoreError>;

    /// Deliveries that a `take_*` or `recover` could not hand out, because what is stored of them is
    /// not what was written; each is told once, and is in the caller's hands, to be settled.
    fn spoilt(&self) -> Vec<Spoilt> {
        Vec::new()
    }

    /// No event at or below it is owed a row; recovery begins above it. Ids that are reserved are
    /// above it, also ids that are reserved after a crash, by a clock that is behind.
    fn settled_mark(&self) -> EventId;

    /// Where a reader that follows [`Self::events_between`] may stop and later go on.
    fn horizon(&self) -> Horizon;

    /// Deliveries that are accepted and have no row. Memory grows with them, so whoever accepts
    /// keeps them within bounds.
    fn unparked(&self) -> u64;

    /// Sends deliveries again, all in one transaction.
    ///
    /// One that exists and has ended is opened: `pending`, fresh budget, due at once (or, where it
    /// stood in a line last, on the shelf: back in its place), for this reason; attempt numbers, the
    /// last error and `delivered_at` stay; the batch it left in does not. One that is `retrying` is
    /// left as it is by a replay; for another reason it becomes due at once and keeps budget, origin
    /// and batch; in the engine's hands it stays there, and it is for the engine to hurry it. One
    /// that shows as `pending` or `held` is left as it is. One of a deleted subscription is missing,
    /// and so is one whose event is not stored.
    ///
    /// One that is to be made is settled as it says, unless its event has a delivery to its
    /// subscription. Its place was reserved and is released by this call, also on an error; not
    /// before its row is durable, or is not to be.
    ///
    /// Its entry is kept in the same transaction, unless all that was asked for is missing.
    ///
    /// What a step of a replay opens or makes carries the replay's id, until it is opened again for
    /// another reason; the step is counted and the replay's cursor moves, all in the same
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Stale`] where the replay is not running, or not where the step began.
    async fn send_again(&self, again: Again) -> Result<SentAgain, StoreError>;

    /// [`Self::send_again`] of deliveries that exist.
    async fn reopen(
        &self,
        tenant: &TenantId,
        deliveries: Vec<DeliveryId>,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Vec<Reopened>, StoreError> {
        let again = Again::reopening(tenant.clone(), deliveries, origin, now);
        Ok(self.send_again(again).await?.reopened)
    }

    /// Makes those that are dead letters of the tenant `discarded`, by a person; says how many.
    async fn discard_failed(
        &self,
        tenant: &TenantId,
        deliveries: Vec<DeliveryId>,
        now: Timestamp,
    ) -> Result<usize, StoreError>;

    /// Makes up to `at_most` parked deliveries of a subscription `discarded`, due or shelved; says
    /// how many: none with `disabled` where it is not. Those in the engine's hands and implied ones
    /// are the engine's to discard.
    async fn discard_parked(
        &self,
        subscription: SubscriptionId,
        why: Discard,
        now: Timestamp,
        at_most: usize,
    ) -> Result<usize, StoreError>;

    /// The SHA-256 of what was published under an idempotency key (itself a SHA-256), as long as it
    /// is remembered.
    async fn body_of_key(
        &self,
        tenant: &TenantId,
        key: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<[u8; 32]>, StoreError>;

    /// Lets go of a tenant's old events, oldest first, each whole with its deliveries and their
    /// attempts: those above `after`, accepted before `before`, of whose deliveries none waits and
    /// none ended at `before` or later. What they leave is as if they had never been, except that
    /// ids stay above theirs, and that an idempotency key answers as before for as long as it is
    /// remembered. With the last of them go the tombstones of subscriptions that were deleted
    /// before `before` and have no delivery left.
    ///
    /// A call ends with the event that brings what it looked at, deliveries included, to `at_most`
    /// or so. It may look at nothing and lead on to the same place, where the store has to tidy up
    /// first.
    async fn prune(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        after: Option<EventId>,
        at_most: usize,
    ) -> Result<Pruned, StoreError>;

    /// Of a tenant's next `at_most` idempotency keys above `after`, lets go of those whose
    /// `expires_at` is `now` or earlier.
    async fn prune_keys(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        after: Option<KeyHash>,
        at_most: usize,
    ) -> Result<PrunedKeys, StoreError>;

    /// All tenants' paused subscriptions, in the order of their ids. A pause begins with the change
    /// that made it (its `updated_at`, or the `at` of its [`HealthChange`](crate::record::HealthChange))
    /// and lasts over changes that leave the subscription paused.
    async fn holds(&self) -> Result<Vec<Hold>, StoreError>;

    /// What a paused subscription holds, if one of its parked deliveries has been held since
    /// `until` or longer: since it was made, since it was last opened again and since the pause
    /// began, whichever is latest.
    async fn held(
        &self,
        subscription: SubscriptionId,
        until: Timestamp,
    ) -> Result<Option<Held>, StoreError>;

    /// Notes that a pause was told of, and accepts the event that tells it, where one wants it. Says
    /// whether it did: not where it is over or was told of before; then the event's id is released,
    /// as it is on an error.
    async fn tell_expiring(
        &self,
        hold: &Hold,
        alert: Option<Acceptance>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Of a paused subscription's next `at_most` parked deliveries above `after`, makes those
    /// `discarded` with `expired` that have been held since `before` or longer, as [`Self::held`]
    /// counts it: none where it is not paused. Those in the engine's hands are left.
    async fn expire_held(
        &self,
        subscription: SubscriptionId,
        before: Timestamp,
        after: Option<DeliveryId>,
        now: Timestamp,
        at_most: usize,
    ) -> Result<Expired, StoreError>;

    async fn event(
        &self,
        tenant: &TenantId,
        id: EventId,
    ) -> Result<Option<StoredEvent>, StoreError>;

    /// Newest first.
    async fn events(
        &self,
        tenant: &TenantId,
        query: &EventQuery,
        stretch: Stretch,
    ) -> Result<Page<EventSummary>, StoreError>;

    /// Events above one id and below another, oldest first, with what they owed. `next` is the
    /// `after` of the next page, which may hold fewer than `at_most`, or none: a page has a few
    /// megabytes at most.
    async fn events_between(
        &self,
        tenant: &TenantId,
        after: EventId,
        until: EventId,
        at_most: usize,
    ) -> Result<Page<StoredEvent>, StoreError>;

    /// Some events as they are stored, in the order asked for, without those that are not there. A
    /// page has a few megabytes at most, and one event more; `next` is the place in `ids` of the
    /// first that it did not look at.
    async fn events_of(
        &self,
        tenant: &TenantId,
        ids: Vec<EventId>,
    ) -> Result<Page<StoredEvent>, StoreError>;

    async fn delivery(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError>;

    /// Newest first, by delivery id.
    async fn deliveries(
        &self,
        tenant: &TenantId,
        query: &DeliveryQuery,
        stretch: Stretch,
    ) -> Result<Page<Delivery>, StoreError>;

    /// The dead letters of a stretch of the list, by subscription and reason. Its limit may be
    /// above 1,000.
    async fn dead_letters(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<DeadLetters, StoreError>;

    /// A delivery's attempts, oldest first; empty where there is no such delivery.
    async fn attempts(&self, tenant: &TenantId, id: DeliveryId)
    -> Result<Vec<Attempt>, StoreError>;

    /// Deliveries that were attempted, their ids above one and below another, oldest first. `next`
    /// is the `after` of the next page, which may hold fewer than `at_most`, or none: a page has
    /// about a megabyte at most, and one delivery more.
    async fn histories(
        &self,
        tenant: &TenantId,
        after: DeliveryId,
        until: DeliveryId,
        at_most: usize,
    ) -> Result<Page<History>, StoreError>;

    /// All deliveries of some events, by id.
    async fn deliveries_of(
        &self,
        tenant: &TenantId,
        events: Vec<EventId>,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Keeps a replay, with the entry that tells of it; where the tenant asked for one under the same
    /// key before, that one is answered and nothing is kept.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is no such tenant.
    async fn insert_replay(
        &self,
        replay: Replay,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError>;

    async fn replay(&self, tenant: &TenantId, id: ReplayId) -> Result<Option<Replay>, StoreError>;

    /// Newest first.
    async fn replays(
        &self,
        tenant: &TenantId,
        stretch: Stretch,
    ) -> Result<Page<Replay>, StoreError>;

    /// Those that are running, of all tenants, by id.
    async fn running_replays(&self) -> Result<Vec<Replay>, StoreError>;

    /// Stops one that is running, and keeps the entry that tells of it; one that has ended stays as it
    /// is, and no entry is kept.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    async fn stop_replay(
        &self,
        tenant: &TenantId,
        id: ReplayId,
        now: Timestamp,
        entry: Option<AuditEntry>,
    ) -> Result<Replay, StoreError>;

    /// Deliveries by status, exactly; reads them all.
    async fn counts(&self, tenant: &TenantId) -> Result<Counts, StoreError>;

    /// What waits of a tenant's deliveries, or of one subscription's, and what has failed: what
    /// [`Self::counts`] says of them, and read without them, so that anyone may ask often.
    async fn backlog(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
    ) -> Result<Backlog, StoreError>;

    /// What became of a tenant's deliveries, or of one subscription's, in each minute or hour from
    /// `from` on and before `to` in which anything did, in order: exactly what was settled and
    /// discarded up to this moment. An hour is asked for by the minutes that it begins and ends with.
    /// They outlive their deliveries, by 90 days at least.
    async fn rollups(
        &self,
        tenant: &TenantId,
        subscription: Option<SubscriptionId>,
        from: Minute,
        to: Minute,
        level: Level,
    ) -> Result<Vec<(Minute, Rollup)>, StoreError>;

    /// What [`Self::rollups`] says of each of these subscriptions, in short: by the ids as they are
    /// given, and of each in the order of time.
    async fn tallies(
        &self,
        tenant: &TenantId,
        subscriptions: Vec<SubscriptionId>,
        from: Minute,
        to: Minute,
        level: Level,
    ) -> Result<Vec<(SubscriptionId, Minute, Tally)>, StoreError>;

    /// Makes one change of the configuration, and keeps the entry that tells of it, in one
    /// transaction: both or neither.
    ///
    /// # Errors
    /// Those of the verb that makes this change; where that says whether there was something,
    /// [`StoreError::Missing`] where there was not.
    async fn change(&self, change: Change, entry: Option<AuditEntry>) -> Result<(), StoreError>;

    /// Keeps an entry by itself: of what is about to be shown, or to be done in many transactions.
    async fn append_audit(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// A tenant's log, newest first.
    async fn audit(
        &self,
        tenant: &TenantId,
        query: &AuditQuery,
        stretch: Stretch,
    ) -> Result<Page<AuditEntry>, StoreError>;

    /// Lets go of up to `at_most` entries of before, of all logs, the oldest first; says how many.
    async fn prune_audit(&self, before: Timestamp, at_most: usize) -> Result<usize, StoreError>;

    /// Those that are not deleted.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// # Errors
    /// [`StoreError::Exists`] where the id is taken.
    async fn insert_tenant(&self, tenant: Tenant) -> Result<(), StoreError> {
        self.change(Change::InsertTenant(tenant), None).await
    }

    /// Replaces all but its id and age.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    async fn update_tenant(&self, tenant: Tenant) -> Result<(), StoreError> {
        self.change(Change::UpdateTenant(tenant), None).await
    }

    /// Deletes a tenant: from now on nothing of it shows to those who look, and nothing is kept that
    /// comes for it. What it has stays behind for [`Self::remove_tenant`]; until that is over its id
    /// is taken, and the engine's verbs may still hand out what it was owed.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    async fn delete_tenant(&self, tenant: &TenantId, now: Timestamp) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        self.change(Change::DeleteTenant { tenant, now }, None)
            .await
    }

    /// Those that are deleted and not removed yet, in no order.
    async fn deleted_tenants(&self) -> Result<Vec<TenantId>, StoreError>;

    /// Lets go of about `at_most` rows of a deleted tenant, whatever their state; says whether some
    /// may be left. With the last of them its id is free again, for a tenant that knows nothing of
    /// it. One that is not deleted keeps everything.
    async fn remove_tenant(&self, tenant: &TenantId, at_most: usize) -> Result<bool, StoreError>;

    /// All tenants' catalogues, in no order.
    async fn event_types(&self) -> Result<Vec<EventTypeEntry>, StoreError>;

    /// Makes it, with the revision 1; or replaces all but its age, where its revision is still
    /// `entry.revision - 1`.
    ///
    /// # Errors
    /// [`StoreError::Stale`] where the revision is another, or there is one where it was to be made,
    /// or none where it was to be replaced; `Missing` where there is no such tenant.
    async fn put_event_type(&self, entry: EventTypeEntry) -> Result<(), StoreError> {
        self.change(Change::PutEventType(entry), None).await
    }

    /// Says whether there was one.
    async fn delete_event_type(
        &self,
        tenant: &TenantId,
        name: &EventType,
    ) -> Result<bool, StoreError> {
        let (tenant, name) = (tenant.clone(), name.clone());
        let delete = Change::DeleteEventType { tenant, name };
        was_there(self.change(delete, None).await)
    }

    /// All tenants' subscriptions that are not deleted, in no order.
    async fn subscriptions(&self) -> Result<Vec<Subscription>, StoreError>;

    async fn subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
    ) -> Result<Option<Subscription>, StoreError>;

    /// # Errors
    /// [`StoreError::Exists`] with the other's id where the external id is taken in the tenant, or
    /// the id itself; `Missing` where there is no such tenant.
    async fn insert_subscription(&self, subscription: Subscription) -> Result<(), StoreError> {
        let insert = Change::InsertSubscription(Box::new(subscription));
        self.change(insert, None).await
    }

    /// Replaces all but its health, where its revision is still `subscription.revision - 1`.
    /// With `forgive`, its health is [`Health::resumed`](posthaste::delivery::Health::resumed).
    ///
    /// # Errors
    /// [`StoreError::Stale`] where the revision is another; `Exists` as above; `Missing`.
    async fn update_subscription(
        &self,
        subscription: Subscription,
        forgive: bool,
    ) -> Result<(), StoreError> {
        let subscription = Box::new(subscription);
        let update = Change::UpdateSubscription {
            subscription,
            forgive,
        };
        self.change(update, None).await
    }

    /// Leaves a tombstone: its deliveries stay readable, what waits shows as discarded.
    ///
    /// # Errors
    /// [`StoreError::Missing`].
    async fn delete_subscription(
        &self,
        tenant: &TenantId,
        id: SubscriptionId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        let delete = Change::DeleteSubscription { tenant, id, now };
        self.change(delete, None).await
    }

    /// All tenants' inboxes, in no order.
    async fn inboxes(&self) -> Result<Vec<Inbox>, StoreError>;

    /// # Errors
    /// [`StoreError::Exists`] where the id is taken; `Missing` where there is no such tenant.
    async fn insert_inbox(&self, inbox: Inbox) -> Result<(), StoreError> {
        let insert = Change::InsertInbox(Box::new(inbox));
        self.change(insert, None).await
    }

    /// Replaces all but what came to it, where its revision is still `inbox.revision - 1`.
    ///
    /// # Errors
    /// [`StoreError::Stale`] where the revision is another; `Missing`.
    async fn update_inbox(&self, inbox: Inbox) -> Result<(), StoreError> {
        let update = Change::UpdateInbox(Box::new(inbox));
        self.change(update, None).await
    }

    /// With all that came to it. Says whether there was one.
    async fn delete_inbox(&self, tenant: &TenantId, id: InboxId) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        was_there(self.change(Change::DeleteInbox { tenant, id }, None).await)
    }

    /// Keeps what came to an inbox under its next number, from 1, and lets go of its oldest where
    /// they are more than [`REQUESTS_KEPT`](crate::inbox::REQUESTS_KEPT) or, together, larger than
    /// [`BYTES_KEPT`](crate::inbox::BYTES_KEPT); the newest always stays. Answers the number, which
    /// is never given again.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where there is no such inbox.
    async fn keep_arrival(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        arrival: Arrival,
    ) -> Result<u64, StoreError>;

    /// What came to an inbox, newest first, by number.
    async fn inbox_requests(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        stretch: Stretch,
    ) -> Result<Page<InboxRequest>, StoreError>;

    /// What came to an inbox above a number, oldest first.
    async fn inbox_requests_after(
        &self,
        tenant: &TenantId,
        inbox: InboxId,
        after: u64,
        at_most: usize,
    ) -> Result<Vec<InboxRequest>, StoreError>;

    /// Lets go of up to `at_most` requests that came before, to any inbox; says how many.
    async fn prune_arrivals(&self, before: Timestamp, at_most: usize) -> Result<usize, StoreError>;

    /// All keys, the platform's and every tenant's.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// # Errors
    /// [`StoreError::Missing`] where it is of a tenant that is not there.
    async fn insert_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.change(Change::InsertKey(key), None).await
    }

    /// Says whether there was one: of that tenant, or of the platform.
    async fn delete_key(&self, tenant: Option<&TenantId>, id: KeyId) -> Result<bool, StoreError> {
        let tenant = tenant.cloned();
        was_there(self.change(Change::DeleteKey { tenant, id }, None).await)
    }

    /// Keeps a token that was given to someone, also where it is past its time.
    ///
    /// # Errors
    /// [`StoreError::Missing`] where it is of a tenant that is not there.
    async fn insert_pass(&self, pass: Pass) -> Result<(), StoreError> {
        self.change(Change::InsertPass(Box::new(pass)), None).await
    }

    /// What a token opens, by its digest; one whose `expires_at` is `now` or earlier opens nothing.
    async fn pass(&self, digest: TokenDigest, now: Timestamp) -> Result<Option<Pass>, StoreError>;

    /// As [`Self::pass`], and from then on it opens nothing: of many who ask for one, one gets it.
    async fn take_pass(
        &self,
        digest: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Pass>, StoreError>;

    /// Says whether there was one, past its time or not.
    async fn delete_pass(&self, digest: TokenDigest) -> Result<bool, StoreError> {
        was_there(self.change(Change::DeletePass(digest), None).await)
    }

    /// Links into a tenant's portal that are not past their time, newest first.
    async fn portal_links(
        &self,
        tenant: &TenantId,
        now: Timestamp,
        stretch: Stretch,
    ) -> Result<Page<PortalLink>, StoreError>;

    /// Says whether the tenant had one, past its time or not.
    async fn delete_portal_link(
        &self,
        tenant: &TenantId,
        id: PortalLinkId,
    ) -> Result<bool, StoreError> {
        let tenant = tenant.clone();
        was_there(
            self.change(Change::DeletePortalLink { tenant, id }, None)
                .await,
        )
    }

    /// Lets go of up to `at_most` passes whose time is past at `now`; says how many.
    async fn prune_passes(&self, now: Timestamp, at_most: usize) -> Result<usize, StoreError>;

    /// When keys were last used; a time before the one that is known changes nothing.
    async fn touch_keys(&self, used: Vec<(KeyId, Timestamp)>) -> Result<(), StoreError>;
}

/// Whether a deletion found something.
fn was_there(deleted: Result<(), StoreError>) -> Result<bool, StoreError> {
    match deleted {
        Ok(()) => Ok(true),
        Err(StoreError::Missing) => Ok(false),
        Err(error) => Err(error),
    }
}
