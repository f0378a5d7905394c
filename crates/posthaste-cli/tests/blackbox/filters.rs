//! Filters from outside: who gets what, why, and what is said about a filter that is none.

use serde_json::{Value, json};

use crate::{
    api::{assert_members, id, text},
    http::Client,
    server::Server,
    sink::Sink,
};

const URL: &str = "http://127.0.0.1:8999/hook";

fn wealthy() -> Value {
    json!({"data": {"amount": {"$gte": 100}, "currency": ["EUR", "CHF"]}})
}

/// How many deliveries a publish makes.
#[track_caller]
fn deliveries(client: &Client, data: Value) -> u64 {
    client.publish("order.paid", data)["deliveries"]
        .as_u64()
        .expect("a number")
}

/// The one entry of a subscription among an event's matches.
#[track_caller]
fn judged(client: &Client, event: &str, subscription: &str) -> Value {
    let all = client.list(&format!("/events/{event}/matches"));
    let mut own = all
        .into_iter()
        .filter(|one| one["subscription_id"] == subscription);
    let found = own.next().expect("every subscription is judged");
    assert_eq!(own.next(), None, "once");
    let members = [
        "subscription_id",
        "matches",
        "reason",
        "clauses",
        "delivery_id",
    ];
    assert_members(&found, &members);
    found
}

#[test]
fn only_events_that_match_are_delivered_over_a_restart_too() {
    let (server, sink) = (Server::start(), Sink::start());
    let client = server.client();
    let made = client.subscribe(&sink.url(), json!({"filter": wealthy()}));
    assert_eq!(made["filter"], wealthy());
    assert_eq!(
        deliveries(&client, json!({"amount": 99.99, "currency": "EUR"})),
        0
    );
    assert_eq!(
        deliveries(&client, json!({"amount": 100, "currency": "USD"})),
        0
    );
    assert_eq!(
        deliveries(&client, json!({"amount": "100", "currency": "EUR"})),
        0
    );
    assert_eq!(deliveries(&client, json!("nothing of the kind")), 0);
    assert_eq!(
        deliveries(&client, json!({"amount": 1e2, "currency": "CHF"})),
        1
    );
    client.deliveries_when("status=delivered", 1);

    let server = server.kill().start();
    let client = server.client();
    assert_eq!(client.subscription(&id(&made))["filter"], wealthy());
    assert_eq!(
        deliveries(&client, json!({"amount": 1, "currency": "CHF"})),
        0
    );
    assert_eq!(
        deliveries(&client, json!({"amount": 7e9, "currency": "EUR"})),
        1
    );
    assert_eq!(sink.wait_for(2).len(), 2);
}

#[test]
fn numbers_are_compared_as_they_were_published() {
    let server = Server::start();
    let client = server.client();
    let path = format!("/subscriptions/{}", id(&client.subscribe(URL, json!({}))));
    let base = crate::api::BASE;
    let check = |pattern: &str, n: &str, expected: u64| {
        let patch = format!(r#"{{"filter":{{"data":{{"n":{pattern}}}}}}}"#);
        let patched = client.send("PATCH", &format!("{base}{path}"), patch.as_bytes());
        // Its filter may be a number that this test's JSON cannot hold.
        assert_eq!(patched.status, 200, "{}", patched.text());
        let event = format!(r#"{{"type":"a.b","data":{{"n":{n}}}}}"#);
        let made = client
            .send("POST", &format!("{base}/events"), event.as_bytes())
            .expect(202);
        assert_eq!(made["deliveries"], expected, "{pattern} {n}");
    };
    check("9007199254740993", "9007199254740993", 1);
    check("9007199254740993", "9007199254740992", 0);
    check("1", "1.0", 1);
    check("0", "-0", 1);
    check(r#"{"$gt":1e399}"#, "1e400", 1);
    check(r#"{"$lt":1e-999999999}"#, "1e999999999", 0);
    check(r#"{"$lt":1}"#, r#""0""#, 0);
}

#[test]
fn a_filter_is_changed_and_cleared() {
    let server = Server::start();
    let client = server.client();
    let made = client.subscribe(URL, json!({"filter": {"data": {"n": 1}}}));
    let path = format!("/subscriptions/{}", id(&made));
    assert_eq!(deliveries(&client, json!({"n": 2})), 0);
    let changed = client.patch(&path, &json!({"filter": {"data": {"n": {"$neq": 1}}}}));
    assert_eq!(changed["filter"], json!({"data": {"n": {"$neq": 1}}}));
    assert_eq!(deliveries(&client, json!({"n": 2})), 1);
    assert_eq!(deliveries(&client, json!({"n": 1})), 0);
    let other = client.patch(&path, &json!({"description": "kept"}));
    assert_eq!(other["filter"], changed["filter"]);
    let cleared = client.patch(&path, &json!({"filter": null}));
    assert_eq!(cleared["filter"], Value::Null);
    assert_eq!(deliveries(&client, json!({"n": 1})), 1);
}

#[test]
fn what_is_no_filter_is_refused_at_its_place() {
    let server = Server::start();
    let client = server.client();
    let path = format!("/subscriptions/{}", id(&client.subscribe(URL, json!({}))));
    let too_large = json!({"data": "x".repeat(8 * 1024)});
    let mut too_deep = json!(1);
    for _ in 0..16 {
        too_deep = json!({"a": too_deep});
    }
    for (filter, pointer, code) in [
        (json!("x"), "/filter", "type"),
        (
            json!({"data": {"a": {"$ne": 1}}}),
            "/filter/data/a/$ne",
            "unknown_operator",
        ),
        (json!({"amount": 1}), "/filter/amount", "unknown_field"),
        (
            json!({"data": {"a": {"$gt": null}}}),
            "/filter/data/a/$gt",
            "type",
        ),
        (json!({"$or": []}), "/filter/$or", "length"),
        (
            json!({"$or": [{"data": 1}, {"data": {"b": {"$in": 1}}}]}),
            "/filter/$or/1/data/b/$in",
            "type",
        ),
        (too_large, "/filter", "length"),
        (
            json!({"data": too_deep}),
            "/filter/data/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a",
            "depth",
        ),
    ] {
        for (method, path, body) in [
            (
                "POST",
                "/subscriptions",
                json!({"url": URL, "filter": filter}),
            ),
            ("PATCH", &*path, json!({"filter": filter})),
            (
                "POST",
                "/subscriptions/filter-test",
                json!({"filter": filter, "event": {}}),
            ),
        ] {
            let answer = client.call(method, path, &body);
            assert_eq!(
                (answer.status, answer.problem()),
                (422, "validation".to_owned())
            );
            let errors = answer.json()["errors"].clone();
            assert_eq!(errors[0]["pointer"], pointer, "{method} {errors}");
            assert_eq!(errors[0]["code"], code, "{errors}");
            assert_eq!(errors.as_array().expect("a list").len(), 1, "{errors}");
        }
    }
    assert_eq!(
        client.subscription(path.trim_start_matches("/subscriptions/"))["filter"],
        Value::Null
    );
}

#[test]
fn matches_says_of_each_subscription_why() {
    let server = Server::start();
    let client = server.client();
    let wants = |more: Value| id(&client.subscribe(URL, more));
    let all = wants(json!({}));
    let other_type = wants(json!({"events": ["tag.*"], "filter": wealthy()}));
    let filtered = wants(json!({"filter": wealthy()}));
    let disabled = wants(json!({}));
    client.patch(
        &format!("/subscriptions/{disabled}"),
        &json!({"status": "disabled"}),
    );
    let paused = wants(json!({}));
    client.post(&format!("/subscriptions/{paused}/pause"), &Value::Null, 200);
    let event = client.publish("order.paid", json!({"amount": 5, "currency": "EUR"}));
    let event = id(&event);

    let check = |subscription: &str, reason: &str, delivered: bool| {
        let found = judged(&client, &event, subscription);
        assert_eq!(found["reason"], reason, "{found}");
        assert_eq!(found["matches"], reason == "matches", "{found}");
        assert_eq!(found["delivery_id"].is_string(), delivered, "{found}");
        found
    };
    let own = check(&all, "matches", true);
    let delivery = client.delivery(&text(&own, "delivery_id"));
    assert_eq!(
        (&delivery["subscription_id"], &delivery["event_id"]),
        (&json!(all), &json!(event))
    );
    assert_eq!(own["clauses"], json!([]));
    check(&disabled, "disabled", false);
    check(&paused, "matches", true);
    let of_type = check(&other_type, "type", false);
    let clauses = check(&filtered, "filter", false)["clauses"].clone();
    assert_eq!(
        of_type["clauses"], clauses,
        "the filter is explained whatever decides"
    );
    assert_eq!(
        clauses,
        json!([
            {"pointer": "/data/amount/$gte", "path": "/data/amount", "operator": "$gte",
             "expected": "100", "found": "5", "matches": false},
            {"pointer": "/data/currency", "path": "/data/currency", "operator": "$in",
             "expected": r#"["EUR","CHF"]"#, "found": r#""EUR""#, "matches": true},
        ])
    );

    // Judged as things are now; what was delivered stays.
    client.patch(
        &format!("/subscriptions/{filtered}"),
        &json!({"filter": null}),
    );
    check(&filtered, "matches", false);
    client.patch(
        &format!("/subscriptions/{all}"),
        &json!({"events": ["tag.added"]}),
    );
    check(&all, "type", true);
    client.delete(&format!("/subscriptions/{paused}"), 204);
    let left = client.list(&format!("/events/{event}/matches?limit=1"));
    let left: Vec<_> = left
        .iter()
        .map(|one| text(one, "subscription_id"))
        .collect();
    assert_eq!(
        left,
        [disabled, filtered, other_type, all],
        "newest first, page by page"
    );
}

#[test]
fn a_filter_is_tried_on_an_event() {
    let server = Server::start();
    let client = server.client();
    let test = |filter: Value, event: Value| {
        let body = json!({"filter": filter, "event": event});
        let found = client.post("/subscriptions/filter-test", &body, 200);
        assert_members(&found, &["matches", "clauses"]);
        found
    };
    let paid = json!({"type": "order.paid", "data": {"amount": 120, "currency": "CHF"}});
    assert_eq!(test(wealthy(), paid.clone())["matches"], true);
    assert_eq!(test(json!({}), json!({}))["matches"], true);
    let found = test(json!({"type": {"$not": {"$startsWith": "order."}}}), paid);
    assert_eq!(found["matches"], false);
    assert_eq!(found["clauses"][0]["operator"], "$not", "{found}");
    assert_eq!(
        found["clauses"][0]["clauses"][0]["found"], r#""order.paid""#,
        "{found}"
    );

    // An event as it reads is an event as it was published.
    let event = json!({"type": "a.b", "data": [1, 2], "source": "x", "metadata": {"m": [1]}});
    let read = client.get(&format!(
        "/events/{}",
        id(&client.post("/events", &event, 202))
    ));
    let filter =
        json!({"data": 2, "source": "x", "version": {"$exists": false}, "metadata": {"m": 1}});
    for event in [event, read] {
        assert_eq!(test(filter.clone(), event)["matches"], true);
    }
    for (body, pointer) in [
        (json!({"event": {}}), "/filter"),
        (json!({"filter": {}}), "/event"),
        (json!({"filter": {}, "event": [1]}), "/event"),
        (
            json!({"filter": {}, "event": {"amount": 1}}),
            "/event/amount",
        ),
        (
            json!({"filter": {}, "event": {"version": "1"}}),
            "/event/version",
        ),
    ] {
        let answer = client.call("POST", "/subscriptions/filter-test", &body);
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
    }
}

#[test]
fn another_tenants_event_is_none() {
    let server = Server::start();
    let client = server.client();
    let event = id(&client.publish("a.b", json!(1)));
    client.post("/tenants", &json!({"id": "other"}), 201);
    let other = server.client().with("posthaste-tenant", "other");
    let path = format!("/events/{event}/matches");
    for (client, path) in [
        (&other, path.as_str()),
        (&client, "/events/evt_0000000000001/matches"),
        (&client, "/events/x/matches"),
    ] {
        let answer = client.call("GET", path, &Value::Null);
        assert_eq!(
            (answer.status, answer.problem()),
            (404, "not-found".to_owned())
        );
    }
    other.subscribe(URL, json!({}));
    assert_eq!(
        client.get(&path)["data"],
        json!([]),
        "nor another's subscriptions"
    );
}
