//! Figures, against the log of deliveries that they are of: the very same numbers, also when the
//! server is killed again and again while they are made.

use std::collections::BTreeMap;

use posthaste::chance::Chance;
use posthaste_receiver::{Behaviour, Script};
use serde_json::{Value, json};

use crate::{
    api::{id, text},
    http::Client,
    server::{ADMIN_KEY, Launch, Server, posthaste},
    sink::Sink,
    wait::{SOON, until},
};

const KILLS: usize = 6;
const BATCH: u64 = 150;

/// What figures and log have in common.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    /// Delivered, failed, discarded, attempts.
    totals: [u64; 4],
    reasons: BTreeMap<String, u64>,
}

fn of_stats(figures: &Value) -> Sums {
    let names = ["delivered", "failed", "discarded", "attempts"];
    let reasons = figures["reasons"].as_object().expect("an object");
    let reasons = reasons
        .iter()
        .map(|(reason, count)| (reason.clone(), count.as_u64().unwrap()));
    Sums {
        totals: names.map(|name| figures["totals"][name].as_u64().expect("a count")),
        reasons: reasons.collect(),
    }
}

/// What the log says of deliveries that match a query, tests left out.
fn of_log(client: &Client, query: &str) -> Sums {
    let mut sums = Sums::default();
    for delivery in client.list(&format!("/deliveries?limit=1000{query}")) {
        if delivery["origin"] == "test" {
            continue;
        }
        match delivery["status"].as_str() {
            Some("delivered") => sums.totals[0] += 1,
            Some("failed") => sums.totals[1] += 1,
            Some("discarded") => sums.totals[2] += 1,
            _ => {}
        }
        let attempts = delivery["attempts"].as_u64().expect("a count");
        sums.totals[3] += attempts;
        if attempts == 1 && delivery["status"] == "delivered" {
            continue;
        }
        for attempt in client.list(&format!("/deliveries/{}/attempts", id(&delivery))) {
            let Some(error) = attempt["error"].as_str() else {
                continue;
            };
            let reason = error.split(':').next().expect("a word").to_owned();
            *sums.reasons.entry(reason).or_default() += 1;
        }
    }
    sums
}

fn nothing_waits(client: &Client) {
    until("nothing waits any more", SOON, || {
        let waiting = |status: &&str| {
            let found = client.get(&format!("/deliveries?limit=1&status={status}"));
            found["data"]
                .as_array()
                .is_some_and(|found| !found.is_empty())
        };
        let waits = ["pending", "retrying"].iter().any(waiting);
        (!waits).then_some(())
    });
}

/// Waits until a subscription's last delivery has ended, and all of it is written.
#[track_caller]
fn agree(client: &Client, path: &str, query: &str) -> Sums {
    until(&format!("{path} says what the log says"), SOON, || {
        let (stats, log) = (of_stats(&client.get(path)), of_log(client, query));
        (stats == log).then_some(log)
    })
}

#[test]
fn known_outcomes_are_counted_exactly_as_the_log_has_them() {
    let server = Server::start();
    let client = server.client();
    let sinks: Vec<Sink> = (0..5).map(|_| Sink::start()).collect();
    sinks[1].script(Script::statuses([500, 503, 200]));
    sinks[2].always(Behaviour::status(404));
    sinks[3].always(Behaviour::Hang);
    let fast = json!({"schedule_s": [0.05, 0.05], "jitter": 0});
    let to = |sink: &Sink, more: Value| id(&client.subscribe(&sink.url(), more));
    let up = to(&sinks[0], json!({}));
    let flaky = to(&sinks[1], json!({"retry": fast}));
    let down = to(&sinks[2], json!({"retry": fast, "auto_pause_after": 0}));
    let slow = to(&sinks[3], json!({"retry": "none", "timeout_ms": 200}));
    let gone = to(&sinks[4], json!({}));
    client.post(&format!("/subscriptions/{gone}/pause"), &Value::Null, 200);
    let first = client.publish("a.b", json!(1));
    for n in 2..=4 {
        client.post(
            "/events",
            &json!({"type": "a.b", "data": n, "subscriptions": [up, down]}),
            202,
        );
    }
    client.post(&format!("/subscriptions/{down}/test"), &Value::Null, 202);
    client.delete(&format!("/subscriptions/{gone}"), 204);
    nothing_waits(&client);
    let reasons = |pairs: &[(&str, u64)]| {
        let pairs = pairs
            .iter()
            .map(|(reason, count)| ((*reason).to_owned(), *count));
        pairs.collect::<BTreeMap<_, _>>()
    };
    for (subscription, totals, why) in [
        (&up, [4, 0, 0, 4], reasons(&[])),
        (
            &flaky,
            [1, 0, 0, 3],
            reasons(&[("http 500", 1), ("http 503", 1)]),
        ),
        (&down, [0, 4, 0, 12], reasons(&[("http 404", 12)])),
        (&slow, [0, 1, 0, 1], reasons(&[("timeout", 1)])),
    ] {
        let path = format!("/subscriptions/{subscription}/stats");
        let sums = agree(&client, &path, &format!("&subscription={subscription}"));
        assert_eq!((sums.totals, sums.reasons), (totals, why), "{subscription}");
    }
    assert_eq!(agree(&client, "/stats", "").totals, [5, 5, 1, 20]);
    let retried = client.get(&format!("/subscriptions/{flaky}/stats"));
    assert!(
        retried["retried_latency_ms"]["p50"].as_f64().unwrap() >= 80.0,
        "{retried}"
    );
    assert_eq!(retried["latency_ms"]["p50"], Value::Null);
    assert_eq!(
        client
            .call("GET", &format!("/subscriptions/{gone}/stats"), &Value::Null)
            .status,
        404
    );
    sent_again(&client, &sinks[2], &first, &down);
    shown_by_the_command(&server, &down);
}

/// What failed and then arrives counts as both; the log keeps the end alone.
fn sent_again(client: &Client, sink: &Sink, event: &Value, to: &str) {
    sink.always(Behaviour::status(200));
    let found = client.list(&format!(
        "/deliveries?event={}&subscription={to}",
        id(event)
    ));
    let delivery = id(&found[0]);
    client.post(
        &format!("/deliveries/{delivery}/redeliver"),
        &Value::Null,
        202,
    );
    client.delivery_when(&delivery, "delivered");
    let stats = client.get(&format!("/subscriptions/{to}/stats"));
    assert_eq!(of_stats(&stats).totals, [1, 4, 0, 13]);
    assert_eq!(stats["totals"]["success_rate"], json!(0.2));
    assert_eq!(stats["totals"]["within_24h"], json!(1.0));
    assert_eq!(
        stats["latency_ms"]["p50"],
        Value::Null,
        "its accept is long ago"
    );
}

fn shown_by_the_command(server: &Server, down: &str) {
    let say = |arguments: &[&str]| {
        let mut command = posthaste();
        command.arg("stats").args(arguments);
        command.env("POSTHASTE_SERVER", server.url());
        command.env("POSTHASTE_KEY", ADMIN_KEY);
        let output = command.output().expect("the binary starts");
        let (out, err) = (output.stdout, output.stderr);
        (
            output.status.code(),
            String::from_utf8(out).expect("it prints text"),
            String::from_utf8(err).expect("it prints text"),
        )
    };
    let (code, shown, _) = say(&["--window", "24h"]);
    println!("{shown}");
    assert_eq!(code, Some(0));
    for part in [
        "The last 1 d, all subscriptions",
        "http 404",
        "after retries",
        "by 30 min",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(
        shown.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let (code, shown, _) = say(&["--subscription", down, "--json"]);
    let one: Value = serde_json::from_str(&shown).expect("one line of JSON");
    assert_eq!(
        (code, &one["totals"]["failed"], &one["step_s"]),
        (Some(0), &json!(4), &json!(60))
    );
    let (code, _, complaint) = say(&["--window", "91d"]);
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains("1m to 90d"), "{complaint}");
}

#[test]
fn figures_and_log_agree_after_kills_in_the_middle_of_traffic() {
    let seed = Chance::from_system().bits();
    println!("POSTHASTE_SEED={seed}");
    let chance = Chance::seeded(seed);
    let (mut server, sink) = (Launch::new().start(), Sink::start());
    sink.always(Behaviour::FailShare {
        share: 0.3,
        status: 500,
        seed,
    });
    let retry = json!({"schedule_s": [0.05, 0.05], "jitter": 0});
    let to = server
        .client()
        .subscribe(&sink.url(), json!({"retry": retry, "auto_pause_after": 0}));
    for _ in 0..KILLS {
        let enough = sink.count() + 1 + (chance.bits() % BATCH) as usize;
        let events = (0..BATCH).map(|n| json!({"type": "a.b", "data": n}));
        server
            .client()
            .post("/events/batch", &events.collect(), 202);
        until("some have arrived", SOON, || {
            (sink.count() >= enough).then_some(())
        });
        server = server.kill().start();
    }
    let client = server.client();
    until("all have ended", SOON, || {
        let [delivered, failed, discarded, _] = of_stats(&client.get("/stats")).totals;
        (delivered + failed + discarded == KILLS as u64 * BATCH).then_some(())
    });
    nothing_waits(&client);
    let sums = agree(&client, "/stats", "");
    println!("{sums:?}");
    assert_eq!(sums.totals[0] + sums.totals[1], KILLS as u64 * BATCH);
    assert!(
        sums.totals[3] > sums.totals[0] + sums.totals[1],
        "some were tried again"
    );
    let path = format!(
        "/subscriptions/{}/stats?window=30d&step=1h",
        text(&to, "id")
    );
    let one = client.get(&path);
    assert_eq!(of_stats(&one), sums);
    let series = one["series"].as_array().expect("a series");
    let by_hour: u64 = series.iter().map(|hour| of_stats(hour).totals[0]).sum();
    assert_eq!(by_hour, sums.totals[0]);
}
