//! A deleted subscription: what it was owed is discarded from that moment on, and stays readable.

use posthaste::delivery::{DeliveryState, DeliveryStatus, Discard};

use super::{
    World,
    fixtures::{delivered, discarded, failed, ids, owed, parked, retrying},
};
use crate::{query::DeliveryQuery, record::Parking, store::StoreError};

const DELETED: DeliveryState = DeliveryState::Discarded {
    why: Discard::Deleted,
};

pub async fn a_deleted_subscription_leaves_a_tombstone_and_what_waits_shows_as_discarded(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 5]).await);
    let now = world.now;
    world
        .settle([
            retrying(&owed[0], now, world.after(60)),
            parked(&owed[1], now, Parking::Shelved),
            delivered(&owed[2], now),
            failed(&owed[3], now),
        ])
        .await;
    world.delete(to).await;
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        for waiting in [&owed[0], &owed[1], &owed[4]] {
            let delivery = world.delivery(waiting.id).await;
            assert_eq!(delivery.state, DELETED);
            assert_eq!(delivery.last_error.as_deref(), Some("deleted"));
        }
        assert_eq!(world.status(owed[2].id).await, DeliveryStatus::Delivered);
        assert_eq!(world.status(owed[3].id).await, DeliveryStatus::Failed);
        let counts = world.counts().await;
        let seen = (counts.discarded, counts.delivered, counts.failed);
        assert_eq!(seen, (3, 1, 1));
        assert_eq!(counts.pending + counts.retrying + counts.held, 0);
        let of_it = DeliveryQuery {
            subscription: Some(to),
            status: Some(DeliveryStatus::Discarded),
            error: Some(String::from("deleted")),
            ..DeliveryQuery::default()
        };
        assert_eq!(world.listed(of_it).await.len(), 3);
    }
}

pub async fn a_paused_subscription_that_is_deleted_holds_nothing(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    world.pause(to).await;
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Held);
    world.delete(to).await;
    assert_eq!(world.delivery(waiting.id).await.state, DELETED);
}

pub async fn what_a_deleted_subscription_was_owed_is_still_handed_out_to_be_discarded(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 3]).await);
    let now = world.now;
    world
        .settle([
            parked(&owed[0], now, Parking::Shelved),
            retrying(&owed[1], now, now),
        ])
        .await;
    world.delete(to).await;
    world.crash().await;
    assert_eq!(world.store().shelved().await, Ok(vec![to]));
    let why = Discard::Deleted;
    let parked = world.store().discard_parked(to, why, now, 10).await;
    assert_eq!(parked, Ok(2));
    assert_eq!(world.store().shelved().await, Ok(Vec::new()));
    let implied = world.recover(10).await;
    assert_eq!(ids(&implied), [owed[2].id]);
    world.settle([discarded(&implied[0], now, why)]).await;
    world.crash().await;
    assert!(world.recover(10).await.is_empty());
    assert!(world.take_due().await.is_empty());
    assert_eq!(world.counts().await.discarded, 3);
}

pub async fn an_attempt_under_way_at_deletion_still_counts(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    world.delete(to).await;
    world.settle([delivered(&waiting, world.now)]).await;
    let delivery = world.delivery(waiting.id).await;
    assert_eq!(delivery.state.status(), DeliveryStatus::Delivered);
    assert_eq!(delivery.last_error, None);
}

pub async fn a_deleted_subscription_is_gone_from_configuration(world: &mut World) {
    let mut subscription = world.fresh_subscription();
    subscription.external_id = Some(String::from("mine"));
    let (id, store) = (subscription.id, world.store());
    store
        .insert_subscription(subscription.clone())
        .await
        .unwrap();
    world.delete(id).await;
    let tenant = &world.tenant;
    let found = store.subscription(tenant, id).await.unwrap();
    assert!(found.is_none());
    assert!(store.subscriptions().await.unwrap().is_empty());
    let again = store.delete_subscription(tenant, id, world.now).await;
    assert_eq!(again, Err(StoreError::Missing));
    subscription.revision += 1;
    let updated = store.update_subscription(subscription.clone(), false);
    assert_eq!(updated.await, Err(StoreError::Missing));
    let mut next = world.fresh_subscription();
    next.external_id = subscription.external_id;
    let inserted = store.insert_subscription(next).await;
    assert_eq!(inserted, Ok(()), "its name is free again");
}
