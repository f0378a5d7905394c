//! Retention and expiry, pass by pass: time is an argument.

use std::{sync::Arc, time::Duration};

use posthaste::{
    clock::Timestamp,
    delivery::{DeliveryStatus, PauseReason},
    event::TenantId,
    id::{DeliveryId, SubscriptionId},
    subscription::{Subscription, SubscriptionStatus},
};
use posthaste_engine::{
    Retention,
    delivery::alert::Alerts,
    subscribers::Subscribers,
    upkeep::{
        expiry::{self, Step},
        retention,
    },
};
use posthaste_store::{
    MemoryStore, Store,
    conformance::fixtures,
    record::{Acceptance, Parking, SettleBatch, Settlement, StoredEvent, Waiting},
    settings::TenantLimits,
};

use super::world::{START, VirtualClock};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MOMENT: Duration = Duration::from_millis(1);

fn day(days: u32) -> Timestamp {
    START + DAY * days
}

struct Past {
    store: Arc<MemoryStore>,
    tenant: TenantId,
}

impl Past {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::new(START)),
            tenant: TenantId::default_tenant(),
        }
    }

    async fn subscribe(&self, id: u64, status: SubscriptionStatus, events: &str) -> SubscriptionId {
        let id = SubscriptionId::from_u64(id);
        let subscription = Subscription {
            status,
            events: vec![events.parse().expect("a pattern")],
            ..fixtures::subscription(id, self.tenant.clone(), START)
        };
        self.store.insert_subscription(subscription).await.unwrap();
        id
    }

    async fn limit(&self, limits: TenantLimits) {
        let mut tenant = self.store.tenants().await.unwrap().remove(0);
        tenant.limits = limits;
        self.store.update_tenant(tenant).await.unwrap();
    }

    async fn publish(
        &self,
        to: SubscriptionId,
        at: Timestamp,
        outcome: impl Fn(&Waiting) -> Settlement,
    ) -> DeliveryId {
        let id = self.store.reserve(at, &[1])[0];
        let event = Arc::new(fixtures::event(id, self.tenant.clone()));
        let subscriptions = Arc::new([to]);
        let acceptance = Acceptance {
            event: event.clone(),
            subscriptions: subscriptions.clone(),
            idempotency: None,
        };
        let accepted = self.store.accept(at, vec![vec![acceptance]]).await.unwrap();
        assert!(accepted[0].is_ok());
        let stored = StoredEvent {
            event,
            subscriptions,
        };
        let settlements = fixtures::owed(&stored).iter().map(outcome).collect();
        let batch = SettleBatch {
            settlements,
            ..SettleBatch::default()
        };
        self.store.settle(batch).await.unwrap();
        id.delivery(0)
    }

    async fn hold(&self, to: SubscriptionId, at: Timestamp) -> DeliveryId {
        let shelved = |waiting: &Waiting| fixtures::parked(waiting, at, Parking::Shelved);
        self.publish(to, at, shelved).await
    }

    async fn deliver(&self, to: SubscriptionId, at: Timestamp) -> DeliveryId {
        self.publish(to, at, |waiting| fixtures::delivered(waiting, at))
            .await
    }

    async fn status(&self, id: DeliveryId) -> Option<DeliveryStatus> {
        let found = self.store.delivery(&self.tenant, id).await.unwrap();
        found.map(|delivery| delivery.state.status())
    }

    /// Deliveries of alerts that a pass of expiry made, and deliveries that it discarded.
    async fn expire(&self, now: Timestamp) -> (usize, u64) {
        let (tenants, keys) = (self.store.tenants().await, self.store.keys().await);
        let subscriptions = self.store.subscriptions().await.unwrap();
        let subscribers =
            Subscribers::load(tenants.unwrap(), subscriptions, keys.unwrap(), Vec::new());
        let alerts = Alerts {
            store: self.store.clone(),
            subscribers: Arc::new(subscribers),
            clock: Arc::new(VirtualClock::new()),
        };
        let mut pass = expiry::Pass::begin(&*self.store).await.unwrap();
        let (mut told, mut expired) = (0, 0);
        let retention = Retention::default();
        while let Some(step) = pass.step(&alerts, retention, now).await.unwrap() {
            match step {
                Step::Looked => {}
                Step::Told(owed) => told += owed.len(),
                Step::Expired(deliveries) => expired += deliveries,
            }
        }
        (told, expired)
    }

    async fn prune(&self, now: Timestamp) -> retention::Gone {
        let mut pass = retention::Pass::begin(&*self.store).await.unwrap();
        let mut gone = retention::Gone::default();
        let retention = Retention::default();
        while let Some(more) = pass.step(&*self.store, retention, now).await.unwrap() {
            gone.events += more.events;
            gone.deliveries += more.deliveries;
            gone.keys += more.keys;
        }
        gone
    }
}

const PAUSED: SubscriptionStatus = SubscriptionStatus::Paused(PauseReason::Manual);

#[tokio::test(start_paused = true)]
async fn what_is_held_is_told_of_a_day_before_it_expires_and_once() {
    let past = Past::new();
    past.subscribe(1024, SubscriptionStatus::Active, "posthaste.*")
        .await;
    let to = past.subscribe(2048, PAUSED, "a.b").await;
    let first = past.hold(to, START).await;
    let second = past.hold(to, day(2)).await;
    let before = |time: Timestamp| Timestamp::from_millis(time.as_millis() - 1);
    assert_eq!(past.expire(before(day(89))).await, (0, 0));
    assert_eq!(past.expire(day(89)).await, (1, 0));
    assert_eq!(past.expire(before(day(90))).await, (0, 0));
    assert_eq!(past.status(first).await, Some(DeliveryStatus::Held));
    assert_eq!(past.expire(day(90)).await, (0, 1));
    assert_eq!(past.status(first).await, Some(DeliveryStatus::Discarded));
    assert_eq!(past.expire(before(day(92))).await, (0, 0));
    assert_eq!(past.status(second).await, Some(DeliveryStatus::Held));
    assert_eq!(past.expire(day(92)).await, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_down_tells_first_and_waits_a_day() {
    let past = Past::new();
    past.subscribe(1024, SubscriptionStatus::Active, "posthaste.*")
        .await;
    let to = past.subscribe(2048, PAUSED, "a.b").await;
    past.hold(to, START).await;
    let back = day(300);
    assert_eq!(past.expire(back).await, (1, 0));
    assert_eq!(past.expire(back + (DAY - MOMENT)).await, (0, 0));
    assert_eq!(past.expire(back + DAY).await, (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_tenants_own_limits_go_before_the_servers() {
    let past = Past::new();
    let (active, paused) = (SubscriptionStatus::Active, PAUSED);
    let to = past.subscribe(2048, paused, "a.b").await;
    let open = past.subscribe(4096, active, "a.b").await;
    past.hold(to, START).await;
    let old = past.deliver(open, START).await;
    let gone = past.prune(day(3)).await;
    assert_eq!(gone, retention::Gone::default());
    past.limit(TenantLimits {
        retention_days: Some(2),
        hold_days: Some(3),
        ..TenantLimits::default()
    })
    .await;
    assert_eq!(past.prune(day(2)).await, retention::Gone::default());
    let gone = past.prune(day(2) + MOMENT).await;
    assert_eq!((gone.events, gone.deliveries), (1, 1));
    assert_eq!(past.status(old).await, None);
    assert_eq!(past.expire(day(2)).await, (0, 0), "told, though to nobody");
    assert_eq!(past.expire(day(3)).await, (0, 1));
    let gone = past.prune(day(5) + MOMENT).await;
    assert_eq!(
        (gone.events, gone.deliveries),
        (1, 1),
        "what expired ages too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_resume_in_between_keeps_everything() {
    let past = Past::new();
    let to = past.subscribe(2048, PAUSED, "a.b").await;
    let held = past.hold(to, START).await;
    assert_eq!(past.expire(day(89)).await, (0, 0));
    for (status, at) in [(SubscriptionStatus::Active, day(89)), (PAUSED, day(90))] {
        let found = past.store.subscription(&past.tenant, to).await.unwrap();
        let mut subscription = found.expect("it is there");
        (subscription.status, subscription.updated_at) = (status, at);
        subscription.revision += 1;
        past.store
            .update_subscription(subscription, false)
            .await
            .unwrap();
    }
    assert_eq!(past.expire(day(170)).await, (0, 0));
    assert_eq!(past.status(held).await, Some(DeliveryStatus::Held));
    assert_eq!(past.expire(day(179)).await, (0, 0), "told anew");
    assert_eq!(past.expire(day(180)).await, (0, 1));
}
