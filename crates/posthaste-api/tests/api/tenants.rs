//! What a tenant may do at most, and its end.

use axum::body::Body;
use posthaste::id::{EventId, Place};
use posthaste_engine::Limits;
use serde_json::{Value, json};

use super::world::{Answered, World, request};

const ACME: [(&str, &str); 1] = [("posthaste-tenant", "acme")];

/// With a tenant `acme` that has these limits.
async fn with_acme(limits: &str) -> World {
    let world = World::new().await;
    let body = format!(r#"{{"id":"acme","limits":{limits}}}"#);
    let made = world.post("/tenants", &body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    world
}

async fn publish(world: &World, body: &str) -> Answered {
    world
        .call_with("POST", "/events", &ACME, body.to_owned())
        .await
}

const EVENT: &str = r#"{"type":"a","data":1}"#;

async fn events(world: &World) -> usize {
    let list = world
        .call_with("GET", "/events", &ACME, Body::empty())
        .await;
    list.body["data"].as_array().unwrap().len()
}

#[track_caller]
fn check_limited(answer: &Answered, retry_after: &str) {
    let seen = (answer.status.as_u16(), answer.problem().0);
    assert_eq!(seen, (429, "rate-limited"), "{}", answer.text);
    assert_eq!(answer.header("retry-after"), Some(retry_after));
}

fn place(published: &Answered) -> Place {
    let id = published.body["id"].as_str().unwrap();
    id.parse::<EventId>().unwrap().place()
}

#[tokio::test(start_paused = true)]
async fn past_its_rate_a_tenant_is_told_when_to_come_back_and_nothing_is_stored() {
    let world = with_acme(r#"{"events_per_s":2}"#).await;
    for _ in 0..2 {
        assert_eq!(publish(&world, EVENT).await.status, 202);
    }
    let before = place(&world.post("/events", EVENT).await);
    check_limited(&publish(&world, EVENT).await, "1");
    // Another tenant's rate is its own.
    let after = place(&world.post("/events", EVENT).await);
    assert_eq!(after, before.forward(1), "no id was handed out");
    assert_eq!(events(&world).await, 2);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(publish(&world, EVENT).await.status, 202);
    check_limited(&publish(&world, EVENT).await, "1");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_costs_nothing() {
    let world = with_acme(r#"{"events_per_s":0.01}"#).await;
    for bad in [
        "{",
        "{}",
        r#"{"type":"posthaste.x","data":1}"#,
        r#"{"type":"a"}"#,
    ] {
        let refused = publish(&world, bad).await;
        assert!(refused.status.is_client_error(), "{bad}: {}", refused.text);
        assert_ne!(refused.status, 429, "{bad}");
    }
    let key = [ACME[0], ("idempotency-key", "one")];
    let first = world.call_with("POST", "/events", &key, EVENT).await;
    assert_eq!(first.status, 202, "{}", first.text);
    check_limited(&publish(&world, EVENT).await, "100");
    tokio::time::sleep(std::time::Duration::from_secs(100)).await;
    let conflict = world
        .call_with("POST", "/events", &key, r#"{"type":"a","data":2}"#)
        .await;
    assert_eq!(conflict.problem().0, "idempotency-conflict");
    assert_eq!(publish(&world, EVENT).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn a_batch_counts_its_events_and_may_be_larger_than_a_seconds_worth() {
    let world = with_acme(r#"{"events_per_s":4}"#).await;
    let batch = format!("[{}]", [EVENT; 10].join(","));
    let post = || world.call_with("POST", "/events/batch", &ACME, batch.clone());
    assert_eq!(post().await.status, 202);
    check_limited(&post().await, "2");
    check_limited(&publish(&world, EVENT).await, "2");
    assert_eq!(events(&world).await, 10);
    tokio::time::sleep(std::time::Duration::from_millis(1750)).await;
    assert_eq!(publish(&world, EVENT).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn tests_are_not_limited_and_a_change_of_the_rate_begins_anew() {
    let world = with_acme(r#"{"events_per_s":0.01}"#).await;
    let hook = r#"{"url":"https://example.com/hook"}"#;
    let made = world.call_with("POST", "/subscriptions", &ACME, hook).await;
    let path = format!("/subscriptions/{}/test", made.body["id"].as_str().unwrap());
    assert_eq!(publish(&world, EVENT).await.status, 202);
    for _ in 0..3 {
        let tested = world.call_with("POST", &path, &ACME, Body::empty()).await;
        assert_eq!(tested.status, 202, "{}", tested.text);
    }
    let patch = |limits: &str| format!(r#"{{"limits":{limits}}}"#);
    let unchanged = patch(r#"{"retention_days":3}"#);
    world.call("PATCH", "/tenants/acme", unchanged).await;
    check_limited(&publish(&world, EVENT).await, "100");
    let faster = patch(r#"{"events_per_s":1}"#);
    world.call("PATCH", "/tenants/acme", faster).await;
    assert_eq!(publish(&world, EVENT).await.status, 202);
    let none = patch(r#"{"events_per_s":null}"#);
    let changed = world.call("PATCH", "/tenants/acme", none).await;
    assert_eq!(changed.body["limits"]["events_per_s"], Value::Null);
    for _ in 0..10 {
        assert_eq!(publish(&world, EVENT).await.status, 202);
    }
}

#[tokio::test(start_paused = true)]
async fn the_servers_limits_hold_where_a_tenant_has_none_of_its_own() {
    let limits = Limits {
        events_per_s: Some(1.5.try_into().unwrap()),
        subscriptions: 2,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let body = r#"{"id":"acme","limits":{"events_per_s":50,"subscriptions":1}}"#;
    let made = world.post("/tenants", body).await;
    let shown = |answer: &Answered| {
        let limits = &answer.body["limits"];
        json!([limits["events_per_s"], limits["subscriptions"]])
    };
    assert_eq!(shown(&made), json!([50, 1]));
    let others = world.get("/tenants/default").await;
    assert_eq!(shown(&others), json!([1.5, 2]));
    let subscribe = || {
        let hook = r#"{"url":"https://example.com/hook"}"#;
        world.call_with("POST", "/subscriptions", &ACME, hook)
    };
    assert_eq!(subscribe().await.status, 201);
    let refused = subscribe().await;
    let seen = (refused.status.as_u16(), refused.problem().0);
    assert_eq!(seen, (422, "quota-exceeded"));
    let nulls = r#"{"limits":{"events_per_s":null,"subscriptions":null}}"#;
    let changed = world.call("PATCH", "/tenants/acme", nulls).await;
    assert_eq!(shown(&changed), json!([1.5, 2]));
    assert_eq!(subscribe().await.status, 201);
    assert_eq!(subscribe().await.status, 422);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_tenant_is_not_there_and_a_new_one_of_its_id_has_nothing_of_it() {
    let world = with_acme("{}").await;
    let key = world.key("acme", r#"["*"]"#).await;
    for path in ["hook", "down"] {
        let hook = format!(r#"{{"url":"https://example.com/{path}","external_id":"{path}"}}"#);
        let made = world.call_with("POST", "/subscriptions", &ACME, hook).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    assert_eq!(publish(&world, EVENT).await.status, 202);
    world.settle().await;
    let deleted = world.call("DELETE", "/tenants/acme", Body::empty()).await;
    assert_eq!((deleted.status.as_u16(), &*deleted.text), (204, ""));
    let bearer = format!("Bearer {key}");
    let opened = [("authorization", bearer.as_str())];
    let opened = request("GET", "/events", &opened, Body::empty());
    assert_eq!(world.send(opened).await.status, 401);
    for (method, path) in [("GET", "/tenants/acme"), ("DELETE", "/tenants/acme")] {
        let gone = world.call(method, path, Body::empty()).await;
        assert_eq!(gone.status, 404, "{method} {path}");
    }
    let gone = world
        .call_with("GET", "/events", &ACME, Body::empty())
        .await;
    assert_eq!(gone.status, 404);
    assert_eq!(publish(&world, EVENT).await.status, 404);
    assert_eq!(
        world.get("/tenants").await.body["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    world.settle().await;
    assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
    for path in ["/events", "/deliveries", "/subscriptions"] {
        let list = world.call_with("GET", path, &ACME, Body::empty()).await;
        assert_eq!(list.body["data"], json!([]), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_tenant_default_stays() {
    let world = World::new().await;
    let refused = world
        .call("DELETE", "/tenants/default", Body::empty())
        .await;
    let seen = (refused.status.as_u16(), refused.problem().0);
    assert_eq!(seen, (409, "default-tenant"), "{}", refused.text);
    assert_eq!(world.get("/tenants/default").await.status, 200);
}
