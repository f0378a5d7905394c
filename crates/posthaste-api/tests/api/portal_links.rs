//! Links into the portal and into the dashboard, as the API makes them.

use axum::body::Body;
use serde_json::{Value, json};

use super::world::{Answered, PLATFORM_KEY, World, request};

/// With this bearer.
async fn with(world: &World, token: &str, method: &str, path: &str) -> Answered {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    world
        .send(request(method, path, &headers, Body::empty()))
        .await
}

fn token(answer: &Answered) -> &str {
    let url = answer.body["url"].as_str().expect("a link");
    url.rsplit('/').next().expect("a token")
}

#[track_caller]
fn assert_expires(answer: &Answered, at: &str) {
    let expires_at = answer.body["expires_at"].as_str().unwrap();
    assert!(
        expires_at.starts_with(&format!("2026-11-21T{at}:0")),
        "{expires_at}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_portal_link_is_shown_once_listed_without_its_token_and_revoked() {
    let world = World::new().await;
    let logo = "data:image/png;base64,iVBORw==";
    let theme = json!({"name": "Acme", "logo": logo, "accent": "#0A7BD1", "mode": "dark"});
    let asked = json!({"expires_in_s": 600, "read_only": true, "theme": theme});
    let made = world.post("/portal-links", &asked.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let url = made.body["url"].as_str().unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:8400/portal/ptk_"),
        "{url}"
    );
    assert_expires(&made, "20:46");
    assert_eq!(made.body["read_only"], true);
    let mut theme = theme;
    theme["accent"] = json!("#0a7bd1");
    assert_eq!(made.body["theme"], theme);
    let bare = world.post("/portal-links", "").await;
    assert_eq!(bare.status, 201, "{}", bare.text);
    assert_expires(&bare, "21:36");
    assert_eq!(bare.body["read_only"], false);
    let plain = json!({"name": null, "accent": null, "mode": "auto"});
    assert_eq!(bare.body["theme"], plain);
    let list = world.get("/portal-links?limit=1").await;
    assert_eq!(list.body["data"][0]["id"], bare.body["id"]);
    let next = list.body["next_cursor"].as_str().unwrap();
    let list = world
        .get(&format!("/portal-links?limit=1&cursor={next}"))
        .await;
    let listed = &list.body["data"][0];
    assert_eq!(
        (&listed["id"], &listed["url"]),
        (&made.body["id"], &Value::Null)
    );
    assert_eq!(listed["theme"]["logo"], Value::Null);
    assert!(!list.text.contains("ptk_"), "{}", list.text);
    let path = format!("/portal-links/{}", made.body["id"].as_str().unwrap());
    assert_eq!(world.call("DELETE", &path, "").await.status, 204);
    assert_eq!(world.call("DELETE", &path, "").await.status, 404);
    assert_eq!(
        world.get("/portal-links").await.body["data"][1],
        Value::Null
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_portal_link_is_refused_by_its_member() {
    let world = World::new().await;
    let long = format!("data:image/png;base64,{}", "AAAA".repeat(16_384));
    for (body, pointer, code) in [
        (json!({"expires_in_s": 59}), "/expires_in_s", "out_of_range"),
        (
            json!({"expires_in_s": 2_592_001}),
            "/expires_in_s",
            "out_of_range",
        ),
        (json!({"read_only": "yes"}), "/read_only", "type"),
        (
            json!({"theme": {"accent": "red"}}),
            "/theme/accent",
            "invalid_colour",
        ),
        (
            json!({"theme": {"mode": "dusk"}}),
            "/theme/mode",
            "invalid_mode",
        ),
        (
            json!({"theme": {"logo": "https://example.com/a.png"}}),
            "/theme/logo",
            "invalid_logo",
        ),
        (json!({"theme": {"name": "  "}}), "/theme/name", "length"),
        (json!({"theme": {"logo": long}}), "/theme/logo", "too_long"),
        (
            json!({"theme": {"colour": "#000000"}}),
            "/theme/colour",
            "unknown_field",
        ),
        (json!({"tenant": "acme"}), "/tenant", "unknown_field"),
    ] {
        let answer = world.post("/portal-links", &body.to_string()).await;
        assert_eq!(answer.problem().1, code, "{body:.80}: {}", answer.text);
        assert_eq!(answer.pointers(), [pointer], "{body:.80}");
    }
    assert_eq!(world.get("/portal-links").await.body["data"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_portal_token_opens_nothing_of_the_api_and_is_no_guess() {
    let world = World::new().await;
    let made = world.post("/portal-links", "").await;
    for (method, path) in [
        ("GET", "/subscriptions"),
        ("POST", "/keys"),
        ("GET", "/tenants"),
    ] {
        let answer = with(&world, token(&made), method, path).await;
        assert_eq!(answer.problem().0, "portal-alone", "{method} {path}");
        assert_eq!(answer.status, 403);
    }
    let path = format!("/portal-links/{}", made.body["id"].as_str().unwrap());
    assert_eq!(world.call("DELETE", &path, "").await.status, 204);
    let revoked = with(&world, token(&made), "GET", "/subscriptions").await;
    assert_eq!(revoked.problem().0, "unauthenticated");
}

#[tokio::test(start_paused = true)]
async fn a_dashboard_link_is_for_any_key_and_no_key_itself() {
    let world = World::new().await;
    let key = world.key("default", r#"["events:publish"]"#).await;
    for key in [PLATFORM_KEY, &key] {
        let made = with(&world, key, "POST", "/dashboard-links").await;
        assert_eq!(made.status, 201, "{}", made.text);
        assert_eq!(made.header("cache-control"), Some("no-store"));
        let url = made.body["url"].as_str().unwrap();
        assert!(url.starts_with("http://127.0.0.1:8400/dashboard/sign-in/psl_"));
        assert_expires(&made, "20:41");
        let answer = with(&world, token(&made), "GET", "/events").await;
        assert_eq!(answer.problem().0, "unauthenticated");
    }
    world.post("/tenants", r#"{"id":"acme"}"#).await;
    let bearer = format!("Bearer {PLATFORM_KEY}");
    let headers = [("authorization", &*bearer), ("posthaste-tenant", "acme")];
    let asked = request("POST", "/dashboard-links", &headers, Body::empty());
    let of_acme = world.send(asked).await;
    assert!(token(&of_acme).ends_with("acme"), "{}", of_acme.text);
    assert!(of_acme.text.contains("?next=/dashboard/tenants/acme\""));
    let body = world.post("/dashboard-links", r#"{"a":1}"#).await;
    assert_eq!(body.problem().1, "unknown_field");
}

#[tokio::test(start_paused = true)]
async fn a_tenants_portal_origins_are_shown_where_it_has_some() {
    let world = World::new().await;
    let made = world.post("/tenants", r#"{"id":"acme"}"#).await;
    assert!(made.body.get("portal").is_none(), "{}", made.text);
    let origins = json!({"portal": {"origins": ["https://app.example.com"]}});
    let changed = world
        .call("PATCH", "/tenants/acme", origins.to_string())
        .await;
    assert_eq!(
        changed.body["portal"], origins["portal"],
        "{}",
        changed.text
    );
    for bad in [
        r#"["*"]"#,
        r#"["https://a.example/"]"#,
        r#"["null"]"#,
        r#""x""#,
    ] {
        let body = format!(r#"{{"portal":{{"origins":{bad}}}}}"#);
        let answer = world.call("PATCH", "/tenants/acme", body).await;
        assert_eq!(answer.status, 422, "{bad}: {}", answer.text);
    }
    let none = world
        .call("PATCH", "/tenants/acme", r#"{"portal":{"origins":[]}}"#)
        .await;
    assert!(none.body.get("portal").is_none(), "{}", none.text);
}
