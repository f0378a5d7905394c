//! What a delivery's record says about what is still to come.

use serde_json::{Value, json};

use super::world::World;

/// A subscription to a path, and its own path in the API.
async fn to(world: &World, path: &str, retry: Value) -> String {
    let body = json!({"url": format!("https://example.com/{path}"), "retry": retry});
    let made = world.subscribe(&body.to_string()).await;
    format!("/subscriptions/{}", made.body["id"].as_str().unwrap())
}

/// Publishes an event and answers the path of its one delivery.
async fn delivery(world: &World) -> String {
    let event = r#"{"type":"a","data":1}"#;
    let published = world.post("/events?expand=deliveries", event).await;
    let id = published.body["delivery_ids"][0].as_str();
    format!(
        "/deliveries/{}",
        id.unwrap_or_else(|| panic!("{}", published.text))
    )
}

/// Status, attempts made, retries left, whether a next attempt has its time.
async fn record(world: &World, path: &str) -> (String, u64, u64, bool) {
    let read = world.get(path).await.body;
    (
        read["status"].as_str().unwrap().to_owned(),
        read["attempts"].as_u64().unwrap(),
        read["retries_left"].as_u64().unwrap(),
        read["next_attempt_at"].is_string(),
    )
}

#[track_caller]
fn check(seen: &(String, u64, u64, bool), status: &str, attempts: u64, left: u64) {
    let has_time = status == "retrying";
    assert_eq!(*seen, (status.to_owned(), attempts, left, has_time));
}

#[tokio::test(start_paused = true)]
async fn a_record_counts_its_retries_down() {
    let world = World::new().await;
    let retry = json!({"schedule_s": [10, 10], "jitter": 0});
    let subscription = to(&world, "down", retry).await;
    let path = delivery(&world).await;
    check(&record(&world, &path).await, "pending", 0, 2);
    world.settle().await;
    check(&record(&world, &path).await, "retrying", 1, 2);
    let due = world.get(&path).await.body["next_attempt_at"].clone();
    world.post(&format!("{subscription}/pause"), "").await;
    world.settle().await;
    check(&record(&world, &path).await, "held", 1, 2);
    world.post(&format!("{subscription}/resume"), "").await;
    world.settle().await;
    check(&record(&world, &path).await, "retrying", 1, 2);
    assert_eq!(
        world.get(&path).await.body["next_attempt_at"],
        due,
        "its due time stays"
    );
    for (attempts, left, status) in [(2, 1, "retrying"), (3, 0, "failed")] {
        tokio::time::sleep(std::time::Duration::from_secs(11)).await;
        check(&record(&world, &path).await, status, attempts, left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_scheduled_counts_although_the_policy_was_cut_short() {
    let world = World::new().await;
    let subscription = to(&world, "down", json!("default")).await;
    let path = delivery(&world).await;
    world.settle().await;
    check(&record(&world, &path).await, "retrying", 1, 5);
    let patch = world
        .call("PATCH", &subscription, r#"{"retry":"none"}"#)
        .await;
    assert_eq!(patch.status, 200, "{}", patch.text);
    check(&record(&world, &path).await, "retrying", 1, 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_attempt_is_not_promised_before_the_receiver_wants_it() {
    let world = World::new().await;
    let subscription = to(&world, "busy", json!("quick")).await;
    let path = delivery(&world).await;
    world.settle().await;
    let shown = world.get(&path).await.body;
    let at = |member: &str| -> posthaste::clock::Timestamp {
        shown[member].as_str().unwrap().parse().unwrap()
    };
    let wait_s = (at("next_attempt_at").as_millis() - at("sent_at").as_millis()) / 1000;
    assert!((3600..3660).contains(&wait_s), "{wait_s}: {shown}");
    let healthy = r#"{"url":"https://example.com/hook"}"#;
    world.call("PATCH", &subscription, healthy).await;
    world.post(&format!("{path}/redeliver"), "").await;
    tokio::time::sleep(std::time::Duration::from_secs(7200)).await;
    check(&record(&world, &path).await, "delivered", 2, 0);
}

#[tokio::test(start_paused = true)]
async fn an_ended_record_has_nothing_left() {
    let world = World::new().await;
    let subscription = to(&world, "down", json!("none")).await;
    let failed = delivery(&world).await;
    world.settle().await;
    check(&record(&world, &failed).await, "failed", 1, 0);
    world.post(&format!("{subscription}/pause"), "").await;
    let discarded = delivery(&world).await;
    world.settle().await;
    check(&record(&world, &discarded).await, "held", 0, 0);
    world
        .call("PATCH", &subscription, r#"{"status":"disabled"}"#)
        .await;
    world.settle().await;
    check(&record(&world, &discarded).await, "discarded", 0, 0);
}
