//! Publishing: one, many, again.

use axum::body::Body;
use futures_util::future::join_all;
use posthaste_engine::Limits;

use super::world::World;

const EVENT: &str = r#"{"type":"memory.created","data":{"a":1}}"#;
const HOOK: &str = r#"{"url":"https://example.com/hook","events":["memory.*"]}"#;

#[tokio::test(start_paused = true)]
async fn an_accepted_event_says_how_many_it_goes_to() {
    let world = World::new().await;
    world.subscribe(HOOK).await;
    let answer = world.post("/events?expand=deliveries", EVENT).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    insta::assert_json_snapshot!(answer.body, {
        ".id" => "[id]", ".delivery_ids[]" => "[id]", ".created_at" => "[time]"
    }, @r#"
    {
      "created_at": "[time]",
      "deliveries": 1,
      "delivery_ids": [
        "[id]"
      ],
      "id": "[id]",
      "type": "memory.created"
    }
    "#);
    let plain = world.post("/events", EVENT).await;
    assert!(plain.body.get("delivery_ids").is_none(), "{}", plain.text);
    assert_eq!(world.post("/events?expand=all", EVENT).await.status, 422);
}

#[tokio::test(start_paused = true)]
async fn an_event_reads_as_it_was_published() {
    let world = World::new().await;
    let body = r#"{"type":"memory.created","data":{"b":1.0,"a":[]},"version":2,"source":"s",
        "correlation_id":"c","ordering_key":"o","occurred_at":"2026-01-01T00:00:00Z","metadata":{"m":1}}"#;
    let id = world.post("/events", body).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let read = world.get(&format!("/events/{id}")).await;
    assert!(read.header("etag").is_some());
    insta::assert_json_snapshot!(read.body, { ".id" => "[id]", ".created_at" => "[time]" }, @r#"
    {
      "correlation_id": "c",
      "created_at": "[time]",
      "data": {
        "a": [],
        "b": 1.0
      },
      "deliveries": 0,
      "id": "[id]",
      "metadata": {
        "m": 1
      },
      "occurred_at": "2026-01-01T00:00:00.000Z",
      "ordering_key": "o",
      "source": "s",
      "type": "memory.created",
      "version": 2
    }
    "#);
    let listed = world.get("/events?correlation_id=c").await;
    assert_eq!(listed.body["data"][0]["id"], id.as_str());
    assert!(listed.body["data"][0].get("data").is_none());
}

#[tokio::test(start_paused = true)]
async fn one_key_makes_one_event() {
    let world = World::new().await;
    let key = [("idempotency-key", "k-1")];
    let first = world.call_with("POST", "/events", &key, EVENT).await;
    assert_eq!(first.header("idempotent-replayed"), None);
    let again = world.call_with("POST", "/events", &key, EVENT).await;
    assert_eq!(again.status, 202);
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let other = world
        .call_with("POST", "/events", &key, format!("{EVENT} "))
        .await;
    assert_eq!(
        (other.status.as_u16(), other.problem().0),
        (409, "idempotency-conflict")
    );
    assert_eq!(
        world.get("/events").await.body["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_hundred_racing_requests_with_one_key_make_one_event() {
    let world = World::new().await;
    let key = [("idempotency-key", "k-1")];
    let requests = (0..100).map(|_| world.call_with("POST", "/events", &key, EVENT));
    let answers = join_all(requests).await;
    assert!(
        answers
            .iter()
            .all(|one| one.status == 202 && one.text == answers[0].text)
    );
    let replayed = answers
        .iter()
        .filter(|one| one.header("idempotent-replayed").is_some());
    assert_eq!(replayed.count(), 99);
}

#[tokio::test(start_paused = true)]
async fn tenants_have_keys_of_their_own() {
    let world = World::new().await;
    assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
    let key = ("idempotency-key", "k-1");
    let one = world.call_with("POST", "/events", &[key], EVENT).await;
    let other = [key, ("posthaste-tenant", "acme")];
    let other = world.call_with("POST", "/events", &other, EVENT).await;
    assert_eq!(other.status, 202);
    assert_ne!(one.body["id"], other.body["id"]);
}

#[tokio::test(start_paused = true)]
async fn idempotency_keys_are_visible_ascii() {
    let world = World::new().await;
    let long = "x".repeat(256);
    for key in ["", "a b", "a\tb", &long] {
        let headers = [("idempotency-key", key)];
        let answer = world.call_with("POST", "/events", &headers, EVENT).await;
        assert_eq!(answer.status, 422, "{key}");
        assert_eq!(answer.pointers(), ["@idempotency-key"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_accepted_in_order_from_an_array_or_from_lines() {
    let world = World::new().await;
    let array = r#" [{"type":"a","data":1}, {"type":"b","data":2} ]"#;
    let lines = "{\"type\":\"a\",\"data\":1}\r\n\n{\"type\":\"b\",\"data\":2}\n";
    for (content_type, body) in [("application/json", array), ("application/x-ndjson", lines)] {
        let headers = [("content-type", content_type)];
        let answer = world
            .call_with("POST", "/events/batch", &headers, body)
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        assert_eq!(answer.body["accepted"], 2);
        assert_eq!(answer.body["events"][0]["type"], "a");
        assert_eq!(answer.body["events"][1]["type"], "b");
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_item_refuses_the_batch_and_every_bad_index_is_named() {
    let world = World::new().await;
    let bad = r#"[{"type":"a","data":1},{"type":"b"},7,{"type":"a b","data":1,"x":1}]"#;
    let answer = world.post("/events/batch", bad).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.pointers(), ["/1/data", "/2", "/3/type", "/3/x"]);
    let reserved = r#"[{"type":"a","data":1},{"type":"posthaste.x","data":1}]"#;
    assert_eq!(
        world.post("/events/batch", reserved).await.pointers(),
        ["/1/type"]
    );
    let mixed = r#"[{"type":"a","data":1,"subscriptions":["sub_0000000000000"]},{"type":"a"},
        {"type":"posthaste.x","data":1},{"type":"a","data":1}]"#;
    assert_eq!(
        world.post("/events/batch", mixed).await.pointers(),
        ["/0/subscriptions", "/1/data", "/2/type"],
        "also those that the engine alone can tell"
    );
    let lines = [("content-type", "application/x-ndjson")];
    let broken = world
        .call_with(
            "POST",
            "/events/batch",
            &lines,
            "{\"type\":\"a\",\"data\":1}\n{\n{\"type\":\"a\",\"type\":\"a\"}",
        )
        .await;
    assert_eq!(
        (broken.status.as_u16(), broken.pointers()),
        (400, vec!["/1", "/2"])
    );
    let twice = r#"[{"type":"a","data":1},{"type":"a","data":{"x":1,"x":2}}]"#;
    let twice = world.post("/events/batch", twice).await;
    assert_eq!((twice.status.as_u16(), twice.pointers()), (400, vec!["/1"]));
    assert_eq!(
        world.get("/events").await.body["data"],
        serde_json::json!([])
    );
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_bound() {
    let limits = Limits {
        batch_events: 3,
        event_bytes: 40,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let many = format!("[{}]", [r#"{"type":"a","data":1}"#; 4].join(","));
    assert_eq!(
        world.post("/events/batch", &many).await.problem().0,
        "payload-too-large"
    );
    let lines = [("content-type", "application/x-ndjson")];
    let many = [r#"{"type":"a","data":1}"#; 4].join("\n");
    assert_eq!(
        world
            .call_with("POST", "/events/batch", &lines, many)
            .await
            .status,
        413
    );
    assert_eq!(world.post("/events/batch", "[]").await.status, 422);
    let large = format!(r#"[{{"type":"a","data":"{}"}}]"#, "x".repeat(40));
    assert_eq!(
        world.post("/events/batch", &large).await.problem(),
        ("validation", "event_too_large")
    );
    let none = world.call("POST", "/events/batch", Body::empty()).await;
    assert_eq!(
        (none.status.as_u16(), none.problem().0),
        (400, "malformed-json")
    );
}

#[tokio::test(start_paused = true)]
async fn items_of_a_batch_have_keys_of_their_own_or_the_headers() {
    let world = World::new().await;
    let key = [("idempotency-key", "b")];
    let body = r#"[{"type":"a","data":1},{"type":"a","data":2,"idempotency_key":"own"}]"#;
    let first = world.call_with("POST", "/events/batch", &key, body).await;
    let again = world.call_with("POST", "/events/batch", &key, body).await;
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let same_bytes = r#"[{"type":"a","data":2,"idempotency_key":"own"}]"#;
    let alone = world.post("/events/batch", same_bytes).await;
    assert_eq!(alone.body["events"][0]["id"], first.body["events"][1]["id"]);
    let clash = r#"[{"type":"a","data":1,"idempotency_key":"x"},{"type":"a","data":2,"idempotency_key":"x"}]"#;
    let clash = world.post("/events/batch", clash).await;
    assert_eq!((clash.status.as_u16(), clash.pointers()), (409, vec!["/1"]));
    assert_eq!(
        world.get("/events").await.body["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_that_came_back_three_times_is_a_508() {
    let world = World::new().await;
    let hop = |n: u8| format!("{};{n}", world.engine.server_name());
    let second = hop(2);
    let third = hop(3);
    let answer = world
        .call_with("POST", "/events", &[("posthaste-hop", &second)], EVENT)
        .await;
    assert_eq!(answer.status, 202);
    let answer = world
        .call_with("POST", "/events", &[("posthaste-hop", &third)], EVENT)
        .await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().0),
        (508, "loop-detected")
    );
    let others = [("posthaste-hop", "ffffffffffffffff;9")];
    assert_eq!(
        world
            .call_with("POST", "/events", &others, EVENT)
            .await
            .status,
        202
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_and_its_attempts_can_be_followed() {
    let world = World::new().await;
    world.subscribe(HOOK).await;
    let event = world.post("/events", EVENT).await.body["id"]
        .as_str()
        .unwrap()
        .to_owned();
    world.settle().await;
    let page = world.get(&format!("/events/{event}/deliveries")).await;
    let delivery = page.body["data"][0].clone();
    insta::assert_json_snapshot!(delivery, { ".*" => insta::dynamic_redaction(redact) }, @r#"
    {
      "attempts": 1,
      "created_at": "[time]",
      "delivered_at": "[time]",
      "event_id": "[evt]",
      "event_type": "memory.created",
      "id": "[dlv]",
      "last_error": null,
      "last_status_code": 200,
      "next_attempt_at": null,
      "origin": "publish",
      "provenance": "[link]",
      "replay_id": null,
      "retries_left": 0,
      "sent_at": "[time]",
      "status": "delivered",
      "subscription_id": "[sub]"
    }
    "#);
    let id = delivery["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/deliveries/{id}")).await.body, delivery);
    let again = world.post(&format!("/deliveries/{id}/redeliver"), "").await;
    assert_eq!(again.status, 202, "{}", again.text);
    assert_eq!(again.text, r#"{"redelivered":1,"already_waiting":0}"#);
    world.settle().await;
    let attempts = world.get(&format!("/deliveries/{id}/attempts")).await;
    let numbers = attempts.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["number"]);
    assert_eq!(numbers.collect::<Vec<_>>(), [2, 1]);
    let attempt = &attempts.body["data"][1];
    assert_eq!(attempt["response_body"], "thanks");
    assert_eq!(attempt["response_headers"]["content-type"], "text/plain");
    assert_eq!(attempt["request_headers"]["webhook-id"], event.as_str());
    let failed = world.get("/deliveries?status=failed").await;
    assert_eq!(failed.body["data"], serde_json::json!([]));
}

fn redact(
    value: insta::internals::Content,
    _: insta::internals::ContentPath<'_>,
) -> insta::internals::Content {
    match value.as_str() {
        Some(text) if text.len() == 17 && text.as_bytes()[3] == b'_' => {
            format!("[{}]", &text[..3]).into()
        }
        Some(text) if text.ends_with('Z') => "[time]".into(),
        Some(text) if text.len() == 64 => "[link]".into(),
        _ => value,
    }
}
