//! The backlog: what the counts say, without counting. (Every case that counts asks for it too.)

use posthaste::{
    delivery::Discard,
    event::Origin,
    id::{DeliveryId, SubscriptionId},
};

use super::{
    World,
    belongings::filled,
    fixtures::{delivered, discarded, failed, owed, parked, retrying},
};
use crate::record::{Backlog, Parking};

async fn of(world: &World, subscription: Option<SubscriptionId>) -> Backlog {
    let store = world.store();
    store.backlog(&world.tenant, subscription).await.unwrap()
}

fn waits(pending: u64, retrying: u64, failed: u64, oldest: Option<DeliveryId>) -> Backlog {
    Backlog {
        pending,
        retrying,
        failed,
        oldest,
        ..Backlog::default()
    }
}

pub async fn what_waits_and_what_failed_is_known_of_a_tenant_and_of_each_subscription(
    world: &mut World,
) {
    let (one, other) = (world.subscribe().await, world.subscribe().await);
    let owed = owed(&world.publish(&[one, one, one, other, other]).await);
    let (now, due) = (world.now, world.after(60));
    let id = |n: usize| Some(owed[n].id);
    world
        .settle([
            delivered(&owed[0], now),
            retrying(&owed[1], now, due),
            failed(&owed[3], now),
        ])
        .await;
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        assert_eq!(of(world, None).await, waits(2, 1, 1, id(1)));
        assert_eq!(of(world, Some(one)).await, waits(1, 1, 0, id(1)));
        assert_eq!(of(world, Some(other)).await, waits(1, 0, 1, id(4)));
    }
    let tenant = world.tenant.clone();
    let again = vec![owed[0].id, owed[3].id];
    let opened = world
        .store()
        .reopen(&tenant, again, Origin::Redeliver, now)
        .await;
    opened.unwrap();
    assert_eq!(of(world, None).await, waits(4, 1, 0, id(0)));
    world
        .settle([failed(&owed[0], now), failed(&owed[3], now)])
        .await;
    let dead = vec![owed[0].id];
    world
        .store()
        .discard_failed(&tenant, dead, now)
        .await
        .unwrap();
    assert_eq!(of(world, None).await, waits(2, 1, 1, id(1)));
    world.become_tenant("acme").await;
    assert_eq!(
        of(world, Some(one)).await,
        Backlog::default(),
        "another tenant's"
    );
}

pub async fn the_oldest_that_waits_is_neither_held_nor_of_a_deleted_subscription(
    world: &mut World,
) {
    let (held, buried) = (world.subscribe().await, world.subscribe().await);
    let up = world.subscribe().await;
    let owed = owed(&world.publish(&[held, buried, held, up, up]).await);
    let now = world.now;
    let rows = [
        parked(&owed[0], now, Parking::Shelved),
        parked(&owed[3], now, Parking::Due(now)),
    ];
    world.settle(rows).await;
    world.pause(held).await;
    world.delete(buried).await;
    let expected = Backlog {
        held: 2,
        ..waits(2, 0, 0, Some(owed[3].id))
    };
    assert_eq!(of(world, None).await, expected);
    world.settle([delivered(&owed[3], now)]).await;
    assert_eq!(of(world, None).await.oldest, Some(owed[4].id));
    world.resume(held).await;
    assert_eq!(of(world, None).await, waits(3, 0, 0, Some(owed[0].id)));
}

pub async fn what_is_parked_goes_from_it_with_its_discard_and_with_its_tenant(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 4]).await);
    let now = world.now;
    let shelved = owed.iter().map(|one| parked(one, now, Parking::Shelved));
    let shelved: Vec<_> = shelved.collect();
    world.settle(shelved).await;
    assert_eq!(of(world, None).await.pending, 4);
    world
        .settle([discarded(&owed[0], now, Discard::Discarded)])
        .await;
    assert_eq!(of(world, Some(to)).await, waits(3, 0, 0, Some(owed[1].id)));
    world.delete(to).await;
    assert_eq!(of(world, None).await, Backlog::default());
    world.become_tenant("acme").await;
    filled(world, 1).await;
    world.counts().await;
    let store = world.store();
    store.delete_tenant(&world.tenant, now).await.unwrap();
    assert_eq!(of(world, None).await, Backlog::default());
}
