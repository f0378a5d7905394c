//! Rows about bodies: JSON with one meaning, in UTF-8, of one type, within a size.

use super::{Desk, EVENT_BYTES, Row};

pub fn rows(desk: &Desk) -> Vec<Row> {
    [json(desk), utf8(desk), sizes(desk), media(desk), good(desk)]
        .into_iter()
        .flatten()
        .collect()
}

fn json(desk: &Desk) -> Vec<Row> {
    let twice = r#"{"type":"a.b","type":"a.b","data":1}"#;
    let nested = |depth: usize| [b"[".repeat(depth), b"]".repeat(depth)].concat();
    let members = r#"{"a":"#.repeat(129) + "1" + &"}".repeat(129);
    let mut rows = vec![
        desk.publish(1, "").code("truncated"),
        desk.publish(2, "{").code("truncated"),
        desk.publish(2, r#"{"type":"a.b","data":{"#)
            .code("truncated"),
        desk.publish(2, r#"{"type":"a.b","data":1}}"#),
        desk.data(8, nested(129)).code("depth"),
        desk.data(8, members).code("depth"),
        desk.data(8, nested(100_000)).code("depth"),
        desk.publish(8, "[".repeat(100_000)).code("depth"),
        desk.data(11, r#"{"a":1,"a":1}"#).code("duplicate_key"),
        desk.data(11, r#"{"x":[{"a":1,"\u0061":2}]}"#)
            .code("duplicate_key"),
        desk.publish(11, twice).code("duplicate_key"),
        desk.data(13, r#""\ud800""#).code("lone_surrogate"),
        desk.data(13, r#""\udc00\ud800""#).code("lone_surrogate"),
    ];
    let lexemes = [
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "+1",
        ".5",
        "1.",
        "'a'",
        "/*c*/1",
        "1//",
        "[1,]",
        r#"{"a":1,}"#,
        "\"a\tb\"",
        r#""\x41""#,
        "tru",
        "",
    ];
    rows.extend(lexemes.map(|lexeme| desk.data(17, lexeme)));
    let malformed = |row: Row| row.refused(400, "malformed-json");
    rows.into_iter().map(malformed).collect()
}

fn utf8(desk: &Desk) -> Vec<Row> {
    let texts: [&[u8]; 6] = [
        b"\"\xff\"",
        b"\"\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xe2\x82\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\xfe",
    ];
    let rows = texts.map(|text| desk.data(12, text).refused(400, "invalid-utf8"));
    rows.into()
}

fn sizes(desk: &Desk) -> Vec<Row> {
    let length = |number, headers: &str, length: u64| {
        desk.head(number, &format!("{headers}content-length: {length}\r\n"))
    };
    let over = EVENT_BYTES as u64 + 1;
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    let chunked = desk.head(5, "transfer-encoding: chunked\r\n");
    let rows = [
        length(4, "", over),
        // The first answer, and no `100 Continue` before it.
        length(4, "expect: 100-continue\r\n", over),
        desk.publish(4, of(EVENT_BYTES + 1)),
        chunked.then(chunk.repeat(EVENT_BYTES / 1024 + 1)),
        length(7, "", 10_737_418_240),
    ];
    let refused = |row: Row| row.refused(413, "payload-too-large").closes();
    let fits = desk.publish(4, of(EVENT_BYTES)).is(202);
    rows.map(refused).into_iter().chain([fits]).collect()
}

/// An event of so many bytes.
fn of(bytes: usize) -> String {
    let envelope = r#"{"type":"a.b","data":""}"#.len();
    format!(
        r#"{{"type":"a.b","data":"{}"}}"#,
        "x".repeat(bytes - envelope)
    )
}

fn media(desk: &Desk) -> Vec<Row> {
    let body = r#"{"type":"a.b","data":1}"#;
    let with = |number, name, value| desk.by(&desk.client.with(name, value), number, body);
    let mut rows = Vec::new();
    for media in [
        "application/json; charset=utf-16",
        "application/json;;",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/x-ndjson",
    ] {
        let row = with(25, "content-type", media);
        rows.push(row.refused(415, "unsupported-media-type"));
    }
    for coding in ["gzip", "deflate", "br", "zstd", "identity, gzip"] {
        let client = desk.client.with("content-encoding", coding);
        let bomb = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0; 2000]].concat();
        let row = desk.by(&client, 26, bomb);
        rows.push(row.refused(415, "unsupported-media-type"));
    }
    for media in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ] {
        rows.push(with(25, "content-type", media).is(202));
    }
    rows.push(
        with(27, "accept", "text/html")
            .is(202)
            .holds("\"id\":\"evt_"),
    );
    rows
}

/// What looks bad and is not.
fn good(desk: &Desk) -> Vec<Row> {
    let digits = "9".repeat(10_000);
    let deep = "[".repeat(128) + &"]".repeat(128);
    let rows = [
        desk.data(9, deep),
        desk.data(14, r#""a\u0000b""#),
        desk.data(18, "1e400"),
        desk.data(18, digits),
        desk.data(18, "-0"),
        desk.data(18, "9007199254740993"),
        desk.data(49, r#""<script>alert(1)</script>""#),
        desk.data(
            78,
            r#"{"__proto__":{"a":1},"constructor":{"prototype":{}}}"#,
        ),
    ];
    rows.map(|row| row.is(202)).into()
}
