//! An event type as a form of text fields. Pure: what its schemas and its example may be is said by
//! the catalogue.

use std::collections::BTreeMap;

use posthaste::{
    event::EventType,
    json::{DEPTH_MAX, RawJson},
    wording,
};
use posthaste_engine::{
    catalogue::Misfit,
    operations::{NewEventType, OperationError},
};
use posthaste_store::EventTypeEntry;

use crate::{
    meanwhile::{self, Difference, Labels},
    payload::pretty,
    query::Query,
    reading::Reading,
    wrongs::Wrongs,
};

/// The fields of one that there is.
pub(crate) fn written(entry: &EventTypeEntry) -> Query {
    let example = entry.example.as_ref().map(|json| pretty(json.as_str()));
    let mut form = Query::default();
    form.add("name", entry.name.as_str());
    form.add("description", &entry.description);
    form.add("example", &example.unwrap_or_default());
    form.add("revision", &entry.revision.to_string());
    for (version, schema) in &entry.versions {
        form.add("version", &version.to_string());
        form.add("schema", &pretty(schema.as_str()));
    }
    form
}

/// With what is there as it was written, where its form shows the same: laid out, it is no other.
pub(crate) fn keeping(mut new: NewEventType, there: &EventTypeEntry) -> NewEventType {
    let kept = |typed: &mut RawJson, there: &RawJson| {
        if pretty(there.as_str()).trim() == typed.as_str() {
            *typed = there.clone();
        }
    };
    if let (Some(typed), Some(there)) = (&mut new.example, &there.example) {
        kept(typed, there);
    }
    for (version, typed) in &mut new.versions {
        if let Some(there) = there.versions.get(version) {
            kept(typed, there);
        }
    }
    new
}

const LABELS: &Labels = &[
    ("name", "Name"),
    ("description", "Description"),
    ("example", "Example of its data (JSON)"),
    ("versions", "Versions"),
];

pub(crate) fn label(field: &str) -> &str {
    let known = LABELS.iter().find(|(name, _)| *name == field);
    known.map_or(field, |(_, label)| label)
}

/// Where a form says something else than the type that there is now; its name stays.
pub(crate) fn differences(typed: &Query, stored: &Query) -> Vec<Difference> {
    meanwhile::differences(&LABELS[1..], said, (typed, stored))
}

fn said(form: &Query, field: &str) -> String {
    if field != "versions" {
        return meanwhile::plain(form.typed(field));
    }
    let rows = form.all("version").zip(form.all("schema"));
    let rows = rows.filter(|(_, schema)| !schema.trim().is_empty());
    let told = rows.map(|(number, schema)| format!("{number}: {}", meanwhile::plain(schema)));
    told.collect::<Vec<_>>().join("\n")
}

/// What a form describes. `named` is what its path says already.
pub(crate) fn read(form: &Query, named: Option<&EventType>) -> Result<NewEventType, Wrongs> {
    let mut reading = Reading::of(form);
    let name = match named {
        Some(name) => Some(name.clone()),
        None => reading.parsed("name"),
    };
    let bytes = 0..=NewEventType::DESCRIPTION_BYTES_MAX;
    let description = wording::within(form.typed("description"), bytes).map(str::to_owned);
    let description = reading.take("description", description);
    let example = reading.lines("example");
    let example = json(&mut reading, "example", example);
    let versions = versions(&mut reading);
    let read = name
        .zip(description)
        .map(|(name, description)| NewEventType {
            name,
            description,
            example,
            versions,
        });
    let wrongs = reading.wrongs;
    read.filter(|_| wrongs.is_empty()).ok_or(wrongs)
}

/// None where it is empty, or no JSON.
pub(crate) fn json(reading: &mut Reading<'_>, field: &str, text: String) -> Option<RawJson> {
    if text.is_empty() {
        return None;
    }
    reading.take(field, RawJson::parse(text, DEPTH_MAX))
}

/// A number and a schema, row by row. A row without a schema is none: so one is taken away.
fn versions(reading: &mut Reading<'_>) -> BTreeMap<u32, RawJson> {
    let form = reading.form;
    let mut versions = BTreeMap::new();
    for (number, schema) in form.all("version").zip(form.all("schema")) {
        let schema = schema.trim().replace("\r\n", "\n");
        let Some(schema) = json(reading, "versions", schema) else {
            continue;
        };
        let number = number.trim().parse().ok().filter(|number| *number > 0);
        let number = reading.take(
            "versions",
            number.ok_or("a version is a whole number from 1"),
        );
        let Some(number) = number else { continue };
        if versions.insert(number, schema).is_some() {
            reading
                .wrongs
                .add("versions", format!("version {number} is there twice"));
        }
    }
    versions
}

/// What the catalogue refuses, beside the field that says it. Else the error is handed back.
pub(crate) fn refused(error: OperationError) -> Result<Wrongs, OperationError> {
    let mut wrongs = Wrongs::default();
    match &error {
        OperationError::Misfits(misfits) => {
            for misfit in misfits {
                let (field, what) = told(misfit);
                wrongs.add(field, what);
            }
        }
        OperationError::Exists { .. } => wrongs.add("name", "it is in the catalogue already"),
        OperationError::Quota { .. } => wrongs.add("", &error),
        _ => return Err(error),
    }
    Ok(wrongs)
}

fn told(misfit: &Misfit) -> (&'static str, String) {
    let place = misfit.pointer.trim_start_matches('/');
    let (member, below) = place.split_once('/').unwrap_or((place, ""));
    let what = match below {
        "" => misfit.detail.to_string(),
        below => format!("{below}: {}", misfit.detail),
    };
    match member {
        "type" => ("name", what),
        "description" => ("description", what),
        "example" => ("example", what),
        _ => ("versions", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: &str, expected: &str) {
        let told = match read(&Query::parse(form), None) {
            Ok(new) => {
                let versions = new
                    .versions
                    .iter()
                    .map(|(n, schema)| format!("{n}:{}", schema.as_str()));
                let versions: Vec<String> = versions.collect();
                format!("{} {:?} {}", new.name, new.description, versions.join(" "))
            }
            Err(wrongs) => {
                let each = wrongs.all().map(|(field, what)| format!("{field}: {what}"));
                each.collect::<Vec<_>>().join(" | ")
            }
        };
        assert_eq!(told, expected, "{form}");
    }

    #[test]
    fn a_form_is_a_name_a_description_and_a_row_for_each_version() {
        check(
            "name=a.b&description=+d+&version=2&schema={}&version=3&schema=+",
            "a.b \" d \" 2:{}",
        );
        check(
            "name=a..b&version=0&schema={}&version=1&schema=[",
            &format!(
                "name: {} | versions: a version is a whole number from 1 | versions: {}",
                "a..b".parse::<EventType>().unwrap_err(),
                RawJson::parse("[", 9).unwrap_err(),
            ),
        );
        check(
            "name=a&version=1&schema={}&version=1&schema=true",
            "versions: version 1 is there twice",
        );
    }
}
