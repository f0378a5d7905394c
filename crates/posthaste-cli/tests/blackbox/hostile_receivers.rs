//! Receivers that break HTTP in every way: each attempt ends, in its class and in bounds, and
//! nobody else notices. Faults 34 to 38 and 44.

use std::time::Duration;

use posthaste_receiver::{Behaviour, Reply, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::Server,
    sink::Sink,
};

/// A gzip stream of zeros, 13 bytes for each 2,064 of them.
fn gzip_bomb() -> Reply {
    // A block of fixed codes: one zero, and then "258 more of them" again and again.
    const HEAD: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x63\x18";
    const ZEROS: &[u8] = b"\x05\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x28\x18";
    let bomb = [HEAD, &ZEROS.repeat(5000)].concat();
    Reply::status(200)
        .header("content-encoding", "gzip")
        .body(bomb)
}

/// What a receiver does, and the class of its failure; none where its status decides.
fn misbehaviours() -> Vec<(&'static str, Behaviour, Option<&'static str>)> {
    let redirect = |status, to: &str| Behaviour::Redirect {
        status,
        to: to.to_owned(),
    };
    let every = Duration::from_millis(100);
    vec![
        // 34
        (
            "resets before it reads",
            Behaviour::ResetBeforeRead,
            Some("protocol"),
        ),
        (
            "resets half-way through the body",
            Behaviour::ResetDuringBody,
            Some("protocol"),
        ),
        (
            "resets after the body",
            Behaviour::ResetAfterBody,
            Some("protocol"),
        ),
        (
            "closes without an answer",
            Behaviour::CloseEarly,
            Some("protocol"),
        ),
        // 35
        ("closes its half", Behaviour::HalfClose, Some("protocol")),
        ("speaks no HTTP", Behaviour::Garbage, Some("protocol")),
        ("speaks HTTP/0.9", Behaviour::Http09, Some("protocol")),
        (
            "says two statuses",
            Behaviour::TwoStatusLines,
            Some("protocol"),
        ),
        ("promises a longer body", Behaviour::WrongLength, None),
        // 36
        (
            "sends ten gigabytes",
            Behaviour::HugeBody {
                bytes: 10_000_000_000,
            },
            None,
        ),
        (
            "sends a byte now and then",
            Behaviour::Trickle { bytes: 1, every },
            None,
        ),
        (
            "has a head of a gigabyte",
            Behaviour::HugeHead {
                bytes: 1_000_000_000,
            },
            Some("response_too_large"),
        ),
        (
            "promises to answer for ever",
            Behaviour::Endless1xx,
            Some("response_too_large"),
        ),
        ("answers with a bomb", gzip_bomb().into(), None),
        // 37
        ("stalls after a 200", Behaviour::StallBody, None),
        ("resets after a 200", Behaviour::ResetAnswer, None),
        // 38
        ("sends us to itself", redirect(307, "/hook"), Some("http")),
        (
            "sends us inside",
            redirect(302, "http://169.254.169.254/latest/"),
            Some("http"),
        ),
        (
            "sends us elsewhere",
            redirect(308, "http://127.0.0.1:1/"),
            Some("http"),
        ),
    ]
}

fn memory_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kib.expect("the kernel says how much it has")
}

/// Faults 34 to 38: each ends within its deadline, in the class that it is, while others get theirs.
#[test]
fn every_misbehaviour_ends_in_its_class_and_others_go_on() {
    const EACH: usize = 4;
    let (server, good) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&good.url(), json!({}));
    let misbehaviours = misbehaviours();
    let memory_before_kib = memory_kib(&server);
    let bad: Vec<(Sink, String)> = misbehaviours
        .iter()
        .map(|(_, behaviour, _)| {
            let sink = Sink::start();
            sink.always(behaviour.clone());
            let more = json!({"retry": "none", "timeout_ms": 1000, "auto_pause_after": 0});
            let subscription = id(&client.subscribe(&sink.url(), more));
            (sink, subscription)
        })
        .collect();
    let events = vec![json!({"type": "a.b", "data": 1}); EACH];
    client.post("/events/batch", &Value::Array(events), 202);
    good.wait_for(EACH);
    for ((name, behaviour, class), (sink, subscription)) in misbehaviours.iter().zip(&bad) {
        let status = if class.is_some() {
            "failed"
        } else {
            "delivered"
        };
        let query = format!("subscription={subscription}&status={status}");
        let ended = client.deliveries_when(&query, EACH);
        for delivery in &ended {
            assert_eq!(delivery["attempts"], 1, "{name}");
            let error = delivery["last_error"].as_str();
            assert!(
                error
                    .unwrap_or_default()
                    .starts_with(class.unwrap_or_default()),
                "{name}: {delivery}"
            );
        }
        if !behaviour.is_before_read() && *behaviour != Behaviour::ResetDuringBody {
            assert_eq!(
                sink.count(),
                EACH,
                "{name}: one request for each, and no other"
            );
        }
        assert_body_is_bounded(&client, &id(&ended[0]), name);
    }
    let grown_kib = memory_kib(&server).saturating_sub(memory_before_kib);
    println!("{grown_kib} KiB more");
    assert!(
        grown_kib < 1024 * (EACH * misbehaviours.len()) as u64,
        "{grown_kib} KiB"
    );
}

#[track_caller]
fn assert_body_is_bounded(client: &Client, delivery: &str, name: &str) {
    let attempt = client
        .list(&format!("/deliveries/{delivery}/attempts"))
        .remove(0);
    let body = attempt["response_body"].as_str().unwrap_or_default();
    assert!(body.chars().count() <= 16 * 1024, "{name}: {}", body.len());
    assert!(
        attempt["latency_ms"].as_f64().expect("a number") < 20_000.0,
        "{name}"
    );
}

/// Fault 35: what was left on a connection is not read as the next answer.
#[test]
fn a_connection_that_broke_the_protocol_is_not_used_again() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let trailing = Reply::status(500)
        .header("content-length", "0")
        .body("HTTP/1.1 200 OK\r\n\r\n");
    let sequence = [
        Behaviour::TwoStatusLines,
        trailing.into(),
        Behaviour::StallBody,
        Behaviour::status(500),
    ];
    sink.script(Script::sequence(sequence));
    let more = json!({"retry": "none", "timeout_ms": 500, "max_in_flight": 1});
    client.subscribe(&sink.url(), more);
    let statuses = ["failed", "failed", "delivered", "failed"].map(|status| {
        let delivery = client.delivery_of(&client.publish("a.b", json!(1)));
        text(&client.delivery_when(&delivery, status), "status")
    });
    assert_eq!(statuses.len(), 4);
    let connections: Vec<u64> = sink
        .wait_for(4)
        .iter()
        .map(|arrival| arrival.connection)
        .collect();
    assert_eq!(connections, [1, 2, 3, 4]);
}

/// Fault 44: a connection that its server had closed idle costs nobody an attempt.
#[test]
fn a_dead_connection_in_the_pool_costs_no_attempt() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::AnswerAndClose);
    client.subscribe(&sink.url(), json!({"retry": "none"}));
    for n in 0..20 {
        let delivery = client.delivery_of(&client.publish("a.b", json!(n)));
        assert_eq!(client.delivery_when(&delivery, "delivered")["attempts"], 1);
    }
    assert_eq!(sink.count(), 20);
}
