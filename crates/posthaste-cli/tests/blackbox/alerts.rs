//! What a tenant is told about its subscriptions, as events like any other.

use posthaste_receiver::{Behaviour, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    health::alert,
    http::Client,
    server::Server,
    signature::assert_signed,
    sink::Sink,
    wait::{SOON, until},
};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// All that was told, once there is so much, in the order of their names.
#[track_caller]
fn told(watcher: &Sink, count: usize) -> Vec<(String, Value)> {
    let mut told: Vec<_> = watcher.wait_for(count).iter().map(alert).collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told.len(), count, "{told:?}");
    told
}

#[track_caller]
fn about(subscription: &str, sink: &Sink, reason: &str) -> Value {
    json!({"subscription_id": subscription, "url": sink.url(), "reason": reason})
}

fn alerts_made(client: &Client) -> Vec<Value> {
    let events = client.list("/events?limit=1000");
    let is_alert = |event: &Value| text(event, "type").starts_with("posthaste.");
    events.into_iter().filter(is_alert).collect()
}

#[test]
fn a_pause_a_resume_and_a_dead_letter_are_told_signed_to_who_asked_for_them() {
    let (server, sink, watcher) = (Server::start(), Sink::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([410, 500, 200]));
    let wanted = json!({"events": ["posthaste.*"], "secret": SECRET});
    client.subscribe(&watcher.url(), wanted);
    let more = json!({"events": ["a.b"], "retry": "none", "auto_pause_after": 1});
    let subscription = id(&client.subscribe(&sink.url(), more));
    let path = format!("/subscriptions/{subscription}");
    let mut expected = Vec::new();
    for (status, reason) in [(410, "gone"), (500, "consecutive_failures")] {
        let event = client.publish("a.b", json!(1));
        let delivery = client.delivery_when(&client.delivery_of(&event), "failed");
        let dead = json!({
            "delivery_id": delivery["id"], "event_id": event["id"], "event_type": "a.b",
            "subscription_id": subscription, "attempts": 1, "last_status_code": status,
            "last_error": format!("http {status}"),
        });
        watcher.wait_for(expected.len() + 2);
        client.post(&format!("{path}/resume"), &Value::Null, 200);
        watcher.wait_for(expected.len() + 3);
        expected.push(("posthaste.delivery.failed".to_owned(), dead));
        let paused = about(&subscription, &sink, reason);
        expected.push(("posthaste.subscription.paused".to_owned(), paused));
        let resumed = about(&subscription, &sink, "manual");
        expected.push(("posthaste.subscription.resumed".to_owned(), resumed));
    }
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    let paused = about(&subscription, &sink, "manual");
    expected.push(("posthaste.subscription.paused".to_owned(), paused));
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told(&watcher, 7), expected);
    for arrival in watcher.arrivals() {
        assert_signed(&arrival, SECRET);
        let event = client.get(&format!("/events/{}", arrival.id()));
        assert_eq!(event["type"].as_str(), arrival.header("x-event-type"));
    }
}

#[test]
fn nothing_is_made_of_what_nobody_asked_for() {
    let (server, sink, watcher) = (Server::start(), Sink::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let more = json!({"events": ["a.b"], "retry": "none", "auto_pause_after": 1});
    let subscription = id(&client.subscribe(&sink.url(), more));
    client.subscribe(&watcher.url(), json!({"events": []}));
    let event = client.publish("a.b", json!(1));
    client.deliveries_when("status=failed", 1);
    client.post(
        &format!("/subscriptions/{subscription}/resume"),
        &Value::Null,
        200,
    );
    assert_eq!(alerts_made(&client), [] as [Value; 0]);
    let came = watcher.wait_for(1);
    assert_eq!((came.len(), came[0].id()), (1, id(&event).as_str()));
    let only = json!({"events": ["posthaste.subscription.resumed"]});
    client.subscribe(&watcher.url(), only);
    client.publish("a.b", json!(2));
    client.deliveries_when("status=failed", 2);
    client.post(
        &format!("/subscriptions/{subscription}/resume"),
        &Value::Null,
        200,
    );
    let names: Vec<_> = until("the one is made", SOON, || {
        let made = alerts_made(&client);
        (!made.is_empty()).then_some(made)
    });
    assert_eq!(names.len(), 1);
    assert_eq!(names[0]["type"], "posthaste.subscription.resumed");
}

/// Those who take alerts and fail are paused as all others, but that is told to nobody.
#[test]
fn an_alert_that_fails_causes_no_alert() {
    let (server, sink) = (Server::start(), Sink::start());
    let (watcher, failing) = (Sink::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    failing.always(Behaviour::status(500));
    let wanted = json!({"events": ["posthaste.*"], "retry": "none", "auto_pause_after": 1});
    client.subscribe(&watcher.url(), wanted.clone());
    let broken = id(&client.subscribe(&failing.url(), wanted));
    let more = json!({"events": ["a.b"], "retry": "none", "auto_pause_after": 0});
    client.subscribe(&sink.url(), more);
    client.publish("a.b", json!(1));
    client.subscription_when(&broken, "the failing one is paused", |seen| {
        seen["status"] == "paused"
    });
    client.publish("a.b", json!(2));
    let names: Vec<_> = told(&watcher, 2).into_iter().map(|told| told.0).collect();
    assert_eq!(names, ["posthaste.delivery.failed"; 2]);
    client.deliveries_when(&format!("subscription={broken}&status=held"), 1);
    assert_eq!((alerts_made(&client).len(), failing.count()), (2, 1));
}
