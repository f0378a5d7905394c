//! The portal from outside: a link's power, its tenant, its end, and its frames.

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    dashboard::csrf,
    http::Client,
    server::{Launch, Server},
};

struct Link {
    id: String,
    token: String,
}

impl Link {
    #[track_caller]
    fn of(client: &Client, body: &Value) -> Self {
        let made = client.post("/portal-links", body, 201);
        let url = text(&made, "url");
        let (_, token) = url.split_once("/portal/").expect("a token");
        let token = token.to_owned();
        let id = id(&made);
        Self { id, token }
    }

    fn path(&self, below: &str) -> String {
        format!("/portal/{}{below}", self.token)
    }
}

/// One who holds a key of a tenant of their own.
fn tenant(server: &Server, name: &str) -> Client {
    let admin = server.client();
    admin.post("/tenants", &json!({"id": name}), 201);
    let acting = admin.with("posthaste-tenant", name);
    let key = acting.post("/keys", &json!({"scopes": ["*"]}), 201);
    server.stranger().with_key(&text(&key, "key"))
}

#[test]
fn a_portal_token_opens_its_own_portal_alone() {
    let server = Launch::new().in_production().start();
    let (acme, beta) = (tenant(&server, "acme"), tenant(&server, "beta"));
    let link = Link::of(&acme, &json!({}));
    let guest = server.stranger();
    let (own, others) = (
        acme.subscribe("https://example.com/own", json!({})),
        beta.subscribe("https://example.com/others", json!({})),
    );
    let page = guest.page(&link.path(""));
    assert_eq!(page.status, 200, "{}", page.text());
    let shown = |made: &Value| guest.page(&link.path(&format!("/subscriptions/{}", id(made))));
    assert_eq!(shown(&own).status, 200);
    assert_eq!(shown(&others).status, 404);
    let pause = link.path(&format!("/subscriptions/{}/pause", id(&others)));
    let fields = format!("csrf={}", csrf(&page));
    assert_eq!(guest.form(&pause, &fields).status, 404);
    let pause = link.path(&format!("/subscriptions/{}/pause", id(&own)));
    assert_eq!(guest.form(&pause, &fields).status, 303);
    let log = acme.get(&format!("/audit?actor={}", link.id));
    assert_eq!(log["data"][0]["action"], "subscription.pause", "{log}");
    assert_eq!(log["data"][0]["actor"]["portal_link_id"], link.id);
    let bearer = guest.with_key(&link.token);
    for (method, path) in [
        ("GET", "/subscriptions"),
        ("POST", "/keys"),
        ("GET", "/tenants"),
    ] {
        let answer = bearer.call(method, path, &Value::Null);
        assert_eq!(
            (answer.status, answer.problem()),
            (403, "portal-alone".to_owned())
        );
    }
    let cookie = guest.with("cookie", &format!("posthaste-session={}", link.token));
    assert_eq!(cookie.page("/dashboard/tenants/acme").status, 303);
    beta.delete(&format!("/portal-links/{}", link.id), 404);
    acme.delete(&format!("/portal-links/{}", link.id), 204);
    let ended = guest.page(&link.path(""));
    assert_eq!(ended.status, 401);
    assert!(ended.text().contains("This link has ended"));
    assert_eq!(
        bearer.call("GET", "/subscriptions", &Value::Null).status,
        401
    );
    assert!(!server.said().contains(&link.token), "a token in the log");
}

#[test]
fn the_portal_refuses_what_may_not_be_a_target() {
    let server = Launch::new().in_production().start();
    let admin = server.client();
    let link = Link::of(&admin, &json!({}));
    let guest = server.stranger();
    let made = admin.subscribe("https://example.com/hook", json!({}));
    let fields = format!("csrf={}", csrf(&guest.page(&link.path(""))));
    let edit = format!("/subscriptions/{}/edit", id(&made));
    for bad in [
        "http://169.254.169.254/",
        "https://localhost/",
        "https://u:p@example.com/",
    ] {
        let url: String = url::form_urlencoded::byte_serialize(bad.as_bytes()).collect();
        for path in ["/subscriptions/new", &edit] {
            let answer = guest.form(&link.path(path), &format!("{fields}&url={url}"));
            assert_eq!(answer.status, 422, "{path} {bad}: {}", answer.text());
        }
    }
    assert_eq!(admin.list("/subscriptions").len(), 1);
    let seen = admin.subscription(&id(&made));
    assert_eq!(seen["url"], "https://example.com/hook");
}

#[test]
fn a_frame_is_for_the_origins_that_the_tenant_names() {
    let server = Launch::new()
        .in_production()
        .with("POSTHASTE_PUBLIC_URL", "https://hooks.example.com")
        .start();
    let admin = server.client();
    let made = admin.post("/portal-links", &json!({"read_only": true}), 201);
    let url = text(&made, "url");
    let path = url.strip_prefix("https://hooks.example.com");
    let path = path.expect("the public URL");
    let guest = server.stranger();
    let page = guest.page(path);
    let policy = |page: &crate::http::Answer| {
        let policy = page.header("content-security-policy").expect("a policy");
        policy.rsplit("; ").next().expect("its end").to_owned()
    };
    assert_eq!(policy(&page), "frame-ancestors 'none'");
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let origins = json!({"portal": {"origins": ["https://app.example.com"]}});
    admin.patch("/tenants/default", &origins);
    let page = guest.page(path);
    assert_eq!(policy(&page), "frame-ancestors https://app.example.com");
    assert_eq!(page.header("x-frame-options"), None);
    let made = admin.subscribe("https://example.com/hook", json!({}));
    let pause = format!("{path}/subscriptions/{}/pause", id(&made));
    let answer = guest.form(&pause, &format!("csrf={}", csrf(&page)));
    assert_eq!(answer.status, 403, "it is read-only");
}
