//! Health of an endpoint: the circuit, the pause, and how what was held goes out again.

use std::time::Duration;

use posthaste_receiver::{Behaviour, Reply, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::{Launch, Server},
    sink::{Arrival, Sink},
    wait::until,
};

/// Failed attempts in a row that open a circuit.
const OPENS_AFTER: usize = 50;
/// The wait before its first probe.
const PROBE_WAIT: Duration = Duration::from_secs(30);
/// Attempts are made one at a time, and none is made again, so that their number is exact.
fn one_by_one() -> Value {
    json!({"retry": "none", "auto_pause_after": 0, "max_in_flight": 1, "events": ["a.b"]})
}

fn publish(client: &Client, count: usize) {
    let events = (0..count).map(|n| json!({"type": "a.b", "data": n}));
    client.post("/events/batch", &events.collect(), 202);
}

/// The `data` of an arrival in the envelope.
fn number(arrival: &Arrival) -> u64 {
    let body: Value = serde_json::from_slice(&arrival.body).expect("it is JSON");
    body["data"].as_u64().expect("a number")
}

#[track_caller]
fn when_open(client: &Client, subscription: &str) -> Value {
    client.subscription_when(subscription, "its circuit opens", |seen| {
        seen["health"]["circuit"] == "open"
    })
}

/// Fault 41: what fails for ever costs a probe now and then, and the rest keeps its attempts. This
/// is the one test that waits for the half minute before a probe, so it looks at all around it.
#[test]
fn fifty_failures_open_the_circuit_until_a_probe_succeeds_though_the_server_is_killed() {
    let (server, sink, watcher) = (Server::start(), Sink::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    client.subscribe(&watcher.url(), json!({"events": ["posthaste.circuit.*"]}));
    let subscription = id(&client.subscribe(&sink.url(), one_by_one()));
    publish(&client, OPENS_AFTER + 10);
    let health = when_open(&client, &subscription)["health"].clone();
    assert_eq!(health["failed_attempts_in_a_row"], OPENS_AFTER);
    assert_eq!(health["consecutive_failures"], OPENS_AFTER);
    assert_eq!(health["status"], "unhealthy");
    let told = alert(&watcher.wait_for(1)[0]);
    let about = json!({"subscription_id": subscription, "url": sink.url(), "reason": "http 500"});
    assert_eq!(told, ("posthaste.circuit.opened".to_owned(), about));
    // Were its outcome not written before the kill, it would come once more.
    client.deliveries_when("status=delivered", 1);

    let server = server.kill().start();
    let client = server.client();
    assert_eq!(client.subscription(&subscription)["health"], health);
    for waiting in client.deliveries_when("status=pending", 10) {
        assert_eq!(waiting["attempts"], 0, "{waiting}");
    }
    sink.script(Script::always(
        Reply::status(200).after(Duration::from_millis(50)),
    ));
    client.patch(
        &format!("/subscriptions/{subscription}"),
        &json!({"max_in_flight": 32}),
    );
    until("the probe is sent", PROBE_WAIT * 3, || {
        (sink.count() > OPENS_AFTER).then_some(())
    });
    let closed = client.subscription_when(&subscription, "its circuit closes", |seen| {
        seen["health"]["circuit"] == "closed"
    });
    assert_eq!(closed["health"]["failed_attempts_in_a_row"], 0);
    assert_eq!(closed["health"]["status"], "healthy");
    client.deliveries_when("status=delivered&type=a.b", 10);
    assert_probed(&sink.wait_for(OPENS_AFTER + 10));
    let about = json!({"subscription_id": subscription, "url": sink.url(), "reason": "success"});
    let told = alert(&watcher.wait_for(2)[1]);
    assert_eq!(told, ("posthaste.circuit.closed".to_owned(), about));
}

/// One probe, the oldest, half a minute after the last failure; then a few at a time.
#[track_caller]
fn assert_probed(arrivals: &[Arrival]) {
    let (failed, sent) = arrivals.split_at(OPENS_AFTER);
    let (probe, next) = (&sent[0], &sent[1]);
    assert_eq!(number(probe), OPENS_AFTER as u64, "the oldest");
    let waited = probe.at.since(failed[OPENS_AFTER - 1].at);
    assert!(
        waited >= PROBE_WAIT - Duration::from_millis(50),
        "{waited:?}"
    );
    let alone = next.at.since(probe.at);
    assert!(alone >= Duration::from_millis(50), "{alone:?}");
    assert!(sent[1..3].iter().all(|arrival| arrival.at_once <= 2));
}

/// Type and data of an alert.
pub fn alert(arrival: &Arrival) -> (String, Value) {
    let body: Value = serde_json::from_slice(&arrival.body).expect("it is JSON");
    (text(&body, "type"), body["data"].clone())
}

#[test]
fn an_open_circuit_holds_up_nobody_else_and_a_resume_closes_it() {
    let (server, sink, other) = (Server::start(), Sink::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let subscription = id(&client.subscribe(&sink.url(), one_by_one()));
    publish(&client, OPENS_AFTER);
    when_open(&client, &subscription);
    client.subscribe(&other.url(), json!({}));
    publish(&client, 20);
    other.wait_for(20);
    assert_eq!(sink.count(), OPENS_AFTER);
    let path = format!("/subscriptions/{subscription}/test");
    let trial = text(&client.post(&path, &Value::Null, 202), "delivery_id");
    client.delivery_when(&trial, "failed");
    let health = client.subscription(&subscription)["health"].clone();
    let counts = (&health["circuit"], &health["failed_attempts_in_a_row"]);
    assert_eq!(
        counts,
        (&json!("open"), &json!(OPENS_AFTER)),
        "a test is no probe"
    );

    sink.always(Behaviour::status(200));
    let path = format!("/subscriptions/{subscription}/resume");
    let resumed = client.post(&path, &Value::Null, 200);
    assert_eq!(resumed["health"]["circuit"], "closed");
    assert_eq!(resumed["health"]["failed_attempts_in_a_row"], 0);
    let arrivals = sink.wait_for(OPENS_AFTER + 1 + 20);
    let sent: Vec<u64> = arrivals[OPENS_AFTER + 1..].iter().map(number).collect();
    assert_eq!(sent, Vec::from_iter(0..20));
}

#[test]
fn every_subscription_is_paused_at_its_own_threshold_and_some_never() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    for (threshold, spent) in [(1, 1), (3, 3), (0, 8)] {
        let more = json!({"retry": "none", "auto_pause_after": threshold, "max_in_flight": 1});
        let subscription = id(&client.subscribe(&sink.url(), more));
        publish(&client, 8);
        let of_it = format!("subscription={subscription}");
        client.deliveries_when(&format!("{of_it}&status=failed"), spent);
        client.deliveries_when(&format!("{of_it}&status=held"), 8 - spent);
        let expected = if threshold == 0 { "active" } else { "paused" };
        let seen =
            client.subscription_when(&subscription, expected, |seen| seen["status"] == expected);
        assert_eq!(seen["health"]["consecutive_failures"], spent);
        client.delete(&format!("/subscriptions/{subscription}"), 204);
    }
}

#[test]
fn the_threshold_of_those_that_set_none_is_the_servers() {
    let launch = Launch::new().with("POSTHASTE_DELIVERY_AUTO_PAUSE_AFTER", "2");
    let (server, sink) = (launch.start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let more = json!({"retry": "none", "max_in_flight": 1});
    let made = client.subscribe(&sink.url(), more);
    assert_eq!(made["auto_pause_after"], 2);
    publish(&client, 4);
    client.deliveries_when("status=held", 2);
    client.subscription_when(&id(&made), "it is paused", |seen| {
        seen["status"] == "paused"
    });
}

#[test]
fn a_success_in_between_begins_the_count_again() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([500, 500, 200, 500, 500, 200]));
    let more = json!({"retry": "none", "auto_pause_after": 3, "max_in_flight": 1});
    let subscription = id(&client.subscribe(&sink.url(), more));
    publish(&client, 5);
    client.deliveries_when("status=failed", 4);
    let seen = client.subscription(&subscription);
    assert_eq!(
        (&seen["status"], &seen["health"]["consecutive_failures"]),
        (&json!("active"), &json!(2))
    );
}

#[test]
fn what_was_held_goes_out_in_order() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let subscription = id(&client.subscribe(&sink.url(), one_by_one()));
    let path = format!("/subscriptions/{subscription}");
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    publish(&client, 100);
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    let sent: Vec<u64> = sink.wait_for(100).iter().map(number).collect();
    assert_eq!(sent, Vec::from_iter(0..100));
}

/// Fault 45: what comes back is not knocked over again.
#[test]
fn what_was_held_goes_out_a_little_at_first_and_then_more() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let answer = Duration::from_millis(100);
    sink.script(Script::always(Reply::status(200).after(answer)));
    let subscription = id(&client.subscribe(&sink.url(), json!({"max_in_flight": 20})));
    let path = format!("/subscriptions/{subscription}");
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    publish(&client, 150);
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    let arrivals = sink.wait_for(150);
    assert!(arrivals[..2].iter().all(|arrival| arrival.at_once <= 2));
    for (earlier, later) in [(0, 2), (2, 6)] {
        let apart = arrivals[later].at.since(arrivals[earlier].at);
        assert!(apart >= answer, "round of {earlier}: {apart:?}");
    }
    let most = arrivals.iter().map(|arrival| arrival.at_once).max();
    assert!((8..=20).contains(&most.expect("some came")), "{most:?}");
}

/// Fault 39: what was already waiting is held, and goes out once somebody says so.
#[test]
fn a_410_spends_one_delivery_and_holds_all_that_stood_behind_it_over_a_restart() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(410));
    let more = json!({"max_in_flight": 1, "auto_pause_after": 0});
    let subscription = id(&client.subscribe(&sink.url(), more));
    publish(&client, 6);
    client.deliveries_when("status=held", 5);
    let server = server.kill().start();
    let client = server.client();
    let seen = client.subscription(&subscription);
    assert_eq!(
        (&seen["status"], &seen["status_reason"]),
        (&json!("paused"), &json!("gone"))
    );
    assert_eq!(client.list("/deliveries?status=held").len(), 5);
    assert_eq!(
        (sink.count(), client.list("/deliveries?status=failed").len()),
        (1, 1)
    );
    sink.always(Behaviour::status(200));
    client.post(
        &format!("/subscriptions/{subscription}/resume"),
        &Value::Null,
        200,
    );
    let sent: Vec<u64> = sink.wait_for(6)[1..].iter().map(number).collect();
    assert_eq!(sent, [1, 2, 3, 4, 5]);
}
