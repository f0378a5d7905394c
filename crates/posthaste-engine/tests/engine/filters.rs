//! Filters at publish, and why an event went where it did: over the model store.

use posthaste::{
    event::{EventDetails, TenantId},
    id::SubscriptionId,
    json::{DEPTH_MAX, RawJson},
};
use posthaste_engine::{
    Engine, EngineConfig,
    operations::{MatchReason, NewEvent, NewSubscription, Published},
};
use posthaste_store::{MemoryStore, query::Stretch};

struct World {
    engine: Engine,
    tenant: TenantId,
}

impl World {
    async fn new() -> Self {
        let config = EngineConfig::default();
        let store = MemoryStore::new(config.clock.now());
        let engine = Engine::start(store, config).await.unwrap();
        let tenant = TenantId::default_tenant();
        Self { engine, tenant }
    }

    async fn subscribe(&self, events: &[&str], filter: Option<&str>) -> SubscriptionId {
        let new = NewSubscription {
            events: events.iter().map(|e| e.parse().unwrap()).collect(),
            filter: filter.map(|filter| filter.parse().unwrap()),
            ..NewSubscription::to("https://receiver.invalid/hook".parse().unwrap())
        };
        self.engine.subscribe(&self.tenant, new).await.unwrap().id
    }

    async fn publish(&self, data: String, only: Option<Vec<SubscriptionId>>) -> Published {
        let event = NewEvent {
            event_type: "a.b".parse().unwrap(),
            data: RawJson::parse(data, DEPTH_MAX).unwrap(),
            details: EventDetails::default(),
            subscriptions: only,
            idempotency: None,
        };
        let published = self.engine.publish(&self.tenant, vec![event]).await;
        published.unwrap().remove(0)
    }
}

#[tokio::test(start_paused = true)]
async fn a_narrowed_event_still_has_to_pass_filters() {
    let world = World::new().await;
    let one = world.subscribe(&[], Some(r#"{"data":{"n":1}}"#)).await;
    let two = world.subscribe(&["a.b"], Some(r#"{"data":{"n":2}}"#)).await;
    let all = world.subscribe(&["a.*"], None).await;
    let deliveries = async |n: u8, only| {
        let published = world.publish(format!("{{\"n\":{n}}}"), only).await;
        published.deliveries
    };
    assert_eq!(deliveries(1, None).await, 2);
    assert_eq!(deliveries(2, None).await, 2);
    assert_eq!(deliveries(3, None).await, 1);
    assert_eq!(deliveries(1, Some(vec![one, two])).await, 1);
    assert_eq!(deliveries(3, Some(vec![one, two])).await, 0);
    assert_eq!(deliveries(3, Some(vec![all])).await, 1);
}

#[tokio::test(start_paused = true)]
async fn many_filters_and_a_large_event_are_judged_in_turns_and_in_full() {
    let world = World::new().await;
    let mut even = Vec::new();
    for n in 0..40 {
        let filter = format!(r#"{{"data":{{"even":{}}}}}"#, n % 2 == 0);
        let id = world.subscribe(&[], Some(&filter)).await;
        even.extend((n % 2 == 0).then_some(id));
    }
    let data = format!(r#"{{"filling":"{}","even":true}}"#, "x".repeat(200_000));
    let published = world.publish(data, None).await;
    assert_eq!(published.deliveries, 20);
    let first = Stretch {
        before: None,
        limit: 1000,
    };
    let matches = world.engine.matches(&world.tenant, published.id, first);
    let matches = matches.await.unwrap();
    assert_eq!((matches.items.len(), matches.next), (40, None));
    for found in matches.items {
        let is_even = even.contains(&found.subscription);
        let reason = [MatchReason::Filter, MatchReason::Matches][usize::from(is_even)];
        assert_eq!(found.reason, reason);
        let slot = even.iter().position(|id| *id == found.subscription);
        let delivery = slot.map(|slot| published.id.delivery(u32::try_from(slot).unwrap()));
        assert_eq!(found.delivery, delivery);
        assert_eq!(found.clauses.len(), 1);
    }
}
