//! Where order is kept: lines, their heads, and the shelf that they are brought in from.

use posthaste::subscription::Ordering;

use super::*;

fn fifo(n: u64) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(Subscription {
        ordering: Ordering::Fifo,
        max_in_flight: 10,
        ..subscription(n)
    }))
}

fn keyed(n: u64, key: &str) -> Waiting {
    let mut waiting = waiting(1, n);
    let mut event = (*waiting.event).clone();
    event.details.ordering_key = Some(key.to_owned());
    waiting.event = Arc::new(event);
    waiting
}

const SUBSCRIPTION: SubscriptionId = SubscriptionId::from_u64(1);

/// A world with one fifo subscription, whose past is known.
fn settled() -> World {
    let mut world = World::new(Bounds::default(), vec![fifo(1)]);
    world.tell(Input::Recovered);
    assert!(matches!(world.fetched()[..], [(SUBSCRIPTION, _)]));
    world.scan(None, Vec::new(), None);
    world
}

impl World {
    /// Answers a scan of the shelf from there on.
    fn scan(&mut self, after: Option<DeliveryId>, taken: Vec<Waiting>, next: Option<u64>) {
        self.tell(Input::Shelf {
            subscription: SUBSCRIPTION,
            part: ShelfPart::After {
                after,
                except: Vec::new(),
            },
            at_most: TAKE,
            taken,
            next,
        });
    }

    fn parts(&self) -> Vec<ShelfPart> {
        let parts = self.effects.iter().filter_map(|effect| match effect {
            Effect::TakeShelved { part, .. } => Some(part.clone()),
            _ => None,
        });
        parts.collect()
    }
}

#[test]
fn of_one_key_one_leaves_at_a_time_and_other_keys_flow() {
    let mut world = settled();
    let all = [keyed(1, "a"), keyed(2, "a"), keyed(3, "b"), keyed(4, "a")];
    world.accept(all.clone());
    assert_eq!(world.sent(), [all[0].id, all[2].id]);
    world.finish(all[2].id, OK);
    assert!(world.sent().is_empty());
    world.finish(all[0].id, OK);
    assert_eq!(world.sent(), [all[1].id]);
    world.finish(all[1].id, Outcome::Gone);
    assert!(world.sent().is_empty(), "a 410 pauses");
}

#[test]
fn the_next_waits_until_the_one_before_is_delivered_or_a_dead_letter() {
    let mut world = settled();
    let all = [keyed(1, "a"), keyed(2, "a")];
    world.accept(all.clone());
    for wait_s in [1, 2] {
        world.finish(all[0].id, REFUSED);
        let retry_at = Some(world.now + Duration::from_secs(wait_s));
        let parking = Parking::Taken;
        let standing = Standing::Waiting { retry_at, parking };
        assert_eq!(world.settled(), [(all[0].id, standing)]);
        assert!(world.sent().is_empty());
        assert!(world.scheduler.wake_at(world.now) <= world.now + Duration::from_secs(wait_s));
        world.pass(Duration::from_secs(wait_s));
        assert_eq!(world.sent(), [all[0].id]);
    }
    world.finish(all[0].id, REFUSED);
    assert_eq!(world.settled(), [(all[0].id, Standing::Failed)]);
    assert_eq!(world.sent(), [all[1].id]);
}

#[test]
fn nothing_leaves_before_all_that_was_accepted_before_the_start_is_known() {
    let mut world = World::new(Bounds::default(), vec![fifo(1)]);
    world.accept([keyed(2, "a")]);
    assert_eq!(world.settled(), [(keyed(2, "a").id, shelved(None))]);
    world.tell(Input::Recovered);
    assert!(world.fetched().is_empty(), "it is not written yet");
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: vec![keyed(2, "a").id],
    });
    assert_eq!(world.fetched().len(), 1);
    world.accept([keyed(3, "a"), keyed(4, "b")]);
    assert!(world.sent().is_empty(), "new ones wait behind the shelf");
    world.scan(None, vec![keyed(1, "b"), keyed(2, "a")], None);
    assert_eq!(world.sent(), [keyed(1, "b").id, keyed(2, "a").id]);
    world.finish(keyed(1, "b").id, OK);
    assert_eq!(world.sent(), [keyed(4, "b").id]);
}

#[test]
fn what_a_pause_gave_back_is_brought_in_again_in_order() {
    let mut world = settled();
    world.accept((1..=4).map(|n| keyed(n, "a")));
    let paused = SubscriptionStatus::Paused(PauseReason::Manual);
    let held = Arc::new(Subscriber::new(Subscription {
        status: paused,
        ordering: Ordering::Fifo,
        ..subscription(1)
    }));
    world.tell(Input::Changed {
        subscriber: held,
        resumed: false,
    });
    let back: Vec<_> = (2..=4).map(|n| (keyed(n, "a").id, shelved(None))).collect();
    assert_eq!(world.settled(), back);
    world.tell(Input::Changed {
        subscriber: fifo(1),
        resumed: true,
    });
    world.accept([keyed(5, "a")]);
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: (2..=4).map(|n| keyed(n, "a").id).collect(),
    });
    world.scan(None, (2..=4).map(|n| keyed(n, "a")).collect(), None);
    assert!(world.sent().is_empty(), "the first is still under way");
    for n in 1..=4 {
        world.finish(keyed(n, "a").id, OK);
        assert_eq!(world.sent(), [keyed(n + 1, "a").id]);
    }
}

#[test]
fn a_line_that_has_its_fill_leaves_the_rest_to_the_shelf_and_fetches_it_later() {
    let mut world = settled();
    world.accept((1..=100).map(|n| keyed(n, "a")));
    let left: Vec<DeliveryId> = world.settled().iter().map(|(id, _)| *id).collect();
    assert_eq!(left.len(), 36, "64 of a line");
    assert_eq!(left[0], keyed(65, "a").id);
    world.accept([keyed(101, "b")]);
    assert_eq!(world.sent(), [keyed(101, "b").id], "another key flows");
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: left,
    });
    let line = Line::of(Some("a"));
    let mut asked = 0;
    for n in 1..=100 {
        world.finish(keyed(n, "a").id, OK);
        let expected: Vec<_> = (n < 100)
            .then(|| keyed(n + 1, "a").id)
            .into_iter()
            .collect();
        assert_eq!(world.sent(), expected);
        if world.parts() == [ShelfPart::Line(line)] {
            asked += 1;
            world.tell(Input::Shelf {
                subscription: SUBSCRIPTION,
                part: ShelfPart::Line(line),
                at_most: TAKE,
                taken: (65..=100).map(|n| keyed(n, "a")).collect(),
                next: None,
            });
        }
    }
    assert_eq!(asked, 1);
}

#[test]
fn one_that_was_opened_again_takes_its_old_place() {
    let mut world = settled();
    world.accept([keyed(5, "a"), keyed(6, "a")]);
    world.tell(Input::Reopened {
        subscription: SUBSCRIPTION,
        delivery: keyed(2, "a").id,
    });
    assert_eq!(world.parts().len(), 1, "the shelf is looked through again");
    world.scan(None, vec![keyed(2, "a")], None);
    world.finish(keyed(5, "a").id, OK);
    assert_eq!(world.sent(), [keyed(2, "a").id]);
    world.finish(keyed(2, "a").id, OK);
    assert_eq!(world.sent(), [keyed(6, "a").id]);
}

#[test]
fn a_head_that_is_wanted_at_once_does_not_wait_for_its_retry() {
    let mut world = settled();
    world.accept([keyed(1, "a")]);
    world.finish(keyed(1, "a").id, REFUSED);
    world.tell(Input::Reopened {
        subscription: SUBSCRIPTION,
        delivery: keyed(1, "a").id,
    });
    assert_eq!(world.sent(), [keyed(1, "a").id]);
}

#[test]
fn a_key_whose_head_fails_for_long_keeps_no_other_key_on_the_shelf() {
    let mut world = World::new(Bounds::default(), vec![fifo(1)]);
    world.tell(Input::Recovered);
    // It comes back after a silence: little is fetched at a time.
    let blocked: Vec<Waiting> = (1..=40).map(|n| keyed(n, "a")).collect();
    world.scan(None, blocked, Some(keyed(40, "a").id.as_u64()));
    assert!(matches!(world.parts()[..], [ShelfPart::After { .. }]));
    world.finish(keyed(1, "a").id, REFUSED);
    world.scan(Some(keyed(40, "a").id), vec![keyed(41, "b")], None);
    assert_eq!(world.sent(), [keyed(41, "b").id]);
}

#[test]
fn one_that_comes_from_the_shelf_before_the_word_that_it_is_there_keeps_its_place() {
    let mut world = settled();
    world.accept((1..=70).map(|n| keyed(n, "a")));
    for n in 1..=60 {
        world.finish(keyed(n, "a").id, OK);
    }
    let line = ShelfPart::Line(Line::of(Some("a")));
    // 65 to 67 are written and fetched; 68 to 70 are not written yet.
    world.tell(Input::Shelf {
        subscription: SUBSCRIPTION,
        part: line,
        at_most: TAKE,
        taken: (65..=67).map(|n| keyed(n, "a")).collect(),
        next: None,
    });
    assert!(world.settled().is_empty(), "none of them goes back");
    world.tell(Input::Shelved {
        subscription: SUBSCRIPTION,
        ids: (65..=67).map(|n| keyed(n, "a").id).collect(),
    });
    for n in 61..=67 {
        world.finish(keyed(n, "a").id, OK);
        let next: Vec<_> = (n < 67).then(|| keyed(n + 1, "a").id).into_iter().collect();
        assert_eq!(world.sent(), next);
    }
    world.accept([keyed(71, "a")]);
    assert!(world.sent().is_empty(), "68 to 70 come first");
}
