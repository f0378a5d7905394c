//! `If-Match`: a change is made to what was read, or not at all.

use http::{HeaderMap, header};

use crate::problem::{Kind, Problem};

/// Whether this very state is asked for, whose tag is `own`: `*` and no header at all take any.
///
/// # Errors
/// A 412 where only others are.
pub(crate) fn if_match(headers: &HeaderMap, own: &str) -> Result<bool, Problem> {
    let mut asked = headers.get_all(header::IF_MATCH).iter().peekable();
    if asked.peek().is_none() {
        return Ok(false);
    }
    let tags = asked.filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
    match tags.find(|&asked| asked == "*" || asked == own) {
        Some(asked) => Ok(asked != "*"),
        None => Err(Problem::new(
            Kind::PreconditionFailed,
            "it changed since it was read: read it again, then change it",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_the_state_that_was_read() {
        #[track_caller]
        fn check(values: &[&str], expected: Option<bool>) {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, value.parse().unwrap());
            }
            assert_eq!(if_match(&headers, "\"7\"").ok(), expected, "{values:?}");
        }
        check(&[], Some(false));
        check(&["*"], Some(false));
        check(&["\"7\""], Some(true));
        check(&["\"6\", \"7\""], Some(true));
        check(&["\"6\"", "\"7\""], Some(true));
        check(&["\"6\""], None);
        check(&["W/\"7\""], None);
        check(&["7"], None);
        check(&[""], None);
    }
}
