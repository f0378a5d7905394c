//! Replays, from the outside: what is asked for, what is counted, what is sent.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{Answered, World};

const SINCE: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2100-01-01T00:00:00Z";

async fn to(world: &World, path: &str) -> String {
    let body = json!({"url": format!("https://example.com/{path}"), "retry": "none", "auto_pause_after": 0});
    let made = world.subscribe(&body.to_string()).await;
    made.body["id"].as_str().unwrap().to_owned()
}

async fn publish(world: &World, types: &[&str]) {
    for event_type in types {
        let event = json!({"type": event_type, "data": 1}).to_string();
        assert_eq!(world.post("/events", &event).await.status, 202);
    }
    world.settle().await;
}

/// A replay of all there is, with some more members.
fn replay(more: &Value) -> String {
    let mut body = json!({"since": SINCE, "until": FUTURE});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body.to_string()
}

async fn counted(world: &World, mut more: Value) -> Value {
    more["dry_run"] = true.into();
    let answer = world.post("/replays", &replay(&more)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body
}

async fn begun(world: &World, more: Value) -> String {
    let answer = world.post("/replays", &replay(&more)).await;
    assert_eq!(answer.status, 202, "{}", answer.text);
    format!("/replays/{}", answer.body["id"].as_str().unwrap())
}

/// Runs a replay to its end.
async fn done(world: &World, more: Value) -> Value {
    let path = begun(world, more).await;
    world.settle().await;
    let read = world.get(&path).await;
    assert_eq!(read.body["status"], "completed", "{}", read.text);
    assert!(read.body["finished_at"].is_string(), "{}", read.text);
    read.body
}

fn progress(events: u64, redelivered: u64, waiting: u64, created: u64, skipped: u64) -> Value {
    json!({
        "events": events, "redelivered": redelivered, "already_waiting": waiting,
        "created": created, "skipped": skipped, "expired": 0,
    })
}

#[tokio::test(start_paused = true)]
async fn a_replay_sends_all_that_is_in_its_window_and_says_what_it_did() {
    let world = World::new().await;
    let (well, down) = (to(&world, "well").await, to(&world, "down").await);
    publish(&world, &["a", "b", "a"]).await;
    let expected = json!({"total": 6, "subscriptions": {well.clone(): 3, down.clone(): 3}});
    assert_eq!(counted(&world, json!({})).await, expected);
    let job = done(&world, json!({})).await;
    assert_eq!(job["progress"], progress(3, 6, 0, 0, 0));
    assert_eq!(
        (&job["only"], &job["rate_per_s"]),
        (&json!("all"), &json!(1000.0))
    );
    assert_eq!(
        (&job["types"], &job["subscriptions"]),
        (&Value::Null, &Value::Null)
    );
    let list = world.get("/deliveries").await;
    for delivery in list.body["data"].as_array().unwrap() {
        assert_eq!(delivery["attempts"], 2, "{delivery}");
        assert_eq!(delivery["origin"], "replay");
        assert_eq!(delivery["replay_id"], job["id"]);
    }
    let health = world.get(&format!("/subscriptions/{down}")).await;
    let health = &health.body["health"];
    assert_eq!(health["failed_attempts_in_a_row"], 3, "as before: {health}");
    assert_eq!(health["consecutive_failures"], 3, "{health}");
    let again = format!(
        "/deliveries/{}/redeliver",
        list.body["data"][0]["id"].as_str().unwrap()
    );
    assert_eq!(world.post(&again, "").await.status, 202);
    let list = world.get("/deliveries?limit=1").await;
    assert_eq!(list.body["data"][0]["replay_id"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_replay_is_narrowed_by_types_subscriptions_and_what_became_of_them() {
    let world = World::new().await;
    let (well, down) = (to(&world, "well").await, to(&world, "down").await);
    publish(&world, &["a.b", "b", "a.c"]).await;
    let one = |id: &String, n: u64| json!({"total": n, "subscriptions": {id.clone(): n}});
    let failed = json!({"only": "failed"});
    assert_eq!(counted(&world, failed.clone()).await, one(&down, 3));
    let narrow = json!({"types": ["a.*"], "subscriptions": [well]});
    assert_eq!(counted(&world, narrow.clone()).await, one(&well, 2));
    assert_eq!(
        done(&world, narrow).await["progress"],
        progress(2, 2, 0, 0, 0)
    );
    assert_eq!(
        done(&world, failed).await["progress"],
        progress(3, 3, 0, 0, 0)
    );
    let late = to(&world, "well").await;
    let missing = json!({"only": "missing"});
    assert_eq!(counted(&world, missing.clone()).await, one(&late, 3));
    assert_eq!(
        done(&world, missing.clone()).await["progress"],
        progress(3, 0, 0, 3, 0)
    );
    assert_eq!(counted(&world, missing.clone()).await["total"], 0);
    assert_eq!(
        done(&world, missing).await["progress"],
        progress(3, 0, 0, 0, 0)
    );
    let made = world.get(&format!("/deliveries?subscription={late}")).await;
    assert_eq!(made.body["data"].as_array().unwrap().len(), 3);
    assert_eq!(made.body["data"][0]["status"], "delivered");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_left_and_what_cannot_go_is_skipped() {
    let world = World::new().await;
    let (held, disabled) = (to(&world, "well").await, to(&world, "well").await);
    let gone = to(&world, "well").await;
    publish(&world, &["a"]).await;
    world
        .post(&format!("/subscriptions/{held}/pause"), "")
        .await;
    publish(&world, &["a"]).await;
    let patch = r#"{"status":"disabled"}"#;
    world
        .call("PATCH", &format!("/subscriptions/{disabled}"), patch)
        .await;
    world
        .call("DELETE", &format!("/subscriptions/{gone}"), "")
        .await;
    let expected = json!({"total": 1, "subscriptions": {held.clone(): 1}});
    assert_eq!(counted(&world, json!({})).await, expected);
    assert_eq!(
        done(&world, json!({})).await["progress"],
        progress(2, 1, 1, 0, 4)
    );
    let list = world.get(&format!("/deliveries?subscription={held}")).await;
    assert_eq!(list.body["data"][1]["status"], "held");
    assert_eq!(list.body["data"][1]["origin"], "replay");
    world
        .post(&format!("/subscriptions/{held}/resume"), "")
        .await;
    world.settle().await;
    let list = world
        .get(&format!("/deliveries?subscription={held}&status=delivered"))
        .await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_is_stopped_sends_no_more() {
    let world = World::new().await;
    to(&world, "well").await;
    publish(&world, &["a"; 20]).await;
    let path = begun(&world, json!({"rate_per_s": 1})).await;
    tokio::time::sleep(Duration::from_millis(4500)).await;
    let running = world.get(&path).await;
    assert_eq!(running.body["status"], "running");
    let sent = running.body["progress"]["redelivered"].as_u64().unwrap();
    assert!((4..=6).contains(&sent), "{sent}");
    let stopped = world.call("DELETE", &path, "").await;
    assert_eq!(
        (stopped.status.as_u16(), &stopped.body["status"]),
        (200, &json!("stopped"))
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
    let after = world.get(&path).await;
    assert_eq!(after.body, stopped.body, "nothing more");
    assert_eq!(world.call("DELETE", &path, "").await.body, stopped.body);
    let again = world.get("/deliveries?limit=100").await;
    let again = again.body["data"].as_array().unwrap().clone();
    let again = again.iter().filter(|one| one["attempts"] == 2).count() as u64;
    assert_eq!(
        again,
        stopped.body["progress"]["redelivered"].as_u64().unwrap()
    );
}

async fn keyed(world: &World, tenant: &str, body: String) -> Answered {
    let headers = [("idempotency-key", "k"), ("posthaste-tenant", tenant)];
    world.call_with("POST", "/replays", &headers, body).await
}

#[tokio::test(start_paused = true)]
async fn one_key_begins_one_replay() {
    let world = World::new().await;
    world.post("/tenants", r#"{"id":"acme"}"#).await;
    let first = keyed(&world, "default", replay(&json!({}))).await;
    assert_eq!(
        (first.status.as_u16(), first.header("idempotent-replayed")),
        (202, None)
    );
    let again = keyed(&world, "default", replay(&json!({}))).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(
        (again.status.as_u16(), &again.body["id"]),
        (202, &first.body["id"])
    );
    let other = keyed(&world, "default", replay(&json!({"only": "failed"}))).await;
    assert_eq!(
        (other.status.as_u16(), other.problem().0),
        (409, "idempotency-conflict")
    );
    let anothers = keyed(&world, "acme", replay(&json!({}))).await;
    assert_ne!(anothers.body["id"], first.body["id"]);
    let list = world.get("/replays").await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_makes_no_sense_is_refused() {
    let world = World::new().await;
    for (body, pointer, code) in [
        (
            json!({"since": FUTURE, "until": SINCE}),
            "/since",
            "empty_window",
        ),
        (
            json!({"since": SINCE, "until": SINCE}),
            "/since",
            "empty_window",
        ),
        (
            json!({"since": "2099-01-01T00:00:00Z", "until": FUTURE}),
            "/since",
            "empty_window",
        ),
        (json!({"until": FUTURE}), "/since", "required"),
        (json!({"since": SINCE}), "/until", "required"),
    ] {
        let answer = world.post("/replays", &body.to_string()).await;
        assert_eq!(answer.problem(), ("validation", code), "{body}");
        assert_eq!(answer.pointers(), [pointer], "{body}");
    }
    for (more, pointer, code) in [
        (
            json!({"subscriptions": ["sub_0000000000000"]}),
            "/subscriptions/0",
            "unknown_subscription",
        ),
        (json!({"subscriptions": []}), "/subscriptions", "length"),
        (
            json!({"types": ["a", "b c"]}),
            "/types/1",
            "invalid_event_type",
        ),
        (json!({"only": "some"}), "/only", "invalid"),
        (json!({"rate_per_s": 0}), "/rate_per_s", "out_of_range"),
        (json!({"rate_per_s": 1e6}), "/rate_per_s", "out_of_range"),
        (json!({"dry_run": "yes"}), "/dry_run", "type"),
        (json!({"form": 1}), "/form", "unknown_field"),
    ] {
        let answer = world.post("/replays", &replay(&more)).await;
        assert_eq!(answer.status, 422, "{more}");
        assert_eq!(
            (answer.problem().1, answer.pointers()),
            (code, vec![pointer]),
            "{more}"
        );
    }
    assert_eq!(world.get("/replays").await.body["data"], json!([]));
    assert_eq!(world.get("/replays/rpl_0000000000000").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn replays_are_listed_newest_first_in_pages() {
    let world = World::new().await;
    let mut paths = Vec::new();
    for _ in 0..3 {
        paths.push(begun(&world, json!({})).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    paths.reverse();
    let first = world.get("/replays?limit=2").await;
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = world
        .get(&format!("/replays?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second.body["next_cursor"], Value::Null);
    let items = [&first, &second].map(|page| page.body["data"].as_array().unwrap().clone());
    let ids: Vec<String> = items
        .concat()
        .iter()
        .map(|one| format!("/replays/{}", one["id"].as_str().unwrap()))
        .collect();
    assert_eq!(ids, paths);
}
