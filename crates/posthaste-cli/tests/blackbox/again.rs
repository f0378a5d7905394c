//! Again: dead letters redelivered or discarded in bulk, an event sent again, by API and commands.

use posthaste_receiver::Behaviour;
use serde_json::{Value, json};

use crate::{api::id, cli::check, http::Client, server::Server, sink::Sink};

const ONE_TRY: &str = "none";

/// A subscription whose deliveries are dead letters after one attempt.
fn to(client: &Client, url: &str) -> String {
    id(&client.subscribe(url, json!({"retry": ONE_TRY, "auto_pause_after": 0})))
}

/// So many dead letters of one subscription.
fn dead_letters(client: &Client, sink: &Sink, count: usize) -> String {
    sink.always(Behaviour::status(500));
    let to = to(client, &sink.url());
    for n in 0..count {
        client.publish("a.b", json!(n));
    }
    client.deliveries_when("status=failed", count);
    to
}

#[test]
fn dead_letters_go_out_again_in_the_order_they_came_and_arrive_under_their_events_ids() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let to = dead_letters(&client, &sink, 20);
    let first: Vec<String> = sink
        .wait_for(20)
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    sink.always(Behaviour::status(200));
    let filter = json!({"status": "failed", "subscription": to});
    let answer = client.post("/deliveries/redeliver", &filter, 202);
    assert_eq!(answer, json!({"redelivered": 20, "already_waiting": 0}));
    let mut again: Vec<String> = sink.wait_for(40)[20..]
        .iter()
        .map(|one| one.id().to_owned())
        .collect();
    let mut expected = first;
    expected.sort();
    again.sort();
    assert_eq!(again, expected);
    for delivery in client.deliveries_when("status=delivered", 20) {
        assert_eq!(
            (&delivery["origin"], &delivery["attempts"]),
            (&json!("redeliver"), &json!(2))
        );
    }
    let answer = client.post("/deliveries/redeliver", &filter, 202);
    assert_eq!(answer, json!({"redelivered": 0, "already_waiting": 0}));
    client.post("/deliveries/redeliver", &json!({}), 422);
}

#[test]
fn discarded_dead_letters_leave_the_queue_and_stay_in_the_log() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let to = dead_letters(&client, &sink, 5);
    let filter = json!({"subscription": to, "error": "http 500"});
    assert_eq!(
        client.post("/deliveries/discard", &filter, 202),
        json!({"discarded": 5})
    );
    let discarded = client.list("/deliveries?status=discarded");
    assert_eq!(discarded.len(), 5);
    for delivery in discarded {
        assert_eq!(delivery["last_error"], "discarded");
        let attempts = client.list(&format!("/deliveries/{}/attempts", id(&delivery)));
        assert_eq!(attempts.len(), 1, "its attempts stay");
    }
}

#[test]
fn an_event_is_sent_to_all_that_match_today_and_to_whom_it_is_named() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    to(&client, &sink.at("/first"));
    let event = id(&client.publish("a.b", json!(1)));
    client.deliveries_when("status=delivered", 1);
    to(&client, &sink.at("/second"));
    let other = client.subscribe(&sink.at("/other"), json!({"events": ["x.y"]}));
    let path = format!("/events/{event}/redeliver");
    let answer = client.post(&path, &Value::Null, 202);
    assert_eq!(answer["redelivered"], 2);
    assert!(sink.wait_for(3).iter().all(|one| one.id() == event));
    let named = json!({"subscriptions": [id(&other)]});
    assert_eq!(client.post(&path, &named, 202)["redelivered"], 1);
    assert_eq!(sink.wait_for(4)[3].id(), event);
    assert_eq!(client.list(&format!("/events/{event}/deliveries")).len(), 3);
}

#[test]
fn commands_redeliver_and_discard_and_say_how_many() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    dead_letters(&client, &sink, 3);
    sink.always(Behaviour::status(200));
    let since = ["--status", "failed", "--since", "2h"];
    let again = [&["deliveries", "redeliver"][..], &since].concat();
    assert_eq!(check(&server, &again, "", 0), "3 deliveries sent again\n");
    client.deliveries_when("status=delivered", 3);
    let discard = [&["deliveries", "discard"][..], &since].concat();
    assert_eq!(check(&server, &discard, "", 0), "0 deliveries discarded\n");
    for wrong in [
        &["deliveries", "redeliver"][..],
        &["deliveries", "discard"],
        &["deliveries", "discard", "--since", "yesterday"],
    ] {
        check(&server, wrong, "", 2);
    }
    let listed = check(
        &server,
        &["--json", "deliveries", "list", "--since", "1h"],
        "",
        0,
    );
    assert_eq!(listed.lines().count(), 3);
    let event = client.list("/events?limit=1")[0].clone();
    let said = check(&server, &["events", "redeliver", &id(&event)], "", 0);
    assert_eq!(said, "1 delivery sent again\n");
}
