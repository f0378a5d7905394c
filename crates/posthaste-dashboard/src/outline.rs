//! A JSON Schema as a table for readers: the members of the data, what kind each is, whether it has
//! to be there, and what it means. It tells what schemas commonly say and judges nothing; the schema
//! itself stands beside it.

use serde_json::{Map, Value};

/// How deep members of members are told.
const DEPTH_MAX: usize = 6;
/// Members that are told.
const ROWS_MAX: usize = 200;

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its name, behind those that it stands in: `items[].price`.
    pub(crate) path: String,
    pub(crate) kind: String,
    pub(crate) is_required: bool,
    pub(crate) about: String,
}

/// The members that a schema names, in its order; none where it is no schema of an object.
pub(crate) fn outline(schema: &str) -> Vec<Row> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let mut outline = Outline {
        root: &schema,
        rows: Vec::new(),
    };
    outline.members("", &schema, 0);
    outline.rows
}

struct Outline<'s> {
    root: &'s Value,
    rows: Vec<Row>,
}

impl Outline<'_> {
    fn members(&mut self, path: &str, schema: &Value, depth: usize) {
        let schema = self.resolved(schema).clone();
        if depth > DEPTH_MAX {
            return;
        }
        if let Some(items) = schema.get("items").filter(|items| items.is_object()) {
            return self.members(&format!("{path}[]"), items, depth + 1);
        }
        let none = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        for (name, member) in properties.unwrap_or(&none) {
            if self.rows.len() >= ROWS_MAX {
                return;
            }
            let is_required = required.is_some_and(|all| all.iter().any(|one| one == name));
            let path = match path {
                "" => name.clone(),
                path => format!("{path}.{name}"),
            };
            let shown = self.resolved(member);
            self.rows.push(Row {
                kind: kind(shown),
                about: about(member, shown),
                path: path.clone(),
                is_required,
            });
            self.members(&path, member, depth + 1);
        }
    }

    /// What a reference within the schema leads to.
    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let pointer = schema.get("$ref").and_then(Value::as_str);
        let pointer = pointer.and_then(|reference| reference.strip_prefix('#'));
        let found = pointer.and_then(|pointer| self.root.pointer(pointer));
        found.unwrap_or(schema)
    }
}

/// `string`, `integer or null`, `one of "EUR", "CHF"`.
fn kind(schema: &Value) -> String {
    let texts = |all: &[Value], between: &str| {
        let each = all
            .iter()
            .map(|one| one.as_str().map_or(one.to_string(), str::to_owned));
        each.collect::<Vec<_>>().join(between)
    };
    if let Some(all) = schema.get("enum").and_then(Value::as_array) {
        return format!("one of {}", texts(all, ", "));
    }
    if let Some(only) = schema.get("const") {
        return format!("always {only}");
    }
    let kind = match schema.get("type") {
        Some(Value::Array(all)) => texts(all, " or "),
        Some(Value::String(name)) => name.clone(),
        _ if schema.get("properties").is_some() => "object".to_owned(),
        _ => "any".to_owned(),
    };
    match schema.get("format").and_then(Value::as_str) {
        Some(format) => format!("{kind} ({format})"),
        None => kind,
    }
}

/// What it says of itself, else its bounds.
fn about(member: &Value, resolved: &Value) -> String {
    let said = |schema: &Value| {
        let text = schema.get("description").or(schema.get("title"));
        text.and_then(Value::as_str).map(str::to_owned)
    };
    let bounds = [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters, at least"),
        ("maxLength", "characters, at most"),
        ("pattern", "matches"),
    ];
    let bounds = bounds.iter().filter_map(|(keyword, words)| {
        let bound = resolved.get(*keyword)?;
        Some(format!(
            "{words} {}",
            bound.as_str().map_or(bound.to_string(), str::to_owned)
        ))
    });
    let bounds = bounds.collect::<Vec<_>>().join(", ");
    match (said(member).or(said(resolved)), bounds.is_empty()) {
        (Some(said), true) => said,
        (Some(said), false) => format!("{said} ({bounds})"),
        (None, _) => bounds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &str, expected: &[&str]) {
        let told = |row: &Row| {
            let needed = if row.is_required { "!" } else { "" };
            format!("{}{needed} {} {}", row.path, row.kind, row.about)
                .trim_end()
                .to_owned()
        };
        let found: Vec<String> = outline(schema).iter().map(told).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn members_are_told_with_those_below_them() {
        check(
            r##"{"type":"object","required":["id"],"$defs":{"money":{"type":"number","minimum":0,"description":"Euros"}},
            "properties":{"id":{"type":"string","format":"uuid","description":"Whose"},
            "items":{"type":"array","items":{"properties":{"price":{"$ref":"#/$defs/money"}}}},
            "state":{"enum":["new",1]},"note":{"type":["string","null"],"maxLength":9}}}"##,
            &[
                "id! string (uuid) Whose",
                "items array",
                "items[].price number Euros (at least 0)",
                "note string or null characters, at most 9",
                "state one of new, 1",
            ],
        );
    }

    #[test]
    fn a_schema_that_leads_to_itself_ends() {
        let rows = outline(r##"{"properties":{"next":{"$ref":"#"}}}"##);
        assert_eq!(rows.len(), DEPTH_MAX + 1);
        assert_eq!(outline("true"), []);
        assert_eq!(outline(r#"{"type":"string"}"#), []);
    }
}
