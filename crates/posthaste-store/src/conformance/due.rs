//! The due index: what waits for its time is handed out once its time has come, and once.

use posthaste::{delivery::DeliveryStatus, subscription::SubscriptionStatus};

use super::{
    World,
    fixtures::{delivered, ids, owed, parked, retrying},
};
use crate::record::{Parking, Waiting};

/// Deliveries that are due so many seconds from now.
async fn due_in(world: &World, seconds: &[u64]) -> Vec<Waiting> {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&vec![to; seconds.len()]).await);
    let due = |&s| world.after(s);
    let settlements = owed.iter().zip(seconds.iter().map(due));
    let settlements = settlements.map(|(waiting, due)| retrying(waiting, world.now, due));
    world.settle(settlements).await;
    owed
}

pub async fn what_is_due_is_taken_oldest_due_time_first(world: &mut World) {
    let owed = due_in(world, &[30, 10, 20, 40]).await;
    world.pass(30);
    let taken = world.take_due().await;
    assert_eq!(ids(&taken), [owed[1].id, owed[2].id, owed[0].id]);
    let waiting = &taken[0];
    assert_eq!(waiting.event, owed[1].event);
    assert_eq!(waiting.subscription, owed[1].subscription);
    assert_eq!((waiting.tries.made, waiting.tries.spent), (1, 1));
    assert!(waiting.retry_at.is_some_and(|at| at < world.now));
}

pub async fn the_next_due_time_is_told(world: &mut World) {
    due_in(world, &[10, 10, 20]).await;
    let ms = |seconds| u64::try_from(world.after(seconds).as_millis()).ok();
    let (ten, twenty) = (ms(10), ms(20));
    let store = world.store();
    let page = store.take_due(world.now, 10).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, ten), "none yet");
    let page = store.take_due(world.after(10), 1).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, ten), "more at once");
    let page = store.take_due(world.after(10), 10).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, twenty));
    let page = store.take_due(world.after(20), 0).await.unwrap();
    assert_eq!((page.items.len(), page.next), (0, twenty));
    let page = store.take_due(world.after(20), 10).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, None), "no more at all");
}

pub async fn a_taken_delivery_is_offered_again_after_a_crash_and_not_before(world: &mut World) {
    let owed = due_in(world, &[0, 0]).await;
    assert_eq!(ids(&world.take_due().await), ids(&owed));
    world.pass(1000);
    assert!(world.take_due().await.is_empty());
    world.crash().await;
    assert_eq!(ids(&world.take_due().await), ids(&owed));
}

pub async fn a_taken_delivery_that_waits_again_is_offered_again(world: &mut World) {
    due_in(world, &[0]).await;
    let taken = world.take_due().await;
    let again = retrying(&taken[0], world.now, world.after(5));
    world.settle([again]).await;
    assert!(world.take_due().await.is_empty(), "not yet");
    world.pass(5);
    let taken = world.take_due().await;
    assert_eq!(taken[0].tries.made, 2);
    world.settle([delivered(&taken[0], world.now)]).await;
    world.crash().await;
    assert!(world.take_due().await.is_empty());
}

pub async fn a_delivery_parked_as_taken_is_offered_after_a_crash_alone(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let row = parked(&waiting, world.now, Parking::Taken);
    world.settle([row]).await;
    world.pass(1000);
    assert!(world.take_due().await.is_empty());
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Pending);
    world.crash().await;
    assert_eq!(ids(&world.take_due().await), [waiting.id]);
}

pub async fn what_is_due_is_taken_whatever_became_of_its_subscription(world: &mut World) {
    let owed = due_in(world, &[0, 0, 0]).await;
    let to = owed[0].subscription;
    let one = async || world.store().take_due(world.now, 1).await.unwrap().items;
    world.pause(to).await;
    assert_eq!(ids(&one().await), [owed[0].id]);
    world.set_status(to, SubscriptionStatus::Disabled).await;
    assert_eq!(ids(&one().await), [owed[1].id]);
    world.delete(to).await;
    assert_eq!(ids(&one().await), [owed[2].id]);
}

pub async fn a_pending_delivery_that_was_parked_is_still_pending(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let row = parked(&waiting, world.now, Parking::Due(world.after(5)));
    world.settle([row]).await;
    world.pass(5);
    let taken = world.take_due().await;
    assert_eq!(format!("{taken:?}"), format!("{:?}", [waiting]));
}

pub async fn an_implied_delivery_is_not_due(world: &mut World) {
    world.publish_one(world.subscribe().await).await;
    world.crash().await;
    world.pass(1000);
    assert!(world.take_due().await.is_empty(), "recovery has it");
}

pub async fn many_takers_share_what_is_due_without_overlap(world: &mut World) {
    let mut expected = ids(&due_in(world, &[0; 300]).await);
    let taking: Vec<_> = (0..10)
        .map(|_| {
            let (store, now) = (world.store().clone(), world.now);
            tokio::spawn(async move { store.take_due(now, 40).await.unwrap().items })
        })
        .collect();
    let mut taken = Vec::new();
    for taker in taking {
        taken.extend(ids(&taker.await.unwrap()));
    }
    taken.sort_unstable();
    expected.sort_unstable();
    assert_eq!(taken, expected);
}
