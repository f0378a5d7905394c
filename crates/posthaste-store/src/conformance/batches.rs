//! Batches: committed before they leave, and handed out whole, so that a crash repeats the very
//! same one.

use posthaste::{
    event::{Line, Origin},
    id::{BatchId, DeliveryId, SubscriptionId},
};

use super::{
    World,
    fixtures::{delivered, failed, ids, owed, parked, retrying, shelved_in},
};
use crate::record::{Parking, Reopened, Settlement, Waiting};

fn fresh_batch(world: &World) -> BatchId {
    BatchId::at(world.fresh_id().place())
}

fn batched(batch: BatchId, settlement: Settlement) -> Settlement {
    Settlement {
        batch: Some(batch),
        ..settlement
    }
}

async fn publish(world: &World, to: SubscriptionId, deliveries: usize) -> Vec<Waiting> {
    owed(&world.publish(&vec![to; deliveries]).await)
}

#[track_caller]
fn check(taken: &[Waiting], expected: &[&Waiting], batch: Option<BatchId>) {
    let expected: Vec<DeliveryId> = expected.iter().map(|waiting| waiting.id).collect();
    assert_eq!(ids(taken), expected);
    assert!(taken.iter().all(|waiting| waiting.batch == batch));
}

pub async fn a_batch_under_way_is_the_very_same_after_a_crash(world: &mut World) {
    let to = world.subscribe().await;
    let owed = publish(world, to, 5).await;
    let batch = fresh_batch(world);
    let members = [&owed[1], &owed[2], &owed[4]];
    let row = |waiting: &&Waiting| batched(batch, parked(waiting, world.now, Parking::Taken));
    world.settle(members.iter().map(row)).await;
    world.crash().await;
    let recovered = world.recover(10).await;
    check(&recovered, &[&owed[0], &owed[3]], None);
    check(&world.take_due().await, &members, Some(batch));
    world.crash().await;
    check(&world.take_due().await, &members, Some(batch));
}

/// A batch of five, each parked differently; the first and the last of the shelf are not in it.
async fn scattered(world: &World, to: SubscriptionId) -> (BatchId, Vec<Waiting>) {
    let owed = publish(world, to, 7).await;
    let (batch, now) = (fresh_batch(world), world.now);
    let line = Some(Line::of(Some("a")));
    let rows = [
        parked(&owed[0], now, Parking::Shelved),
        batched(batch, retrying(&owed[1], now, world.after(60))),
        batched(batch, shelved_in(&owed[2], now, line)),
        batched(batch, parked(&owed[3], now, Parking::Due(now))),
        batched(batch, parked(&owed[4], now, Parking::Taken)),
        batched(batch, parked(&owed[5], now, Parking::Shelved)),
        parked(&owed[6], now, Parking::Shelved),
    ];
    world.settle(rows).await;
    (batch, owed)
}

pub async fn a_batch_is_handed_out_whole_after_a_crash_wherever_its_members_are_parked(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let (batch, owed) = scattered(world, to).await;
    let members: Vec<&Waiting> = owed[1..6].iter().collect();
    let line = Line::of(Some("a"));
    world.crash().await;
    let page = world.store().take_due(world.now, 1).await.unwrap();
    check(&page.items, &members, Some(batch));
    assert_eq!(page.next, None, "the rest of it is not left");
    world.crash().await;
    let page = world.store().take_line(to, line, 1).await.unwrap();
    check(&page.items, &members, Some(batch));
    assert_eq!(page.next, None);
    world.crash().await;
    let page = world.store().take_shelved(to, 2).await.unwrap();
    check(&page.items[..1], &[&owed[0]], None);
    check(&page.items[1..], &members, Some(batch));
    assert_eq!(ids(&world.take_shelved(to).await), [owed[6].id]);
    world.crash().await;
    let after = Some(owed[3].id);
    let page = world.take_past(to, after, &[line], 1).await;
    check(&page.items, &members, Some(batch));
    let after = page.next.map(DeliveryId::from_u64);
    let page = world.take_past(to, after, &[line], 9).await;
    assert_eq!(ids(&page.items), [owed[6].id], "not skipped");
    assert!(world.take_due().await.is_empty(), "each once");
    assert_eq!(ids(&world.take_shelved(to).await), [owed[0].id]);
}

pub async fn a_batch_that_reaches_far_ahead_skips_nothing_in_between(world: &mut World) {
    let to = world.subscribe().await;
    let owed = publish(world, to, 4).await;
    let (batch, now) = (fresh_batch(world), world.now);
    let shelved = |waiting| parked(waiting, now, Parking::Shelved);
    let rows = [
        batched(batch, shelved(&owed[0])),
        shelved(&owed[1]),
        shelved(&owed[2]),
        batched(batch, shelved(&owed[3])),
    ];
    world.settle(rows).await;
    let page = world.take_past(to, None, &[], 1).await;
    check(&page.items, &[&owed[0], &owed[3]], Some(batch));
    let after = page.next.map(DeliveryId::from_u64);
    assert!(after.is_some(), "more are left");
    let page = world.take_past(to, after, &[], 9).await;
    check(&page.items, &[&owed[1], &owed[2]], None);
}

pub async fn a_full_page_is_exceeded_by_its_last_batch_alone(world: &mut World) {
    let to = world.subscribe().await;
    let owed = publish(world, to, 6).await;
    let (one, now) = (fresh_batch(world), world.now);
    let two = fresh_batch(world);
    world.pass(1);
    let due = |waiting| parked(waiting, now, Parking::Due(now));
    let rows = [
        batched(one, due(&owed[0])),
        due(&owed[1]),
        batched(two, due(&owed[2])),
        batched(one, due(&owed[3])),
        batched(two, due(&owed[4])),
        due(&owed[5]),
    ];
    world.settle(rows).await;
    let take = async |at_most| world.store().take_due(world.now, at_most).await.unwrap();
    check(&take(2).await.items, &[&owed[0], &owed[3]], Some(one));
    let page = take(2).await;
    let expected = [owed[1].id, owed[2].id, owed[4].id];
    assert_eq!(ids(&page.items), expected);
    assert_eq!(page.next, u64::try_from(now.as_millis()).ok());
    assert_eq!(ids(&take(2).await.items), [owed[5].id]);
}

pub async fn members_in_the_engines_hands_or_at_their_end_do_not_come_again(world: &mut World) {
    let to = world.subscribe().await;
    let owed = publish(world, to, 4).await;
    let (batch, now) = (fresh_batch(world), world.now);
    let due = |waiting| batched(batch, parked(waiting, now, Parking::Due(now)));
    world.settle([due(&owed[0]), due(&owed[1])]).await;
    check(&world.take_due().await, &[&owed[0], &owed[1]], Some(batch));
    let rows = [
        batched(batch, delivered(&owed[1], now)),
        due(&owed[2]),
        batched(batch, shelved_in(&owed[3], now, None)),
    ];
    world.settle(rows).await;
    check(&world.take_due().await, &[&owed[2], &owed[3]], Some(batch));
    world.crash().await;
    let members = [&owed[0], &owed[2], &owed[3]];
    check(&world.take_due().await, &members, Some(batch));
}

pub async fn a_settlement_without_a_batch_leaves_it(world: &mut World) {
    let to = world.subscribe().await;
    let owed = publish(world, to, 3).await;
    let (batch, now) = (fresh_batch(world), world.now);
    let due = |waiting| parked(waiting, now, Parking::Due(now));
    let rows = owed.iter().map(|waiting| batched(batch, due(waiting)));
    world.settle(rows).await;
    world.take_due().await;
    world.settle([due(&owed[1])]).await;
    check(&world.take_due().await, &[&owed[1]], None);
    world.crash().await;
    let taken = world.take_due().await;
    assert_eq!(ids(&taken), [owed[0].id, owed[2].id, owed[1].id]);
    let batches: Vec<_> = taken.iter().map(|waiting| waiting.batch).collect();
    assert_eq!(batches, [Some(batch), Some(batch), None]);
}

pub async fn what_is_opened_again_leaves_its_batch_and_what_is_retrying_keeps_it(
    world: &mut World,
) {
    let to = world.subscribe().await;
    let owed = publish(world, to, 4).await;
    let (batch, now) = (fresh_batch(world), world.now);
    let rows = [
        delivered(&owed[0], now),
        failed(&owed[1], now),
        retrying(&owed[2], now, world.after(60)),
        retrying(&owed[3], now, world.after(90)),
    ];
    world.settle(rows.map(|row| batched(batch, row))).await;
    let opened = world
        .store()
        .reopen(&world.tenant, ids(&owed[..3]), Origin::Redeliver, now);
    assert_eq!(opened.await, Ok(vec![Reopened::Redelivered; 3]));
    world.crash().await;
    let taken = world.take_due().await;
    check(&taken[..2], &[&owed[0], &owed[1]], None);
    check(&taken[2..], &[&owed[2], &owed[3]], Some(batch));
}

pub async fn ids_begin_above_the_batches_that_wait_also_after_a_crash(world: &mut World) {
    let waiting = world.publish_one(world.subscribe().await).await;
    let batch = BatchId::at(world.fresh_id().place().forward(1000));
    let row = batched(batch, parked(&waiting, world.now, Parking::Taken));
    world.settle([row]).await;
    world.crash().await;
    assert!(fresh_batch(world) > batch);
}
