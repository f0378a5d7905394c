//! Figures, against what was sent.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::World;

async fn subscribe(world: &World, path: &str) -> String {
    let retry = json!({"schedule_s": [1], "jitter": 0});
    let body = json!({"url": format!("https://example.com/{path}"), "retry": retry});
    let made = world.subscribe(&body.to_string()).await;
    made.body["id"].as_str().unwrap().to_owned()
}

async fn publish(world: &World, to: &str) {
    let event = json!({"type": "a", "data": 1, "subscriptions": [to]});
    let published = world.post("/events", &event.to_string()).await;
    assert_eq!(published.status, 202, "{}", published.text);
}

async fn stats(world: &World, path: &str) -> Value {
    let answer = world.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.body
}

#[track_caller]
fn ended(figures: &Value) -> [u64; 4] {
    ["delivered", "failed", "discarded", "attempts"]
        .map(|name| figures["totals"][name].as_u64().unwrap())
}

#[tokio::test(start_paused = true)]
async fn outcomes_are_counted_for_the_tenant_and_for_each_subscription() {
    let world = World::new().await;
    let (up, down) = (
        subscribe(&world, "up").await,
        subscribe(&world, "down").await,
    );
    for to in [&up, &up, &down] {
        publish(&world, to).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let all = stats(&world, "/stats").await;
    assert_eq!(
        (&all["window_s"], &all["step_s"]),
        (&json!(3600), &json!(60))
    );
    assert_eq!(ended(&all), [2, 1, 0, 4]);
    assert_eq!(all["totals"]["success_rate"], json!(2.0 / 3.0));
    assert_eq!(all["totals"]["within_24h"], json!(1.0));
    assert_eq!(all["reasons"], json!({"http 500": 2}));
    assert!(all["latency_ms"]["p99"].is_number(), "{all}");
    assert_eq!(all["retried_latency_ms"]["p50"], Value::Null);
    let series = all["series"].as_array().unwrap();
    assert_eq!(series.len(), 60);
    assert_eq!(ended(&series[59]), [2, 1, 0, 4]);
    assert_eq!(ended(&series[0]), [0; 4]);
    assert_eq!(series[0]["totals"]["success_rate"], Value::Null);
    assert_eq!(series[59]["at"], "2026-11-21T20:36:00.000Z");
    assert_eq!(series[59]["reasons"], json!({"http 500": 2}));
    let one = stats(&world, &format!("/subscriptions/{up}/stats")).await;
    assert_eq!(ended(&one), [2, 0, 0, 2]);
    assert_eq!(
        (&one["series"], &one["step_s"]),
        (&Value::Null, &Value::Null)
    );
    let path = format!("/subscriptions/{down}/stats?window=2h&step=1h");
    let one = stats(&world, &path).await;
    assert_eq!(ended(&one), [0, 1, 0, 2]);
    assert_eq!(one["totals"]["within_24h"], Value::Null);
    let series = one["series"].as_array().unwrap();
    assert_eq!(series[0]["at"], "2026-11-21T18:00:00.000Z");
    assert_eq!((series.len(), ended(&series[2])), (3, [0, 1, 0, 2]));
}

#[tokio::test(start_paused = true)]
async fn a_window_slides_and_every_resolution_has_the_same_sums() {
    let world = World::new().await;
    let up = subscribe(&world, "up").await;
    for _ in 0..40 {
        publish(&world, &up).await;
        tokio::time::sleep(Duration::from_secs(7 * 60)).await;
    }
    for (window, sum) in [
        ("24h", 40),
        ("30d", 40),
        ("90d", 40),
        ("70m", 9),
        ("71m", 10),
        ("8m", 1),
        ("7m", 0),
    ] {
        for step in ["", "&step=3m", "&step=90m", "&step=2h", "&step=1d"] {
            if window.ends_with('d') && step == "&step=3m" {
                continue;
            }
            let all = stats(&world, &format!("/stats?window={window}{step}")).await;
            let series = all["series"].as_array().unwrap();
            let by_step: u64 = series.iter().map(|point| ended(point)[0]).sum();
            assert_eq!((ended(&all)[0], by_step), (sum, sum), "{window}{step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_another_tenants_or_asked_wrongly_is_refused() {
    let world = World::new().await;
    let up = subscribe(&world, "up").await;
    publish(&world, &up).await;
    world.settle().await;
    world.post("/tenants", r#"{"id":"acme"}"#).await;
    let path = format!("/subscriptions/{up}/stats");
    let acme = [("posthaste-tenant", "acme")];
    let theirs = world.call_with("GET", &path, &acme, "").await;
    assert_eq!(theirs.problem().0, "not-found");
    let nothing = world.call_with("GET", "/stats", &acme, "").await;
    assert_eq!(ended(&nothing.body), [0; 4]);
    for path in [
        "/stats?window=30d&step=1m",
        "/stats?window=91d",
        "/stats?windows=1h",
    ] {
        let refused = world.get(path).await;
        assert_eq!(refused.status, 422, "{path}");
        assert_eq!(refused.pointers().len(), 1, "{path}: {}", refused.text);
    }
    let too_fine = world.get("/stats?window=30d&step=1m").await;
    assert!(
        too_fine.text.contains("steps of 29m and more"),
        "{}",
        too_fine.text
    );
    let key = world.key("default", r#"["events:read"]"#).await;
    for path in ["/stats", &path] {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let request = super::world::request("GET", path, &headers, axum::body::Body::empty());
        let refused = world.send(request).await;
        assert_eq!(refused.status, 403, "{path}");
        assert_eq!(refused.body["required_scope"], "deliveries:read");
    }
    assert_eq!(world.post("/stats", "").await.status, 405);
}
