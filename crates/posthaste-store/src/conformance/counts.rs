//! Counts: exact at every moment, and their sum is what was ever owed.

use super::{
    World,
    fixtures::{delivered, discarded, failed, owed, parked, retrying},
};
use crate::record::{Counts, Parking};

pub async fn every_status_is_counted_exactly_also_after_a_crash(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 1200]).await);
    let now = world.now;
    world
        .settle([
            delivered(&owed[0], now),
            delivered(&owed[1], now),
            failed(&owed[2], now),
            discarded(&owed[3], now, posthaste::delivery::Discard::Expired),
            retrying(&owed[4], now, world.after(5)),
            parked(&owed[5], now, Parking::Shelved),
            parked(&owed[6], now, Parking::Taken),
        ])
        .await;
    let expected = Counts {
        pending: 1195,
        retrying: 1,
        held: 0,
        delivered: 2,
        failed: 1,
        discarded: 1,
    };
    assert_eq!(world.counts().await, expected);
    world.crash().await;
    assert_eq!(world.counts().await, expected);
}

pub async fn pausing_and_resuming_moves_all_that_waits_at_once(world: &mut World) {
    let (one, other) = (world.subscribe().await, world.subscribe().await);
    let owed = owed(&world.publish(&[one, one, other, one]).await);
    let now = world.now;
    world
        .settle([
            retrying(&owed[0], now, world.after(5)),
            delivered(&owed[3], now),
        ])
        .await;
    let before = world.counts().await;
    world.pause(one).await;
    let paused = Counts {
        pending: 1,
        held: 2,
        delivered: 1,
        ..Counts::default()
    };
    assert_eq!(world.counts().await, paused);
    world.crash().await;
    assert_eq!(world.counts().await, paused);
    world.resume(one).await;
    assert_eq!(world.counts().await, before);
}
