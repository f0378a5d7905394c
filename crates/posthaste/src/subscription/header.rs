//! Headers of a subscription's own: sent with every request to it, as they are.
//!
//! A name says nothing that the sender says itself, or that would change how the request is read:
//! those are refused. `authorization` is refused too, because [`Auth`](super::Auth) writes it.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::access::exposed;
use crate::signature::Secret;

/// What stands in the place of a secret wherever one is shown.
pub const HIDDEN: &str = "***";

/// Bytes of a name at most.
const NAME_MAX: usize = 128;
/// Bytes of a value, one too many.
const VALUE_END: usize = 8 * 1024;

/// Names that belong to the sender, to HTTP or to [`Auth`](super::Auth).
const RESERVED: &[&str] = &[
    "authorization",
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-correlation-id",
    "x-event-type",
    "x-pt-signature",
];

/// Beginnings of such names.
const RESERVED_PREFIXES: &[&str] = &["content-", "posthaste-", "proxy-", "webhook-", "x-webhook-"];

/// What makes a name look as if its value were a secret.
const SECRET_WORDS: &[&str] = &["auth", "cookie", "key", "password", "secret", "token"];

/// The name of a header of a subscription's own. It is sent in lower case and shown as it was
/// written; names that differ in case alone are the same.
#[derive(Clone, Debug)]
pub struct HeaderName {
    lower: String,
    written: String,
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderNameError {
    /// Not what HTTP calls a token.
    #[error("expected 1 to 128 letters, digits or any of !#$%&'*+-.^_`|~")]
    Token,
    /// It belongs to somebody else.
    #[error("this header is not yours to set: the sender or HTTP itself does")]
    Reserved,
    /// It is what credentials are for.
    #[error("authorization is set by the member auth")]
    Authorization,
}

impl HeaderName {
    /// `authorization`, which nobody else can make.
    pub(super) fn authorization() -> Self {
        Self {
            lower: "authorization".to_owned(),
            written: "authorization".to_owned(),
        }
    }

    /// In lower case, as it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.lower
    }

    /// As it is shown.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether what stands under it is taken for a secret, whatever is said about it.
    #[must_use]
    pub fn looks_secret(&self) -> bool {
        SECRET_WORDS.iter().any(|word| self.lower.contains(word))
    }
}

impl FromStr for HeaderName {
    type Err = HeaderNameError;

    fn from_str(text: &str) -> Result<Self, HeaderNameError> {
        let is_token = (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(is_token_byte);
        if !is_token {
            return Err(HeaderNameError::Token);
        }
        let lower = text.to_ascii_lowercase();
        if lower == "authorization" {
            return Err(HeaderNameError::Authorization);
        }
        let begins = |prefix: &&str| lower.starts_with(*prefix);
        if RESERVED.contains(&&*lower) || RESERVED_PREFIXES.iter().any(begins) {
            return Err(HeaderNameError::Reserved);
        }
        let written = text.to_owned();
        Ok(Self { lower, written })
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl PartialEq for HeaderName {
    fn eq(&self, other: &Self) -> bool {
        self.lower == other.lower
    }
}

impl Eq for HeaderName {}

impl PartialOrd for HeaderName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for HeaderName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.lower.cmp(&other.lower)
    }
}

impl Serialize for HeaderName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for HeaderName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The value of a header. It is kept as a secret is, and shown unless it is one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderValue {
    #[serde(with = "exposed")]
    value: Secret,
    secret: bool,
}

/// Not the value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderValueError {
    /// It would end the header, or hide what it says.
    #[error("expected visible text: no control character, no white space at either end")]
    Text,
    /// 8 KiB or more.
    #[error("expected less than 8 KiB")]
    Long,
}

impl HeaderValue {
    /// # Errors
    /// It is too long, or no text that a header can carry.
    pub fn new(text: &str, secret: bool) -> Result<Self, HeaderValueError> {
        if text.len() >= VALUE_END {
            return Err(HeaderValueError::Long);
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err(HeaderValueError::Text);
        }
        Ok(Self::trusted(text.to_owned(), secret))
    }

    pub(super) fn trusted(text: String, secret: bool) -> Self {
        let value = Secret::trusted(text);
        Self { value, secret }
    }

    /// As it is sent.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.value.expose()
    }

    /// Whether it is shown to nobody.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// As it may be shown.
    #[must_use]
    pub fn shown(&self) -> &str {
        if self.secret { HIDDEN } else { self.expose() }
    }

    /// The same value, a secret from now on if it was none.
    #[must_use]
    pub fn or_secret(self, secret: bool) -> Self {
        let secret = self.secret || secret;
        Self { secret, ..self }
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// A header as it is sent.
#[derive(Clone, Debug)]
pub struct OwnHeader {
    /// Of its own, or `authorization`.
    pub name: HeaderName,
    /// Perhaps a secret.
    pub value: HeaderValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<&str, HeaderNameError>) {
        let read = name.parse::<HeaderName>();
        let lower = read.as_ref().map(HeaderName::as_str);
        assert_eq!(lower, expected.as_ref().copied(), "{name:?}");
    }

    #[test]
    fn a_name_is_a_token_that_nobody_else_needs() {
        check("X-Api-Key", Ok("x-api-key"));
        check("x.y!z", Ok("x.y!z"));
        check("Cookie", Ok("cookie"));
        check("accept", Ok("accept"));
        for bad in ["", "a b", "a:", ":a", "a\r\nb", "é", "a\0", "(a)", "a,b"] {
            check(bad, Err(HeaderNameError::Token));
        }
        check(&"a".repeat(129), Err(HeaderNameError::Token));
        check("Authorization", Err(HeaderNameError::Authorization));
        for reserved in [
            "Webhook-Id",
            "webhook-anything",
            "posthaste-hop",
            "X-PT-Signature",
            "x-webhook-signature-next",
            "x-event-type",
            "Host",
            "content-length",
            "Content-Type",
            "transfer-encoding",
            "connection",
            "te",
            "trailer",
            "upgrade",
            "expect",
            "proxy-authorization",
            "user-agent",
        ] {
            check(reserved, Err(HeaderNameError::Reserved));
        }
    }

    #[test]
    fn a_name_is_shown_as_it_was_written_and_is_the_same_in_any_case() {
        let name = |text: &str| text.parse::<HeaderName>().unwrap();
        assert_eq!(name("X-Team").to_string(), "X-Team");
        assert_eq!(name("X-Team"), name("x-tEAM"));
        assert_eq!(
            serde_json::to_string(&name("X-Team")).unwrap(),
            r#""X-Team""#
        );
    }

    #[test]
    fn names_that_look_secret_are() {
        for name in ["x-api-key", "X-Auth", "cookie", "x-session-token"] {
            assert!(name.parse::<HeaderName>().unwrap().looks_secret(), "{name}");
        }
        assert!(!"x-team".parse::<HeaderName>().unwrap().looks_secret());
    }

    #[test]
    fn a_value_is_visible_text_under_8_kib() {
        let refused = |text: &str| HeaderValue::new(text, false).err();
        for good in ["", "a b", "é", "***", &"a".repeat(8191)] {
            assert_eq!(refused(good), None, "{good:?}");
        }
        assert_eq!(refused(&"a".repeat(8192)), Some(HeaderValueError::Long));
        for bad in ["a\r\nb: c", "a\nb", "\0", "\u{7f}", " a", "a\t"] {
            assert_eq!(refused(bad), Some(HeaderValueError::Text), "{bad:?}");
        }
    }

    #[test]
    fn a_secret_value_is_not_shown() {
        let value = HeaderValue::new("open sesame", true).unwrap();
        assert_eq!(
            (value.shown(), format!("{value:?}").as_str()),
            ("***", "***")
        );
        assert_eq!(value.expose(), "open sesame");
        assert_eq!(HeaderValue::new("blue", false).unwrap().shown(), "blue");
    }
}
