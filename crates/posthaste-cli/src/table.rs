//! JSON objects as tables for people: one a row, or one member a row.

use std::fmt;

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use crate::stdout::visible;

/// Longer cells are cut; `show` has them whole. A public key is copied from a list, and fits.
const CELL_MAX: usize = 49;
const NOTHING: &str = "-";

/// A column, and the member that it shows.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    /// A JSON pointer.
    pub pointer: &'static str,
    /// Shown where there is nothing.
    pub nothing: &'static str,
    /// Of an object, the names of its members alone.
    names: bool,
    /// Shown to its end, however long.
    whole: bool,
}

pub const fn column(title: &'static str, pointer: &'static str) -> Column {
    Column {
        title,
        pointer,
        nothing: NOTHING,
        names: false,
        whole: false,
    }
}

impl Column {
    pub const fn or(self, nothing: &'static str) -> Self {
        Self { nothing, ..self }
    }

    pub const fn whole(self) -> Self {
        Self {
            whole: true,
            ..self
        }
    }

    pub const fn names(self) -> Self {
        Self {
            names: true,
            ..self
        }
    }

    fn cell(&self, object: &Value) -> Cell {
        let value = object.pointer(self.pointer).unwrap_or(&Value::Null);
        let names = value.as_object().filter(|_| self.names);
        let names = names.map(|members| members.keys().cloned().map(Value::String).collect());
        let value = names.as_ref().unwrap_or(value);
        match text_of(value) {
            text if text == NOTHING => Cell::new(self.nothing),
            text if self.whole => coloured(&text),
            text => coloured(&cut(&text)),
        }
    }
}

/// A row for each object.
pub fn listed(columns: &[Column], objects: &[Value]) -> String {
    if objects.is_empty() {
        return "none\n".to_owned();
    }
    let mut table = plain();
    let title = |column: &Column| Cell::new(column.title).add_attribute(Attribute::Bold);
    table.set_header(columns.iter().map(title));
    for object in objects {
        table.add_row(columns.iter().map(|column| column.cell(object)));
    }
    format!("{}\n", table.trim_fmt())
}

/// A row for each member, in the server's order; what is nested is unfolded.
pub fn detailed(object: &RawValue) -> String {
    let mut table = plain();
    for (name, value) in members(object) {
        let name = Cell::new(name).add_attribute(Attribute::Bold);
        table.add_row([name, coloured(&text_of(&value))]);
    }
    format!("{}\n", table.trim_fmt())
}

/// An object's members as they were written.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

fn members(object: &RawValue) -> Vec<(String, Value)> {
    let Ok(Members(members)) = serde_json::from_str(object.get()) else {
        return Vec::new();
    };
    let unfolded = members.into_iter().flat_map(|(name, value)| {
        let inner = self::members(&value);
        if inner.is_empty() {
            return vec![(name, serde_json::from_str(value.get()).unwrap_or_default())];
        }
        let inner = inner.into_iter();
        inner
            .map(|(below, value)| (format!("{name}.{below}"), value))
            .collect()
    });
    unfolded.collect()
}

fn plain() -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => visible(&short_time(text)),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let items: Vec<_> = items.iter().map(text_of).collect();
            if items.is_empty() {
                NOTHING.to_owned()
            } else {
                items.join(", ")
            }
        }
        other => other.to_string(),
    }
}

/// `2026-11-21T20:36:00.123Z` without the milliseconds that nobody reads.
fn short_time(text: &str) -> String {
    let is_time = text.len() == 24
        && text.ends_with('Z')
        && text.parse::<posthaste::clock::Timestamp>().is_ok();
    if is_time {
        format!("{} {}", &text[..10], &text[11..19])
    } else {
        text.to_owned()
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CELL_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(CELL_MAX - 1).collect();
    format!("{kept}…")
}

fn coloured(text: &str) -> Cell {
    let colour = match text {
        "active" | "delivered" | "healthy" => Color::Green,
        "failed" | "disabled" | "unhealthy" => Color::Red,
        "retrying" | "paused" | "held" => Color::Yellow,
        _ => return Cell::new(text),
    };
    Cell::new(text).fg(colour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_has_a_row_for_each_object() {
        let columns = [
            column("ID", "/id"),
            column("STATE", "/health/status").or("new"),
        ];
        let objects = [
            json!({"id": "sub_1", "health": {"status": "healthy"}}),
            json!({"id": "sub_22"}),
        ];
        let table = listed(&columns, &objects);
        let lines: Vec<_> = table.lines().map(str::trim).collect();
        assert_eq!(lines.len(), 3, "{table}");
        assert!(lines[1].starts_with("sub_1 "), "{table}");
        assert!(lines[2].ends_with("new"), "{table}");
        assert_eq!(listed(&columns, &[]), "none\n");
    }

    #[test]
    fn details_unfold_what_is_nested_and_escape_what_is_foreign() {
        let text = r#"{"z":{"b":1,"a":{}},"c":"x\u001b[2J","d":[]}"#;
        let table = detailed(&RawValue::from_string(text.to_owned()).unwrap());
        let names: Vec<_> = table
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(names, ["z.b", "z.a", "c", "d"]);
        assert!(table.contains("x\\u{1b}[2J"), "{table}");
    }

    #[test]
    fn times_lose_their_milliseconds_and_other_texts_nothing() {
        assert_eq!(
            short_time("2026-11-21T20:36:00.123Z"),
            "2026-11-21 20:36:00"
        );
        assert_eq!(
            short_time("twenty-four bytes long.Z"),
            "twenty-four bytes long.Z"
        );
    }
}
