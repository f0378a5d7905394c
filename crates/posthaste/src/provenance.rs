//! The chain that a delivery's record stands in, so that the log can be audited: a hash over what
//! is delivered to whom, and behind it one for each attempt, over the link before it and all that
//! the attempt's record says.
//!
//! The bytes are defined in `docs/reference/provenance.md` and are never changed: another kind of
//! record gets another name in front. A chain shows that a record was changed or taken out of its
//! middle. It holds no secret, so it shows nothing to whoever distrusts those who may write the
//! store: they can work it out anew.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{
    clock::Timestamp,
    id::{EventId, SubscriptionId},
};

/// What the record of a new delivery begins with.
const DELIVERY: &str = "posthaste provenance 1 delivery";
/// What the record of an attempt begins with.
const ATTEMPT: &str = "posthaste provenance 1 attempt";

/// One link of a chain: a SHA-256, shown as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Link([u8; 32]);

/// What an attempt's link is worked out from: the attempt as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct AttemptRecord<'a> {
    /// From 1.
    pub number: u32,
    /// To the millisecond.
    pub started_at: Timestamp,
    /// In microseconds.
    pub latency_us: u64,
    /// None where there was no answer.
    pub status_code: Option<u16>,
    /// None after a 2xx.
    pub error: Option<&'a str>,
    /// `name: value` lines.
    pub request_headers: &'a str,
    /// `name: value` lines.
    pub response_headers: &'a str,
    /// As far as it is kept.
    pub response_body: &'a [u8],
}

impl Link {
    /// The first one: of a new delivery, with the body that it is first sent with.
    #[must_use]
    pub fn of_delivery(event: EventId, subscription: SubscriptionId, body: &[u8]) -> Self {
        let mut record = Record::begin(DELIVERY);
        record.text(&event.to_string());
        record.text(&subscription.to_string());
        record.field(Some(body));
        record.end()
    }

    /// The next one: of an attempt.
    #[must_use]
    pub fn after(self, attempt: &AttemptRecord<'_>) -> Self {
        let mut record = Record::after(self, ATTEMPT);
        record.text(&attempt.number.to_string());
        record.text(&attempt.started_at.as_millis().to_string());
        record.text(&attempt.latency_us.to_string());
        let status_code = attempt.status_code.map(|code| code.to_string());
        record.field(status_code.as_ref().map(String::as_bytes));
        record.field(attempt.error.map(str::as_bytes));
        record.text(attempt.request_headers);
        record.text(attempt.response_headers);
        record.field(Some(attempt.response_body));
        record.end()
    }

    /// From the stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// As it is stored.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Link {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A record on its way into the hash: fields one after another, so that no two records have the
/// same bytes.
struct Record(Sha256);

impl Record {
    fn begin(kind: &str) -> Self {
        let mut record = Self(Sha256::new());
        record.text(kind);
        record
    }

    fn after(previous: Link, kind: &str) -> Self {
        let mut record = Self(Sha256::new_with_prefix(previous.0));
        record.text(kind);
        record
    }

    fn text(&mut self, text: &str) {
        self.field(Some(text.as_bytes()));
    }

    /// A 0 where it is absent; else a 1, its length in four bytes, and the bytes themselves.
    fn field(&mut self, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            return self.0.update([0]);
        };
        let length = u32::try_from(bytes.len()).expect("no record is 4 GiB long");
        self.0.update([1]);
        self.0.update(length.to_be_bytes());
        self.0.update(bytes);
    }

    fn end(self) -> Link {
        Link(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Place;

    const AT: Timestamp = Timestamp::from_millis(1_795_293_360_123);
    const BODY: &[u8] = br#"{"n":1}"#;

    fn ids() -> (EventId, SubscriptionId) {
        let place = Place::at(AT, 0);
        (place.event(), SubscriptionId::at(place.forward(1)))
    }

    fn refused() -> AttemptRecord<'static> {
        AttemptRecord {
            number: 1,
            started_at: AT,
            latency_us: 1500,
            status_code: Some(503),
            error: Some("http 503"),
            request_headers: "content-type: application/json\nwebhook-id: evt_0sa2ty7zc0000\n",
            response_headers: "retry-after: 5\n",
            response_body: b"later\n",
        }
    }

    /// The example of docs/reference/provenance.md.
    #[test]
    fn a_chain_is_worked_out_as_the_documentation_says() {
        let (event, subscription) = ids();
        let first = Link::of_delivery(event, subscription, BODY);
        let second = first.after(&refused());
        let third = second.after(&AttemptRecord {
            number: 2,
            status_code: None,
            error: Some("timeout: no answer within 10000 ms"),
            response_headers: "",
            response_body: b"",
            ..refused()
        });
        let chain = [first, second, third].map(|link| link.to_string());
        let documented = include_str!("../../../docs/reference/provenance.md");
        for link in &chain {
            assert!(documented.contains(link.as_str()), "{chain:#?}");
        }
    }

    #[test]
    fn every_field_counts_and_absent_is_not_empty() {
        let (event, subscription) = ids();
        let first = Link::of_delivery(event, subscription, BODY);
        let refused = refused();
        let changed = [
            AttemptRecord {
                number: 2,
                ..refused
            },
            AttemptRecord {
                started_at: Timestamp::from_millis(0),
                ..refused
            },
            AttemptRecord {
                latency_us: 1501,
                ..refused
            },
            AttemptRecord {
                status_code: Some(500),
                ..refused
            },
            AttemptRecord {
                status_code: None,
                ..refused
            },
            AttemptRecord {
                error: Some(""),
                ..refused
            },
            AttemptRecord {
                error: None,
                ..refused
            },
            AttemptRecord {
                request_headers: "",
                ..refused
            },
            AttemptRecord {
                response_headers: "",
                ..refused
            },
            AttemptRecord {
                response_body: b"",
                ..refused
            },
            // What moves from one field into the next.
            AttemptRecord {
                response_headers: "retry-after: 5\nlater\n",
                response_body: b"",
                ..refused
            },
            refused,
        ];
        let links = changed.map(|record| first.after(&record));
        let other = Link::of_delivery(event, SubscriptionId::from_u64(1), BODY);
        let mut all = links.to_vec();
        all.extend([first, other, Link::of_delivery(event, subscription, b"")]);
        all.extend([
            other.after(&refused),
            Link::of_delivery(EventId::from_u64(1), subscription, BODY),
        ]);
        let distinct: std::collections::HashSet<Link> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn a_link_is_stored_as_32_bytes_and_shown_as_64_digits() {
        let (event, subscription) = ids();
        let link = Link::of_delivery(event, subscription, BODY);
        assert_eq!(link.to_string().len(), 64);
        assert_eq!(Link::from_bytes(*link.as_bytes()), link);
    }
}
