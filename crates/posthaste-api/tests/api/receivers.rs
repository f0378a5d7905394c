//! What receivers ask for beside a signature: written, shown without its secrets, and kept.

use serde_json::{Value, json};

use crate::world::{Answered, World};

const URL: &str = "https://example.com/hook";

async fn create(world: &World, members: Value) -> Answered {
    let mut body = json!({"url": URL});
    let all = body.as_object_mut().unwrap();
    all.extend(members.as_object().unwrap().clone());
    world.post("/subscriptions", &body.to_string()).await
}

async fn refuse(world: &World, members: Value, slug: &str, pointer: &str, code: &str) {
    let made = create(world, members.clone()).await;
    assert_eq!(made.status, 422, "{members}: {}", made.text);
    let found = (made.problem(), made.pointers());
    assert_eq!(found, ((slug, code), vec![pointer]), "{members}");
}

#[tokio::test(start_paused = true)]
async fn headers_that_may_not_be_sent_are_refused() {
    let world = World::new().await;
    let rows = [
        ("a\r\nb", json!("v"), "/headers/a\\r\\nb", "invalid_name"),
        ("a b", json!("v"), "/headers/a b", "invalid_name"),
        ("a:", json!("v"), "/headers/a:", "invalid_name"),
        ("", json!("v"), "/headers/", "invalid_name"),
        (
            "Authorization",
            json!("v"),
            "/headers/Authorization",
            "reserved_name",
        ),
        (
            "webhook-id",
            json!("v"),
            "/headers/webhook-id",
            "reserved_name",
        ),
        (
            "Content-Length",
            json!("0"),
            "/headers/Content-Length",
            "reserved_name",
        ),
        ("x-a", json!("v\r\nx-b: w"), "/headers/x-a", "invalid_value"),
        ("x-a", json!("v\0"), "/headers/x-a", "invalid_value"),
        (
            "x-a",
            json!("v".repeat(8192)),
            "/headers/x-a",
            "invalid_value",
        ),
        ("x-a", json!(7), "/headers/x-a", "type"),
        ("x-a", json!("***"), "/headers/x-a", "nothing_to_keep"),
        (
            "x-a",
            json!({"secret": "\n"}),
            "/headers/x-a/secret",
            "invalid_value",
        ),
    ];
    for (name, value, pointer, code) in rows {
        let mut headers = json!({});
        headers[name] = value;
        refuse(
            &world,
            json!({"headers": headers}),
            "invalid-header",
            pointer,
            code,
        )
        .await;
    }
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("x-{n}"), json!("v"))).collect();
    refuse(
        &world,
        json!({"headers": many}),
        "invalid-header",
        "/headers",
        "length",
    )
    .await;
    let twice = json!({"headers": {"X-A": "1", "x-a": "2"}});
    refuse(&world, twice, "invalid-header", "/headers/x-a", "duplicate").await;
    let unknown = json!({"headers": {"x-a": {"sceret": "x", "secret": "y"}}});
    refuse(
        &world,
        unknown,
        "validation",
        "/headers/x-a/sceret",
        "unknown_field",
    )
    .await;
    let twenty: serde_json::Map<_, _> = (0..20)
        .map(|n| (format!("x-{n}"), json!("v".repeat(8191))))
        .collect();
    assert_eq!(create(&world, json!({"headers": twenty})).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn credentials_and_tls_settings_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let basic = |username: &str, password: &str| json!({"auth": {"basic": {"username": username, "password": password}}});
    let rows = [
        (json!({"auth": {}}), "/auth", "one_of"),
        (json!({"auth": "x"}), "/auth", "type"),
        (
            json!({"auth": {"bearer": "x", "basic": {"username": "a", "password": "b"}}}),
            "/auth",
            "one_of",
        ),
        (
            json!({"auth": {"digest": "x"}}),
            "/auth/digest",
            "unknown_field",
        ),
        (
            json!({"auth": {"bearer": "a b"}}),
            "/auth/bearer",
            "invalid_token",
        ),
        (
            json!({"auth": {"bearer": "***"}}),
            "/auth/bearer",
            "nothing_to_keep",
        ),
        (
            json!({"auth": {"basic": {"username": "a"}}}),
            "/auth/basic/password",
            "required",
        ),
        (
            basic("a:b", "c"),
            "/auth/basic/username",
            "invalid_username",
        ),
        (
            basic("a", "c\n"),
            "/auth/basic/password",
            "invalid_password",
        ),
        (basic("a", "***"), "/auth/basic/password", "nothing_to_keep"),
        (json!({"tls": {}}), "/tls", "required"),
        (json!({"tls": {"ca": "x"}}), "/tls/ca", "unknown_field"),
        (
            json!({"tls": {"ca_pem": "x"}}),
            "/tls/ca_pem",
            "invalid_certificate",
        ),
        (
            json!({"tls": {"ca_pem": "x".repeat(32 * 1024 + 1)}}),
            "/tls/ca_pem",
            "length",
        ),
        (
            json!({"tls": {"client_cert_pem": "x"}}),
            "/tls/client_key_pem",
            "required",
        ),
        (
            json!({"tls": {"client_key_pem": "x"}}),
            "/tls/client_cert_pem",
            "required",
        ),
        (
            json!({"tls": {"client_cert_pem": "x", "client_key_pem": "***"}}),
            "/tls/client_key_pem",
            "nothing_to_keep",
        ),
    ];
    for (members, pointer, code) in rows {
        refuse(&world, members, "validation", pointer, code).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_secret_is_never_shown_and_may_come_back_as_it_was_shown() {
    let world = World::new().await;
    let asked = json!({
        "headers": {"X-Api-Key": "canary-1", "X-Team": "blue", "X-Pin": {"secret": "canary-2"}},
        "auth": {"basic": {"username": "ada", "password": "canary-3"}},
    });
    let shown = json!({
        "headers": {"X-Api-Key": "***", "X-Pin": "***", "X-Team": "blue"},
        "auth": {"basic": {"username": "ada", "password": "***"}},
    });
    let made = create(&world, asked).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let read = world.get(&path).await;
    let again = world.call("PATCH", &path, shown.to_string()).await;
    let listed = world.get("/subscriptions").await;
    for answer in [&made, &read, &again, &listed] {
        assert!(!answer.text.contains("canary"), "{}", answer.text);
    }
    for answer in [&made, &read, &again] {
        assert_eq!(answer.body["headers"], shown["headers"], "{}", answer.text);
        assert_eq!(answer.body["auth"], shown["auth"], "{}", answer.text);
    }
    let cleared = json!({"headers": null, "auth": null, "tls": null}).to_string();
    let cleared = world.call("PATCH", &path, cleared).await;
    assert_eq!(
        (&cleared.body["headers"], &cleared.body["auth"]),
        (&json!({}), &Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_shows_a_subscriptions_own_headers_and_no_secret_of_them() {
    let world = World::new().await;
    let asked = json!({
        "headers": {"X-Api-Key": "canary-1", "X-Team": "blue"}, "auth": {"bearer": "canary-2"},
    });
    create(&world, asked).await;
    let event = world.post("/events", r#"{"type":"a.b","data":1}"#).await;
    world.settle().await;
    let event = event.body["id"].as_str().unwrap();
    let deliveries = world.get(&format!("/events/{event}/deliveries")).await;
    let delivery = deliveries.body["data"][0]["id"].as_str().unwrap();
    let attempts = world.get(&format!("/deliveries/{delivery}/attempts")).await;
    assert!(!attempts.text.contains("canary"), "{}", attempts.text);
    let headers = &attempts.body["data"][0]["request_headers"];
    let seen = ["authorization", "x-api-key", "x-team"].map(|name| headers[name].as_str());
    assert_eq!(
        seen,
        [Some("***"), Some("***"), Some("blue")],
        "{}",
        attempts.text
    );
    assert!(
        headers["webhook-signature"]
            .as_str()
            .unwrap()
            .starts_with("v1,")
    );
    let audited = world.get("/deliveries/audit").await;
    assert_eq!(audited.status, 200, "{}", audited.text);
}

#[tokio::test(start_paused = true)]
async fn ed25519_signs_standard_alone_with_a_key_of_its_own() {
    let world = World::new().await;
    let pair = |more: Value| {
        let mut members = json!({"algorithm": "ed25519", "schemes": ["standard"]});
        members
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        members
    };
    let both = pair(json!({"schemes": ["standard", "pt"]}));
    refuse(&world, both, "validation", "/schemes", "schemes_of_ed25519").await;
    let shared = pair(json!({"secret": "a shared secret, long enough"}));
    refuse(&world, shared, "validation", "/secret", "invalid_secret").await;
    let made = create(&world, pair(json!({}))).await;
    let secret = made.body["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsk_"), "{}", made.text);
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let revealed = world.get(&format!("{path}/secret")).await;
    assert_eq!(revealed.body["secret"], secret);
    let keys = world.get(&format!("{path}/public-keys")).await;
    let key = json!({"public_key": revealed.body["public_key"], "algorithm": "ed25519",
        "current": true, "valid_until": null});
    assert_eq!(keys.body, json!({"data": [key]}));
    let given = create(&world, pair(json!({"secret": secret}))).await;
    assert_eq!(given.body["secret"], secret);
    let schemes = world.call("PATCH", &path, r#"{"schemes":["pt"]}"#).await;
    assert_eq!(schemes.pointers(), ["/schemes"]);
}

#[tokio::test(start_paused = true)]
async fn another_kind_of_algorithm_is_a_rotation() {
    let world = World::new().await;
    let made = create(&world, json!({})).await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let alone = world
        .call("PATCH", &path, r#"{"algorithm":"ed25519"}"#)
        .await;
    assert_eq!(alone.pointers(), ["/algorithm"], "{}", alone.text);
    let hash = world
        .call("PATCH", &path, r#"{"algorithm":"hmac-sha512"}"#)
        .await;
    assert_eq!(hash.status, 200, "{}", hash.text);
    let secret = world.get(&format!("{path}/secret")).await.body;
    assert_eq!(secret["secret"], made.body["secret"], "of the same kind");
    let both = r#"{"algorithm":"ed25519","schemes":["standard"]}"#;
    let changed = world.call("PATCH", &path, both).await;
    assert_eq!(changed.body["algorithm"], "ed25519", "{}", changed.text);
    let keys = world.get(&format!("{path}/public-keys")).await;
    assert_eq!(
        keys.body["data"].as_array().unwrap().len(),
        1,
        "{}",
        keys.text
    );
    let back = world
        .call("PATCH", &path, r#"{"algorithm":"hmac-sha256"}"#)
        .await;
    assert_eq!(
        (back.status.as_u16(), back.problem().0),
        (409, "rotation-under-way")
    );
    tokio::time::sleep(std::time::Duration::from_secs(86_400)).await;
    let rotated = world.post(&format!("{path}/rotate-secret"), "{}").await;
    assert!(
        rotated.body["secret"]
            .as_str()
            .unwrap()
            .starts_with("whsk_"),
        "{}",
        rotated.text
    );
    let keys = world.get(&format!("{path}/public-keys")).await;
    let currents = keys.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["current"]);
    assert_eq!(
        currents.collect::<Vec<_>>(),
        [&json!(true), &json!(false)],
        "{}",
        keys.text
    );
    let shared = r#"{"secret":"a shared secret, long enough"}"#;
    let refused = world.post(&format!("{path}/rotate-secret"), shared).await;
    assert_eq!(refused.pointers(), ["/secret"]);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_denies_more_than_the_operator() {
    let world = World::new().await;
    let made = world.post("/tenants", r#"{"id":"acme"}"#).await;
    assert!(made.body.get("egress").is_none(), "{}", made.text);
    let deny = r#"{"egress":{"deny":[".example.com","8.8.8.0/24"]}}"#;
    let denied = world.call("PATCH", "/tenants/acme", deny).await;
    assert_eq!(
        denied.body["egress"],
        json!({"deny": [".example.com", "8.8.8.0/24"]})
    );
    let acme = [("posthaste-tenant", "acme")];
    for (method, path) in [("POST", "/subscriptions"), ("POST", "")] {
        for url in [URL, "https://8.8.8.8/hook"] {
            let body = json!({"url": url, "events": ["a"]}).to_string();
            let refused = world.call_with(method, path, &acme, body.clone()).await;
            assert_eq!(refused.problem(), ("invalid-url", "denied"), "{path} {url}");
            let other = world.call(method, path, body).await;
            assert_eq!(other.status, 201, "another tenant's");
        }
    }
    let elsewhere = json!({"url": "https://example.org/"}).to_string();
    let made = world
        .call_with("POST", "/subscriptions", &acme, elsewhere)
        .await;
    let path = format!("/subscriptions/{}", made.body["id"].as_str().unwrap());
    let moved = json!({"url": URL}).to_string();
    let moved = world.call_with("PATCH", &path, &acme, moved).await;
    assert_eq!(moved.problem(), ("invalid-url", "denied"));
    for bad in [r#"["a b"]"#, r#"[7]"#, r#""x""#] {
        let body = format!(r#"{{"egress":{{"deny":{bad}}}}}"#);
        let refused = world.call("PATCH", "/tenants/acme", body).await;
        assert_eq!(refused.status, 422, "{bad}");
    }
    let many = json!({"egress": {"deny": vec!["a.example"; 1001]}}).to_string();
    let many = world.call("PATCH", "/tenants/acme", many).await;
    assert_eq!(many.pointers(), ["/egress/deny"]);
}
