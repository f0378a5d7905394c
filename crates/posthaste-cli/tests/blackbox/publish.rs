//! The main path: an event in, a signed request out, and what the records say about it.

use serde_json::{Value, json};

use crate::{
    api::{BASE, assert_members, id, text},
    server::Server,
    signature::{assert_signed, signed_with},
    sink::Sink,
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const PUBLISHED: &str = r#"{"type":"memory.created","version":2,"source":"tests","correlation_id":"c-1","occurred_at":"2026-01-02T03:04:05.678Z","data":{"z": 1.0,  "a":[1e400,9007199254740993 ]}}"#;

#[test]
fn an_event_arrives_byte_for_byte_and_signed_in_all_three_schemes() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let subscription = client.subscribe(&sink.url(), json!({}));
    let secret = text(&subscription, "secret");
    assert!(secret.starts_with("whsec_"), "{secret}");
    let event = client
        .send("POST", &format!("{BASE}/events"), PUBLISHED.as_bytes())
        .expect(202);
    assert_members(&event, &["id", "type", "created_at", "deliveries"]);
    assert_eq!(event["deliveries"], 1);

    let arrival = sink.wait_for(1).remove(0);
    let expected = format!(
        r#"{{"id":"{}","type":"memory.created","version":2,"timestamp":"2026-01-02T03:04:05.678Z","source":"tests","correlation_id":"c-1","data":{{"z": 1.0,  "a":[1e400,9007199254740993 ]}}}}"#,
        id(&event)
    );
    assert_eq!(arrival.text(), expected);
    assert_signed(&arrival, &secret);
    for (header, value) in [
        ("content-type", "application/json"),
        (
            "user-agent",
            concat!("Posthaste/", env!("CARGO_PKG_VERSION")),
        ),
        ("webhook-id", &id(&event)),
        ("x-webhook-id", &client.delivery_of(&event)),
        ("x-event-type", "memory.created"),
        ("x-correlation-id", "c-1"),
    ] {
        assert_eq!(arrival.header(header), Some(value), "{header}");
    }
    assert!(
        arrival
            .header("posthaste-hop")
            .is_some_and(|hop| hop.contains(';'))
    );
    assert_eq!(arrival.header("traceparent"), None);
}

#[test]
fn a_secret_and_a_hash_of_ones_own_are_signed_with() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let given = json!({"secret": SECRET, "algorithm": "hmac-sha512"});
    let subscription = client.subscribe(&sink.url(), given);
    assert_eq!(subscription["secret"], SECRET);
    client.publish("a.b", json!({}));
    let arrival = sink.wait_for(1).remove(0);
    assert_signed(&arrival, SECRET);
    assert!(
        arrival
            .header("x-webhook-signature")
            .unwrap()
            .starts_with("sha512=")
    );
    assert_eq!(signed_with(&arrival, "another-secret-of-16"), [""; 0]);
}

#[test]
fn only_the_chosen_schemes_sign() {
    let (server, sink) = (Server::start(), Sink::start());
    server
        .client()
        .subscribe(&sink.url(), json!({"schemes": ["pt"], "secret": SECRET}));
    server.client().publish("a.b", json!({}));
    let arrival = sink.wait_for(1).remove(0);
    assert_eq!(signed_with(&arrival, SECRET), ["x-pt-signature"]);
    assert_eq!(arrival.header("webhook-signature"), None);
    assert_eq!(arrival.header("x-webhook-signature"), None);
}

#[test]
fn a_trace_goes_along() {
    let (server, sink) = (Server::start(), Sink::start());
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let client = server.client().with("traceparent", trace);
    client.subscribe(&sink.url(), json!({}));
    client.publish("a.b", json!(1));
    let arrival = sink.wait_for(1).remove(0);
    let carried = arrival.header("traceparent").unwrap_or_default();
    assert_eq!(carried.get(3..35), trace.get(3..35), "{carried}");
}

#[test]
fn each_format_has_its_body() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let event = |format: &str| {
        let subscription = client.subscribe(&sink.url(), json!({"format": format}));
        let before = sink.arrivals().len();
        let body = r#"{"type":"a.b","occurred_at":"2026-01-02T03:04:05.678Z","data":{"z": 1.0, "é":{"b":2,"a":1}, "B":[3,  1]}}"#;
        let event = client
            .send("POST", &format!("{BASE}/events"), body.as_bytes())
            .expect(202);
        let arrival = sink.wait_for(before + 1).remove(before);
        assert_signed(&arrival, &text(&subscription, "secret"));
        client.delete(&format!("/subscriptions/{}", id(&subscription)), 204);
        (id(&event), arrival.text())
    };
    let (_, raw) = event("raw");
    assert_eq!(raw, r#"{"z": 1.0, "é":{"b":2,"a":1}, "B":[3,  1]}"#);
    let (_, flat) = event("flat");
    let sorted = r#"{"B":[3,1],"timestamp":"2026-01-02T03:04:05.678Z","z":1.0,"é":{"a":1,"b":2}}"#;
    assert_eq!(flat, sorted);
    let (event_id, cloud) = event("cloudevents");
    assert!(
        cloud.contains(r#""data":{"z": 1.0, "é":{"b":2,"a":1}, "B":[3,  1]}"#),
        "{cloud}"
    );
    let cloud: Value = serde_json::from_str(&cloud).unwrap();
    for (member, value) in [
        ("specversion", "1.0"),
        ("id", &event_id),
        ("type", "a.b"),
        ("time", "2026-01-02T03:04:05.678Z"),
    ] {
        assert_eq!(cloud[member], value, "{cloud}");
    }
    assert!(cloud["source"].is_string(), "{cloud}");
}

#[test]
fn the_records_of_a_delivered_event_are_complete() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let subscription = client.subscribe(&sink.url(), json!({"secret": SECRET}));
    let event = client.publish("a.b", json!({"n": 1}));
    let delivery = client.delivery_when(&client.delivery_of(&event), "delivered");
    assert_members(
        &delivery,
        &[
            "id",
            "event_id",
            "subscription_id",
            "event_type",
            "status",
            "attempts",
            "retries_left",
            "next_attempt_at",
            "last_status_code",
            "last_error",
            "origin",
            "replay_id",
            "created_at",
            "sent_at",
            "delivered_at",
            "provenance",
        ],
    );
    for (member, value) in [
        ("event_id", event["id"].clone()),
        ("subscription_id", subscription["id"].clone()),
        ("event_type", json!("a.b")),
        ("attempts", json!(1)),
        ("next_attempt_at", Value::Null),
        ("last_status_code", json!(200)),
        ("last_error", Value::Null),
        ("origin", json!("publish")),
        ("replay_id", Value::Null),
        ("created_at", event["created_at"].clone()),
    ] {
        assert_eq!(delivery[member], value, "{member} of {delivery}");
    }
    assert!(delivery["delivered_at"].is_string() && delivery["sent_at"].is_string());

    let attempts = client.list(&format!("/deliveries/{}/attempts", id(&delivery)));
    assert_eq!(attempts.len(), 1);
    assert_members(
        &attempts[0],
        &[
            "number",
            "started_at",
            "latency_ms",
            "timings_ms",
            "status_code",
            "error",
            "request_headers",
            "response_headers",
            "response_body",
            "node",
        ],
    );
    assert_eq!(
        (&attempts[0]["number"], &attempts[0]["status_code"]),
        (&json!(1), &json!(200))
    );
    let timings = &attempts[0]["timings_ms"];
    assert_members(timings, &["dns", "connect", "tls", "first_byte"]);
    assert!(timings["connect"].is_f64() && timings["first_byte"].is_f64());
    assert!(timings["dns"].is_null() && timings["tls"].is_null());
    let shown = attempts[0].to_string();
    assert!(
        shown.to_lowercase().contains("webhook-signature") && !shown.contains(SECRET),
        "{shown}"
    );
}

#[test]
fn an_event_reads_as_it_was_published() {
    let server = Server::start();
    let client = server.client();
    let published = client
        .send("POST", &format!("{BASE}/events"), PUBLISHED.as_bytes())
        .expect(202);
    let path = format!("/events/{}", id(&published));
    let raw = client.send("GET", &format!("{BASE}{path}"), b"").text();
    assert!(
        raw.contains(r#""data":{"z": 1.0,  "a":[1e400,9007199254740993 ]}"#),
        "{raw}"
    );
    assert!(
        raw.contains(r#""version":2"#) && raw.contains(r#""deliveries":0"#),
        "{raw}"
    );
    let plain = client.publish("a.b", Value::Null);
    let event = client.get(&format!("/events/{}", id(&plain)));
    let all = [
        "id",
        "type",
        "version",
        "source",
        "correlation_id",
        "ordering_key",
        "occurred_at",
        "metadata",
        "data",
        "deliveries",
        "created_at",
    ];
    assert_members(&event, &all);
    for absent in [
        "version",
        "source",
        "correlation_id",
        "ordering_key",
        "occurred_at",
        "data",
    ] {
        assert_eq!(event[absent], Value::Null, "{absent}");
    }
    let listed = client.list("/events");
    assert_eq!(
        listed.iter().map(id).collect::<Vec<_>>(),
        [id(&plain), id(&published)]
    );
    assert_members(
        &listed[0],
        &all.map(|name| if name == "data" { "id" } else { name })
            .into_iter()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>(),
    );
}

#[test]
fn an_event_goes_to_whom_it_matches_and_no_further_than_asked() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let exact = client.subscribe(&sink.url(), json!({"events": ["memory.created"]}));
    let prefix = client.subscribe(&sink.url(), json!({"events": ["memory.*"]}));
    let all = client.subscribe(&sink.url(), json!({"events": ["*"]}));
    client.subscribe(&sink.url(), json!({"events": ["tag.added"]}));
    client.subscribe(&sink.url(), json!({"events": ["posthaste.*"]}));
    let check = |body: Value, expected: &[&Value]| {
        let published = client.post("/events?expand=deliveries", &body, 202);
        assert_eq!(published["deliveries"], expected.len(), "{body}");
        let mut went: Vec<_> = published["delivery_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|delivery| client.delivery(delivery.as_str().unwrap())["subscription_id"].clone())
            .collect();
        let mut expected: Vec<_> = expected
            .iter()
            .map(|subscription| subscription["id"].clone())
            .collect();
        went.sort_by_key(Value::to_string);
        expected.sort_by_key(Value::to_string);
        assert_eq!(went, expected, "{body}");
    };
    check(
        json!({"type": "memory.created", "data": 1}),
        &[&exact, &prefix, &all],
    );
    check(json!({"type": "memory.a.b", "data": 1}), &[&prefix, &all]);
    check(json!({"type": "memory", "data": 1}), &[&all]);
    let narrowed = json!({"type": "memory.created", "data": 1, "subscriptions": [exact["id"]]});
    check(narrowed, &[&exact]);
    let unknown = json!({"type": "a", "data": 1, "subscriptions": ["sub_0000000000001"]});
    client.post("/events", &unknown, 422);
    sink.wait_for(7);
}

#[test]
fn the_platforms_own_types_are_not_for_publishing() {
    let server = Server::start();
    server.client().post(
        "/events",
        &json!({"type": "posthaste.test", "data": 1}),
        422,
    );
}
