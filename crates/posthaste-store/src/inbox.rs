//! Inboxes, the built-in request bins: how each answers, what it verifies with, and what came to it.
//!
//! What came is kept as it came, and only the newest of it, so that nobody who knows an address fills
//! a disk. A token is no key: who knows it may post, and see the answer, and nothing else.

use std::{fmt, net::IpAddr, str::FromStr};

use bytes::Bytes;
use posthaste::{
    clock::Timestamp,
    egress::TargetUrl,
    event::TenantId,
    id::{InboxId, SubscriptionId},
    signature::{Scheme, Secret},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Requests of one inbox that are kept.
pub const REQUESTS_KEPT: usize = 500;
/// What the kept requests of one inbox may weigh together.
pub const BYTES_KEPT: u64 = 8 * 1024 * 1024;

/// A request bin.
#[derive(Clone, PartialEq, Eq)]
pub struct Inbox {
    pub id: InboxId,
    pub tenant: TenantId,
    /// For people.
    pub name: String,
    pub bin: Bin,
    pub check: Check,
    /// The subscription that was made with it, and goes with it; whatever it verifies with.
    pub made: Option<SubscriptionId>,
    /// Counts changes, so that a stale one is refused; 1 when it is made.
    pub revision: u64,
}

impl Inbox {
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.id.time()
    }

    /// The subscription that it verifies with.
    #[must_use]
    pub fn subscription(&self) -> Option<SubscriptionId> {
        match self.check {
            Check::Subscription(id) => Some(id),
            Check::Nothing | Check::Secret(_) => None,
        }
    }
}

/// Names no secret: what tests show.
impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

/// Where requests come to.
#[derive(Clone, PartialEq, Eq)]
pub enum Bin {
    /// To this server, under a token that is not to be guessed.
    Own { token: Secret, answer: InboxAnswer },
    /// To webhook.site, which keeps and shows them itself.
    WebhookSite { url: TargetUrl, view_url: String },
}

/// What the requests of an inbox are verified with.
#[derive(Clone, PartialEq, Eq)]
pub enum Check {
    Nothing,
    /// The secrets of a subscription, as they are when a request comes.
    Subscription(SubscriptionId),
    Secret(Secret),
}

/// What every request is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxAnswer {
    /// 200 to 599.
    pub status: u16,
    /// 0 to 30,000.
    pub delay_ms: u32,
    /// What `Retry-After` says, in seconds: up to a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    pub content_type: AnswerType,
    /// At most 16 KiB.
    pub body: String,
}

impl Default for InboxAnswer {
    /// 200 at once, without a body.
    fn default() -> Self {
        Self {
            status: 200,
            delay_ms: 0,
            retry_after_s: None,
            content_type: AnswerType::Text,
            body: String::new(),
        }
    }
}

/// What an answer's body says it is: nothing that a browser would run, since it comes from the
/// server's own origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerType {
    #[serde(rename = "text/plain")]
    Text,
    #[serde(rename = "application/json")]
    Json,
    #[serde(rename = "application/problem+json")]
    Problem,
    #[serde(rename = "application/xml")]
    Xml,
    #[serde(rename = "application/x-www-form-urlencoded")]
    Form,
}

impl AnswerType {
    pub const EVERY: &[Self] = &[Self::Text, Self::Json, Self::Problem, Self::Xml, Self::Form];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Json => "application/json",
            Self::Problem => "application/problem+json",
            Self::Xml => "application/xml",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

/// Not an [`AnswerType`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected text/plain, application/json, application/problem+json, application/xml or application/x-www-form-urlencoded"
)]
pub struct AnswerTypeError;

impl FromStr for AnswerType {
    type Err = AnswerTypeError;

    fn from_str(text: &str) -> Result<Self, AnswerTypeError> {
        let mut known = Self::EVERY.iter().copied();
        known
            .find(|one| one.as_str() == text)
            .ok_or(AnswerTypeError)
    }
}

/// Something that came to an inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    pub at: Timestamp,
    pub head: ArrivalHead,
    /// Its beginning, at most 256 KiB.
    pub body: Bytes,
}

/// All of a request but its body. Headers may be secret, so a store seals it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivalHead {
    pub method: String,
    /// Below the token, as it was written; empty where nothing was.
    pub path: String,
    pub query: Option<String>,
    /// As they came, each with its bytes; at most 64 KiB of them.
    pub headers: Vec<(String, HeaderBytes)>,
    pub via: Via,
    /// Bytes of the body that came; more than there are where it was cut.
    pub body_bytes: u64,
    /// More came than is read, or it broke off.
    pub incomplete: bool,
    /// None where there was nothing to verify it with.
    pub verification: Option<Verification>,
    /// The status that it was answered with.
    pub answered: u16,
}

impl Arrival {
    /// What it weighs in its inbox.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let head = &self.head;
        let headers = head.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + value.0.len())
            .sum();
        let line = head.path.len() + head.query.as_ref().map_or(0, String::len);
        (self.body.len() + headers + line) as u64
    }
}

/// By which way it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// Over a connection, from this address as far as it can be told.
    Network(Option<IpAddr>),
    /// From this server itself, without one.
    Direct,
}

/// A header's value, whatever its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderBytes(pub Vec<u8>);

/// A character for each byte, so that what is text reads as it is.
impl Serialize for HeaderBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text: String = self.0.iter().copied().map(char::from).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for HeaderBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = text.chars().map(|c| u8::try_from(u32::from(c)));
        let bytes: Result<Vec<u8>, _> = bytes.collect();
        bytes.map(Self).map_err(de::Error::custom)
    }
}

/// What came of checking a request's signatures when it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification(pub Vec<Verdict>);

impl Verification {
    /// Whether it has a signature, and every one verifies.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|verdict| verdict.fault.is_none())
    }
}

/// Of one scheme.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    pub scheme: Scheme,
    /// Why not; none where it verifies.
    pub fault: Option<String>,
}

/// A kept request, numbered in its inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRequest {
    pub number: u64,
    pub arrival: Arrival,
}

/// Of kept requests, newest first and each with what it weighs, how many may stay.
#[must_use]
pub fn stay(weights: impl Iterator<Item = u64>) -> usize {
    let within = weights.take(REQUESTS_KEPT).scan(0, |sum, bytes| {
        *sum += bytes;
        (*sum <= BYTES_KEPT).then_some(())
    });
    within.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_a_header_comes_back() {
        let all = HeaderBytes((0..=255).collect());
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<HeaderBytes>(&text).unwrap(), all);
        assert!(serde_json::from_str::<HeaderBytes>("\"\u{100}\"").is_err());
    }

    #[test]
    fn the_newest_stay_within_a_number_and_a_weight() {
        #[track_caller]
        fn check(weights: &[u64], expected: usize) {
            assert_eq!(stay(weights.iter().copied()), expected);
        }
        check(&[1; 10], 10);
        check(&[1; 501], 500);
        check(&[BYTES_KEPT / 2; 5], 2);
        check(&[1, BYTES_KEPT, 1], 1);
        check(&[BYTES_KEPT + 1, 1], 1);
        check(&[0; 500], 500);
    }

    #[test]
    fn a_type_of_answer_is_written_as_it_is_read() {
        for known in AnswerType::EVERY {
            let json = serde_json::to_string(known).unwrap();
            assert_eq!(json, format!("{:?}", known.as_str()));
            assert_eq!(known.as_str().parse(), Ok(*known));
        }
        for bad in [
            "text/html",
            "text/javascript",
            "image/svg+xml",
            "text/css",
            "",
        ] {
            assert_eq!(bad.parse::<AnswerType>(), Err(AnswerTypeError), "{bad}");
        }
    }

    #[test]
    fn a_request_without_a_signature_is_not_valid() {
        assert!(!Verification(Vec::new()).is_valid());
    }
}
