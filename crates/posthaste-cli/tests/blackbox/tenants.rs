//! Tenants from outside: their limits, and their end while everything is under way.

use std::{sync::mpsc, thread};

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    cli::{check, lines},
    server::{Launch, Server},
    sink::Sink,
    wait::{SOON, until},
};

fn key_of(server: &Server, tenant: &str) -> String {
    let platform = server.client().with("posthaste-tenant", tenant);
    let made = platform.post("/keys", &json!({"scopes": ["*"]}), 201);
    text(&made, "key")
}

#[test]
fn a_rate_is_set_and_taken_away_from_the_command_line() {
    let server = Server::start();
    let create = [
        "--json",
        "tenants",
        "create",
        "acme",
        "--events-per-s",
        "0.5",
        "--subscriptions",
        "1",
    ];
    let made = lines(&check(&server, &create, "", 0)).remove(0);
    assert_eq!(made["limits"]["events_per_s"], json!(0.5));
    assert_eq!(made["limits"]["subscriptions"], json!(1));
    let client = server.stranger().with_key(&key_of(&server, "acme"));
    let event = json!({"type": "a.b", "data": 1});
    client.post("/events", &event, 202);
    let refused = client.call("POST", "/events", &event);
    let seen = (refused.status, refused.problem());
    assert_eq!(seen, (429, "rate-limited".to_owned()));
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    assert_eq!(client.list("/events").len(), 1);
    let update = ["tenants", "update", "acme", "--events-per-s", "none"];
    check(&server, &update, "", 0);
    for _ in 0..5 {
        client.post("/events", &event, 202);
    }
    check(
        &server,
        &["tenants", "update", "acme", "--events-per-s", "0"],
        "",
        1,
    );
    check(
        &server,
        &["tenants", "update", "acme", "--subscriptions", "x"],
        "",
        2,
    );
}

#[test]
fn a_tenant_is_deleted_from_the_command_line_with_a_word_for_it() {
    let server = Server::start();
    check(&server, &["tenants", "create", "acme"], "", 0);
    check(&server, &["tenants", "delete", "acme"], "acme\n", 2);
    server.client().get("/tenants/acme");
    let said = check(&server, &["tenants", "delete", "acme", "--yes"], "", 0);
    assert_eq!(said, "acme is deleted\n");
    check(&server, &["tenants", "delete", "acme", "--yes"], "", 1);
    check(&server, &["tenants", "delete", "default", "--yes"], "", 1);
}

/// A server with a tenant `acme` that has delivered, waiting and held deliveries, and its key.
fn with_acme(sink: &Sink) -> (Server, String) {
    let server = Launch::new().start();
    server
        .client()
        .post("/tenants", &json!({"id": "acme"}), 201);
    let key = key_of(&server, "acme");
    let client = server.stranger().with_key(&key);
    client.subscribe(&sink.url(), json!({}));
    let held = id(&client.subscribe(&sink.at("/held"), json!({})));
    client.post(&format!("/subscriptions/{held}/pause"), &Value::Null, 200);
    // Nobody listens there: it is tried again later.
    client.subscribe("http://127.0.0.1:8999/down", json!({}));
    for n in 0..20 {
        client.publish("a.b", json!(n));
    }
    sink.wait_for(20);
    (server, key)
}

#[test]
fn a_deleted_tenant_is_gone_at_once_and_its_id_is_free_again_soon() {
    let sink = Sink::start();
    let (server, key) = with_acme(&sink);
    let platform = server.client();
    platform.publish("a.b", json!("stays"));
    let deleted = platform.call("DELETE", "/tenants/acme", &Value::Null);
    assert_eq!(deleted.status, 204, "{}", deleted.text());
    let client = server.stranger().with_key(&key);
    assert_eq!(client.call("GET", "/events", &Value::Null).status, 401);
    for method in ["GET", "DELETE"] {
        let answer = platform.call(method, "/tenants/acme", &Value::Null);
        assert_eq!(answer.status, 404, "{method}");
    }
    let there = platform.with("posthaste-tenant", "acme");
    assert_eq!(there.call("GET", "/events", &Value::Null).status, 404);
    until("its id is free", SOON, || {
        let made = server
            .client()
            .call("POST", "/tenants", &json!({"id": "acme"}));
        let says_why = made.text().contains("was deleted");
        assert!(
            made.status == 201 || (made.status == 409 && says_why),
            "{}",
            made.text()
        );
        (made.status == 201).then_some(())
    });
    for path in ["/events", "/deliveries", "/subscriptions", "/replays"] {
        let there = server.client().with("posthaste-tenant", "acme");
        assert!(there.list(path).is_empty(), "{path}");
    }
    assert_eq!(
        server.client().list("/events").len(),
        1,
        "another tenant's stays"
    );
    assert_eq!(sink.count(), 20, "what waited was not sent");
}

#[test]
fn a_removal_goes_on_after_a_crash() {
    let sink = Sink::start();
    let (server, key) = with_acme(&sink);
    let deleted = server
        .client()
        .call("DELETE", "/tenants/acme", &Value::Null);
    assert_eq!(deleted.status, 204);
    let server = server.kill().start();
    let client = server.stranger().with_key(&key);
    assert_eq!(client.call("GET", "/events", &Value::Null).status, 401);
    until("its id is free", SOON, || {
        let made = server
            .client()
            .call("POST", "/tenants", &json!({"id": "acme"}));
        (made.status == 201).then_some(())
    });
    let there = server.client().with("posthaste-tenant", "acme");
    assert!(there.list("/deliveries").is_empty());
    assert_eq!(sink.count(), 20, "what waited was not sent");
}

#[test]
fn a_publish_that_races_a_deletion_is_a_202_or_a_404_and_leaves_nothing() {
    let server = Server::start();
    let (published, first) = mpsc::channel();
    server
        .client()
        .post("/tenants", &json!({"id": "acme"}), 201);
    let publishers: Vec<_> = (0..4)
        .map(|_| {
            let (client, published) = (
                server.client().with("posthaste-tenant", "acme"),
                published.clone(),
            );
            thread::spawn(move || {
                loop {
                    let answer = client.call("POST", "/events", &json!({"type": "a", "data": 1}));
                    assert!([202, 404].contains(&answer.status), "{}", answer.text());
                    published.send(()).ok();
                    if answer.status == 404 {
                        return;
                    }
                }
            })
        })
        .collect();
    first.iter().take(20).for_each(drop);
    let deleted = server
        .client()
        .call("DELETE", "/tenants/acme", &Value::Null);
    assert_eq!(deleted.status, 204);
    for publisher in publishers {
        publisher.join().unwrap();
    }
    until("its id is free", SOON, || {
        let made = server
            .client()
            .call("POST", "/tenants", &json!({"id": "acme"}));
        (made.status == 201).then_some(())
    });
    let there = server.client().with("posthaste-tenant", "acme");
    assert!(there.list("/events").is_empty());
}
