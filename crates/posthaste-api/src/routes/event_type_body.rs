//! What may be said about an event type, and how it is shown.

use std::collections::BTreeMap;

use bytes::Bytes;
use posthaste::{clock::Timestamp, event::EventType, json::RawJson};
use posthaste_engine::operations::NewEventType;
use posthaste_store::EventTypeEntry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    body::JsonText,
    path::version,
    problem::Problem,
    values::{Fault, Read, event_type, line, object_of},
};

/// Far above what the engine takes: it says how many that are.
const VERSIONS_MAX: usize = 10_000;

/// An event type to describe.
#[derive(ToSchema)]
#[schema(as = NewEventType)]
#[allow(dead_code)] // the document's shape
pub(crate) struct NewEventTypeShape {
    /// A dotted name; in a PUT absent, or the one of the path.
    #[schema(example = "memory.created")]
    r#type: String,
    description: Option<String>,
    /// Data of an event of the newest version, which it has to fit.
    example: Option<serde_json::Value>,
    /// A JSON Schema by version, `{"1": {"type": "object"}}`, each at most 64 KiB.
    #[schema(value_type = Option<BTreeMap<String, serde_json::Value>>)]
    versions: Option<serde_json::Value>,
}

/// An event type of the catalogue.
#[derive(Serialize, ToSchema)]
#[schema(as = EventTypeEntry)]
pub(crate) struct EventTypeView<'a> {
    #[schema(value_type = String)]
    r#type: &'a EventType,
    description: &'a str,
    #[schema(value_type = Option<serde_json::Value>)]
    example: Option<&'a RawJson>,
    /// A JSON Schema by version.
    #[schema(value_type = BTreeMap<String, serde_json::Value>)]
    versions: &'a BTreeMap<u32, RawJson>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl<'a> EventTypeView<'a> {
    pub(crate) fn of(entry: &'a EventTypeEntry) -> Self {
        Self {
            r#type: &entry.name,
            description: &entry.description,
            example: entry.example.as_ref(),
            versions: &entry.versions,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
        }
    }
}

/// An event type out of a body; `named` is what the path says already.
pub(crate) fn new_event_type(
    body: &JsonText,
    named: Option<&EventType>,
) -> Result<NewEventType, Problem> {
    let mut fields = body.fields(&["type", "description", "example", "versions"])?;
    let name = match named {
        None => fields.required("type", event_type),
        Some(path) => {
            fields.optional("type", |raw| same(raw, path));
            Some(path.clone())
        }
    };
    let description = fields.optional("description", line(NewEventType::DESCRIPTION_BYTES_MAX));
    let example = fields.optional("example", json);
    let versions = fields.optional("versions", object_of(VERSIONS_MAX, number, json));
    fields.finish()?;
    Ok(NewEventType {
        name: name.expect("no fault, so it was there"),
        description: description.unwrap_or_default(),
        example,
        versions: versions.unwrap_or_default(),
    })
}

fn same(raw: &str, path: &EventType) -> Read<()> {
    match event_type(raw)? == *path {
        true => Ok(()),
        false => Err(Fault::new("mismatch", "expected the type of the path").into()),
    }
}

fn number(name: &str) -> Read<u32> {
    let expected = || Fault::new("invalid_version", "expected a whole number from 1");
    Ok(version(name).ok_or_else(expected)?)
}

fn json(raw: &str) -> Read<RawJson> {
    Ok(RawJson::trusted(Bytes::copy_from_slice(raw.as_bytes())))
}
