//! Subscriptions: a URL that wants events, and how it wants them.

mod header;
mod access;

use std::{
    collections::BTreeMap, fmt, ops::RangeInclusive, str::FromStr, sync::Arc, time::Duration,
};

pub use access::{Access, Auth, AuthError, ClientCertificate, TlsSettings};
pub use header::{HIDDEN, HeaderName, HeaderNameError, HeaderValue, HeaderValueError, OwnHeader};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    body::BodyFormat,
    clock::Timestamp,
    delivery::{Health, PauseReason},
    egress::TargetUrl,
    event::{EventType, TenantId, is_word},
    filter::Filter,
    id::SubscriptionId,
    json::RawJson,
    retry::RetryPolicy,
    signature::{Algorithm, Scheme, Secrets},
};

/// What a subscription wants of one kind: `memory.created`, `memory.*` or `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventPattern {
    /// This type alone.
    Exact(EventType),
    /// The dotted prefix, with its last dot: any depth below it.
    Prefix(String),
    /// All of the tenant's own types; never the platform's.
    All,
}

/// Not an event pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an event type such as memory.created, a prefix such as memory.*, or *")]
pub struct EventPatternError;

impl EventPattern {
    /// Whether it wants events of this type.
    #[must_use]
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::Exact(exact) => exact == event_type,
            Self::Prefix(prefix) => event_type.as_str().starts_with(prefix.as_str()),
            Self::All => !event_type.is_platforms(),
        }
    }
}

impl FromStr for EventPattern {
    type Err = EventPatternError;

    fn from_str(text: &str) -> Result<Self, EventPatternError> {
        if text == "*" {
            return Ok(Self::All);
        }
        match text.strip_suffix('*') {
            Some(prefix) => {
                let words = prefix.strip_suffix('.').ok_or(EventPatternError)?;
                let fits = text.len() <= 128 && words.split('.').all(is_word);
                fits.then(|| Self::Prefix(prefix.to_owned()))
                    .ok_or(EventPatternError)
            }
            None => text.parse().map(Self::Exact).map_err(|_| EventPatternError),
        }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => exact.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::All => f.write_str("*"),
        }
    }
}

impl Serialize for EventPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Whether new events become deliveries, and whether those leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionStatus {
    /// Deliveries are made and leave.
    Active,
    /// Deliveries are made and held, and go out on resume.
    Paused(PauseReason),
    /// New events skip it.
    Disabled,
}

impl SubscriptionStatus {
    /// Its name, without the reason.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused(_) => "paused",
            Self::Disabled => "disabled",
        }
    }
}

/// Whether deliveries may overtake each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ordering {
    /// They may.
    #[default]
    None,
    /// Those of one ordering key leave one at a time, in the order accepted.
    Fifo,
}

/// Requests per second at most; 0.01 to 100,000.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct RateLimit(f64);

/// Not a [`RateLimit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 0.01 to 100,000 requests per second")]
pub struct RateLimitError;

impl RateLimit {
    /// Requests per second.
    #[must_use]
    pub fn per_s(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for RateLimit {
    type Error = RateLimitError;

    fn try_from(per_s: f64) -> Result<Self, RateLimitError> {
        let fits = (0.01..=100_000.0).contains(&per_s);
        fits.then_some(Self(per_s)).ok_or(RateLimitError)
    }
}

impl From<RateLimit> for f64 {
    fn from(limit: RateLimit) -> Self {
        limit.0
    }
}

/// When the events that gather for one request are enough, whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchLimits {
    /// 1 to 1,000; default 100.
    pub max_events: u32,
    /// How long the first one waits for others; 1 to 60,000 ms, default 1,000.
    pub max_wait_ms: u32,
    /// Of the bodies together; 1 KiB to 16 MiB, default 1 MiB. A larger event leaves alone.
    pub max_bytes: u32,
}

impl BatchLimits {
    /// What [`Self::max_events`] may be.
    pub const EVENTS: RangeInclusive<u32> = 1..=1000;
    /// What [`Self::max_wait_ms`] may be.
    pub const WAIT_MS: RangeInclusive<u32> = 1..=60_000;
    /// What [`Self::max_bytes`] may be.
    pub const BYTES: RangeInclusive<u32> = 1024..=16 * 1024 * 1024;

    /// How long the first one waits for others.
    #[must_use]
    pub fn max_wait(&self) -> Duration {
        Duration::from_millis(self.max_wait_ms.into())
    }
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            max_events: 100,
            max_wait_ms: 1000,
            max_bytes: 1024 * 1024,
        }
    }
}

/// One subscription of one tenant, whole: configuration, standing and secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// What it is called in the API.
    pub id: SubscriptionId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The caller's own name for it, unique in the tenant.
    pub external_id: Option<String>,
    /// Where its requests go.
    pub url: TargetUrl,
    /// For people; shown, never interpreted.
    pub description: String,
    /// Empty is all of the tenant's own types.
    pub events: Vec<EventPattern>,
    /// What it wants of an event beside its type; none is everything.
    pub filter: Option<Filter>,
    /// Whether deliveries are made, and leave.
    pub status: SubscriptionStatus,
    /// How its requests are signed.
    pub schemes: Vec<Scheme>,
    /// The hash of the `x-webhook` scheme, or a key pair instead of a shared secret.
    pub algorithm: Algorithm,
    /// What they are signed with.
    pub secrets: Secrets,
    /// What its receiver asks for beside a signature. Shared, because it may be long.
    pub access: Arc<Access>,
    /// The waits between attempts.
    pub retry: RetryPolicy,
    /// For a whole attempt; 100 to 60,000 ms, default 10,000.
    pub timeout: Duration,
    /// Attempts under way at once; 1 to 1,000, default 32.
    pub max_in_flight: u32,
    /// Requests per second at most; default none.
    pub rate_limit: Option<RateLimit>,
    /// Whether deliveries may overtake each other.
    pub ordering: Ordering,
    /// Mode `batch`: several events in a request. None is mode `single`.
    pub batch: Option<BatchLimits>,
    /// Deliveries in a row that spend their attempts before it is paused; default 5, 0 is never.
    pub auto_pause_after: u32,
    /// How events become bodies.
    pub format: BodyFormat,
    /// Types of which it takes this one version alone.
    pub versions: BTreeMap<EventType, u32>,
    /// A JSON object of the caller's.
    pub metadata: RawJson,
    /// How it has fared lately.
    pub health: Health,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Counts changes, so that a stale one is refused.
    pub revision: u64,
}

impl Subscription {
    /// Bytes of an external id at most; at least one.
    pub const EXTERNAL_ID_BYTES_MAX: usize = 255;
    /// Bytes of a description at most.
    pub const DESCRIPTION_BYTES_MAX: usize = 1024;
    /// Patterns, and types with a version of their own, at most.
    pub const PATTERNS_MAX: usize = 1000;
    /// What [`Self::timeout`] may be, in milliseconds.
    pub const TIMEOUT_MS: RangeInclusive<u64> = 100..=60_000;
    /// What [`Self::max_in_flight`] may be.
    pub const IN_FLIGHT: RangeInclusive<u32> = 1..=1000;

    /// Whether its patterns want events of this type.
    #[must_use]
    pub fn wants(&self, event_type: &EventType) -> bool {
        wants(&self.events, event_type)
    }

    /// Whether it takes this version of a type, as far as it has pinned one; an absent one is 1.
    #[must_use]
    pub fn takes_version(&self, event_type: &EventType, version: Option<u32>) -> bool {
        let pinned = self.versions.get(event_type);
        pinned.is_none_or(|pinned| *pinned == version.unwrap_or(1))
    }

    /// Whether new events of this type become deliveries of it.
    #[must_use]
    pub fn takes(&self, event_type: &EventType) -> bool {
        self.status != SubscriptionStatus::Disabled && self.wants(event_type)
    }
}

/// Whether a list of patterns wants a type; no pattern at all is all of the tenant's own types.
#[must_use]
pub fn wants(patterns: &[EventPattern], event_type: &EventType) -> bool {
    if patterns.is_empty() {
        return EventPattern::All.matches(event_type);
    }
    patterns.iter().any(|pattern| pattern.matches(event_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(patterns: &[&str], event_type: &str, expected: bool) {
        let patterns: Vec<EventPattern> = patterns.iter().map(|p| p.parse().unwrap()).collect();
        let event_type = event_type.parse().unwrap();
        assert_eq!(
            wants(&patterns, &event_type),
            expected,
            "{patterns:?} {event_type}"
        );
    }

    #[test]
    fn patterns_are_exact_or_a_prefix_or_all() {
        check(&["memory.created"], "memory.created", true);
        check(&["memory.created"], "memory.created.late", false);
        check(&["memory.*"], "memory.created", true);
        check(&["memory.*"], "memory.tag.added", true);
        check(&["memory.*"], "memory", false);
        check(&["memory.*"], "memoryx.created", false);
        check(&["tag.added", "memory.*"], "memory.created", true);
        check(&["*"], "anything", true);
        check(&[], "anything", true);
    }

    #[test]
    fn the_platforms_own_types_are_wanted_by_name_alone() {
        check(&["*"], "posthaste.subscription.paused", false);
        check(&[], "posthaste.subscription.paused", false);
        check(&["posthaste.*"], "posthaste.subscription.paused", true);
        check(
            &["posthaste.subscription.paused"],
            "posthaste.subscription.paused",
            true,
        );
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in ["", ".*", "a*", "a..*", "*.a", "**", "a.*.b", "é.*", "a b.*"] {
            assert!(bad.parse::<EventPattern>().is_err(), "{bad}");
        }
    }
}
