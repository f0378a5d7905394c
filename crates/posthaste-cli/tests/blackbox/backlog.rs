//! A mountain of deliveries that are all due at once: it goes out at the pace of its receiver, and
//! what is new does not queue behind it. Fault 45.

use std::time::Duration;

use posthaste::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::{
    api::{BASE, id},
    http::Client,
    server::Server,
    sink::{Arrival, Sink},
    wait::until,
};

/// Events of one request.
const BATCH: usize = 10_000;
/// How long the whole of it may take, on a busy machine and in a debug build.
const LONG: Duration = Duration::from_secs(300);
/// Memory of the server in a debug build; a mountain held in memory whole would take more.
const MEMORY_MAX_KIB: u64 = 400 * 1024;

fn pile_up(client: &Client, count: usize) {
    let client = client.with("content-type", "application/x-ndjson");
    for start in (0..count).step_by(BATCH) {
        let numbers = start..count.min(start + BATCH);
        let lines: String = numbers
            .map(|n| format!("{{\"type\":\"old\",\"data\":{n}}}\n"))
            .collect();
        client
            .send("POST", &format!("{BASE}/events/batch"), lines.as_bytes())
            .expect(202);
    }
}

fn is_new(arrival: &Arrival) -> bool {
    arrival.header("x-event-type") == Some("new")
}

/// So many old ones had come when the last of the new ones did.
fn old_before_the_new(sink: &Sink, new: usize) -> usize {
    until("what is new arrives", LONG, || {
        let arrivals = sink.arrivals();
        let mut found = arrivals
            .iter()
            .enumerate()
            .filter(|(_, arrival)| is_new(arrival));
        found.nth(new - 1).map(|(at, _)| at + 1 - new)
    })
}

fn memory_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    kib.expect("the kernel says how much it had at most")
}

/// Piles up so many for a subscription that is paused, lets them go, and publishes new ones; and
/// waits for all of the old ones where that is wanted.
#[track_caller]
fn check(count: usize, drained: bool) {
    const NEW: usize = 50;
    let (server, sink, other) = (Server::start(), Sink::start(), Sink::start());
    let client = server.client();
    let subscription = id(&client.subscribe(&sink.url(), json!({})));
    let path = format!("/subscriptions/{subscription}");
    client.subscribe(&other.url(), json!({"events": ["new"]}));
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    pile_up(&client, count);
    let clock = SystemClock::new();
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    sink.wait_for(100);
    let events = vec![json!({"type": "new", "data": 1}); NEW];
    client.post("/events/batch", &Value::Array(events), 202);
    other.wait_for(NEW);
    let before = old_before_the_new(&sink, NEW);
    println!(
        "{before} of {count} old ones before {NEW} new ones, {:?}",
        clock.elapsed()
    );
    assert!(
        before < count / 2,
        "the new ones came after {before} of {count}"
    );
    if drained {
        until("all of them arrive", LONG, || {
            (sink.count() >= count + NEW).then_some(())
        });
        println!("all after {:?}", clock.elapsed());
    }
    let memory_kib = memory_kib(&server);
    println!("{memory_kib} KiB at most");
    assert!(memory_kib < MEMORY_MAX_KIB, "{memory_kib} KiB");
}

/// Fault 45, as much of it as a debug build does in a few seconds.
#[test]
fn what_is_new_does_not_wait_behind_twenty_thousand_that_are_due_at_once() {
    check(20_000, false);
}

/// Fault 45 in full; minutes in a debug build.
#[test]
#[ignore = "takes minutes in a debug build: cargo nextest run --run-ignored only backlog"]
fn a_hundred_thousand_that_are_due_at_once_drain_and_hold_nothing_new_up() {
    check(100_000, true);
}
