//! How far a schema reaches, before anything follows it: how many subschemas one value may meet, how
//! deep they stand in each other, and how often they come back to themselves.
//!
//! A schema of a few lines can ask for a billion comparisons (`allOf` of two references to an
//! `allOf` of two references …), or for more stack than there is. Such a one is refused here, and
//! so is a reference that leaves its schema.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::misfit::Misfit;

/// Subschemas that one value may meet; what a schema refers to counts each time.
const SUBSCHEMAS_MAX: u64 = 10_000;
/// Subschemas in each other.
const DEPTH_MAX: u64 = 128;
/// Regular expressions of one schema: each may take memory.
const PATTERNS_MAX: usize = 100;

/// Keywords whose value is one schema, a list of them, or an object of them.
const ONE: &[&str] = &[
    "additionalProperties",
    "additionalItems",
    "items",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
const LIST: &[&str] = &["allOf", "anyOf", "oneOf", "prefixItems", "items"];
const OBJECT: &[&str] = &[
    "properties",
    "patternProperties",
    "dependentSchemas",
    "dependencies",
];
/// Schemas that are there to be referred to.
const DEFINITIONS: &[&str] = &["$defs", "definitions"];
const REFERENCES: &[&str] = &["$ref", "$dynamicRef", "$recursiveRef"];

/// What is known of a schema, or of a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Subschemas, references followed until they come back.
    pub subschemas: u64,
    /// Values and names that they compare one value with.
    pub compared: u64,
    pub depth: u64,
    /// References that come back to what they stand in.
    pub returns: u64,
}

/// # Errors
/// What is refused, by JSON Pointers into the schema.
pub fn of(schema: &Value) -> Result<Extent, Vec<Misfit>> {
    let mut survey = Survey {
        root: schema,
        anchors: HashMap::new(),
        patterns: 0,
        misfits: Vec::new(),
        known: HashMap::new(),
    };
    survey.collect(schema, "");
    if survey.patterns > PATTERNS_MAX {
        let detail = format!("at most {PATTERNS_MAX} regular expressions");
        survey.refuse("", detail);
    }
    let extent = survey.visit(schema, "", 0);
    if survey.misfits.is_empty() && extent.subschemas > SUBSCHEMAS_MAX {
        let detail = format!("one value would meet over {SUBSCHEMAS_MAX} subschemas");
        survey.refuse("", detail);
    }
    match survey.misfits.is_empty() {
        true => Ok(extent),
        false => Err(survey.misfits),
    }
}

struct Survey<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, &'s Value>,
    patterns: usize,
    misfits: Vec<Misfit>,
    /// By the address of the subschema; none while it is being visited.
    known: HashMap<usize, Option<Extent>>,
}

impl<'s> Survey<'s> {
    fn refuse(&mut self, place: &str, detail: impl Into<String>) {
        let misfit = Misfit::at(place, "invalid_schema", detail.into());
        if self.misfits.len() < super::schema::MISFITS_MAX {
            self.misfits.push(misfit);
        }
    }

    /// Finds anchors, counts regular expressions, and refuses schemas inside that are documents of
    /// their own: a reference in one would begin elsewhere.
    fn collect(&mut self, schema: &'s Value, place: &str) {
        let Some(members) = schema.as_object() else {
            return;
        };
        for name in ["$anchor", "$dynamicAnchor"] {
            if let Some(anchor) = members.get(name).and_then(Value::as_str) {
                self.anchors.insert(anchor, schema);
            }
        }
        if !place.is_empty() && (members.contains_key("$id") || members.contains_key("$schema")) {
            self.refuse(place, "$id and $schema stand at the top alone");
        }
        self.patterns += usize::from(members.contains_key("pattern"));
        let named = members.get("patternProperties").and_then(Value::as_object);
        self.patterns += named.map_or(0, Map::len);
        for (below, part) in parts(members, true) {
            self.collect(part, &format!("{place}{below}"));
        }
    }

    fn visit(&mut self, schema: &'s Value, place: &str, depth: u64) -> Extent {
        let own = Extent {
            subschemas: 1,
            compared: compared(schema),
            depth: 1,
            returns: 0,
        };
        let Some(members) = schema.as_object() else {
            return own;
        };
        let address = std::ptr::from_ref(schema).addr();
        match self.known.get(&address) {
            Some(Some(known)) => return *known,
            Some(None) => return Extent { returns: 1, ..own },
            None => self.known.insert(address, None),
        };
        if depth > DEPTH_MAX {
            self.refuse(place, format!("over {DEPTH_MAX} subschemas in each other"));
            return own;
        }
        let mut whole = own;
        let referred = self.referred(members, place);
        let parts = parts(members, false).into_iter();
        let parts = parts.map(|(below, part)| (format!("{place}{below}"), part));
        for (place, part) in parts.chain(referred) {
            let part = self.visit(part, &place, depth + 1);
            whole.subschemas = whole.subschemas.saturating_add(part.subschemas);
            whole.compared = whole.compared.saturating_add(part.compared);
            whole.depth = whole.depth.max(part.depth + 1);
            whole.returns = whole.returns.saturating_add(part.returns);
        }
        if whole.depth > DEPTH_MAX && self.misfits.is_empty() {
            self.refuse(place, format!("over {DEPTH_MAX} subschemas in each other"));
        }
        self.known.insert(address, Some(whole));
        whole
    }

    /// What a schema refers to.
    fn referred(
        &mut self,
        members: &'s Map<String, Value>,
        place: &str,
    ) -> Vec<(String, &'s Value)> {
        let mut found = Vec::new();
        for name in REFERENCES {
            let Some(reference) = members.get(*name).and_then(Value::as_str) else {
                continue;
            };
            match self.resolve(reference) {
                Some(target) => found.push((format!("{place}/{name}"), target)),
                None => self.refuse(
                    &format!("{place}/{name}"),
                    "a reference leads to a place in its own schema, such as #/$defs/address; \
                     nothing is fetched",
                ),
            }
        }
        found
    }

    fn resolve(&self, reference: &str) -> Option<&'s Value> {
        let fragment = reference.strip_prefix('#')?;
        if !fragment.is_empty() && !fragment.starts_with('/') {
            return self.anchors.get(fragment).copied();
        }
        let plain = percent_decoded(fragment)?;
        let target = self.root.pointer(&plain)?;
        (target.is_object() || target.is_boolean()).then_some(target)
    }
}

/// `%25` as `%`; none where it is no text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).filter(|_| *first == b'%');
        let code = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &behind[2..] } else { behind };
    }
    String::from_utf8(bytes).ok()
}

/// The items of `enum` and `required`.
fn compared(schema: &Value) -> u64 {
    let lists = ["enum", "required"].iter();
    let lists = lists.filter_map(|name| schema.get(name)?.as_array());
    lists.map(|items| items.len() as u64).sum()
}

/// The subschemas of a schema, each with its place below it; with `all` also those that nothing but
/// a reference leads to.
fn parts(members: &Map<String, Value>, all: bool) -> Vec<(String, &Value)> {
    let mut parts = Vec::new();
    for (name, value) in members {
        let name = name.as_str();
        let definitions = all && DEFINITIONS.contains(&name);
        match value {
            Value::Object(named) if OBJECT.contains(&name) || definitions => {
                let below = |key: &str| key.replace('~', "~0").replace('/', "~1");
                parts.extend(
                    named
                        .iter()
                        .map(|(key, part)| (format!("/{name}/{}", below(key)), part)),
                );
            }
            Value::Array(items) if LIST.contains(&name) => {
                let items = items.iter().enumerate();
                parts.extend(items.map(|(index, part)| (format!("/{name}/{index}"), part)));
            }
            part if ONE.contains(&name) => parts.push((format!("/{name}"), part)),
            _ => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(schema: &Value, expected: Result<(u64, u64, u64), &str>) {
        let found = of(schema).map(|e| (e.subschemas, e.depth, e.returns));
        let found = found.map_err(|misfits| misfits[0].pointer.clone());
        assert_eq!(found, expected.map_err(str::to_owned), "{schema}");
    }

    #[test]
    fn subschemas_are_counted_as_often_as_they_are_met() {
        check(&json!(true), Ok((1, 1, 0)));
        check(
            &json!({"type": "string", "enum": [{"allOf": [1, 2]}]}),
            Ok((1, 1, 0)),
        );
        check(
            &json!({"properties": {"a": true, "default": {"items": {}}}}),
            Ok((4, 3, 0)),
        );
        check(
            &json!({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#x"}],
            "$defs": {"a": {"$anchor": "x", "not": {}}, "b": {"not": {}}}}),
            Ok((7, 4, 0)),
        );
        check(
            &json!({"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}}),
            Ok((5, 3, 2)),
        );
        check(
            &json!({"$defs": {"a b%": true}, "$ref": "#/$defs/a%20b%25"}),
            Ok((2, 2, 0)),
        );
    }

    #[test]
    fn a_reference_that_leaves_the_schema_is_refused() {
        for bad in [
            "https://example.com/s",
            "file:///etc/passwd",
            "other.json",
            "#nowhere",
            "#/a",
            "x#/a",
        ] {
            check(&json!({"items": {"$ref": bad}}), Err("/items/$ref"));
        }
        check(
            &json!({"$id": "https://example.com/s", "$ref": "#/$defs/a", "$defs": {"a": {}}}),
            Ok((2, 2, 0)),
        );
        check(
            &json!({"$defs": {"a": {"$id": "https://example.com/s"}}}),
            Err("/$defs/a"),
        );
    }

    #[test]
    fn a_schema_that_grows_when_it_is_followed_is_refused() {
        let doubling = |levels: usize| {
            let reference = |n: usize| json!({"$ref": format!("#/$defs/{}", n + 1)});
            let level = |n: usize| {
                (
                    n.to_string(),
                    json!({"allOf": [reference(n), reference(n)]}),
                )
            };
            let mut definitions: Map<_, _> = (0..levels).map(level).collect();
            definitions.insert(levels.to_string(), json!(true));
            json!({"$defs": definitions, "$ref": "#/$defs/0"})
        };
        check(&doubling(40), Err(""));
        assert!(of(&doubling(8)).is_ok());
        let chain = |length: usize| {
            let level = |n: usize| (n.to_string(), json!({"$ref": format!("#/$defs/{}", n + 1)}));
            let mut definitions: Map<_, _> = (0..length).map(level).collect();
            definitions.insert(length.to_string(), json!(true));
            json!({"$defs": definitions, "$ref": "#/$defs/0"})
        };
        assert!(of(&chain(100)).is_ok());
        assert!(of(&chain(3000)).is_err());
        let patterns: Map<_, _> = (0..101)
            .map(|n| (n.to_string(), json!({"pattern": "a"})))
            .collect();
        check(&json!({"properties": patterns}), Err(""));
    }
}
