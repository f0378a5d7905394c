//! Opening a delivery again: under its id, with its history.

use posthaste::{
    delivery::{DeliveryState, DeliveryStatus, Discard, Tries},
    event::Origin,
    id::DeliveryId,
};

use super::{
    World,
    fixtures::{delivered, discarded, failed, ids, owed, parked, retrying},
};
use crate::record::{Parking, Reopened, Waiting};

async fn reopen(world: &World, waiting: &[Waiting]) -> Vec<Reopened> {
    let store = world.store();
    let opened = store.reopen(&world.tenant, ids(waiting), Origin::Redeliver, world.now);
    opened.await.unwrap()
}

pub async fn what_has_ended_is_pending_again_with_a_fresh_budget(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 3]).await);
    let begun = world.now;
    world
        .settle([
            delivered(&owed[0], begun),
            failed(&owed[1], begun),
            discarded(&owed[2], begun, Discard::Discarded),
        ])
        .await;
    world.pass(10);
    assert_eq!(reopen(world, &owed).await, [Reopened::Redelivered; 3]);
    let delivery = world.delivery(owed[0].id).await;
    assert_eq!(delivery.state, DeliveryState::Pending);
    assert_eq!(delivery.tries, Tries { made: 1, spent: 0 });
    assert_eq!(delivery.origin, Origin::Redeliver);
    assert_eq!(delivery.delivered_at, Some(begun), "the first success");
    assert_eq!(delivery.last_status_code, Some(200));
    let delivery = world.delivery(owed[2].id).await;
    assert_eq!(delivery.last_error.as_deref(), Some("discarded"));
    world.crash().await;
    let taken = world.take_due().await;
    assert_eq!(ids(&taken), ids(&owed), "due at once");
    assert_eq!(taken[1].origin, Origin::Redeliver);
    assert_eq!(taken[1].tries, Tries { made: 1, spent: 0 });
    assert_eq!(taken[1].retry_at, None);
    world.settle([delivered(&taken[1], world.now)]).await;
    let attempts = world.store().attempts(&world.tenant, owed[1].id).await;
    let numbers: Vec<u32> = attempts.unwrap().iter().map(|a| a.number).collect();
    assert_eq!(numbers, [1, 2], "numbers go on");
}

pub async fn what_is_retrying_is_due_at_once_and_keeps_budget_and_origin(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let hour = world.after(3600);
    world.settle([retrying(&waiting, world.now, hour)]).await;
    assert!(world.take_due().await.is_empty());
    let opened = reopen(world, std::slice::from_ref(&waiting)).await;
    assert_eq!(opened, [Reopened::Redelivered]);
    let delivery = world.delivery(waiting.id).await;
    let at = world.now;
    assert_eq!(delivery.state, DeliveryState::Retrying { at });
    assert_eq!(delivery.origin, Origin::Publish);
    let taken = world.take_due().await;
    assert_eq!(ids(&taken), [waiting.id]);
    assert_eq!(taken[0].tries, Tries { made: 1, spent: 1 });
}

pub async fn what_is_in_the_engines_hands_is_not_offered_twice(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    world
        .settle([retrying(&waiting, world.now, world.now)])
        .await;
    let taken = world.take_due().await;
    assert_eq!(reopen(world, &taken).await, [Reopened::Redelivered]);
    assert!(world.take_due().await.is_empty());
}

pub async fn what_waits_already_is_left_as_it_is(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 2]).await);
    let due = world.after(60);
    world
        .settle([parked(&owed[1], world.now, Parking::Due(due))])
        .await;
    assert_eq!(reopen(world, &owed).await, [Reopened::AlreadyWaiting; 2]);
    assert!(world.take_due().await.is_empty(), "not due sooner");
    assert_eq!(world.delivery(owed[0].id).await.origin, Origin::Publish);
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), [owed[0].id]);
}

pub async fn what_is_held_waits_already_and_what_has_ended_becomes_held(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 3]).await);
    let now = world.now;
    world
        .settle([
            retrying(&owed[1], now, world.after(60)),
            failed(&owed[2], now),
        ])
        .await;
    world.pause(to).await;
    use Reopened::{AlreadyWaiting, Redelivered};
    let opened = reopen(world, &owed).await;
    assert_eq!(opened, [AlreadyWaiting, AlreadyWaiting, Redelivered]);
    for waiting in &owed {
        assert_eq!(world.status(waiting.id).await, DeliveryStatus::Held);
    }
    world.resume(to).await;
    use DeliveryStatus::{Pending, Retrying};
    assert_eq!(world.status(owed[1].id).await, Retrying);
    assert_eq!(world.status(owed[2].id).await, Pending);
}

pub async fn one_id_twice_is_opened_once(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    world.settle([failed(&waiting, world.now)]).await;
    let opened = reopen(world, &[waiting.clone(), waiting]).await;
    assert_eq!(opened, [Reopened::Redelivered, Reopened::AlreadyWaiting]);
}

pub async fn what_is_unknown_or_anothers_or_of_a_deleted_subscription_is_missing(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 2]).await);
    world.settle([failed(&owed[0], world.now)]).await;
    let mine = world.tenant.clone();
    world.become_tenant("acme").await;
    assert_eq!(reopen(world, &owed).await, [Reopened::Missing; 2]);
    let unknown = vec![
        DeliveryId::from_u64(1),
        DeliveryId::late(world.fresh_id().place()),
    ];
    let store = world.store();
    let opened = store.reopen(&world.tenant, unknown, Origin::Replay, world.now);
    assert_eq!(opened.await, Ok(vec![Reopened::Missing; 2]));
    world.tenant = mine;
    assert_eq!(world.status(owed[0].id).await, DeliveryStatus::Failed);
    world.delete(to).await;
    assert_eq!(reopen(world, &owed).await, [Reopened::Missing; 2]);
    assert_eq!(world.status(owed[0].id).await, DeliveryStatus::Failed);
}
