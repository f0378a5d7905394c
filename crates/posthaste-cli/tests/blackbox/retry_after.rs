//! `Retry-After`: what a receiver asks for holds for its whole subscription, and costs nobody an
//! attempt. Fault 40.

use std::time::Duration;

use posthaste::clock::{Clock, SystemClock, Timestamp};
use posthaste_receiver::{Behaviour, Reply, Script};
use serde_json::{Value, json};

use crate::{api::id, http::Client, retry_policies::time, server::Server, sink::Sink};

/// The policy's own wait: no `Retry-After` shortens it.
const FLOOR_S: u64 = 600;
const DAY_S: u64 = 24 * 3600;
/// What an attempt may take on a busy machine.
const SLACK_S: u64 = 60;

/// An HTTP date so many seconds from now.
fn http_date(from_now_s: i64) -> String {
    let seconds = SystemClock::new().wall().unix_seconds() + from_now_s;
    let time = jiff::Timestamp::from_second(seconds).expect("a time near now");
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// What one answer asks for, and what is to come of it.
struct Row {
    name: &'static str,
    status: u16,
    values: Vec<String>,
    /// The delivery's own wait, in seconds.
    waits_s: u64,
    /// Whether the others of its subscription wait as well.
    all_wait: bool,
}

fn rows() -> Vec<Row> {
    let row = |name, status, values: &[&str], waits_s, all_wait| Row {
        name,
        status,
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        waits_s,
        all_wait,
    };
    let (past, future) = (http_date(-7200), http_date(7200));
    vec![
        row("zero", 429, &["0"], FLOOR_S, false),
        row("an hour", 503, &["3600"], 3600, true),
        row("an hour, by 429", 429, &["3600"], 3600, true),
        row("less than our own", 503, &["300"], FLOOR_S, true),
        row("thousands of years", 429, &["1000000000000"], DAY_S, true),
        row("negative", 503, &["-1"], FLOOR_S, false),
        row("a date that is over", 503, &[&past], FLOOR_S, false),
        row("a date to come", 503, &[&future], 7200, true),
        row("junk", 503, &["soon"], FLOOR_S, false),
        row("two values", 429, &["3600", "7200"], FLOOR_S, false),
        row("none", 429, &[], FLOOR_S, false),
        row("another status", 500, &["3600"], FLOOR_S, false),
    ]
}

fn refusal(row: &Row) -> Behaviour {
    let values = row.values.iter();
    let reply = values.fold(Reply::status(row.status), |reply, value| {
        reply.header("retry-after", value)
    });
    reply.into()
}

/// Of each row's subscription: the delivery that was refused.
fn refused(client: &Client, sink: &Sink, rows: &[Row]) -> Vec<Value> {
    let script = rows
        .iter()
        .enumerate()
        .fold(Script::default(), |script, (n, row)| {
            script.on(&format!("/{n}-"), [refusal(row), Behaviour::status(200)])
        });
    sink.script(script);
    let first = |n: usize| {
        let retry = json!({"schedule_s": [FLOOR_S], "jitter": 0});
        let more = json!({"retry": retry, "events": [format!("row.r{n}")]});
        client.subscribe(&sink.at(&format!("/{n}-")), more);
        client.delivery_of(&client.publish(&format!("row.r{n}"), json!(1)))
    };
    let deliveries: Vec<String> = (0..rows.len()).map(first).collect();
    let seen = deliveries
        .iter()
        .map(|delivery| client.delivery_when(delivery, "retrying"));
    seen.collect()
}

/// Fault 40: every kind of value, each at a subscription of its own.
#[test]
fn a_retry_after_is_kept_up_to_a_day_never_below_our_own_wait_and_junk_is_ignored() {
    let (server, sink, rows) = (Server::start(), Sink::start(), rows());
    let client = server.client();
    for (row, seen) in rows.iter().zip(refused(&client, &sink, &rows)) {
        let waits = time(&seen, "next_attempt_at").since(time(&seen, "sent_at"));
        // An HTTP date has whole seconds.
        let at_least = Duration::from_secs(row.waits_s - u64::from(row.waits_s == 7200) * SLACK_S);
        let at_most = Duration::from_secs(row.waits_s + SLACK_S);
        assert!(
            waits >= at_least && waits <= at_most,
            "{}: {seen}",
            row.name
        );
        assert_eq!(
            (&seen["attempts"], &seen["retries_left"]),
            (&json!(1), &json!(1))
        );
    }
    let others: Vec<Value> = (0..rows.len())
        .map(|n| client.publish(&format!("row.r{n}"), json!(2)))
        .collect();
    let (waiting, going): (Vec<_>, Vec<_>) =
        (rows.iter().zip(&others)).partition(|(row, _)| row.all_wait);
    for (_, event) in going {
        client.delivery_when(&client.delivery_of(event), "delivered");
    }
    for (row, event) in waiting {
        let seen = client.delivery(&client.delivery_of(event));
        let state = (&seen["status"], &seen["attempts"]);
        assert_eq!(
            state,
            (&json!("pending"), &json!(0)),
            "{}: {seen}",
            row.name
        );
    }
}

/// Fault 40: the wait is the subscription's, survives SIGKILL, ends by itself, and the attempts of
/// those that waited are all still there.
#[test]
fn nobody_of_a_subscription_is_sent_before_its_receivers_wait_is_over_though_the_server_is_killed()
{
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let refusal = Reply::status(503).header("retry-after", "4");
    sink.script(Script::sequence([refusal.into(), Behaviour::status(200)]));
    let retry = json!({"schedule_s": [0.05], "jitter": 0});
    client.subscribe(&sink.url(), json!({"retry": retry}));
    let first = client.delivery_of(&client.publish("a.b", json!(0)));
    let refused_at = time(&client.delivery_when(&first, "retrying"), "sent_at");
    let publish = |client: &Client, n: u32| client.delivery_of(&client.publish("a.b", json!(n)));
    let mut others = vec![publish(&client, 1), publish(&client, 2)];

    let server = server.kill().start();
    let client = server.client();
    others.push(publish(&client, 3));
    let over = refused_at + Duration::from_secs(4);
    for other in &others {
        let seen = client.delivery_when(other, "delivered");
        assert_eq!(seen["attempts"], 1);
        assert!(time(&seen, "sent_at") >= over, "{seen}");
    }
    let seen = client.delivery_when(&first, "delivered");
    assert_eq!(seen["attempts"], 2);
    assert!(time(&seen, "sent_at") >= over, "{seen}");
    assert_eq!(sink.count(), 5);
}

/// A person who knows better need not wait.
#[test]
fn a_resume_ends_the_wait() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let refusal = Reply::status(429).header("retry-after", "3600");
    sink.script(Script::sequence([refusal.into(), Behaviour::status(200)]));
    let path = format!(
        "/subscriptions/{}",
        id(&client.subscribe(&sink.url(), json!({})))
    );
    let first = client.delivery_of(&client.publish("a.b", json!(0)));
    client.delivery_when(&first, "retrying");
    let other = client.delivery_of(&client.publish("a.b", json!(1)));
    client.post(&format!("{path}/pause"), &Value::Null, 200);
    client.delivery_when(&other, "held");
    client.post(&format!("{path}/resume"), &Value::Null, 200);
    let seen = client.delivery_when(&other, "delivered");
    assert_eq!(seen["attempts"], 1);
    let again: Timestamp = time(&client.delivery(&first), "next_attempt_at");
    assert!(again > time(&seen, "delivered_at"), "its own wait stays");
}
