//! The scheduler by itself: inputs in, effects out, no time but what is said.

use std::{collections::VecDeque, time::Duration};

use posthaste::{
    delivery::{FailureClass, Outcome, PauseReason, Tries},
    event::{Event, EventDetails, Line, Origin, TenantId},
    id::Place,
    json::RawJson,
    retry::RetryPolicy,
    signature::{Secret, Secrets},
    subscription::Subscription,
};

use posthaste_store::record::Attempt;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_795_293_360_000);

mod batches;
mod circuits;
mod order;
mod replays;
mod turns;

fn subscription(n: u64) -> Subscription {
    Subscription {
        id: SubscriptionId::from_u64(n),
        tenant: TenantId::default_tenant(),
        external_id: None,
        url: "https://example.com/hook".parse().unwrap(),
        description: String::new(),
        events: Vec::new(),
        filter: None,
        status: SubscriptionStatus::Active,
        schemes: Vec::new(),
        algorithm: Default::default(),
        secrets: Secrets::new(Secret::trusted("0123456789abcdef".to_owned())),
        access: Default::default(),
        retry: RetryPolicy::schedule(&[1.0, 2.0], 0.0).unwrap(),
        timeout: Duration::from_secs(10),
        max_in_flight: 2,
        rate_limit: None,
        ordering: Default::default(),
        batch: None,
        auto_pause_after: 2,
        format: Default::default(),
        versions: Default::default(),
        metadata: RawJson::empty_object(),
        health: Default::default(),
        created_at: START,
        updated_at: START,
        revision: 1,
    }
}

fn subscriber(n: u64) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(subscription(n)))
}

fn with_status(n: u64, status: SubscriptionStatus) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(Subscription {
        status,
        ..subscription(n)
    }))
}

fn waiting(subscription: u64, n: u64) -> Waiting {
    let event = Event {
        id: Place::at(START, 0).forward(n).event(),
        tenant: TenantId::default_tenant(),
        event_type: "memory.created".parse().unwrap(),
        details: EventDetails::default(),
        data: RawJson::empty_object(),
    };
    Waiting {
        id: event.id.delivery(0),
        subscription: SubscriptionId::from_u64(subscription),
        event: Arc::new(event),
        origin: Origin::Publish,
        tries: Tries::default(),
        retry_at: None,
        format: None,
        batch: None,
        link: None,
    }
}

/// A scheduler, what it said last, and the attempts under way.
struct World {
    scheduler: Scheduler,
    now: Timestamp,
    effects: Vec<Effect>,
}

impl World {
    fn new(bounds: Bounds, subscribers: Vec<Arc<Subscriber>>) -> Self {
        let mut world = Self {
            scheduler: Scheduler::new(bounds, START, subscribers, &[]),
            now: START,
            effects: Vec::new(),
        };
        world.tell(Input::Tick);
        assert!(
            matches!(world.effects[..], [Effect::TakeDue { .. }]),
            "asks at start"
        );
        world.tell(Input::Due {
            at_most: TAKE,
            taken: Vec::new(),
            next_at: None,
        });
        world
    }

    fn tell(&mut self, input: Input) {
        self.effects.clear();
        self.scheduler.handle(self.now, input, &mut self.effects);
    }

    fn accept(&mut self, deliveries: impl IntoIterator<Item = Waiting>) {
        self.tell(Input::Accepted(deliveries.into_iter().collect()));
    }

    fn pass(&mut self, wait: Duration) {
        self.now = self.now + wait;
        self.tell(Input::Tick);
    }

    fn sent(&self) -> Vec<DeliveryId> {
        let sent = self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(assignment) => Some(assignment.waiting.id),
            _ => None,
        });
        sent.collect()
    }

    fn settled(&self) -> Vec<(DeliveryId, Standing)> {
        let settled = self.effects.iter().filter_map(|effect| match effect {
            Effect::Settle(settlement) => Some((settlement.id, settlement.standing)),
            _ => None,
        });
        settled.collect()
    }

    fn finish(&mut self, delivery: DeliveryId, outcome: Outcome) {
        self.tell(Input::Finished(Box::new(Finished {
            delivery,
            outcome,
            attempt: Box::new(Attempt {
                started_at: self.now,
                ..Attempt::default()
            }),
            links: Default::default(),
            draw: 0.0,
        })));
    }

    fn fetched(&self) -> Vec<(SubscriptionId, usize)> {
        let fetched = self.effects.iter().filter_map(|effect| match effect {
            Effect::TakeShelved {
                subscription,
                at_most,
                ..
            } => Some((*subscription, *at_most)),
            _ => None,
        });
        fetched.collect()
    }

    fn asks_for_due(&self) -> bool {
        self.effects
            .iter()
            .any(|effect| matches!(effect, Effect::TakeDue { .. }))
    }
}

const OK: Outcome = Outcome::Accepted { status: 200 };
const REFUSED: Outcome = Outcome::Refused {
    class: FailureClass::Http,
    status: Some(500),
    retry_after: None,
};

fn delivery(n: u64) -> DeliveryId {
    waiting(1, n).id
}

fn shelved(retry_at: Option<Timestamp>) -> Standing {
    Standing::Waiting {
        retry_at,
        parking: Parking::Shelved,
    }
}

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
fn a_410_pauses_at_once_and_shelves_what_is_queued() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    let deliveries = [waiting(1, 1), waiting(1, 2), waiting(1, 3)];
    world.accept(deliveries.clone());
    world.finish(deliveries[0].id, Outcome::Gone);
    let expected = [
        (deliveries[0].id, Standing::Failed),
        (deliveries[2].id, shelved(None)),
    ];
    assert_eq!(world.settled(), expected);
    let pauses = world.effects.iter().filter_map(|effect| match effect {
        Effect::Health { change, .. } => change.pause,
        _ => None,
    });
    assert_eq!(pauses.collect::<Vec<_>>(), [PauseReason::Gone]);
    assert!(world.sent().is_empty());
    world.finish(deliveries[1].id, OK);
    assert_eq!(
        world.settled(),
        [(deliveries[1].id, Standing::Delivered)],
        "it was under way"
    );
    world.accept([waiting(1, 4)]);
    assert_eq!(world.settled(), [(waiting(1, 4).id, shelved(None))]);
}

#[test]
fn deliveries_that_spend_their_attempts_in_a_row_pause_their_subscription() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1)]);
    for n in 1..=2 {
        let mut spent = waiting(1, n);
        spent.tries = Tries { made: 2, spent: 2 };
        world.tell(Input::Due {
            at_most: TAKE,
            taken: vec![spent.clone()],
            next_at: None,
        });
        assert_eq!(world.sent(), [spent.id]);
        world.finish(spent.id, REFUSED);
    }
    world.accept([waiting(1, 9)]);
    assert_eq!(world.settled(), [(waiting(1, 9).id, shelved(None))]);
}

#[test]
fn a_resumed_subscription_gets_its_shelf_back() {
    let paused = SubscriptionStatus::Paused(PauseReason::Manual);
    let mut world = World::new(Bounds::default(), vec![with_status(1, paused)]);
    world.accept([waiting(1, 1)]);
    assert_eq!(world.settled(), [(waiting(1, 1).id, shelved(None))]);
    world.tell(Input::Changed {
        subscriber: subscriber(1),
        resumed: true,
    });
    assert!(world.effects.is_empty(), "it is not written yet");
    let id = SubscriptionId::from_u64(1);
    world.tell(Input::Shelved {
        subscription: id,
        ids: vec![delivery(1)],
    });
    assert!(
        matches!(world.effects[..], [Effect::TakeShelved { subscription, .. }] if subscription == id)
    );
    let mut later = waiting(1, 2);
    later.retry_at = Some(START + Duration::from_secs(60));
    world.tell(Input::Shelf {
        at_most: TAKE,
        subscription: id,
        taken: vec![waiting(1, 1), later.clone()],
        part: ShelfPart::Any,
        next: None,
    });
    assert_eq!(world.sent(), [waiting(1, 1).id]);
    let standing = Standing::Waiting {
        retry_at: later.retry_at,
        parking: Parking::Due(START + Duration::from_secs(60)),
    };
    assert_eq!(
        world.settled(),
        [(later.id, standing)],
        "it keeps its due time"
    );
}

#[test]
fn what_a_deleted_or_disabled_subscription_was_owed_is_discarded() {
    let mut world = World::new(Bounds::default(), vec![subscriber(1), subscriber(2)]);
    world.accept(
        (1..=3)
            .map(|n| waiting(1, n))
            .chain((4..=6).map(|n| waiting(2, n))),
    );
    world.tell(Input::Removed(SubscriptionId::from_u64(1)));
    let deleted = Standing::Discarded(Discard::Deleted);
    assert_eq!(world.settled(), [(waiting(1, 3).id, deleted)]);
    world.tell(Input::Changed {
        subscriber: with_status(2, SubscriptionStatus::Disabled),
        resumed: false,
    });
    let disabled = Standing::Discarded(Discard::Disabled);
    assert_eq!(world.settled(), [(waiting(2, 6).id, disabled)]);
    world.finish(waiting(1, 1).id, REFUSED);
    assert_eq!(
        world.settled(),
        [(waiting(1, 1).id, deleted)],
        "no retry without it"
    );
    world.finish(waiting(2, 4).id, REFUSED);
    assert_eq!(world.settled(), [(waiting(2, 4).id, disabled)]);
    world.finish(waiting(2, 5).id, OK);
    assert_eq!(world.settled(), [(waiting(2, 5).id, Standing::Delivered)]);
}

#[test]
fn what_is_shelved_while_its_subscription_is_deleted_is_fetched_and_discarded() {
    let paused = SubscriptionStatus::Paused(PauseReason::Manual);
    let mut world = World::new(Bounds::default(), vec![with_status(1, paused)]);
    world.accept([waiting(1, 1)]);
    let subscription = SubscriptionId::from_u64(1);
    world.tell(Input::Removed(subscription));
    world.tell(Input::Shelved {
        subscription,
        ids: vec![delivery(1)],
    });
    assert!(matches!(world.effects[..], [Effect::TakeShelved { .. }]));
    world.tell(Input::Shelf {
        at_most: TAKE,
        subscription,
        taken: vec![waiting(1, 1)],
        part: ShelfPart::Any,
        next: Some(1),
    });
    let deleted = Standing::Discarded(Discard::Deleted);
    assert_eq!(world.settled(), [(waiting(1, 1).id, deleted)]);
    assert!(
        matches!(world.effects[1..], [Effect::TakeShelved { .. }]),
        "until it is empty"
    );
}

#[test]
fn a_test_is_sent_to_a_paused_subscription_and_leaves_no_mark() {
    let paused = SubscriptionStatus::Paused(PauseReason::Manual);
    let mut world = World::new(Bounds::default(), vec![with_status(1, paused)]);
    let mut test = waiting(1, 1);
    test.origin = Origin::Test;
    world.accept([test.clone()]);
    assert_eq!(world.sent(), [test.id]);
    world.finish(test.id, REFUSED);
    assert_eq!(
        world.settled(),
        [(test.id, Standing::Failed)],
        "one attempt alone"
    );
    assert!(
        !world
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Health { .. }))
    );
}

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
