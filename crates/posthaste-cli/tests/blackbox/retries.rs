//! What fails is tried again, by its policy, until it is a dead letter; and that can be sent again.

use posthaste_receiver::{Behaviour, Script};
use serde_json::{Value, json};

use crate::{api::id, server::Server, sink::Sink};

const FAST: &str = r#"{"schedule_s":[0.05,0.05],"jitter":0}"#;

fn fast() -> Value {
    serde_json::from_str(FAST).expect("it is JSON")
}

#[test]
fn a_failed_delivery_is_tried_again_under_the_same_id() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.script(Script::statuses([500, 404, 200]));
    let subscription = client.subscribe(&sink.url(), json!({"retry": fast()}));
    let event = client.publish("a.b", json!({"n": 1}));
    let delivery = client.delivery_when(&client.delivery_of(&event), "delivered");
    assert_eq!(delivery["attempts"], 3);
    let arrivals = sink.wait_for(3);
    for arrival in &arrivals {
        assert_eq!(arrival.id(), id(&event));
        assert_eq!(arrival.body, arrivals[0].body);
    }
    let attempts = client.list(&format!("/deliveries/{}/attempts", id(&delivery)));
    let mut seen: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt["number"].as_u64(), attempt["status_code"].as_u64()))
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            (Some(1), Some(500)),
            (Some(2), Some(404)),
            (Some(3), Some(200))
        ]
    );
    let health = &client.subscription(&id(&subscription))["health"];
    assert_eq!(
        (&health["status"], &health["failed_attempts_in_a_row"]),
        (&json!("healthy"), &json!(0))
    );
}

#[test]
fn every_kind_of_policy_retries_as_often_as_it_says() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    for (policy, attempts) in [
        (json!("none"), 1),
        (json!({"schedule_s": [0.05, 0.1]}), 3),
        (
            json!({"linear": {"delay_s": 0.05, "retries": 2}, "jitter": 0.1}),
            3,
        ),
        (
            json!({"exponential": {"base_s": 0.05, "factor": 2, "max_s": 0.1, "retries": 3}}),
            4,
        ),
    ] {
        let subscription = client.subscribe(&sink.url(), json!({"retry": policy}));
        let event = client.publish("a.b", json!(1));
        let delivery = client.delivery_when(&client.delivery_of(&event), "failed");
        assert_eq!(delivery["attempts"], attempts, "{policy}");
        assert_eq!(delivery["retries_left"], 0);
        assert_eq!(delivery["next_attempt_at"], Value::Null);
        assert!(
            delivery["last_error"].as_str().unwrap().starts_with("http"),
            "{delivery}"
        );
        client.delete(&format!("/subscriptions/{}", id(&subscription)), 204);
    }
}

#[test]
fn a_delivery_that_waits_says_until_when() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(500));
    client.subscribe(&sink.url(), json!({}));
    let event = client.publish("a.b", json!(1));
    let delivery = client.delivery_when(&client.delivery_of(&event), "retrying");
    assert_eq!(
        (&delivery["attempts"], &delivery["retries_left"]),
        (&json!(1), &json!(5))
    );
    assert!(
        delivery["next_attempt_at"].as_str() > delivery["sent_at"].as_str(),
        "{delivery}"
    );

    sink.always(Behaviour::status(200));
    let again = client.post(
        &format!("/deliveries/{}/redeliver", id(&delivery)),
        &Value::Null,
        202,
    );
    assert_eq!(again, json!({"redelivered": 1, "already_waiting": 0}));
    client.delivery_when(&id(&delivery), "delivered");
}

#[test]
fn a_dead_letter_is_kept_listed_and_sent_again_when_asked() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(Behaviour::status(503));
    let subscription = client.subscribe(&sink.url(), json!({"retry": fast()}));
    let event = client.publish("a.b", json!(1));
    let dead = client.deliveries_when("status=failed", 1).remove(0);
    assert_eq!(
        (&dead["event_id"], &dead["attempts"]),
        (&event["id"], &json!(3))
    );
    let health = client.subscription(&id(&subscription))["health"].clone();
    assert_eq!(
        (&health["status"], &health["consecutive_failures"]),
        (&json!("unhealthy"), &json!(1))
    );

    sink.always(Behaviour::status(200));
    let path = format!("/deliveries/{}/redeliver", id(&dead));
    assert_eq!(
        client.post(&path, &Value::Null, 202),
        json!({"redelivered": 1, "already_waiting": 0})
    );
    let alive = client.delivery_when(&id(&dead), "delivered");
    assert_eq!(
        (&alive["attempts"], &alive["origin"]),
        (&json!(4), &json!("redeliver"))
    );
    assert_eq!(
        client
            .list(&format!("/deliveries/{}/attempts", id(&dead)))
            .len(),
        4
    );
    let arrivals = sink.wait_for(4);
    assert!(arrivals.iter().all(|arrival| arrival.id() == id(&event)));
    client.post("/deliveries/dlv_0000000000001/redeliver", &Value::Null, 404);
}

#[track_caller]
fn check_class(mut more: Value, conduct: Behaviour, class: &str) {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(conduct);
    more["retry"] = json!("none");
    client.subscribe(&sink.url(), more);
    client.publish("a.b", json!(1));
    let dead = client.deliveries_when("status=failed", 1).remove(0);
    assert!(
        dead["last_error"].as_str().unwrap().starts_with(class),
        "{class}: {dead}"
    );
    assert_eq!(sink.arrivals().len(), 1, "no request but the one");
}

#[test]
fn every_failure_has_its_class() {
    check_class(json!({"timeout_ms": 100}), Behaviour::Hang, "timeout");
    let elsewhere = Behaviour::Redirect {
        status: 302,
        to: "/elsewhere".to_owned(),
    };
    check_class(json!({}), elsewhere, "http");
    check_class(
        json!({}),
        Behaviour::HugeHead { bytes: 20_000 },
        "response_too_large",
    );
    check_class(json!({}), Behaviour::Garbage, "protocol");
}

#[test]
fn nobody_there_is_a_connect_failure() {
    let server = Server::start();
    let client = server.client();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    client.subscribe(&format!("http://{closed}/"), json!({"retry": "none"}));
    client.publish("a.b", json!(1));
    let dead = client.deliveries_when("status=failed", 1).remove(0);
    assert!(
        dead["last_error"].as_str().unwrap().starts_with("connect"),
        "{dead}"
    );
    assert_eq!(dead["last_status_code"], Value::Null);
    let errors = client.list("/deliveries?error=connect");
    assert_eq!(errors.len(), 1);
}
