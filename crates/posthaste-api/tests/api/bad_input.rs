//! TRUST.md, "Bad input", by row.

use axum::body::Body;
use posthaste_engine::Limits;

use super::world::World;

struct Row<'a> {
    headers: &'a [(&'a str, &'a str)],
    body: Vec<u8>,
    status: u16,
    slug: &'a str,
    code: &'a str,
}

async fn check(world: &World, row: Row<'_>) {
    let shown = String::from_utf8_lossy(&row.body[..row.body.len().min(80)]).into_owned();
    let answer = world
        .call_with("POST", "/events", row.headers, row.body)
        .await;
    assert_eq!(answer.status, row.status, "{shown}: {}", answer.text);
    assert_eq!(
        answer.problem(),
        (row.slug, row.code),
        "{shown}: {}",
        answer.text
    );
}

async fn refuse(world: &World, body: impl Into<Vec<u8>>, status: u16, slug: &str, code: &str) {
    let (body, headers) = (body.into(), &[][..]);
    check(
        world,
        Row {
            headers,
            body,
            status,
            slug,
            code,
        },
    )
    .await;
}

async fn accept(world: &World, body: &str) -> String {
    let answer = world.post("/events", body).await;
    assert_eq!(
        answer.status,
        202,
        "{}: {}",
        &body[..body.len().min(80)],
        answer.text
    );
    answer.body["id"].as_str().unwrap().to_owned()
}

fn with_data(data: &str) -> String {
    format!(r#"{{"type":"a","data":{data}}}"#)
}

#[tokio::test(start_paused = true)]
async fn data_is_kept_byte_for_byte() {
    let world = World::new().await;
    let digits = "9".repeat(10_000);
    for data in [
        r#""\u0000""#,
        "1e400",
        &digits,
        "-0",
        "9007199254740993",
        "{ \"b\" :1, \"a\":null }",
        "null",
    ] {
        let id = accept(&world, &with_data(data)).await;
        let read = world.get(&format!("/events/{id}")).await;
        let kept = format!(r#""data":{data}}}"#);
        assert!(read.text.ends_with(&kept), "{data}: {}", read.text);
    }
}

#[tokio::test(start_paused = true)]
async fn fields_that_are_not_as_they_should_be_are_422s() {
    let world = World::new().await;
    let typed = |name: &str| format!(r#"{{"type":{name},"data":1}}"#);
    refuse(
        &world,
        typed(r#""a\u0000""#),
        422,
        "validation",
        "control_character",
    )
    .await;
    let long = format!("\"{}\"", "x".repeat(129));
    for name in [r#""""#, &long, r#""a..b""#, r#""a b""#, r#""é""#, r#""*""#] {
        refuse(
            &world,
            typed(name),
            422,
            "invalid-event-type",
            "invalid_event_type",
        )
        .await;
    }
    refuse(&world, typed("7"), 422, "validation", "type").await;
    refuse(
        &world,
        typed(r#""posthaste.x""#),
        422,
        "invalid-event-type",
        "reserved_event_type",
    )
    .await;
    refuse(&world, "[]", 422, "validation", "type").await;
    refuse(&world, "{}", 422, "validation", "required").await;
    let with = |member: &str| format!(r#"{{"type":"a","data":1,{member}}}"#);
    let unknown = world.post("/events", &with(r#""correlationid":"x""#)).await;
    assert_eq!(unknown.problem(), ("validation", "unknown_field"));
    assert_eq!(unknown.pointers(), ["/correlationid"]);
    let detail = unknown.body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.ends_with("correlation_id"), "{detail}");
    for time in [
        "2024-02-30T00:00:00Z",
        "2024-02-01T00:00:00",
        "yesterday",
        "",
    ] {
        let member = format!(r#""occurred_at":"{time}""#);
        refuse(&world, with(&member), 422, "validation", "invalid_time").await;
    }
    accept(&world, &with(r#""occurred_at":"1969-07-20T20:17:40Z""#)).await;
    accept(&world, &with(r#""occurred_at":"9999-01-01T00:00:00Z""#)).await;
    refuse(
        &world,
        with(r#""source":"a\u202eb""#),
        422,
        "validation",
        "control_character",
    )
    .await;
    refuse(
        &world,
        with(r#""version":0"#),
        422,
        "validation",
        "out_of_range",
    )
    .await;
    refuse(&world, with(r#""metadata":[]"#), 422, "validation", "type").await;
    refuse(
        &world,
        with(r#""subscriptions":["sub_x"]"#),
        422,
        "validation",
        "invalid_id",
    )
    .await;
    let unknown = r#""subscriptions":["sub_0000000000000"]"#;
    refuse(
        &world,
        with(unknown),
        422,
        "validation",
        "unknown_subscription",
    )
    .await;
    let hook = r#"{"url":"https://example.com/hook"}"#;
    let hook = world.subscribe(hook).await.body["id"].clone();
    let second = format!(r#""subscriptions":[{hook},"sub_0000000000000"]"#);
    let unknown = world.post("/events", &with(&second)).await;
    assert_eq!(unknown.pointers(), ["/subscriptions/1"]);
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_named_and_little_of_it_repeated() {
    let world = World::new().await;
    let name = "\\u0001<script>".repeat(1000);
    let body = format!(r#"{{"type":"a b","version":"1","{name}":1}}"#);
    let answer = world.post("/events", &body).await;
    assert_eq!(answer.status, 422);
    let pointers = answer.pointers();
    assert_eq!(&pointers[..3], ["/type", "/data", "/version"]);
    assert!(pointers[3].len() <= 65, "{}", pointers[3]);
    assert!(answer.text.len() < 2000, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_a_413() {
    let limits = Limits {
        event_bytes: 64,
        ..Limits::default()
    };
    let world = World::with(limits).await;
    let fits = format!(
        "{}{}",
        with_data("1"),
        " ".repeat(64 - with_data("1").len())
    );
    accept(&world, &fits).await;
    let over = format!("{fits} ");
    refuse(&world, over.clone(), 413, "payload-too-large", "").await;
    let length = [("content-length", "10000000000")];
    let answer = world
        .call_with("POST", "/events", &length, Body::empty())
        .await;
    assert_eq!(answer.status, 413);
    assert_eq!(answer.header("connection"), Some("close"));
    let frames = over
        .into_bytes()
        .into_iter()
        .map(|byte| Ok::<_, std::io::Error>(vec![byte]));
    let chunked = Body::from_stream(futures_util::stream::iter(frames));
    let answer = world.call("POST", "/events", chunked).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().0),
        (413, "payload-too-large")
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_a_408() {
    let world = World::new().await;
    let never = Body::from_stream(futures_util::stream::pending::<
        Result<Vec<u8>, std::io::Error>,
    >());
    let answer = world.call("POST", "/events", never).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().0),
        (408, "request-timeout")
    );
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_none_and_paths_that_are_none_are_404s() {
    let world = World::new().await;
    let id = accept(&world, &with_data("1")).await;
    let upper = id.to_uppercase();
    for path in [
        "/events/x",
        &format!("/events/{upper}"),
        &format!("/events/{id}%20"),
        "/events/evt_%D0%B00000000000",
        "/events/evt_0000000000000",
        "/deliveries/dlv_0000000000000",
        "/subscriptions/sub_0000000000000",
        "/deliveries/dlv_0000000000000/attempts",
        "/events/evt_0000000000000/deliveries",
        "/events/%FF",
        "/portal",
        "/inbox",
        "/inboxes/inb_0000000000000",
        "/nowhere/at/all",
        "//",
        "/tenants/nobody",
        "/tenants/NOBODY",
    ] {
        let answer = world.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0),
            (404, "not-found"),
            "{path}"
        );
    }
    for path in ["/portal", "/inbox"] {
        let answer = world.post(path, "{}").await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0),
            (404, "not-found"),
            "{path}"
        );
    }
    for (method, path) in [("POST", "/nowhere"), ("GET", "/nowhere/at/all")] {
        let answer = world.call(method, path, "{}").await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
        assert_eq!(answer.header("allow"), None, "{method} {path}");
    }
    let tenant = world.call("PUT", "/tenants/default", "{}").await;
    assert_eq!(tenant.status, 405, "{}", tenant.text);
    let answer = world.call("PUT", "/events", Body::empty()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().0),
        (405, "method-not-allowed")
    );
    let allow = answer.header("allow").unwrap();
    assert!(allow.contains("GET") && allow.contains("POST"), "{allow}");
}
