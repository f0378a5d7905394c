//! What an entry of the audit log says of a change: the names of its members, with their values as
//! far as they are short, and never what is secret.

use posthaste::json::{self, RawJson};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// A value of more bytes than this is told by its length.
const VALUE_BYTES_MAX: usize = 512;
/// Values of one entry, together.
const DETAILS_BYTES_MAX: usize = 4096;
/// What stands for a secret.
const SECRET: &str = "***";

/// Members by name: a value, or the old and the new one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details(Map<String, Value>);

impl Details {
    /// What was given, less what is null.
    pub fn given(members: &impl Serialize) -> Self {
        let members = object(members).into_iter();
        Self(members.filter(|(_, value)| !value.is_null()).collect())
    }

    /// What is unlike between two states of one object.
    pub fn changed(old: &impl Serialize, new: &impl Serialize) -> Self {
        let (old, new) = (object(old), object(new));
        let unlike = new.into_iter().filter_map(|(name, new)| {
            let old = old.get(&name).cloned().unwrap_or_default();
            (old != new).then(|| (name, json!({"old": old, "new": new})))
        });
        Self(unlike.collect())
    }

    /// Names a secret member.
    pub fn secret(mut self, name: &str) -> Self {
        self.0.insert(name.to_owned(), SECRET.into());
        self
    }

    /// The object that is kept, of a few KiB at most.
    pub fn into_json(mut self) -> RawJson {
        let mut left = DETAILS_BYTES_MAX;
        for value in self.0.values_mut() {
            match value {
                Value::Object(pair) if is_pair(pair) => {
                    pair.values_mut()
                        .for_each(|value| shorten(value, &mut left));
                }
                value => shorten(value, &mut left),
            }
        }
        RawJson::trusted(Value::Object(self.0).to_string().into())
    }
}

/// Whether it is one of [`Details::changed`]'s; an object that someone gave and that looks like one
/// is shortened in its parts, which bounds it as well.
fn is_pair(object: &Map<String, Value>) -> bool {
    object.len() == 2 && object.contains_key("old") && object.contains_key("new")
}

fn shorten(value: &mut Value, left: &mut usize) {
    let bytes = value.to_string().len();
    if bytes > VALUE_BYTES_MAX || bytes > *left {
        *value = format!("({bytes} bytes)").into();
    } else {
        *left -= bytes;
    }
}

/// As JSON, in which numbers may be of any size.
fn object(members: &impl Serialize) -> Map<String, Value> {
    let text = serde_json::to_vec(members).expect("members are plain JSON");
    match json::value(&RawJson::trusted(text.into())) {
        Value::Object(members) => members,
        _ => unreachable!("members are an object"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(details: Details, expected: &Value) {
        let found: Value = serde_json::from_str(details.into_json().as_str()).unwrap();
        assert_eq!(found, *expected);
    }

    #[test]
    fn a_change_names_what_is_unlike() {
        let old = json!({"a": 1, "b": [1], "c": null});
        let new = json!({"a": 1, "b": [2], "c": "x"});
        let expected = json!({"b": {"old": [1], "new": [2]}, "c": {"old": null, "new": "x"}});
        check(Details::changed(&old, &new), &expected);
        check(
            Details::changed(&old, &old).secret("s"),
            &json!({"s": "***"}),
        );
        check(Details::given(&old), &json!({"a": 1, "b": [1]}));
        let large = RawJson::trusted(br#"{"n":1e400}"#[..].into());
        check(Details::given(&large), &json!({"n": f64::MAX}));
    }

    #[test]
    fn long_values_are_told_by_their_length() {
        let long = "x".repeat(600);
        check(
            Details::given(&json!({"a": long})),
            &json!({"a": "(602 bytes)"}),
        );
        let changed = Details::changed(&json!({"a": long}), &json!({"a": 1}));
        check(changed, &json!({"a": {"old": "(602 bytes)", "new": 1}}));
        let many: Map<_, _> = (0..100)
            .map(|n| (n.to_string(), "y".repeat(400).into()))
            .collect();
        let details = Details::given(&many).into_json();
        assert!(details.len() < 7000, "{}", details.len());
    }
}
