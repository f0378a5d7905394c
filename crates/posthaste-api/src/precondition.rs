//! `If-Match`: a change is made to what was read, or not at all.

use http::{HeaderMap, header};

use crate::problem::{Kind, Problem};

/// Whether this very state is asked for, whose tag is `own` (none where there is nothing): `*` takes
/// whatever is there, and no header takes nothing too.
///
/// # Errors
/// A 412 where only others are.
pub(crate) fn if_match(headers: &HeaderMap, own: Option<&str>) -> Result<bool, Problem> {
    let mut asked = headers.get_all(header::IF_MATCH).iter().peekable();
    if asked.peek().is_none() {
        return Ok(false);
    }
    let tags = asked.filter_map(|value| value.to_str().ok());
    let mut tags = tags.flat_map(|value| value.split(',')).map(str::trim);
    match tags.find(|&asked| own.is_some_and(|own| asked == "*" || asked == own)) {
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
        fn check(own: Option<&str>, values: &[&str], expected: Option<bool>) {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, value.parse().unwrap());
            }
            assert_eq!(if_match(&headers, own).ok(), expected, "{values:?}");
        }
        let seven = Some("\"7\"");
        check(seven, &[], Some(false));
        check(seven, &["*"], Some(false));
        check(seven, &["\"7\""], Some(true));
        check(seven, &["\"6\", \"7\""], Some(true));
        check(seven, &["\"6\"", "\"7\""], Some(true));
        check(seven, &["\"6\""], None);
        check(seven, &["W/\"7\""], None);
        check(seven, &["7"], None);
        check(seven, &[""], None);
        check(None, &[], Some(false));
        check(None, &["*"], None);
        check(None, &["\"7\""], None);
    }
}
