//! Rows about what is kept by name: ids, subscriptions and their texts, replays.

use serde_json::{Value, json};

use super::{BASE, Desk, Row};

const URL: &str = "https://example.com/hook";
/// Subscription URLs that no name server has to be asked about.
const BAD_URLS: &[&str] = &[
    "https://127.0.0.1/hook",
    "https://169.254.169.254/hook",
    "https://[::1]/hook",
    "https://2130706433/hook",
    "https://localhost/hook",
    "https://metadata.google.internal/hook",
    "https://user:pw@example.com/hook",
    "https://example.com:22/hook",
    "http://example.com/hook",
    "ftp://example.com/hook",
    "https://example.com/\u{0}",
    "",
];

pub fn rows(desk: &Desk) -> Vec<Row> {
    let mut rows = Vec::new();
    ids(desk, &mut rows);
    texts(desk, &mut rows);
    urls(desk, &mut rows);
    retries(desk, &mut rows);
    replays(desk, &mut rows);
    proxies(desk, &mut rows);
    rows
}

fn subscribe(desk: &Desk, number: u32, mut members: Value) -> Row {
    members["url"] = json!(URL);
    members["events"] = json!(["never.sent"]);
    desk.call(number, "POST", "/subscriptions", &members)
}

fn ids(desk: &Desk, rows: &mut Vec<Row>) {
    let event = &desk.event;
    for other in [
        event.to_uppercase(),
        format!("{event}%20"),
        format!("{event}%00"),
        event.replace("evt_", "dlv_"),
        event.replace('_', "%EF%BC%BF"),
        format!("evt_%D0%B0{}", &event[5..]),
        "evt_".to_owned(),
        "x".to_owned(),
        "%FF".to_owned(),
        "..%2Fkeys".to_owned(),
    ] {
        let row = desk.call(47, "GET", &format!("/events/{other}"), &Value::Null);
        rows.push(row.refused(404, "not-found"));
    }
}

fn texts(desk: &Desk, rows: &mut Vec<Row>) {
    for text in [
        "'; DROP TABLE events; --",
        "\"><script>alert(1)</script>",
        "${jndi:ldap://x/} {{7*7}} <%= 7 %> %s%n",
    ] {
        let held = json!(text).to_string();
        rows.push(
            subscribe(desk, 48, json!({"description": text}))
                .is(201)
                .holds(held),
        );
        let tenant = json!({"id": format!("t{}", text.len()), "name": text});
        let held = json!(text).to_string();
        rows.push(
            desk.call(48, "POST", "/tenants", &tenant)
                .is(201)
                .holds(held),
        );
    }
    // Composed and decomposed: two names.
    for name in ["caf\u{e9}", "cafe\u{301}"] {
        rows.push(
            subscribe(desk, 50, json!({"external_id": name}))
                .is(201)
                .holds(name),
        );
    }
    for (number, text) in [(50, "a\u{202e}b"), (50, "a\u{2066}b"), (15, "a\u{0}b")] {
        let row = subscribe(desk, number, json!({"description": text}));
        rows.push(row.refused(422, "validation").code("control_character"));
        let row = desk.call(
            number,
            "POST",
            "/tenants",
            &json!({"id": "t", "name": text}),
        );
        rows.push(row.refused(422, "validation").code("control_character"));
    }
    let path = format!("/subscriptions/{}", desk.hook);
    let plain = json!({"metadata": {"__proto__": {"a": 1}, "constructor": {}}});
    let row = desk.call(78, "PATCH", &path, &plain).is(200);
    rows.push(row.holds(r#""metadata":{"__proto__":{"a":1},"constructor":{}}"#));
    for member in ["__proto__", "constructor"] {
        let row = desk.call(78, "PATCH", &path, &json!({member: {"a": 1}}));
        rows.push(row.refused(422, "validation").code("unknown_field"));
    }
}

fn urls(desk: &Desk, rows: &mut Vec<Row>) {
    let path = format!("/subscriptions/{}", desk.hook);
    for url in BAD_URLS {
        let quick = json!({"url": url, "events": ["never.sent"]});
        for row in [
            desk.call(59, "POST", "/subscriptions", &json!({"url": url})),
            desk.call(60, "PATCH", &path, &json!({"url": url})),
            desk.call(60, "POST", "", &quick),
        ] {
            rows.push(row.refused(422, "invalid-url"));
        }
    }
}

fn retries(desk: &Desk, rows: &mut Vec<Row>) {
    for retry in [
        json!({"schedule_s": []}),
        json!({"schedule_s": vec![1; 31]}),
        json!({"schedule_s": [-1]}),
        json!({"schedule_s": [0.04]}),
        json!({"schedule_s": [86400 * 30 + 1]}),
        json!({"schedule_s": vec![86400 * 2; 16]}),
        json!({"linear": {"delay_s": 1, "retries": 0}}),
        json!({"linear": {"delay_s": 1, "retries": 31}}),
        json!({"linear": {"delay_s": -1, "retries": 1}}),
        json!({"exponential": {"base_s": 1, "factor": 2, "max_s": 9, "retries": 0}}),
    ] {
        let row = subscribe(desk, 64, json!({"retry": retry}));
        rows.push(row.refused(422, "validation"));
    }
}

fn replays(desk: &Desk, rows: &mut Vec<Row>) {
    let window = |since: &str, until: &str| json!({"since": since, "until": until});
    let backwards = window("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z");
    let row = desk.call(71, "POST", "/replays", &backwards);
    rows.push(row.refused(422, "validation").code("empty_window"));
    let decade = window("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
    rows.push(desk.call(72, "POST", "/replays", &decade).is(202));
}

/// Nothing that a client says of itself, or of where it is, changes anything.
fn proxies(desk: &Desk, rows: &mut Vec<Row>) {
    let body = json!({"url": URL, "events": ["never.sent"]}).to_string();
    for (name, value) in [
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=10.0.0.1;host=evil.example"),
        ("x-original-url", "/evil.example"),
        ("x-http-method-override", "DELETE"),
    ] {
        let client = desk.client.with(name, value);
        let request = client.request("POST", &format!("{BASE}/subscriptions"), body.as_bytes());
        rows.push(Row::new(81, name, request).is(201));
    }
    let host = format!("host: {}\r\n", desk.client.address);
    let request = desk
        .client
        .request("POST", &format!("{BASE}/subscriptions"), body.as_bytes());
    let request = String::from_utf8(request).expect("it is text");
    let evil = request.replace(&host, "host: evil.example\r\n");
    rows.push(Row::new(81, "host: evil.example", evil.into()).is(201));
}
