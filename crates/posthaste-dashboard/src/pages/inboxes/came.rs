//! A request as a page shows it: strangers' bytes from its first line to its last.

use posthaste::clock::Timestamp;
use posthaste_store::inbox::{HeaderBytes, InboxRequest, Verification, Via};

use crate::{
    curl,
    payload::{Shown, visible},
};

/// Bytes of a body that a list shows; a request's own page has all that is kept.
const LISTED_MAX: usize = 16 * 1024;
/// What a connection adds, and curl adds by itself.
const OF_THE_CONNECTION: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "transfer-encoding",
];

/// A request, drawn.
pub(super) struct Came {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) method: String,
    /// Path and query below the inbox's URL.
    pub(super) below: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Shown,
    pub(super) body_bytes: u64,
    /// How it is less than what was sent, or less than what is kept.
    pub(super) cut: Option<&'static str>,
    pub(super) verification: Option<Verification>,
    pub(super) answered: u16,
    pub(super) from: String,
    pub(super) curl: Option<String>,
}

impl Came {
    /// For a list.
    pub(super) fn listed(request: &InboxRequest, url: &str) -> Self {
        Self::of(request, url, LISTED_MAX)
    }

    /// All that is kept of it.
    pub(super) fn whole(request: &InboxRequest, url: &str) -> Self {
        Self::of(request, url, usize::MAX)
    }

    fn of(request: &InboxRequest, url: &str, most: usize) -> Self {
        let (arrival, head) = (&request.arrival, &request.arrival.head);
        let kept = arrival.body.len();
        let below = match &head.query {
            Some(query) => format!("{}?{query}", head.path),
            None => head.path.clone(),
        };
        let cut = match (head.incomplete, head.body_bytes > kept as u64, kept > most) {
            (true, ..) => {
                Some("The body was too large, too late or broke off: the request was refused.")
            }
            (_, true, _) => Some("The body is longer than what is kept of it: 256 KiB."),
            (.., true) => {
                Some("Here is the beginning of the body; the request's own page has more.")
            }
            (false, false, false) => None,
        };
        let is_whole = !head.incomplete && head.body_bytes == kept as u64;
        Self {
            number: request.number,
            at: arrival.at,
            method: visible(&head.method),
            headers: head.headers.iter().map(shown).collect(),
            body: body(&arrival.body[..kept.min(most)], kept <= most),
            body_bytes: head.body_bytes,
            cut,
            verification: head.verification.clone(),
            answered: head.answered,
            from: match head.via {
                Via::Direct => "this server, without a connection".to_owned(),
                Via::Network(None) => "somewhere".to_owned(),
                Via::Network(Some(address)) => address.to_string(),
            },
            curl: is_whole.then(|| as_curl(request, &format!("{url}{below}"))),
            below: visible(&below),
        }
    }

    /// In a word, with its class.
    pub(super) fn verdict(&self) -> (&'static str, &'static str) {
        match &self.verification {
            None => ("is-idle", "not checked"),
            Some(all) if all.is_valid() => ("is-ok", "verifies"),
            Some(_) => ("is-bad", "does not verify"),
        }
    }
}

/// JSON is laid out; everything else stands as it came.
fn body(bytes: &[u8], is_all: bool) -> Shown {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_all && is_json(text) => Shown::pretty(text),
        _ => Shown::of(bytes),
    }
}

fn is_json(text: &str) -> bool {
    let structured = text.trim_start().starts_with(['{', '[']);
    structured && posthaste::json::check(text.as_bytes(), posthaste::json::DEPTH_MAX).is_ok()
}

fn shown((name, value): &(String, HeaderBytes)) -> (String, String) {
    (visible(name), header_text(value))
}

/// Text where it is, else with its bytes as numbers.
fn header_text(value: &HeaderBytes) -> String {
    match std::str::from_utf8(&value.0) {
        Ok(text) => visible(text),
        Err(_) => value.0.escape_ascii().to_string(),
    }
}

fn as_curl(request: &InboxRequest, url: &str) -> String {
    let head = &request.arrival.head;
    let sent = head
        .headers
        .iter()
        .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()));
    let lines = sent.map(|(name, value)| format!("{name}: {}\n", header_text(value)));
    let lines: String = lines.collect();
    curl::command(&head.method, url, &lines, &request.arrival.body)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use posthaste_store::inbox::{Arrival, ArrivalHead};

    use super::*;

    fn request(headers: &[(&str, &[u8])], body: &'static [u8]) -> InboxRequest {
        let headers = headers.iter();
        let headers =
            headers.map(|(name, value)| ((*name).to_owned(), HeaderBytes(value.to_vec())));
        let head = ArrivalHead {
            method: "PUT".to_owned(),
            path: "/a'b".to_owned(),
            query: Some("x=1".to_owned()),
            headers: headers.collect(),
            via: Via::Network(None),
            body_bytes: body.len() as u64,
            incomplete: false,
            verification: None,
            answered: 200,
        };
        let arrival = Arrival {
            at: Timestamp::from_millis(0),
            head,
            body: Bytes::from_static(body),
        };
        InboxRequest { number: 1, arrival }
    }

    #[test]
    fn json_is_laid_out_and_no_byte_is_more_than_text() {
        let came = Came::listed(
            &request(&[("x", b"<b>\xff")], b"{\"a\":1}"),
            "http://h/inbox/t",
        );
        assert_eq!(came.headers, [("x".to_owned(), "<b>\\xff".to_owned())]);
        assert_eq!(came.body.text, "{\n  \"a\": 1\n}");
        let text = Came::listed(&request(&[], b"{\"a\":1"), "http://h/inbox/t");
        assert_eq!(text.body.text, "{\"a\":1");
        assert!(Came::listed(&request(&[], b"\xff\0"), "").body.is_hex);
    }

    #[test]
    fn it_is_copied_as_the_same_request_again() {
        let headers: [(&str, &[u8]); 2] = [("host", b"h"), ("x-a", b"1")];
        let came = Came::listed(&request(&headers, b"{}"), "http://h/inbox/t");
        let expected = "curl --globoff -X PUT 'http://h/inbox/t/a'\\''b?x=1' \\\n  \
            -H 'x-a: 1' \\\n  --data-raw '{}'";
        assert_eq!(came.curl.as_deref(), Some(expected));
        let mut cut = request(&headers, b"{}");
        cut.arrival.head.body_bytes = 9;
        assert_eq!(Came::listed(&cut, "").curl, None);
    }
}
