//! One key makes one event, however many clients race.

use std::{collections::BTreeSet, sync::Barrier};

use serde_json::json;

use crate::{
    api::{BASE, id},
    http::{Answer, Client},
    server::Server,
    sink::Sink,
};

fn publish(client: &Client, key: &str, body: &str) -> Answer {
    let client = client.with("idempotency-key", key);
    client.send("POST", &format!("{BASE}/events"), body.as_bytes())
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

#[test]
fn the_same_key_answers_the_first_events_body_and_makes_no_second() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    let body = r#"{"type":"a.b","data":{"n":1}}"#;
    let first = publish(&client, "k-1", body);
    let again = publish(&client, "k-1", body);
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(again.text(), first.text());
    assert_eq!((is_replayed(&first), is_replayed(&again)), (false, true));
    assert_eq!(client.list("/events").len(), 1);

    let conflict = publish(&client, "k-1", r#"{"type":"a.b","data":{"n":1} }"#);
    assert_eq!(
        (conflict.status, conflict.problem().as_str()),
        (409, "idempotency-conflict")
    );
    let other = publish(&client, "k-2", body).expect(202);
    assert_ne!(id(&other), id(&first.json()));
    sink.wait_for(2);
    assert_eq!(client.list("/events").len(), 2);
}

#[test]
fn a_key_is_remembered_over_a_crash() {
    let server = Server::start();
    let body = r#"{"type":"a.b","data":1}"#;
    let first = publish(&server.client(), "k", body).expect(202);
    let server = server.kill().start();
    let again = publish(&server.client(), "k", body);
    assert!(is_replayed(&again));
    assert_eq!(again.expect(202), first);
}

#[test]
fn keys_of_two_tenants_are_independent() {
    let server = Server::start();
    let client = server.client();
    client.post("/tenants", &json!({"id": "other"}), 201);
    let body = r#"{"type":"a.b","data":1}"#;
    let ours = publish(&client, "k", body).expect(202);
    let theirs = publish(&client.with("posthaste-tenant", "other"), "k", body);
    assert!(!is_replayed(&theirs));
    assert_ne!(id(&theirs.expect(202)), id(&ours));
}

#[test]
fn a_hundred_racing_clients_make_one_event() {
    const CLIENTS: usize = 100;
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    let start = Barrier::new(CLIENTS);
    let race = || {
        start.wait();
        publish(&client, "race", r#"{"type":"a.b","data":1}"#)
    };
    let answers: Vec<_> = std::thread::scope(|scope| {
        let racing: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(race)).collect();
        racing
            .into_iter()
            .map(|racer| racer.join().expect("no racer panics"))
            .collect()
    });
    let ids: BTreeSet<_> = answers
        .iter()
        .map(|answer| id(&answer.expect(202)))
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(
        answers.iter().filter(|answer| is_replayed(answer)).count(),
        CLIENTS - 1
    );
    assert_eq!(client.list("/events").len(), 1);
    client.delivery_when(&client.delivery_of(&answers[0].json()), "delivered");
    assert_eq!(sink.arrivals().len(), 1);
}
