//! Keys, scopes and tenants: who may do what, and who sees nothing.

use serde_json::{Value, json};

use crate::{
    api::{BASE, assert_members, id, text},
    server::{ADMIN_KEY, Launch, Server},
    sink::Sink,
};

#[test]
fn a_key_may_do_what_its_scopes_name_and_no_more() {
    let server = Server::start();
    let admin = server.client();
    let wanted = json!({"name": "publisher", "scopes": ["events:publish"]});
    let made = admin.post("/keys", &wanted, 201);
    let shown = [
        "id",
        "key",
        "name",
        "scopes",
        "tenant",
        "expires_at",
        "allowed_ips",
        "created_at",
        "last_used_at",
    ];
    assert_members(&made, &shown);
    assert_eq!(
        (&made["tenant"], &made["name"]),
        (&json!("default"), &json!("publisher"))
    );
    let key = text(&made, "key");
    assert!(key.starts_with("pst_") && key.len() > 40, "{}", key.len());

    let publisher = server.stranger().with_key(&key);
    publisher.publish("a.b", json!(1));
    for (method, path, scope) in [
        ("GET", "/events", "events:read"),
        ("GET", "/events/evt_0000000000001/matches", "events:read"),
        ("POST", "/subscriptions/filter-test", "subscriptions:read"),
        ("GET", "/subscriptions", "subscriptions:read"),
        ("POST", "/subscriptions", "subscriptions:write"),
        ("GET", "", "subscriptions:read"),
        ("POST", "", "subscriptions:write"),
        ("GET", "/deliveries", "deliveries:read"),
        (
            "POST",
            "/deliveries/dlv_0000000000001/redeliver",
            "deliveries:write",
        ),
        ("GET", "/keys", "keys:manage"),
        ("GET", "/tenants", "tenants:manage"),
    ] {
        let answer = publisher.call(method, path, &Value::Null);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (403, "insufficient-scope"),
            "{method} {path}"
        );
        assert_eq!(answer.json()["required_scope"], scope, "{method} {path}");
    }
    assert!(!server.said().contains(&key));

    let listed = admin.list("/keys");
    let ours = listed
        .iter()
        .find(|listed| listed["id"] == made["id"])
        .expect("it is listed");
    assert_members(
        ours,
        &shown.map(|name| if name == "key" { "id" } else { name })[1..]
            .iter()
            .copied()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>(),
    );
    admin.delete(&format!("/keys/{}", id(&made)), 204);
    assert_eq!(
        publisher
            .call("POST", "/events", &json!({"type": "a", "data": 1}))
            .status,
        401
    );
    admin.delete(&format!("/keys/{}", id(&made)), 404);
}

#[test]
fn nobody_gives_a_scope_that_they_lack() {
    let server = Server::start();
    let admin = server.client();
    let manager = json!({"scopes": ["keys:manage", "events:read"]});
    let manager = server
        .stranger()
        .with_key(&text(&admin.post("/keys", &manager, 201), "key"));
    let made = manager.post("/keys", &json!({"scopes": ["events:read"]}), 201);
    let reader = server.stranger().with_key(&text(&made, "key"));
    reader.get("/events");
    manager.post("/keys", &json!({"scopes": ["events:publish"]}), 403);
    manager.post("/keys", &json!({"scopes": ["*"]}), 403);
    manager.post(
        "/keys",
        &json!({"scopes": ["events:read"], "platform": true}),
        403,
    );
    manager.post("/keys", &json!({"scopes": ["no:such"]}), 422);
    manager.post("/keys", &json!({"scopes": []}), 422);
    let all = server.stranger().with_key(&text(
        &admin.post("/keys", &json!({"scopes": ["*"]}), 201),
        "key",
    ));
    all.get("/keys");
    assert_eq!(all.call("GET", "/tenants", &Value::Null).status, 403);
}

#[test]
fn keys_and_tenants_outlive_a_crash() {
    let server = Server::start();
    let admin = server.client();
    admin.post("/tenants", &json!({"id": "acme", "name": "Acme"}), 201);
    let made = admin
        .with("posthaste-tenant", "acme")
        .post("/keys", &json!({"scopes": ["*"]}), 201);
    assert_eq!(made["tenant"], "acme");
    let server = server.kill().start();
    let acme = server.stranger().with_key(&text(&made, "key"));
    acme.publish("a.b", json!(1));
    assert_eq!(acme.list("/events").len(), 1);
    assert_eq!(server.client().list("/events").len(), 0);
}

#[test]
fn one_tenant_finds_nothing_of_another() {
    let (server, sink) = (Server::start(), Sink::start());
    let admin = server.client();
    let tenant = admin.post("/tenants", &json!({"id": "acme"}), 201);
    assert_members(
        &tenant,
        &["id", "name", "limits", "catalogue", "created_at"],
    );
    admin.post("/tenants", &json!({"id": "acme"}), 409);
    admin.post("/tenants", &json!({"id": "Acme!"}), 422);
    let mut tenants: Vec<_> = admin.list("/tenants").iter().map(id).collect();
    tenants.sort();
    assert_eq!(tenants, ["acme", "default"]);

    let acme = admin.with("posthaste-tenant", "acme");
    let subscription = id(&acme.subscribe(&sink.url(), json!({})));
    let event = acme.publish("a.b", json!(1));
    let delivery = acme.delivery_of(&event);
    let key = id(&acme.post("/keys", &json!({"scopes": ["*"]}), 201));
    let ours = text(&admin.post("/keys", &json!({"scopes": ["*"]}), 201), "key");
    let ours = server.stranger().with_key(&ours);
    let event = id(&event);
    for (method, path) in [
        ("GET", format!("/events/{event}")),
        ("GET", format!("/events/{event}/deliveries")),
        ("GET", format!("/subscriptions/{subscription}")),
        ("GET", format!("/subscriptions/{subscription}/secret")),
        ("DELETE", format!("/subscriptions/{subscription}")),
        ("POST", format!("/subscriptions/{subscription}/pause")),
        ("POST", format!("/subscriptions/{subscription}/resume")),
        ("POST", format!("/subscriptions/{subscription}/test")),
        (
            "POST",
            format!("/subscriptions/{subscription}/rotate-secret"),
        ),
        ("GET", format!("/deliveries/{delivery}")),
        ("GET", format!("/deliveries/{delivery}/attempts")),
        ("POST", format!("/deliveries/{delivery}/redeliver")),
        ("DELETE", format!("/keys/{key}")),
        ("DELETE", format!("/{subscription}")),
    ] {
        let answer = ours.call(method, &path, &Value::Null);
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (404, "not-found"),
            "{method} {path}"
        );
    }
    for path in ["/events", "/subscriptions", "/deliveries"] {
        assert_eq!(ours.list(path), [] as [Value; 0], "{path}");
    }
    assert_eq!(ours.get(""), json!([]));
    assert_eq!(ours.publish("a.b", json!(2))["deliveries"], 0);
    assert_eq!(
        ours.with("posthaste-tenant", "acme")
            .call("GET", "/events", &Value::Null)
            .status,
        404
    );
    assert_eq!(
        admin
            .with("posthaste-tenant", "nobody")
            .call("GET", "/events", &Value::Null)
            .status,
        404
    );
}

#[test]
fn the_first_start_makes_a_key_that_its_owner_alone_can_read() {
    use std::os::unix::fs::PermissionsExt;

    let launch = Launch::new().without("POSTHASTE_ADMIN_KEY");
    let server = launch.start();
    let path = launch.data_dir().join("admin.key");
    let key = std::fs::read_to_string(&path).expect("the key is written");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let client = server.stranger().with_key(key.trim());
    client.get("/tenants");
    let server = server.kill().start();
    server.stranger().with_key(key.trim()).get("/tenants");
    assert_eq!(
        server.client().call("GET", "/tenants", &Value::Null).status,
        401,
        "{ADMIN_KEY}"
    );
}

#[test]
fn what_stands_at_the_root_needs_no_key() {
    let server = Server::start();
    let stranger = server.stranger();
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        let answer = stranger.send("GET", path, b"");
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
    let document = stranger.send("GET", "/openapi.json", b"").json();
    assert!(
        document["openapi"].as_str().unwrap().starts_with("3.1"),
        "{}",
        document["openapi"]
    );
    for path in [
        "/events",
        "/events/batch",
        "/subscriptions/{id}/rotate-secret",
        "/verify",
    ] {
        assert!(
            document["paths"][format!("{BASE}{path}")].is_object(),
            "{path}"
        );
    }
}

#[test]
fn a_signature_is_checked_for_anyone_with_a_key() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let secret = text(&client.subscribe(&sink.url(), json!({})), "secret");
    client.publish("a.b", json!({"n": 1}));
    let arrival = sink.wait_for(1).remove(0);
    let headers: Value = arrival
        .headers()
        .into_iter()
        .map(|(name, value)| (name, json!(value)))
        .collect();
    for scheme in ["standard", "pt", "x-webhook"] {
        let mut asked =
            json!({"scheme": scheme, "secret": secret, "headers": headers, "body": arrival.text()});
        assert_eq!(
            client.post("/verify", &asked, 200)["valid"],
            true,
            "{scheme}"
        );
        asked["body"] = json!("{}");
        let refused = client.post("/verify", &asked, 200);
        assert_eq!(refused["valid"], false, "{scheme}");
        assert!(refused["reason"].is_string(), "{scheme}");
    }
}
