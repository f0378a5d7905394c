//! A disk that gives back other bytes than it was given: what was spoilt is not sent, and said.

use std::{fs, path::Path, time::Duration};

use posthaste_receiver::Behaviour;
use serde_json::json;

use crate::{
    api::{id, text},
    health::alert,
    server::Launch,
    sink::Sink,
};

/// Changes bytes of the database file, which nobody has open.
fn spoil(database: &Path, from: &[u8], to: &[u8]) {
    let mut bytes = fs::read(database).expect("the store");
    let mut windows = bytes.windows(from.len());
    let at = windows.position(|window| window == from);
    let at = at.expect("it is stored");
    bytes[at..at + to.len()].copy_from_slice(to);
    fs::write(database, bytes).expect("the store");
}

#[test]
fn a_spoilt_payload_is_a_dead_letter_that_is_told_and_the_others_go_on() {
    let (sink, watcher) = (Sink::start(), Sink::start());
    let launch = Launch::new().on_a_port_of_its_own();
    let server = launch.start();
    let client = server.client();
    client.subscribe(&watcher.url(), json!({"events": ["posthaste.*"]}));
    sink.always(Behaviour::status(503));
    let retry = json!({"schedule_s": [2.0], "jitter": 0});
    let more = json!({"events": ["a.b"], "retry": retry, "auto_pause_after": 1});
    let subscription = id(&client.subscribe(&sink.url(), more));
    let deliveries = ["whole one", "spoilt two", "whole three"].map(|data| {
        let event = client.publish("a.b", json!(data));
        client.delivery_of(&event)
    });
    for delivery in &deliveries {
        client.delivery_when(delivery, "retrying");
    }
    server.terminate();
    let (status, launch) = server.ended(Duration::from_secs(20));
    assert!(status.success());
    sink.always(Behaviour::status(200));
    let before = sink.count();
    spoil(
        &launch.data_dir().join("posthaste.db"),
        b"spoilt two",
        b"SPOILT",
    );
    let server = launch.start();
    let client = server.client();
    for whole in [&deliveries[0], &deliveries[2]] {
        client.delivery_when(whole, "delivered");
    }
    let dead = client.delivery_when(&deliveries[1], "failed");
    assert!(text(&dead, "last_error").starts_with("corrupt"), "{dead}");
    let arrived = sink.wait_for(before + 2).split_off(before);
    assert!(
        arrived
            .iter()
            .all(|arrival| !arrival.text().contains("SPOILT"))
    );
    let (name, data) = alert(&watcher.wait_for(1)[0]);
    assert_eq!(name, "posthaste.delivery.failed");
    assert_eq!(data["delivery_id"], json!(deliveries[1]));
    let subscription = client.subscription(&subscription);
    assert_eq!(
        subscription["status"], "active",
        "the receiver has no part in it"
    );
    assert_eq!(subscription["health"]["status"], "healthy");
}
