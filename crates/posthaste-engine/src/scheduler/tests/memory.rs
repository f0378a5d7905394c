//! How much is held in memory, and what is written before it is lost.

use super::*;

#[test]
fn memory_is_bounded_and_what_is_over_the_bound_is_shelved_and_fetched_again() {
    let bounds = Bounds {
        deliveries: 16,
        in_flight: 1,
        ..Bounds::default()
    };
    let mut world = World::new(bounds, (1..=8).map(subscriber).collect());
    world.accept((1..=8).flat_map(|s| (1..=6).map(move |n| waiting(s, s * 100 + n))));
    let held = world.scheduler.load().held;
    assert!((8..=16).contains(&held), "{held}");
    let parked = world.settled();
    assert_eq!(parked.len(), 48 - held);
    assert!(
        parked
            .iter()
            .all(|(_, standing)| *standing == shelved(None))
    );
    let subscription = SubscriptionId::from_u64(8);
    world.tell(Input::Shelved {
        subscription,
        ids: (1..=6).map(delivery).collect(),
    });
    let mut fetched = world.fetched();
    while world.scheduler.load().held > 0 {
        let under_way = world.scheduler.held_in_flight();
        world.finish(under_way[0], OK);
        fetched.extend(world.fetched());
    }
    let ids: Vec<SubscriptionId> = fetched.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [subscription], "once, until it is answered");
    assert!(fetched[0].1 <= 8, "no more than there is room for");
}

#[test]
fn however_many_queues_do_not_drain_another_subscription_finds_room() {
    let bounds = Bounds {
        deliveries: 1000,
        ..Bounds::default()
    };
    let mut world = World::new(bounds, (1..=10).map(subscriber).collect());
    for stuck in 1..=9 {
        world.accept((1..=1000).map(|n| waiting(stuck, stuck * 10_000 + n)));
    }
    assert!(
        world.scheduler.load().has_room,
        "what is due is still fetched"
    );
    world.accept([waiting(10, 1)]);
    assert_eq!(world.sent(), [waiting(10, 1).id]);
}

#[test]
fn a_few_large_events_fill_no_more_than_their_share_of_the_bytes() {
    let bounds = Bounds {
        bytes: 64 * 1024,
        ..Bounds::default()
    };
    let mut world = World::new(bounds, vec![subscriber(1), subscriber(2)]);
    let large = |n| {
        let mut waiting = waiting(1, n);
        let data = format!("\"{}\"", "x".repeat(8 * 1024));
        let event = Event {
            data: RawJson::parse(data, 1).unwrap(),
            ..(*waiting.event).clone()
        };
        waiting.event = Arc::new(event);
        waiting
    };
    world.accept((1..=20).map(large));
    assert!(world.scheduler.load().held <= 5, "about half of the bytes");
    world.accept([waiting(2, 99)]);
    assert_eq!(world.sent(), [waiting(2, 99).id]);
}

#[test]
fn nothing_is_sent_or_fetched_while_outcomes_cannot_be_written() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    world.accept((1..=20_000).map(|n| waiting(1, n)));
    let mut under_way = VecDeque::from(world.sent());
    for _ in 0..UNSETTLED_MAX {
        world.finish(under_way.pop_front().unwrap(), OK);
        under_way.extend(world.sent());
    }
    assert!(world.sent().is_empty());
    world.pass(POLL * 2);
    assert!(!world.asks_for_due());
    world.tell(Input::Settled(UNSETTLED_MAX));
    assert_eq!(world.sent().len(), 1, "the other slot was never given back");
    assert!(world.asks_for_due());
}

#[test]
fn a_delivery_that_comes_back_with_a_row_is_not_given_another() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    world.accept([waiting(1, 1), waiting(1, 2), waiting(1, 3)]);
    let id = SubscriptionId::from_u64(1);
    let paused = SubscriptionStatus::Paused(PauseReason::Manual);
    world.tell(Input::Changed {
        subscriber: with_status(1, paused),
        resumed: false,
    });
    world.tell(Input::Changed {
        subscriber: subscriber(1),
        resumed: true,
    });
    world.tell(Input::Shelf {
        at_most: TAKE,
        subscription: id,
        taken: vec![waiting(1, 3)],
        part: ShelfPart::Any,
        next: None,
    });
    assert_eq!(world.scheduler.load().without_row, 2);
    world.pass(Bounds::default().unparked_for);
    assert_eq!(world.settled().len(), 2, "the two under way");
    assert_eq!(world.scheduler.load().without_row, 0);
}

#[test]
fn a_subscription_fills_no_more_than_its_share_of_the_memory() {
    let bounds = Bounds {
        deliveries: 40,
        ..Bounds::default()
    };
    let mut world = World::new(bounds, vec![subscriber(1), subscriber(2)]);
    world.accept((1..=30).map(|n| waiting(1, n)));
    assert_eq!(world.scheduler.load().held, 20);
    assert_eq!(world.settled().len(), 10);
    world.accept([waiting(2, 99)]);
    assert_eq!(
        world.sent(),
        [waiting(2, 99).id],
        "others are not in its way"
    );
}

#[test]
fn what_stays_long_without_a_row_is_given_one_and_stays() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    world.accept([waiting(1, 1), waiting(1, 2), waiting(1, 3)]);
    let age = Bounds::default().unparked_for;
    assert_eq!(
        world.scheduler.wake_at(START),
        START + POLL,
        "the poll comes first"
    );
    world.finish(waiting(1, 1).id, OK);
    world.pass(age);
    let taken = Standing::Waiting {
        retry_at: None,
        parking: Parking::Taken,
    };
    assert_eq!(
        world.settled(),
        [(waiting(1, 2).id, taken), (waiting(1, 3).id, taken)]
    );
    assert_eq!(world.scheduler.load().without_row, 0);
    assert_eq!(world.scheduler.load().held, 2);
    world.pass(age);
    assert!(world.settled().is_empty(), "once is enough");
    assert!(world.scheduler.wake_at(world.now) > world.now);
}
