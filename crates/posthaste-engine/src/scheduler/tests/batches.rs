//! Several deliveries in one request.

use posthaste::{id::BatchId, subscription::BatchLimits};

use super::*;

fn batching(limits: BatchLimits) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(Subscription {
        batch: Some(limits),
        max_in_flight: 1,
        ..subscription(1)
    }))
}

fn limits(max_events: u32) -> BatchLimits {
    BatchLimits {
        max_events,
        ..BatchLimits::default()
    }
}

const BATCH: BatchId = BatchId::from_u64(77);

impl World {
    fn formed(&self) -> Vec<DeliveryId> {
        let formed = self.effects.iter().filter_map(|effect| match effect {
            Effect::Form(settlements) => Some(settlements.iter().map(|settlement| settlement.id)),
            _ => None,
        });
        formed.flatten().collect()
    }

    /// All that leave in one request.
    fn together(&self) -> Vec<DeliveryId> {
        let sent = self.effects.iter().find_map(|effect| match effect {
            Effect::Send(assignment) => Some(assignment),
            _ => None,
        });
        let sent = sent.map(|a| {
            a.rest.iter().fold(vec![a.waiting.id], |mut all, waiting| {
                all.push(waiting.id);
                all
            })
        });
        sent.unwrap_or_default()
    }

    fn form(&mut self, leader: DeliveryId) {
        self.tell(Input::Formed {
            leader,
            batch: BATCH,
        });
    }
}

#[test]
fn a_batch_leaves_when_it_is_full_or_its_first_has_waited_long_enough() {
    let mut world = World::new(Bounds::default(), vec![batching(limits(3))]);
    world.accept((1..=2).map(|n| waiting(1, n)));
    assert!(world.formed().is_empty());
    world.pass(Duration::from_millis(500));
    world.accept((3..=4).map(|n| waiting(1, n)));
    assert_eq!(world.formed(), [1, 2, 3].map(delivery), "full");
    assert!(world.together().is_empty(), "it is not on disk yet");
    world.form(delivery(1));
    assert_eq!(world.together(), [1, 2, 3].map(delivery));
    world.finish(delivery(1), OK);
    assert_eq!(
        world.settled(),
        [1, 2, 3].map(|n| (delivery(n), Standing::Delivered))
    );
    let ripe_at = START + Duration::from_millis(1500);
    assert_eq!(world.scheduler.lanes.wakes_at(), Some(ripe_at));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.formed(), [delivery(4)]);
}

#[test]
fn a_batch_holds_no_more_bytes_than_it_may_but_one_event_at_least() {
    let few_bytes = BatchLimits {
        max_bytes: 1500,
        ..limits(100)
    };
    let mut world = World::new(Bounds::default(), vec![batching(few_bytes)]);
    world.accept((1..=5).map(|n| waiting(1, n)));
    assert_eq!(world.formed(), [1, 2].map(delivery));
    let no_bytes = BatchLimits {
        max_bytes: 1,
        ..limits(100)
    };
    let mut world = World::new(Bounds::default(), vec![batching(no_bytes)]);
    world.accept((1..=5).map(|n| waiting(1, n)));
    assert_eq!(world.formed(), [delivery(1)]);
}

#[test]
fn a_batch_that_fails_is_tried_again_as_it_was() {
    let mut world = World::new(Bounds::default(), vec![batching(limits(2))]);
    let mut all = [waiting(1, 1), waiting(1, 2)];
    world.accept(all.clone());
    world.form(delivery(1));
    world.finish(delivery(1), REFUSED);
    let at = world.now + Duration::from_secs(1);
    let standing = Standing::Waiting {
        retry_at: Some(at),
        parking: Parking::Due(at),
    };
    assert_eq!(world.settled(), [1, 2].map(|n| (delivery(n), standing)));
    world.accept([waiting(1, 3)]);
    world.now = at;
    all.iter_mut().for_each(|waiting| {
        waiting.tries = waiting.tries.one_more();
        waiting.retry_at = Some(at);
        waiting.batch = Some(BATCH);
    });
    world.tell(Input::Due {
        at_most: TAKE,
        taken: all.to_vec(),
        next_at: None,
    });
    assert_eq!(
        world.together(),
        [1, 2].map(delivery),
        "the same, and no other"
    );
    assert!(world.formed().is_empty(), "it is there already");
}

#[test]
fn a_batch_whose_subscription_is_paused_before_it_leaves_is_held_whole() {
    let mut world = World::new(Bounds::default(), vec![batching(limits(2))]);
    world.accept((1..=2).map(|n| waiting(1, n)));
    let paused = SubscriptionStatus::Paused(PauseReason::Manual);
    world.tell(Input::Changed {
        subscriber: with_status(1, paused),
        resumed: false,
    });
    world.form(delivery(1));
    assert!(world.together().is_empty());
    assert_eq!(
        world.settled(),
        [1, 2].map(|n| (delivery(n), shelved(None)))
    );
    assert_eq!(world.scheduler.load().in_flight, 0);
}
