//! Order: of one key the next never leaves before the one in front has ended, and no key waits for
//! another.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use posthaste::chance::Chance;
use posthaste_receiver::{Behaviour, Reply, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::Server,
    sink::{Arrival, Sink},
    wait::{SOON, until},
};

/// Keys and numbers as they came, the repeats of a retry too.
type Came = BTreeMap<String, Vec<u64>>;

fn event(key: &str, number: u64) -> Value {
    let data = json!({"key": key, "name": format!("{key}-{number}."), "number": number});
    json!({"type": "a.b", "data": data, "ordering_key": key})
}

/// One event of each key, then the next of each.
fn publish(client: &Client, keys: &[&str], numbers: std::ops::Range<u64>) {
    let rows = numbers.flat_map(|number| keys.iter().map(move |key| event(key, number)));
    client.post("/events/batch", &rows.collect(), 202);
}

fn came(arrivals: &[Arrival]) -> Came {
    let mut came = Came::new();
    for arrival in arrivals {
        let body: Value = serde_json::from_slice(&arrival.body).expect("it is JSON");
        let number = body["data"]["number"].as_u64().expect("a number");
        came.entry(text(&body["data"], "key"))
            .or_default()
            .push(number);
    }
    came
}

/// Each key's numbers came in order, each perhaps several times in a row.
#[track_caller]
fn assert_order(came: &Came, keys: usize, numbers: std::ops::Range<u64>) {
    assert_eq!(came.len(), keys);
    for (key, seen) in came {
        let mut once = seen.clone();
        once.dedup();
        assert_eq!(once, Vec::from_iter(numbers.clone()), "{key}: {seen:?}");
    }
}

fn subscribe(client: &Client, sink: &Sink, more: &Value) -> String {
    let mut body = json!({"ordering": "fifo", "auto_pause_after": 0});
    body.as_object_mut()
        .expect("an object")
        .extend(more.as_object().cloned().unwrap_or_default());
    id(&client.subscribe(&sink.url(), body))
}

#[track_caller]
fn all_ended(client: &Client, delivered: usize) {
    until(&format!("{delivered} are delivered"), SOON, || {
        let waiting = ["pending", "retrying"].map(|status| {
            let page = client.get(&format!("/deliveries?limit=1&status={status}"));
            page["data"].as_array().expect("a list").len()
        });
        (waiting == [0, 0]).then_some(())
    });
    let found = client.list("/deliveries?limit=1000&status=delivered");
    assert_eq!(found.len(), delivered);
}

/// Fault 49: whatever fails is tried again before the next of its key.
#[test]
fn every_key_keeps_its_order_through_failures() {
    let seed = Chance::from_system().bits();
    println!("seed {seed}");
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::FailShare {
        share: 0.3,
        status: 500,
        seed,
    });
    let retry = json!({"schedule_s": vec![0.05; 30]});
    subscribe(&client, &sink, &json!({"retry": retry}));
    publish(&client, &["a", "b", "c", "d"], 0..15);
    all_ended(&client, 60);
    assert_order(&came(&sink.arrivals()), 4, 0..15);
}

/// Those without a key share a line of their own.
#[test]
fn what_has_no_key_keeps_its_order_too() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::always(
        Reply::status(200).after(Duration::from_millis(2)),
    ));
    subscribe(&client, &sink, &json!({}));
    let events = (0..50).map(|number| {
        let mut event = event("none", number);
        event
            .as_object_mut()
            .expect("an object")
            .remove("ordering_key");
        event
    });
    client.post("/events/batch", &events.collect(), 202);
    let arrivals = sink.wait_for(50);
    assert_order(&came(&arrivals), 1, 0..50);
    assert!(arrivals.iter().all(|arrival| arrival.at_once == 1));
}

/// Fault 49, in small: a head that fails holds its own key alone, until it is a dead letter.
#[test]
fn a_head_that_fails_holds_up_its_own_key_and_none_of_five_hundred_others() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::default().on_text("bad-0.", [Behaviour::status(500)]));
    let retry = json!({"schedule_s": [3600], "jitter": 0});
    subscribe(&client, &sink, &json!({"retry": retry}));
    publish(&client, &["bad"], 0..3);
    let keys: Vec<String> = (0..500).map(|n| format!("k{n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    publish(&client, &keys, 0..2);
    let mut seen = came(&sink.wait_for(1 + 1000));
    assert_eq!(seen.remove("bad"), Some(vec![0]));
    assert_order(&seen, 500, 0..2);

    let head = client.deliveries_when("status=retrying", 1).remove(0);
    assert_eq!(head["attempts"], 1);
    let waiting = client.deliveries_when("status=pending", 2);
    assert!(waiting.iter().all(|waiting| waiting["attempts"] == 0));
    client.post(
        &format!("/deliveries/{}/redeliver", id(&head)),
        &Value::Null,
        202,
    );
    client.delivery_when(&id(&head), "failed");
    let seen = came(&sink.wait_for(1000 + 4));
    assert_eq!(
        seen["bad"],
        [0, 0, 1, 2],
        "a dead letter lets the next ones go"
    );
}

/// One that failed stands before another that is being tried again.
#[test]
fn a_dead_letter_that_is_sent_again_takes_its_old_place_in_line() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let script = Script::default()
        .on_text("k-0.", [500, 500, 200].map(Behaviour::status))
        .on_text("k-1.", [500, 200].map(Behaviour::status));
    sink.script(script);
    let retry = json!({"schedule_s": [3600], "jitter": 0});
    subscribe(&client, &sink, &json!({"retry": retry}));
    publish(&client, &["k"], 0..5);
    let again = |delivery: &str| {
        client.post(
            &format!("/deliveries/{delivery}/redeliver"),
            &Value::Null,
            202,
        );
    };
    let first = id(&client.deliveries_when("status=retrying", 1)[0]);
    again(&first);
    client.delivery_when(&first, "failed");
    let second = id(&client.deliveries_when("status=retrying", 1)[0]);
    again(&first);
    client.delivery_when(&first, "delivered");
    again(&second);
    all_ended(&client, 5);
    assert_eq!(came(&sink.arrivals())["k"], [0, 0, 1, 0, 1, 2, 3, 4]);
}

/// Faults 4 to 6 where order is kept: what was ended and not yet written is sent again after a
/// SIGKILL, in the same order, and whoever looks at the ids sees every key in order.
#[test]
fn order_is_kept_through_two_kills() {
    let (mut server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let answer = Reply::status(200).after(Duration::from_millis(5));
    sink.script(Script::sequence([Behaviour::status(500), answer.into()]));
    let retry = json!({"schedule_s": vec![0.05; 5]});
    subscribe(&client, &sink, &json!({"retry": retry}));
    publish(&client, &["a", "b", "c"], 0..60);
    for kill_at in [20, 90] {
        sink.wait_for(kill_at);
        server = server.kill().start();
    }
    all_ended(&server.client(), 180);
    for (key, seen) in came(&sink.arrivals()) {
        let back = seen.windows(2).filter(|two| two[1] < two[0]).count();
        assert!(back <= 2, "{key} goes back once with each kill: {seen:?}");
        let ahead = seen.windows(2).find(|two| two[1] > two[0] + 1);
        assert_eq!(ahead, None, "{key}: {seen:?}");
        assert_eq!((seen[0], seen[seen.len() - 1]), (0, 59), "{key}: {seen:?}");
    }
}

#[test]
fn what_is_published_before_and_while_paused_keeps_its_order() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let path = format!("/subscriptions/{}", subscribe(&client, &sink, &json!({})));
    publish(&client, &["a", "b"], 0..20);
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    publish(&client, &["a", "b"], 20..40);
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    let arrivals = sink.wait_for(80);
    assert_order(&came(&arrivals), 2, 0..40);
    publish(&client, &["a", "b"], 40..60);
    assert_order(&came(&sink.wait_for(120)), 2, 0..60);
    assert_eq!(sink.count(), 120);
}

/// What comes while the backlog of a pause is still being brought in stands behind it.
#[test]
fn what_is_published_at_once_after_a_resume_comes_behind_what_was_held() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let path = format!("/subscriptions/{}", subscribe(&client, &sink, &json!({})));
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    publish(&client, &["a"], 0..20);
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    publish(&client, &["a"], 20..40);
    assert_order(&came(&sink.wait_for(40)), 1, 0..40);
}

#[test]
fn order_can_be_switched_on_for_what_waits_and_off_again() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::always(
        Reply::status(200).after(Duration::from_millis(20)),
    ));
    let subscription = subscribe(&client, &sink, &json!({"ordering": "none"}));
    let path = format!("/subscriptions/{subscription}");
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    publish(&client, &["a"], 0..20);
    client.patch(&path, &json!({"ordering": "fifo"}));
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    let arrivals = sink.wait_for(20);
    assert_order(&came(&arrivals), 1, 0..20);
    assert!(arrivals.iter().all(|arrival| arrival.at_once == 1));

    client.deliveries_when("status=delivered", 20);
    client.patch(&path, &json!({"ordering": "none"}));
    publish(&client, &["a"], 20..60);
    let arrivals = sink.wait_for(60);
    let numbers: BTreeSet<u64> = came(&arrivals)["a"].iter().copied().collect();
    assert_eq!(numbers.len(), 60);
    assert!(arrivals[20..].iter().any(|arrival| arrival.at_once > 1));
}

/// Under load, without a pause: what is under way as order is switched on ends first.
#[test]
fn order_can_be_switched_on_while_its_key_flows() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::always(
        Reply::status(200).after(Duration::from_millis(20)),
    ));
    let more = json!({"ordering": "none", "max_in_flight": 4});
    let subscription = subscribe(&client, &sink, &more);
    publish(&client, &["a"], 0..60);
    sink.wait_for(8);
    client.patch(
        &format!("/subscriptions/{subscription}"),
        &json!({"ordering": "fifo"}),
    );
    let switched = sink.count();
    publish(&client, &["a"], 60..80);
    all_ended(&client, 80);
    let seen = came(&sink.arrivals())["a"].clone();
    // Requests that were on their way as the answer to the PATCH was.
    let ordered = &seen[(switched + 4).min(60)..];
    assert!(ordered.is_sorted(), "{switched}: {seen:?}");
    assert_eq!(seen.len(), 80);
}
