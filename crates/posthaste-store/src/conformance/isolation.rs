//! No tenant sees, counts or changes what is another's.

use posthaste::{event::Origin, subscription::SubscriptionStatus};

use super::{
    World,
    fixtures::{delivered, failed, owed},
};
use crate::{
    dead_letter::DeadLetters,
    query::{DeliveryQuery, EventQuery, Stretch},
    record::{Counts, Reopened},
    store::{Page, StoreError},
};

pub async fn another_tenants_id_is_missing(world: &mut World) {
    let to = world.subscribe().await;
    let stored = world.publish(&[to, to]).await;
    let owed = owed(&stored);
    world.settle([failed(&owed[0], world.now)]).await;
    let mut subscription = world
        .store()
        .subscription(&world.tenant, to)
        .await
        .unwrap()
        .expect("the subscription");
    world.become_tenant("acme").await;
    let (store, acme) = (world.store(), &world.tenant);
    let event = store.event(acme, stored.event.id).await.unwrap();
    assert!(event.is_none());
    for waiting in &owed {
        assert_eq!(store.delivery(acme, waiting.id).await, Ok(None));
        assert_eq!(store.attempts(acme, waiting.id).await, Ok(Vec::new()));
        let ids = vec![waiting.id];
        let opened = store.reopen(acme, ids, Origin::Redeliver, world.now);
        assert_eq!(opened.await, Ok(vec![Reopened::Missing]));
    }
    assert!(store.subscription(acme, to).await.unwrap().is_none());
    let deleted = store.delete_subscription(acme, to, world.now).await;
    assert_eq!(deleted, Err(StoreError::Missing));
    subscription.tenant = acme.clone();
    subscription.status = SubscriptionStatus::Disabled;
    subscription.revision += 1;
    let updated = store.update_subscription(subscription, false).await;
    assert_eq!(updated, Err(StoreError::Missing));
}

pub async fn lists_and_counts_hold_one_tenants_own(world: &mut World) {
    let to = world.subscribe().await;
    let mine = owed(&world.publish(&[to, to]).await);
    let failing = failed(&mine[1], world.now);
    world
        .settle([delivered(&mine[0], world.now), failing])
        .await;
    world.become_tenant("acme").await;
    let theirs = world.publish_one(world.subscribe().await).await;
    let (store, acme) = (world.store(), &world.tenant);
    let only = Counts {
        pending: 1,
        ..Counts::default()
    };
    assert_eq!(store.counts(acme).await, Ok(only));
    let list = world.list(&DeliveryQuery::default(), 1).await;
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].id, theirs.id);
    for narrowed in [
        DeliveryQuery {
            subscription: Some(to),
            ..DeliveryQuery::default()
        },
        DeliveryQuery {
            event: Some(mine[0].event.id),
            ..DeliveryQuery::default()
        },
    ] {
        assert!(world.list(&narrowed, 50).await.is_empty());
    }
    let stretch = Stretch {
        before: None,
        limit: 50,
    };
    let others = store.events_of(acme, vec![mine[0].event.id]).await;
    assert!(others.unwrap().items.is_empty());
    let dead = store.dead_letters(acme, stretch).await.unwrap();
    assert_eq!(dead, DeadLetters::default());
    let page = store.events(acme, &EventQuery::default(), stretch).await;
    let Page { items, .. } = page.unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].id, theirs.event.id);
}

pub async fn a_tenant_without_anything_has_empty_lists(world: &mut World) {
    world.publish_one(world.subscribe().await).await;
    world.become_tenant("acme").await;
    assert_eq!(world.counts().await, Counts::default());
    assert!(world.list(&DeliveryQuery::default(), 50).await.is_empty());
}
