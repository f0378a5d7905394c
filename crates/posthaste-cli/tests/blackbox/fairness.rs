//! Nobody waits for somebody else's receiver, and nobody gets more at once than they asked for.

use std::time::Duration;

use posthaste::clock::{Clock, SystemClock, Timestamp};
use posthaste_receiver::{Behaviour, Reply, Script};
use serde_json::{Value, json};

use crate::{
    api::id,
    http::Client,
    server::Server,
    sink::{Arrival, Sink},
};

fn publish(client: &Client, count: usize) {
    let events = vec![json!({"type": "a.b", "data": 1}); count];
    client.post("/events/batch", &Value::Array(events), 202);
}

#[track_caller]
fn most_at_once(arrivals: &[Arrival]) -> usize {
    let most = arrivals.iter().map(|arrival| arrival.at_once).max();
    most.expect("some came")
}

/// Faults 32 and 33: the receivers that hang or dawdle keep their own slots, and the other nine get
/// all of theirs meanwhile.
#[test]
fn a_receiver_that_hangs_and_one_that_dawdles_hold_up_none_of_nine_others() {
    const EVENTS: usize = 100;
    let (server, good) = (Server::start(), Sink::start());
    let (hanging, slow) = (Sink::start(), Sink::start());
    let client = server.client();
    hanging.always(Behaviour::Hang);
    slow.script(Script::always(
        Reply::status(200).after(Duration::from_secs(55)),
    ));
    for bad in [&hanging, &slow] {
        client.subscribe(
            &bad.url(),
            json!({"timeout_ms": 60_000, "max_in_flight": 10}),
        );
    }
    for n in 0..9 {
        client.subscribe(&good.at(&format!("/{n}")), json!({}));
    }
    publish(&client, EVENTS);
    let arrivals = good.wait_for(9 * EVENTS);
    for n in 0..9 {
        let path = format!("/{n}");
        let of_it = arrivals.iter().filter(|arrival| arrival.path() == path);
        assert_eq!(of_it.count(), EVENTS, "{path}");
    }
    for bad in [&hanging, &slow] {
        assert_eq!(bad.wait_for(10).len(), 10, "its own slots, and no more");
    }
}

/// Fault 33: the deadline ends what hangs, and the slot is the next one's.
#[test]
fn what_hangs_is_given_up_at_its_deadline_and_the_slot_is_free_again() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::sequence([
        Behaviour::Hang,
        Behaviour::HangBeforeRead,
        Behaviour::status(200),
    ]));
    let more = json!({"timeout_ms": 200, "max_in_flight": 1, "retry": "none"});
    client.subscribe(&sink.url(), more);
    publish(&client, 3);
    client.deliveries_when("status=delivered", 1);
    for dead in client.deliveries_when("status=failed", 2) {
        let error = dead["last_error"].as_str().expect("an error");
        assert!(error.starts_with("timeout"), "{dead}");
        let path = format!("/deliveries/{}/attempts", id(&dead));
        let latency_ms = client.list(&path)[0]["latency_ms"]
            .as_f64()
            .expect("a number");
        assert!(latency_ms >= 200.0, "{latency_ms}");
    }
}

/// Faults 32 and 46, in small: a tenant whose receivers hang in more attempts than there are slots
/// leaves some to the others.
#[test]
fn a_tenant_full_of_hanging_receivers_keeps_no_other_tenant_waiting() {
    const HANGING: usize = 40; // times 32 in flight: more than all slots
    let (server, black_hole, sink) = (Server::start(), Sink::start(), Sink::start());
    let admin = server.client();
    for tenant in ["noisy", "quiet"] {
        admin.post("/tenants", &json!({"id": tenant}), 201);
    }
    let noisy = admin.with("posthaste-tenant", "noisy");
    let quiet = admin.with("posthaste-tenant", "quiet");
    black_hole.always(Behaviour::Hang);
    for _ in 0..HANGING {
        noisy.subscribe(&black_hole.url(), json!({"timeout_ms": 60_000}));
    }
    quiet.subscribe(&sink.url(), json!({}));
    publish(&noisy, 50);
    black_hole.wait_for(600);
    publish(&quiet, 50);
    sink.wait_for(50);
    assert!(black_hole.count() < HANGING * 32, "not all of them fit");
    let waiting = noisy.get("/deliveries?status=pending&limit=1");
    assert_eq!(waiting["data"].as_array().expect("a list").len(), 1);
}

#[test]
fn no_more_requests_are_under_way_than_a_subscription_allows() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::always(
        Reply::status(200).after(Duration::from_millis(30)),
    ));
    let subscription = id(&client.subscribe(&sink.url(), json!({"max_in_flight": 3})));
    publish(&client, 40);
    assert_eq!(most_at_once(&sink.wait_for(40)), 3);
    let path = format!("/subscriptions/{subscription}");
    client.deliveries_when("status=delivered", 40);
    client.patch(&path, &json!({"max_in_flight": 1}));
    publish(&client, 10);
    assert_eq!(most_at_once(&sink.wait_for(50)[40..]), 1);
}

/// The rate is 20 a second: 61 requests take three seconds, and a busy machine bunches a few.
#[test]
fn a_rate_limit_holds_over_every_second_and_over_all() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({"rate_limit_per_s": 20}));
    let before = SystemClock::new().wall();
    publish(&client, 61);
    let times: Vec<Timestamp> = sink.wait_for(61).iter().map(|arrival| arrival.at).collect();
    let took = times[60].since(before);
    assert!(took >= Duration::from_millis(2990), "{took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    for (n, from) in times.iter().enumerate() {
        let second = *from + Duration::from_secs(1);
        let within = times[n..].iter().take_while(|at| **at < second).count();
        assert!(within <= 21 + 5, "{within} within a second of {n}");
    }
}

#[test]
fn a_rate_under_one_a_second_is_a_rate() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({"rate_limit_per_s": 0.5}));
    let before = SystemClock::new().wall();
    publish(&client, 2);
    let took = sink.wait_for(2)[1].at.since(before);
    assert!(took >= Duration::from_millis(1990), "{took:?}");
}
