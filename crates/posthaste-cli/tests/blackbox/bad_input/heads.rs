//! Rows about heads: what two programs may read differently, and what is too much.

use super::{Desk, Row};

pub fn rows(desk: &Desk) -> Vec<Row> {
    let mut rows = Vec::new();
    ambiguous(desk, &mut rows);
    chunks(desk, &mut rows);
    lines(desk, &mut rows);
    bounds(desk, &mut rows);
    rows
}

fn malformed(row: Row) -> Row {
    row.refused(400, "malformed-request").closes()
}

fn ambiguous(desk: &Desk, rows: &mut Vec<Row>) {
    // What would be a second request to whoever goes by the length.
    let hidden = "0\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    for headers in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
    ] {
        rows.push(malformed(desk.head(28, headers).then(hidden)));
    }
    for headers in [
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity, chunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding: \x0bchunked\r\n",
        "transfer-encoding:\r\n chunked\r\n",
    ] {
        rows.push(malformed(desk.head(30, headers).then(hidden)));
    }
}

fn chunks(desk: &Desk, rows: &mut Vec<Row>) {
    let extension = format!("1;{}\r\n{{\r\n", "x".repeat(64 * 1024));
    for body in [
        "FFFFFFFFFFFFFFFF\r\n{",
        "-1\r\n{",
        "x\r\n{",
        "1\n{",
        "1\r\n{x",
        &extension,
    ] {
        let row = desk.head(31, "transfer-encoding: chunked\r\n").then(body);
        rows.push(row.refused(400, "malformed-json").closes());
    }
    let good = "1;a=b\r\n{\r\n16\r\n\"type\":\"a.b\",\"data\":1}\r\n0\r\nx-trailer: 1\r\n\r\n";
    let row = desk.head(31, "transfer-encoding: chunked\r\n");
    rows.push(row.then(good).is(202));
}

fn lines(desk: &Desk, rows: &mut Vec<Row>) {
    for headers in [
        "x: a\n",
        "x: a\r\n b\r\n",
        "x: a\0b\r\n",
        "x: a\rb\r\n",
        "x\r\n",
        "host: y\r\n",
    ] {
        rows.push(malformed(desk.head(32, headers)));
    }
    for head in [
        "GET /healthz HTTP/1.1\nhost: x\n\n",
        "GET  /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/9.9\r\nhost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "\x16\x03\x01\x02\0\n",
    ] {
        rows.push(malformed(Row::new(32, head, head.into())));
    }
}

fn bounds(desk: &Desk, rows: &mut Vec<Row>) {
    let long = desk.head(33, &format!("x: {}\r\n", "x".repeat(16 * 1024)));
    let many: String = (0..101).map(|n| format!("x-{n}: 1\r\n")).collect();
    let many = desk.head(33, &many);
    rows.extend([long, many].map(|row| row.refused(431, "head-too-large").closes()));
    for bytes in [8193, 20_000, 1_000_000] {
        let target = "x".repeat(bytes - "GET / HTTP/1.1".len());
        let head = format!("GET /{target} HTTP/1.1\r\nhost: x\r\n\r\n");
        let row = Row::new(34, &head, head.clone().into());
        rows.push(row.refused(414, "uri-too-long").closes());
    }
}
