//! Replays: exact counts, a SIGKILL in the middle, a stop, and the command line.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use crate::{
    api::id,
    cli::check,
    http::Client,
    server::Server,
    sink::Sink,
    wait::{SOON, until},
};

const FUTURE: &str = "2100-01-01T00:00:00Z";

fn publish_many(client: &Client, count: usize) {
    let items: Vec<Value> = (0..count)
        .map(|n| json!({"type": "a.b", "data": n}))
        .collect();
    client.post("/events/batch", &Value::Array(items), 202);
}

fn begin(client: &Client, more: &Value) -> String {
    let mut body = json!({"since": "2020-01-01T00:00:00Z", "until": FUTURE});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    format!("/replays/{}", id(&client.post("/replays", &body, 202)))
}

fn ended(client: &Client, path: &str) -> Value {
    until("the replay ends", SOON * 3, || {
        let replay = client.get(path);
        (replay["status"] != "running").then_some(replay)
    })
}

/// How often each event arrived.
fn arrivals(sink: &Sink) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for arrival in sink.arrivals() {
        *counts.entry(arrival.id().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn a_replay_that_a_kill_interrupts_goes_on_and_opens_each_delivery_once() {
    const EVENTS: usize = 3000;
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    publish_many(&client, EVENTS);
    sink.wait_for(EVENTS);
    client.deliveries_when("status=delivered", EVENTS);
    let path = begin(&client, &json!({}));
    until("it is in the middle", SOON, || {
        let replay = client.get(&path);
        (replay["progress"]["redelivered"].as_u64() > Some(700)).then_some(())
    });
    let server = server.kill().start();
    let client = server.client();
    let replay = ended(&client, &path);
    assert_eq!(replay["status"], "completed");
    let expected = json!({
        "events": EVENTS, "redelivered": EVENTS, "already_waiting": 0, "created": 0,
        "skipped": 0, "expired": 0,
    });
    assert_eq!(replay["progress"], expected);
    let delivered = client.deliveries_when("status=delivered", EVENTS);
    assert!(delivered.iter().all(|one| one["replay_id"] == replay["id"]));
    let counts = arrivals(&sink);
    assert_eq!(counts.len(), EVENTS);
    assert!(counts.values().all(|count| *count >= 2), "none is lost");
    // What was under way or not yet written at the kill came once more; nothing else did.
    let more = counts.values().filter(|count| **count > 2).count();
    assert!(more <= 600, "{more} came a third time");
    let most = delivered
        .iter()
        .filter_map(|one| one["attempts"].as_u64())
        .max();
    assert!(most <= Some(3), "{most:?}");
}

#[test]
fn a_replay_that_is_stopped_ends_within_five_seconds_and_counts_exactly() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    publish_many(&client, 2000);
    client.deliveries_when("status=delivered", 2000);
    let path = begin(&client, &json!({"rate_per_s": 400}));
    until("it is under way", SOON, || {
        (client.get(&path)["progress"]["redelivered"].as_u64() > Some(200)).then_some(())
    });
    let stopped = client.call("DELETE", &path, &Value::Null).expect(200);
    assert_eq!(stopped["status"], "stopped");
    let sent = stopped["progress"]["redelivered"].as_u64().unwrap();
    let sent = usize::try_from(sent).unwrap();
    until("all that was sent arrives", Duration::from_secs(5), || {
        (sink.count() >= 2000 + sent).then_some(())
    });
    client.deliveries_when("status=delivered", 2000);
    assert_eq!(client.get(&path), stopped, "it does not move any more");
    assert_eq!(sink.count(), 2000 + sent);
}

#[test]
fn the_command_line_counts_replays_and_waits() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let to = id(&client.subscribe(&sink.url(), json!({})));
    publish_many(&client, 30);
    client.deliveries_when("status=delivered", 30);
    let dry = ["replays", "create", "--since", "2h", "--dry-run"];
    let said = check(&server, &dry, "", 0);
    assert!(said.contains(&to), "{said}");
    assert!(
        said.ends_with("30 deliveries would be sent; nothing was\n"),
        "{said}"
    );
    let failed = [&dry[..], &["--only", "failed"]].concat();
    let said = check(&server, &failed, "", 0);
    assert_eq!(said, "0 deliveries would be sent; nothing was\n");
    let waits = [
        "replays",
        "create",
        "--since",
        "2h",
        "--type",
        "a.*",
        "--subscription",
        &to,
        "--wait",
    ];
    let said = check(&server, &waits, "", 0);
    assert!(
        said.ends_with(" is completed: 30 deliveries sent\n"),
        "{said}"
    );
    sink.wait_for(60);
    let listed = check(&server, &["--json", "replays", "list"], "", 0);
    let listed: Value = serde_json::from_str(listed.trim()).expect("one replay");
    let show = check(&server, &["--json", "replays", "show", &id(&listed)], "", 0);
    let show: Value = serde_json::from_str(&show).expect("the replay");
    assert_eq!(show["progress"], listed["progress"]);
    let stop = check(&server, &["replays", "stop", &id(&listed)], "", 0);
    assert_eq!(stop, format!("{} is completed\n", id(&listed)));
    check(&server, &["replays", "create", "--since", "soon"], "", 2);
}
