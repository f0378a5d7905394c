//! What is said of a request that never became one: a problem like any other, as the bytes that
//! end its connection.

use std::fmt::Write as _;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::BodyExt;

use crate::{
    browser,
    framing::Fault,
    problem::{Kind, Problem},
    request_id::RequestIds,
};

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let (kind, detail) = match fault {
            Fault::Malformed => (
                Kind::MalformedRequest,
                "its head is not HTTP/1.1, or may be read in two ways",
            ),
            Fault::LineTooLong => (Kind::UriTooLong, "a request line has at most 8192 bytes"),
            Fault::HeadTooLarge => (
                Kind::HeadTooLarge,
                "a head has at most 16384 bytes and 100 headers",
            ),
            Fault::TooLate => (Kind::RequestTimeout, "the head took over 10 s"),
        };
        Self::new(kind, detail).closing()
    }
}

/// The answer to a fault.
pub(crate) fn written(fault: Fault, ids: &RequestIds) -> Bytes {
    let mut response = Problem::from(fault).into_response();
    ids.name(&mut response);
    lines(browser::guarded(response))
}

fn lines(response: Response) -> Bytes {
    let (head, body) = response.into_parts();
    let body = body.collect().now_or_never().and_then(Result::ok);
    let body = body.map(http_body_util::Collected::to_bytes);
    let body = body.expect("a problem's body is in memory");
    let mut text = format!("HTTP/1.1 {}\r\n", head.status);
    for (name, value) in &head.headers {
        let value = value.to_str().expect("our own headers are visible ASCII");
        write!(text, "{name}: {value}\r\n").expect("a String takes any text");
    }
    write!(text, "content-length: {}\r\n\r\n", body.len()).expect("a String takes any text");
    [text.as_bytes(), &body].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_a_whole_answer() {
        let written = written(Fault::LineTooLong, &RequestIds::new());
        let text = String::from_utf8(written.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 414 URI Too Long\r\n"), "{head}");
        for line in [
            "connection: close",
            "content-type: application/problem+json",
            "x-content-type-options: nosniff",
            &format!("content-length: {}", body.len()),
        ] {
            assert!(head.split("\r\n").any(|one| one == line), "{line}: {head}");
        }
        assert!(head.contains("\r\nx-request-id: "), "{head}");
        assert!(
            body.contains(r#""type":"/problems/uri-too-long""#),
            "{body}"
        );
    }
}
