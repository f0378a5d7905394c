//! Attempts: when they leave, and what becomes of their deliveries.

use super::*;

#[test]
fn subscriptions_take_turns_within_their_slots() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1), subscriber(2)]);
    let deliveries = [waiting(1, 1), waiting(1, 2), waiting(1, 3), waiting(2, 4)];
    world.accept(deliveries.clone());
    let expected = [&deliveries[0], &deliveries[3], &deliveries[1]].map(|w| w.id);
    assert_eq!(world.sent(), expected, "two slots each");
    world.finish(deliveries[0].id, OK);
    assert_eq!(world.settled(), [(deliveries[0].id, Standing::Delivered)]);
    assert_eq!(world.sent(), [deliveries[2].id]);
}

#[test]
fn no_more_attempts_are_under_way_than_all_subscriptions_may_have() {
    let bounds = Bounds {
        in_flight: 3,
        ..Bounds::default()
    };
    let mut world = World::new(bounds, (1..=10).map(subscriber).collect());
    world.accept((1..=10).map(|n| waiting(n, n)));
    assert_eq!(world.sent().len(), 3);
    assert_eq!(world.scheduler.load().in_flight, 3);
}

#[test]
fn a_failed_attempt_is_parked_until_its_retry_and_a_spent_one_is_a_dead_letter() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    let mut delivery = waiting(1, 1);
    world.accept([delivery.clone()]);
    for spent in 1..=2 {
        world.finish(delivery.id, REFUSED);
        let at = world.now + Duration::from_secs(spent);
        let standing = Standing::Waiting {
            retry_at: Some(at),
            parking: Parking::Due(at),
        };
        assert_eq!(world.settled(), [(delivery.id, standing)]);
        world.tell(Input::DueAt(at));
        assert_eq!(world.scheduler.wake_at(world.now), at.min(world.now + POLL));
        assert!(!world.asks_for_due());
        world.now = at;
        world.tell(Input::Tick);
        assert!(world.asks_for_due());
        delivery.tries = delivery.tries.one_more();
        delivery.retry_at = Some(at);
        world.tell(Input::Due {
            at_most: TAKE,
            taken: vec![delivery.clone()],
            next_at: None,
        });
        assert_eq!(world.sent(), [delivery.id]);
    }
    world.finish(delivery.id, REFUSED);
    assert_eq!(world.settled(), [(delivery.id, Standing::Failed)]);
    assert_eq!(world.scheduler.load().held, 0);
}

#[test]
fn the_store_is_asked_every_second_although_no_hint_came() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    world.pass(POLL / 2);
    assert!(!world.asks_for_due());
    world.pass(POLL / 2);
    assert!(world.asks_for_due());
    world.pass(POLL * 2);
    assert!(!world.asks_for_due(), "the answer is still to come");
}

#[test]
fn a_delivery_that_comes_twice_is_held_once() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    world.accept([waiting(1, 1), waiting(1, 1)]);
    assert_eq!(world.sent(), [waiting(1, 1).id]);
    assert_eq!(world.scheduler.load().held, 1);
}

#[test]
fn a_drain_sends_nothing_new_and_lets_what_is_under_way_end() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    world.accept([waiting(1, 1), waiting(1, 2), waiting(1, 3)]);
    world.tell(Input::Drain);
    world.finish(waiting(1, 1).id, OK);
    assert!(world.sent().is_empty());
    assert_eq!(world.settled(), [(waiting(1, 1).id, Standing::Delivered)]);
    world.tell(Input::DueAt(START));
    assert!(!world.asks_for_due());
}
