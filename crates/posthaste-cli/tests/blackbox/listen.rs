//! `posthaste listen`: events to a developer's own machine, as any receiver gets them, through
//! crashes of the server.

use std::collections::BTreeSet;

use posthaste_receiver::{Reply, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    running::Running,
    server::{ADMIN_KEY, Launch, Server},
    signature::assert_signed,
    sink::{Arrival, Sink},
    wait::{SOON, until},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// Forwards to a sink; when this returns it is connected.
fn listen(server: &str, sink: &Sink, more: &[&str]) -> Running {
    let url = sink.url();
    let arguments = [&["--json", "listen", "--forward-to", &url], more].concat();
    let running = Running::start(server, &arguments);
    running.lines(1);
    running
}

fn secret(running: &Running) -> String {
    text(&running.lines(1)[0], "secret")
}

/// What a receiver gets, but for what names this one request.
fn seen(arrival: &Arrival) -> (BTreeSet<(String, String)>, String) {
    let own = [
        "host",
        "x-webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "x-pt-signature",
    ];
    let headers = arrival.headers().into_iter();
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value));
    let headers = headers.filter(|(name, _)| !own.contains(&name.as_str()));
    (headers.collect(), arrival.text())
}

#[test]
fn what_is_forwarded_is_what_a_receiver_gets() {
    let server = Server::start();
    for format in ["envelope", "flat", "raw", "cloudevents"] {
        let (receiver, app) = (Sink::start(), Sink::start());
        let members =
            json!({"format": format, "secret": SECRET, "events": [format!("{format}.*")]});
        server.client().subscribe(&receiver.url(), members);
        let events = format!("{format}.*,tag.added");
        let more = ["--format", format, "--secret", SECRET, "--events", &events];
        let listening = listen(&server.url(), &app, &more);
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let producer = server.client().with("traceparent", trace);
        let event = json!({
            "type": format!("{format}.made"), "data": {"z": 1, "a": [1.50, "é"]}, "version": 2,
            "source": "/shop", "correlation_id": "c-1", "ordering_key": "k",
            "occurred_at": "2026-11-21T20:36:00.123Z", "metadata": {"m": 1},
        });
        producer.post("/events", &event, 202);
        server.client().publish("other.made", json!(1));
        let tag = server.client().publish("tag.added", json!(null));
        let (received, forwarded) = (receiver.wait_for(1), app.wait_for(2));
        assert_eq!(seen(&forwarded[0]), seen(&received[0]), "{format}");
        assert_eq!(forwarded[0].header("x-webhook-id"), Some(received[0].id()));
        assert_eq!(forwarded[1].id(), id(&tag));
        forwarded.iter().for_each(|one| assert_signed(one, SECRET));
        let lines = listening.lines(3);
        assert_eq!(lines[1]["event_id"], received[0].id());
        assert_eq!(lines[2]["status_code"], 200);
    }
}

#[test]
fn nothing_is_lost_or_repeated_when_the_server_is_killed() {
    let launch = Launch::new().on_a_port_of_its_own();
    let (mut server, app) = (launch.start(), Sink::start());
    let listening = listen(&server.url(), &app, &[]);
    let mut published = Vec::new();
    for round in 1..4 {
        for n in 0..25 {
            published.push(id(&server.client().publish("a.b", json!([round, n]))));
        }
        if round == 1 {
            app.wait_for(published.len());
        }
        server = server.kill().start();
    }
    published.push(id(&server.client().publish("a.b", json!("last"))));
    let arrived = app.wait_for(published.len());
    let arrived: Vec<String> = arrived.iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(arrived, published, "each once, in order");
    let secret = secret(&listening);
    app.arrivals()
        .iter()
        .for_each(|one| assert_signed(one, &secret));
    let (status, complained) = listening.interrupt();
    assert!(status.success(), "{complained}");
    for said in [
        "disconnected",
        "connected again, nothing was missed",
        "76 events forwarded, every one taken",
    ] {
        assert!(complained.contains(said), "{said}: {complained}");
    }
}

#[test]
fn a_server_that_dies_before_the_first_event_costs_none() {
    let launch = Launch::new().on_a_port_of_its_own();
    let (server, app) = (launch.start(), Sink::start());
    let before = server.client().publish("a.before", json!(1));
    let listening = listen(&server.url(), &app, &[]);
    let server = server.kill().start();
    let event = server.client().publish("a.b", json!(1));
    assert_eq!(app.wait_for(1)[0].id(), id(&event), "not {before}");
    drop(listening);
}

#[test]
fn the_secret_is_the_same_in_every_run_of_a_tenant() {
    let (server, app) = (Server::start(), Sink::start());
    server
        .client()
        .post("/tenants", &json!({"id": "acme"}), 201);
    let secret_of = |more: &[&str]| secret(&listen(&server.url(), &app, more));
    let own = secret_of(&[]);
    assert!(own.starts_with("whsec_"), "{own}");
    assert_eq!(own, secret_of(&[]));
    assert_eq!(own, secret_of(&["--tenant", "default"]));
    assert_ne!(own, secret_of(&["--tenant", "acme"]));
    assert_eq!(secret_of(&["--secret", SECRET]), SECRET);
}

#[test]
fn what_is_refused_or_not_answered_is_shown_and_the_next_goes_on() {
    let (server, app) = (Server::start(), Sink::start());
    let url = app.url();
    let arguments = ["listen", "--forward-to", &url];
    let listening = Running::start(&server.url(), &arguments);
    listening.wait_until_it_says("Your signing secret is whsec_");
    let failing = Reply::status(500).body("no such table: orders\nat line 7");
    app.script(Script::always(failing));
    server.client().publish("a.refused", json!(1));
    listening.wait_until_it_says("no such table: orders");
    app.script(Script::default());
    let taken = server.client().publish("a.taken", json!(1));
    listening.wait_until_it_says(&id(&taken));
    let said = listening.said();
    assert!(
        !said.contains("at line 7") && !said.contains(ADMIN_KEY),
        "{said}"
    );
    let (status, complained) = listening.interrupt();
    assert!(status.success());
    assert!(
        complained.contains("2 events forwarded, 1 not taken"),
        "{complained}"
    );
}

#[test]
fn where_nobody_listens_each_event_says_so() {
    let server = Server::start();
    let nobody = ["listen", "--forward-to", "http://127.0.0.1:2/"];
    let listening = Running::start(&server.url(), &nobody);
    listening.wait_until_it_says("Your signing secret is whsec_");
    for _ in 0..2 {
        let event = server.client().publish("a.b", json!(1));
        listening.wait_until_it_says(&id(&event));
    }
    listening.wait_until_it_says("is anything listening at http://127.0.0.1:2/?");
    let (status, complained) = listening.interrupt();
    assert!(status.success());
    assert!(
        complained.contains("2 events forwarded, 2 not taken"),
        "{complained}"
    );
}

#[test]
fn what_was_accepted_before_comes_first_where_it_is_asked_for() {
    let (server, app) = (Server::start(), Sink::start());
    let first = id(&server.client().publish("a.b", json!(1)));
    let listening = listen(&server.url(), &app, &["--since", "10m"]);
    let second = id(&server.client().publish("a.b", json!(1)));
    let arrived = app.wait_for(2);
    let arrived: Vec<&str> = arrived.iter().map(|one| one.id()).collect();
    assert_eq!(arrived, [first, second]);
    drop(listening);
}

#[test]
fn a_wrong_key_a_missing_server_and_a_wrong_question_end_it_at_once() {
    let server = Server::start();
    #[track_caller]
    fn check(server: &str, more: &[&str], code: i32, said: &str) {
        let arguments = [&["listen", "--forward-to", "3000"], more].concat();
        let (status, complained) = Running::start(server, &arguments).ended();
        assert_eq!(status.code(), Some(code), "{complained}");
        assert!(complained.contains(said), "{said}: {complained}");
    }
    let url = server.url();
    let wrong = ["--key", "pst_wrong"];
    check(&url, &wrong, 1, "A valid API key is needed (401)");
    check(&url, &["--events", "a b"], 1, "?types");
    check(&url, &["--tenant", "nobody"], 1, "no such tenant");
    check(
        "http://127.0.0.1:9",
        &[],
        1,
        "start one with `posthaste serve`",
    );
    check(
        &url,
        &["--secret", "short"],
        2,
        "--secret: expected at least 16 bytes",
    );
    check(
        &url,
        &["--format", "xml"],
        2,
        "expected envelope, flat, raw or cloudevents",
    );
    check(&url, &["--since", "soon"], 2, "such as 90s, 10m");
}

#[test]
fn a_listener_that_is_slow_misses_nothing() {
    let (server, app) = (Server::start(), Sink::start());
    let listening = listen(&server.url(), &app, &[]);
    let items: Vec<Value> = (0..3000)
        .map(|n| json!({"type": "a.b", "data": n}))
        .collect();
    let batch = server
        .client()
        .post("/events/batch", &Value::Array(items), 202);
    let published: Vec<String> = batch["events"].as_array().unwrap().iter().map(id).collect();
    let arrived = until("all have come", SOON * 3, || {
        (app.count() >= published.len()).then(|| app.arrivals())
    });
    let arrived: Vec<&str> = arrived.iter().map(|one| one.id()).collect();
    assert_eq!(arrived, published);
    drop(listening);
}
