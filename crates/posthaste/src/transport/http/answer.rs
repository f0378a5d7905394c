//! What a receiver says, bounded: the head's lines as visible text, and the body's beginning.

use std::fmt::Write;

use bytes::Bytes;
use http::{HeaderMap, response::Parts};

use super::{fault, retry_after, wire::HEAD_MAX};
use crate::{
    clock::Timestamp,
    transport::{Answer, Lap, TransportError},
};

/// Bytes of a body that are kept.
const KEPT_MAX: usize = 16 * 1024;

/// Bytes of a body that are read, so that its connection can be used again.
const READ_MAX: usize = 64 * 1024;

/// As much of an answer as has arrived. It outlives the exchange, so that a deadline in the middle
/// of a body loses nothing of what came before.
#[derive(Default)]
pub(super) struct Heard<'a> {
    /// The wait for the head, while it lasts.
    pub waiting: Option<Lap<'a>>,
    head: Option<Answer>,
    body: Vec<u8>,
    read: usize,
}

impl Heard<'_> {
    /// The final head. From now on there is an answer.
    pub fn head(
        &mut self,
        parts: &Parts,
        now: &dyn Fn() -> Timestamp,
    ) -> Result<(), TransportError> {
        self.waiting = None;
        let status = parts.status.as_u16();
        if size(&parts.headers) > HEAD_MAX {
            return Err(fault::head_too_large());
        }
        self.head = Some(Answer {
            status,
            headers: lines(&parts.headers),
            body: Bytes::new(),
            retry_after: retry_after::asked_for(status, &parts.headers, now),
        });
        Ok(())
    }

    /// A piece of the body. Says whether more of it is wanted.
    pub fn data(&mut self, data: &[u8]) -> bool {
        let room = KEPT_MAX - self.body.len();
        self.body.extend_from_slice(&data[..data.len().min(room)]);
        self.read = self.read.saturating_add(data.len());
        self.read <= READ_MAX
    }

    pub fn answer(self) -> Option<Answer> {
        let body = Bytes::from(self.body);
        self.head.map(|head| Answer { body, ..head })
    }
}

/// Bytes of the header lines as they were sent.
fn size(headers: &HeaderMap) -> usize {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    headers.iter().map(line).sum()
}

/// `name: value` lines, whatever is not visible ASCII escaped, cut at 16 KiB.
fn lines(headers: &HeaderMap) -> String {
    let mut text = String::with_capacity(size(headers));
    for (name, value) in headers {
        text.push_str(name.as_str());
        text.push_str(": ");
        escape(value.as_bytes(), &mut text);
        text.push('\n');
    }
    text.truncate(HEAD_MAX); // all ASCII
    text
}

fn escape(value: &[u8], text: &mut String) {
    for &byte in value {
        match byte {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => write!(text, "\\x{byte:02x}").expect("a string takes everything"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn header_lines_are_visible_text_of_bounded_length() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_bytes(b"caf\xe9 \\ \t").unwrap());
        headers.append("x-b", "1".parse().unwrap());
        assert_eq!(lines(&headers), "x-a: caf\\xe9 \\\\ \\x09\nx-b: 1\n");
        headers.insert("x-c", HeaderValue::from_bytes(&[0xff; 8000]).unwrap());
        assert_eq!(lines(&headers).len(), HEAD_MAX);
    }

    #[test]
    fn a_body_is_kept_to_16_kib_and_read_to_64() {
        let mut heard = Heard::default();
        assert!((0..8).all(|_| heard.data(&[b'x'; 8 * 1024])));
        assert!(!heard.data(b"x"));
        assert_eq!(heard.body.len(), KEPT_MAX);
        assert!(
            heard.answer().is_none(),
            "a body without a head is no answer"
        );
    }
}
