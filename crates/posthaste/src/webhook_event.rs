//! Events of the embeddable dispatcher: made in the program, with an id of their own.

use std::{borrow::Cow, fmt, str::FromStr};

use serde_json::{Map, Value};

use crate::{
    chance,
    clock::{Clock as _, SystemClock, Timestamp},
    event::{EventType, EventTypeError},
    json,
    subscription::EventPattern,
};

/// What kind of thing happened: one of three that everyone has, or any dotted name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WebhookEventType(Cow<'static, str>);

impl WebhookEventType {
    /// `created`
    pub const CREATED: Self = Self(Cow::Borrowed("created"));
    /// `updated`
    pub const UPDATED: Self = Self(Cow::Borrowed("updated"));
    /// `deleted`
    pub const DELETED: Self = Self(Cow::Borrowed("deleted"));

    /// A type of one's own: words with dots between, at most 128 bytes.
    ///
    /// # Errors
    /// When the name is no event type.
    pub fn custom(name: &str) -> Result<Self, EventTypeError> {
        name.parse()
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WebhookEventType {
    type Err = EventTypeError;

    fn from_str(name: &str) -> Result<Self, EventTypeError> {
        name.parse().map(|checked: EventType| checked.into())
    }
}

impl fmt::Display for WebhookEventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<EventType> for WebhookEventType {
    fn from(checked: EventType) -> Self {
        Self(checked.as_str().to_owned().into())
    }
}

impl From<&WebhookEventType> for EventType {
    fn from(name: &WebhookEventType) -> Self {
        name.0.parse().expect("checked when it was made")
    }
}

impl From<WebhookEventType> for EventPattern {
    fn from(name: WebhookEventType) -> Self {
        Self::Exact((&name).into())
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct WebhookEvent {
    event_type: WebhookEventType,
    payload: Value,
    event_id: String,
    timestamp: Timestamp,
    source: Option<String>,
}

/// Not an event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 255 visible ASCII characters without a full stop")]
pub struct EventIdError;

impl WebhookEvent {
    /// An event that happens now, under a new UUID v4.
    #[must_use]
    pub fn new(event_type: WebhookEventType, payload: impl Into<Value>) -> Self {
        Self {
            event_type,
            payload: payload.into(),
            event_id: chance::uuid(),
            timestamp: SystemClock::new().wall(),
            source: None,
        }
    }

    /// The same under an id of the caller's. Receivers deduplicate by it, and it is signed.
    ///
    /// # Errors
    /// When it cannot stand in a `webhook-id` header: empty, over 255 bytes, a full stop, white
    /// space or anything beyond ASCII.
    pub fn with_id(self, event_id: impl Into<String>) -> Result<Self, EventIdError> {
        let event_id = event_id.into();
        let fits = (1..=255).contains(&event_id.len());
        let visible = event_id.bytes().all(|b| b.is_ascii_graphic() && b != b'.');
        match fits && visible {
            true => Ok(Self { event_id, ..self }),
            false => Err(EventIdError),
        }
    }

    /// The same, from a source.
    #[must_use]
    pub fn with_source(self, source: impl Into<String>) -> Self {
        let source = Some(source.into());
        Self { source, ..self }
    }

    /// The same at another time.
    #[must_use]
    pub fn at(self, timestamp: Timestamp) -> Self {
        Self { timestamp, ..self }
    }

    /// What kind of thing happened.
    #[must_use]
    pub fn event_type(&self) -> &WebhookEventType {
        &self.event_type
    }

    /// What the program has to say about it.
    #[must_use]
    pub fn payload(&self) -> &Value {
        &self.payload
    }

    /// What receivers deduplicate by.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.event_id
    }

    /// When it happened.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Where it comes from, if anyone said.
    #[must_use]
    pub fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// `event_id`, `event_type`, `payload`, `source` (left out where there is none) and
    /// `timestamp` (RFC 3339).
    #[must_use]
    pub fn to_dict(&self) -> Map<String, Value> {
        let text = |key: &str, text: &str| (key.to_owned(), Value::from(text));
        let members = [
            text("event_id", &self.event_id),
            text("event_type", self.event_type.as_str()),
            ("payload".to_owned(), self.payload.clone()),
            text("timestamp", &self.timestamp.to_string()),
        ];
        let source = self.source.as_deref().map(|source| text("source", source));
        members.into_iter().chain(source).collect()
    }

    /// The same as JSON, compact and with its keys sorted: the very bytes that are signed and sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        let text = Value::Object(self.to_dict()).to_string();
        String::from_utf8(json::sorted(text.as_bytes())).expect("sorting keeps its characters")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_shows_as_sorted_json_and_as_a_dict() {
        let event = WebhookEvent::new(WebhookEventType::CREATED, json!({"b": 1, "a": [2]}))
            .with_id("e-1")
            .unwrap()
            .at(Timestamp::from_millis(0));
        assert_eq!(
            event.to_json(),
            r#"{"event_id":"e-1","event_type":"created","payload":{"a":[2],"b":1},"timestamp":"1970-01-01T00:00:00.000Z"}"#,
        );
        let event = event.with_source("tests");
        assert_eq!(event.to_dict()["source"], "tests");
        let read: Value = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(read, Value::Object(event.to_dict()));
    }

    #[test]
    fn ids_are_made_anew_or_fit_a_header() {
        let event = || WebhookEvent::new(WebhookEventType::DELETED, Value::Null);
        assert_eq!(event().event_id().len(), 36);
        assert_ne!(event().event_id(), event().event_id());
        let long = "x".repeat(256);
        for bad in ["", "a.b", "a b", "a\r\nb", "é", &long] {
            assert_eq!(event().with_id(bad), Err(EventIdError), "{bad}");
        }
    }

    #[test]
    fn a_custom_type_of_a_known_name_is_the_known_one() {
        let custom = WebhookEventType::custom("created").unwrap();
        assert_eq!(custom, WebhookEventType::CREATED);
        assert!(WebhookEventType::custom("no type").is_err());
        assert_eq!(
            EventType::from(&WebhookEventType::UPDATED).as_str(),
            "updated"
        );
    }
}
