//! Subscriptions that are paused, disabled or deleted, and what they are owed.

use super::*;

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
