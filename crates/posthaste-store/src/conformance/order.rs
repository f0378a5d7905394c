//! Order: lines on a shelf, each taken by itself or passed over.

use posthaste::{
    event::{Line, Origin},
    id::{DeliveryId, SubscriptionId},
};

use super::{
    World,
    fixtures::{delivered, ids, owed, parked, shelved_in},
};
use crate::record::{Parking, Reopened, Settlement, Waiting};

fn line(key: &str) -> Line {
    Line::of(Some(key))
}

/// Deliveries shelved in these lines, in order; an empty name is no line.
async fn shelve(world: &World, to: SubscriptionId, keys: &[&str]) -> Vec<Waiting> {
    let owed = owed(&world.publish(&vec![to; keys.len()]).await);
    let line_of = |key: &&str| (!key.is_empty()).then(|| line(key));
    let rows = owed.iter().zip(keys.iter().map(line_of));
    let rows = rows.map(|(waiting, line)| shelved_in(waiting, world.now, line));
    world.settle(rows).await;
    owed
}

async fn take_line(world: &World, from: SubscriptionId, key: &str) -> Vec<DeliveryId> {
    let page = world.store().take_line(from, line(key), 100).await.unwrap();
    assert_eq!(page.next, None, "all of it");
    ids(&page.items)
}

/// All of a shelf but these lines, in pages of `at_most`.
async fn take_past(
    world: &World,
    from: SubscriptionId,
    except: &[&str],
    at_most: usize,
) -> Vec<DeliveryId> {
    let except: Vec<Line> = except.iter().map(|key| line(key)).collect();
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = world.take_past(from, after, &except, at_most).await;
        assert!(page.items.len() <= at_most, "at most what was asked for");
        all.extend(ids(&page.items));
        let Some(next) = page.next.map(DeliveryId::from_u64) else {
            return all;
        };
        assert!(after.is_none_or(|after| next > after), "it leads on");
        after = Some(next);
    }
}

pub async fn a_line_is_taken_in_the_order_of_ids_by_its_subscription_alone(world: &mut World) {
    let (one, two) = (world.subscribe().await, world.subscribe().await);
    let first = shelve(world, one, &["a", "b", "a", "", "a"]).await;
    let second = shelve(world, two, &["a"]).await;
    let store = world.store();
    let page = store.take_line(one, line("a"), 2).await.unwrap();
    assert_eq!(ids(&page.items), [first[0].id, first[2].id]);
    assert!(page.next.is_some(), "more are left");
    assert_eq!(take_line(world, one, "a").await, [first[4].id]);
    assert!(take_line(world, one, "a").await.is_empty(), "each once");
    assert_eq!(take_line(world, two, "a").await, [second[0].id]);
}

pub async fn a_line_is_there_after_a_crash_with_what_was_taken_from_it(world: &mut World) {
    let to = world.subscribe().await;
    let owed = shelve(world, to, &["a", "b", "a", "a"]).await;
    assert_eq!(take_line(world, to, "a").await.len(), 3);
    world.settle([delivered(&owed[0], world.now)]).await;
    world.crash().await;
    let left = take_line(world, to, "a").await;
    assert_eq!(left, [owed[2].id, owed[3].id]);
    assert_eq!(take_line(world, to, "b").await, [owed[1].id]);
}

pub async fn what_is_taken_from_a_line_is_not_taken_otherwise_and_the_rest_is(world: &mut World) {
    let to = world.subscribe().await;
    let owed = shelve(world, to, &["a", "b", "", "b", "a"]).await;
    assert_eq!(
        take_line(world, to, "b").await,
        [owed[1].id, owed[3].id],
        "from the middle"
    );
    assert_eq!(world.store().shelved().await, Ok(vec![to]));
    let page = world.store().take_shelved(to, 2).await.unwrap();
    assert_eq!(ids(&page.items), [owed[0].id, owed[2].id]);
    assert_eq!(take_line(world, to, "a").await, [owed[4].id]);
    assert!(world.take_shelved(to).await.is_empty());
}

pub async fn what_returns_to_a_shelf_that_was_taken_is_in_its_line_again(world: &mut World) {
    let to = world.subscribe().await;
    let owed = shelve(world, to, &["a", "a", "a"]).await;
    assert_eq!(world.take_shelved(to).await.len(), 3);
    let back = shelved_in(&owed[1], world.now, Some(line("a")));
    world.settle([back]).await;
    assert_eq!(take_line(world, to, "a").await, [owed[1].id]);
    let back = shelved_in(&owed[0], world.now, Some(line("a")));
    world.settle([back]).await;
    assert_eq!(take_past(world, to, &[], 9).await, [owed[0].id]);
}

pub async fn a_later_settlement_replaces_the_line(world: &mut World) {
    let to = world.subscribe().await;
    let owed = shelve(world, to, &["a", "a"]).await;
    world.take_shelved(to).await;
    let rows = [
        shelved_in(&owed[0], world.now, Some(line("b"))),
        shelved_in(&owed[1], world.now, None),
    ];
    world.settle(rows).await;
    world.crash().await;
    assert!(take_line(world, to, "a").await.is_empty());
    assert_eq!(take_line(world, to, "b").await, [owed[0].id]);
    assert_eq!(take_past(world, to, &["a", "b"], 9).await, [owed[1].id]);
}

pub async fn what_is_due_is_in_no_line_of_the_shelf(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = world.publish_one(to).await;
    let row = Settlement {
        line: Some(line("a")),
        ..parked(&waiting, world.now, Parking::Due(world.now))
    };
    world.settle([row]).await;
    assert!(take_line(world, to, "a").await.is_empty());
    assert!(take_past(world, to, &[], 9).await.is_empty());
    assert_eq!(ids(&world.take_due().await), [waiting.id]);
}

pub async fn a_shelf_is_read_past_some_lines_and_skips_no_other(world: &mut World) {
    for at_most in [1, 2, 3, 100] {
        let to = world.subscribe().await;
        let owed = shelve(world, to, &["a", "b", "a", "", "c", "a", "b", "d"]).await;
        let expected = [3, 4, 7].map(|n: usize| owed[n].id);
        assert_eq!(take_past(world, to, &["a", "b"], at_most).await, expected);
        assert!(take_past(world, to, &["a", "b"], at_most).await.is_empty());
        let left = [0, 1, 2, 5, 6].map(|n: usize| owed[n].id);
        assert_eq!(ids(&world.take_shelved(to).await), left, "for later");
    }
}

pub async fn a_shelf_is_read_from_a_place_on_and_again_from_its_start(world: &mut World) {
    let to = world.subscribe().await;
    let owed = shelve(world, to, &["a", "", "b", "a", ""]).await;
    let page = world
        .take_past(to, Some(owed[1].id), &[line("b")], 10)
        .await;
    assert_eq!(ids(&page.items), [owed[3].id, owed[4].id], "above it");
    assert_eq!(page.next, None);
    let again = take_past(world, to, &["b"], 10).await;
    assert_eq!(again, [owed[0].id, owed[1].id]);
    world.crash().await;
    let expected: Vec<DeliveryId> = ids(&owed);
    assert_eq!(take_past(world, to, &[], 2).await, expected);
}

pub async fn a_long_shelf_of_one_line_is_passed_over_to_its_end(world: &mut World) {
    let to = world.subscribe().await;
    let mut keys = vec!["a"; 1500];
    keys[700] = "b";
    keys.push("");
    let owed = shelve(world, to, &keys).await;
    let expected = [owed[700].id, owed[1500].id];
    assert_eq!(take_past(world, to, &["a"], 10).await, expected);
    assert_eq!(world.take_shelved(to).await.len(), 1499);
}

pub async fn what_is_taken_in_a_line_is_on_the_shelf_after_a_crash(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to, to]).await);
    let taken = |waiting: &Waiting| Settlement {
        line: Some(line("a")),
        ..parked(waiting, world.now, Parking::Taken)
    };
    world.settle(owed.iter().map(taken)).await;
    assert!(take_line(world, to, "a").await.is_empty(), "taken");
    world.crash().await;
    assert!(world.take_due().await.is_empty());
    assert_eq!(take_line(world, to, "a").await, ids(&owed));
}

pub async fn what_is_opened_again_is_back_in_its_place_in_line(world: &mut World) {
    let to = world.subscribe().await;
    let waiting = shelve(world, to, &["a", "a", "a"]).await;
    let ended = Settlement {
        line: Some(line("a")),
        ..delivered(&waiting[1], world.now)
    };
    world.settle([ended]).await;
    let again = vec![waiting[1].id];
    let reopened = world
        .store()
        .reopen(&world.tenant, again, Origin::Redeliver, world.now);
    assert_eq!(reopened.await, Ok(vec![Reopened::Redelivered]));
    assert!(world.take_due().await.is_empty());
    assert_eq!(take_past(world, to, &[], 100).await, ids(&waiting));
}
