//! Paused means held, disabled means skipped, deleted means discarded with a reason: each on
//! purpose, each visible.

use posthaste_receiver::Behaviour;
use serde_json::{Value, json};

use crate::{api::id, server::Server, sink::Sink};

#[test]
fn what_comes_while_paused_is_held_over_a_restart_and_goes_out_on_resume() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let subscription = id(&client.subscribe(&sink.url(), json!({})));
    let paused = client.post(
        &format!("/subscriptions/{subscription}/pause"),
        &Value::Null,
        200,
    );
    assert_eq!(paused["status"], "paused");
    let event = client.publish("a.b", json!({"n": 1}));
    assert_eq!(event["deliveries"], 1);
    let delivery = client.delivery_of(&event);
    assert_eq!(client.delivery_when(&delivery, "held")["attempts"], 0);
    let waiting = client.post(
        &format!("/deliveries/{delivery}/redeliver"),
        &Value::Null,
        202,
    );
    assert_eq!(waiting, json!({"redelivered": 0, "already_waiting": 1}));

    let server = server.kill().start();
    let client = server.client();
    assert_eq!(client.delivery_when(&delivery, "held")["attempts"], 0);
    client.post(
        &format!("/subscriptions/{subscription}/resume"),
        &Value::Null,
        200,
    );
    client.delivery_when(&delivery, "delivered");
    assert_eq!(sink.arrivals().len(), 1);
}

#[test]
fn a_disabled_subscription_is_skipped_and_what_waited_is_discarded() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let path = format!(
        "/subscriptions/{}",
        id(&client.subscribe(&sink.url(), json!({})))
    );
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    let waited = client.delivery_of(&client.publish("a.b", json!(1)));
    let disabled = client.patch(&path, &json!({"status": "disabled"}));
    assert_eq!(disabled["status"], "disabled");
    assert_eq!(client.publish("a.b", json!(2))["deliveries"], 0);
    let discarded = client.delivery_when(&waited, "discarded");
    assert!(
        discarded["last_error"]
            .as_str()
            .unwrap()
            .starts_with("disabled"),
        "{discarded}"
    );
    client.post(
        &format!("/deliveries/{waited}/redeliver"),
        &Value::Null,
        409,
    );
    assert_eq!(
        client.patch(&path, &json!({"status": "active"}))["status"],
        "active"
    );
    client.post(
        &format!("/deliveries/{waited}/redeliver"),
        &Value::Null,
        202,
    );
    client.delivery_when(&waited, "delivered");
    assert_eq!(sink.arrivals().len(), 1);
}

#[test]
fn what_a_deleted_subscription_was_owed_is_discarded_and_still_read() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    let path = format!(
        "/subscriptions/{}",
        id(&client.subscribe(&sink.url(), json!({})))
    );
    let owed = client.delivery_of(&client.publish("a.b", json!(1)));
    client.delivery_when(&owed, "retrying");
    client.delete(&path, 204);
    let discarded = client.delivery_when(&owed, "discarded");
    assert!(
        discarded["last_error"]
            .as_str()
            .unwrap()
            .starts_with("deleted"),
        "{discarded}"
    );
    assert_eq!(
        client.list(&format!("/deliveries/{owed}/attempts")).len(),
        1
    );
    client.call("GET", &path, &Value::Null).expect(404);
    client.delete(&path, 404);
    client.post(&format!("/deliveries/{owed}/redeliver"), &Value::Null, 404);
    assert_eq!(client.publish("a.b", json!(2))["deliveries"], 0);
}
