//! The quick API: four routes, their bodies exactly so.

use serde_json::{Value, json};

use crate::{
    api::{assert_members, text},
    server::Server,
    sink::Sink,
};

#[test]
fn the_four_routes_answer_exactly_as_the_contract_says() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let given = json!({"url": sink.url(), "events": ["memory.created"], "metadata": {"team": "a"}});
    let made = client.post("", &given, 201);
    assert_members(&made, &["webhook_id", "message"]);
    let hook = text(&made, "webhook_id");
    assert!(hook.starts_with("sub_"), "{hook}");

    let listed = client.get("");
    let [only] = listed.as_array().unwrap().as_slice() else {
        panic!("a bare array of one: {listed}");
    };
    assert_members(
        only,
        &[
            "webhook_id",
            "url",
            "events",
            "metadata",
            "active",
            "health_status",
            "consecutive_failures",
            "last_triggered_at",
            "created_at",
        ],
    );
    for (member, value) in [
        ("webhook_id", json!(hook)),
        ("url", json!(sink.url())),
        ("events", json!(["memory.created"])),
        ("metadata", json!({"team": "a"})),
        ("active", json!(true)),
        ("health_status", json!("healthy")),
        ("consecutive_failures", json!(0)),
        ("last_triggered_at", Value::Null),
    ] {
        assert_eq!(only[member], value, "{member}");
    }

    let trial = client.post(&format!("/{hook}/test"), &Value::Null, 202);
    assert_members(&trial, &["delivery_id", "webhook_id", "status", "message"]);
    assert_eq!(
        (&trial["webhook_id"], &trial["status"]),
        (&json!(hook), &json!("pending"))
    );
    assert_eq!(
        sink.wait_for(1)[0].header("x-event-type"),
        Some("memory.created")
    );

    let gone = client.delete(&format!("/{hook}"), 200);
    assert_members(&gone, &["webhook_id", "message"]);
    client.delete(&format!("/{hook}"), 404);
    client.post(&format!("/{hook}/test"), &Value::Null, 404);
    assert_eq!(client.get(""), json!([]));
}

#[test]
fn a_quick_subscription_is_an_ordinary_one_that_sends_flat_bodies() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let given = json!({"url": sink.url(), "events": [], "secret": "a secret of one's own"});
    let hook = text(&client.post("", &given, 201), "webhook_id");
    let seen = client.subscription(&hook);
    assert_eq!(
        (&seen["format"], &seen["retry"]),
        (&json!("flat"), &json!("quick"))
    );
    assert_eq!(
        client.get(&format!("/subscriptions/{hook}/secret")),
        json!({"secret": given["secret"]})
    );
    let event = client.publish("a.b", json!({"z": 1, "a": 2}));
    let arrived = sink.wait_for(1)[0].text();
    assert!(
        arrived.starts_with(r#"{"a":2,"timestamp":""#) && arrived.ends_with(r#","z":1}"#),
        "{arrived}"
    );
    client.delivery_when(&client.delivery_of(&event), "delivered");
    let listed = client.get("");
    assert!(listed[0]["last_triggered_at"].is_string(), "{listed}");
    client.post(&format!("/subscriptions/{hook}/pause"), &Value::Null, 200);
    assert_eq!(client.get("")[0]["active"], false);
    client.subscribe(&sink.url(), json!({}));
    assert_eq!(
        client.get("").as_array().unwrap().len(),
        2,
        "both APIs show all"
    );
}

#[test]
fn what_is_wrong_in_a_quick_body_is_named() {
    let server = Server::start();
    let client = server.client();
    for body in [
        json!({}),
        json!({"url": "http://127.0.0.1:8999", "events": ["a b"]}),
        json!({"url": "http://127.0.0.1:8999", "events": [], "x": 1}),
        json!({"url": "ftp://example.com/", "events": []}),
        json!({"url": "http://127.0.0.1:8999/", "events": [], "secret": "short"}),
    ] {
        let answer = client.call("POST", "", &body);
        assert_eq!(answer.status, 422, "{body}: {}", answer.text());
        assert!(answer.json()["errors"].is_array(), "{body}");
    }
    assert_eq!(client.get(""), json!([]));
}
