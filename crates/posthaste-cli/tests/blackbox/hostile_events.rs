//! Events that are meant to break whoever makes a request of them: each is delivered as it came or
//! a dead letter by itself, and the others go on. Fault 48.

use posthaste_receiver::Behaviour;
use serde_json::{Value, json};

use crate::{
    api::{BASE, id},
    http::Client,
    server::Server,
    signature::assert_signed,
    sink::{Arrival, Sink},
    wait::{SOON, until},
};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const FORMATS: [&str; 4] = ["envelope", "flat", "raw", "cloudevents"];

/// `data` as JSON text.
fn payloads() -> Vec<String> {
    vec![
        format!("{}1{}", "[".repeat(128), "]".repeat(128)),
        r#"{"__proto__":{"a":1},"constructor":null,"":0}"#.to_owned(),
        r#""\u0000\u001b[2J\r\n\r\nHTTP/1.1 200 OK""#.to_owned(),
        r#"{"timestamp":"mine","id":"theirs","data":{}}"#.to_owned(),
        format!("[1e400,-0,9007199254740993,{}]", "9".repeat(10_000)),
        r#""${jndi:ldap://x/}{{7*7}}<%= 7 %><script>alert(1)</script>%s%n""#.to_owned(),
        r#"{"\ud83d\ude00":"\ud83d\ude00","é":"e\u0301","\u202e":1}"#.to_owned(),
        format!(
            "{{{}}}",
            Vec::from_iter((0..5000).map(|n| format!("\"k{n}\":{n}"))).join(",")
        ),
        format!("\"{}\"", "\\u0001".repeat(20_000)),
        "null".to_owned(),
    ]
}

/// Correlation ids and sources.
fn names() -> Vec<String> {
    let control: String = (1..32_u8).map(char::from).collect();
    vec![
        "a\r\nx-injected: 1".to_owned(),
        control,
        "\u{7f}\u{80}\u{2028}".to_owned(),
        "ünï çødé \u{1f600}".to_owned(),
        "\"><script>alert(1)</script>".to_owned(),
        " ".repeat(20),
        "x".repeat(200),
        "%00%0d%0a#?&".to_owned(),
        String::new(),
    ]
}

/// What the API took; what it refuses is refused whole.
fn publish(client: &Client, body: &str) -> Option<String> {
    let answer = client.send("POST", &format!("{BASE}/events"), body.as_bytes());
    match answer.status {
        202 => Some(id(&answer.json())),
        status => {
            assert!((400..500).contains(&status), "{status}: {}", answer.text());
            None
        }
    }
}

fn hostile(client: &Client) -> Vec<String> {
    let payloads = payloads();
    let mut events: Vec<_> = (payloads.iter())
        .map(|data| publish(client, &format!(r#"{{"type":"a.b","data":{data}}}"#)))
        .collect();
    assert!(
        events.iter().all(Option::is_some),
        "every payload is valid JSON"
    );
    for member in ["correlation_id", "source", "ordering_key"] {
        for name in names() {
            let mut event = json!({"type": "a.b", "data": 1});
            event[member] = json!(name);
            events.push(publish(client, &event.to_string()));
        }
    }
    events.into_iter().flatten().collect()
}

/// Fault 48, in every format: nothing of an event gets out of its place in a request.
#[test]
fn whatever_an_event_holds_it_is_delivered_signed_and_whole_or_dies_alone() {
    let server = Server::start();
    let client = server.client();
    let sinks = FORMATS.map(|format| {
        let sink = Sink::start();
        let more =
            json!({"format": format, "secret": SECRET, "retry": "none", "auto_pause_after": 0});
        client.subscribe(&sink.url(), more);
        sink
    });
    let events = hostile(&client);
    let last = id(&client.publish("a.b", json!("others go on")));
    until("all have ended", SOON, || {
        let waiting = client.get("/deliveries?status=pending&limit=1");
        waiting["data"]
            .as_array()
            .expect("a list")
            .is_empty()
            .then_some(())
    });
    let dead = client.list("/deliveries?status=failed&limit=1000");
    assert_eq!(dead, [] as [Value; 0]);
    for sink in sinks {
        let arrivals = sink.wait_for(events.len() + 1);
        assert_eq!(arrivals.len(), events.len() + 1);
        assert!(arrivals.iter().any(|arrival| arrival.id() == last));
        for arrival in &arrivals {
            assert_signed(arrival, SECRET);
            assert_eq!(arrival.header("x-injected"), None);
            let is_json = serde_json::from_slice::<&serde_json::value::RawValue>(&arrival.body);
            assert!(is_json.is_ok(), "{arrival:?}");
        }
    }
}

/// Fault 48: `data` arrives byte for byte where it is sent by itself, in a batch of others too.
#[test]
fn a_hostile_payload_arrives_byte_for_byte_and_in_a_batch_beside_others() {
    let (server, raw, batched) = (Server::start(), Sink::start(), Sink::start());
    let client = server.client();
    client.subscribe(&raw.url(), json!({"format": "raw"}));
    let batch = json!({"max_events": 1000, "max_wait_ms": 300});
    client.subscribe(&batched.url(), json!({"mode": "batch", "batch": batch}));
    let payloads = payloads();
    for data in &payloads {
        publish(&client, &format!(r#"{{"type":"a.b","data":{data}}}"#));
    }
    let mut came: Vec<String> = raw
        .wait_for(payloads.len())
        .iter()
        .map(Arrival::text)
        .collect();
    let mut sent = payloads.clone();
    came.sort_unstable();
    sent.sort_unstable();
    assert_eq!(came, sent);
    client.deliveries_when("status=delivered", 2 * payloads.len());
    let whole: String = batched.arrivals().iter().map(Arrival::text).collect();
    for data in &payloads {
        assert!(whole.contains(&format!("\"data\":{data}}}")), "{data}");
    }
}

/// An answer is as hostile as an event: it is shown as it came and breaks no list.
#[test]
fn a_hostile_answer_is_kept_as_text() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let body: Vec<u8> = (0..=255).collect();
    let answer = posthaste_receiver::Reply::status(500)
        .header("x-a", "\"<script>")
        .body(body);
    sink.always(Behaviour::from(answer));
    client.subscribe(&sink.url(), json!({"retry": "none"}));
    let delivery = client.delivery_of(&client.publish("a.b", Value::Null));
    client.delivery_when(&delivery, "failed");
    let attempt = client
        .list(&format!("/deliveries/{delivery}/attempts"))
        .remove(0);
    assert!(attempt["response_body"].is_string(), "{attempt}");
    assert_eq!(attempt["status_code"], 500);
}
