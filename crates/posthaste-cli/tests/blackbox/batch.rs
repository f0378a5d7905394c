//! Many events in one request: all of them, or none.

use serde_json::{Value, json};

use crate::{
    api::{BASE, id},
    http::{Answer, Client},
    server::Server,
    sink::Sink,
};

fn batch(client: &Client, body: &str) -> Answer {
    client.send("POST", &format!("{BASE}/events/batch"), body.as_bytes())
}

#[track_caller]
fn check_accepted(client: &Client, sink: &Sink, body: &str) {
    let before = sink.arrivals().len();
    let answer = batch(client, body).expect(202);
    assert_eq!(answer["accepted"], 2, "{answer}");
    let events = answer["events"].as_array().unwrap();
    let types: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["a.first", "a.second"]);
    let arrivals = sink.wait_for(before + 2).split_off(before);
    for event in events {
        assert_eq!(event["deliveries"], 1);
        let arrived = |event_id: &str| arrivals.iter().any(|arrival| arrival.id() == event_id);
        assert!(arrived(&id(event)), "{event}");
    }
    assert!(
        arrivals
            .iter()
            .any(|arrival| arrival.text().contains(r#""data":[1.0,  2]"#))
    );
}

#[test]
fn a_batch_is_an_array_or_lines_and_keeps_its_order() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    let (first, second) = (
        r#"{"type":"a.first","data":[1.0,  2]}"#,
        r#"{"type":"a.second","data":null}"#,
    );
    check_accepted(&client, &sink, &format!("[{first}, {second}]"));
    let lines = client.with("content-type", "application/x-ndjson");
    check_accepted(&lines, &sink, &format!("{first}\n{second}\n"));
    check_accepted(&lines, &sink, &format!("{first}\n{second}"));
}

#[test]
fn one_bad_item_refuses_the_batch_and_every_bad_index_is_named() {
    let server = Server::start();
    let client = server.client();
    let items = [
        r#"{"type":"a","data":1}"#,
        r#"{"type":"a b","data":1}"#,
        r#"{"type":"a","data":1}"#,
        r#"{"type":"a"}"#,
        r#"{"type":"a","data":1,"tpye":2}"#,
    ];
    let lines = client.with("content-type", "application/x-ndjson");
    for answer in [
        batch(&client, &format!("[{}]", items.join(","))),
        batch(&lines, &items.join("\n")),
    ] {
        let problem = answer.expect(422);
        let named: Vec<_> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(index)
            .collect();
        assert_eq!(named, ["1", "3", "4"], "{problem}");
    }
    assert_eq!(client.list("/events"), [] as [Value; 0]);
}

/// The item's index in the pointer of an error.
fn index(error: &Value) -> String {
    let pointer = error["pointer"].as_str().unwrap_or_default();
    pointer
        .split('/')
        .find(|part| part.parse::<usize>().is_ok())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn more_than_ten_thousand_events_are_too_many() {
    let server = Server::start();
    let client = server.client().with("content-type", "application/x-ndjson");
    let lines = "{\"type\":\"a\",\"data\":1}\n".repeat(10_001);
    let answer = batch(&client, &lines);
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (413, "payload-too-large")
    );
    assert_eq!(server.client().list("/events"), [] as [Value; 0]);
    let (fits, _) = lines.split_at(lines.len() / 10_001 * 10_000);
    assert_eq!(batch(&client, fits).expect(202)["accepted"], 10_000);
}

#[test]
fn keys_of_a_batch_are_each_items_own_or_the_headers_with_the_index() {
    let server = Server::start();
    let client = server.client();
    let keyed = client.with("idempotency-key", "k");
    let first = batch(
        &keyed,
        r#"[{"type":"a","data":1},{"type":"b","data":2,"idempotency_key":"own"}]"#,
    )
    .expect(202);
    let again = batch(&keyed, r#"[{"type":"a","data":1}]"#).expect(202);
    assert_eq!(again["events"][0]["id"], first["events"][0]["id"]);
    let own = batch(
        &client,
        r#"[{"type":"b","data":2,"idempotency_key":"own"}]"#,
    )
    .expect(202);
    assert_eq!(own["events"][0]["id"], first["events"][1]["id"]);
    let spelled = batch(
        &client,
        r#"[{"type":"c","data":3},{"type":"a","data":1,"idempotency_key":"k#0"}]"#,
    );
    assert!(
        [202, 409].contains(&spelled.status),
        "the item's own bytes decide: {}",
        spelled.text()
    );

    let before = client.list("/events").len();
    let clash = r#"[{"type":"a","data":1,"idempotency_key":"x"},{"type":"a","data":2,"idempotency_key":"x"}]"#;
    let answer = batch(&client, clash);
    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (409, "idempotency-conflict")
    );
    assert!(answer.text().contains('1'), "{}", answer.text());
    assert_eq!(client.list("/events").len(), before);
}
