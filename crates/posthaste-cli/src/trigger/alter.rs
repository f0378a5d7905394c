//! `--override data.a.b=VALUE`: one member of an example, changed.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::usage;

/// A place in the data, and what stands there instead.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    /// Names of members, or places in arrays.
    path: Vec<String>,
    value: Value,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a path and a value, such as data.amount=7".to_owned();
        let (path, value) = text.split_once('=').ok_or_else(expected)?;
        let path = path
            .strip_prefix("data.")
            .ok_or("the path begins with data.")?;
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        if path.iter().any(String::is_empty) {
            return Err(expected());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
        Ok(Self { path, value })
    }
}

impl Override {
    /// Objects that are missing on the way are made.
    pub fn apply(&self, data: &mut Value) -> anyhow::Result<()> {
        let mut at = data;
        for name in &self.path {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            at = match at {
                Value::Object(members) => members.entry(name).or_insert(Value::Null),
                Value::Array(items) => {
                    let item = name
                        .parse()
                        .ok()
                        .and_then(|place: usize| items.get_mut(place));
                    item.ok_or_else(|| self.misplaced(name))?
                }
                _ => return Err(self.misplaced(name)),
            };
        }
        *at = self.value.clone();
        Ok(())
    }

    fn misplaced(&self, name: &str) -> anyhow::Error {
        let path = self.path.join(".");
        usage(format!(
            "--override data.{path}: the example has no place for {name} there"
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&Value>) {
        let mut data = json!({"a": {"b": 1, "n": null}, "l": [1, {"x": 2}]});
        let applied = text.parse::<Override>().unwrap().apply(&mut data);
        assert_eq!(applied.is_ok().then_some(&data), expected, "{text}");
    }

    #[test]
    fn one_member_is_changed_and_the_rest_stays() {
        let with = |pointer: &str, value: Value| {
            let mut data = json!({"a": {"b": 1, "n": null}, "l": [1, {"x": 2}]});
            *data.pointer_mut(pointer).unwrap() = value;
            data
        };
        check("data.a.b=7", Some(&with("/a/b", json!(7))));
        check(
            "data.a.b=seven = 7",
            Some(&with("/a/b", json!("seven = 7"))),
        );
        check("data.a={\"c\":[]}", Some(&with("/a", json!({"c": []}))));
        check("data.l.1.x=null", Some(&with("/l/1/x", json!(null))));
        check(
            "data.a.n.m.o=1",
            Some(&with("/a/n", json!({"m": {"o": 1}}))),
        );
        check("data.a.b.c=1", None);
        check("data.l.2=1", None);
        check("data.l.x=1", None);
        let mut none = json!(null);
        "data.a.b=1"
            .parse::<Override>()
            .unwrap()
            .apply(&mut none)
            .unwrap();
        assert_eq!(none, json!({"a": {"b": 1}}));
    }

    #[test]
    fn what_names_no_place_in_the_data_is_refused() {
        for bad in [
            "data=1",
            "amount=7",
            "data.amount",
            "data.=1",
            "data.a..b=1",
            "",
        ] {
            assert!(bad.parse::<Override>().is_err(), "{bad}");
        }
    }
}
