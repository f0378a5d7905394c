//! Catalogues as files: event types with descriptions, schemas and examples. Two come with the
//! program; others are read.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// Those that come with the program, by name.
pub const EMBEDDED: &[(&str, &str)] = &[
    ("memory", include_str!("../catalogues/memory.json")),
    (
        "process-heat",
        include_str!("../catalogues/process-heat.json"),
    ),
];

/// An event type in a file, as it was written, and its name.
pub struct Entry {
    pub name: String,
    pub json: Box<RawValue>,
}

/// What an event of a type can be made of.
#[derive(Debug, Deserialize)]
pub struct Sample {
    #[serde(rename = "example")]
    pub data: Option<Box<RawValue>>,
    #[serde(default)]
    versions: BTreeMap<u32, IgnoredAny>,
}

impl Sample {
    /// The version that its data is one of.
    pub fn version(&self) -> u32 {
        let newest = self.versions.last_key_value();
        newest.map_or(1, |(version, _)| *version)
    }
}

/// The event types of one that comes with the program, or of a file.
pub fn open(what: &str) -> anyhow::Result<Vec<Entry>> {
    if let Some((_, text)) = EMBEDDED.iter().find(|(name, _)| *name == what) {
        return entries(text);
    }
    let text = std::fs::read_to_string(what).with_context(|| {
        let names: Vec<_> = EMBEDDED.iter().map(|(name, _)| *name).collect();
        format!(
            "cannot read {what}, and the catalogues that come along are {}",
            names.join(", ")
        )
    })?;
    entries(&text).with_context(|| format!("{what} is no catalogue"))
}

/// A sample of an event type out of the catalogues that come with the program.
pub fn sample(event_type: &str) -> Option<Sample> {
    let all = EMBEDDED
        .iter()
        .flat_map(|(_, text)| entries(text).unwrap_or_default());
    let entry = all.into_iter().find(|entry| entry.name == event_type)?;
    serde_json::from_str(entry.json.get()).ok()
}

/// `{"event_types": […]}`, the list alone, or a single one.
fn entries(text: &str) -> anyhow::Result<Vec<Entry>> {
    #[derive(Deserialize)]
    struct Named {
        event_types: Option<Vec<Box<RawValue>>>,
    }
    let found = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text)?,
        false => match serde_json::from_str::<Named>(text)?.event_types {
            Some(event_types) => event_types,
            None => vec![RawValue::from_string(text.trim().to_owned())?],
        },
    };
    if found.is_empty() {
        bail!("it has no event types");
    }
    found.into_iter().map(entry).collect()
}

fn entry(json: Box<RawValue>) -> anyhow::Result<Entry> {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    let Typed { r#type: name } = serde_json::from_str(json.get())
        .context("expected objects with the members type, description, example and versions")?;
    Ok(Entry { name, json })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use posthaste::{clock::Timestamp, event::TenantId, json::RawJson};
    use posthaste_engine::catalogue::Known;
    use posthaste_store::EventTypeEntry;

    use super::*;

    #[derive(Deserialize)]
    struct Whole {
        r#type: String,
        description: String,
        example: RawJson,
        versions: BTreeMap<u32, RawJson>,
    }

    fn names(catalogue: &str) -> Vec<String> {
        let entries = open(catalogue).unwrap().into_iter();
        entries.map(|entry| entry.name).collect()
    }

    #[test]
    fn every_example_that_comes_along_fits_its_schema() {
        for (name, text) in EMBEDDED {
            for entry in entries(text).unwrap() {
                let whole: Whole = serde_json::from_str(entry.json.get()).unwrap();
                assert!(whole.description.ends_with('.'), "{name} {}", entry.name);
                assert!(!whole.versions.is_empty(), "{name} {}", entry.name);
                let known = Known::new(EventTypeEntry {
                    tenant: TenantId::default_tenant(),
                    name: whole.r#type.parse().unwrap(),
                    description: whole.description,
                    example: Some(whole.example),
                    versions: whole.versions,
                    created_at: Timestamp::default(),
                    updated_at: Timestamp::default(),
                    revision: 1,
                });
                assert!(known.is_ok(), "{name} {}: {:?}", entry.name, known.err());
            }
        }
    }

    #[test]
    fn the_catalogues_that_come_along_have_these_types() {
        let memory = "memory.created memory.updated tag.added event.detected import.completed";
        assert_eq!(names("memory").join(" "), memory);
        let heat = "calculation.completed calculation.failed alarm.triggered alarm.cleared \
            model.deployed model.degraded compliance.violation compliance.report_ready";
        assert_eq!(names("process-heat").join(" "), heat);
        assert_eq!(sample("tag.added").unwrap().version(), 1);
        assert!(sample("no.such").is_none());
    }

    #[test]
    fn a_file_is_a_catalogue_a_list_or_one_event_type() {
        let count = |text: &str| entries(text).map(|entries| entries.len()).ok();
        assert_eq!(
            count(r#"{"event_types":[{"type":"a"},{"type":"b"}]}"#),
            Some(2)
        );
        assert_eq!(count(r#" [{"type":"a"}]"#), Some(1));
        assert_eq!(count(r#"{"type":"a","example":1}"#), Some(1));
        for bad in ["[]", "{}", "7", "", r#"{"event_types":[]}"#, "[7]"] {
            assert_eq!(count(bad), None, "{bad}");
        }
    }
}
