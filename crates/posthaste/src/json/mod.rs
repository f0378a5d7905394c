//! JSON as published: checked strictly once, then kept byte for byte.
//!
//! serde_json accepts what a signature cannot allow (duplicate keys, lone surrogates) and refuses
//! what is valid (a number over f64), so published JSON goes through a scanner of our own.

mod text;
mod scan;
mod sorted;
mod tree;
mod value;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use scan::{DEPTH_CEILING, FaultKind, JsonFault, check};
pub use sorted::sorted;
pub(crate) use text::write_string;
pub(crate) use tree::{Kind, Tree, Value};
pub use value::value;

/// How deep published JSON may nest; its outermost array or object counts 1.
pub const DEPTH_MAX: usize = 128;

/// One JSON value whose text was checked by [`check`].
#[derive(Clone, PartialEq, Eq)]
pub struct RawJson(Bytes);

impl RawJson {
    /// Checks a text and keeps its value byte for byte, without the white space around it.
    ///
    /// # Errors
    /// As [`check`].
    pub fn parse(text: impl Into<Bytes>, depth_max: usize) -> Result<Self, JsonFault> {
        let text = text.into();
        check(&text, depth_max)?;
        // JSON's white space is ASCII's, less the form feed, which the check has refused.
        let value = text.trim_ascii();
        Ok(Self(text.slice_ref(value)))
    }

    /// Wraps text that is known to be one valid JSON value: stored before, or part of a checked text.
    #[must_use]
    pub fn trusted(text: Bytes) -> Self {
        debug_assert!(std::str::from_utf8(&text).is_ok());
        Self(text)
    }

    /// `{}`
    #[must_use]
    pub fn empty_object() -> Self {
        Self(Bytes::from_static(b"{}"))
    }

    /// The text as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked when it was made")
    }

    /// The text, shared.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// The text's length in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // no JSON value is empty
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for RawJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// serde_json looks over the text once more here: only its own types may write what is JSON already.
impl Serialize for RawJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &serde_json::value::RawValue =
            serde_json::from_str(self.as_str()).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// A part of a text that was checked as a whole, or that was stored.
impl<'de> Deserialize<'de> for RawJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(Bytes::from(Box::<str>::from(raw).into_string())))
    }
}

#[cfg(test)]
mod agreement;
