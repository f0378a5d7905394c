//! One key makes one event, however many clients race.

use std::{collections::BTreeSet, sync::Barrier, thread::ScopedJoinHandle};

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

/// So many who publish under one key at the same moment.
#[track_caller]
fn race(client: &Client, clients: usize) -> Vec<Answer> {
    let start = Barrier::new(clients);
    let racer = || {
        start.wait();
        publish(client, "race", r#"{"type":"a.b","data":1}"#)
    };
    std::thread::scope(|scope| {
        let racing: Vec<_> = (0..clients).map(|_| scope.spawn(racer)).collect();
        let answers = racing.into_iter().map(ScopedJoinHandle::join);
        answers
            .map(|answer| answer.expect("no racer panics"))
            .collect()
    })
}

/// One event, which all are told of, all but one as a repetition.
#[track_caller]
fn check_one_event(client: &Client, answers: &[Answer]) -> String {
    let ids = answers.iter().map(|answer| id(&answer.expect(202)));
    let ids: BTreeSet<String> = ids.collect();
    assert_eq!(ids.len(), 1);
    let replayed = answers.iter().filter(|answer| is_replayed(answer));
    assert_eq!(replayed.count(), answers.len() - 1);
    assert_eq!(client.list("/events").len(), 1);
    ids.into_iter().next().expect("there is one")
}

#[test]
fn a_hundred_racing_clients_make_one_event() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    let answers = race(&client, 100);
    check_one_event(&client, &answers);
    client.delivery_when(&client.delivery_of(&answers[0].json()), "delivered");
    assert_eq!(sink.arrivals().len(), 1);
}

#[test]
fn a_thousand_racing_clients_make_one_event_which_a_crash_and_another_tenant_leave_alone() {
    let server = Server::start();
    let client = server.client();
    client.post("/tenants", &json!({"id": "other"}), 201);
    let first = check_one_event(&client, &race(&client, 1000));
    let server = server.kill().start();
    let client = server.client();
    let again = race(&client, 100);
    assert!(again.iter().all(is_replayed));
    assert!(again.iter().all(|answer| id(&answer.expect(202)) == first));
    let other = client.with("posthaste-tenant", "other");
    let theirs = check_one_event(&other, &race(&other, 100));
    assert_ne!(theirs, first);
    assert_eq!(client.list("/events").len(), 1);
}
