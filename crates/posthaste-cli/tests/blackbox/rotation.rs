//! A new secret, with the old one beside it for a while.

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    server::Server,
    signature::{PT, STANDARD, X_WEBHOOK, X_WEBHOOK_NEXT, assert_signed, signed_with},
    sink::Sink,
};

#[test]
fn both_secrets_sign_during_the_overlap() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let subscription = client.subscribe(&sink.url(), json!({}));
    let (path, old) = (
        format!("/subscriptions/{}", id(&subscription)),
        text(&subscription, "secret"),
    );
    let rotated = client.post(
        &format!("{path}/rotate-secret"),
        &json!({"overlap_s": 3600}),
        200,
    );
    let new = text(&rotated, "secret");
    assert!(
        rotated["previous_valid_until"].is_string() && new != old,
        "{rotated}"
    );
    client.publish("a.b", json!(1));
    let arrival = sink.wait_for(1).remove(0);
    assert_eq!(signed_with(&arrival, &old), [STANDARD, PT, X_WEBHOOK]);
    assert_eq!(signed_with(&arrival, &new), [STANDARD, PT, X_WEBHOOK_NEXT]);
    assert_eq!(
        client.get(&format!("{path}/secret")),
        json!({"secret": new})
    );
    client.post(&format!("{path}/rotate-secret"), &Value::Null, 409);

    let server = server.kill().start();
    server.client().publish("a.b", json!(2));
    let arrival = sink.wait_for(2).remove(1);
    assert_eq!(signed_with(&arrival, &old), [STANDARD, PT, X_WEBHOOK]);
}

#[test]
fn without_an_overlap_the_new_secret_signs_alone_and_may_be_ones_own() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let path = format!(
        "/subscriptions/{}",
        id(&client.subscribe(&sink.url(), json!({})))
    );
    let own = json!({"overlap_s": 0, "secret": "a secret of one's own"});
    let rotated = client.post(&format!("{path}/rotate-secret"), &own, 200);
    assert_eq!(rotated["secret"], own["secret"]);
    client.publish("a.b", json!(1));
    assert_signed(&sink.wait_for(1)[0], "a secret of one's own");
    for bad in [
        json!({"secret": "short"}),
        json!({"overlap_s": 604_801}),
        json!({"overlap_s": -1}),
        json!({"x": 1}),
    ] {
        client.post(&format!("{path}/rotate-secret"), &bad, 422);
    }
}

#[test]
fn a_secret_is_shown_when_it_is_made_and_when_it_is_asked_for_and_nowhere_else() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let subscription = client.subscribe(&sink.url(), json!({}));
    let (path, secret) = (
        format!("/subscriptions/{}", id(&subscription)),
        text(&subscription, "secret"),
    );
    client.publish("a.b", json!(1));
    sink.wait_for(1);
    let bare = secret.trim_start_matches("whsec_");
    for seen in [
        client.get(&path).to_string(),
        client.get("/subscriptions").to_string(),
        client.get("").to_string(),
        client
            .patch(&path, &json!({"description": "x"}))
            .to_string(),
        client
            .post(&format!("{path}/pause"), &Value::Null, 200)
            .to_string(),
        client.get("/deliveries").to_string(),
        server.stranger().send("GET", "/metrics", b"").text(),
        server.said(),
    ] {
        assert!(!seen.contains(bare), "{seen}");
    }
    assert_eq!(
        client.get(&format!("{path}/secret")),
        json!({"secret": secret})
    );
}
