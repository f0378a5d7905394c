//! Chains: each attempt's link stands with it, the latest one with its delivery, and an audit reads
//! them all.

use posthaste::{
    event::Line,
    id::{DeliveryId, SubscriptionId},
    provenance::Link,
};

use super::{
    World,
    fixtures::{delivered, failed, ids, late, owed, parked, retrying, shelved_in},
    settle::after,
};
use crate::record::{History, Parking, Settlement, Waiting};

fn link(settlement: &Settlement) -> Option<Link> {
    settlement.attempt.as_ref().and_then(|attempt| attempt.link)
}

pub async fn a_link_is_there_with_its_attempt_also_after_a_crash(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    assert_eq!(world.delivery(waiting.id).await.link, None);
    let first = retrying(&waiting, world.now, world.after(60));
    let second = delivered(&after(&waiting, &first), world.after(60));
    assert_ne!(link(&first), link(&second));
    for settlement in [&first, &second] {
        world.settle([settlement.clone()]).await;
        world.crash().await;
        assert_eq!(world.delivery(waiting.id).await.link, link(settlement));
    }
    let attempts = world.store().attempts(&world.tenant, waiting.id).await;
    let links: Vec<_> = attempts.unwrap().iter().map(|made| made.link).collect();
    assert_eq!(links, [link(&first), link(&second)]);
}

pub async fn the_latest_link_comes_back_with_a_delivery_however_it_is_taken(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 4]).await);
    let attempts: Vec<Settlement> = owed.iter().map(|one| failed(one, world.now)).collect();
    let tried = |index: usize| after(&owed[index], &attempts[index]);
    world.settle(attempts.clone()).await;
    world
        .settle([
            parked(&tried(0), world.now, Parking::Due(world.now)),
            parked(&tried(1), world.now, Parking::Shelved),
            shelved_in(&tried(2), world.now, Some(Line::default())),
        ])
        .await;
    let reopened = ids(&owed[3..]);
    let store = world.store();
    let origin = posthaste::event::Origin::Redeliver;
    let opened = store.reopen(&world.tenant, reopened, origin, world.now);
    opened.await.unwrap();
    world.crash().await;
    let mut taken = world.take_due().await;
    let line = world.store().take_line(to, Line::default(), 9).await;
    taken.extend(line.unwrap().items);
    taken.extend(world.take_shelved(to).await);
    taken.sort_by_key(|waiting| waiting.id);
    let expected: Vec<_> = attempts.iter().map(link).collect();
    let links: Vec<_> = taken.iter().map(|waiting| waiting.link).collect();
    assert_eq!(links, expected);
}

pub async fn a_settlement_without_an_attempt_leaves_the_chain_alone(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    let row = parked(&waiting, world.now, Parking::Shelved);
    world.settle([row]).await;
    let taken = world.take_shelved(to).await;
    assert_eq!(taken[0].link, None);
    let attempt = failed(&taken[0], world.now);
    let tried = after(&taken[0], &attempt);
    world.settle([attempt.clone()]).await;
    // What a parking says of the chain is not asked for.
    let row = Waiting {
        link: None,
        ..tried
    };
    world
        .settle([parked(&row, world.now, Parking::Shelved)])
        .await;
    world.crash().await;
    assert_eq!(world.delivery(waiting.id).await.link, link(&attempt));
    assert_eq!(world.take_shelved(to).await[0].link, link(&attempt));
}

/// All of a window, in pages of `at_most`.
async fn histories(world: &World, (after, until): (u64, u64), at_most: usize) -> Vec<History> {
    let (mut all, mut after) = (Vec::<History>::new(), DeliveryId::from_u64(after));
    let until = DeliveryId::from_u64(until);
    loop {
        let store = world.store();
        let page = store.histories(&world.tenant, after, until, at_most).await;
        let page = page.unwrap();
        assert!(page.items.len() <= at_most, "at most what was asked for");
        all.extend(page.items);
        assert!(all.is_sorted_by(|a, b| a.id < b.id), "oldest first, once");
        let Some(next) = page.next else { return all };
        assert!(next > after.as_u64(), "it leads on");
        after = DeliveryId::from_u64(next);
    }
}

fn of(histories: &[History]) -> Vec<DeliveryId> {
    histories.iter().map(|history| history.id).collect()
}

/// Events with attempted deliveries, others between them, and one that was made later.
async fn mixed(world: &mut World, to: SubscriptionId) -> Vec<DeliveryId> {
    let (mut attempted, mut last) = (Vec::new(), None);
    for n in 0..12 {
        let stored = world.publish(&[to; 3]).await;
        let owed = owed(&stored);
        if n % 3 > 0 {
            attempted.extend(ids(&owed[..n % 3]));
            let attempts = owed[..n % 3].iter();
            let attempts: Vec<_> = attempts.map(|one| delivered(one, world.now)).collect();
            world.settle(attempts).await;
        }
        let row = parked(&owed[2], world.now, Parking::Shelved);
        world.settle([row]).await;
        last = Some(stored);
        world.pass(1);
    }
    let extra = late(world.fresh_id(), to, &last.expect("twelve"));
    world.settle([delivered(&extra, world.now)]).await;
    attempted.push(extra.id);
    attempted
}

pub async fn histories_are_read_oldest_first_in_pages_of_every_size(world: &mut World) {
    let to = world.subscribe().await;
    let attempted = mixed(world, to).await;
    for at_most in [1, 2, 3, 5, 1000] {
        let all = histories(world, (0, u64::MAX), at_most).await;
        assert_eq!(of(&all), attempted, "{at_most} at a time");
    }
    for (index, &id) in attempted.iter().enumerate() {
        let above = histories(world, (id.as_u64(), u64::MAX), 4).await;
        assert_eq!(of(&above), attempted[index + 1..]);
        let below = histories(world, (0, id.as_u64()), 4).await;
        assert_eq!(of(&below), attempted[..index]);
    }
    assert!(histories(world, (u64::MAX, 0), 4).await.is_empty());
    world.crash().await;
    assert_eq!(of(&histories(world, (0, u64::MAX), 4).await), attempted);
}

pub async fn a_history_has_each_attempt_and_the_event_of_its_own_tenant(world: &mut World) {
    let to = world.subscribe().await;
    let stored = world.publish(&[to]).await;
    let waiting = owed(&stored).remove(0);
    let first = retrying(&waiting, world.now, world.after(60));
    let second = delivered(&after(&waiting, &first), world.after(60));
    world.settle([first.clone(), second.clone()]).await;
    let history = histories(world, (0, u64::MAX), 9).await.remove(0);
    assert_eq!(history.event_id, stored.event.id);
    assert_eq!(history.event.as_ref(), Some(&stored.event));
    assert_eq!(history.subscription, to);
    assert_eq!(history.format, first.format);
    assert_eq!(history.link, link(&second));
    let attempts = [first, second].map(|settlement| *settlement.attempt.expect("one"));
    assert_eq!(history.attempts, attempts);
    world.become_tenant("acme").await;
    assert!(histories(world, (0, u64::MAX), 9).await.is_empty());
}
