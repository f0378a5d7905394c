//! Events: one thing that happened, for one tenant.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::{clock::Timestamp, id::EventId, json::RawJson};

/// A text that was parsed once and is shared from then on.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $error:ident, $message:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        #[doc = concat!("Not a [`", stringify!($name), "`].")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error($message)]
        pub struct $error;

        impl $name {
            /// Its text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.into())) } else { Err($error) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

checked_text! {
    /// A dotted name: `memory.created`; at most 128 bytes.
    EventType, EventTypeError,
    "expected a dotted name of letters, digits, _ and -, at most 128 bytes, such as memory.created",
    |text| text.len() <= 128 && text.split('.').all(is_word)
}

checked_text! {
    /// One isolated customer of the platform: `[a-z0-9][a-z0-9-]{0,62}`.
    TenantId, TenantIdError,
    "expected 1 to 63 lower-case letters, digits and hyphens, not beginning with a hyphen",
    |text| (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether it is a word of an event type.
pub(crate) fn is_word(word: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !word.is_empty() && word.bytes().all(allowed)
}

impl EventType {
    /// Whether it is one of the platform's own (`posthaste.…`), which nobody else may publish.
    #[must_use]
    pub fn is_platforms(&self) -> bool {
        self.0.starts_with("posthaste.")
    }

    /// What a test delivery is called when nothing names a better type: `posthaste.test`.
    #[must_use]
    pub fn test() -> Self {
        Self("posthaste.test".into())
    }
}

impl TenantId {
    /// The tenant that every server begins with.
    #[must_use]
    pub fn default_tenant() -> Self {
        Self("default".into())
    }
}

/// The deliveries of a fifo subscription that leave one after another: those of one ordering key.
/// Events without a key share a line of their own. Two keys may fall into one line, which costs
/// speed and never order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(u64);

impl Line {
    /// The line of a key: 63 bits of its SHA-256, the same on every machine.
    #[must_use]
    pub fn of(ordering_key: Option<&str>) -> Self {
        let Some(key) = ordering_key else {
            return Self::default();
        };
        let digest = Sha256::digest(key.as_bytes());
        let first = digest.first_chunk().expect("32 bytes");
        Self(u64::from_be_bytes(*first) >> 1)
    }

    /// From a stored number.
    #[must_use]
    pub const fn from_u64(line: u64) -> Self {
        Self(line)
    }

    /// As it is stored.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// Why a delivery exists, or was opened again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A producer published the event.
    #[default]
    Publish,
    /// Someone asked for it again.
    Redeliver,
    /// A replay of a window of time.
    Replay,
    /// One attempt to one subscription, counted for neither health nor pause.
    Test,
}

/// What an event may have besides type and data. All absent is the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventDetails {
    /// Of the type's schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Who published it, as they say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What ties it to other events and to logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// What fifo subscriptions keep in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordering_key: Option<String>,
    /// When it happened, as its producer says; never used for scheduling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The publisher's own notes; they are not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<RawJson>,
    /// W3C trace context of the publish, passed on to receivers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// How often it has come back to this server as a publish already.
    #[serde(skip_serializing_if = "is_zero")]
    pub hops: u8,
    /// Whether it exists to try one subscription.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(n: &u8) -> bool {
    *n == 0
}

/// An event with its id: what is stored, signed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// What receivers deduplicate by.
    pub id: EventId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// What it has besides.
    pub details: EventDetails,
    /// The published JSON, byte for byte.
    pub data: RawJson,
}

impl Event {
    /// When it was accepted.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.id.time()
    }

    /// The time that bodies carry: when it happened, else when it was accepted; never an attempt's.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.details
            .occurred_at
            .unwrap_or_else(|| self.created_at())
    }

    /// Why its deliveries exist.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.details.test {
            Origin::Test
        } else {
            Origin::Publish
        }
    }

    /// The line it stands in where order is kept.
    #[must_use]
    pub fn line(&self) -> Line {
        Line::of(self.details.ordering_key.as_deref())
    }

    /// Bytes that its body has at most, in any format.
    #[must_use]
    pub fn body_bytes_max(&self) -> usize {
        // Names, ids, times and punctuation of the longest format; a byte of text takes six where
        // it is escaped.
        const FRAME: usize = 512;
        let details = &self.details;
        let texts = [
            &details.source,
            &details.correlation_id,
            &details.ordering_key,
            &details.traceparent,
        ];
        let texts = texts.into_iter().flatten().map(String::len);
        FRAME + self.data.len() + self.event_type.as_str().len() + 6 * texts.sum::<usize>()
    }

    /// Bytes that it holds in memory, roughly.
    #[must_use]
    pub fn size(&self) -> usize {
        let metadata = self.details.metadata.as_ref().map_or(0, RawJson::len);
        size_of::<Self>() + self.data.len() + metadata + 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_dotted_words() {
        for good in ["a", "memory.created", "A-1._x.y", &"x".repeat(128)] {
            assert!(good.parse::<EventType>().is_ok(), "{good}");
        }
        let long = "x".repeat(129);
        for bad in [
            "", ".", "a..b", "a.", ".a", "a b", "é", "*", "a.*", "a\0", &long,
        ] {
            assert!(bad.parse::<EventType>().is_err(), "{bad}");
        }
    }

    #[test]
    fn tenant_ids_are_host_labels() {
        for good in ["a", "default", "0-1", &"x".repeat(63)] {
            assert!(good.parse::<TenantId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a_b", "a b", &"x".repeat(64)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn absent_details_are_an_empty_object() {
        let text = serde_json::to_string(&EventDetails::default()).unwrap();
        assert_eq!(text, "{}");
    }
}
