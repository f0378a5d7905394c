//! The chain of a delivery's record, beside its definition in `docs/reference/provenance.md`.

use posthaste::{
    clock::Timestamp,
    id::{EventId, SubscriptionId},
    provenance::{AttemptRecord, Link},
};
use sha2::{Digest, Sha256};

use super::parts;

/// Numbers of 8 bytes each, then request headers, response headers and error in a line each, then
/// the body.
pub fn judge(mut input: &[u8]) {
    let [event, subscription, number, started, latency, bits] =
        [(); 6].map(|()| parts::number(&mut input));
    let texts = || {
        let (request, rest) = parts::text_line(input)?;
        let (response, rest) = parts::text_line(rest)?;
        let (error, body) = parts::text_line(rest)?;
        Some((request, response, error, body))
    };
    let Some((request_headers, response_headers, error, body)) = texts() else {
        return;
    };
    let (event, subscription) = (
        EventId::from_u64(event),
        SubscriptionId::from_u64(subscription),
    );
    let first = Link::of_delivery(event, subscription, body);
    let expected = Bytes::begin("posthaste provenance 1 delivery")
        .field(event.to_string().as_bytes())
        .field(subscription.to_string().as_bytes())
        .field(body);
    assert_eq!(*first.as_bytes(), expected.hash());
    let attempt = AttemptRecord {
        number: (number & 0xFFFF_FFFF) as u32,
        started_at: Timestamp::from_millis((started >> 1).cast_signed()),
        latency_us: latency,
        status_code: (bits & 1 == 1).then_some((bits >> 16 & 0xFFFF) as u16),
        error: (bits & 2 == 2).then_some(error),
        request_headers,
        response_headers,
        response_body: body,
    };
    assert_eq!(*first.after(&attempt).as_bytes(), after(first, &attempt));
    let other = AttemptRecord {
        latency_us: latency ^ 1,
        ..attempt
    };
    assert_ne!(first.after(&other), first.after(&attempt));
}

fn after(previous: Link, attempt: &AttemptRecord<'_>) -> [u8; 32] {
    let status = attempt.status_code.map(|code| code.to_string());
    let decimal = |number: u64| number.to_string().into_bytes();
    Bytes(previous.as_bytes().to_vec())
        .field(b"posthaste provenance 1 attempt")
        .field(&decimal(attempt.number.into()))
        .field(attempt.started_at.as_millis().to_string().as_bytes())
        .field(&decimal(attempt.latency_us))
        .optional(status.as_deref().map(str::as_bytes))
        .optional(attempt.error.map(str::as_bytes))
        .field(attempt.request_headers.as_bytes())
        .field(attempt.response_headers.as_bytes())
        .field(attempt.response_body)
        .hash()
}

/// A record written out in full before it is hashed.
struct Bytes(Vec<u8>);

impl Bytes {
    fn begin(kind: &str) -> Self {
        Self(Vec::new()).field(kind.as_bytes())
    }

    fn field(self, bytes: &[u8]) -> Self {
        self.optional(Some(bytes))
    }

    fn optional(mut self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            None => self.0.push(0),
            Some(bytes) => {
                self.0.push(1);
                let length = u32::try_from(bytes.len()).expect("an input is short");
                self.0.extend(length.to_be_bytes());
                self.0.extend(bytes);
            }
        }
        self
    }

    fn hash(self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}
