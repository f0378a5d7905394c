//! One JSON Schema, compiled: what it takes to judge data, and to say where data does not fit.
//!
//! Nothing is fetched, patterns are of the linear kind, and how much work an event may cause is
//! bounded by what [`extent`] allows and by the event's own size.

use jsonschema::{PatternOptions, Validator};
use posthaste::json::{self, RawJson};
use serde_json::Value;

use super::{
    extent::{self, Extent},
    misfit::{Misfit, cut},
};

/// The text of one schema.
pub const SCHEMA_BYTES_MAX: usize = 64 * 1024;
/// What one event or one schema is told about at most.
pub(super) const MISFITS_MAX: usize = 20;
/// Bytes that one regular expression may take, compiled.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// Subschemas that may be on the stack at once: the validator recurses, on threads with 2 MiB.
const LEVELS_MAX: u64 = 1024;
/// Subschemas, and what they compare with, times values of data, up to which data is judged at all:
/// the most values that 256 KiB have, by five hundred.
const WORK_MAX: u64 = 64 * 1024 * 1024;
/// Subschemas times bytes of data, up to which each place that does not fit is looked for: the
/// validator goes every way through a schema for that, where judging goes the shortest.
const SEARCH_MAX: u64 = 16 * 1024 * 1024;

/// A schema that can be checked against.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    extent: Extent,
}

impl Schema {
    /// # Errors
    /// What is wrong with it, by JSON Pointers into it.
    pub fn compile(text: &RawJson) -> Result<Self, Vec<Misfit>> {
        if text.len() > SCHEMA_BYTES_MAX {
            let detail = format!("at most {SCHEMA_BYTES_MAX} bytes");
            return Err(vec![Misfit::at("", "length", detail)]);
        }
        let schema = json::value(text);
        let extent = extent::of(&schema)?;
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX);
        let options = jsonschema::options()
            .offline()
            .with_pattern_options(patterns);
        let built = options.should_validate_formats(true).build(&schema);
        let validator = built.map_err(|error| vec![wrong(&error)])?;
        Ok(Self { validator, extent })
    }

    /// What does not fit, by JSON Pointers into the data: at most 20 places.
    #[must_use]
    pub fn check(&self, data: &RawJson) -> Vec<Misfit> {
        let value = json::value(data);
        let depth = depth(&value);
        if self.extent.returns > 0 && self.extent.depth.saturating_mul(depth) > LEVELS_MAX {
            let detail =
                "the data nests too deeply to be held against a schema that refers to itself";
            return vec![Misfit::at("", "depth", detail)];
        }
        if self.work(&value) > WORK_MAX {
            let detail = "the data has too many values for a schema of this size";
            return vec![Misfit::at("", "cost", detail)];
        }
        if self.validator.is_valid(&value) {
            return Vec::new();
        }
        let found = match self.is_searchable(data.len(), depth) {
            true => self.places(&value),
            false => Vec::new(),
        };
        match found.is_empty() {
            true => vec![Misfit::at(
                "",
                "schema",
                "the data does not fit its type's schema",
            )],
            false => found,
        }
    }

    /// What judging looks at, at most.
    fn work(&self, value: &Value) -> u64 {
        let Extent {
            subschemas,
            compared,
            ..
        } = self.extent;
        subschemas
            .saturating_add(compared)
            .saturating_mul(values(value))
    }

    fn places(&self, value: &Value) -> Vec<Misfit> {
        let mut places: Vec<Misfit> = Vec::new();
        for misfit in self
            .validator
            .iter_errors(value)
            .flat_map(|error| Misfit::of(&error))
        {
            if places.len() == MISFITS_MAX {
                break;
            }
            if !places.contains(&misfit) {
                places.push(misfit);
            }
        }
        places.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        places
    }

    fn is_searchable(&self, bytes: usize, depth: u64) -> bool {
        let Extent {
            subschemas,
            returns,
            ..
        } = self.extent;
        let ways = match returns {
            0 | 1 => 1,
            more => more.saturating_pow(u32::try_from(depth).unwrap_or(u32::MAX)),
        };
        let work = ways.saturating_mul(subschemas).saturating_mul(bytes as u64);
        work <= SEARCH_MAX
    }
}

/// What a schema itself does wrong.
fn wrong(error: &jsonschema::ValidationError<'_>) -> Misfit {
    let place = error.instance_path().as_str();
    let detail = match place.rsplit('/').next() {
        Some("pattern" | "patternProperties") => {
            "expected a regular expression that can be matched in linear time: without look-around \
             and back-references, and not too large"
                .into()
        }
        _ => cut(error.masked_with("this").to_string()).into(),
    };
    Misfit {
        pointer: place.to_owned(),
        code: "invalid_schema".into(),
        detail,
    }
}

/// How many values there are, this one included.
fn values(value: &Value) -> u64 {
    let inside: u64 = match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(members) => members.values().map(values).sum(),
        _ => 0,
    };
    1 + inside
}

/// Values in each other; a plain one counts 1.
fn depth(value: &Value) -> u64 {
    let inner = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => None,
    };
    1 + inner.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> RawJson {
        RawJson::parse(text.to_owned(), 128).unwrap()
    }

    fn said(misfits: &[Misfit]) -> String {
        let said = misfits.iter();
        let said: Vec<_> = said
            .map(|one| format!("{} {}", one.pointer, one.code))
            .collect();
        said.join(", ")
    }

    #[track_caller]
    fn check(schema: &str, data: &str, expected: &str) {
        let schema = Schema::compile(&json(schema)).expect("a schema");
        assert_eq!(said(&schema.check(&json(data))), expected, "{data}");
    }

    #[track_caller]
    fn refused(schema: &str, expected: &str) {
        let misfits = Schema::compile(&json(schema)).expect_err("it is refused");
        assert_eq!(said(&misfits), expected, "{schema}");
    }

    #[test]
    fn what_does_not_fit_is_pointed_at() {
        let schema = r#"{"type":"object","required":["id","amount"],"additionalProperties":false,
            "properties":{"id":{"type":"string","maxLength":3},"amount":{"type":"number"},
            "at":{"format":"date-time"},"tags":{"items":{"enum":["x","y"]}}}}"#;
        check(
            schema,
            r#"{"id":"a","amount":1.5,"at":"2026-11-22T05:06:07Z","tags":[]}"#,
            "",
        );
        check(
            schema,
            r#"{"id":"four","at":"now","tags":["x","z"],"a/b":1}"#,
            "/amount required, /at format, /a~1b additional_properties, /id max_length, /tags/1 enum",
        );
        check(schema, "7", " type");
    }

    #[test]
    fn at_most_twenty_places_are_told() {
        let many = format!("[{}]", ["1"; 50].join(","));
        let schema = Schema::compile(&json(r#"{"items":{"type":"string"}}"#)).unwrap();
        assert_eq!(schema.check(&json(&many)).len(), 20);
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let schema = r#"{"properties":{"a":{"pattern":"^x","maxLength":3,"enum":["x"],"format":"email",
            "const":"x"}},"additionalProperties":false,"propertyNames":{"maxLength":9}}"#;
        let schema = Schema::compile(&json(schema)).unwrap();
        let secret = "geheim".repeat(20);
        let misfits = schema.check(&json(&format!(r#"{{"a":"{secret}","{secret}":1}}"#)));
        assert!(misfits.len() > 5, "{misfits:?}");
        assert!(!format!("{misfits:?}").contains("geheim"), "{misfits:?}");
    }

    #[test]
    fn numbers_of_any_size_are_judged_and_never_a_panic() {
        let digits = "9".repeat(10_000);
        for number in ["1e400", "-1e400", "1e-400", &digits, "0.1e-10000"] {
            check(r#"{"type":"number"}"#, number, "");
            check("{\"multipleOf\":0.01,\"type\":\"number\"}", "1e300", "");
        }
        check(r#"{"type":"integer"}"#, &digits, "");
        check(r#"{"maximum":10}"#, &digits, " maximum");
        check(r#"{"maximum":1e400}"#, "1e399", "");
        check(r#"{"minimum":-10}"#, "-1e400", " minimum");
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        refused("7", " invalid_schema");
        refused(
            r#"{"properties":{"a":{"type":"text"}}}"#,
            "/properties/a/type invalid_schema",
        );
        refused(
            r#"{"items":{"$ref":"https://example.com/s"}}"#,
            "/items/$ref invalid_schema",
        );
        refused(
            r#"{"items":{"pattern":"(?=a)b"}}"#,
            "/items/pattern invalid_schema",
        );
        refused(
            r#"{"pattern":"(a{1000}){1000}"}"#,
            "/pattern invalid_schema",
        );
        let long = format!(r#"{{"$comment":"{}"}}"#, "x".repeat(SCHEMA_BYTES_MAX));
        refused(&long, " length");
    }

    #[test]
    fn a_pattern_that_would_backtrack_is_matched_in_linear_time() {
        let schema = Schema::compile(&json(r#"{"pattern":"^(a+)+$"}"#)).unwrap();
        let data = format!("\"{}b\"", "a".repeat(100_000));
        assert_eq!(schema.check(&json(&data)).len(), 1);
    }

    #[test]
    fn what_would_take_too_long_is_refused_before_it_is_begun() {
        let listed = |items: usize| {
            let values: Vec<_> = (0..items).map(|n| n.to_string()).collect();
            format!("[{}]", values.join(","))
        };
        let any = (0..1000).map(|n| format!(r#"{{"const":{n}}}"#));
        let any = any.collect::<Vec<_>>().join(",");
        let branches = format!(r#"{{"items":{{"anyOf":[{any}]}}}}"#);
        let values = format!(r#"{{"items":{{"enum":{}}}}}"#, listed(1000));
        for schema in [&branches, &values] {
            check(schema, &listed(1000), "");
            check(schema, &listed(70_000), " cost");
        }
    }

    /// As an event of the deepest kind would find them: on a thread with the stack of a worker.
    #[test]
    fn schemas_that_refer_to_themselves_end() {
        let run = || {
            let twice = r##"{"$defs":{"n":{"properties":{"a":{"allOf":[{"$ref":"#/$defs/n"},
                {"$ref":"#/$defs/n"}]},"b":{"type":"string"}}}},"$ref":"#/$defs/n"}"##;
            let nested = |levels: usize, leaf: &str| {
                format!("{}{leaf}{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
            };
            check(twice, &nested(100, "1"), "");
            check(twice, &nested(2, r#"{"b":1}"#), "/a/a/b type");
            check(twice, &nested(100, r#"{"b":1}"#), " schema");
            check(r##"{"$ref":"#"}"##, "1", "");
            check(
                r##"{"allOf":[{"$ref":"#"}],"type":"string"}"##,
                "1",
                " type",
            );
            let levels = format!(
                "{}{{\"properties\":{{\"a\":{{\"$ref\":\"#\"}}}}}}{}",
                r#"{"allOf":["#.repeat(58),
                "]}".repeat(58)
            );
            check(&levels, &nested(15, "1"), "");
            check(&levels, &nested(120, "1"), " depth");
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        thread.spawn(run).unwrap().join().unwrap();
    }
}
