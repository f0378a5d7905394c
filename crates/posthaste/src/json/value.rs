//! JSON as serde_json's tree, for parts that others wrote and that work on nothing else.
//!
//! It is a view to judge by and never what is kept: numbers become 64-bit ones, and one that is
//! beyond them the largest there is, where serde_json would refuse the whole text.

use serde_json::{Map, Number, Value};

use super::{
    RawJson,
    tree::{self, Kind, Tree},
};

/// A checked text as a value.
#[must_use]
pub fn value(json: &RawJson) -> Value {
    read(Tree::of(json).root())
}

fn read(value: tree::Value<'_>) -> Value {
    match value.kind() {
        Kind::Null => Value::Null,
        Kind::False => Value::Bool(false),
        Kind::True => Value::Bool(true),
        Kind::Number => Value::Number(number(value.raw())),
        Kind::String => Value::String(text(&value.text())),
        Kind::Array => value.items().map(read).collect(),
        Kind::Object => {
            let members = value
                .members()
                .map(|(name, value)| (text(&name), read(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(lexeme: &[u8]) -> Number {
    let largest = match lexeme.first() {
        Some(b'-') => f64::MIN,
        _ => f64::MAX,
    };
    let beyond = || Number::from_f64(largest).expect("it is finite");
    serde_json::from_slice(lexeme).unwrap_or_else(|_| beyond())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &Value) {
        let json = RawJson::parse(text.to_owned(), 128).unwrap();
        assert_eq!(value(&json), *expected, "{text}");
    }

    #[test]
    fn every_value_is_what_serde_json_makes_of_it() {
        for text in [
            "null",
            "true",
            "-0.5e3",
            "18446744073709551615",
            r#""\u00e9\ud83d\ude00\n""#,
            r#"[1,[],{"a":{"b\u0000":false}}]"#,
        ] {
            check(text, &serde_json::from_str(text).unwrap());
        }
    }

    #[test]
    fn numbers_beyond_all_doubles_are_the_largest() {
        check("1e400", &json!(f64::MAX));
        check("-1e400", &json!(f64::MIN));
        check(&"9".repeat(10_000), &json!(f64::MAX));
        check("1e-400", &json!(0.0));
    }
}
