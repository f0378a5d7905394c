//! Whose turn it is: tenants, subscriptions, new events and a backlog.

use posthaste::subscription::RateLimit;

use super::*;

fn of_tenant(n: u64, tenant: &str, max_in_flight: u32) -> Arc<Subscriber> {
    Arc::new(Subscriber::new(Subscription {
        tenant: tenant.parse().unwrap(),
        max_in_flight,
        ..subscription(n)
    }))
}

fn to(subscription: u64, tenant: &str, n: u64) -> Waiting {
    let mut waiting = waiting(subscription, n);
    let mut event = (*waiting.event).clone();
    event.tenant = tenant.parse().unwrap();
    waiting.event = Arc::new(event);
    waiting
}

fn slots(in_flight: usize) -> Bounds {
    Bounds {
        in_flight,
        ..Bounds::default()
    }
}

impl World {
    fn tenants_sent(&self) -> Vec<String> {
        let sent = self.effects.iter().filter_map(|effect| match effect {
            Effect::Send(assignment) => Some(assignment.waiting.event.tenant.to_string()),
            _ => None,
        });
        sent.collect()
    }
}

#[test]
fn tenants_take_turns_however_many_subscriptions_they_have() {
    let mut subscribers: Vec<_> = (1..=9).map(|n| of_tenant(n, "many", 100)).collect();
    subscribers.push(of_tenant(10, "one", 100));
    let mut world = World::new(slots(1), subscribers);
    world.accept((1..=90).map(|n| to(n % 9 + 1, "many", n)));
    world.accept((101..=110).map(|n| to(10, "one", n)));
    let mut turns = Vec::new();
    for _ in 0..10 {
        let under_way = world.scheduler.held_in_flight();
        world.finish(under_way[0], OK);
        turns.extend(world.tenants_sent());
    }
    let ones = turns.iter().filter(|tenant| *tenant == "one").count();
    assert_eq!(ones, 5, "{turns:?}");
}

#[test]
fn a_tenant_whose_receivers_hang_leaves_slots_to_the_others() {
    let mut subscribers: Vec<_> = (1..=50).map(|n| of_tenant(n, "hangs", 100)).collect();
    subscribers.push(of_tenant(99, "quiet", 100));
    let mut world = World::new(slots(90), subscribers);
    world.accept((1..=5000).map(|n| to(n % 50 + 1, "hangs", n)));
    assert_eq!(world.scheduler.load().in_flight, 80, "eight ninths");
    world.accept([to(99, "quiet", 9999)]);
    assert_eq!(world.tenants_sent(), ["quiet"]);
}

#[test]
fn a_backlog_leaves_a_fifth_of_the_slots_to_new_events() {
    let mut world = World::new(
        slots(45),
        vec![of_tenant(1, "default", 100), of_tenant(2, "default", 100)],
    );
    let mut due: Vec<Waiting> = (1..=90).map(|n| to(1, "default", n)).collect();
    due.iter_mut()
        .for_each(|waiting| waiting.tries = waiting.tries.one_more());
    world.tell(Input::Due {
        at_most: TAKE,
        taken: due,
        next_at: None,
    });
    let heavy = world.sent().len();
    assert!((20..=30).contains(&heavy), "{heavy}");
    world.accept((101..=120).map(|n| to(1, "default", n)));
    let light = world.sent().len();
    assert!((9..=15).contains(&light), "of the same one too: {light}");
}

#[test]
fn a_failing_endpoint_counts_as_a_backlog_until_it_is_well() {
    let mut world = World::new(
        slots(45),
        vec![of_tenant(1, "default", 100), of_tenant(2, "default", 100)],
    );
    world.accept([to(1, "default", 1)]);
    world.finish(to(1, "default", 1).id, REFUSED);
    world.accept((2..=90).map(|n| to(1, "default", n)));
    let heavy = world.sent().len();
    assert!(
        (20..=30).contains(&heavy),
        "the others keep a fifth: {heavy}"
    );
    world.accept([to(2, "default", 99)]);
    assert_eq!(world.sent(), [to(2, "default", 99).id]);
}

#[test]
fn a_rate_limit_counts_requests_and_the_rest_waits_for_its_time() {
    let limited = Arc::new(Subscriber::new(Subscription {
        rate_limit: Some(RateLimit::try_from(10.0).unwrap()),
        max_in_flight: 100,
        ..subscription(1)
    }));
    let mut world = World::new(Bounds::default(), vec![limited]);
    world.accept((1..=30).map(|n| waiting(1, n)));
    let mut sent = world.sent().len();
    assert_eq!(sent, 1);
    while world.now < START + Duration::from_secs(1) {
        let wake_at = world.scheduler.wake_at(world.now);
        assert!(wake_at > world.now);
        world.now = wake_at;
        world.tell(Input::Tick);
        sent += world.sent().len();
        let asked = world.asks_for_due();
        if asked {
            world.tell(Input::Due {
                at_most: TAKE,
                taken: Vec::new(),
                next_at: None,
            });
        }
    }
    assert!((10..=11).contains(&sent), "{sent}");
}

#[test]
fn a_tenant_whose_retries_hang_leaves_heavy_slots_to_the_others() {
    let subscribers = vec![of_tenant(1, "hangs", 1000), of_tenant(2, "other", 1000)];
    let mut world = World::new(slots(90), subscribers);
    let retries = |to_: u64, tenant: &str, from: u64| -> Vec<Waiting> {
        let deliveries = (from..from + 100).map(|n| to(to_, tenant, n));
        deliveries
            .map(|waiting| Waiting {
                tries: waiting.tries.one_more(),
                ..waiting
            })
            .collect()
    };
    for (to, tenant, from) in [(1, "hangs", 1), (2, "other", 1001)] {
        world.tell(Input::Due {
            at_most: TAKE,
            taken: retries(to, tenant, from),
            next_at: None,
        });
        assert!(world.tenants_sent().contains(&tenant.to_owned()));
    }
}

#[test]
fn one_slow_subscription_leaves_slots_to_the_others_of_its_tenant() {
    let subscribers = vec![of_tenant(1, "default", 1000), of_tenant(2, "default", 1000)];
    let mut world = World::new(slots(90), subscribers);
    world.accept((1..=500).map(|n| to(1, "default", n)));
    world.accept((1001..=1003).map(|n| to(2, "default", n)));
    assert_eq!(world.sent().len(), 3);
}

#[test]
fn what_was_held_is_fetched_however_much_is_published_meanwhile() {
    let limited = Arc::new(Subscriber::new(Subscription {
        rate_limit: Some(RateLimit::try_from(1.0).unwrap()),
        ..subscription(1)
    }));
    let mut world = World::new(Bounds::default(), vec![limited]);
    world.accept((1..=2000).map(|n| waiting(1, n)));
    world.tell(Input::Shelved {
        subscription: SubscriptionId::from_u64(1),
        ids: vec![delivery(9999)],
    });
    assert_eq!(world.fetched().len(), 1);
}
