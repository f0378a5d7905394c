//! An event as filters see it.

use std::str::FromStr;

use crate::{
    event::{Event, EventDetails, EventType},
    json::{self, DEPTH_CEILING, JsonFault, Kind, RawJson, Tree},
};

/// What a filter may name. An event's id is not among them: it is given when the filters have
/// spoken.
pub(super) const MEMBERS: &[&str] = &[
    "type",
    "version",
    "source",
    "correlation_id",
    "ordering_key",
    "occurred_at",
    "metadata",
    "data",
];

/// An event, ready for filters: read once, whatever the number of filters.
///
/// It is the JSON object `{"type","version","source","correlation_id","ordering_key",
/// "occurred_at","metadata","data"}`, without what the event does not have.
#[derive(Debug)]
pub struct EventDocument(Tree);

impl EventDocument {
    /// Of an event that there is.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self::new(Some(&event.event_type), &event.details, Some(&event.data))
    }

    /// Of the parts of one that may be published.
    #[must_use]
    pub fn new(
        event_type: Option<&EventType>,
        details: &EventDetails,
        data: Option<&RawJson>,
    ) -> Self {
        let size = |json: Option<&RawJson>| json.map_or(0, RawJson::len);
        let capacity = 256 + size(data) + size(details.metadata.as_ref());
        let mut object = Object(Vec::with_capacity(capacity));
        object.text("type", event_type.map(EventType::as_str));
        object.json("version", details.version.map(|n| n.to_string()).as_deref());
        object.text("source", details.source.as_deref());
        object.text("correlation_id", details.correlation_id.as_deref());
        object.text("ordering_key", details.ordering_key.as_deref());
        let occurred_at = details.occurred_at.map(|at| at.to_string());
        object.text("occurred_at", occurred_at.as_deref());
        object.json("metadata", details.metadata.as_ref().map(RawJson::as_str));
        object.json("data", data.map(RawJson::as_str));
        Self(Tree::of(&object.closed()))
    }

    pub(super) fn tree(&self) -> &Tree {
        &self.0
    }
}

/// A JSON object that is being written.
/// Not an [`EventDocument`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventDocumentError {
    /// No JSON, and where.
    #[error(transparent)]
    Json(#[from] JsonFault),
    /// JSON of another kind.
    #[error("expected a JSON object with the members of an event")]
    Kind,
}

impl FromStr for EventDocument {
    type Err = EventDocumentError;

    /// An event as someone writes it, to try a filter on: what filters do not look at is let be.
    fn from_str(text: &str) -> Result<Self, EventDocumentError> {
        let json = RawJson::parse(text.to_owned(), DEPTH_CEILING)?;
        let tree = Tree::of(&json);
        let is_object = tree.root().kind() == Kind::Object;
        is_object
            .then_some(Self(tree))
            .ok_or(EventDocumentError::Kind)
    }
}

struct Object(Vec<u8>);

impl Object {
    fn json(&mut self, name: &str, json: Option<&str>) {
        if let Some(json) = json {
            self.name(name);
            self.0.extend_from_slice(json.as_bytes());
        }
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.name(name);
            json::write_string(&mut self.0, text.as_bytes());
        }
    }

    fn name(&mut self, name: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        json::write_string(&mut self.0, name.as_bytes());
        self.0.push(b':');
    }

    fn closed(mut self) -> RawJson {
        if self.0.is_empty() {
            return RawJson::empty_object();
        }
        self.0.push(b'}');
        RawJson::trusted(self.0.into())
    }
}
