//! TRUST's table of bad input, on `POST /events`, row by row over raw sockets; and that a refusal
//! leaves no row behind.

use serde_json::{Value, json};

use crate::{
    api::{BASE, text},
    http::{Answer, Client, Wire},
    server::{ADMIN_KEY, Server},
    sink::{Arrival, Sink},
};

/// The largest event: 256 KiB.
const EVENT_BYTES: usize = 256 * 1024;

/// The server under test, and how it is asked.
struct Desk {
    server: Server,
    client: Client,
}

impl Desk {
    fn open() -> Self {
        let server = Server::start();
        let client = server.client();
        Self { server, client }
    }

    fn publish(&self, body: impl AsRef<[u8]>) -> Answer {
        publish(&self.client, body)
    }

    /// A publish whose `data` is this text.
    fn data(&self, data: impl AsRef<[u8]>) -> Answer {
        self.publish([b"{\"type\":\"a.b\",\"data\":", data.as_ref(), b"}"].concat())
    }

    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!(self.client.list("/events"), [] as [Value; 0]);
    }
}

fn publish(client: &Client, body: impl AsRef<[u8]>) -> Answer {
    client.send("POST", &format!("{BASE}/events"), body.as_ref())
}

/// A refusal: its status and slug, and a code where one is asked for.
#[track_caller]
fn check(row: u32, what: &str, answer: &Answer, status: u16, slug: &str, code: Option<&str>) {
    let seen = (answer.status, answer.problem());
    assert_eq!(
        seen,
        (status, slug.to_owned()),
        "row {row}, {what}: {}",
        answer.text()
    );
    assert!(answer.header("x-request-id").is_some(), "row {row}, {what}");
    if code.is_some() {
        assert_eq!(
            answer.json()["errors"][0]["code"].as_str(),
            code,
            "row {row}, {what}: {}",
            answer.text()
        );
    }
}

#[test]
fn what_is_no_json_is_malformed_and_leaves_nothing_behind() {
    let desk = Desk::open();
    let malformed =
        |row, what: &str, answer: Answer| check(row, what, &answer, 400, "malformed-json", None);
    malformed(1, "empty", desk.publish(""));
    malformed(2, "truncated", desk.publish("{"));
    malformed(2, "truncated", desk.publish(r#"{"type":"a.b","data":{"#));
    malformed(
        2,
        "more behind it",
        desk.publish(r#"{"type":"a.b","data":1}}"#),
    );
    for depth in [129, 100_000] {
        let deep = [b"[".repeat(depth), b"]".repeat(depth)].concat();
        check(
            8,
            "nesting",
            &desk.data(deep),
            400,
            "malformed-json",
            Some("depth"),
        );
    }
    check(
        8,
        "nesting of objects",
        &desk.data(r#"{"a":"#.repeat(129) + "1" + &"}".repeat(129)),
        400,
        "malformed-json",
        Some("depth"),
    );
    malformed(8, "nesting without end", desk.data("[".repeat(100_000)));
    malformed(11, "a key twice", desk.data(r#"{"a":1,"a":1}"#));
    malformed(
        11,
        "a key twice, spelled otherwise",
        desk.data(r#"{"x":[{"a":1,"\u0061":2}]}"#),
    );
    malformed(
        11,
        "an envelope's key twice",
        desk.publish(r#"{"type":"a.b","type":"a.b","data":1}"#),
    );
    malformed(13, "a lone surrogate", desk.data(r#""\ud800""#));
    malformed(13, "a low surrogate first", desk.data(r#""\udc00\ud800""#));
    for lexeme in [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "'a'",
        "/*c*/1",
        "[1,]",
        r#"{"a":1,}"#,
        "\"a\tb\"",
        r#""\x41""#,
        "tru",
        "",
    ] {
        malformed(17, lexeme, desk.data(lexeme));
    }
    desk.assert_empty();
}

#[test]
fn what_is_no_utf_8_is_named_so() {
    let desk = Desk::open();
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xe2\x82\"",
        b"\xfe",
    ] {
        check(
            12,
            &format!("{bytes:x?}"),
            &desk.data(bytes),
            400,
            "invalid-utf8",
            None,
        );
    }
    desk.assert_empty();
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let desk = Desk::open();
    let path = format!("{BASE}/events");
    for length in [EVENT_BYTES as u64 + 1, 10_737_418_240] {
        let head = desk.client.head("POST", &path);
        let head =
            format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        check(
            7,
            "its length alone",
            &desk.client.raw(head.as_bytes()),
            413,
            "payload-too-large",
            None,
        );
    }
    let envelope = br#"{"type":"a.b","data":""}"#.len();
    let of = |bytes: usize| {
        format!(
            r#"{{"type":"a.b","data":"{}"}}"#,
            "x".repeat(bytes - envelope)
        )
    };
    check(
        4,
        "one byte over",
        &desk.publish(of(EVENT_BYTES + 1)),
        413,
        "payload-too-large",
        None,
    );

    let head = desk.client.head("POST", &path);
    let head =
        format!("{head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    let mut wire = Wire::open(desk.server.address).unwrap();
    wire.push(head.as_bytes());
    for _ in 0..EVENT_BYTES / 1024 + 1 {
        wire.push(format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes());
    }
    check(
        5,
        "chunked",
        &wire.answer().unwrap(),
        413,
        "payload-too-large",
        None,
    );
    assert!(wire.is_closed(), "row 5: the connection ends");
    desk.assert_empty();
    desk.publish(of(EVENT_BYTES)).expect(202);
}

#[test]
fn what_json_says_has_to_be_an_event() {
    let desk = Desk::open();
    let invalid = |row, body: &str, code: Option<&str>| {
        check(row, body, &desk.publish(body), 422, "validation", code);
    };
    invalid(15, r#"{"type":"a\u0000b","data":1}"#, None);
    for member in ["correlation_id", "ordering_key", "source"] {
        invalid(
            15,
            &format!(r#"{{"type":"a.b","data":1,"{member}":"a\u0000b"}}"#),
            None,
        );
    }
    invalid(
        21,
        r#"{"type":"a.b","data":1,"dta":2}"#,
        Some("unknown_field"),
    );
    let nearest = desk.publish(r#"{"type":"a.b","data":1,"corelation_id":2}"#);
    let nearest = &nearest.json()["errors"][0];
    assert_eq!(nearest["pointer"], "/corelation_id");
    assert!(
        nearest["detail"]
            .as_str()
            .unwrap()
            .contains("correlation_id"),
        "{nearest}"
    );
    invalid(22, r#"{"data":1}"#, None);
    invalid(22, r#"{"type":"a.b"}"#, None);
    invalid(22, "[]", None);
    invalid(22, r#"{"type":"a.b","data":1,"version":"one"}"#, None);
    invalid(22, r#"{"type":"a.b","data":1,"subscriptions":["x"]}"#, None);
    invalid(22, r#"{"type":"a.b","data":1,"metadata":[]}"#, None);
    for time in [
        r#""2024-02-30T00:00:00Z""#,
        r#""2024-01-01T00:00:00""#,
        r#""yesterday""#,
        "1700000000",
        r#""""#,
    ] {
        invalid(
            57,
            &format!(r#"{{"type":"a.b","data":1,"occurred_at":{time}}}"#),
            None,
        );
    }
    desk.assert_empty();
}

#[test]
fn an_event_type_is_a_dotted_name() {
    let desk = Desk::open();
    let long = "x".repeat(129);
    for name in ["", &long, "a..b", ".a", "a.", "a b", "é", "*", "a.*", "a/b"] {
        let answer = desk.publish(format!(r#"{{"type":"{name}","data":1}}"#));
        check(23, name, &answer, 422, "invalid-event-type", None);
        assert!(
            !answer.text().contains(&long),
            "no more than 64 bytes of input come back"
        );
    }
    desk.assert_empty();
    desk.publish(format!(r#"{{"type":"{}","data":1}}"#, &long[1..]))
        .expect(202);
}

#[test]
fn only_plain_json_in_utf_8_is_read() {
    let desk = Desk::open();
    let body = r#"{"type":"a.b","data":1}"#;
    for media in [
        "application/json; charset=utf-16",
        "application/json;;",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/x-ndjson",
    ] {
        let answer = publish(&desk.client.with("content-type", media), body);
        check(25, media, &answer, 415, "unsupported-media-type", None);
    }
    let gzip: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
    let answer = publish(&desk.client.with("content-encoding", "gzip"), gzip);
    check(26, "gzip", &answer, 415, "unsupported-media-type", None);
    desk.assert_empty();
    for media in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ] {
        publish(&desk.client.with("content-type", media), body).expect(202);
    }
    let answer = publish(&desk.client.with("accept", "text/html"), body);
    answer.expect(202);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json"),
        "row 27"
    );
}

#[test]
fn whoever_has_no_valid_key_gets_one_and_the_same_answer() {
    let desk = Desk::open();
    let stranger = desk.server.stranger();
    let mut off = ADMIN_KEY.to_owned();
    off.replace_range(ADMIN_KEY.len() - 1.., "d");
    let keys = [
        stranger.clone(),
        stranger.with("authorization", "Bearer"),
        stranger.with("authorization", "Bearer "),
        stranger.with("authorization", "Basic eDp5"),
        stranger.with_key(ADMIN_KEY).with_key(ADMIN_KEY),
        stranger.with_key(&"x".repeat(10 * 1024)),
        stranger.with_key(&off),
        stranger.with_key(&ADMIN_KEY.replace("pst_", "pts_")),
        stranger.with_key(""),
    ];
    let answers: Vec<_> = keys
        .iter()
        .map(|client| publish(client, r#"{"type":"a.b","data":1}"#))
        .collect();
    for (n, answer) in answers.iter().enumerate() {
        check(41, &n.to_string(), answer, 401, "unauthenticated", None);
        assert!(
            answer
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Bearer"))
        );
        assert_eq!(answer.text(), answers[0].text(), "{n}");
    }
    let reader = desk
        .client
        .post("/keys", &json!({"scopes": ["events:read"]}), 201);
    let reader = stranger.with_key(&text(&reader, "key"));
    let answer = publish(&reader, r#"{"type":"a.b","data":1}"#);
    check(
        43,
        "a scope is missing",
        &answer,
        403,
        "insufficient-scope",
        None,
    );
    assert_eq!(answer.json()["required_scope"], "events:publish");
    assert!(
        !answer.text().contains("events:read"),
        "the needed scope only"
    );
    desk.assert_empty();
}

#[test]
fn an_idempotency_key_is_short_visible_ascii() {
    let desk = Desk::open();
    let long = "k".repeat(256);
    for key in ["", &long, "a\tb", "a b", "é"] {
        let client = desk.client.with("idempotency-key", key);
        check(
            55,
            key,
            &publish(&client, r#"{"type":"a.b","data":1}"#),
            422,
            "validation",
            None,
        );
    }
    desk.assert_empty();
    let client = desk.client.with("idempotency-key", &long[1..]);
    publish(&client, r#"{"type":"a.b","data":1}"#).expect(202);
}

#[test]
fn odd_json_is_json_and_is_delivered_byte_for_byte() {
    let (desk, sink) = (Desk::open(), Sink::start());
    desk.client.subscribe(&sink.url(), json!({"format": "raw"}));
    let digits = "9".repeat(10_000);
    let deep = "[".repeat(128) + &"]".repeat(128);
    let odd = [
        deep.as_str(),
        r#""a\u0000b""#,
        "1e400",
        &digits,
        "-0",
        "9007199254740993",
        "null",
        r#"{ }"#,
        r#""\ud83d\ude00 \/ é""#,
        "[1 ,\r\n 2]",
        r#"{"__proto__":{"constructor":1}}"#,
        "\"\u{7f}\u{2028}\"",
    ];
    for data in odd {
        desk.data(data).expect(202);
    }
    let mut arrived: Vec<_> = sink.wait_for(odd.len()).iter().map(Arrival::text).collect();
    let mut expected = odd.map(str::to_owned).to_vec();
    arrived.sort();
    expected.sort();
    assert_eq!(arrived, expected);
}

#[test]
fn a_time_of_occurrence_is_data_and_delays_nothing() {
    let (desk, sink) = (Desk::open(), Sink::start());
    desk.client.subscribe(&sink.url(), json!({}));
    for time in ["1969-07-20T20:17:40.000Z", "9999-12-31T23:59:59.000Z"] {
        let before = sink.count();
        desk.publish(format!(
            r#"{{"type":"a.b","data":1,"occurred_at":"{time}"}}"#
        ))
        .expect(202);
        let arrival = sink.wait_for(before + 1).remove(before);
        assert!(
            arrival.text().contains(&format!(r#""timestamp":"{time}""#)),
            "{}",
            arrival.text()
        );
    }
}
