//! What is replayed: behind what is new, and without a word about the endpoint's health.

use posthaste::{
    circuit::{Circuit, OPENS_AFTER, PROBE_WAIT_MIN},
    delivery::Health,
    subscription::BatchLimits,
};

use super::*;

const SUBSCRIPTION: SubscriptionId = SubscriptionId::from_u64(1);

/// Deliveries that a replay opened again, as they come from the due index.
fn replayed(n: std::ops::RangeInclusive<u64>) -> Input {
    let taken = n.map(|n| Waiting {
        origin: Origin::Replay,
        ..waiting(1, n)
    });
    Input::Due {
        at_most: TAKE,
        taken: taken.collect(),
        next_at: None,
    }
}

impl World {
    fn health(&self) -> Health {
        let lane = self.scheduler.lanes.get(SUBSCRIPTION);
        lane.expect("a lane").health
    }

    /// Ends every attempt under way.
    fn finish_all(&mut self, outcome: Outcome) {
        for id in self.scheduler.held_in_flight() {
            self.finish(id, outcome);
        }
    }
}

fn without_retries(health: Health) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(Subscription {
        retry: RetryPolicy::preset(posthaste::retry::Preset::None),
        health,
        ..subscription(1)
    }))
}

#[test]
fn failures_and_successes_of_a_replay_count_for_nothing() {
    let ill = Health {
        unhealthy: true,
        consecutive_failures: 1,
        failed_attempts_in_a_row: OPENS_AFTER - 1,
        ..Health::default()
    };
    for outcome in [REFUSED, OK] {
        for before in [ill, Health::default()] {
            let mut world = World::new(Bounds::default(), vec![without_retries(before)]);
            world.tell(replayed(1..=10));
            for _ in 0..10 {
                world.finish_all(outcome);
            }
            assert_eq!(world.health(), before, "{outcome:?}");
            let lane = world.scheduler.lanes.get(SUBSCRIPTION).unwrap();
            assert!(lane.is_active());
        }
    }
}

#[test]
fn a_replay_that_fails_ends_as_a_dead_letter_that_is_told() {
    let mut world = World::new(Bounds::default(), vec![without_retries(Health::default())]);
    world.tell(replayed(1..=1));
    world.finish(delivery(1), REFUSED);
    assert_eq!(world.settled(), [(delivery(1), Standing::Failed)]);
    let told = world.effects.iter().any(|effect| match effect {
        Effect::Alert(alert) => matches!(alert.news, News::DeliveryFailed { .. }),
        _ => false,
    });
    assert!(told);
}

#[test]
fn a_replay_that_is_the_probe_decides_the_circuit() {
    let probe_at = START + Duration::from_secs(5);
    let open = Health {
        unhealthy: true,
        failed_attempts_in_a_row: OPENS_AFTER,
        circuit: Circuit::Open {
            probe_at,
            wait: PROBE_WAIT_MIN,
        },
        ..Health::default()
    };
    for (outcome, closes) in [(OK, true), (REFUSED, false)] {
        let mut world = World::new(Bounds::default(), vec![without_retries(open)]);
        world.now = probe_at;
        world.tell(replayed(1..=3));
        assert_eq!(world.sent().len(), 1, "one probe");
        world.finish(delivery(1), outcome);
        let health = world.health();
        assert_eq!(health.circuit == Circuit::Closed, closes);
        assert_eq!(health.unhealthy, !closes);
        assert_eq!(health.consecutive_failures, 0, "a dead letter of a replay");
        assert_ne!(health.circuit, open.circuit, "the next probe is later");
    }
}

#[test]
fn a_410_and_a_retry_after_are_followed_whoever_asks() {
    let mut world = World::new(Bounds::default(), vec![without_retries(Health::default())]);
    world.tell(replayed(1..=5));
    let busy = Outcome::Refused {
        class: FailureClass::Http,
        status: Some(429),
        retry_after: Some(Duration::from_secs(60)),
    };
    world.finish(delivery(1), busy);
    assert!(world.sent().is_empty());
    let until = world.now + Duration::from_secs(60);
    assert_eq!(world.health().wait_until, Some(until));
    world.finish(delivery(2), Outcome::Gone);
    let lane = world.scheduler.lanes.get(SUBSCRIPTION).unwrap();
    let gone = SubscriptionStatus::Paused(PauseReason::Gone);
    assert_eq!((lane.status, world.health().unhealthy), (gone, false));
}

#[test]
fn a_new_event_does_not_wait_behind_a_thousand_replayed_ones() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    world.tell(replayed(1..=1000));
    world.accept([waiting(1, 2000)]);
    let mut before = 0;
    while !world.sent().contains(&delivery(2000)) {
        before += 1;
        let next = world.scheduler.held_in_flight()[0];
        world.finish(next, OK);
    }
    assert!(before <= 2, "{before} of the others left first");
}

#[test]
fn new_events_stay_in_memory_although_a_replay_has_filled_its_share() {
    let bounds = Bounds {
        deliveries: 90,
        ..Bounds::default()
    };
    let mut world = World::new(bounds, vec![subscriber(1)]);
    world.tell(replayed(1..=80));
    let held = world.scheduler.load().held;
    assert!((40..=50).contains(&held), "half: {held}");
    world.accept((101..=110).map(|n| waiting(1, n)));
    assert!(world.settled().is_empty(), "none goes to the shelf");
    assert_eq!(world.scheduler.load().held, held + 10);
}

#[test]
fn batches_of_new_events_and_of_replayed_ones_leave_in_turn() {
    let batching = Arc::new(Subscriber::new(Subscription {
        batch: Some(BatchLimits {
            max_events: 3,
            ..BatchLimits::default()
        }),
        max_in_flight: 1,
        ..subscription(1)
    }));
    let mut world = World::new(Bounds::default(), vec![batching]);
    world.tell(replayed(1..=30));
    let formed = |world: &World| {
        let formed = world.effects.iter().find_map(|effect| match effect {
            Effect::Form(settlements) => Some(settlements[0].id),
            _ => None,
        });
        formed.expect("a batch")
    };
    let leader = formed(&world);
    assert_eq!(leader, delivery(1));
    world.accept((101..=103).map(|n| waiting(1, n)));
    world.tell(Input::Formed {
        leader,
        batch: posthaste::id::BatchId::from_u64(77),
    });
    world.finish(leader, OK);
    assert_eq!(formed(&world), delivery(101), "the new ones are next");
}
