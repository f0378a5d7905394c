//! What browsers are told: headers on everything, and pages of other origins only where they are
//! named.

use axum::body::Body;
use tower::ServiceExt;

use super::world::{Answered, PLATFORM_KEY, World, request};

const APP: &str = "https://app.example.com";

async fn world() -> World {
    World::with_origins(&[APP, "http://localhost:3000"]).await
}

async fn from(world: &World, method: &str, path: &str, headers: &[(&str, &str)]) -> Answered {
    world.call_with(method, path, headers, Body::empty()).await
}

#[track_caller]
fn has_no_cors(answer: &Answered) {
    let names = answer.headers.keys().map(http::HeaderName::as_str);
    let cors: Vec<_> = names
        .filter(|name| name.starts_with("access-control"))
        .collect();
    assert_eq!(cors, [] as [&str; 0], "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn every_answer_says_what_a_browser_may_do_with_it() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/events"),
        ("GET", "//openapi.json"),
        ("GET", "//metrics"),
        ("GET", "//healthz"),
        ("GET", "/nowhere"),
        ("PUT", "/events"),
        ("POST", "/events"),
        ("DELETE", "/subscriptions/sub_0000000000000"),
        ("OPTIONS", "/events"),
    ] {
        let answer = from(&world, method, path, &[]).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{method} {path}");
        }
        let plain = answer.header("strict-transport-security");
        assert_eq!(plain, None, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_documents_page_has_a_policy_of_its_own_and_what_it_needs() {
    let world = World::new().await;
    let page = world
        .send(request("GET", "//docs", &[], Body::empty()))
        .await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(
        !policy.contains("eval") && !policy.contains("http"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let script = page
        .text
        .split("src=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let script = request("GET", &format!("//{script}"), &[], Body::empty());
    let script = world.router.clone().oneshot(script).await.unwrap();
    assert_eq!(script.status(), 200);
    assert_eq!(script.headers()["content-encoding"], "gzip");
    assert_eq!(
        script.headers()["content-type"],
        "text/javascript; charset=utf-8"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_secret_is_kept_by_no_cache() {
    let world = World::new().await;
    let made = world
        .subscribe(r#"{"url":"https://example.com/hook"}"#)
        .await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let key = world.post("/keys", r#"{"scopes":["events:read"]}"#).await;
    let secret = world.get(&format!("{path}/secret")).await;
    let rotated = world.post(&format!("{path}/rotate-secret"), "{}").await;
    for answer in [made, key, secret, rotated] {
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_origins_a_preflight_is_a_method_that_nobody_knows() {
    let world = World::new().await;
    let preflight = [("origin", APP), ("access-control-request-method", "POST")];
    let answer = from(&world, "OPTIONS", "/events", &preflight).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().0),
        (405, "method-not-allowed")
    );
    has_no_cors(&answer);
    let answer = from(&world, "GET", "/events", &[("origin", APP)]).await;
    assert_eq!((answer.status.as_u16(), answer.header("vary")), (200, None));
    has_no_cors(&answer);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_named_origin_may_ask_and_read() {
    let world = world().await;
    // A browser sends no key with a preflight.
    let preflight = [
        ("origin", APP),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type",
        ),
    ];
    let asked = request("OPTIONS", "/events", &preflight, Body::empty());
    let answer = world.send(asked).await;
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", APP),
        (
            "access-control-allow-methods",
            "GET, POST, PUT, PATCH, DELETE",
        ),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    let allowed = answer.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("idempotency-key"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let local = [("origin", "http://localhost:3000")];
    let read = from(&world, "GET", "/events", &local).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("access-control-allow-origin"), Some(local[0].1));
    let exposed = read.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("x-request-id"), "{exposed}");
    // A page reads why it was refused, too.
    let refused = world
        .send(request("GET", "/events", &local, Body::empty()))
        .await;
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.header("access-control-allow-origin"),
        Some(local[0].1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_of_any_other_origin_learns_nothing() {
    let world = world().await;
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "https://APP.example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "null",
        "*",
        "",
    ] {
        let preflight = [("origin", origin), ("access-control-request-method", "GET")];
        let answer = from(&world, "OPTIONS", "/events", &preflight).await;
        assert_eq!(answer.status, 405, "{origin}");
        has_no_cors(&answer);
        let answer = from(&world, "GET", "/events", &preflight[..1]).await;
        assert_eq!(answer.status, 200, "{origin}");
        has_no_cors(&answer);
        assert_eq!(
            answer.header("vary"),
            Some("origin"),
            "a cache keeps them apart"
        );
    }
    let bearer = format!("Bearer {PLATFORM_KEY}");
    let twice = [
        ("authorization", &*bearer),
        ("origin", APP),
        ("origin", APP),
    ];
    let mut asked = request("GET", "/events", &twice[..2], Body::empty());
    asked.headers_mut().append("origin", APP.parse().unwrap());
    has_no_cors(&world.send(asked).await);
    let root = from(&world, "GET", "//metrics", &[("origin", APP)]).await;
    has_no_cors(&root);
}
