//! Again: redeliver in bulk, discard, redeliver an event.

use serde_json::{Value, json};

use super::world::{Answered, World};

/// A subscription to a path that retries nothing; its id.
async fn to(world: &World, path: &str) -> String {
    let body = json!({"url": format!("https://example.com/{path}"), "retry": "none", "auto_pause_after": 0});
    let made = world.subscribe(&body.to_string()).await;
    made.body["id"].as_str().unwrap().to_owned()
}

async fn publish(world: &World, event_type: &str) -> String {
    let event = json!({"type": event_type, "data": 1}).to_string();
    let published = world.post("/events", &event).await;
    published.body["id"].as_str().unwrap().to_owned()
}

/// Statuses of a list, the oldest first.
async fn statuses(world: &World, query: &str) -> Vec<String> {
    let list = world.get(&format!("/deliveries?{query}")).await;
    let data = list.body["data"].as_array().unwrap();
    let status = |one: &Value| one["status"].as_str().unwrap().to_owned();
    data.iter().rev().map(status).collect()
}

#[track_caller]
fn came(answer: &Answered, redelivered: u64, already_waiting: u64) {
    assert_eq!(answer.status, 202, "{}", answer.text);
    let expected = json!({"redelivered": redelivered, "already_waiting": already_waiting});
    assert_eq!(answer.body, expected);
}

#[tokio::test(start_paused = true)]
async fn all_that_match_go_out_again_and_the_others_stay() {
    let world = World::new().await;
    let (down, well) = (to(&world, "down").await, to(&world, "well").await);
    for _ in 0..3 {
        publish(&world, "a").await;
    }
    world.settle().await;
    let failed = json!({"status": "failed", "subscription": down}).to_string();
    world
        .post(&format!("/subscriptions/{down}/pause"), "")
        .await;
    came(&world.post("/deliveries/redeliver", &failed).await, 3, 0);
    let held = json!({"subscription": down}).to_string();
    came(&world.post("/deliveries/redeliver", &held).await, 0, 3);
    came(&world.post("/deliveries/redeliver", &failed).await, 0, 0);
    let patch = r#"{"url":"https://example.com/well"}"#;
    world
        .call("PATCH", &format!("/subscriptions/{down}"), patch)
        .await;
    world
        .post(&format!("/subscriptions/{down}/resume"), "")
        .await;
    world.settle().await;
    let list = world.get(&format!("/deliveries?subscription={down}")).await;
    for delivery in list.body["data"].as_array().unwrap() {
        assert_eq!(delivery["status"], "delivered");
        assert_eq!(delivery["origin"], "redeliver");
        assert_eq!(delivery["attempts"], 2);
    }
    let other = world.get(&format!("/deliveries?subscription={well}")).await;
    assert_eq!(other.body["data"][0]["attempts"], 1);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_disabled_and_deleted_subscriptions_is_skipped_in_bulk() {
    let world = World::new().await;
    let (disabled, deleted) = (to(&world, "down").await, to(&world, "down").await);
    publish(&world, "a").await;
    world.settle().await;
    let path = format!("/subscriptions/{disabled}");
    world.call("PATCH", &path, r#"{"status":"disabled"}"#).await;
    world
        .call("DELETE", &format!("/subscriptions/{deleted}"), "")
        .await;
    let all = r#"{"status":"failed"}"#;
    came(&world.post("/deliveries/redeliver", all).await, 0, 0);
    assert_eq!(statuses(&world, "").await, ["failed", "failed"]);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_discarded_and_stay_readable() {
    let world = World::new().await;
    let down = to(&world, "down").await;
    to(&world, "well").await;
    publish(&world, "a").await;
    publish(&world, "b").await;
    world.settle().await;
    let discard = |body: &'static str| world.post("/deliveries/discard", body);
    assert_eq!(
        discard(r#"{"status":"delivered"}"#).await.body,
        json!({"discarded": 0})
    );
    assert_eq!(
        discard(r#"{"type":"b"}"#).await.body,
        json!({"discarded": 1})
    );
    let list = world.get(&format!("/deliveries?subscription={down}")).await;
    assert_eq!(list.body["data"][0]["status"], "discarded");
    assert_eq!(list.body["data"][0]["last_error"], "discarded");
    assert_eq!(list.body["data"][1]["status"], "failed");
    let answer = discard(r#"{"status":"failed"}"#).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body),
        (202, json!({"discarded": 1}))
    );
}

#[tokio::test(start_paused = true)]
async fn one_dead_letter_is_discarded_and_what_is_none_is_left() {
    let world = World::new().await;
    let (down, well) = (to(&world, "down").await, to(&world, "well").await);
    publish(&world, "a").await;
    world.settle().await;
    for (of, status, discarded) in [(&down, "discarded", 1), (&well, "delivered", 0)] {
        let list = world.get(&format!("/deliveries?subscription={of}")).await;
        let id = list.body["data"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/deliveries/{id}");
        let answer = world.post(&format!("{path}/discard"), "").await;
        let answered = (answer.status.as_u16(), answer.body);
        assert_eq!(answered, (202, json!({ "discarded": discarded })));
        assert_eq!(world.get(&path).await.body["status"], status);
    }
    let nowhere = world
        .post("/deliveries/dlv_0000000000000/discard", "")
        .await;
    assert_eq!(nowhere.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_filter_of_nothing_or_of_something_unknown_is_refused() {
    let world = World::new().await;
    for path in ["/deliveries/redeliver", "/deliveries/discard"] {
        for (body, code) in [
            ("{}", "required"),
            (r#"{"state":"failed"}"#, "unknown_field"),
            (r#"{"status":"dead"}"#, "invalid"),
            (r#"{"status":"failed","since":7}"#, "type"),
        ] {
            let answer = world.post(path, body).await;
            assert_eq!(answer.status, 422, "{path} {body}: {}", answer.text);
            assert_eq!(answer.problem(), ("validation", code), "{path} {body}");
        }
        assert_eq!(world.post(path, "").await.status, 400);
        assert_eq!(
            world
                .post(&format!("{path}?status=failed"), "{}")
                .await
                .status,
            422
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_goes_to_all_that_match_today_and_makes_what_is_missing() {
    let world = World::new().await;
    let first = to(&world, "well").await;
    let event = publish(&world, "a").await;
    world.settle().await;
    let second = to(&world, "well").await;
    let other = json!({"url": "https://example.com/well", "events": ["b"]}).to_string();
    let other = world.subscribe(&other).await.body["id"].clone();
    let path = format!("/events/{event}/redeliver");
    came(&world.post(&path, "").await, 2, 0);
    world.settle().await;
    let list = world.get(&format!("/events/{event}/deliveries")).await;
    let found = |of: &str| {
        let all = list.body["data"].as_array().unwrap();
        let one = all.iter().find(|one| one["subscription_id"] == of);
        let one = one.unwrap_or_else(|| panic!("{}", list.text));
        (
            one["attempts"].as_u64().unwrap(),
            one["origin"].clone(),
            one["status"].clone(),
        )
    };
    assert_eq!(found(&first), (2, json!("redeliver"), json!("delivered")));
    assert_eq!(found(&second), (1, json!("redeliver"), json!("delivered")));
    let named = json!({"subscriptions": [other]}).to_string();
    came(&world.post(&path, &named).await, 1, 0);
    came(&world.post(&path, &named).await, 0, 1);
    world.settle().await;
    came(&world.post(&path, &named).await, 1, 0);
    let list = world.get(&format!("/events/{event}/deliveries")).await;
    assert_eq!(list.body["data"].as_array().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_event_is_not_sent_where_it_cannot_go() {
    let world = World::new().await;
    let (one, disabled) = (to(&world, "well").await, to(&world, "well").await);
    let event = publish(&world, "a").await;
    world.settle().await;
    let patch = r#"{"status":"disabled"}"#;
    world
        .call("PATCH", &format!("/subscriptions/{disabled}"), patch)
        .await;
    let path = format!("/events/{event}/redeliver");
    let unknown = json!({"subscriptions": [one, "sub_0000000000000"]}).to_string();
    let answer = world.post(&path, &unknown).await;
    assert_eq!(answer.problem(), ("validation", "unknown_subscription"));
    assert_eq!(answer.pointers(), ["/subscriptions/1"]);
    let both = json!({"subscriptions": [one, disabled]}).to_string();
    let answer = world.post(&path, &both).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().0),
        (409, "subscription-disabled")
    );
    assert_eq!(
        statuses(&world, "status=pending").await,
        [""; 0],
        "nothing was sent"
    );
    came(&world.post(&path, "{}").await, 1, 0);
    for (path, body, status) in [
        ("/events/evt_0000000000000/redeliver", "", 404),
        (path.as_str(), r#"{"subscriptions":[]}"#, 422),
        (path.as_str(), r#"{"subscription":"x"}"#, 422),
    ] {
        assert_eq!(world.post(path, body).await.status, status, "{path} {body}");
    }
}
