//! Rollups: what was settled is counted in its minute, at once, once, and for good.

use std::collections::BTreeMap;

use posthaste::{
    chance::Chance,
    delivery::Discard,
    event::{Origin, TenantId},
    id::SubscriptionId,
};

use super::{
    World,
    fixtures::{delivered, discarded, failed, late, owed, parked, retrying},
};
use crate::{
    record::{Parking, Settlement, Waiting},
    rollup::{self, Level, Minute, Rollup, Tally},
};

/// All there is of a tenant or a subscription.
async fn all(world: &World, of: Option<SubscriptionId>, level: Level) -> Vec<(Minute, Rollup)> {
    let (from, to) = (Minute::from_u32(0), Minute::from_u32(u32::MAX));
    let store = world.store();
    let found = store.rollups(&world.tenant, of, from, to, level);
    found.await.unwrap()
}

/// What was counted in all: delivered, failed, discarded, attempts.
async fn sums(world: &World, of: Option<SubscriptionId>) -> [u64; 4] {
    let mut sum = Rollup::default();
    for (_, rollup) in all(world, of, Level::Minute).await {
        sum.merge(&rollup);
    }
    [sum.delivered, sum.failed, sum.discarded, sum.attempts]
}

fn after(waiting: &Waiting, settlement: &Settlement) -> Waiting {
    Waiting {
        tries: settlement.tries,
        ..waiting.clone()
    }
}

pub async fn each_outcome_is_counted_in_its_minute_at_once_and_after_a_crash(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 5]).await);
    let accepted = owed[0].event.id.time();
    let later = retrying(&owed[1], world.now, world.after(61));
    world
        .settle([
            delivered(&owed[0], world.now),
            later.clone(),
            discarded(&owed[2], world.now, Discard::Disabled),
            parked(&owed[3], world.now, Parking::Shelved),
        ])
        .await;
    let first = Minute::of(world.now);
    world.pass(61);
    let retried = delivered(&after(&owed[1], &later), world.now);
    world.settle([retried, failed(&owed[4], world.now)]).await;
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        let found = all(world, Some(to), Level::Minute).await;
        assert_eq!(found, all(world, None, Level::Minute).await);
        let [(at, one), (then, two)] = &found[..] else {
            panic!("two minutes, not {found:?}");
        };
        assert_eq!((*at, *then), (first, Minute::of(world.now)));
        let ended = (one.delivered, one.failed, one.discarded, one.attempts);
        assert_eq!(ended, (1, 0, 1, 2));
        let ended = (two.delivered, two.failed, two.discarded, two.attempts);
        assert_eq!(ended, (1, 1, 0, 2));
        assert_eq!((one.within_24h, two.within_24h), (1, 1));
        assert_eq!((one.latency.total(), one.retried.total()), (1, 0));
        assert_eq!((two.latency.total(), two.retried.total()), (0, 1));
        let latency = two.retried.quantile_us(1.0).expect("one");
        let exact_us = world.now.since(accepted).as_secs_f64() * 1e6 + 1234.0;
        assert!((0.8..1.2).contains(&(latency / exact_us)), "{latency}");
        let reasons = [one, two].map(|rollup| {
            let reasons = rollup.reasons.iter();
            let reasons = reasons.map(|(reason, count)| format!("{reason}: {count}"));
            reasons.collect::<Vec<_>>()
        });
        assert_eq!(reasons, [vec!["timeout: 1"], vec!["http 500: 1"]]);
    }
}

pub async fn a_test_is_not_counted_and_what_is_ignored_is_not_either(world: &mut World) {
    let to = world.subscribe().await;
    let mut draft = world.draft(&[to]);
    let mut event = (*draft.event).clone();
    event.details.test = true;
    draft.event = event.into();
    let mut trial = owed(&world.publish_draft(draft).await).remove(0);
    trial.origin = Origin::Test;
    world.settle([failed(&trial, world.now)]).await;
    let known = world.publish_one(to).await;
    let others = Settlement {
        tenant: "acme".parse().expect("a tenant's id"),
        ..delivered(&known, world.now)
    };
    world.settle([others]).await;
    assert_eq!(all(world, None, Level::Minute).await, []);
    world.become_tenant("acme").await;
    assert_eq!(all(world, None, Level::Minute).await, []);
}

pub async fn what_is_sent_again_counts_again_and_leaves_latencies_alone(world: &mut World) {
    let to = world.subscribe().await;
    let stored = world.publish(&[to]).await;
    let first = owed(&stored).remove(0);
    world.settle([failed(&first, world.now)]).await;
    let origin = Origin::Redeliver;
    let store = world.store();
    let opened = store.reopen(&world.tenant, vec![first.id], origin, world.now);
    opened.await.unwrap();
    world.pass(25 * 3600);
    let again = world.take_due().await.remove(0);
    let replayed = late(world.fresh_id(), to, &stored);
    world
        .settle([
            delivered(&again, world.now),
            delivered(&replayed, world.now),
        ])
        .await;
    assert_eq!(sums(world, Some(to)).await, [2, 1, 0, 3]);
    for (_, rollup) in all(world, Some(to), Level::Minute).await {
        assert_eq!(rollup.latency.total() + rollup.retried.total(), 0);
        assert_eq!(rollup.within_24h, 0);
    }
}

pub async fn what_is_discarded_where_it_is_parked_is_counted(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 5]).await);
    let now = world.now;
    let mut trial = parked(&owed[3], now, Parking::Due(now));
    trial.origin = Origin::Test;
    world
        .settle([
            parked(&owed[0], now, Parking::Shelved),
            retrying(&owed[1], now, world.after(5)),
            parked(&owed[2], now, Parking::Shelved),
            trial,
        ])
        .await;
    world.delete(to).await;
    world.pass(120);
    let why = Discard::Deleted;
    for at_most in [1, 10] {
        let store = world.store();
        let done = store.discard_parked(to, why, world.now, at_most);
        done.await.unwrap();
    }
    world.crash().await;
    assert_eq!(sums(world, Some(to)).await, [0, 0, 3, 1]);
    let minutes = all(world, None, Level::Minute).await;
    assert_eq!(minutes[1].0, Minute::of(world.now));
    assert_eq!(minutes[1].1.discarded, 3);
}

pub async fn what_is_settled_again_because_an_answer_was_lost_counts_once(world: &mut World) {
    let to = world.subscribe().await;
    let owed = owed(&world.publish(&[to; 4]).await);
    let now = world.now;
    let later = retrying(&owed[1], now, world.after(5));
    let last = failed(&after(&owed[1], &later), now);
    let outcomes = [
        delivered(&owed[0], now),
        later,
        discarded(&owed[2], now, Discard::Disabled),
        parked(&owed[3], now, Parking::Taken),
    ];
    world.settle(outcomes.clone()).await;
    let once = all(world, None, Level::Minute).await;
    assert_eq!(sums(world, Some(to)).await, [1, 0, 1, 2]);
    world.settle(outcomes.clone()).await;
    assert_eq!(all(world, None, Level::Minute).await, once);
    world.settle([last.clone()]).await;
    world.settle([last]).await;
    world.crash().await;
    world.settle(outcomes).await;
    assert_eq!(sums(world, Some(to)).await, [1, 1, 1, 3]);
    world.settle([failed(&owed[3], now)]).await;
    assert_eq!(sums(world, Some(to)).await, [1, 2, 1, 4]);
}

pub async fn tenants_and_subscriptions_are_counted_apart(world: &mut World) {
    let (one, other) = (world.subscribe().await, world.subscribe().await);
    let owed_here = owed(&world.publish(&[one, other]).await);
    world
        .settle([
            delivered(&owed_here[0], world.now),
            failed(&owed_here[1], world.now),
        ])
        .await;
    let default = world.tenant.clone();
    world.become_tenant("acme").await;
    let theirs = world.publish_one(world.subscribe().await).await;
    world.settle([delivered(&theirs, world.now)]).await;
    for crashed in [false, true] {
        if crashed {
            world.crash().await;
        }
        assert_eq!(sums(world, None).await, [1, 0, 0, 1]);
        assert_eq!(sums(world, Some(one)).await, [0; 4], "another tenant's");
        let acme = std::mem::replace(&mut world.tenant, default.clone());
        assert_eq!(sums(world, None).await, [1, 1, 0, 2]);
        assert_eq!(sums(world, Some(one)).await, [1, 0, 0, 1]);
        assert_eq!(sums(world, Some(other)).await, [0, 1, 0, 1]);
        assert_eq!(sums(world, Some(theirs.subscription)).await, [0; 4]);
        world.tenant = acme;
    }
    world.tenant = "nobody".parse().expect("a tenant's id");
    assert_eq!(sums(world, None).await, [0; 4]);
}

/// Random settlements over some hours, with crashes anywhere between them.
pub async fn minutes_and_hours_are_exact_at_every_moment_however_often_it_crashes(
    world: &mut World,
) {
    let given = std::env::var("POSTHASTE_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("POSTHASTE_SEED is a number"));
    let seed = given.unwrap_or_else(|| Chance::from_system().bits());
    eprintln!("POSTHASTE_SEED={seed}");
    let chance = Chance::seeded(seed);
    let mut subscriptions = Vec::new();
    for tenant in ["default", "acme", "default", "acme", "acme"] {
        world.become_tenant(tenant).await;
        subscriptions.push((world.tenant.clone(), world.subscribe().await));
    }
    let mut made: Vec<Settlement> = Vec::new();
    for _ in 0..60 {
        let (tenant, to) = subscriptions[chance.bits() as usize % 5].clone();
        world.tenant = tenant;
        let group = random_outcomes(world, to, &chance).await;
        world.settle(group.clone()).await;
        made.extend(group);
        match chance.bits() % 8 {
            0 => world.crash().await,
            1 => check(world, &subscriptions, &made, Level::Minute).await,
            2 => check(world, &subscriptions, &made, Level::Hour).await,
            _ => {}
        }
    }
    world.crash().await;
    check(world, &subscriptions, &made, Level::Minute).await;
    check(world, &subscriptions, &made, Level::Hour).await;
}

async fn random_outcomes(world: &World, to: SubscriptionId, chance: &Chance) -> Vec<Settlement> {
    let count = 1 + chance.bits() as usize % 8;
    let owed = owed(&world.publish(&vec![to; count]).await);
    let outcomes = owed.iter().map(|waiting| {
        let at = world.after(chance.bits() % (4 * 3600));
        match chance.bits() % 4 {
            0 => failed(waiting, at),
            1 => retrying(waiting, at, at),
            2 => discarded(waiting, at, Discard::Expired),
            _ => delivered(waiting, at),
        }
    });
    outcomes.collect()
}

/// Of some subscriptions, in short, as each of them has it by itself.
async fn check_in_short(
    world: &World,
    tenant: &TenantId,
    subscriptions: &[SubscriptionId],
    window: (Minute, Minute),
    level: Level,
) {
    let store = world.store();
    let mut expected = Vec::new();
    for &id in subscriptions {
        let found = store.rollups(tenant, Some(id), window.0, window.1, level);
        let found = found.await.unwrap().into_iter();
        expected.extend(found.map(|(at, rollup)| (id, at, Tally::of(&rollup))));
    }
    let asked = subscriptions.to_vec();
    let found = store.tallies(tenant, asked, window.0, window.1, level);
    assert_eq!(found.await.unwrap(), expected);
}

pub async fn subscriptions_are_told_together_in_short_as_each_is_by_itself(world: &mut World) {
    let (one, other) = (world.subscribe().await, world.subscribe().await);
    let (from, to) = (Minute::of(world.now), Minute::of(world.after(7200)));
    for n in 0..30 {
        let owed = owed(&world.publish(&[one, other]).await);
        let outcomes = [delivered(&owed[0], world.now), failed(&owed[1], world.now)];
        world.settle(outcomes).await;
        world.pass(300);
        if n % 10 == 9 {
            world.crash().await;
        }
    }
    let default = world.tenant.clone();
    for level in [Level::Minute, Level::Hour] {
        for ids in [
            &[other, one][..],
            &[one],
            &[],
            &[SubscriptionId::from_u64(1)],
        ] {
            check_in_short(world, &default, ids, (from, to), level).await;
        }
    }
    let acme: TenantId = "acme".parse().expect("a tenant's id");
    world.become_tenant("acme").await;
    let found = world
        .store()
        .tallies(&acme, vec![one], from, to, Level::Hour);
    assert_eq!(found.await.unwrap(), [], "another tenant's");
}

/// Whole, and a window of it; of each subscription, and of each tenant.
async fn check(
    world: &mut World,
    subscriptions: &[(TenantId, SubscriptionId)],
    made: &[Settlement],
    level: Level,
) {
    let from = Minute::of(world.after(3600)).aligned(60);
    let to = from.plus(120);
    let counted = rollup::of(made);
    for (tenant, subscription) in subscriptions {
        for of in [None, Some(*subscription)] {
            let mut expected = BTreeMap::<Minute, Rollup>::new();
            for ((whose, which, minute), rollup) in &counted {
                if whose == tenant && of.is_none_or(|of| of == *which) {
                    let start = minute.aligned(level.minutes());
                    expected.entry(start).or_default().merge(rollup);
                }
            }
            world.tenant = tenant.clone();
            let whole: Vec<_> = expected.clone().into_iter().collect();
            assert_eq!(all(world, of, level).await, whole);
            let store = world.store();
            let window = store.rollups(tenant, of, from, to, level).await;
            let part: Vec<_> = expected.range(from..to).collect();
            let found = window.unwrap();
            assert_eq!(
                found.iter().map(|(at, of)| (at, of)).collect::<Vec<_>>(),
                part
            );
        }
        let ids: Vec<_> = subscriptions.iter().map(|(_, id)| *id).collect();
        check_in_short(world, tenant, &ids, (from, to), level).await;
    }
}
