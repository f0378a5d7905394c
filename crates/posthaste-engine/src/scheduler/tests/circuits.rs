//! Endpoints that fail: the circuit, the wait that a receiver asks for, and the ramp after it.

use posthaste::circuit::{OPENS_AFTER, PROBE_WAIT_MIN};

use super::*;

fn subscriber_without_retries() -> Arc<Subscriber> {
    Arc::new(Subscriber::new(Subscription {
        retry: RetryPolicy::preset(posthaste::retry::Preset::None),
        auto_pause_after: 0,
        max_in_flight: 8,
        ..subscription(1)
    }))
}

const SUBSCRIPTION: SubscriptionId = SubscriptionId::from_u64(1);

impl World {
    /// All that is shelved is there, and is handed out when it is asked for.
    fn unshelve(&mut self, taken: Vec<Waiting>) {
        self.tell(Input::Shelf {
            subscription: SUBSCRIPTION,
            part: ShelfPart::Any,
            at_most: TAKE,
            next: Some(1),
            taken,
        });
    }
}

/// A world whose endpoint has just failed for the fiftieth time in a row.
fn opened() -> World {
    let mut world = World::new(Bounds::default(), vec![subscriber_without_retries()]);
    world.accept((1..=60).map(|n| waiting(1, n)));
    for _ in 0..OPENS_AFTER {
        let under_way = world.scheduler.held_in_flight();
        world.finish(under_way[0], REFUSED);
    }
    world
}

fn alerts(world: &World) -> Vec<News> {
    let alerts = world.effects.iter().filter_map(|effect| match effect {
        Effect::Alert(alert) => Some(alert.news.clone()),
        _ => None,
    });
    alerts.collect()
}

#[test]
fn an_open_circuit_lets_one_probe_through_and_the_others_spend_nothing() {
    let mut world = opened();
    assert!(matches!(
        alerts(&world)[..],
        [News::DeliveryFailed { .. }, News::CircuitOpened { .. }]
            | [News::CircuitOpened { .. }, News::DeliveryFailed { .. }]
    ));
    let parked: Vec<_> = world.settled().into_iter().skip(1).collect();
    assert_eq!(parked.len(), 3, "60 less 50 and the seven under way");
    assert!(
        parked
            .iter()
            .all(|(_, standing)| *standing == shelved(None))
    );
    world.accept([waiting(1, 99)]);
    assert_eq!(world.settled(), [(delivery(99), shelved(None))]);
    let under_way = world.scheduler.held_in_flight();
    under_way
        .into_iter()
        .for_each(|id| world.finish(id, REFUSED));
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: vec![delivery(58)],
    });
    assert!(world.fetched().is_empty(), "not before its time");
    assert_eq!(
        world.scheduler.lanes.wakes_at(),
        Some(START + PROBE_WAIT_MIN)
    );
    world.pass(PROBE_WAIT_MIN);
    assert_eq!(world.fetched(), [(SUBSCRIPTION, 1)], "the oldest");
    world.unshelve(vec![waiting(1, 58)]);
    assert_eq!(world.sent(), [delivery(58)]);
    world.accept([waiting(1, 100)]);
    assert!(world.sent().is_empty(), "one at a time");
}

#[test]
fn a_failed_probe_waits_twice_as_long_and_a_good_one_begins_a_ramp() {
    let mut world = opened();
    let under_way = world.scheduler.held_in_flight();
    under_way
        .into_iter()
        .for_each(|id| world.finish(id, REFUSED));
    world.pass(PROBE_WAIT_MIN);
    world.unshelve(vec![waiting(1, 58)]);
    world.finish(delivery(58), REFUSED);
    let again = world.now + PROBE_WAIT_MIN * 2;
    assert_eq!(world.scheduler.lanes.wakes_at(), Some(again));
    world.pass(PROBE_WAIT_MIN * 2);
    world.unshelve(vec![waiting(1, 59)]);
    let under_way = world.scheduler.held_in_flight();
    world.finish(*under_way.last().unwrap(), OK);
    assert_eq!(alerts(&world), [News::CircuitClosed]);
    let under_way = world.scheduler.held_in_flight();
    under_way.into_iter().for_each(|id| world.finish(id, OK));
    world.unshelve((101..=200).map(|n| waiting(1, n)).collect());
    let mut windows = vec![world.scheduler.load().in_flight];
    for _ in 0..3 {
        let under_way = world.scheduler.held_in_flight();
        under_way.into_iter().for_each(|id| world.finish(id, OK));
        windows.push(world.scheduler.load().in_flight);
    }
    assert!(windows.is_sorted() && windows[0] < 8, "{windows:?}");
}

#[test]
fn a_wait_that_a_receiver_asks_for_holds_for_the_whole_subscription() {
    let mut world = World::new(Bounds::default(), vec![subscriber_without_retries()]);
    world.accept((1..=10).map(|n| waiting(1, n)));
    let wait = Duration::from_secs(5);
    world.finish(
        delivery(1),
        Outcome::Refused {
            class: FailureClass::Http,
            status: Some(429),
            retry_after: Some(wait),
        },
    );
    let parked = world.settled().into_iter().skip(1);
    assert_eq!(
        parked.collect::<Vec<_>>(),
        [(delivery(9), shelved(None)), (delivery(10), shelved(None))]
    );
    world.finish(delivery(2), OK);
    assert!(world.sent().is_empty(), "another's success does not end it");
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: vec![delivery(9), delivery(10)],
    });
    world.pass(wait / 2);
    assert!(world.fetched().is_empty());
    world.pass(wait / 2);
    assert_eq!(world.fetched().len(), 1);
}

#[test]
fn an_old_attempt_that_succeeds_opens_the_way_for_what_was_shelved() {
    let mut world = opened();
    let under_way = world.scheduler.held_in_flight();
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: vec![delivery(58)],
    });
    assert!(world.fetched().is_empty());
    world.finish(under_way[0], OK);
    assert_eq!(world.fetched().len(), 1);
}

#[test]
fn what_began_before_the_circuit_opened_neither_keeps_the_probe_back_nor_is_one() {
    let mut world = opened();
    let old = world.scheduler.held_in_flight();
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: vec![delivery(58)],
    });
    world.pass(PROBE_WAIT_MIN);
    world.unshelve(vec![waiting(1, 58)]);
    assert_eq!(world.sent(), [delivery(58)]);
    world.tell(Input::Finished(Box::new(Finished {
        delivery: old[0],
        outcome: REFUSED,
        attempt: Box::new(Attempt {
            started_at: START,
            ..Attempt::default()
        }),
        links: Default::default(),
        draw: 0.0,
    })));
    let lane = world.scheduler.lanes.get(SUBSCRIPTION).unwrap();
    assert_eq!(
        lane.shut_until(world.now),
        None,
        "the probe is still to tell"
    );
    assert!(world.sent().is_empty());
}
