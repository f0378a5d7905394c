//! What does not fit a schema, said so that its producer finds the place, and without repeating more
//! than a little of what was sent.

use std::borrow::Cow;

use jsonschema::{ValidationError, error::ValidationErrorKind};

/// Bytes of a place in somebody's data that are said at most; what is deeper is left out.
const PLACE_BYTES_MAX: usize = 64;
/// Bytes of a schema that are said at most.
const DETAIL_BYTES_MAX: usize = 160;
/// Members of one object that are told apart.
const MEMBERS_MAX: usize = 20;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// A JSON Pointer to the place.
    pub pointer: String,
    /// The schema's keyword in words: `max_length`.
    pub code: Cow<'static, str>,
    pub detail: Cow<'static, str>,
}

impl Misfit {
    pub(super) fn at(
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            pointer: pointer.into(),
            code: code.into(),
            detail: detail.into(),
        }
    }

    /// The same, as parts of something that stands at `place`.
    pub fn below(misfits: Vec<Self>, place: &str) -> impl Iterator<Item = Self> {
        misfits.into_iter().map(move |misfit| Self {
            pointer: format!("{place}{}", misfit.pointer),
            ..misfit
        })
    }

    /// A validator's error: the members that are missing or too many stand each for themselves.
    pub(super) fn of(error: &ValidationError<'_>) -> Vec<Self> {
        let place = error.instance_path().as_str();
        let one = |below: &str, detail: String| Self {
            pointer: told(place, below),
            code: snake(error.kind().keyword()),
            detail: cut(detail).into(),
        };
        let each = |names: &[String]| -> Vec<Self> {
            let names = names.iter().take(MEMBERS_MAX);
            names
                .map(|name| one(name, "the schema has no such member".into()))
                .collect()
        };
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![one(name, format!("{} is required", cut(name.to_owned())))]
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => each(unexpected),
            ValidationErrorKind::UnevaluatedItems { .. } => {
                vec![one("", "the schema has no such items".into())]
            }
            ValidationErrorKind::PropertyNames { .. } => {
                vec![one(
                    "",
                    "the name of a member does not fit the schema".into(),
                )]
            }
            ValidationErrorKind::Enum { options } => {
                vec![one("", format!("expected one of {options}"))]
            }
            _ => vec![one("", error.masked().to_string())],
        }
    }
}

/// A place, as far down as it may be repeated: whole segments without what hides or turns text.
fn told(place: &str, below: &str) -> String {
    let below = (!below.is_empty()).then(|| below.replace('~', "~0").replace('/', "~1"));
    let mut told = String::new();
    for segment in place.split('/').skip(1).chain(below.as_deref()) {
        let long = told.len() + 1 + segment.len() > PLACE_BYTES_MAX;
        if long || segment.chars().any(|c| c.is_control() || is_turning(c)) {
            break;
        }
        told = told + "/" + segment;
    }
    told
}

fn is_turning(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `maxLength` as `max_length`.
fn snake(keyword: &str) -> Cow<'static, str> {
    let mut code = String::with_capacity(keyword.len() + 4);
    for c in keyword.trim_start_matches('$').chars() {
        if c.is_ascii_uppercase() {
            code.push('_');
        }
        code.push(c.to_ascii_lowercase());
    }
    code.into()
}

pub(super) fn cut(mut text: String) -> String {
    if text.len() > DETAIL_BYTES_MAX {
        let ends = (0..=DETAIL_BYTES_MAX - 3).rev();
        let end = ends.into_iter().find(|&end| text.is_char_boundary(end));
        text.truncate(end.unwrap_or(0));
        text += "...";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_as_far_as_it_may_be_repeated() {
        #[track_caller]
        fn check(place: &str, below: &str, expected: &str) {
            assert_eq!(told(place, below), expected);
        }
        check("", "", "");
        check("/a/0", "", "/a/0");
        check("/a~1b", "c/d~", "/a~1b/c~1d~0");
        check("/a", &"x".repeat(64), "/a");
        check("/a", "\u{1b}[2J", "/a");
        check("/a/b\u{202e}/c", "d", "/a");
        check(
            &format!("/{}/b", "x".repeat(63)),
            "",
            &format!("/{}", "x".repeat(63)),
        );
    }

    #[test]
    fn a_keyword_is_a_code() {
        assert_eq!(snake("additionalProperties"), "additional_properties");
        assert_eq!(snake("$ref"), "ref");
    }

    #[test]
    fn a_detail_is_cut_between_characters() {
        assert_eq!(cut("é".repeat(200)).len(), 159);
        assert_eq!(cut("short".into()), "short");
    }
}
