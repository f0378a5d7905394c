//! Where a page comes from, as a browser names it: scheme, host and port, and nothing else.
//!
//! It knows no wildcard and no `null`: whoever is let in is named.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

/// `https://app.example.com`, with a port where it is not the usual one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

/// No origin that a browser would name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an origin such as https://app.example.com, without a path")]
pub struct OriginError;

impl Origin {
    /// As a browser writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what comes from there was not to be read on its way.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https:")
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = Url::parse(text).map_err(|_| OriginError)?;
        let of_web = matches!(url.scheme(), "http" | "https") && !text.contains(['*', ';', ',']);
        let is_one = of_web && url.origin().ascii_serialization() == text;
        is_one.then(|| Self(text.to_owned())).ok_or(OriginError)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(text.parse::<Origin>().is_ok(), expected, "{text}");
    }

    #[test]
    fn an_origin_is_written_as_a_browser_writes_it() {
        check("https://app.example.com", true);
        check("http://localhost:3000", true);
        check("https://[::1]:8443", true);
        for bad in [
            "*",
            "null",
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com/x",
            "https://app.example.com:443",
            "https://App.example.com",
            "https://*.example.com",
            "https://a;b.example.com",
            "https://a,b.example.com",
            "https://a@example.com",
            "file:///x",
            "chrome-extension://abc",
        ] {
            check(bad, false);
        }
    }
}
