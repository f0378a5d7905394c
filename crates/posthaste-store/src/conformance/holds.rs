//! What a pause holds, since when, and how it expires.

use posthaste::{
    delivery::{DeliveryState, DeliveryStatus, Discard, Health, PauseReason},
    event::Origin,
    id::{DeliveryId, SubscriptionId},
};

use super::{
    World,
    fixtures::{delivered, ids, parked, retrying},
};
use crate::{
    keeping::{Expired, Held, Hold},
    query::DeliveryQuery,
    record::{HealthChange, Parking, SettleBatch, Waiting},
};

const DAY: u64 = 86_400;

async fn shelve(world: &World, to: SubscriptionId) -> Waiting {
    let waiting = world.publish_one(to).await;
    let row = parked(&waiting, world.now, Parking::Shelved);
    world.settle([row]).await;
    waiting
}

fn hold(world: &World, subscription: SubscriptionId) -> Hold {
    Hold {
        tenant: world.tenant.clone(),
        subscription,
        since: world.now,
        told_at: None,
    }
}

/// Discards all that was held since `seconds` from the start or longer, in pages.
async fn expire(world: &World, from: SubscriptionId, seconds: u64, at_most: usize) -> u64 {
    let before = super::START + std::time::Duration::from_secs(seconds);
    let (mut after, mut deliveries) = (None, 0);
    loop {
        let store = world.store();
        let expired = store.expire_held(from, before, after, world.now, at_most);
        let expired = expired.await.unwrap();
        deliveries += expired.deliveries;
        after = expired.next;
        if after.is_none() {
            return deliveries;
        }
    }
}

pub async fn a_pause_is_known_from_its_beginning_to_its_end_also_after_a_crash(world: &mut World) {
    let (one, other) = (world.subscribe().await, world.subscribe().await);
    assert_eq!(world.store().holds().await, Ok(vec![]));
    world.pause(one).await;
    let first = hold(world, one);
    world.pass(DAY);
    let change = HealthChange {
        tenant: world.tenant.clone(),
        subscription: other,
        health: Health::default(),
        pause: Some(PauseReason::Gone),
        at: world.now,
    };
    let batch = SettleBatch {
        health: vec![change],
        ..SettleBatch::default()
    };
    world.store().settle(batch).await.unwrap();
    let second = hold(world, other);
    world.pass(DAY);
    world.pause(one).await;
    world.crash().await;
    let both = vec![first.clone(), second.clone()];
    assert_eq!(
        world.store().holds().await,
        Ok(both),
        "a change is no new pause"
    );
    world.resume(one).await;
    assert_eq!(world.store().holds().await, Ok(vec![second.clone()]));
    world.pause(one).await;
    let again = hold(world, one);
    assert_ne!(again.since, first.since);
    assert_eq!(world.store().holds().await, Ok(vec![again, second]));
    world.delete(one).await;
    world.delete(other).await;
    assert_eq!(world.store().holds().await, Ok(vec![]));
}

pub async fn what_is_held_is_told_with_the_longest_wait(world: &mut World) {
    let to = world.subscribe().await;
    world.pause(to).await;
    world.pass(DAY);
    let held = async |world: &World, days: u64| {
        let until = super::START + std::time::Duration::from_secs(days * DAY);
        world.store().held(to, until).await.unwrap()
    };
    assert_eq!(held(world, 9).await, None, "it holds nothing");
    let first = shelve(world, to).await;
    world.pass(DAY);
    let second = world.publish_one(to).await;
    let row = parked(&second, world.now, Parking::Due(world.after(9 * DAY)));
    world.settle([row]).await;
    let told = |since: u64, deliveries| {
        let since = super::START + std::time::Duration::from_secs(since * DAY);
        Some(Held { deliveries, since })
    };
    assert_eq!(held(world, 1).await, told(1, 2));
    let taken = world.take_shelved(to).await;
    assert_eq!(ids(&taken), [first.id]);
    world.settle([delivered(&first, world.now)]).await;
    assert_eq!(held(world, 1).await, None);
    assert_eq!(held(world, 2).await, told(2, 1));
    world.pass(DAY);
    world.resume(to).await;
    assert_eq!(held(world, 9).await, None);
    world.pause(to).await;
    let opened = world
        .store()
        .reopen(&world.tenant, vec![first.id], Origin::Redeliver, world.now);
    opened.await.unwrap();
    assert_eq!(held(world, 2).await, None);
    assert_eq!(held(world, 9).await, told(3, 2), "since the pause");
}

pub async fn what_is_held_too_long_expires_in_small_steps(world: &mut World) {
    let to = world.subscribe().await;
    world.pause(to).await;
    let mut made: Vec<DeliveryId> = Vec::new();
    for _ in 0..5 {
        made.push(shelve(world, to).await.id);
        world.pass(1);
    }
    let retried = world.publish_one(to).await;
    let due = world.after(9 * DAY);
    world.settle([retrying(&retried, world.now, due)]).await;
    let now = world.now;
    let page = world.store().expire_held(to, world.after(0), None, now, 2);
    let expected = Expired {
        deliveries: 2,
        next: Some(made[1]),
    };
    assert_eq!(page.await, Ok(expected));
    assert_eq!(expire(world, to, 3, 1).await, 2, "up to the fourth");
    assert_eq!(world.status(made[4]).await, DeliveryStatus::Held);
    assert_eq!(
        expire(world, to, 5, 2).await,
        2,
        "also one that is due later"
    );
    world.crash().await;
    for id in made.iter().copied().chain([retried.id]) {
        let delivery = world.delivery(id).await;
        let why = Discard::Expired;
        assert_eq!(delivery.state, DeliveryState::Discarded { why });
        assert_eq!(delivery.last_error.as_deref(), Some("expired"));
    }
    world.resume(to).await;
    assert!(world.take_shelved(to).await.is_empty());
    assert_eq!(world.counts().await.discarded, 6);
}

pub async fn a_pause_and_an_opening_begin_the_time_anew(world: &mut World) {
    let to = world.subscribe().await;
    let opened = world.publish_one(to).await;
    world.settle([delivered(&opened, world.now)]).await;
    let waiting = shelve(world, to).await;
    world.pass(5 * DAY);
    world.pause(to).await;
    world.pass(DAY);
    let reopened =
        world
            .store()
            .reopen(&world.tenant, vec![opened.id], Origin::Redeliver, world.now);
    reopened.await.unwrap();
    world.crash().await;
    assert_eq!(expire(world, to, 5 * DAY - 1, 10).await, 0);
    assert_eq!(expire(world, to, 5 * DAY, 10).await, 1);
    assert_eq!(world.status(waiting.id).await, DeliveryStatus::Discarded);
    assert_eq!(world.status(opened.id).await, DeliveryStatus::Held);
    assert_eq!(expire(world, to, 6 * DAY - 1, 10).await, 0);
    assert_eq!(expire(world, to, 6 * DAY, 10).await, 1);
}

pub async fn a_resume_keeps_everything_and_so_does_a_hand(world: &mut World) {
    let (to, other) = (world.subscribe().await, world.subscribe().await);
    world.pause(to).await;
    world.pause(other).await;
    let first = shelve(world, to).await;
    let second = shelve(world, other).await;
    world.pass(DAY);
    world.resume(to).await;
    assert_eq!(expire(world, to, 9 * DAY, 10).await, 0);
    assert_eq!(world.status(first.id).await, DeliveryStatus::Pending);
    assert_eq!(world.take_shelved(other).await.len(), 1);
    assert_eq!(expire(world, other, 9 * DAY, 10).await, 0);
    world.crash().await;
    assert_eq!(expire(world, other, 9 * DAY, 10).await, 1);
    assert_eq!(world.status(second.id).await, DeliveryStatus::Discarded);
    let none = SubscriptionId::from_u64(7);
    assert_eq!(expire(world, none, 9 * DAY, 10).await, 0);
}

pub async fn a_pause_is_told_of_once_with_its_alert_also_after_a_crash(world: &mut World) {
    let (to, watcher) = (world.subscribe().await, world.subscribe().await);
    world.pause(to).await;
    let hold = hold(world, to);
    world.pass(DAY);
    let tell = async |world: &World, hold: &Hold| {
        let alert = world.draft(&[watcher]);
        let id = alert.event.id;
        let told = world.store().tell_expiring(hold, Some(alert), world.now);
        let told = told.await.unwrap();
        let found = world.store().event(&world.tenant, id).await.unwrap();
        assert_eq!(found.is_some(), told);
        (told, id)
    };
    let (told, alert) = tell(world, &hold).await;
    assert!(told);
    assert_eq!(world.store().unparked(), 1);
    let told_at = Some(world.now);
    world.pass(DAY);
    assert!(!tell(world, &hold).await.0, "once");
    world.crash().await;
    let known = Hold {
        told_at,
        ..hold.clone()
    };
    assert_eq!(world.store().holds().await, Ok(vec![known]));
    assert!(!tell(world, &hold).await.0);
    let owed = world.recover(10).await;
    assert_eq!(ids(&owed), [alert.delivery(0)]);
    world.settle([delivered(&owed[0], world.now)]).await;
    let mark = world.store().settled_mark();
    assert!(mark > alert, "what was not told is released");
    world.resume(to).await;
    world.pause(to).await;
    let again = self::hold(world, to);
    assert!(!tell(world, &hold).await.0, "that pause is over");
    assert!(tell(world, &again).await.0);
    assert_eq!(world.listed(DeliveryQuery::default()).await.len(), 2);
    world.delete(to).await;
    assert!(!tell(world, &again).await.0);
}

pub async fn a_pause_is_told_of_also_where_nobody_listens(world: &mut World) {
    let to = world.subscribe().await;
    world.pause(to).await;
    let hold = hold(world, to);
    let told = world.store().tell_expiring(&hold, None, world.now).await;
    assert_eq!(told, Ok(true));
    let told = world.store().tell_expiring(&hold, None, world.now).await;
    assert_eq!(told, Ok(false));
}
