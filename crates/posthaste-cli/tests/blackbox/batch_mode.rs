//! Many events in one request to a receiver: gathered, signed and repeated as one, and each of them
//! with a record of its own.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use posthaste::clock::{Clock, SystemClock};
use posthaste_receiver::{Behaviour, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::Server,
    signature::assert_signed,
    sink::{Arrival, Sink},
};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
/// Longer than any test: what leaves does not leave because of it.
const NEVER_MS: u64 = 60_000;

fn publish(client: &Client, numbers: Range<u64>) -> Vec<String> {
    let events = numbers.map(|n| json!({"type": "a.b", "data": n, "correlation_id": "c"}));
    let accepted = client.post("/events/batch", &events.collect(), 202);
    accepted["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(id)
        .collect()
}

fn subscribe(client: &Client, sink: &Sink, batch: &Value, more: &Value) -> String {
    let mut body = json!({"mode": "batch", "batch": batch, "secret": SECRET, "retry": "none"});
    body.as_object_mut()
        .expect("an object")
        .extend(more.as_object().cloned().unwrap_or_default());
    id(&client.subscribe(&sink.url(), body))
}

#[track_caller]
fn bodies(arrival: &Arrival) -> Vec<Value> {
    serde_json::from_slice(&arrival.body).expect("a JSON array")
}

fn numbers(arrival: &Arrival) -> Vec<u64> {
    let bodies = bodies(arrival);
    bodies
        .iter()
        .map(|body| body["data"].as_u64().expect("a number"))
        .collect()
}

#[test]
fn a_batch_leaves_when_it_has_so_many() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let batch = json!({"max_events": 5, "max_wait_ms": NEVER_MS});
    subscribe(&client, &sink, &batch, &json!({"max_in_flight": 1}));
    publish(&client, 0..7);
    assert_eq!(numbers(&sink.wait_for(1)[0]), [0, 1, 2, 3, 4]);
    publish(&client, 7..10);
    assert_eq!(numbers(&sink.wait_for(2)[1]), [5, 6, 7, 8, 9]);
}

#[test]
fn a_batch_leaves_when_its_first_event_has_waited_long_enough() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let batch = json!({"max_events": 100, "max_wait_ms": 300});
    subscribe(&client, &sink, &batch, &json!({}));
    let before = SystemClock::new().wall();
    publish(&client, 0..3);
    let arrivals = sink.wait_for(1);
    assert_eq!(numbers(&arrivals[0]), [0, 1, 2]);
    let waited = arrivals[0].at.since(before);
    assert!(waited >= Duration::from_millis(299), "{waited:?}");
}

#[test]
fn a_batch_leaves_when_its_bodies_are_long_enough_and_one_that_is_longer_leaves_alone() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let batch = json!({"max_events": 100, "max_wait_ms": NEVER_MS, "max_bytes": 4096});
    subscribe(&client, &sink, &batch, &json!({"max_in_flight": 1}));
    let lengths = [1500, 1500, 5000, 1500, 1500, 1500];
    let events = lengths.map(|length| json!({"type": "a.b", "data": "x".repeat(length)}));
    client.post("/events/batch", &json!(events), 202);
    let arrivals = sink.wait_for(3);
    let counts: Vec<usize> = arrivals[..3]
        .iter()
        .map(|arrival| bodies(arrival).len())
        .collect();
    assert_eq!(counts, [2, 1, 2]);
    for arrival in arrivals.iter().filter(|arrival| bodies(arrival).len() > 1) {
        assert!(arrival.body.len() <= 4096, "{}", arrival.body.len());
    }
}

#[test]
fn a_batch_has_an_id_and_a_signature_as_a_whole_and_no_header_of_one_event() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let batch = json!({"max_events": 3, "max_wait_ms": NEVER_MS});
    subscribe(&client, &sink, &batch, &json!({}));
    let events = publish(&client, 0..3);
    let arrival = sink.wait_for(1).remove(0);
    assert!(arrival.id().starts_with("bat_"), "{}", arrival.id());
    assert_eq!(arrival.header("x-webhook-id"), Some(arrival.id()));
    assert_eq!(arrival.header("content-type"), Some("application/json"));
    for header in ["x-event-type", "x-correlation-id"] {
        assert_eq!(arrival.header(header), None, "{header}");
    }
    assert_signed(&arrival, SECRET);
    let sent: Vec<String> = bodies(&arrival).iter().map(id).collect();
    assert_eq!(sent, events);
    assert!(
        bodies(&arrival)
            .iter()
            .all(|body| body["correlation_id"] == "c")
    );

    let delivered = client.deliveries_when("status=delivered", 3);
    let deliveries: BTreeSet<String> = delivered.iter().map(id).collect();
    assert_eq!(deliveries.len(), 3);
    for delivery in delivered {
        assert_eq!(delivery["attempts"], 1);
        let attempts = client.list(&format!("/deliveries/{}/attempts", id(&delivery)));
        let seen = (
            attempts.len(),
            &attempts[0]["number"],
            &attempts[0]["status_code"],
        );
        assert_eq!(seen, (1, &json!(1), &json!(200)));
    }
}

#[test]
fn a_batch_is_of_envelopes_or_cloudevents_and_nothing_that_cannot_be_told_apart() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let batch = json!({"max_events": 2, "max_wait_ms": NEVER_MS});
    subscribe(&client, &sink, &batch, &json!({"format": "cloudevents"}));
    publish(&client, 0..2);
    let bodies = bodies(&sink.wait_for(1)[0]);
    assert!(
        bodies
            .iter()
            .all(|body| body["specversion"] == "1.0" && body["type"] == "a.b")
    );
    for format in ["flat", "raw"] {
        let body = json!({"url": sink.url(), "mode": "batch", "format": format});
        client.post("/subscriptions", &body, 422);
    }
}

/// And the record of each of them says that it failed, and why.
#[test]
fn what_fails_is_repeated_as_the_very_same_batch() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([500, 503, 200]));
    let batch = json!({"max_events": 4, "max_wait_ms": 50});
    let more = json!({"retry": {"schedule_s": [0.3, 0.05]}});
    subscribe(&client, &sink, &batch, &more);
    publish(&client, 0..4);
    sink.wait_for(1);
    publish(&client, 4..5);
    client.deliveries_when("status=delivered", 5);
    let arrivals = sink.wait_for(4);
    let (of_four, rest): (Vec<_>, Vec<_>) = arrivals
        .iter()
        .partition(|arrival| bodies(arrival).len() == 4);
    assert_eq!(of_four.len() + rest.len(), 4);
    assert!(rest.iter().all(|arrival| numbers(arrival) == [4]));
    for arrival in &of_four {
        assert_eq!(
            (arrival.id(), &arrival.body),
            (of_four[0].id(), &of_four[0].body)
        );
        assert_signed(arrival, SECRET);
    }
    let attempts = client.list("/deliveries?status=delivered");
    let attempts: u64 = attempts
        .iter()
        .map(|seen| seen["attempts"].as_u64().expect("a number"))
        .sum();
    assert_eq!(attempts as usize, 4 * of_four.len() + rest.len());
}

/// Faults 5 and 6 with batches: it was committed before its first request.
#[test]
fn a_kill_before_the_answer_repeats_the_very_same_batch() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::Hang);
    let batch = json!({"max_events": 3, "max_wait_ms": 100});
    let more = json!({"timeout_ms": 60_000, "max_in_flight": 1});
    subscribe(&client, &sink, &batch, &more);
    publish(&client, 0..3);
    sink.wait_for(1);
    publish(&client, 3..5);
    let launch = server.kill();
    sink.always(Behaviour::status(200));
    let server = launch.start();
    server.client().deliveries_when("status=delivered", 5);
    let arrivals = sink.wait_for(3);
    let again: Vec<_> = arrivals
        .iter()
        .filter(|arrival| arrival.id() == arrivals[0].id())
        .collect();
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].body, again[1].body);
    let rest = arrivals
        .iter()
        .find(|arrival| arrival.id() != arrivals[0].id());
    assert_eq!(numbers(rest.expect("the other two")), [3, 4]);
}

#[test]
fn each_of_a_spent_batch_is_a_dead_letter_of_its_own_and_sent_again_in_a_new_batch() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([500, 200]));
    let batch = json!({"max_events": 4, "max_wait_ms": 50});
    let subscription = subscribe(&client, &sink, &batch, &json!({"auto_pause_after": 5}));
    publish(&client, 0..4);
    let dead = client.deliveries_when("status=failed", 4);
    let seen = client.subscription(&subscription);
    let health = (&seen["status"], &seen["health"]["consecutive_failures"]);
    assert_eq!(health, (&json!("active"), &json!(4)), "each counts");
    let first = sink.wait_for(1).remove(0);
    client.post(
        &format!("/deliveries/{}/redeliver", id(&dead[0])),
        &Value::Null,
        202,
    );
    client.delivery_when(&id(&dead[0]), "delivered");
    let again = sink.wait_for(2).remove(1);
    assert_ne!(again.id(), first.id());
    let sent: Vec<String> = bodies(&again).iter().map(id).collect();
    assert_eq!(sent, [text(&dead[0], "event_id")]);
    assert_eq!(client.list("/deliveries?status=failed").len(), 3);
}

#[test]
fn five_dead_letters_of_one_batch_pause_its_subscription() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([500, 200]));
    let batch = json!({"max_events": 5, "max_wait_ms": 50});
    let subscription = subscribe(&client, &sink, &batch, &json!({"max_in_flight": 1}));
    publish(&client, 0..8);
    client.subscription_when(&subscription, "it is paused", |seen| {
        seen["status"] == "paused"
    });
    client.deliveries_when("status=held", 3);
    client.post(
        &format!("/subscriptions/{subscription}/resume"),
        &Value::Null,
        200,
    );
    client.deliveries_when("status=delivered", 3);
    assert_eq!(numbers(&sink.wait_for(2)[1]), [5, 6, 7]);
}

#[test]
fn where_order_is_kept_a_batch_holds_one_key_and_keys_keep_their_order() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([500, 200]));
    let batch = json!({"max_events": 3, "max_wait_ms": 100});
    let more = json!({"ordering": "fifo", "retry": {"schedule_s": vec![0.05; 3]}});
    subscribe(&client, &sink, &batch, &more);
    let events =
        (0..18).map(|n| json!({"type": "a.b", "data": n, "ordering_key": format!("k{}", n % 2)}));
    client.post("/events/batch", &events.collect(), 202);
    client.deliveries_when("status=delivered", 18);
    for parity in 0..2 {
        let mut batches: Vec<(String, Vec<u64>)> = Vec::new();
        for arrival in sink.arrivals() {
            let numbers = numbers(&arrival);
            let of_key = numbers
                .iter()
                .filter(|number| *number % 2 == parity)
                .count();
            assert!(
                of_key == 0 || of_key == numbers.len(),
                "one key: {numbers:?}"
            );
            if of_key > 0 && batches.last().is_none_or(|last| last.0 != arrival.id()) {
                batches.push((arrival.id().to_owned(), numbers));
            }
        }
        let all: Vec<u64> = batches.into_iter().flat_map(|batch| batch.1).collect();
        assert_eq!(all, Vec::from_iter((0..9).map(|n| 2 * n + parity)));
    }
}

/// Were it events that were limited, these would take most of a minute.
#[test]
fn a_rate_limit_counts_requests() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let batch = json!({"max_events": 100, "max_wait_ms": 50});
    subscribe(&client, &sink, &batch, &json!({"rate_limit_per_s": 10}));
    let before = SystemClock::new().wall();
    publish(&client, 0..500);
    let took = sink.wait_for(5)[4].at.since(before);
    assert!(took >= Duration::from_millis(390), "{took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_test_of_a_batch_subscription_is_a_batch_of_one() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let batch = json!({"max_events": 100, "max_wait_ms": NEVER_MS});
    let subscription = subscribe(&client, &sink, &batch, &json!({}));
    let path = format!("/subscriptions/{subscription}/test");
    let trial = client.post(&path, &Value::Null, 202);
    client.delivery_when(&text(&trial, "delivery_id"), "delivered");
    let arrival = sink.wait_for(1).remove(0);
    assert!(arrival.id().starts_with("bat_"), "{}", arrival.id());
    assert_eq!(id(&bodies(&arrival)[0]), text(&trial, "event_id"));
    assert_signed(&arrival, SECRET);
}
