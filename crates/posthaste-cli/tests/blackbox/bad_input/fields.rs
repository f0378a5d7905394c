//! Rows about what a request says: the members of an event, and the parameters of a list.

use serde_json::Value;

use super::{Desk, Row};

pub fn rows(desk: &Desk) -> Vec<Row> {
    let mut rows = Vec::new();
    event(desk, &mut rows);
    types(desk, &mut rows);
    keys(desk, &mut rows);
    parameters(desk, &mut rows);
    rows
}

fn invalid(row: Row) -> Row {
    row.refused(422, "validation")
}

fn event(desk: &Desk, rows: &mut Vec<Row>) {
    for member in ["correlation_id", "ordering_key", "source"] {
        let row = desk.member(15, &format!(r#""{member}":"a\u0000b""#));
        rows.push(invalid(row).code("control_character"));
    }
    let nul = r#"{"type":"a\u0000b","data":1}"#;
    rows.push(invalid(desk.publish(15, nul)).code("control_character"));
    rows.push(invalid(
        desk.member(15, r#""subscriptions":["sub_\u0000"]"#),
    ));
    rows.push(invalid(desk.member(21, r#""dta":2"#)).code("unknown_field"));
    let near = invalid(desk.member(21, r#""corelation_id":2"#)).code("unknown_field");
    rows.push(near.holds("correlation_id"));
    for body in ["{}", r#"{"data":1}"#, r#"{"type":"a.b"}"#] {
        rows.push(invalid(desk.publish(21, body)).code("required"));
    }
    rows.push(invalid(desk.publish(21, "[]")).code("type"));
    for member in [
        r#""version":"one""#,
        r#""version":0"#,
        r#""metadata":[]"#,
        r#""subscriptions":["x"]"#,
        r#""subscriptions":["sub_0000000000000"]"#,
        r#""__proto__":{}"#,
        r#""constructor":1"#,
    ] {
        rows.push(invalid(desk.member(21, member)));
    }
    for time in [
        r#""2024-02-30T00:00:00Z""#,
        r#""2024-01-01T00:00:00""#,
        r#""yesterday""#,
        "1700000000",
        r#""""#,
    ] {
        rows.push(invalid(
            desk.member(57, &format!(r#""occurred_at":{time}"#)),
        ));
    }
    rows.push(
        desk.member(57, r#""occurred_at":"1969-07-20T20:17:40Z""#)
            .is(202),
    );
}

fn types(desk: &Desk, rows: &mut Vec<Row>) {
    let long = "x".repeat(129);
    for name in [
        "",
        &long,
        "a..b",
        ".a",
        "a.",
        "a b",
        "é",
        "*",
        "a.*",
        "a/b",
        "posthaste.x",
    ] {
        let row = desk.publish(23, format!(r#"{{"type":"{name}","data":1}}"#));
        rows.push(row.refused(422, "invalid-event-type"));
    }
    let longest = desk.publish(23, format!(r#"{{"type":"{}","data":1}}"#, &long[1..]));
    rows.push(longest.is(202));
}

fn keys(desk: &Desk, rows: &mut Vec<Row>) {
    let long = "k".repeat(256);
    let with = |key: &str| {
        let client = desk.client.with("idempotency-key", key);
        desk.by(&client, 55, r#"{"type":"a.b","data":1}"#)
    };
    rows.extend(["", &long, "a\tb", "a b", "é"].map(|key| invalid(with(key))));
    rows.push(with(&long[1..]).is(202));
}

fn parameters(desk: &Desk, rows: &mut Vec<Row>) {
    let list =
        |number, query: &str| desk.call(number, "GET", &format!("/events?{query}"), &Value::Null);
    for limit in [
        "0",
        "-1",
        "1e3",
        "99999",
        "%D9%A3",
        "",
        "+1",
        "1.0",
        "%31%30%20",
    ] {
        rows.push(invalid(list(20, &format!("limit={limit}"))));
    }
    let many: Vec<_> = (0..500).map(|n| format!("f{n}=1")).collect();
    for query in [
        &many.join("&"),
        "limit=1&limit=2",
        "limit[]=1",
        "type[]=a",
        "lmit=1",
        "since=yesterday",
        "type=a..b",
    ] {
        rows.push(invalid(list(70, query)));
    }
    let lost = desk.call(70, "GET", "/deliveries?status=lost", &Value::Null);
    rows.push(invalid(lost));
}
