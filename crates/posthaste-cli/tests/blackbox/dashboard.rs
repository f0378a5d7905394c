//! Signing in to the dashboard from outside, byte for byte.

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::{Answer, Client},
    server::{ADMIN_KEY, Launch, Server, posthaste},
};

pub const FORM: &str = "application/x-www-form-urlencoded";
const SIGN_IN: &str = "/dashboard/sign-in";
const HOME: &str = "/dashboard/tenants/default";

impl Client {
    #[track_caller]
    pub fn page(&self, path: &str) -> Answer {
        self.send("GET", path, b"")
    }

    #[track_caller]
    pub fn form(&self, path: &str, body: &str) -> Answer {
        let client = self.with("content-type", FORM);
        client.send("POST", path, body.as_bytes())
    }
}

/// The token that a page's forms carry.
#[track_caller]
pub fn csrf(page: &Answer) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("data-csrf=\"").expect("a token");
    rest.split('"').next().expect("its end").to_owned()
}

fn signed_in(server: &Server, key: &str) -> Client {
    let answer = server.stranger().form(SIGN_IN, &format!("key={key}"));
    assert_eq!(answer.status, 303, "{}", answer.text());
    let cookie = answer.header("set-cookie").expect("a cookie");
    assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().expect("its value");
    server.stranger().with("cookie", cookie)
}

#[test]
fn nobody_sees_a_page_without_a_session_and_a_revoked_key_ends_one_at_once() {
    let server = Launch::new().in_production().start();
    for path in ["/dashboard", HOME, "/dashboard/tenants/default/deliveries"] {
        let answer = server.stranger().page(path);
        assert_eq!(answer.status, 303, "{path}");
        let to = answer.header("location").expect("a place");
        assert!(to.starts_with(SIGN_IN), "{to}");
    }
    let wrong = server.stranger().form(SIGN_IN, "key=pst_wrong");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (422, None));
    let admin = server.client();
    let made = admin.post("/keys", &json!({"scopes": ["deliveries:read"]}), 201);
    let viewer = signed_in(&server, &text(&made, "key"));
    let page = viewer.page("/dashboard/tenants/default/deliveries");
    assert_eq!(page.status, 200, "{}", page.text());
    for (name, value) in [
        ("cache-control", "no-store"),
        ("vary", "cookie"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    assert_eq!(viewer.page("/dashboard/tenants/default/keys").status, 403);
    assert_eq!(viewer.page("/dashboard/tenants/other").status, 404);
    admin.delete(&format!("/keys/{}", id(&made)), 204);
    assert_eq!(viewer.page(HOME).status, 303);
}

#[test]
fn a_form_without_its_sessions_token_changes_nothing() {
    let server = Server::start();
    let made = server
        .client()
        .subscribe("https://example.com/hook", json!({}));
    let [one, other] = [(); 2].map(|()| signed_in(&server, ADMIN_KEY));
    let path = format!("{HOME}/subscriptions/{}/pause", id(&made));
    let token = csrf(&one.page(HOME));
    assert_eq!(one.form(&path, "").status, 403);
    assert_eq!(other.form(&path, &format!("csrf={token}")).status, 403);
    let cross = one.with("sec-fetch-site", "cross-site");
    assert_eq!(cross.form(&path, &format!("csrf={token}")).status, 403);
    let seen = server.client().subscription(&id(&made));
    assert_eq!(seen["status"], "active");
    assert_eq!(one.form(&path, &format!("csrf={token}")).status, 303);
    let seen = server.client().subscription(&id(&made));
    assert_eq!(seen["status"], "paused");
}

#[test]
fn sixty_wrong_keys_at_both_doors_are_one_too_many_for_the_next() {
    let server = Launch::new().in_production().start();
    let stranger = server.stranger();
    let at_the_form = || stranger.form(SIGN_IN, "key=pst_x");
    let at_the_api = || {
        let guess = stranger.with_key("pst_y");
        guess.call("GET", "/events", &Value::Null)
    };
    for _ in 0..30 {
        assert_eq!((at_the_form().status, at_the_api().status), (422, 401));
    }
    // One is forgiven a second.
    let mut answers = std::iter::repeat_with(at_the_form).take(60);
    let waits = answers.find(|answer| answer.status == 429);
    let waits = waits.expect("as many as may be, and some");
    assert!(waits.header("retry-after").is_some());
    let mut answers = std::iter::repeat_with(at_the_api).take(60);
    assert!(answers.any(|answer| answer.status == 429));
    signed_in(&server, ADMIN_KEY);
}

#[test]
fn the_command_prints_a_link_that_signs_in_once() {
    let server = Launch::new().in_production().start();
    let output = posthaste()
        .args(["dashboard", "--server", &server.url(), "--key", ADMIN_KEY])
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert!(output.status.success(), "{output:?}");
    let path = said.strip_prefix(&server.url()).expect("a link of it");
    assert!(path.starts_with("/dashboard/sign-in/psl_"), "{path}");
    for _ in 0..2 {
        assert_eq!(server.stranger().page(path).status, 200, "to look at");
    }
    let opened = server.stranger().form(path, "");
    assert_eq!(opened.header("location"), Some("/dashboard"));
    assert_eq!(server.stranger().form(path, "").status, 422, "once");
    let token = path.rsplit('/').next().expect("a token");
    assert!(!server.said().contains(token), "a token in the log");
}

#[test]
fn in_development_this_machine_is_signed_in_by_its_own_names_alone() {
    let server = Server::start();
    let ask = |host: &str, more: &str| {
        let request = format!("GET {SIGN_IN} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n");
        let answer = server.stranger().raw(request.as_bytes());
        answer.header("set-cookie").is_some()
    };
    let port = server.address.port();
    assert!(ask(&format!("127.0.0.1:{port}"), ""));
    assert!(ask(&format!("localhost:{port}"), ""));
    assert!(!ask(&format!("rebound.example:{port}"), ""));
    assert!(!ask("127.0.0.1", "x-forwarded-for: 192.0.2.1\r\n"));
    let strict = Launch::new().in_production().start();
    let answer = strict.stranger().page(SIGN_IN);
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
}
