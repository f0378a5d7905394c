//! A tenant's catalogue in memory: its event types with their schemas compiled, so that publishing
//! judges an event without a store read, and without a look at the data of a type that has no schema.
//!
//! It refuses and explains; it never changes what is stored.

mod extent;
mod misfit;
mod schema;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use posthaste::{event::EventType, json::RawJson};
use posthaste_store::{EventTypeEntry, settings::Catalogue};

pub use self::{
    misfit::Misfit,
    schema::{SCHEMA_BYTES_MAX, Schema},
};

/// Versions that one type may have.
const VERSIONS_MAX: usize = 100;

/// An event type with its schemas compiled.
#[derive(Debug)]
pub struct Known {
    pub entry: EventTypeEntry,
    schemas: BTreeMap<u32, Arc<Schema>>,
}

impl Known {
    /// Compiles every version and tries the example on the newest one.
    ///
    /// # Errors
    /// All that is wrong, by JSON Pointers into the entry.
    pub fn new(entry: EventTypeEntry) -> Result<Self, Vec<Misfit>> {
        Self::reusing(entry, &BTreeMap::new())
    }

    /// One that was checked when it was stored. A schema that this program cannot compile any more
    /// is left out, and events of its version are taken as they are.
    pub fn stored(entry: EventTypeEntry) -> Self {
        let schemas = entry.versions.iter().filter_map(|(version, schema)| {
            let compiled = Schema::compile(schema);
            let complain = |misfits: &Vec<Misfit>| {
                tracing::error!(r#type = %entry.name, version, ?misfits, "schema.unusable");
            };
            Some((*version, Arc::new(compiled.inspect_err(complain).ok()?)))
        });
        let schemas = schemas.collect();
        Self { entry, schemas }
    }

    /// The same with one version's schema set.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_schema(&self, version: u32, schema: RawJson) -> Result<Self, Vec<Misfit>> {
        let mut entry = self.entry.clone();
        entry.versions.insert(version, schema);
        let mut compiled = self.schemas.clone();
        compiled.remove(&version);
        Self::reusing(entry, &compiled)
    }

    fn reusing(
        entry: EventTypeEntry,
        compiled: &BTreeMap<u32, Arc<Schema>>,
    ) -> Result<Self, Vec<Misfit>> {
        let (mut schemas, mut misfits) = (BTreeMap::new(), unfit_name(&entry));
        for (version, text) in &entry.versions {
            let known = compiled.get(version).cloned().map(Ok);
            let schema = known.unwrap_or_else(|| Schema::compile(text).map(Arc::new));
            let wrong = schema.map(|schema| schemas.insert(*version, schema)).err();
            let place = format!("/versions/{version}");
            misfits.extend(Misfit::below(wrong.unwrap_or_default(), &place));
        }
        let known = Self { entry, schemas };
        misfits.extend(known.unfit_example());
        match misfits.is_empty() {
            true => Ok(known),
            false => Err(misfits),
        }
    }

    fn unfit_example(&self) -> Vec<Misfit> {
        let newest = self.entry.newest().and_then(|(v, _)| self.schemas.get(&v));
        let (Some(example), Some(schema)) = (&self.entry.example, newest) else {
            return Vec::new();
        };
        Misfit::below(schema.check(example), "/example").collect()
    }
}

fn unfit_name(entry: &EventTypeEntry) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    if entry.name.is_platforms() {
        let detail = "types that begin with posthaste. are the platform's own";
        misfits.push(Misfit::at("/type", "reserved_event_type", detail));
    }
    if entry.versions.len() > VERSIONS_MAX {
        let detail = format!("at most {VERSIONS_MAX} versions");
        misfits.push(Misfit::at("/versions", "length", detail));
    }
    misfits
}

/// What a catalogue says against an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objection {
    /// The catalogue is strict, and the type is not in it.
    Type,
    /// The catalogue is strict, and the type has other versions.
    Version,
    /// The data breaks the schema of its version.
    Data(Vec<Misfit>),
}

/// One tenant's catalogue.
#[derive(Clone, Debug, Default)]
pub struct CatalogueView(HashMap<EventType, Arc<Known>>);

impl CatalogueView {
    #[must_use]
    pub fn get(&self, name: &EventType) -> Option<&Arc<Known>> {
        self.0.get(name)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.0.values()
    }

    pub(crate) fn put(&mut self, known: Arc<Known>) {
        self.0.insert(known.entry.name.clone(), known);
    }

    pub(crate) fn remove(&mut self, name: &EventType) -> Option<Arc<Known>> {
        self.0.remove(name)
    }

    /// Whether a catalogue of this kind takes events of this type at all.
    #[must_use]
    pub fn takes(&self, kind: Catalogue, name: &EventType) -> bool {
        kind == Catalogue::Open || self.0.contains_key(name)
    }

    /// What it says against an event; an absent version is 1.
    #[must_use]
    pub fn objection(
        &self,
        kind: Catalogue,
        name: &EventType,
        version: Option<u32>,
        data: &RawJson,
    ) -> Option<Objection> {
        let strict = kind == Catalogue::Strict;
        let Some(known) = self.0.get(name) else {
            return strict.then_some(Objection::Type);
        };
        let version = version.unwrap_or(1);
        match known.schemas.get(&version) {
            Some(schema) => {
                let misfits = schema.check(data);
                (!misfits.is_empty()).then_some(Objection::Data(misfits))
            }
            None => {
                let versions = &known.entry.versions;
                let unknown = !versions.is_empty() && !versions.contains_key(&version);
                (strict && unknown).then_some(Objection::Version)
            }
        }
    }

    /// Whether judging an event of this type reads its data.
    #[must_use]
    pub fn reads(&self, name: &EventType) -> bool {
        self.0
            .get(name)
            .is_some_and(|known| !known.schemas.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use posthaste::{clock::Timestamp, event::TenantId};

    use super::*;

    fn json(text: &str) -> RawJson {
        RawJson::parse(text.to_owned(), 128).unwrap()
    }

    fn entry(name: &str, versions: &[(u32, &str)], example: Option<&str>) -> EventTypeEntry {
        EventTypeEntry {
            tenant: TenantId::default_tenant(),
            name: name.parse().unwrap(),
            description: String::new(),
            example: example.map(json),
            versions: versions.iter().map(|(v, text)| (*v, json(text))).collect(),
            created_at: Timestamp::default(),
            updated_at: Timestamp::default(),
            revision: 1,
        }
    }

    #[track_caller]
    fn check_entry(entry: EventTypeEntry, expected: &str) {
        let misfits = Known::new(entry).err().unwrap_or_default();
        let found: Vec<_> = misfits
            .iter()
            .map(|one| format!("{} {}", one.pointer, one.code))
            .collect();
        assert_eq!(found.join(", "), expected);
    }

    #[test]
    fn an_entry_is_checked_as_a_whole() {
        let text = r#"{"type":"string"}"#;
        check_entry(entry("a.b", &[], Some("7")), "");
        check_entry(entry("a.b", &[(1, text)], None), "");
        check_entry(entry("a.b", &[(1, text), (2, "true")], Some("7")), "");
        check_entry(entry("a.b", &[(1, text)], Some("7")), "/example type");
        check_entry(
            entry("posthaste.x", &[(2, r#"{"type":7}"#)], None),
            "/type reserved_event_type, /versions/2/type invalid_schema",
        );
        let many: Vec<_> = (1..=101).map(|version| (version, "true")).collect();
        check_entry(entry("a.b", &many, None), "/versions length");
    }

    #[test]
    fn a_version_can_be_set_alone() {
        let known = Known::new(entry("a.b", &[(1, "true")], Some("7"))).unwrap();
        let more = known.with_schema(2, json(r#"{"type":"integer"}"#)).unwrap();
        assert_eq!(more.entry.newest().unwrap().0, 2);
        let unfit = known.with_schema(2, json("false")).unwrap_err();
        assert_eq!(unfit[0].pointer, "/example");
    }

    #[test]
    fn strict_and_open_catalogues_judge_types_and_versions() {
        let mut catalogue = CatalogueView::default();
        let numbers = [(1, r#"{"type":"integer"}"#), (3, "true")];
        for entry in [entry("a.b", &numbers, None), entry("free", &[], None)] {
            catalogue.put(Arc::new(Known::new(entry).unwrap()));
        }
        let check = |name: &str, version, data, open: Option<&str>, strict: Option<&str>| {
            for (kind, expected) in [(Catalogue::Open, open), (Catalogue::Strict, strict)] {
                let name = name.parse().unwrap();
                let found = catalogue.objection(kind, &name, version, &json(data));
                let found = found.map(|objection| match objection {
                    Objection::Type => "type",
                    Objection::Version => "version",
                    Objection::Data(_) => "data",
                });
                assert_eq!(found, expected, "{name} {version:?} {data} {kind:?}");
            }
        };
        check("x.y", None, "1", None, Some("type"));
        check("a.b", None, "1", None, None);
        check("a.b", None, "\"1\"", Some("data"), Some("data"));
        check("a.b", Some(1), "\"1\"", Some("data"), Some("data"));
        check("a.b", Some(2), "\"1\"", None, Some("version"));
        check("a.b", Some(3), "\"1\"", None, None);
        check("free", None, "1", None, None);
        check("free", Some(9), "1", None, None);
    }
}
