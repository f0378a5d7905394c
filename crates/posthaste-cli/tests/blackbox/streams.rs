//! `posthaste tail`, and streams over a drain.

use std::time::Duration;

use posthaste_receiver::Behaviour;
use serde_json::json;

use crate::{
    api::{BASE, id, text},
    http::Wire,
    running::Running,
    server::{Launch, Server},
    sink::Sink,
};

/// Says that it follows, once it does: on stderr, whatever is printed.
fn tail(server: &str, arguments: &[&str]) -> Running {
    let running = Running::start(server, &[&["tail"], arguments].concat());
    running.wait_until_it_says("Following outcomes");
    running
}

#[test]
fn outcomes_are_shown_as_they_come() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let retry = json!({"schedule_s": [0.05], "jitter": 0});
    client.subscribe(&sink.url(), json!({"retry": retry}));
    let (all, failed) = (
        tail(&server.url(), &["--json"]),
        tail(&server.url(), &["--json", "--status", "failed"]),
    );
    let plain = tail(&server.url(), &[]);
    let taken = client.publish("a.taken", json!(1));
    let taken = client.delivery_of(&taken);
    all.lines(1);
    sink.always(Behaviour::status(500));
    let refused = client.publish("a.refused", json!(2));
    let refused = client.delivery_of(&refused);
    let lines = all.lines(3);
    let seen: Vec<(String, String)> = lines
        .iter()
        .map(|line| (id(line), text(line, "status")))
        .collect();
    let expected = [
        (&taken, "delivered"),
        (&refused, "retrying"),
        (&refused, "failed"),
    ];
    assert_eq!(
        seen,
        expected.map(|(id, status)| (id.clone(), status.to_owned()))
    );
    let mut last = lines[2].clone();
    let latency = last.as_object_mut().unwrap().remove("latency_ms");
    assert!(latency.is_some_and(|latency| latency.is_number()));
    assert_eq!(last, client.delivery(&refused), "as it is read");
    assert_eq!(failed.lines(1)[0]["id"], refused);
    plain.wait_until_it_says("failed    500");
    assert!(
        plain.said().contains(&format!("#2  {refused} a.refused")),
        "{}",
        plain.said()
    );
    for running in [all, failed, plain] {
        let (status, complained) = running.interrupt();
        assert!(status.success(), "{complained}");
    }
}

#[test]
fn a_tail_comes_back_when_its_server_does() {
    let launch = Launch::new().on_a_port_of_its_own();
    let (server, sink) = (launch.start(), Sink::start());
    server.client().subscribe(&sink.url(), json!({}));
    let tail = tail(&server.url(), &["--json"]);
    let server = server.kill().start();
    tail.wait_until_it_says("connected again; what happened meanwhile is not shown");
    let event = server.client().publish("a.b", json!(1));
    assert_eq!(tail.lines(1)[0]["event_id"], id(&event));
}

#[test]
fn open_streams_do_not_hold_up_a_drain() {
    let server = Server::start();
    let mut wires = Vec::new();
    for path in ["/events/stream", "/deliveries/stream"] {
        let mut wire = Wire::open(server.address).unwrap();
        let head = server.client().head("GET", &format!("{BASE}{path}"));
        wire.push(format!("{head}\r\n").as_bytes());
        wires.push(wire);
    }
    let tail = tail(&server.url(), &[]);
    server.terminate();
    let (status, _) = server.ended(Duration::from_secs(5));
    assert!(status.success(), "{status}");
    tail.wait_until_it_says("disconnected (the server ended the stream)");
    assert!(wires.into_iter().all(|mut wire| wire.is_closed()));
}

#[test]
fn what_is_asked_wrongly_is_said_and_ends_with_1() {
    let server = Server::start();
    let wrong = Running::start(&server.url(), &["tail", "--status", "good"]);
    let (status, complained) = wrong.ended();
    assert_eq!(status.code(), Some(1));
    assert!(
        complained.contains("expected one of pending"),
        "{complained}"
    );
}
