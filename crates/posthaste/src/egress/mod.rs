//! Which addresses may be dialled.

use std::{fmt, str::FromStr};

/// A target as the URL standard reads it: http or https, no userinfo, no fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUrl(url::Url);

/// Why a URL is refused. (helper fleshes out)
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid url")]
pub struct UrlRefusal;

impl TargetUrl {
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for TargetUrl {
    type Err = UrlRefusal;
    fn from_str(text: &str) -> Result<Self, UrlRefusal> {
        text.parse().map(Self).map_err(|_| UrlRefusal)
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
