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

/// Piles up so many for a subscription that is paused, lets them go, publishes new ones, and waits
/// for as many of the old ones as are to be `drained`.
#[track_caller]
fn check(count: usize, drained: usize) {
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
        "{before} of {count} before what is new, {:?}",
        clock.elapsed()
    );
    assert!(
        before < count / 4,
        "the new ones came after {before} of {count}"
    );

    let half = drained_after(&clock, &sink, drained / 2);
    let whole = drained_after(&clock, &sink, drained);
    let memory_kib = memory_kib(&server);
    println!("{drained} after {whole:?}, half of it after {half:?}; {memory_kib} KiB at most");
    assert!(whole < 3 * half + Duration::from_secs(10), "it slows down");
    assert!(memory_kib < MEMORY_MAX_KIB, "{memory_kib} KiB");
}

fn drained_after(clock: &SystemClock, sink: &Sink, count: usize) -> Duration {
    until(&format!("{count} arrive"), LONG, || {
        (sink.count() >= count).then(|| clock.elapsed())
    })
}

/// Fault 45.
#[test]
fn what_is_new_does_not_wait_behind_a_hundred_thousand_that_are_due_at_once() {
    check(100_000, 10_000);
}

/// Fault 45 to its end.
#[test]
#[ignore = "takes half a minute in a debug build: cargo nextest run --run-ignored only backlog"]
fn a_hundred_thousand_that_are_due_at_once_drain_to_the_last() {
    check(100_000, 100_050);
}
