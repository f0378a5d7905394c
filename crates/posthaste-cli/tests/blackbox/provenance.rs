//! The chain that each delivery's record stands in, and the audit that works it out anew. Here alone
//! the tests know the store's file: they edit it by hand, as the audit is there to notice.

use posthaste_receiver::{Behaviour, Script};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    cli,
    http::Client,
    server::{Launch, Server},
    sink::Sink,
};

/// Three refusals and a success, soon after each other.
fn tried_four_times(client: &Client, sink: &Sink) -> String {
    sink.script(Script::statuses([500, 503, 500, 200]));
    let retry = json!({"schedule_s": [0.05, 0.05, 0.05], "jitter": 0});
    client.subscribe(&sink.url(), json!({"retry": retry}));
    let delivery = client.delivery_of(&client.publish("a.b", json!({"n": 1})));
    let delivered = client.delivery_when(&delivery, "delivered");
    assert_eq!(delivered["attempts"], 4);
    delivery
}

#[track_caller]
fn provenance(client: &Client, delivery: &str) -> String {
    let link = text(&client.delivery(delivery), "provenance");
    assert!(
        link.len() == 64 && link.bytes().all(|b| b.is_ascii_hexdigit()),
        "{link}"
    );
    link
}

/// What `posthaste --json deliveries audit` prints.
#[track_caller]
fn audit(server: &Server, code: i32) -> Value {
    let said = cli::check(server, &["--json", "deliveries", "audit"], "", code);
    serde_json::from_str(&said).expect("one line of JSON")
}

#[track_caller]
fn assert_fits(server: &Server, deliveries: u64, attempts: u64) {
    let expected = json!({
        "deliveries": deliveries, "attempts": attempts, "without": 0, "first_mismatch": null,
    });
    assert_eq!(audit(server, 0), expected);
}

#[test]
fn a_delivery_has_its_provenance_from_the_start_and_each_attempt_changes_it() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let subscription = id(&client.subscribe(&sink.url(), json!({})));
    client.post(
        &format!("/subscriptions/{subscription}/pause"),
        &Value::Null,
        200,
    );
    let delivery = client.delivery_of(&client.publish("a.b", json!({"n": 1})));
    let first = provenance(&client, &delivery);
    assert_eq!(client.list("/deliveries")[0]["provenance"], first.as_str());
    assert_fits(&server, 0, 0);
    client.post(
        &format!("/subscriptions/{subscription}/resume"),
        &Value::Null,
        200,
    );
    client.delivery_when(&delivery, "delivered");
    let second = provenance(&client, &delivery);
    client.post(
        &format!("/deliveries/{delivery}/redeliver"),
        &Value::Null,
        202,
    );
    sink.wait_for(2);
    client.delivery_when(&delivery, "delivered");
    let third = provenance(&client, &delivery);
    assert!(first != second && second != third);
    assert_eq!(client.list("/deliveries")[0]["provenance"], third.as_str());
    assert_fits(&server, 1, 2);
    let said = cli::check(&server, &["deliveries", "audit"], "", 0);
    assert!(
        said.contains("every record fits") && said.contains("Not shown"),
        "{said}"
    );
}

#[test]
fn each_delivery_of_a_batch_has_a_chain_of_its_own() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([500, 200]));
    let batch = json!({
        "mode": "batch", "batch": {"max_events": 3, "max_wait_ms": 1000},
        "retry": {"schedule_s": [0.05], "jitter": 0},
    });
    client.subscribe(&sink.url(), batch);
    for n in 0..3 {
        client.publish("a.b", json!({"n": n}));
    }
    let delivered = client.deliveries_when("status=delivered", 3);
    let mut links: Vec<String> = delivered
        .iter()
        .map(|one| text(one, "provenance"))
        .collect();
    links.dedup();
    assert_eq!(links.len(), 3);
    assert_fits(&server, 3, 6);
}

#[test]
fn a_chain_goes_on_behind_a_crash() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::sequence([
        Behaviour::status(500),
        Behaviour::Hang,
        Behaviour::status(200),
    ]));
    let retry = json!({"schedule_s": [0.05, 0.05], "jitter": 0});
    client.subscribe(&sink.url(), json!({"retry": retry}));
    let delivery = client.delivery_of(&client.publish("a.b", json!({"n": 1})));
    sink.wait_for(2);
    let server = server.kill().start();
    let client = server.client();
    assert_eq!(client.delivery_when(&delivery, "delivered")["attempts"], 2);
    assert_fits(&server, 1, 2);
}

#[test]
fn a_window_is_audited_alone_and_a_wrong_question_is_refused() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    tried_four_times(&client, &sink);
    let stretch = client.get("/deliveries/audit?since=2020-01-01T00:00:00Z");
    assert_eq!(
        (&stretch["attempts"], &stretch["next_cursor"]),
        (&json!(4), &Value::Null)
    );
    let later = client.get("/deliveries/audit?since=2990-01-01T00:00:00Z");
    assert_eq!(later["deliveries"], 0);
    let before = client.get("/deliveries/audit?until=2020-01-01T00:00:00Z");
    assert_eq!(before["deliveries"], 0);
    for query in ["since=yesterday", "limit=1", "status=failed"] {
        let path = format!("/deliveries/audit?{query}");
        client.call("GET", &path, &Value::Null).expect(422);
    }
    let arguments = ["deliveries", "audit", "--since", "yesterday"];
    cli::check(&server, &arguments, "", 1);
}

/// Runs this over the store of a server that is down, audits it, and puts the store back.
#[track_caller]
fn check(launch: &Launch, edit: &str, delivery: &str, attempt: &Value) {
    let data = launch.data_dir();
    let kept = tempfile::tempdir().unwrap();
    let files = || std::fs::read_dir(&data).unwrap().map(|file| file.unwrap());
    for file in files() {
        std::fs::copy(file.path(), kept.path().join(file.file_name())).unwrap();
    }
    let edited = Connection::open(data.join("posthaste.db"))
        .unwrap()
        .execute(edit, []);
    assert!(edited.unwrap() > 0, "{edit}");
    let server = launch.start();
    let found = &audit(&server, 1)["first_mismatch"];
    let seen = (found["delivery_id"].as_str(), &found["attempt"]);
    assert_eq!(seen, (Some(delivery), attempt), "{edit}: {found}");
    assert_ne!(found["expected"], found["found"]);
    let said = cli::check(&server, &["deliveries", "audit"], "", 1);
    assert!(
        said.contains("does not fit") && said.contains(delivery),
        "{said}"
    );
    server.kill();
    for file in files() {
        std::fs::remove_file(file.path()).unwrap();
    }
    for file in std::fs::read_dir(kept.path())
        .unwrap()
        .map(|file| file.unwrap())
    {
        std::fs::copy(file.path(), data.join(file.file_name())).unwrap();
    }
}

#[test]
fn what_was_edited_in_the_store_is_found_and_named() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let delivery = tried_four_times(&client, &sink);
    sink.script(Script::statuses([200]));
    let later = client.delivery_of(&client.publish("a.b", json!({"n": 2})));
    client.delivery_when(&later, "delivered");
    let fits = |launch: &Launch| {
        let server = launch.start();
        assert_fits(&server, 2, 5);
        server.kill()
    };
    let launch = fits(&server.kill());
    let check = |edit, attempt: Value| check(&launch, edit, &delivery, &attempt);
    check(
        "UPDATE events SET data = CAST('{\"n\":7}' AS BLOB)",
        json!(1),
    );
    check("UPDATE events SET type = 'a.c'", json!(1));
    check("DELETE FROM events", json!(1));
    check(
        "UPDATE deliveries SET subscription = subscription + 1024",
        json!(1),
    );
    check(
        "UPDATE attempts SET error = 'http 404' WHERE number = 2",
        json!(2),
    );
    check(
        "UPDATE attempts SET response_body = x'00' WHERE number = 3",
        json!(3),
    );
    check(
        "UPDATE attempts SET provenance = NULL WHERE number = 3",
        json!(3),
    );
    check("DELETE FROM attempts WHERE number = 1", json!(2));
    check("DELETE FROM attempts WHERE number = 2", json!(3));
    check("UPDATE deliveries SET status_code = 201", json!(4));
    check("UPDATE deliveries SET attempt = NULL", Value::Null);
    fits(&launch);
}
