//! Endpoints that fail for good: paused, never dropped.

use posthaste_receiver::Behaviour;
use serde_json::{Value, json};

use crate::{api::id, server::Server, sink::Sink};

#[test]
fn an_endpoint_that_spends_five_deliveries_is_paused_and_the_rest_is_held_until_resume() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let subscription =
        id(&client.subscribe(&sink.url(), json!({"retry": "none", "max_in_flight": 1})));
    for n in 0..8 {
        client.publish("a.b", json!({"n": n}));
    }
    let paused = client.subscription_when(&subscription, "it is paused", |seen| {
        seen["status"] == "paused"
    });
    assert_eq!(paused["status_reason"], "consecutive_failures");
    assert_eq!(paused["health"]["consecutive_failures"], 5);
    client.deliveries_when("status=held", 3);
    assert_eq!(client.list("/deliveries?status=failed").len(), 5);
    assert_eq!(client.publish("a.b", json!({"n": 8}))["deliveries"], 1);
    client.deliveries_when("status=held", 4);
    assert_eq!(sink.arrivals().len(), 5);

    sink.always(Behaviour::status(200));
    let resumed = client.post(
        &format!("/subscriptions/{subscription}/resume"),
        &Value::Null,
        200,
    );
    assert_eq!(
        (&resumed["status"], &resumed["status_reason"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(resumed["health"]["consecutive_failures"], 0);
    client.deliveries_when("status=delivered", 4);
    assert_eq!(sink.arrivals().len(), 9);
}

#[test]
fn an_endpoint_that_answers_410_is_paused_and_its_backlog_is_held() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(410));
    let subscription = id(&client.subscribe(&sink.url(), json!({})));
    client.publish("a.b", json!(1));
    let gone = client.deliveries_when("status=failed", 1).remove(0);
    assert_eq!(
        (&gone["attempts"], &gone["last_status_code"]),
        (&json!(1), &json!(410))
    );
    let paused = client.subscription_when(&subscription, "it is paused", |seen| {
        seen["status"] == "paused"
    });
    assert_eq!(paused["status_reason"], "gone");
    client.publish("a.b", json!(2));
    client.deliveries_when("status=held", 1);
    assert_eq!(sink.arrivals().len(), 1);
}
