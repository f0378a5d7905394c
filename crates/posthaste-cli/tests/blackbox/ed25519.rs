//! Signatures that a receiver checks without holding a secret. `tests/python` verifies them with
//! another's cryptography; here they meet the product's own doors.

use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::{ADMIN_KEY, Server, posthaste},
    signature::{STANDARD, signed_with},
    sink::{Arrival, Sink},
};

fn members() -> Value {
    json!({"algorithm": "ed25519", "schemes": ["standard"]})
}

/// What `POST /verify` says of an arrival under a key.
#[track_caller]
fn verify(client: &Client, key: &str, arrival: &Arrival, body: &str) -> Value {
    let names = ["webhook-id", "webhook-timestamp", STANDARD];
    let headers = names.map(|name| (name, arrival.header(name).expect("it is signed")));
    let headers: std::collections::HashMap<_, _> = headers.into();
    let body = json!({"scheme": "standard", "secret": key, "headers": headers, "body": body});
    client.post("/verify", &body, 200)
}

fn entries(arrival: &Arrival) -> Vec<&str> {
    let header = arrival.header(STANDARD).expect("it is signed");
    header
        .split(' ')
        .map(|entry| entry.split_once(',').expect("two parts").0)
        .collect()
}

#[test]
fn a_public_key_verifies_what_arrives_and_nothing_else() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let made = client.subscribe(&sink.url(), members());
    let path = format!("/subscriptions/{}", id(&made));
    let key = text(&client.get(&format!("{path}/secret")), "public_key");
    assert_eq!(
        client.get(&format!("{path}/public-keys"))["data"][0]["public_key"],
        key
    );
    client.publish("a.b", json!({"n": 1}));
    let arrival = sink.wait_for(1).remove(0);
    assert_eq!(entries(&arrival), ["v1a"]);
    for other in ["x-pt-signature", "x-webhook-signature"] {
        assert_eq!(arrival.header(other), None);
    }
    assert_eq!(
        verify(&client, &key, &arrival, &arrival.text())["valid"],
        true
    );
    let changed = verify(&client, &key, &arrival, "{}");
    assert_eq!(changed["valid"], false, "{changed}");
    let other = client.subscribe(&sink.url(), members());
    let path = format!("/subscriptions/{}/public-keys", id(&other));
    let other = text(&client.get(&path)["data"][0], "public_key");
    assert_eq!(
        verify(&client, &other, &arrival, &arrival.text())["valid"],
        false
    );
}

#[test]
fn both_keys_sign_during_a_rotation_the_newest_first() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let made = client.subscribe(&sink.url(), members());
    let path = format!("/subscriptions/{}", id(&made));
    client.post(
        &format!("{path}/rotate-secret"),
        &json!({"overlap_s": 3600}),
        200,
    );
    client.publish("a.b", json!(1));
    let arrival = sink.wait_for(1).remove(0);
    assert_eq!(entries(&arrival), ["v1a", "v1a"]);
    let keys = client.get(&format!("{path}/public-keys"));
    assert_eq!(
        (&keys["data"][0]["current"], &keys["data"][1]["current"]),
        (&json!(true), &json!(false))
    );
    assert!(keys["data"][1]["valid_until"].is_string(), "{keys}");
    for key in keys["data"].as_array().expect("a list") {
        let key = text(key, "public_key");
        assert_eq!(
            verify(&client, &key, &arrival, &arrival.text())["valid"],
            true
        );
    }
}

#[test]
fn a_receiver_has_a_day_to_follow_from_a_shared_secret_to_a_key() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let made = client.subscribe(&sink.url(), json!({"schemes": ["standard"]}));
    let path = format!("/subscriptions/{}", id(&made));
    client.patch(&path, &json!({"algorithm": "ed25519"}));
    client.publish("a.b", json!(1));
    let arrival = sink.wait_for(1).remove(0);
    assert_eq!(entries(&arrival), ["v1a", "v1"]);
    assert_eq!(signed_with(&arrival, &text(&made, "secret")), [STANDARD]);
    let key = text(&client.get(&format!("{path}/secret")), "public_key");
    assert_eq!(
        verify(&client, &key, &arrival, &arrival.text())["valid"],
        true
    );
}

#[test]
fn the_command_line_makes_shows_and_verifies_keys() {
    let (server, sink) = (Server::start(), Sink::start());
    let run = |arguments: &[&str]| {
        let mut command = posthaste();
        command.args(arguments).args(["--json"]);
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice::<Value>(&output.stdout).expect("a JSON line")
    };
    let (at, key) = (server.url(), ["--key", ADMIN_KEY]);
    let asked =
        |more: &[&str]| run(&[&["subscriptions"], more, &["--server", &at], &key[..]].concat());
    let made = asked(&[
        "create",
        &sink.url(),
        "--schemes",
        "standard",
        "--algorithm",
        "ed25519",
    ]);
    let public = text(&asked(&["public-keys", &id(&made)]), "public_key");
    server.client().publish("a.b", json!(1));
    let arrival = sink.wait_for(1).remove(0);
    let names = ["webhook-id", "webhook-timestamp", STANDARD];
    let headers = names.map(|name| format!("{name}: {}", arrival.header(name).expect("signed")));
    let [id, timestamp, signature] = headers.each_ref().map(String::as_str);
    let verified = run(&[
        "verify",
        "--secret",
        &public,
        "-H",
        id,
        "-H",
        timestamp,
        "-H",
        signature,
        "--body",
        &arrival.text(),
    ]);
    assert_eq!(verified["valid"], true, "{verified}");
}
