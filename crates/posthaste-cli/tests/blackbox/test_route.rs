//! One attempt to one subscription, whatever its filters and state.

use posthaste_receiver::Behaviour;
use serde_json::{Value, json};

use crate::{
    api::{assert_members, id, text},
    server::Server,
    sink::Sink,
};

#[test]
fn a_test_reaches_a_paused_subscription_once_and_counts_for_nothing() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let subscription =
        id(&client.subscribe(&sink.url(), json!({"events": ["memory.*", "tag.added"]})));
    client.post(
        &format!("/subscriptions/{subscription}/pause"),
        &Value::Null,
        200,
    );
    let trial = client.post(
        &format!("/subscriptions/{subscription}/test"),
        &Value::Null,
        202,
    );
    assert_members(&trial, &["delivery_id", "event_id", "status"]);
    assert_eq!(trial["status"], "pending");
    let ended = client.delivery_when(&text(&trial, "delivery_id"), "failed");
    assert_eq!(
        (&ended["origin"], &ended["attempts"]),
        (&json!("test"), &json!(1))
    );
    let arrival = sink.wait_for(1).remove(0);
    assert_eq!(arrival.header("x-event-type"), Some("tag.added"));
    assert!(
        arrival.text().ends_with(r#""data":{"test":true}}"#),
        "{}",
        arrival.text()
    );
    let health = client.subscription(&subscription)["health"].clone();
    assert_eq!(health["consecutive_failures"], 0);
    assert_eq!(health["failed_attempts_in_a_row"], 0);
}

#[test]
fn a_test_has_the_type_that_was_asked_for_or_the_platforms_own() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let path = format!(
        "/subscriptions/{}/test",
        id(&client.subscribe(&sink.url(), json!({})))
    );
    let other = Sink::start();
    client.subscribe(&other.url(), json!({}));
    for (n, (body, expected)) in [
        (Value::Null, "posthaste.test"),
        (json!({"type": "x.y"}), "x.y"),
    ]
    .into_iter()
    .enumerate()
    {
        let trial = client.post(&path, &body, 202);
        client.delivery_when(&text(&trial, "delivery_id"), "delivered");
        assert_eq!(
            sink.wait_for(n + 1)[n].header("x-event-type"),
            Some(expected)
        );
    }
    client.post(&path, &json!({"type": "a b"}), 422);
    client.post("/subscriptions/sub_0000000000001/test", &Value::Null, 404);
    assert_eq!(
        other.arrivals().len(),
        0,
        "a test is for one subscription alone"
    );
}
