//! Lists: newest first, page by page, with cursors that belong to one list of one tenant.

use serde_json::{Value, json};

use crate::{
    api::{BASE, id},
    http::Client,
    server::Server,
    sink::Sink,
};

fn publish_many(client: &Client, count: usize) -> Vec<String> {
    let items: Vec<_> = (0..count)
        .map(|n| json!({"type": format!("a.t{}", n % 2), "data": n}))
        .collect();
    let answer = client.post("/events/batch", &Value::Array(items), 202);
    answer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(id)
        .collect()
}

#[test]
fn pages_join_into_the_whole_list_newest_first() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    client.subscribe(&sink.url(), json!({}));
    let mut published = publish_many(&client, 25);
    published.reverse();
    let events: Vec<_> = client.list("/events?limit=10").iter().map(id).collect();
    assert_eq!(events, published);
    let of_type: Vec<_> = client
        .list("/events?limit=10&type=a.t0")
        .iter()
        .map(id)
        .collect();
    let even: Vec<_> = published.iter().step_by(2).cloned().collect();
    assert_eq!(of_type, even);

    client.deliveries_when("status=delivered", 25);
    let deliveries = client.list("/deliveries?limit=7");
    let of_events: Vec<_> = deliveries
        .iter()
        .map(|delivery| delivery["event_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(of_events, published);
    assert_eq!(client.list("/deliveries?type=a.t1").len(), 12);
    assert_eq!(
        client
            .list(&format!("/deliveries?event={}", published[3]))
            .len(),
        1
    );
    assert_eq!(client.list("/deliveries?status=failed").len(), 0);
    assert_eq!(client.list("/events?until=2020-01-01T00:00:00Z").len(), 0);
    assert_eq!(client.list("/events?since=2020-01-01T00:00:00Z").len(), 25);
    let first_page = client.get("/events?limit=10");
    assert_eq!(first_page["data"].as_array().unwrap().len(), 10);
}

#[test]
fn a_cursor_of_another_list_tenant_or_forger_is_refused() {
    let server = Server::start();
    let client = server.client();
    client.post("/tenants", &json!({"id": "other"}), 201);
    publish_many(&client, 3);
    let cursor = client.get("/events?limit=1")["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    client.get(&format!("/events?limit=1&cursor={cursor}"));
    let middle = cursor.len() / 2;
    let flipped = if &cursor[middle..=middle] == "A" {
        "B"
    } else {
        "A"
    };
    let forged = format!("{}{flipped}{}", &cursor[..middle], &cursor[middle + 1..]);
    let other = client.with("posthaste-tenant", "other");
    for (who, path) in [
        (
            &client,
            format!("/events?limit=1&cursor={}", &cursor[..cursor.len() - 1]),
        ),
        (&client, format!("/events?limit=1&cursor={forged}")),
        (&client, "/events?cursor=x".to_owned()),
        (&client, format!("/events?type=a.t0&cursor={cursor}")),
        (&client, format!("/deliveries?cursor={cursor}")),
        (&other, format!("/events?limit=1&cursor={cursor}")),
    ] {
        let answer = who.send("GET", &format!("{BASE}{path}"), b"");
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (400, "invalid-cursor"),
            "{path}"
        );
    }
}

#[test]
fn a_delivery_that_nobody_has_tried_yet_is_listed_as_any_other() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    sink.always(posthaste_receiver::Behaviour::Hang);
    let subscription = id(&client.subscribe(&sink.url(), json!({"max_in_flight": 1})));
    let events = publish_many(&client, 5);
    sink.wait_for(1);
    let pending = client.list("/deliveries?status=pending");
    assert_eq!(pending.len(), 5, "{pending:?}");
    for event in &events {
        let of_event = client.list(&format!("/events/{event}/deliveries"));
        assert_eq!(of_event.len(), 1);
        assert_eq!(client.delivery(&id(&of_event[0]))["status"], "pending");
    }
    let of_subscription = client.list(&format!("/deliveries?subscription={subscription}"));
    assert_eq!(of_subscription.len(), 5);
}

#[test]
fn subscriptions_are_listed_by_status_url_and_external_id() {
    let server = Server::start();
    let client = server.client();
    let one = client.subscribe("http://127.0.0.1:8999/one", json!({"external_id": "one"}));
    let two = client.subscribe("http://127.0.0.1:8999/two", json!({}));
    client.post(
        &format!("/subscriptions/{}/pause", id(&two)),
        &Value::Null,
        200,
    );
    let ids = |query: &str| {
        client
            .list(&format!("/subscriptions{query}"))
            .iter()
            .map(id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids("?limit=1"), [id(&two), id(&one)]);
    assert_eq!(ids("?status=paused"), [id(&two)]);
    assert_eq!(ids("?external_id=one"), [id(&one)]);
    assert_eq!(ids("?url=http%3A%2F%2F127.0.0.1%3A8999%2Fone"), [id(&one)]);
}
