//! Rows that are more than a request and its answer: what arrives, what takes time, what is full.

use std::io;

use serde_json::json;

use crate::{
    api::BASE,
    http::{Client, Wire},
    server::{Launch, Server},
    sink::{Arrival, Sink},
};

fn publish(client: &Client, body: &str) {
    let answer = client.send("POST", &format!("{BASE}/events"), body.as_bytes());
    answer.expect(202);
}

/// Row 18, and 9 and 14 once more.
#[test]
fn odd_json_is_json_and_is_delivered_byte_for_byte() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({"format": "raw"}));
    let digits = "9".repeat(10_000);
    let deep = "[".repeat(128) + &"]".repeat(128);
    let odd = [
        deep.as_str(),
        r#""a\u0000b""#,
        "1e400",
        &digits,
        "-0",
        "9007199254740993",
        "null",
        r#"{ }"#,
        r#""\ud83d\ude00 \/ é""#,
        "[1 ,\r\n 2]",
        r#"{"__proto__":{"constructor":1}}"#,
        "\"\u{7f}\u{2028}\"",
    ];
    for data in odd {
        publish(&client, &format!(r#"{{"type":"a.b","data":{data}}}"#));
    }
    let mut arrived: Vec<_> = sink.wait_for(odd.len()).iter().map(Arrival::text).collect();
    let mut expected = odd.map(str::to_owned).to_vec();
    arrived.sort();
    expected.sort();
    assert_eq!(arrived, expected);
}

/// Row 57.
#[test]
fn a_time_of_occurrence_is_data_and_delays_nothing() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    for time in ["1969-07-20T20:17:40.000Z", "9999-12-31T23:59:59.000Z"] {
        let before = sink.count();
        let event = format!(r#"{{"type":"a.b","data":1,"occurred_at":"{time}"}}"#);
        publish(&client, &event);
        let text = sink.wait_for(before + 1).remove(before).text();
        assert!(text.contains(&format!(r#""timestamp":"{time}""#)), "{text}");
    }
}

/// Row 35: at once, so that all of them take the ten seconds of one.
#[test]
fn a_slow_head_is_told_so_and_closed() {
    let server = Server::start();
    let open = |bytes: &[u8]| {
        let mut wire = Wire::open(server.address).expect("the server accepts connections");
        wire.push(bytes);
        wire
    };
    let mut slow = [
        "G",
        "GET /healthz HTTP/1.1\r\nhost: x\r\n",
        "GET /healthz HTTP/1.1\r\nhost: x\r\n\r",
    ]
    .map(|bytes| open(bytes.as_bytes()));
    let (mut silent, mut idle) = (open(b""), open(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"));
    assert_eq!(idle.answer().expect("an answer").status, 200);
    for wire in &mut slow {
        let answer = wire.answer().expect("an answer");
        assert_eq!(
            (answer.status, &*answer.problem()),
            (408, "request-timeout")
        );
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(wire.is_closed());
    }
    for wire in [&mut silent, &mut idle] {
        let ended = wire.answer().expect_err("not a word");
        assert_eq!(ended.kind(), io::ErrorKind::UnexpectedEof);
    }
}

/// Row 67.
#[test]
fn one_subscription_more_than_a_tenant_may_have_is_refused() {
    let server = Launch::new()
        .with("POSTHASTE_LIMITS_SUBSCRIPTIONS", "1")
        .start();
    let client = server.client();
    client.subscribe("http://127.0.0.1:8999/hook", json!({}));
    let another = json!({"url": "http://127.0.0.1:8999/other", "events": []});
    for path in ["/subscriptions", ""] {
        let answer = client.call("POST", path, &another);
        let seen = (answer.status, answer.problem());
        assert_eq!(seen, (422, "quota-exceeded".to_owned()), "{path}");
    }
    assert_eq!(client.list("/subscriptions").len(), 1);
}
