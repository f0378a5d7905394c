//! The waits of every policy, as a delivery's record shows them and as its attempts keep them.

use std::time::Duration;

use posthaste::clock::Timestamp;
use posthaste_receiver::{Behaviour, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::Server,
    sink::Sink,
    wait::{SOON, until},
};

/// What an attempt may take on a busy machine.
const SLACK_MS: u64 = 10_000;

#[track_caller]
pub fn time(object: &Value, member: &str) -> Timestamp {
    let text = text(object, member);
    text.parse().unwrap_or_else(|_| panic!("no time: {text}"))
}

/// A failing delivery under a policy: after each attempt its record names the next one, which is
/// then wanted at once, until its budget is spent.
#[track_caller]
fn check(client: &Client, sink: &Sink, policy: &Value, waits_ms: &[u64], jitter: f64) {
    let more = json!({"retry": policy, "auto_pause_after": 0});
    let subscription = client.subscribe(&sink.url(), more);
    let delivery = client.delivery_of(&client.publish("a.b", json!(1)));
    for (n, wait_ms) in waits_ms.iter().enumerate() {
        let seen = after_attempt(client, &delivery, n + 1);
        assert_eq!(seen["status"], "retrying", "{policy}: {seen}");
        assert_eq!(seen["retries_left"], waits_ms.len() - n, "{policy}");
        let waits = time(&seen, "next_attempt_at").since(time(&seen, "sent_at"));
        let longest = Duration::from_millis(*wait_ms).mul_f64(1.0 + jitter);
        assert!(waits >= Duration::from_millis(*wait_ms), "{policy}: {seen}");
        assert!(
            waits <= longest + Duration::from_millis(SLACK_MS),
            "{policy}: {seen}"
        );
        let path = format!("/deliveries/{delivery}/redeliver");
        client.post(&path, &Value::Null, 202);
    }
    let seen = after_attempt(client, &delivery, waits_ms.len() + 1);
    assert_eq!(seen["status"], "failed", "{policy}: {seen}");
    assert_eq!(seen["retries_left"], 0, "{policy}");
    assert_eq!(seen["next_attempt_at"], Value::Null, "{policy}");
    client.delete(&format!("/subscriptions/{}", id(&subscription)), 204);
}

#[track_caller]
fn after_attempt(client: &Client, delivery: &str, attempts: usize) -> Value {
    until(&format!("attempt {attempts} is made"), SOON, || {
        let seen = client.delivery(delivery);
        (seen["attempts"] == attempts).then_some(seen)
    })
}

#[test]
fn every_policy_names_its_waits_one_after_the_other_and_then_gives_up() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let check = |policy: Value, waits_s: &[u64], jitter: f64| {
        let waits_ms: Vec<u64> = waits_s.iter().map(|wait| wait * 1000).collect();
        check(&client, &sink, &policy, &waits_ms, jitter);
    };
    check(json!("none"), &[], 0.0);
    check(json!("default"), &[5, 30, 120, 600, 3600], 0.2);
    check(json!("quick"), &[2, 4, 8], 0.0);
    let patient = [5, 300, 1800, 7200, 18_000, 36_000, 36_000];
    check(json!("patient"), &patient, 0.2);
    check(json!({"schedule_s": [1000, 2000]}), &[1000, 2000], 0.2);
    let exponential = json!({"base_s": 100, "factor": 3, "max_s": 1000, "retries": 4});
    let waits = [100, 300, 900, 1000];
    check(
        json!({"exponential": exponential, "jitter": 0}),
        &waits,
        0.0,
    );
    let linear = json!({"delay_s": 100, "retries": 3});
    check(
        json!({"linear": linear, "jitter": 1}),
        &[100, 200, 300],
        1.0,
    );
}

/// The waits between the attempts of a dead letter are at least these.
#[track_caller]
fn check_apart(client: &Client, dead: &Value, waits_ms: &[u64]) {
    let path = format!("/deliveries/{}/attempts", id(dead));
    let mut starts: Vec<Timestamp> = client
        .list(&path)
        .iter()
        .map(|attempt| time(attempt, "started_at"))
        .collect();
    starts.sort_unstable();
    assert_eq!(starts.len(), waits_ms.len() + 1);
    for (two, wait_ms) in starts.windows(2).zip(waits_ms) {
        let apart = two[1].since(two[0]);
        let range = Duration::from_millis(*wait_ms)..Duration::from_millis(wait_ms + SLACK_MS);
        assert!(range.contains(&apart), "{apart:?}, not {range:?}");
    }
}

#[test]
fn attempts_are_as_far_apart_as_their_policy_says() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let exponential = json!({"base_s": 0.1, "factor": 2, "max_s": 0.3, "retries": 3});
    let policies = [
        (
            json!({"schedule_s": [0.3, 0.1], "jitter": 0}),
            vec![300, 100],
        ),
        (json!({"exponential": exponential}), vec![100, 200, 300]),
        (
            json!({"linear": {"delay_s": 0.15, "retries": 2}}),
            vec![150, 300],
        ),
    ];
    let subscribed: Vec<(String, Vec<u64>)> = policies
        .into_iter()
        .map(|(policy, waits_ms)| {
            let subscription = client.subscribe(&sink.url(), json!({"retry": policy}));
            (id(&subscription), waits_ms)
        })
        .collect();
    client.publish("a.b", json!(1));
    for (subscription, waits_ms) in subscribed {
        let query = format!("status=failed&subscription={subscription}");
        let dead = client.deliveries_when(&query, 1).remove(0);
        check_apart(&client, &dead, &waits_ms);
    }
}

#[test]
fn jitter_spreads_what_failed_together() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let policy = json!({"schedule_s": [1000], "jitter": 1});
    client.subscribe(&sink.url(), json!({"retry": policy}));
    let events = vec![json!({"type": "a.b", "data": 1}); 40];
    client.post("/events/batch", &Value::Array(events), 202);
    let waiting = client.deliveries_when("status=retrying", 40);
    let wait = |seen: &Value| time(seen, "next_attempt_at").since(time(seen, "sent_at"));
    let waits: Vec<Duration> = waiting.iter().map(wait).collect();
    let within = |from_s: u64, to_s: u64| {
        let range = Duration::from_secs(from_s)..Duration::from_secs(to_s);
        waits.iter().filter(|wait| range.contains(*wait)).count()
    };
    assert_eq!(within(1000, 2000 + SLACK_MS / 1000), 40, "{waits:?}");
    // Each half is missed by all of 40 once in 2^40 runs.
    assert!(
        within(1000, 1500) > 0 && within(1500, 2010) > 0,
        "{waits:?}"
    );
}

/// Fault 41: a receiver that calls a request wrong may be wrong itself.
#[test]
fn a_4xx_is_tried_again_as_any_failure_and_then_a_dead_letter() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([400, 404, 422, 200]));
    let retry = json!({"schedule_s": [0.05, 0.05]});
    client.subscribe(&sink.url(), json!({"retry": retry}));
    let dead = client.delivery_of(&client.publish("a.b", json!(1)));
    let dead = client.delivery_when(&dead, "failed");
    assert_eq!(
        (&dead["attempts"], &dead["last_status_code"]),
        (&json!(3), &json!(422))
    );
    let next = client.delivery_of(&client.publish("a.b", json!(2)));
    client.delivery_when(&next, "delivered");
}
