use proptest::prelude::*;

use super::*;

/// What goes on of these bytes, given whole, and the fault that ends them; and the same however the
/// bytes are parted.
#[track_caller]
fn check(bytes: &[u8], goes_on: usize, fault: Option<Fault>) {
    for size in [bytes.len().max(1), 1, 7] {
        let seen = run(bytes, size);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]);
        assert_eq!(seen, (goes_on, fault), "in pieces of {size}: {shown:?}");
    }
}

fn run(bytes: &[u8], size: usize) -> (usize, Option<Fault>) {
    let (mut framing, mut begin) = (Framing::new(), 0);
    let pieces = (1..=bytes.len().div_ceil(size)).map(|n| (n * size).min(bytes.len()));
    for end in pieces {
        loop {
            match framing.passes(&bytes[begin..end]) {
                Ok(0) => break,
                Ok(passed) => begin += passed,
                Err(fault) => return (begin, Some(fault)),
            }
        }
    }
    (begin, None)
}

/// All of it goes on.
#[track_caller]
fn whole(text: &str) {
    check(text.as_bytes(), text.len(), None);
}

/// Nothing of it goes on.
#[track_caller]
fn refused(head: impl AsRef<[u8]>, fault: Fault) {
    check(head.as_ref(), 0, Some(fault));
}

fn with(headers: &str) -> String {
    format!("POST /x HTTP/1.1\r\nhost: x\r\n{headers}\r\n")
}

#[test]
fn requests_follow_each_other() {
    let plain = with("");
    let body = with("content-length: 5\r\n") + "hello";
    let chunks = with("Transfer-Encoding: Chunked\r\n")
        + "5;a=\"b\"\r\nhello\r\n00\t\r\nx-trailer: 1\r\n\r\n";
    whole(&plain);
    whole(&format!("{plain}\r\n\r\n{body}{chunks}{plain}"));
    whole("GET / HTTP/1.0\r\n\r\n");
    let half = "GET / HTTP/1.1\r\nhost: x\r\n";
    check(format!("{body}{half}").as_bytes(), body.len(), None);
}

#[test]
fn what_two_programs_may_read_differently_is_refused() {
    for headers in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "content-length: 5\r\ncontent-length: 5\r\n",
        "content-length: 5, 5\r\n",
        "content-length: +5\r\n",
        "content-length: -1\r\n",
        "content-length: 0x5\r\n",
        "content-length: \r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: chunked, chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: \x0bchunked\r\n",
        "transfer-encoding: \"chunked\"\r\n",
        "transfer-encoding:\r\n",
        "transfer-encoding : chunked\r\n",
        "content-length : 5\r\n",
        "host: y\r\n",
        "x\r\n",
        ": x\r\n",
        "x: a\r\n b\r\n",
        "x: a\r\n\tb\r\n",
        "x: a\0b\r\n",
        "x: a\rb\r\n",
        "x: a\r\r\n",
        "x: a\x7f\r\n",
        "x: a\x0c\r\n",
        "x: a\n",
        "é: a\r\n",
    ] {
        refused(with(headers), Fault::Malformed);
    }
    for head in [
        "POST /x HTTP/1.1\nhost: x\n\n",
        "POST /x HTTP/1.1\r\nhost: x\r\n\n",
        "POST  /x HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /x y HTTP/1.1\r\nhost: x\r\n\r\n",
        " POST /x HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /x HTTP/1.1 \r\nhost: x\r\n\r\n",
        "POST /x\r\n\r\n",
        "P(ST /x HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /\x01 HTTP/1.1\r\nhost: x\r\n\r\n",
        "POST /x HTTP/1.1\r\n\r\n",
        "POST /x HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST /x HTTP/2.0\r\nhost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\n",
    ] {
        refused(head, Fault::Malformed);
    }
}

#[test]
fn heads_are_bounded_before_they_end() {
    let line = |target: usize| format!("GET /{} HTTP/1.1", "x".repeat(target - 14));
    whole(&format!("{}\r\nhost: x\r\n\r\n", line(8192)));
    refused(
        format!("{}\r\nhost: x\r\n\r\n", line(8193)),
        Fault::LineTooLong,
    );
    refused("x".repeat(8194), Fault::LineTooLong);
    let long = |bytes: usize| {
        with(&format!(
            "x: {}\r\n",
            "x".repeat(bytes - with("x: \r\n").len())
        ))
    };
    whole(&long(16 * 1024));
    refused(long(16 * 1024 + 1), Fault::HeadTooLarge);
    refused(&long(20_000)[..17_000], Fault::HeadTooLarge);
    refused("\r\n".repeat(9000), Fault::HeadTooLarge);
    let many = |n: usize| (0..n).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    whole(&with(&many(99)));
    refused(with(&many(100)), Fault::HeadTooLarge);
}

#[test]
fn chunks_are_followed_strictly() {
    let head = with("transfer-encoding: chunked\r\n");
    let long = format!("1;{}\r\nx\r\n", "x".repeat(64 * 1024));
    let trailers = format!("0\r\n{}\r\n", "x: y\r\n".repeat(1000));
    for (good, bad) in [
        ("", "FFFFFFFFFFFFFFFF\r\n"),
        ("", "000000001\r\n"),
        ("", "-1\r\n"),
        ("", "\r\n"),
        ("", ";\r\n"),
        ("", "0x1\r\n"),
        ("", "1\n"),
        ("1\r\nx\r\n", "g\r\n"),
        ("1\r\nx", "y\r\n"),
        ("1\r\nx\r", "\r"),
        ("1;a\r", "x"),
        ("0\r\n", "\n"),
        ("0\r\nx: y", "\0"),
        ("", &long),
        ("", &trailers),
    ] {
        let text = format!("{head}{good}{bad}");
        let (whole, fault) = run(text.as_bytes(), text.len());
        assert_eq!(fault, Some(Fault::Malformed), "{text:?}");
        assert!(whole <= text.len(), "{text:?}");
        let (pieces, fault) = run(text.as_bytes(), 1);
        assert_eq!(fault, Some(Fault::Malformed), "{text:?}");
        assert!(pieces >= head.len() + good.len(), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_in_any_pieces_are_framed_alike(
        parts in prop::collection::vec(prop::sample::select(vec![
            "GET / HTTP/1.1\r\n", "host: x\r\n", "content-length: 3\r\n", "\r\n", "\n", "abc",
            "transfer-encoding: chunked\r\n", "3\r\nabc\r\n", "0\r\n\r\n", ":", " ", "\r", "\0",
        ]), 0..12),
        size in 1..40_usize,
    ) {
        let bytes = parts.concat().into_bytes();
        let (whole, fault) = run(&bytes, bytes.len().max(1));
        let (pieces, same) = run(&bytes, size);
        prop_assert_eq!(fault, same);
        // Of a chunked body that breaks, what was good may have gone on before.
        prop_assert!(whole == pieces || (fault.is_some() && whole < pieces));
    }
}
