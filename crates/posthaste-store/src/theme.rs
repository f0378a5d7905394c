//! How a portal looks to those who come through a link: a name, a logo, a colour, light or dark.
//!
//! Nothing in it leads anywhere: a logo is its own bytes, so that no other host is ever asked.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What is none is Posthaste's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Theme {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accent: Option<Accent>,
    pub mode: Mode,
}

/// Light, dark, or as the reader's system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Auto,
    Light,
    Dark,
}

impl Mode {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// A colour: red, green and blue, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent(pub [u8; 3]);

/// Not a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a colour such as #0a7bd1")]
pub struct AccentError;

impl FromStr for Accent {
    type Err = AccentError;

    fn from_str(text: &str) -> Result<Self, AccentError> {
        let digits = text.strip_prefix('#').ok_or(AccentError)?;
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes());
        let bytes = bytes.map_err(|_| AccentError)?;
        bytes.try_into().map(Self).map_err(|_| AccentError)
    }
}

impl fmt::Display for Accent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// A picture, written as a `data:` URI of base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Logo {
    pub media_type: &'static str,
    pub bytes: Bytes,
}

/// Not a [`Logo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoError {
    #[error("expected a data: URI in base64 of image/png, image/jpeg, image/webp or image/svg+xml")]
    NotAPicture,
    #[error("expected at most 65,536 bytes")]
    TooLong,
}

impl Logo {
    /// Bytes of the whole URI.
    pub const MAX: usize = 64 * 1024;
    const MEDIA_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/svg+xml"];
}

impl FromStr for Logo {
    type Err = LogoError;

    fn from_str(text: &str) -> Result<Self, LogoError> {
        if text.len() > Self::MAX {
            return Err(LogoError::TooLong);
        }
        let read = || {
            let (head, data) = text.strip_prefix("data:")?.split_once(";base64,")?;
            let media_type = Self::MEDIA_TYPES.into_iter().find(|known| *known == head)?;
            let bytes = BASE64.decode(data.as_bytes()).ok()?.into();
            Some(Self { media_type, bytes })
        };
        let logo = read().filter(|logo| !logo.bytes.is_empty());
        logo.ok_or(LogoError::NotAPicture)
    }
}

impl fmt::Display for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = BASE64.encode(&self.bytes);
        write!(f, "data:{};base64,{data}", self.media_type)
    }
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

impl Serialize for Accent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Accent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_accent(text: &str, expected: Option<&str>) {
        let found = text.parse::<Accent>().ok().map(|accent| accent.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn an_accent_is_six_digits() {
        check_accent("#0a7bd1", Some("#0a7bd1"));
        check_accent("#FFFFFF", Some("#ffffff"));
        for bad in [
            "", "#", "0a7bd1", "#0a7bd", "#0a7bd11", "#fff", "red", "#0a7bdg", "#é123",
        ] {
            check_accent(bad, None);
        }
    }

    #[track_caller]
    fn check_logo(text: &str, expected: Result<&str, LogoError>) {
        let found = text.parse::<Logo>();
        let found = found.as_ref().map(|logo| logo.media_type).map_err(|e| *e);
        assert_eq!(found, expected, "{text:.60}");
    }

    #[test]
    fn a_logo_is_a_picture_within_its_own_uri() {
        for media_type in Logo::MEDIA_TYPES {
            let uri = format!("data:{media_type};base64,iVBORw==");
            check_logo(&uri, Ok(media_type));
            assert_eq!(uri.parse::<Logo>().unwrap().to_string(), uri);
        }
        for bad in [
            "",
            "https://example.com/logo.png",
            "data:text/html;base64,iVBORw==",
            "data:image/png,iVBORw==",
            "data:image/png;base64,",
            "data:image/png;base64,iVBORw",
            "data:image/png;base64,iVBO Rw==",
            "data:image/gif;base64,iVBORw==",
        ] {
            check_logo(bad, Err(LogoError::NotAPicture));
        }
        let long = format!("data:image/png;base64,{}", "AAAA".repeat(16_384));
        check_logo(&long, Err(LogoError::TooLong));
    }
}
