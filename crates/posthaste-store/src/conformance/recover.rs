//! After a crash, what was accepted and has no outcome is found again.

use super::{
    World,
    fixtures::{delivered, ids, owed, parked, retrying},
};
use crate::record::Parking;

pub async fn what_was_accepted_and_has_no_outcome_is_recovered_after_a_crash(world: &mut World) {
    let to = [world.subscribe().await, world.subscribe().await];
    let mut expected = owed(&world.publish(&to).await);
    world.become_tenant("acme").await;
    expected.push(world.publish_one(world.subscribe().await).await);
    world.crash().await;
    let recovered = world.recover(100).await;
    assert_eq!(format!("{recovered:?}"), format!("{expected:?}"));
    world.crash().await;
    assert_eq!(ids(&world.recover(100).await), ids(&expected), "again");
}

pub async fn a_recovered_delivery_that_was_settled_is_not_recovered_again(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to, to, to]).await);
    world.settle([delivered(&owed[0], world.now)]).await;
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), ids(&owed[1..]));
    world.settle([delivered(&owed[2], world.now)]).await;
    assert_eq!(ids(&world.recover(10).await), [owed[1].id], "at once");
    world.crash().await;
    assert_eq!(ids(&world.recover(10).await), [owed[1].id]);
    world.settle([delivered(&owed[1], world.now)]).await;
    world.crash().await;
    assert!(world.recover(10).await.is_empty());
}

pub async fn what_is_accepted_after_opening_is_not_recovered(world: &mut World) {
    let to = world.subscribe().await;
    let before = world.publish_one(to).await;
    world.crash().await;
    world.publish(&[to]).await;
    assert_eq!(ids(&world.recover(10).await), [before.id]);
}

pub async fn what_was_parked_is_not_recovered_but_taken(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 4]).await);
    let now = world.now;
    world
        .settle([
            parked(&owed[0], now, Parking::Shelved),
            parked(&owed[1], now, Parking::Taken),
            retrying(&owed[2], now, world.after(5)),
        ])
        .await;
    world.crash().await;
    world.pass(10);
    assert_eq!(ids(&world.recover(10).await), [owed[3].id]);
    assert_eq!(ids(&world.take_due().await), [owed[1].id, owed[2].id]);
    assert_eq!(ids(&world.take_shelved(to).await), [owed[0].id]);
}

pub async fn pages_lead_through_all_that_is_to_be_recovered(world: &mut World) {
    let to = world.subscribe().await;
    let mut expected = Vec::new();
    for fan_out in [1, 0, 3, 2000, 0, 1, 1, 2] {
        expected.extend(owed(&world.publish(&vec![to; fan_out]).await));
    }
    world.crash().await;
    for at_most in [1, 2, 1000, 10_000] {
        assert_eq!(ids(&world.recover(at_most).await), ids(&expected));
    }
}
