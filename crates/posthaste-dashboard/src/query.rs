//! What stands behind the `?` of a page: its filters. What a form sent empty counts as not there.

use axum::extract::FromRequestParts;
use data_encoding::HEXLOWER_PERMISSIVE;
use http::request::Parts;

use crate::fault::Fault;

/// Names and values, in the order sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = url::form_urlencoded::parse(text.as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// What someone sent: bytes that are no text are refused, not made into some other text.
    pub(crate) fn sent(text: &[u8]) -> Result<Self, Fault> {
        String::from_utf8(unescaped(text)).map_err(|_| Fault::NoText)?;
        let pairs = url::form_urlencoded::parse(text);
        Ok(Self(pairs.into_owned().collect()))
    }

    pub(crate) fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// All of them.
    #[cfg(test)]
    pub(crate) fn pairs(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter()
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// With this value in place of whatever had its name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.add(name, value);
    }

    /// The first value of this name that is not empty.
    pub(crate) fn text<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.all(name).find(|value| !value.trim().is_empty())
    }

    /// The first value of this name as it was typed, with its white space; empty where there is none.
    pub(crate) fn typed<'a>(&'a self, name: &'a str) -> &'a str {
        self.all(name).next().unwrap_or_default()
    }

    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(known, _)| known == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The value, where it reads as one; what does not is left out.
    pub(crate) fn read<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.trim().parse().ok()
    }

    /// The same with this one in place of what had its name; for links to the next page.
    pub(crate) fn with(&self, name: &str, value: &str) -> String {
        let mut written = url::form_urlencoded::Serializer::new(String::new());
        for (known, own) in &self.0 {
            if known != name && known != "note" && !own.is_empty() {
                written.append_pair(known, own);
            }
        }
        if !value.is_empty() {
            written.append_pair(name, value);
        }
        written.finish()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fault> {
        Self::sent(parts.uri.query().unwrap_or_default().as_bytes())
    }
}

/// The bytes that stand behind the `%`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let [first, behind @ ..] = rest {
        let digits = behind.get(..2).filter(|_| *first == b'%');
        let byte = digits.and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits).ok());
        rest = &behind[byte.as_ref().map_or(0, Vec::len) * 2..];
        bytes.extend(byte.unwrap_or_else(|| vec![*first]));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_and_what_stands_for_no_text_is_one() {
        for refused in [&b"a=%FF"[..], b"a=%c3&b=%a9", b"%80=x", b"a=\xff"] {
            assert!(Query::sent(refused).is_err(), "{refused:?}");
        }
        for text in ["", "a=%EF%BF%BD", "a=%C3%a9+%", "a=%zz%1", "é=é"] {
            assert_eq!(
                Query::sent(text.as_bytes()).unwrap().0,
                Query::parse(text).0
            );
        }
    }

    #[test]
    fn an_empty_field_is_no_filter_and_a_link_changes_one() {
        let query = Query::parse("status=failed&type=&note=paused&id=a&id=b");
        assert_eq!(query.text("status"), Some("failed"));
        assert_eq!(query.text("type"), None);
        assert_eq!(query.all("id").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(query.read::<u32>("status"), None);
        assert_eq!(
            query.with("before", "x y"),
            "status=failed&id=a&id=b&before=x+y"
        );
        assert_eq!(query.with("status", ""), "id=a&id=b");
    }
}
