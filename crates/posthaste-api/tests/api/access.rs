//! Who may do what: keys, scopes, tenants, and the check of signatures.

use axum::body::Body;
use posthaste::signature::{Scheme, Secret, Secrets, Signer, XWebhookHash};
use serde_json::Value;

use super::world::{World, request};

#[tokio::test(start_paused = true)]
async fn whatever_is_wrong_with_a_key_the_answer_is_the_same() {
    let world = World::new().await;
    let long = format!("Bearer pst_{}", "x".repeat(10_240));
    let bearer = format!("Bearer {}", super::world::PLATFORM_KEY);
    let mut off_by_one = bearer.clone();
    off_by_one.replace_range(off_by_one.len() - 1.., "1");
    let mut bodies = Vec::new();
    let rows: [&[(&str, &str)]; 8] = [
        &[],
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer pst_unknown")],
        &[("authorization", "Basic dXNlcjpwYXNz")],
        &[("authorization", &long)],
        &[("authorization", &off_by_one)],
        &[("authorization", &bearer[7..])],
        &[("authorization", &bearer), ("authorization", &bearer)],
    ];
    for headers in rows {
        let answer = world
            .send(request("GET", "/events", headers, Body::empty()))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0),
            (401, "unauthenticated")
        );
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Bearer realm=\"posthaste\"")
        );
        bodies.push(answer.text);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

async fn with_key(
    world: &World,
    key: &str,
    method: &str,
    path: &str,
    body: &str,
) -> super::world::Answered {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    world
        .send(request(method, path, &headers, body.to_owned()))
        .await
}

#[tokio::test(start_paused = true)]
async fn a_key_opens_what_its_scopes_name() {
    let world = World::new().await;
    let publisher = world.key("default", r#"["events:publish"]"#).await;
    let body = r#"{"type":"a","data":1}"#;
    assert_eq!(
        with_key(&world, &publisher, "POST", "/events", body)
            .await
            .status,
        202
    );
    assert_eq!(
        with_key(&world, &publisher, "GET", "/events", "")
            .await
            .status,
        403
    );
    let everything = world.key("default", r#"["*"]"#).await;
    assert_eq!(
        with_key(&world, &everything, "GET", "/events", "")
            .await
            .status,
        200
    );
    assert_eq!(
        with_key(&world, &everything, "GET", "/tenants", "")
            .await
            .status,
        403
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_another_tenants_is_not_there() {
    let world = World::new().await;
    assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
    let acme = world.key("acme", r#"["*"]"#).await;
    let made = world
        .subscribe(r#"{"url":"https://example.com/hook"}"#)
        .await;
    let event = world.post("/events", r#"{"type":"a","data":1}"#).await;
    let deliveries = world.get("/deliveries").await;
    let (sub, evt, dlv) = (
        &made.body["id"],
        &event.body["id"],
        &deliveries.body["data"][0]["id"],
    );
    let id = |id: &serde_json::Value| id.as_str().unwrap().to_owned();
    let (sub, evt, dlv) = (id(sub), id(evt), id(dlv));
    for (method, path, body) in [
        ("GET", format!("/subscriptions/{sub}"), ""),
        ("PATCH", format!("/subscriptions/{sub}"), "{}"),
        ("DELETE", format!("/subscriptions/{sub}"), ""),
        ("GET", format!("/subscriptions/{sub}/secret"), ""),
        ("POST", format!("/subscriptions/{sub}/pause"), ""),
        ("POST", format!("/subscriptions/{sub}/rotate-secret"), ""),
        ("POST", format!("/subscriptions/{sub}/test"), ""),
        ("DELETE", format!("/{sub}"), ""),
        ("GET", format!("/events/{evt}"), ""),
        ("GET", format!("/events/{evt}/deliveries"), ""),
        ("GET", format!("/deliveries/{dlv}"), ""),
        ("GET", format!("/deliveries/{dlv}/attempts"), ""),
        ("POST", format!("/deliveries/{dlv}/redeliver"), ""),
        ("POST", format!("/events/{evt}/redeliver"), ""),
    ] {
        let answer = with_key(&world, &acme, method, &path, body).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
    }
    for path in ["/events", "/subscriptions", "/deliveries"] {
        let answer = with_key(&world, &acme, "GET", path, "").await;
        assert_eq!(answer.body["data"], serde_json::json!([]), "{path}");
    }
    let narrowed = format!(r#"{{"type":"a","data":1,"subscriptions":["{sub}"]}}"#);
    assert_eq!(
        with_key(&world, &acme, "POST", "/events", &narrowed)
            .await
            .status,
        422
    );
    let unknown = [("posthaste-tenant", "nobody")];
    assert_eq!(
        world
            .call_with("GET", "/events", &unknown, Body::empty())
            .await
            .status,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn keys_are_shown_once_and_open_nothing_after_their_end() {
    let world = World::new().await;
    let body = r#"{"name":"ci","scopes":["events:read","keys:manage"],"expires_at":"2099-01-01T00:00:00Z"}"#;
    let made = world.post("/keys", body).await;
    insta::assert_json_snapshot!(made.body, {
        ".id" => "[id]", ".key" => "[key]", ".created_at" => "[time]"
    }, @r#"
    {
      "allowed_ips": [],
      "created_at": "[time]",
      "expires_at": "2099-01-01T00:00:00.000Z",
      "id": "[id]",
      "key": "[key]",
      "last_used_at": null,
      "name": "ci",
      "scopes": [
        "events:read",
        "keys:manage"
      ],
      "tenant": "default"
    }
    "#);
    let key = made.body["key"].as_str().unwrap();
    let listed = world.get("/keys").await;
    assert!(
        !listed.text.contains(key) && listed.text.contains("\"ci\""),
        "{}",
        listed.text
    );
    let more = with_key(
        &world,
        key,
        "POST",
        "/keys",
        r#"{"scopes":["events:publish"]}"#,
    )
    .await;
    assert_eq!(
        (more.status.as_u16(), &more.body["required_scope"]),
        (403, &"events:publish".into())
    );
    let platform = r#"{"scopes":["events:read"],"platform":true}"#;
    assert_eq!(
        with_key(&world, key, "POST", "/keys", platform)
            .await
            .status,
        403
    );
    let made_platform = world.post("/keys", platform).await;
    assert_eq!(made_platform.body["tenant"], serde_json::Value::Null);
    for made in [&made, &made_platform] {
        let path = format!("/keys/{}", made.body["id"].as_str().unwrap());
        assert_eq!(world.call("DELETE", &path, Body::empty()).await.status, 204);
        assert_eq!(world.call("DELETE", &path, Body::empty()).await.status, 404);
    }
    assert_eq!(
        with_key(&world, key, "GET", "/events", "").await.status,
        401
    );
    let past = r#"{"scopes":["events:read"],"expires_at":"2026-11-21T20:37:00Z"}"#;
    let past = world.post("/keys", past).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    let past = past.body["key"].as_str().unwrap();
    assert_eq!(
        with_key(&world, past, "GET", "/events", "").await.status,
        401
    );
    for (bad, slug) in [
        (r#"{"scopes":[]}"#, "validation"),
        (r#"{"scopes":["events"]}"#, "validation"),
        (r#"{"scopes":["*"],"name":"a\u0007"}"#, "validation"),
        (
            r#"{"scopes":["*"],"expires_at":"2026-11-21T20:36:00Z"}"#,
            "validation",
        ),
        (
            r#"{"scopes":["*"],"allowed_ips":["10.0.0.0/8","10.0.0.0/33"]}"#,
            "validation",
        ),
    ] {
        let answer = world.post("/keys", bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0),
            (422, slug),
            "{bad}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn managing_tenants_is_the_platforms_alone() {
    let world = World::new().await;
    let tenants = r#"{"scopes":["events:read","tenants:manage"]}"#;
    let answer = world.post("/keys", tenants).await;
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert_eq!(answer.pointers(), ["/scopes/1"]);
    let platforms = r#"{"scopes":["tenants:manage"],"platform":true}"#;
    assert_eq!(world.post("/keys", platforms).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn tenants_are_made_once() {
    let world = World::new().await;
    let made = world
        .post(
            "/tenants",
            r#"{"id":"acme","name":"Acme","limits":{"events_per_s":null}}"#,
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    insta::assert_json_snapshot!(made.body, { ".created_at" => "[time]" }, @r#"
    {
      "catalogue": "open",
      "created_at": "[time]",
      "id": "acme",
      "limits": {
        "events_per_s": null,
        "hold_days": null,
        "retention_days": null,
        "subscriptions": 10000
      },
      "name": "Acme"
    }
    "#);
    assert_eq!(world.get("/tenants/acme").await.body, made.body);
    let again = world.post("/tenants", r#"{"id":"acme"}"#).await;
    assert_eq!(
        (again.status.as_u16(), again.problem().0),
        (409, "already-exists")
    );
    for (bad, slug) in [
        (r#"{"id":"Acme"}"#, "validation"),
        ("{}", "validation"),
        (r#"{"id":"b","limits":{"events_per_s":0}}"#, "validation"),
        (r#"{"id":"b","limits":{"subscriptions":0}}"#, "validation"),
        (r#"{"id":"b","limits":{"hold_days":0}}"#, "validation"),
        (r#"{"id":"b","limits":{"days":1}}"#, "validation"),
        (r#"{"id":"b","catalogue":"closed"}"#, "validation"),
    ] {
        let answer = world.post("/tenants", bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().0),
            (422, slug),
            "{bad}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_changed_by_what_is_given() {
    let world = World::new().await;
    let body =
        r#"{"id":"acme","catalogue":"strict","limits":{"retention_days":7,"hold_days":3650}}"#;
    let made = world.post("/tenants", body).await;
    assert_eq!(made.body["catalogue"], "strict", "{}", made.text);
    assert_eq!(made.body["limits"]["hold_days"], 3650);
    let tag = world
        .get("/tenants/acme")
        .await
        .header("etag")
        .unwrap()
        .to_owned();
    let if_match = [("if-match", tag.as_str())];
    let patch = r#"{"name":"Acme","limits":{"hold_days":null}}"#;
    let changed = world
        .call_with("PATCH", "/tenants/acme", &if_match, patch)
        .await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    assert_eq!(changed.body["name"], "Acme");
    assert_eq!(changed.body["catalogue"], "strict", "it stays");
    let limits = &changed.body["limits"];
    assert_eq!(
        (&limits["retention_days"], &limits["hold_days"]),
        (&Value::from(7), &Value::Null)
    );
    let read = world.get("/tenants/acme").await;
    assert_eq!(read.body, changed.body);
    assert_eq!(read.header("etag"), changed.header("etag"));
    let stale = world
        .call_with("PATCH", "/tenants/acme", &if_match, patch)
        .await;
    assert_eq!(stale.status, 412);
    assert_eq!(
        world.call("PATCH", "/tenants/nobody", "{}").await.status,
        404
    );
    for (bad, pointer) in [
        (
            r#"{"limits":{"retention_days":3651}}"#,
            "/limits/retention_days",
        ),
        (
            r#"{"limits":{"events_per_s":0.009}}"#,
            "/limits/events_per_s",
        ),
        (
            r#"{"limits":{"events_per_s":1000001}}"#,
            "/limits/events_per_s",
        ),
        (
            r#"{"limits":{"subscriptions":1.5}}"#,
            "/limits/subscriptions",
        ),
        (r#"{"catalogue":"Strict"}"#, "/catalogue"),
        (r#"{"id":"other"}"#, "/id"),
    ] {
        let answer = world.call("PATCH", "/tenants/acme", bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.pointers()),
            (422, vec![pointer]),
            "{bad}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn signatures_are_checked_in_every_scheme() {
    let world = World::new().await;
    let key = world.key("default", r#"["portal:create"]"#).await;
    let secret: Secret = "0123456789abcdef".parse().unwrap();
    let secrets = Secrets::new(secret);
    let now = world.engine.clock().wall();
    let signer = Signer::new(Scheme::ALL, XWebhookHash::Sha512, &secrets);
    let mut headers = Vec::new();
    signer.headers(
        "evt_0000000000000",
        now.unix_seconds(),
        now,
        b"{}",
        &mut headers,
    );
    let headers: serde_json::Map<String, serde_json::Value> = headers
        .into_iter()
        .map(|(name, value)| (name.to_string(), value.into()))
        .collect();
    for scheme in ["standard", "pt", "x-webhook"] {
        for (body, valid) in [("{}", true), ("{} ", false)] {
            let asked = serde_json::json!({"scheme": scheme, "secret": "0123456789abcdef",
                "headers": headers, "body": body});
            let answer = with_key(&world, &key, "POST", "/verify", &asked.to_string()).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.body["valid"], valid, "{scheme}: {}", answer.text);
            assert_eq!(answer.body["reason"].is_null(), valid, "{}", answer.text);
        }
    }
    let bad = r#"{"scheme":"v0","secret":"x","headers":[],"body":1}"#;
    let answer = world.post("/verify", bad).await;
    assert_eq!(answer.pointers(), ["/scheme", "/headers", "/body"]);
}
