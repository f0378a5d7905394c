//! How deliveries leave, as a subscription says it: retries, limits, order, batches.

use serde_json::{Value, json};

use super::world::{Answered, World};

const URL: &str = "https://example.com/hook";

/// A subscription with these members, and its path.
async fn made(world: &World, members: Value) -> (String, Value) {
    let made = world.subscribe(&with_url(members).to_string()).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    (path, made.body)
}

fn with_url(mut members: Value) -> Value {
    members["url"] = URL.into();
    members
}

async fn patched(world: &World, path: &str, patch: &Value) -> Answered {
    world.call("PATCH", path, patch.to_string()).await
}

#[track_caller]
fn refused(answer: &Answered, pointer: &str, code: &str) {
    let seen = (answer.status.as_u16(), answer.problem(), answer.pointers());
    let expected = (422, ("validation", code), vec![pointer]);
    assert_eq!(seen, expected, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn what_is_chosen_is_shown_at_once_and_later() {
    let world = World::new().await;
    let default = json!({"max_events": 100, "max_wait_ms": 1000, "max_bytes": 1_048_576});
    let few = json!({"max_events": 7, "max_wait_ms": 1000, "max_bytes": 1_048_576});
    for (given, shown) in [
        (
            json!({"rate_limit_per_s": 0.01}),
            json!({"rate_limit_per_s": 0.01}),
        ),
        (
            json!({"rate_limit_per_s": 1e5}),
            json!({"rate_limit_per_s": 100_000}),
        ),
        (
            json!({"rate_limit_per_s": null}),
            json!({"rate_limit_per_s": null}),
        ),
        (
            json!({"ordering": "fifo"}),
            json!({"ordering": "fifo", "mode": "single"}),
        ),
        (
            json!({"mode": "batch"}),
            json!({"mode": "batch", "batch": default}),
        ),
        (
            json!({"mode": "batch", "batch": {}}),
            json!({"batch": default}),
        ),
        (
            json!({"mode": "batch", "batch": null}),
            json!({"batch": default}),
        ),
        (
            json!({"mode": "batch", "batch": {"max_events": 7}}),
            json!({"batch": few}),
        ),
        (
            json!({"mode": "batch", "format": "cloudevents", "ordering": "fifo"}),
            json!({"mode": "batch", "format": "cloudevents", "ordering": "fifo"}),
        ),
        (
            json!({"mode": "single", "batch": null}),
            json!({"mode": "single", "batch": null}),
        ),
        (
            json!({"max_in_flight": 1000}),
            json!({"max_in_flight": 1000}),
        ),
        (
            json!({"auto_pause_after": 0}),
            json!({"auto_pause_after": 0}),
        ),
        (
            json!({"retry": {"linear": {"delay_s": 0.05, "retries": 30}}}),
            json!({"retry": {"linear": {"delay_s": 0.05, "retries": 30}, "jitter": 0.2}}),
        ),
    ] {
        let (path, at_once) = made(&world, given.clone()).await;
        let (plain, _) = made(&world, json!({})).await;
        let changed = patched(&world, &plain, &given).await;
        assert_eq!(changed.status, 200, "{given}: {}", changed.text);
        for seen in [at_once, world.get(&path).await.body, changed.body] {
            for (member, value) in shown.as_object().unwrap() {
                assert_eq!(&seen[member], value, "{given}: {member}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_is_judged_by_what_the_subscription_would_be() {
    let world = World::new().await;
    let default = json!({"max_events": 100, "max_wait_ms": 1000, "max_bytes": 1_048_576});
    let given = json!({"max_events": 7, "max_wait_ms": 50, "max_bytes": 1024});
    let batches = json!({"mode": "batch", "batch": given});
    let ok = |mode: &str, batch: &Value| Ok((mode.to_owned(), batch.clone()));
    let rows = [
        (
            json!({}),
            json!({"batch": {}}),
            Err(("/batch", "batch_without_mode")),
        ),
        (
            json!({}),
            json!({"mode": "single", "batch": given}),
            Err(("/batch", "batch_without_mode")),
        ),
        (json!({}), json!({"mode": "batch"}), ok("batch", &default)),
        (
            json!({}),
            json!({"batch": null}),
            ok("single", &Value::Null),
        ),
        (
            json!({"format": "flat"}),
            json!({"mode": "batch"}),
            Err(("/mode", "format_in_batches")),
        ),
        (
            json!({"format": "raw"}),
            json!({"mode": "batch"}),
            Err(("/mode", "format_in_batches")),
        ),
        (
            json!({"format": "raw"}),
            json!({"mode": "batch", "format": "envelope"}),
            ok("batch", &default),
        ),
        (
            batches.clone(),
            json!({"description": "x"}),
            ok("batch", &given),
        ),
        (
            batches.clone(),
            json!({"mode": "batch"}),
            ok("batch", &given),
        ),
        (
            batches.clone(),
            json!({"batch": {"max_events": 5}}),
            ok(
                "batch",
                &json!({"max_events": 5, "max_wait_ms": 1000, "max_bytes": 1_048_576}),
            ),
        ),
        (
            batches.clone(),
            json!({"batch": null}),
            ok("batch", &default),
        ),
        (
            batches.clone(),
            json!({"mode": "single"}),
            ok("single", &Value::Null),
        ),
        (
            batches.clone(),
            json!({"mode": "single", "batch": {}}),
            Err(("/batch", "batch_without_mode")),
        ),
        (
            batches.clone(),
            json!({"format": "flat"}),
            Err(("/format", "format_in_batches")),
        ),
        (
            batches.clone(),
            json!({"mode": "single", "format": "flat"}),
            ok("single", &Value::Null),
        ),
    ];
    for (before, patch, expected) in rows {
        let (path, before) = made(&world, before).await;
        let answer = patched(&world, &path, &patch).await;
        match expected {
            Ok((mode, batch)) => {
                assert_eq!(answer.status, 200, "{patch}: {}", answer.text);
                assert_eq!(
                    (&answer.body["mode"], &answer.body["batch"]),
                    (&json!(mode), &batch)
                );
            }
            Err((pointer, code)) => {
                refused(&answer, pointer, code);
                let after = world.get(&path).await.body;
                assert_eq!(after["updated_at"], before["updated_at"], "{patch}");
                assert_eq!(after["batch"], before["batch"], "{patch}");
            }
        }
    }
    for format in ["flat", "raw"] {
        let body = with_url(json!({"mode": "batch", "format": format}));
        let answer = world.post("/subscriptions", &body.to_string()).await;
        refused(&answer, "/format", "format_in_batches");
    }
    let body = with_url(json!({"batch": {}}));
    let answer = world.post("/subscriptions", &body.to_string()).await;
    refused(&answer, "/batch", "batch_without_mode");
}

#[tokio::test(start_paused = true)]
async fn settings_out_of_bounds_are_refused_and_named() {
    let world = World::new().await;
    let (path, _) = made(&world, json!({"mode": "batch"})).await;
    let waits_31 = vec!["1"; 31].join(",");
    let too_many = format!(r#""retry":{{"schedule_s":[{waits_31}]}}"#);
    let rows = [
        (
            r#""rate_limit_per_s":0"#,
            "/rate_limit_per_s",
            "out_of_range",
        ),
        (
            r#""rate_limit_per_s":0.0099"#,
            "/rate_limit_per_s",
            "out_of_range",
        ),
        (
            r#""rate_limit_per_s":100000.1"#,
            "/rate_limit_per_s",
            "out_of_range",
        ),
        (
            r#""rate_limit_per_s":-1"#,
            "/rate_limit_per_s",
            "out_of_range",
        ),
        (
            r#""rate_limit_per_s":1e400"#,
            "/rate_limit_per_s",
            "out_of_range",
        ),
        (r#""rate_limit_per_s":"10""#, "/rate_limit_per_s", "type"),
        (r#""rate_limit_per_s":[1]"#, "/rate_limit_per_s", "type"),
        (r#""ordering":"lifo""#, "/ordering", "invalid_ordering"),
        (
            r#""ordering":{"fifo":null}"#,
            "/ordering",
            "invalid_ordering",
        ),
        (r#""ordering":true"#, "/ordering", "invalid_ordering"),
        (r#""mode":"batches""#, "/mode", "invalid_mode"),
        (r#""mode":1"#, "/mode", "invalid_mode"),
        (r#""batch":[]"#, "/batch", "type"),
        (r#""batch":true"#, "/batch", "type"),
        (
            r#""batch":{"max_events":0}"#,
            "/batch/max_events",
            "out_of_range",
        ),
        (
            r#""batch":{"max_events":1001}"#,
            "/batch/max_events",
            "out_of_range",
        ),
        (r#""batch":{"max_events":1.5}"#, "/batch/max_events", "type"),
        (
            r#""batch":{"max_wait_ms":0}"#,
            "/batch/max_wait_ms",
            "out_of_range",
        ),
        (
            r#""batch":{"max_wait_ms":60001}"#,
            "/batch/max_wait_ms",
            "out_of_range",
        ),
        (
            r#""batch":{"max_bytes":1023}"#,
            "/batch/max_bytes",
            "out_of_range",
        ),
        (
            r#""batch":{"max_bytes":16777217}"#,
            "/batch/max_bytes",
            "out_of_range",
        ),
        (
            r#""batch":{"max_event":5}"#,
            "/batch/max_event",
            "unknown_field",
        ),
        (r#""max_in_flight":0"#, "/max_in_flight", "out_of_range"),
        (r#""max_in_flight":1001"#, "/max_in_flight", "out_of_range"),
        (
            r#""auto_pause_after":-1"#,
            "/auto_pause_after",
            "out_of_range",
        ),
        (r#""auto_pause_after":2.5"#, "/auto_pause_after", "type"),
        (r#""retry":{"schedule_s":[]}"#, "/retry", "invalid_retry"),
        (&too_many, "/retry", "invalid_retry"),
        (r#""retry":{"schedule_s":[-1]}"#, "/retry", "invalid_retry"),
        (
            r#""retry":{"schedule_s":[0.049]}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"schedule_s":[1e400]}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"schedule_s":[2592000,1]}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"schedule_s":[1],"jitter":-0.1}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"linear":{"delay_s":1,"retries":0}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"linear":{"delay_s":1,"retries":31}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"linear":{"delay_s":1,"retries":-1}}"#,
            "/retry/linear/retries",
            "out_of_range",
        ),
        (
            r#""retry":{"linear":{"delay_s":0.04,"retries":1}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"linear":{"delay_s":200000,"retries":30}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"exponential":{"base_s":1,"factor":2,"max_s":1e9,"retries":30}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"exponential":{"base_s":1,"factor":0.9,"max_s":9,"retries":3}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"exponential":{"base_s":0.01,"factor":2,"max_s":9,"retries":3}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"exponential":{"base_s":1,"factor":2,"max_s":9,"retries":31}}"#,
            "/retry",
            "invalid_retry",
        ),
        (
            r#""retry":{"default":null}"#,
            "/retry/default",
            "unknown_field",
        ),
    ];
    for (member, pointer, code) in rows {
        let create = format!(r#"{{"url":"{URL}","mode":"batch",{member}}}"#);
        // A member that the row itself names would stand there twice.
        let create = create.replacen(r#""mode":"batch","mode""#, r#""mode""#, 1);
        refused(&world.post("/subscriptions", &create).await, pointer, code);
        let patch = format!("{{{member}}}");
        refused(&world.call("PATCH", &path, patch).await, pointer, code);
    }
    for null in ["ordering", "mode", "max_in_flight", "auto_pause_after"] {
        let answer = patched(&world, &path, &json!({null: null})).await;
        assert_eq!(answer.pointers(), [format!("/{null}")], "{}", answer.text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_circuit_that_opened_shows() {
    let world = World::new().await;
    let members = json!({"url": "https://example.com/down", "max_in_flight": 50});
    let made = world.subscribe(&members.to_string()).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    for n in 0..50 {
        assert_eq!(
            world.get(&path).await.body["health"]["circuit"],
            "closed",
            "{n}"
        );
        world.post("/events", r#"{"type":"a","data":1}"#).await;
    }
    world.settle().await;
    let health = world.get(&path).await.body["health"].clone();
    assert_eq!(
        (&health["circuit"], &health["status"]),
        (&json!("open"), &json!("unhealthy"))
    );
    world.post(&format!("{path}/resume"), "").await;
    assert_eq!(world.get(&path).await.body["health"]["circuit"], "closed");
}
