//! The audit log: who did what, for every route that changes or reveals anything.

use axum::body::Body;
use http::Request;
use posthaste_callers::Peer;
use serde_json::{Value, json};

use super::world::{Answered, PLATFORM_KEY, World, request};

/// What changes nothing that an operator set: publishing, and questions that are POSTs.
const UNAUDITED: &[&str] = &[
    "post /events",
    "post /events/batch",
    "post /subscriptions/filter-test",
    "post /verify",
];

/// A route that does something, a request that succeeds, and the action that the log names.
type Act = (&'static str, String, Value, &'static str);

struct Stage {
    world: World,
    /// Each is used up by one act at most.
    subscriptions: [String; 5],
    event: String,
    failed: String,
    replay: String,
    key: String,
    portal_link: String,
    inbox: String,
}

fn id(answer: &Answered, member: &str) -> String {
    let id = answer.body[member].as_str();
    id.unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

impl Stage {
    async fn set() -> Self {
        let world = World::new().await;
        let mut subscriptions = Vec::new();
        for _ in 0..5 {
            let down = r#"{"url":"https://example.com/down","retry":"none","events":["a.*"]}"#;
            subscriptions.push(id(&world.subscribe(down).await, "id"));
        }
        let event = world.post("/events", r#"{"type":"a.b","data":1}"#).await;
        world.settle().await;
        let failed = world.get("/deliveries?status=failed").await;
        let slow =
            r#"{"since":"2026-11-21T00:00:00Z","until":"2026-11-23T00:00:00Z","rate_per_s":0.1}"#;
        let replay = world.post("/replays", slow).await;
        let key = world.post("/keys", r#"{"scopes":["*"]}"#).await;
        let portal_link = world.post("/portal-links", "").await;
        let inbox = world.post("/inboxes", "{}").await;
        assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
        let described = r#"{"type":"a.c"}"#;
        assert_eq!(world.post("/event-types", described).await.status, 201);
        Self {
            subscriptions: subscriptions.try_into().unwrap(),
            event: id(&event, "id"),
            failed: failed.body["data"][0]["id"].as_str().unwrap().to_owned(),
            replay: id(&replay, "id"),
            key: id(&key, "id"),
            portal_link: id(&portal_link, "id"),
            inbox: id(&inbox, "id"),
            world,
        }
    }

    /// In an order in which each finds what it needs.
    fn acts(&self) -> Vec<Act> {
        let [one, two, three, ..] = &self.subscriptions;
        let on = |id: &String, act: &str| format!("/subscriptions/{id}{act}");
        let url = json!({"url": "https://example.com/hook"});
        let quick = json!({"url": "https://example.com/hook", "events": ["*"]});
        let window = json!({"since": "2026-11-21T00:00:00Z", "until": "2026-11-23T00:00:00Z"});
        let nothing = Value::Null;
        let again = format!("/deliveries/{}/redeliver", self.failed);
        vec![
            (
                "post /subscriptions",
                "/subscriptions".into(),
                url,
                "subscription.create",
            ),
            (
                "patch /subscriptions/{id}",
                on(one, ""),
                json!({"description": "d"}),
                "subscription.update",
            ),
            (
                "post /subscriptions/{id}/pause",
                on(one, "/pause"),
                nothing.clone(),
                "subscription.pause",
            ),
            (
                "post /subscriptions/{id}/resume",
                on(one, "/resume"),
                nothing.clone(),
                "subscription.resume",
            ),
            (
                "post /subscriptions/{id}/rotate-secret",
                on(one, "/rotate-secret"),
                nothing.clone(),
                "subscription.rotate_secret",
            ),
            (
                "get /subscriptions/{id}/secret",
                on(one, "/secret"),
                nothing.clone(),
                "subscription.reveal_secret",
            ),
            (
                "post /subscriptions/{id}/test",
                on(one, "/test"),
                nothing.clone(),
                "subscription.test",
            ),
            (
                "post /deliveries/{id}/discard",
                again.replace("redeliver", "discard"),
                nothing.clone(),
                "delivery.discard",
            ),
            (
                "post /deliveries/{id}/redeliver",
                again,
                nothing.clone(),
                "delivery.redeliver",
            ),
            (
                "post /deliveries/redeliver",
                "/deliveries/redeliver".into(),
                json!({"status": "failed"}),
                "deliveries.redeliver",
            ),
            (
                "post /deliveries/discard",
                "/deliveries/discard".into(),
                json!({"status": "failed"}),
                "deliveries.discard",
            ),
            (
                "post /events/{id}/redeliver",
                format!("/events/{}/redeliver", self.event),
                nothing.clone(),
                "event.redeliver",
            ),
            (
                "delete /replays/{id}",
                format!("/replays/{}", self.replay),
                nothing.clone(),
                "replay.stop",
            ),
            ("post /replays", "/replays".into(), window, "replay.start"),
            (
                "delete /subscriptions/{id}",
                on(two, ""),
                nothing.clone(),
                "subscription.delete",
            ),
            ("post ", String::new(), quick, "subscription.create"),
            (
                "post /{webhook_id}/test",
                format!("/{three}/test"),
                nothing.clone(),
                "subscription.test",
            ),
            (
                "delete /{webhook_id}",
                format!("/{three}"),
                nothing.clone(),
                "subscription.delete",
            ),
            (
                "post /event-types",
                "/event-types".into(),
                json!({"type": "a.d"}),
                "event_type.create",
            ),
            (
                "put /event-types/{type}",
                "/event-types/a.c".into(),
                json!({"description": "c"}),
                "event_type.update",
            ),
            (
                "put /event-types/{type}/versions/{version}",
                "/event-types/a.c/versions/2".into(),
                json!({"type": "object"}),
                "event_type.update",
            ),
            (
                "delete /event-types/{type}",
                "/event-types/a.c".into(),
                nothing.clone(),
                "event_type.delete",
            ),
            (
                "post /inboxes",
                "/inboxes".into(),
                json!({"name": "one"}),
                "inbox.create",
            ),
            (
                "patch /inboxes/{id}",
                format!("/inboxes/{}", self.inbox),
                json!({"answer": {"status": 500}}),
                "inbox.update",
            ),
            (
                "delete /inboxes/{id}",
                format!("/inboxes/{}", self.inbox),
                nothing.clone(),
                "inbox.delete",
            ),
            (
                "post /keys",
                "/keys".into(),
                json!({"scopes": ["events:read"]}),
                "key.create",
            ),
            (
                "delete /keys/{id}",
                format!("/keys/{}", self.key),
                nothing.clone(),
                "key.delete",
            ),
            (
                "post /dashboard-links",
                "/dashboard-links".into(),
                nothing.clone(),
                "sign_in_link.create",
            ),
            (
                "post /portal-links",
                "/portal-links".into(),
                json!({"read_only": true}),
                "portal_link.create",
            ),
            (
                "delete /portal-links/{id}",
                format!("/portal-links/{}", self.portal_link),
                nothing,
                "portal_link.delete",
            ),
            (
                "post /tenants",
                "/tenants".into(),
                json!({"id": "beta"}),
                "tenant.create",
            ),
            (
                "patch /tenants/{tenant}",
                "/tenants/acme".into(),
                json!({"name": "Acme"}),
                "tenant.update",
            ),
            (
                "delete /tenants/{tenant}",
                "/tenants/beta".into(),
                Value::Null,
                "tenant.delete",
            ),
        ]
    }

    async fn log(&self) -> Vec<Value> {
        let log = self.world.get("/audit?limit=1000").await;
        assert_eq!(log.status, 200, "{}", log.text);
        log.body["data"].as_array().unwrap().clone()
    }
}

/// Routes that do something, as the document has them.
async fn operations(world: &World) -> Vec<String> {
    let document = request("GET", "//openapi.json", &[], Body::empty());
    let document = world.send(document).await.body;
    let mut operations = vec!["get /subscriptions/{id}/secret".to_owned()];
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix(super::world::BASE) else {
            continue;
        };
        let methods = item.as_object().unwrap().keys();
        let acts = methods.filter(|method| *method != "get");
        operations.extend(acts.map(|method| format!("{method} {path}")));
    }
    operations
}

#[tokio::test(start_paused = true)]
async fn every_route_that_does_something_leaves_exactly_one_entry() {
    let stage = Stage::set().await;
    let acts = stage.acts();
    for operation in operations(&stage.world).await {
        let known = acts.iter().any(|act| act.0 == operation);
        let unaudited = UNAUDITED.contains(&operation.as_str());
        assert!(
            known != unaudited,
            "{operation}: say here what it leaves in the audit log"
        );
    }
    for (operation, path, body, action) in acts {
        let before = stage.log().await;
        let method = operation.split(' ').next().unwrap().to_uppercase();
        let body = match body {
            Value::Null => Body::empty(),
            body => body.to_string().into(),
        };
        let answer = stage.world.call(&method, &path, body).await;
        assert!(answer.status.is_success(), "{operation}: {}", answer.text);
        let log = stage.log().await;
        assert_eq!(log.len(), before.len() + 1, "{operation}");
        assert_eq!(log[1..], before, "{operation}");
        let entry = &log[0];
        assert_eq!(entry["action"], action, "{operation}: {entry}");
        assert_eq!(entry["actor"]["platform"], true, "{entry}");
        assert_eq!(entry["request_id"], answer.header("x-request-id").unwrap());
        assert!(entry["id"].as_str().unwrap().starts_with("aud_"), "{entry}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_or_changes_nothing_leaves_no_entry() {
    let stage = Stage::set().await;
    let before = stage.log().await;
    let one = &stage.subscriptions[0];
    for (method, path, body) in [
        (
            "POST",
            "/subscriptions".to_owned(),
            r#"{"url":"http://localhost/"}"#,
        ),
        ("PATCH", format!("/subscriptions/{one}"), "{}"),
        (
            "PATCH",
            format!("/subscriptions/{one}"),
            r#"{"timeout_ms":1}"#,
        ),
        ("DELETE", "/subscriptions/sub_0000000000000".to_owned(), ""),
        ("DELETE", "/keys/key_0000000000000".to_owned(), ""),
        ("DELETE", "/replays/rpl_0000000000000".to_owned(), ""),
        ("DELETE", "/inboxes/inb_0000000000000".to_owned(), ""),
        ("POST", "/inboxes".to_owned(), r#"{"kind":"webhook.site"}"#),
        (
            "POST",
            "/inboxes".to_owned(),
            r#"{"subscription":"sub_0000000000000"}"#,
        ),
        ("PATCH", format!("/inboxes/{}", stage.inbox), "{}"),
        (
            "GET",
            "/subscriptions/sub_0000000000000/secret".to_owned(),
            "",
        ),
        (
            "POST",
            "/deliveries/dlv_0000000000000/redeliver".to_owned(),
            "",
        ),
        ("POST", "/tenants".to_owned(), r#"{"id":"acme"}"#),
        ("PATCH", "/tenants/nobody".to_owned(), r#"{"name":"x"}"#),
        ("DELETE", "/event-types/x.y".to_owned(), ""),
        (
            "POST",
            "/replays".to_owned(),
            r#"{"since":"2026-11-21T00:00:00Z","until":"2026-11-23T00:00:00Z","dry_run":true}"#,
        ),
    ] {
        stage.world.call(method, &path, body).await;
        assert_eq!(stage.log().await, before, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_tells_what_was_changed_and_no_secret() {
    let world = World::new().await;
    let secret = "canary-secret-0123456789";
    let body = json!({"url": "https://example.com/a", "secret": secret, "description": "one"});
    let made = world.subscribe(&body.to_string()).await;
    let path = format!("/subscriptions/{}", id(&made, "id"));
    let patch =
        json!({"description": "two", "events": ["a.*"], "metadata": {"long": "x".repeat(900)}});
    world.call("PATCH", &path, patch.to_string()).await;
    let rotation = json!({"secret": "canary-secret-9876543210", "overlap_s": 60}).to_string();
    world
        .post(&format!("{path}/rotate-secret"), &rotation)
        .await;
    let key = world.key("default", r#"["*"]"#).await;
    let log = world.get("/audit").await;
    for hidden in ["canary-secret", &key, PLATFORM_KEY] {
        assert!(!log.text.contains(hidden), "{}", log.text);
    }
    let details = |n: usize| &log.body["data"][n]["details"];
    assert_eq!(details(0)["key"], "***");
    assert_eq!(details(0)["scopes"], json!(["*"]));
    assert_eq!(details(1)["secret"], "***");
    assert_eq!(
        details(1)["previous_secret_valid_until"]["old"],
        Value::Null
    );
    let changed = json!({
        "description": {"old": "one", "new": "two"},
        "events": {"old": [], "new": ["a.*"]},
        "metadata": {"old": {}, "new": "(911 bytes)"},
    });
    assert_eq!(*details(2), changed);
    assert_eq!(details(3)["url"], "https://example.com/a");
    assert_eq!(details(3)["secret"], "***");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_narrowed_paged_and_its_tenants_own() {
    let world = World::new().await;
    assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
    let acme = format!("Bearer {}", world.key("acme", r#"["*"]"#).await);
    let acme = [("authorization", acme.as_str())];
    let made = world.subscribe(r#"{"url":"https://example.com/a"}"#).await;
    let read = |path: &'static str| world.send(request("GET", path, &acme, Body::empty()));
    let theirs = read("/audit").await;
    let seen = |log: &Answered| {
        let entries = log.body["data"].as_array().unwrap().clone();
        let action = |entry: &Value| entry["action"].as_str().unwrap().to_owned();
        entries.iter().map(action).collect::<Vec<_>>()
    };
    assert_eq!(seen(&theirs), ["key.create"], "{}", theirs.text);
    let ours = world.get("/audit").await;
    assert_eq!(seen(&ours), ["subscription.create", "tenant.create"]);
    let first = world.get("/audit?limit=1").await;
    let next = format!(
        "/audit?limit=1&cursor={}",
        first.body["next_cursor"].as_str().unwrap()
    );
    assert_eq!(seen(&world.get(&next).await), ["tenant.create"]);
    let (object, actor) = (
        id(&made, "id"),
        ours.body["data"][0]["actor"]["key_id"].clone(),
    );
    for (query, expected) in [
        (format!("object={object}"), 1),
        ("action=tenant.create".to_owned(), 1),
        ("action=key.create".to_owned(), 0),
        (format!("actor={}", actor.as_str().unwrap()), 2),
        ("actor=key_0000000000000".to_owned(), 0),
        ("since=2027-01-01T00:00:00Z".to_owned(), 0),
        ("until=2027-01-01T00:00:00Z".to_owned(), 2),
    ] {
        let found = world.get(&format!("/audit?{query}")).await;
        assert_eq!(seen(&found).len(), expected, "{query}");
    }
    for bad in [
        "action=nothing.done",
        "actor=sub_0000000000000",
        "since=now",
        "who=me",
    ] {
        let answer = world.get(&format!("/audit?{bad}")).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
    let reader = world.key("default", r#"["events:read"]"#).await;
    let bearer = format!("Bearer {reader}");
    let headers = [("authorization", bearer.as_str())];
    let answer = world
        .send(request("GET", "/audit", &headers, Body::empty()))
        .await;
    assert_eq!(answer.body["required_scope"], "keys:manage");
}

#[tokio::test(start_paused = true)]
async fn an_entry_names_the_clients_address_and_the_key_that_is_gone() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", world.key("default", r#"["*"]"#).await);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-forwarded-for", "198.51.100.9, 2001:db8::7"),
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
    ];
    let body = r#"{"url":"https://example.com/a"}"#;
    let mut request: Request<Body> = request("POST", "/subscriptions", &headers, body);
    let proxy = "10.0.0.1:4711".parse().unwrap();
    request.extensions_mut().insert(Peer(proxy));
    let made = world.send(request).await;
    let location = made.header("location").unwrap();
    assert!(
        location.starts_with("/api/"),
        "no link is built from a header: {location}"
    );
    let keys = world.get("/keys").await;
    let key = keys.body["data"][0]["id"].as_str().unwrap().to_owned();
    let gone = world
        .call("DELETE", &format!("/keys/{key}"), Body::empty())
        .await;
    assert_eq!(gone.status, 204);
    let log = world.get("/audit?action=subscription.create").await;
    insta::assert_json_snapshot!(log.body["data"][0], {
        ".id" => "[id]", ".at" => "[time]", ".object" => "[id]", ".request_id" => "[id]",
        ".actor.key_id" => "[id]", ".details" => "[members]"
    }, @r#"
    {
      "action": "subscription.create",
      "actor": {
        "key_id": "[id]",
        "key_name": "",
        "platform": false
      },
      "address": "2001:db8::7",
      "at": "[time]",
      "details": "[members]",
      "id": "[id]",
      "object": "[id]",
      "request_id": "[id]"
    }
    "#);
}
