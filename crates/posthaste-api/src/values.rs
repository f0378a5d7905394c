//! What one member's text may be: parsers from the JSON text of a value to what it means.
//!
//! Each refuses with every fault that it sees, and none repeats what was sent.

use std::{borrow::Cow, collections::BTreeMap, ops::RangeInclusive, str::FromStr, time::Duration};

use bytes::Bytes;
use posthaste::{
    clock::Timestamp,
    event::EventType,
    json::RawJson,
    wording::{self, WordingError},
};
use serde::de::{IntoDeserializer, value::CowStrDeserializer};
use serde_json::value::RawValue;

use crate::problem::{Kind, shown};

/// What is wrong with a value, or with a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: Cow<'static, str>,
    /// The JSON Pointer from the value to the part.
    pub(crate) below: String,
}

pub(crate) type Read<T> = Result<T, Vec<Fault>>;

impl Fault {
    pub(crate) fn new(
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind: Kind::Validation,
            code: code.into(),
            detail: detail.into(),
            below: String::new(),
        }
    }

    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// At an item of the value.
    pub(crate) fn under(mut self, index: usize) -> Self {
        self.below.insert_str(0, &format!("/{index}"));
        self
    }

    /// At a member of the value.
    pub(crate) fn at(mut self, name: &str) -> Self {
        let name = shown(name).replace('~', "~0").replace('/', "~1");
        self.below.insert_str(0, &format!("/{name}"));
        self
    }
}

impl From<Fault> for Vec<Fault> {
    fn from(fault: Fault) -> Self {
        vec![fault]
    }
}

/// A string, borrowed unless it has escapes.
pub(crate) fn text(raw: &str) -> Read<Cow<'_, str>> {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    match inner {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        Some(_) => serde_json::from_str(raw)
            .map(Cow::Owned)
            .map_err(|_| Fault::new("type", "expected a string").into()),
        None => Err(Fault::new("type", "expected a string").into()),
    }
}

/// Text without the characters that hide or turn what stands around them.
pub(crate) fn visible(raw: &str) -> Read<Cow<'_, str>> {
    let text = text(raw)?;
    wording::visible(&text).map_err(unworded)?;
    Ok(text)
}

fn unworded(error: WordingError) -> Fault {
    Fault::new(error.code(), error.to_string())
}

/// A name: 1 to `bytes_max` bytes of visible text.
pub(crate) fn label(bytes_max: usize) -> impl FnOnce(&str) -> Read<String> {
    move |raw| within(raw, 1, bytes_max)
}

/// A line for people: at most `bytes_max` bytes of visible text, perhaps none.
pub(crate) fn line(bytes_max: usize) -> impl FnOnce(&str) -> Read<String> {
    move |raw| within(raw, 0, bytes_max)
}

fn within(raw: &str, min: usize, max: usize) -> Read<String> {
    let text = text(raw)?;
    wording::within(&text, min..=max).map_err(unworded)?;
    Ok(text.into_owned())
}

/// A type that reads itself from text.
pub(crate) fn parsed<T: FromStr>(code: &'static str) -> impl Fn(&str) -> Read<T>
where
    T::Err: std::fmt::Display,
{
    move |raw| {
        let parsed = visible(raw)?.parse();
        parsed.map_err(|error: T::Err| Fault::new(code, error.to_string()).into())
    }
}

pub(crate) fn event_type(raw: &str) -> Read<EventType> {
    let parsed = visible(raw)?.parse();
    parsed.map_err(|error: <EventType as FromStr>::Err| {
        let fault = Fault::new("invalid_event_type", error.to_string());
        fault.of_kind(Kind::InvalidEventType).into()
    })
}

pub(crate) fn time(raw: &str) -> Read<Timestamp> {
    parsed("invalid_time")(raw)
}

/// A whole number within bounds that its type has.
pub(crate) fn bounded<T>(bounds: RangeInclusive<T>) -> impl FnOnce(&str) -> Read<T>
where
    T: Copy + PartialOrd + TryFrom<u64> + std::fmt::Display,
{
    whole(*bounds.start(), *bounds.end())
}

/// A whole number, written as one, from `min` to `max`.
pub(crate) fn whole<T>(min: T, max: T) -> impl FnOnce(&str) -> Read<T>
where
    T: Copy + PartialOrd + TryFrom<u64> + std::fmt::Display,
{
    move |raw| {
        let digits = !raw.is_empty() && raw.bytes().all(|b| b.is_ascii_digit());
        let negative = raw
            .strip_prefix('-')
            .is_some_and(|raw| raw.parse::<u64>().is_ok());
        if !digits && !negative {
            return Err(Fault::new("type", "expected a whole number").into());
        }
        let number = raw
            .parse::<u64>()
            .ok()
            .and_then(|number| T::try_from(number).ok());
        let number = number.filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| Fault::new("out_of_range", format!("expected {min} to {max}")).into())
    }
}

/// A duration in whole units of `unit`.
pub(crate) fn duration(
    bounds: RangeInclusive<u64>,
    unit: Duration,
) -> impl FnOnce(&str) -> Read<Duration> {
    move |raw| {
        let count = bounded(bounds)(raw)?;
        let count = u32::try_from(count).expect("bounds of durations are small");
        Ok(unit * count)
    }
}

pub(crate) fn boolean(raw: &str) -> Read<bool> {
    match raw {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::new("type", "expected true or false").into()),
    }
}

/// Any number.
pub(crate) fn number(raw: &str) -> Read<f64> {
    let written = raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let number = raw.parse().ok().filter(|_| written);
    number.ok_or_else(|| Fault::new("type", "expected a number").into())
}

/// One of few names.
pub(crate) fn named<T: serde::de::DeserializeOwned>(
    code: &'static str,
    expected: &'static str,
) -> impl Fn(&str) -> Read<T> {
    move |raw| {
        let unknown = |_| Fault::new(code, expected);
        let name = text(raw).map_err(|_| Fault::new(code, expected))?;
        let name: CowStrDeserializer<'_, serde_json::Error> = name.into_deserializer();
        Ok(T::deserialize(name).map_err(unknown)?)
    }
}

/// An object, kept byte for byte.
pub(crate) fn object(raw: &str) -> Read<RawJson> {
    if raw.starts_with('{') {
        return Ok(RawJson::trusted(Bytes::copy_from_slice(raw.as_bytes())));
    }
    Err(Fault::new("type", "expected an object").into())
}

/// An array of up to `most` items, each read alone.
pub(crate) fn list<T>(
    most: usize,
    read: impl Fn(&str) -> Read<T>,
) -> impl FnOnce(&str) -> Read<Vec<T>> {
    move |raw| {
        let items: Vec<&RawValue> =
            serde_json::from_str(raw).map_err(|_| Fault::new("type", "expected an array"))?;
        if items.len() > most {
            return Err(Fault::new("length", format!("expected at most {most} items")).into());
        }
        let (mut values, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
        for (index, item) in items.into_iter().enumerate() {
            match read(item.get()) {
                Ok(value) => values.push(value),
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.under(index))),
            }
        }
        if faults.is_empty() {
            Ok(values)
        } else {
            Err(faults)
        }
    }
}

/// An object of up to `most` members, whose names mean something.
pub(crate) fn object_of<K: Ord, V>(
    most: usize,
    name: impl Fn(&str) -> Read<K>,
    read: impl Fn(&str) -> Read<V>,
) -> impl FnOnce(&str) -> Read<BTreeMap<K, V>> {
    move |raw| {
        let members: BTreeMap<String, &RawValue> =
            serde_json::from_str(raw).map_err(|_| Fault::new("type", "expected an object"))?;
        if members.len() > most {
            return Err(Fault::new("length", format!("expected at most {most} members")).into());
        }
        let (mut values, mut faults) = (BTreeMap::new(), Vec::new());
        for (key, value) in members {
            match name(&key).and_then(|name| Ok((name, read(value.get())?))) {
                Ok((name, value)) => drop(values.insert(name, value)),
                Err(found) => faults.extend(found.into_iter().map(|fault| fault.at(&key))),
            }
        }
        match faults.is_empty() {
            true => Ok(values),
            false => Err(faults),
        }
    }
}

/// A list that names something, and nothing twice.
pub(crate) fn distinct<T: PartialEq>(
    read: impl FnOnce(&str) -> Read<Vec<T>>,
) -> impl FnOnce(&str) -> Read<Vec<T>> {
    move |raw| {
        let values = read(raw)?;
        if values.is_empty() {
            return Err(Fault::new("length", "expected at least one item").into());
        }
        let twice = |(index, value): (usize, &T)| values[..index].contains(value).then_some(index);
        match values.iter().enumerate().find_map(twice) {
            Some(index) => Err(Fault::new("duplicate", "named before").under(index).into()),
            None => Ok(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: std::fmt::Debug>(read: Read<T>, expected: &str) {
        let faults = read.err().unwrap_or_default();
        let found: Vec<String> = faults
            .iter()
            .map(|fault| format!("{}{}", fault.below, fault.code))
            .collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn text_is_visible_and_bounded() {
        check(label(3)(r#""abc""#), "");
        check(label(3)(r#""""#), "length");
        check(label(3)(r#""abcd""#), "length");
        check(label(9)(r#""a\u0000""#), "control_character");
        check(label(9)(r#""a\u202eb""#), "control_character");
        check(label(9)("7"), "type");
        check(line(3)(r#""""#), "");
    }

    #[test]
    fn whole_numbers_are_written_as_such() {
        for good in ["1", "9"] {
            check(whole(1, 9)(good), "");
        }
        for bad in ["0", "10", "99999999999999999999999", "-1"] {
            check(whole(1, 9)(bad), "out_of_range");
        }
        for bad in ["1.0", "1e0", "\"1\"", "null", "[]", ""] {
            check(whole(1, 9)(bad), "type");
        }
    }

    #[test]
    fn a_number_is_any_that_json_can_write() {
        for good in ["0", "-1.5", "1e3", "1e400"] {
            check(number(good), "");
        }
        for bad in ["null", "\"1\"", "[1]", "true", ""] {
            check(number(bad), "type");
        }
    }

    #[test]
    fn a_name_is_a_string_and_no_object_with_that_member() {
        let format = || named::<posthaste::body::BodyFormat>("unknown", "a format");
        check(format()(r#""raw""#), "");
        check(format()(r#""r\u0061w""#), "");
        for bad in [r#"{"raw":null}"#, r#""Raw""#, "7", "null"] {
            check(format()(bad), "unknown");
        }
    }

    #[test]
    fn items_of_a_list_are_pointed_at() {
        let types = || list(3, event_type);
        check(types()(r#"["a","b.c"]"#), "");
        check(types()(r#"["a","b c",7]"#), "/1invalid_event_type /2type");
        check(types()(r#"["a","a","a","a"]"#), "length");
        check(distinct(types())(r#"["a","b","a"]"#), "/2duplicate");
        check(distinct(types())("[]"), "length");
    }
}
