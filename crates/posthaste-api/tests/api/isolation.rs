//! No key reaches further than its tenant and its scopes: every route of the served document, tried
//! with what every other tenant has and without each scope. A new route is covered by itself; one that
//! cannot be tried says here what it needs.

use std::collections::BTreeMap;

use axum::body::Body;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::world::{Answered, BASE, PLATFORM_KEY, World, request};

/// Every scope that a tenant's key may have by name.
const SCOPES: &[&str] = &[
    "events:publish",
    "events:read",
    "subscriptions:read",
    "subscriptions:write",
    "deliveries:read",
    "deliveries:write",
    "event-types:write",
    "keys:manage",
    "portal:create",
];
const PLATFORMS: &str = "tenants:manage";

/// Bodies that lead to the look-up of the path's id, where `{}` does not.
const BODIES: &[(&str, &str, &str)] = &[];

/// Routes that make what is not there under a name of the caller's choice, in their own tenant.
const MAKES: &[(&str, &str)] = &[("PUT", "/event-types/{type}")];

/// An operation of the document.
struct Route {
    method: String,
    /// Below the base; at the root it begins with `//`.
    path: String,
    /// None: it needs no key.
    asks: Option<Vec<String>>,
}

async fn routes(world: &World) -> Vec<Route> {
    let document = request("GET", "//openapi.json", &[], Body::empty());
    let document = world.send(document).await.body;
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let below = path.strip_prefix(BASE).map(str::to_owned);
            routes.push(Route {
                method: method.to_uppercase(),
                path: below.unwrap_or_else(|| format!("/{path}")),
                asks: asks(&operation["security"]),
            });
        }
    }
    routes
}

fn asks(security: &Value) -> Option<Vec<String>> {
    let key = security[0].as_object().unwrap().get("key")?;
    Some(serde_json::from_value(key.clone()).unwrap())
}

/// Ids of each kind, by the collection that they stand behind in a path.
struct Ids(BTreeMap<&'static str, String>);

impl Ids {
    /// As good as any, and nobody's.
    fn missing() -> Self {
        let id = |prefix: &str| format!("{prefix}_0000000000001");
        Self(BTreeMap::from([
            ("events", id("evt")),
            ("subscriptions", id("sub")),
            ("deliveries", id("dlv")),
            ("replays", id("rpl")),
            ("keys", id("key")),
            ("inboxes", id("inb")),
            ("inbox", "no-token".to_owned()),
            ("event-types", "nobody.made".to_owned()),
            ("portal-links", id("ptl")),
            ("tenants", "nobody".to_owned()),
            // The quick API's.
            ("", id("sub")),
        ]))
    }

    /// A path with its names filled in.
    fn fill(&self, template: &str) -> String {
        let (mut filled, mut collection) = (Vec::new(), "");
        for segment in template.split('/') {
            let value = match segment {
                "{version}" => "1",
                name if name.starts_with('{') => self.0.get(collection).unwrap_or_else(|| {
                    panic!("{template}: say in Ids what {name} is behind {collection:?}, and make one in Owner")
                }),
                plain => plain,
            };
            filled.push(value.to_owned());
            collection = segment;
        }
        filled.join("/")
    }
}

/// The tenant `acme`, which has one of everything.
struct Owner {
    key: String,
    ids: Ids,
}

impl Owner {
    async fn new(world: &World) -> Self {
        assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
        let key = world.key("acme", r#"["*"]"#).await;
        let event_type = r#"{"type":"acme.made","versions":{"1":{}}}"#;
        let hook = r#"{"url":"https://example.com/hook"}"#;
        let made = [
            (
                "event-types",
                "type",
                with_key(world, &key, "POST", "/event-types", event_type).await,
            ),
            (
                "subscriptions",
                "id",
                with_key(world, &key, "POST", "/subscriptions", hook).await,
            ),
            (
                "events",
                "id",
                with_key(world, &key, "POST", "/events", EVENT).await,
            ),
            (
                "replays",
                "id",
                with_key(world, &key, "POST", "/replays", REPLAY).await,
            ),
            (
                "portal-links",
                "id",
                with_key(world, &key, "POST", "/portal-links", "{}").await,
            ),
            (
                "inboxes",
                "id",
                with_key(world, &key, "POST", "/inboxes", "{}").await,
            ),
            (
                "keys",
                "id",
                with_key(
                    world,
                    &key,
                    "POST",
                    "/keys",
                    r#"{"scopes":["events:read"]}"#,
                )
                .await,
            ),
        ];
        let mut ids = BTreeMap::from([("tenants", "acme".to_owned())]);
        for (collection, name, answer) in made {
            assert!(answer.status.is_success(), "{collection}: {}", answer.text);
            ids.insert(collection, answer.body[name].as_str().unwrap().to_owned());
        }
        world.settle().await;
        let list = with_key(world, &key, "GET", "/deliveries", "").await;
        let delivery = list.body["data"][0]["id"].as_str().unwrap().to_owned();
        ids.insert("deliveries", delivery);
        ids.insert("", ids["subscriptions"].clone());
        Self { key, ids: Ids(ids) }
    }

    /// All that it sees of its own.
    async fn sees(&self, world: &World, routes: &[Route]) -> Vec<String> {
        let mut seen = Vec::new();
        for route in routes {
            let read = route.method == "GET" && route.asks.is_some();
            // Reading a secret is told in the log.
            let same = !is_stream(&route.path) && route.path != "/audit";
            if read && same && route.asks != Some(vec![PLATFORMS.to_owned()]) {
                let path = self.ids.fill(&route.path);
                let answer = with_key(world, &self.key, "GET", &path, "").await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text);
                seen.push(format!("{path} {}", answer.text));
            }
        }
        seen
    }
}

const EVENT: &str = r#"{"type":"acme.made","data":1}"#;
const REPLAY: &str = r#"{"since":"2026-11-21T20:00:00Z","until":"2026-11-21T20:30:00Z"}"#;

fn is_stream(path: &str) -> bool {
    path.ends_with("/stream")
}

async fn with_key(world: &World, key: &str, method: &str, path: &str, body: &str) -> Answered {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let body = Body::from(body.to_owned());
    world.send(request(method, path, &headers, body)).await
}

/// What a route is sent.
fn body(route: &Route) -> &'static str {
    let own = BODIES
        .iter()
        .find(|(method, path, _)| (*method, *path) == (&route.method, &route.path));
    match route.method.as_str() {
        "GET" | "DELETE" => "",
        _ => own.map_or("{}", |(_, _, body)| body),
    }
}

/// All that may be told from an answer, but for the name of its request.
fn told(answer: &Answered) -> (StatusCode, HeaderMap, &str) {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    (answer.status, headers, &answer.text)
}

#[tokio::test(start_paused = true)]
async fn another_tenants_id_is_answered_like_one_that_is_missing_on_every_route() {
    let world = World::new().await;
    let owner = Owner::new(&world).await;
    let routes = routes(&world).await;
    let before = owner.sees(&world, &routes).await;
    assert!(before.len() > 15, "{before:?}");
    assert_eq!(
        world.post("/tenants", r#"{"id":"other"}"#).await.status,
        201
    );
    let others = world.key("other", r#"["*"]"#).await;
    let missing = Ids::missing();
    let mut tried = 0;
    for route in &routes {
        let (method, path) = (route.method.as_str(), route.path.as_str());
        let platforms = route.asks == Some(vec![PLATFORMS.to_owned()]);
        let open = route.asks.is_none();
        if !path.contains('{') || open || platforms || MAKES.contains(&(method, path)) {
            continue;
        }
        for key in [others.as_str(), PLATFORM_KEY] {
            let (there, nowhere) = (owner.ids.fill(path), missing.fill(path));
            let anothers = with_key(&world, key, method, &there, body(route)).await;
            assert_eq!(
                anothers.status, 404,
                "{method} {path}: {}; a body that leads to the look-up goes into BODIES",
                anothers.text
            );
            let nobodys = with_key(&world, key, method, &nowhere, body(route)).await;
            assert_eq!(told(&anothers), told(&nobodys), "{method} {path}");
        }
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    for (method, path) in MAKES {
        let made = with_key(&world, &others, method, &owner.ids.fill(path), "{}").await;
        assert!(made.status.is_success(), "{method} {path}: {}", made.text);
    }
    assert_eq!(
        owner.sees(&world, &routes).await,
        before,
        "nothing of it changed"
    );
}

#[tokio::test(start_paused = true)]
async fn another_tenants_id_in_a_body_or_a_query_is_like_one_that_is_missing() {
    let world = World::new().await;
    let owner = Owner::new(&world).await;
    let others = world.key("default", r#"["*"]"#).await;
    let own = world.post("/events", EVENT).await;
    let again = format!("/events/{}/redeliver", own.body["id"].as_str().unwrap());
    let missing = Ids::missing();
    let window = json!({"since": "2026-11-21T20:00:00Z", "until": "2026-11-21T20:30:00Z"});
    let of = |ids: &Ids| {
        let (to, event) = (ids.0["subscriptions"].clone(), ids.0["events"].clone());
        let mut replay = window.clone();
        replay["subscriptions"] = json!([to]);
        [
            (
                "POST",
                "/events".to_owned(),
                json!({"type": "a", "data": 1, "subscriptions": [to]}),
            ),
            ("POST", again.clone(), json!({"subscriptions": [to]})),
            ("POST", "/replays".to_owned(), replay),
            (
                "POST",
                "/deliveries/redeliver".to_owned(),
                json!({"subscription": to}),
            ),
            (
                "POST",
                "/deliveries/redeliver".to_owned(),
                json!({"event": event}),
            ),
            (
                "POST",
                "/deliveries/discard".to_owned(),
                json!({"subscription": to}),
            ),
            ("GET", format!("/deliveries?subscription={to}"), Value::Null),
            ("GET", format!("/deliveries?event={event}"), Value::Null),
        ]
    };
    for (there, nowhere) in of(&owner.ids).into_iter().zip(of(&missing)) {
        let mut answers = Vec::new();
        for ((method, path, body), ids) in [(&there, &owner.ids), (&nowhere, &missing)] {
            let text = if body.is_null() {
                String::new()
            } else {
                body.to_string()
            };
            let answer = with_key(&world, &others, method, path, &text).await;
            let mut said = answer.text.clone();
            for id in ids.0.values().filter(|id| id.contains('_')) {
                said = said.replace(id.as_str(), "[id]");
            }
            answers.push((answer.status, said));
        }
        assert_eq!(answers[0], answers[1], "{there:?}");
    }
}

/// The status alone: a stream has no end.
async fn status(world: &World, key: &str, route: &Route, path: &str) -> StatusCode {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    let request = request(&route.method, path, &headers, body(route));
    world
        .router
        .clone()
        .oneshot(request)
        .await
        .unwrap()
        .status()
}

#[tokio::test(start_paused = true)]
async fn every_route_needs_the_scope_that_the_document_says_and_no_other() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for scope in SCOPES {
        let key = world.key("default", &format!(r#"["{scope}"]"#)).await;
        keys.push((*scope, key));
    }
    let platforms = r#"{"scopes":["tenants:manage"],"platform":true}"#;
    let platforms = world.post("/keys", platforms).await;
    keys.push((
        PLATFORMS,
        platforms.body["key"].as_str().unwrap().to_owned(),
    ));
    let missing = Ids::missing();
    for route in routes(&world).await {
        let Some(scopes) = &route.asks else { continue };
        let (method, path) = (&route.method, missing.fill(&route.path));
        for (scope, key) in &keys {
            if scopes.is_empty() || scopes.iter().any(|one| one == scope) {
                let status = status(&world, key, &route, &path).await;
                let refused = matches!(status.as_u16(), 401 | 403 | 429 | 500..);
                assert!(!refused, "{method} {path} with {scope}: {status}");
                continue;
            }
            let answer = with_key(&world, key, method, &path, body(&route)).await;
            let seen = (answer.status.as_u16(), answer.problem().0);
            assert_eq!(
                seen,
                (403, "insufficient-scope"),
                "{method} {path} with {scope}"
            );
            assert_eq!(answer.body["required_scope"], scopes[0], "{method} {path}");
            assert!(!answer.text.contains(scope), "{}", answer.text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_scopes_of_the_routes_are_the_contracts() {
    let world = World::new().await;
    let routes = routes(&world).await;
    let lines = routes.iter().map(|route| {
        let asks = match &route.asks {
            None => "no key".to_owned(),
            Some(scopes) if scopes.is_empty() => "any key".to_owned(),
            Some(scopes) => scopes.join(" "),
        };
        let path = if route.path.is_empty() {
            "/"
        } else {
            &route.path
        };
        format!("{asks}: {} {path}", route.method)
    });
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @"
    any key: POST /dashboard-links
    any key: POST /verify
    deliveries:read: GET /deliveries
    deliveries:read: GET /deliveries/audit
    deliveries:read: GET /deliveries/stream
    deliveries:read: GET /deliveries/{id}
    deliveries:read: GET /deliveries/{id}/attempts
    deliveries:read: GET /events/{id}/deliveries
    deliveries:read: GET /replays
    deliveries:read: GET /replays/{id}
    deliveries:read: GET /stats
    deliveries:read: GET /subscriptions/{id}/stats
    deliveries:write: DELETE /replays/{id}
    deliveries:write: POST /deliveries/discard
    deliveries:write: POST /deliveries/redeliver
    deliveries:write: POST /deliveries/{id}/discard
    deliveries:write: POST /deliveries/{id}/redeliver
    deliveries:write: POST /events/{id}/redeliver
    deliveries:write: POST /replays
    event-types:write: DELETE /event-types/{type}
    event-types:write: POST /event-types
    event-types:write: PUT /event-types/{type}
    event-types:write: PUT /event-types/{type}/versions/{version}
    events:publish: POST /events
    events:publish: POST /events/batch
    events:read: GET /event-types
    events:read: GET /event-types/{type}
    events:read: GET /events
    events:read: GET /events/stream
    events:read: GET /events/{id}
    events:read: GET /events/{id}/matches
    keys:manage: DELETE /keys/{id}
    keys:manage: GET /audit
    keys:manage: GET /keys
    keys:manage: POST /keys
    no key: GET //docs
    no key: GET //healthz
    no key: GET //metrics
    no key: GET //openapi.json
    no key: GET //readyz
    no key: POST //inbox/{token}
    portal:create: DELETE /portal-links/{id}
    portal:create: GET /portal-links
    portal:create: POST /portal-links
    subscriptions:read: GET /
    subscriptions:read: GET /inboxes
    subscriptions:read: GET /inboxes/{id}
    subscriptions:read: GET /inboxes/{id}/requests
    subscriptions:read: GET /inboxes/{id}/requests/stream
    subscriptions:read: GET /subscriptions
    subscriptions:read: GET /subscriptions/{id}
    subscriptions:read: GET /subscriptions/{id}/public-keys
    subscriptions:read: POST /subscriptions/filter-test
    subscriptions:write: DELETE /inboxes/{id}
    subscriptions:write: DELETE /subscriptions/{id}
    subscriptions:write: DELETE /{webhook_id}
    subscriptions:write: GET /subscriptions/{id}/secret
    subscriptions:write: PATCH /inboxes/{id}
    subscriptions:write: PATCH /subscriptions/{id}
    subscriptions:write: POST /
    subscriptions:write: POST /inboxes
    subscriptions:write: POST /subscriptions
    subscriptions:write: POST /subscriptions/{id}/pause
    subscriptions:write: POST /subscriptions/{id}/resume
    subscriptions:write: POST /subscriptions/{id}/rotate-secret
    subscriptions:write: POST /subscriptions/{id}/test
    subscriptions:write: POST /{webhook_id}/test
    tenants:manage: DELETE /tenants/{tenant}
    tenants:manage: GET /tenants
    tenants:manage: GET /tenants/{tenant}
    tenants:manage: PATCH /tenants/{tenant}
    tenants:manage: POST /tenants
    ");
}
