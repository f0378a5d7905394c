//! A JSON object member by member: what is missing, unknown or wrong is collected, so that one
//! answer names all of it.
//!
//! It reads text that was checked already ([`posthaste::json::check`]), borrows it, and keeps a
//! member as the very bytes that came, so that nothing is parsed twice or rewritten.

use std::{borrow::Cow, fmt};

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::{
    problem::{FieldError, Problem, shown},
    values::{Fault, Read},
};

/// Unknown members that one object is told about.
const UNKNOWN_MAX: usize = 20;

type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The members of one object that nobody has read yet, and what was wrong with those read.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// Which item of a batch it is; none where it is the body itself.
    item: Option<usize>,
    known: &'static [&'static str],
    members: Vec<Member<'a>>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// The members of an object; anything else is a field error.
    pub(crate) fn of(
        text: &'a str,
        item: Option<usize>,
        known: &'static [&'static str],
    ) -> Result<Self, Vec<FieldError>> {
        let fields = |members| Self {
            item,
            known,
            members,
            errors: Vec::new(),
        };
        match serde_json::from_str::<Members>(text) {
            Ok(Members(members)) => Ok(fields(members)),
            Err(_) => {
                let mut fields = fields(Vec::new());
                fields.fault("", Fault::new("type", "expected an object"));
                Err(fields.errors)
            }
        }
    }

    /// The members of the body itself.
    pub(crate) fn of_body(text: &'a str, known: &'static [&'static str]) -> Result<Self, Problem> {
        Self::of(text, None, known).map_err(Problem::fields)
    }

    /// Whether there is no member at all that nobody has read yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn take(&mut self, name: &'static str) -> Option<&'a str> {
        debug_assert!(self.known.contains(&name), "{name} is not listed as known");
        let place = self.members.iter().position(|(key, _)| key == name)?;
        Some(self.members.swap_remove(place).1.get())
    }

    /// A member that has to be there.
    pub(crate) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a str) -> Read<T>,
    ) -> Option<T> {
        let Some(raw) = self.take(name) else {
            self.fault(name, Fault::new("required", format!("{name} is required")));
            return None;
        };
        self.read(name, raw, read)
    }

    /// A member that may be absent or null, which is the same.
    pub(crate) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a str) -> Read<T>,
    ) -> Option<T> {
        let raw = self.take(name).filter(|&raw| raw != "null")?;
        self.read(name, raw, read)
    }

    /// A member that may be absent, and may not be null.
    pub(crate) fn present<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'a str) -> Read<T>,
    ) -> Option<T> {
        let raw = self.take(name)?;
        self.read(name, raw, read)
    }

    fn read<T>(
        &mut self,
        name: &str,
        raw: &'a str,
        read: impl FnOnce(&'a str) -> Read<T>,
    ) -> Option<T> {
        match read(raw) {
            Ok(value) => Some(value),
            Err(faults) => {
                for fault in faults {
                    self.fault(name, fault);
                }
                None
            }
        }
    }

    /// Adds what is wrong with a member.
    pub(crate) fn fault(&mut self, name: &str, fault: Fault) {
        let item = self.item.map(|index| format!("/{index}"));
        let slash = if name.is_empty() { "" } else { "/" };
        let escaped = shown(name).replace('~', "~0").replace('/', "~1");
        let pointer = format!(
            "{}{slash}{escaped}{}",
            item.unwrap_or_default(),
            fault.below
        );
        self.errors.push(FieldError {
            kind: fault.kind,
            pointer,
            code: fault.code,
            detail: fault.detail,
        });
    }

    /// What was wrong, members that nobody asked for included.
    pub(crate) fn faults(mut self) -> Vec<FieldError> {
        let left = std::mem::take(&mut self.members);
        for (name, _) in left.iter().take(UNKNOWN_MAX) {
            let detail = unknown("field", name, self.known);
            self.fault(name, Fault::new("unknown_field", detail));
        }
        self.errors
    }

    /// As [`Self::faults`], where they end the request.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let errors = self.faults();
        if errors.is_empty() {
            return Ok(());
        }
        Err(Problem::fields(errors))
    }
}

/// An object inside a value: what is wrong with it is a fault of the value, at its place there.
pub(crate) fn nested<'a, T>(
    raw: &'a str,
    known: &'static [&'static str],
    read: impl FnOnce(&mut Fields<'a>) -> Option<T>,
) -> Read<T> {
    let below = |errors: Vec<FieldError>| errors.into_iter().map(Fault::from).collect::<Vec<_>>();
    let mut fields = Fields::of(raw, None, known).map_err(below)?;
    let value = read(&mut fields);
    let errors = fields.faults();
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(below(errors)),
    }
}

impl From<FieldError> for Fault {
    fn from(error: FieldError) -> Self {
        Self {
            kind: error.kind,
            code: error.code,
            detail: error.detail,
            below: error.pointer,
        }
    }
}

/// Names an unknown name and the nearest known one.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(&name_start(name), known);
    let said = format!("unknown {what} {}", shown(name));
    match known.iter().min_by_key(distance) {
        Some(nearest) => format!("{said}, the nearest known one is {nearest}"),
        None => said,
    }
}

/// As much of a name as a near miss may have.
fn name_start(name: &str) -> String {
    name.chars().take(64).collect()
}

struct Members<'a>(Vec<Member<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Self)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            members.push((name, value));
        }
        Ok(members)
    }
}

/// A member's name, borrowed unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor).map(Self)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{label, whole};

    const KNOWN: &[&str] = &["name", "size", "metadata"];

    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str)]) {
        let errors = match Fields::of(text, None, KNOWN) {
            Ok(mut fields) => {
                fields.required("name", label(8));
                fields.optional("size", whole(1, 9));
                fields.faults()
            }
            Err(errors) => errors,
        };
        let found: Vec<(&str, &str)> = errors
            .iter()
            .map(|error| (error.pointer.as_str(), &*error.code))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn every_fault_is_collected() {
        check(r#"{"name":"x","size":3}"#, &[]);
        check(r#"{"n\u0061me":"x","size":null}"#, &[]);
        check("[]", &[("", "type")]);
        check("{}", &[("/name", "required")]);
        check(
            r#"{"name":7,"size":10,"nmae":1}"#,
            &[
                ("/name", "type"),
                ("/size", "out_of_range"),
                ("/nmae", "unknown_field"),
            ],
        );
        check(r#"{"name":"x","a/b~":1}"#, &[("/a~1b~0", "unknown_field")]);
    }

    #[test]
    fn an_unknown_name_is_told_its_nearest_known_one() {
        assert_eq!(
            unknown("field", "metdata", KNOWN),
            "unknown field metdata, the nearest known one is metadata"
        );
    }
}
