//! What a later issue brings shows its default now, and says plainly that it is not there yet.

use serde_json::{Value, json};

use crate::{api::id, server::Server};

const URL: &str = "http://127.0.0.1:8999/hook";

#[test]
fn members_that_are_to_come_take_their_default_alone() {
    let server = Server::start();
    let client = server.client();
    let path = format!("/subscriptions/{}", id(&client.subscribe(URL, json!({}))));
    for (member, default, other) in [
        ("headers", json!({}), json!({"x-a": "b"})),
        ("auth", Value::Null, json!({"bearer": "t"})),
        ("tls", Value::Null, json!({"ca_pem": "x"})),
    ] {
        client.patch(&path, &json!({member: default}));
        for answer in [
            client.call("PATCH", &path, &json!({member: other})),
            client.call(
                "POST",
                "/subscriptions",
                &json!({"url": URL, member: other}),
            ),
        ] {
            let seen = (answer.status, answer.problem());
            assert_eq!(
                seen,
                (422, "not-available-yet".to_owned()),
                "{member}: {}",
                answer.text()
            );
        }
    }
    let ed25519 = json!({"url": URL, "schemes": ["standard"], "algorithm": "ed25519"});
    assert_eq!(
        client.call("POST", "/subscriptions", &ed25519).problem(),
        "not-available-yet"
    );
    assert_eq!(client.list("/subscriptions").len(), 1);
}

#[test]
fn routes_that_are_to_come_are_not_found() {
    let server = Server::start();
    let client = server.client();
    for (method, path) in [("GET", "/inboxes"), ("POST", "/portal-links")] {
        let answer = client.call(method, path, &Value::Null);
        let seen = (answer.status, answer.problem());
        assert_eq!(seen, (404, "not-found".to_owned()), "{method} {path}");
    }
}
