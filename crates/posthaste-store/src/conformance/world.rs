//! A world with one store in it, and short names for what the cases do to it again and again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryStatus, PauseReason},
    event::{Line, TenantId},
    id::{DeliveryId, EventId, SubscriptionId},
    subscription::{Subscription, SubscriptionStatus},
};

use super::fixtures;
use crate::{
    query::{DeliveryQuery, Stretch},
    record::{
        Acceptance, Accepted, Counts, Delivery, NotAccepted, SettleBatch, Settlement, StoredEvent,
        Waiting,
    },
    store::{Page, Store},
};

/// When every world begins.
pub const START: Timestamp = Timestamp::from_millis(1_795_293_360_123);

/// A kind of store that can be made anew and can crash.
#[async_trait]
pub trait Harness: Send + Sync + 'static {
    /// An empty store.
    async fn start(now: Timestamp) -> Self
    where
        Self: Sized;

    /// The store as it is open now.
    fn store(&self) -> &Arc<dyn Store>;

    /// Ends the store as the death of its process would, with no word to it, and opens what that
    /// left. No call is under way.
    async fn crash(&mut self, now: Timestamp);
}

/// A store and the time.
pub struct World {
    harness: Box<dyn Harness>,
    pub now: Timestamp,
    pub tenant: TenantId,
}

impl World {
    pub async fn start<H: Harness>() -> Self {
        Self::over(H::start(START).await)
    }

    /// Over a store that is somebody's.
    pub fn over(harness: impl Harness) -> Self {
        Self {
            harness: Box::new(harness),
            now: START,
            tenant: TenantId::default_tenant(),
        }
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        self.harness.store()
    }

    pub async fn crash(&mut self) {
        self.harness.crash(self.now).await;
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.after(seconds);
    }

    pub fn after(&self, seconds: u64) -> Timestamp {
        self.now + Duration::from_secs(seconds)
    }

    /// A tenant of this name, the owner of what is made from now on.
    pub async fn become_tenant(&mut self, name: &str) {
        self.tenant = name.parse().expect("a tenant's id");
        let known = self.store().tenants().await.unwrap();
        if known.iter().all(|tenant| tenant.id != self.tenant) {
            let tenant = fixtures::tenant(name, self.now);
            self.store().insert_tenant(tenant).await.unwrap();
        }
    }

    pub fn fresh_id(&self) -> EventId {
        let id = self.store().reserve(self.now, &[0])[0];
        self.store().release(&[id]);
        id
    }

    pub fn fresh_subscription(&self) -> Subscription {
        let id = SubscriptionId::at(self.fresh_id().place());
        fixtures::subscription(id, self.tenant.clone(), self.now)
    }

    pub async fn subscribe(&self) -> SubscriptionId {
        let subscription = self.fresh_subscription();
        let id = subscription.id;
        self.store()
            .insert_subscription(subscription)
            .await
            .unwrap();
        id
    }

    pub async fn set_status(&self, id: SubscriptionId, status: SubscriptionStatus) {
        let found = self.store().subscription(&self.tenant, id).await.unwrap();
        let mut subscription = found.expect("a subscription");
        subscription.status = status;
        subscription.updated_at = self.now;
        subscription.revision += 1;
        self.store()
            .update_subscription(subscription, false)
            .await
            .unwrap();
    }

    pub async fn pause(&self, id: SubscriptionId) {
        self.set_status(id, SubscriptionStatus::Paused(PauseReason::Manual))
            .await;
    }

    pub async fn resume(&self, id: SubscriptionId) {
        self.set_status(id, SubscriptionStatus::Active).await;
    }

    pub async fn delete(&self, id: SubscriptionId) {
        let tenant = &self.tenant;
        self.store()
            .delete_subscription(tenant, id, self.now)
            .await
            .unwrap();
    }

    /// An event under a reserved id, not accepted yet.
    pub fn draft(&self, subscriptions: &[SubscriptionId]) -> Acceptance {
        let deliveries = u32::try_from(subscriptions.len()).unwrap();
        let id = self.store().reserve(self.now, &[deliveries])[0];
        Acceptance {
            event: Arc::new(fixtures::event(id, self.tenant.clone())),
            subscriptions: subscriptions.into(),
            idempotency: None,
        }
    }

    /// Accepts one request.
    pub async fn accept(&self, request: Vec<Acceptance>) -> Result<Vec<Accepted>, NotAccepted> {
        let mut answers = self.store().accept(self.now, vec![request]).await.unwrap();
        answers.remove(0)
    }

    pub async fn publish(&self, subscriptions: &[SubscriptionId]) -> StoredEvent {
        self.publish_draft(self.draft(subscriptions)).await
    }

    pub async fn publish_draft(&self, draft: Acceptance) -> StoredEvent {
        let stored = StoredEvent {
            event: draft.event.clone(),
            subscriptions: draft.subscriptions.clone(),
        };
        let accepted = self.accept(vec![draft]).await;
        assert_eq!(accepted, Ok(vec![Accepted::New]));
        stored
    }

    /// An event with one delivery.
    pub async fn publish_one(&self, to: SubscriptionId) -> Waiting {
        fixtures::owed(&self.publish(&[to]).await).remove(0)
    }

    pub async fn settle(&self, settlements: impl IntoIterator<Item = Settlement>) {
        let batch = SettleBatch {
            settlements: settlements.into_iter().collect(),
            health: Vec::new(),
            alerts: Vec::new(),
        };
        self.store().settle(batch).await.unwrap();
    }

    /// Takes everything that is due.
    pub async fn take_due(&self) -> Vec<Waiting> {
        self.store().take_due(self.now, 10_000).await.unwrap().items
    }

    /// Takes everything on a shelf.
    pub async fn take_shelved(&self, from: SubscriptionId) -> Vec<Waiting> {
        self.store().take_shelved(from, 10_000).await.unwrap().items
    }

    /// Takes a page of a shelf past some lines.
    pub async fn take_past(
        &self,
        from: SubscriptionId,
        after: Option<DeliveryId>,
        except: &[Line],
        at_most: usize,
    ) -> Page<Waiting> {
        let store = self.store();
        let page = store.take_shelved_after(from, after, except, at_most);
        page.await.unwrap()
    }

    /// All that is to be recovered, in pages of about `at_most`.
    pub async fn recover(&self, at_most: usize) -> Vec<Waiting> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.store().recover(after, at_most).await.unwrap();
            all.extend(page.items);
            match page.next {
                Some(next) => after = Some(EventId::from_u64(next)),
                None => return all,
            }
        }
    }

    /// Lets go of what is older, in calls that look at about `at_most`; how many events and
    /// deliveries went.
    pub async fn prune(&self, before: Timestamp, at_most: usize) -> (u64, u64) {
        let (mut events, mut deliveries, mut after) = (0, 0, None);
        loop {
            let store = self.store();
            let pruned = store.prune(&self.tenant, before, after, at_most).await;
            let pruned = pruned.unwrap();
            (events, deliveries) = (events + pruned.events, deliveries + pruned.deliveries);
            assert!(pruned.next.is_none() || pruned.next >= after, "it leads on");
            after = pruned.next;
            if after.is_none() {
                return (events, deliveries);
            }
        }
    }

    pub async fn delivery(&self, id: DeliveryId) -> Delivery {
        let found = self.store().delivery(&self.tenant, id).await.unwrap();
        found.expect("a delivery")
    }

    pub async fn status(&self, id: DeliveryId) -> DeliveryStatus {
        self.delivery(id).await.state.status()
    }

    /// A whole list, in pages of `limit`: its order and that its pages neither overlap nor end
    /// nowhere are checked on the way.
    pub async fn list(&self, query: &DeliveryQuery, limit: usize) -> Vec<Delivery> {
        let (mut all, mut before) = (Vec::<Delivery>::new(), None);
        loop {
            let stretch = Stretch { before, limit };
            let store = self.store();
            let page = store.deliveries(&self.tenant, query, stretch).await;
            let page = page.unwrap();
            assert!(page.items.len() <= limit, "at most the limit");
            all.extend(page.items);
            assert!(all.is_sorted_by(|a, b| a.id > b.id), "newest first, once");
            let Some(next) = page.next else { return all };
            assert!(before.is_none_or(|before| next < before), "it leads on");
            before = Some(next);
        }
    }

    /// The ids of a list, oldest first.
    pub async fn listed(&self, query: DeliveryQuery) -> Vec<DeliveryId> {
        let list = self.list(&query, 100).await;
        list.iter().rev().map(|delivery| delivery.id).collect()
    }

    /// Counted one by one; and what is kept of them agrees.
    pub async fn counts(&self) -> Counts {
        let counts = self.store().counts(&self.tenant).await.unwrap();
        check_backlog(&**self.store(), &self.tenant, counts).await;
        counts
    }
}

/// That a tenant's backlog is what its deliveries say.
pub async fn check_backlog(store: &dyn Store, tenant: &TenantId, counts: Counts) {
    let backlog = store.backlog(tenant, None).await.unwrap();
    let kept = [
        backlog.pending,
        backlog.retrying,
        backlog.held,
        backlog.failed,
    ];
    let counted = [counts.pending, counts.retrying, counts.held, counts.failed];
    assert_eq!(kept, counted, "{tenant}: kept, and counted one by one");
    assert_eq!(
        backlog.oldest.is_some(),
        counts.pending + counts.retrying > 0
    );
}
