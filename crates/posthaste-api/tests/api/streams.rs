//! Streams of what happens, read as they come.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use http::StatusCode;
use serde_json::Value;
use tower::ServiceExt;

use super::world::{PLATFORM_KEY, World, request};

const A_MOMENT: Duration = Duration::from_millis(100);

/// One open stream, and what has come of it.
pub struct Listening {
    body: BodyDataStream,
    text: String,
}

/// A message's kind, id and data.
pub type Message = (String, String, Value);

impl Listening {
    /// What comes within a moment; says whether the stream is still open.
    async fn read(&mut self) -> bool {
        loop {
            match tokio::time::timeout(A_MOMENT, self.body.next()).await {
                Ok(Some(chunk)) => {
                    self.text += std::str::from_utf8(&chunk.unwrap()).unwrap();
                }
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }

    pub async fn is_open(&mut self) -> bool {
        self.read().await
    }

    /// The messages that came since the last look.
    async fn messages(&mut self) -> Vec<Message> {
        assert!(self.read().await, "it is open");
        let text = std::mem::take(&mut self.text);
        text.split("\n\n").filter_map(message).collect()
    }
}

fn message(block: &str) -> Option<Message> {
    let all = |name: &str| {
        let lines = block.lines();
        let values: Vec<&str> = lines.filter_map(|line| line.strip_prefix(name)).collect();
        values.join("\n")
    };
    let data = all("data: ");
    let data = (!data.is_empty()).then(|| serde_json::from_str(&data).unwrap())?;
    Some((all("event: "), all("id: "), data))
}

/// With the platform's key.
pub async fn open_stream(world: &World, path: &str, more: &[(&str, &str)]) -> Listening {
    open(world, path, PLATFORM_KEY, more).await
}

pub async fn messages_of(listening: &mut Listening) -> Vec<Message> {
    listening.messages().await
}

async fn open(world: &World, path: &str, key: &str, more: &[(&str, &str)]) -> Listening {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(more);
    let request = request("GET", path, &headers, Body::empty());
    let response = world.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let content_type = &response.headers()["content-type"];
    assert_eq!(content_type, "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut listening = Listening {
        body: response.into_body().into_data_stream(),
        text: String::new(),
    };
    assert!(listening.read().await);
    assert!(listening.text.starts_with("retry: 1000\n: "), "at once");
    listening
}

async fn events(world: &World, query: &str) -> Listening {
    open(world, &format!("/events/stream{query}"), PLATFORM_KEY, &[]).await
}

async fn outcomes(world: &World, query: &str) -> Listening {
    let path = format!("/deliveries/stream{query}");
    open(world, &path, PLATFORM_KEY, &[]).await
}

async fn publish(world: &World, event_type: &str) -> String {
    let body = format!("{{\"type\":\"{event_type}\",\"data\":{{ \"n\":1.0,\n\"é\":2 }}}}");
    let published = world.post("/events", &body).await;
    assert_eq!(published.status, 202, "{}", published.text);
    published.body["id"].as_str().unwrap().to_owned()
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|(_, id, _)| id.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_accepted_event_is_a_message_as_it_is_read() {
    let world = World::new().await;
    let (mut all, mut some) = (
        events(&world, "").await,
        events(&world, "?types=c.*,a.b").await,
    );
    let (first, second) = (publish(&world, "a.b").await, publish(&world, "b.b").await);
    let messages = all.messages().await;
    assert_eq!(ids(&messages), [&first, &second]);
    assert_eq!(ids(&some.messages().await), [&first]);
    let (kind, _, mut data) = messages.into_iter().next().unwrap();
    assert_eq!(kind, "event");
    let members = data.as_object_mut().unwrap();
    assert_eq!(members.remove("traceparent"), Some(Value::Null));
    assert_eq!(members.remove("hops"), Some(0.into()));
    assert!(members.remove("server").unwrap().is_string());
    assert_eq!(data, world.get(&format!("/events/{first}")).await.body);
}

#[tokio::test(start_paused = true)]
async fn data_comes_byte_for_byte_over_lines() {
    let world = World::new().await;
    let mut listening = events(&world, "").await;
    listening.text.clear();
    publish(&world, "a.b").await;
    assert!(listening.read().await);
    let lines = "\"data\":{ \"n\":1.0,\ndata: \"é\":2 }";
    assert!(listening.text.contains(lines), "{}", listening.text);
}

#[tokio::test(start_paused = true)]
async fn a_listener_goes_on_after_the_last_id_that_it_has() {
    let world = World::new().await;
    let first = publish(&world, "a.b").await;
    let second = publish(&world, "a.b").await;
    let mut after = events(&world, &format!("?after={first}")).await;
    assert_eq!(ids(&after.messages().await), [&second]);
    let header = [("last-event-id", first.as_str())];
    let path = format!("/events/stream?after={second}");
    let mut header = open(&world, &path, PLATFORM_KEY, &header).await;
    assert_eq!(ids(&header.messages().await), [&second], "the header wins");
    let third = publish(&world, "a.b").await;
    assert_eq!(ids(&after.messages().await), [&third]);
    assert_eq!(ids(&header.messages().await), [&third]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_shows_that_it_lives_and_where_to_come_back() {
    let world = World::new().await;
    let mut listening = events(&world, "?types=b.b").await;
    listening.text.clear();
    let other = publish(&world, "a.b").await;
    assert_eq!(listening.messages().await, []);
    tokio::time::sleep(Duration::from_secs(16)).await;
    assert!(listening.read().await);
    assert_eq!(listening.text, format!(": still here\nid: {other}\n\n"));
}

#[tokio::test(start_paused = true)]
async fn each_outcome_is_a_message_as_its_delivery_is_read() {
    let world = World::new().await;
    let down = r#"{"url":"https://example.com/down","retry":"none","events":["a.b"]}"#;
    world.subscribe(down).await;
    let up = r#"{"url":"https://example.com/up","events":["a.c"]}"#;
    let up = world.subscribe(up).await.body["id"].clone();
    let up = up.as_str().unwrap();
    let mut all = outcomes(&world, "").await;
    let mut failed = outcomes(&world, "?status=failed&type=a.b").await;
    let mut one = outcomes(&world, &format!("?subscription={up}")).await;
    publish(&world, "a.b").await;
    world.settle().await;
    let event = publish(&world, "a.c").await;
    let mut of_event = outcomes(&world, &format!("?event={event}")).await;
    world.settle().await;
    let messages = all.messages().await;
    let seen = messages.iter().map(|(kind, _, data)| {
        assert_eq!(kind, "delivery");
        (
            data["status"].as_str().unwrap(),
            data["last_status_code"].as_u64(),
        )
    });
    let expected = [("failed", Some(500)), ("delivered", Some(200))];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    for (_, id, data) in &messages {
        let delivery = data["id"].as_str().unwrap();
        assert_eq!(*id, format!("{delivery}/1"));
        let mut data = data.clone();
        let latency = data.as_object_mut().unwrap().remove("latency_ms");
        assert!(latency.unwrap().is_number());
        let read = world.get(&format!("/deliveries/{delivery}")).await;
        assert_eq!(data, read.body);
    }
    assert_eq!(ids(&failed.messages().await), [&messages[0].1]);
    assert_eq!(ids(&one.messages().await), [&messages[1].1]);
    assert_eq!(ids(&of_event.messages().await), [&messages[1].1]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_too_slow_is_told_how_many_it_missed() {
    let world = World::new().await;
    world.subscribe(r#"{"url":"https://example.com/up"}"#).await;
    let mut slow = outcomes(&world, "").await;
    slow.text.clear();
    let events = vec![r#"{"type":"a.b","data":1}"#; 5000].join(",");
    let batch = world.post("/events/batch", &format!("[{events}]")).await;
    assert_eq!(batch.status, 202, "{}", batch.text);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let messages = slow.messages().await;
    let (kind, id, data) = &messages[0];
    assert_eq!((kind.as_str(), id.as_str()), ("gap", ""));
    let missed = data["missed"].as_u64().unwrap();
    assert_eq!(missed as usize + messages.len() - 1, 5000);
}

#[tokio::test(start_paused = true)]
async fn another_tenant_hears_nothing() {
    let world = World::new().await;
    world.post("/tenants", r#"{"id":"acme"}"#).await;
    let key = world.key("acme", r#"["*"]"#).await;
    let after = "/events/stream?after=evt_0000000000000";
    let mut acme = [
        open(&world, after, &key, &[]).await,
        open(&world, "/events/stream?types=*,posthaste.*", &key, &[]).await,
        open(&world, "/deliveries/stream", &key, &[]).await,
    ];
    world.subscribe(r#"{"url":"https://example.com/up"}"#).await;
    publish(&world, "a.b").await;
    world.settle().await;
    for listening in &mut acme {
        assert_eq!(listening.messages().await, []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_when_its_key_is_deleted() {
    let world = World::new().await;
    let key = world.key("default", r#"["events:read"]"#).await;
    let mut listening = open(&world, "/events/stream", &key, &[]).await;
    let keys = world.get("/keys").await;
    let id = keys.body["data"][0]["id"].as_str().unwrap();
    let deleted = world.call("DELETE", &format!("/keys/{id}"), "").await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    listening.text.clear();
    publish(&world, "a.b").await;
    assert!(!listening.read().await, "it is closed");
    assert_eq!(listening.text, "");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_with_its_tenant() {
    let world = World::new().await;
    assert_eq!(world.post("/tenants", r#"{"id":"acme"}"#).await.status, 201);
    let of_acme = [("posthaste-tenant", "acme")];
    let mut listening = open(&world, "/events/stream", PLATFORM_KEY, &of_acme).await;
    let deleted = world.call("DELETE", "/tenants/acme", "").await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!(!listening.read().await, "it is closed");
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_wrongly_or_without_the_scope_is_refused() {
    let world = World::new().await;
    for (path, pointer) in [
        ("/events/stream?type=a.b", "?type"),
        ("/events/stream?types=a%20b", "?types"),
        ("/events/stream?types=", "?types"),
        ("/events/stream?after=dlv_0000000000001", "?after"),
        ("/deliveries/stream?status=good", "?status"),
        ("/deliveries/stream?since=2026-11-21T20:36:00Z", "?since"),
    ] {
        let refused = world.get(path).await;
        assert_eq!(refused.status, 422, "{path}: {}", refused.text);
        assert_eq!(refused.pointers(), [pointer], "{path}");
    }
    let header = [("last-event-id", "7")];
    let refused = world.call_with("GET", "/events/stream", &header, "").await;
    assert_eq!(
        (refused.status.as_u16(), refused.pointers()),
        (422, vec!["@last-event-id"])
    );
    let deliveries = world.key("default", r#"["deliveries:read"]"#).await;
    let events = world.key("default", r#"["events:read"]"#).await;
    for (path, key) in [
        ("/events/stream", deliveries),
        ("/deliveries/stream", events),
    ] {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let refused = world.send(request("GET", path, &headers, "")).await;
        assert_eq!(refused.problem().0, "insufficient-scope", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn streams_of_a_tenant_are_bounded_and_their_places_come_back() {
    let world = World::new().await;
    let mut open = Vec::new();
    for _ in 0..50 {
        open.push(events(&world, "").await);
    }
    let refused = world.get("/deliveries/stream").await;
    assert_eq!(refused.problem().0, "too-many-streams");
    assert_eq!(refused.header("retry-after"), Some("5"));
    open.pop();
    outcomes(&world, "").await;
}
