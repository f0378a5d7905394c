//! SIGTERM in the middle of work: what is under way ends, the rest waits for the next start, and
//! nobody gets anything twice.

use std::{collections::BTreeMap, time::Duration};

use posthaste_receiver::{Reply, Script};
use serde_json::{Value, json};

use crate::{api::id, server::Server, sink::Sink, wait::SOON};

const EVENTS: usize = 600;
const AT_ONCE: usize = 200;
/// What the contract gives a drain.
const DRAIN: Duration = Duration::from_secs(30);

#[test]
fn a_server_that_is_told_to_stop_drains_and_repeats_nothing() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let slow = Reply::status(200).after(Duration::from_millis(500));
    sink.script(Script::always(slow));
    client.subscribe(&sink.url(), json!({"max_in_flight": AT_ONCE}));
    let items = (0..EVENTS)
        .map(|n| json!({"type": "a.b", "data": n}))
        .collect();
    let accepted = client.post("/events/batch", &Value::Array(items), 202);
    sink.wait_for(AT_ONCE);
    server.terminate();
    let (status, launch) = server.ended(DRAIN);
    assert!(status.success(), "{status}");
    let before = sink.count();
    assert!(before < EVENTS, "some were left for the next start");

    sink.script(Script::default());
    let server = launch.start();
    server.client().deliveries_when("status=delivered", EVENTS);
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for arrival in sink.arrivals() {
        *times.entry(arrival.id().to_owned()).or_default() += 1;
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(
        twice.is_empty(),
        "{} of {before} came twice: {twice:?}",
        twice.len()
    );
    let missing = accepted["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| !times.contains_key(&id(event)));
    assert_eq!(missing.count(), 0);
}

#[test]
fn an_idle_server_stops_at_once() {
    let server = Server::start();
    server.terminate();
    let (status, _) = server.ended(SOON);
    assert!(status.success(), "{status}");
}
