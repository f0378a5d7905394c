//! The shelf: what waits for its subscription and not for a time.

use posthaste::{
    delivery::{DeliveryStatus, Discard},
    subscription::SubscriptionStatus,
};

use super::{
    World,
    fixtures::{delivered, ids, owed, parked, retrying},
};
use crate::record::{Parking, Waiting};

async fn shelve(world: &World, waiting: &[Waiting]) {
    let row = |waiting| parked(waiting, world.now, Parking::Shelved);
    world.settle(waiting.iter().map(row)).await;
}

pub async fn a_shelf_is_taken_in_the_order_of_ids_by_its_subscription_alone(world: &mut World) {
    let (one, two) = (world.subscribe().await, world.subscribe().await);
    let owed = owed(&world.publish(&[one, two, one, one]).await);
    let mut mixed = owed.clone();
    mixed.reverse();
    shelve(world, &mixed).await;
    world.pass(1000);
    assert!(world.take_due().await.is_empty());
    assert_eq!(world.store().shelved().await, Ok(vec![one, two]));
    let page = world.store().take_shelved(one, 2).await.unwrap();
    assert_eq!(ids(&page.items), [owed[0].id, owed[2].id]);
    assert!(page.next.is_some(), "more are left");
    let page = world.store().take_shelved(one, 2).await.unwrap();
    assert_eq!(ids(&page.items), [owed[3].id]);
    assert_eq!(page.next, None);
    assert!(world.take_shelved(one).await.is_empty(), "each once");
    assert_eq!(ids(&world.take_shelved(two).await), [owed[1].id]);
}

pub async fn a_shelf_is_there_after_a_crash_with_what_was_taken_from_it(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to, to]).await);
    shelve(world, &owed).await;
    world.store().take_shelved(to, 1).await.unwrap();
    world.crash().await;
    assert_eq!(world.store().shelved().await, Ok(vec![to]));
    let taken = world.take_shelved(to).await;
    assert_eq!(format!("{taken:?}"), format!("{owed:?}"));
    world
        .settle(taken.iter().map(|w| delivered(w, world.now)))
        .await;
    world.crash().await;
    assert_eq!(world.store().shelved().await, Ok(Vec::new()));
}

pub async fn a_retrying_delivery_keeps_its_budget_and_due_time_on_the_shelf(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    let due = world.after(5);
    world.settle([retrying(&waiting, world.now, due)]).await;
    world.pass(5);
    let taken = world.take_due().await;
    shelve(world, &taken).await;
    world.pause(to).await;
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Held);
    world.resume(to).await;
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Retrying);
    let back = world.take_shelved(to).await;
    assert_eq!(format!("{back:?}"), format!("{taken:?}"));
    assert_eq!(back[0].retry_at, Some(due));
}

pub async fn discarding_takes_parked_deliveries_in_small_steps_and_leaves_the_others(
    world: &mut World,
) {
    let (to, other) = (world.subscribe().await, world.subscribe().await);
    let owed = owed(&world.publish(&[to, to, to, to, to, other]).await);
    let now = world.now;
    shelve(world, &[owed[0].clone(), owed[5].clone()]).await;
    world
        .settle([
            retrying(&owed[1], now, world.after(60)),
            parked(&owed[2], now, Parking::Taken),
            delivered(&owed[3], now),
        ])
        .await;
    let discard = |at_most| {
        let store = world.store();
        store.discard_parked(to, Discard::Disabled, now, at_most)
    };
    assert_eq!(discard(10).await, Ok(0), "it is not disabled");
    world.set_status(to, SubscriptionStatus::Disabled).await;
    assert_eq!(discard(1).await, Ok(1));
    assert_eq!(discard(10).await, Ok(1));
    assert_eq!(discard(10).await, Ok(0));
    let mut states = Vec::new();
    for waiting in &owed {
        states.push(world.status(waiting.id).await);
    }
    use DeliveryStatus::{Delivered, Discarded, Pending};
    let expected = [Discarded, Discarded, Pending, Delivered, Pending, Pending];
    assert_eq!(states, expected);
    let delivery = world.delivery(owed[1].id).await;
    assert_eq!(delivery.last_error.as_deref(), Some("disabled"));
    assert_eq!(delivery.tries.made, 1, "its attempt is not forgotten");
    world.crash().await;
    world.pass(1000);
    assert_eq!(ids(&world.take_due().await), [owed[2].id]);
    assert!(world.take_shelved(to).await.is_empty());
}

pub async fn what_is_in_the_engines_hands_is_not_discarded(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to, to]).await);
    let row = parked(&owed[0], world.now, Parking::Due(world.now));
    world.settle([row]).await;
    shelve(world, &owed[1..]).await;
    world.take_due().await;
    world.take_shelved(to).await;
    let why = Discard::Discarded;
    let discarded = world.store().discard_parked(to, why, world.now, 10).await;
    assert_eq!(discarded, Ok(0));
    world.crash().await;
    let discarded = world.store().discard_parked(to, why, world.now, 10).await;
    assert_eq!(discarded, Ok(2), "in nobody's hands any more");
}
