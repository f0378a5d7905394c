//! Filters: what a subscription wants of an event beside its type.
//!
//! A filter is a JSON pattern over the event. A plain value means equal, an array any of its items,
//! an object goes on below its members, and what begins with `$` is an operator:
//!
//! ```
//! use posthaste::{event::EventDetails, filter::{EventDocument, Filter}, json::RawJson};
//!
//! let filter: Filter = r#"{"data":{"amount":{"$gte":100},"currency":["EUR","CHF"]}}"#.parse()?;
//! let data = RawJson::parse(r#"{"amount":99.5,"currency":"EUR"}"#, 128)?;
//! let event = EventDocument::new(None, &EventDetails::default(), Some(&data));
//! let explanation = filter.explain(&event);
//! assert!(!explanation.matches);
//! let too_little = &explanation.clauses[0];
//! assert_eq!(too_little.path, "/data/amount");
//! assert_eq!(too_little.operator, "$gte");
//! assert_eq!(too_little.found.as_deref(), Some("99.5"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds when
//! - **Absent and null.** Null means "no value": `null`, `$eq` and `$in` with it match a member that
//!   is null or absent; `{"$neq":null}` wants a value. `$exists` alone tells the two apart.
//! - **Arrays of the event.** What asks for a value (a plain one, `$eq`, `$in`, `$gt` and its like,
//!   `$startsWith`, `$endsWith`) holds where the array itself is it, or any one item is. An object
//!   holds where one and the same item has all its members.
//! - **Negation.** `$neq`, `$nin` and `$not` are exactly that: they hold where `$eq`, `$in` and the
//!   pattern do not, so also where there is nothing, and for an array only where no item is it.
//! - **Types.** Nothing is converted. `$gt` and its like compare numbers with numbers, exactly, by
//!   their decimal digits, and strings with strings, by their bytes; any other pair is no match.
//! - `$eq`, `$neq`, `$in` and `$nin` compare whole arrays and objects too; the order of members does
//!   not matter, the order of items does.
//! - A member whose name begins with `$` is written with a second one: `{"$$ref":…}`.
//!
//! Judging takes time in proportion to the event for each clause of the filter; a filter has at
//! most 8 KiB and nests at most 16 deep. It looks at no more than [`FILTER_STEPS_MAX`] values of one
//! event: an event that it would take more to judge matches, since one too many does less harm than
//! one lost. It refuses to guess: an unknown member of the event, an unknown operator or an empty
//! list is an error that says where.

mod number;
mod compare;
mod fault;
mod document;
mod steps;
mod pattern;
mod parse;
mod explain;

use std::{fmt, str::FromStr, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::{
    document::{EventDocument, EventDocumentError},
    explain::{Clause, Explanation},
    fault::{FilterError, FilterFault},
    steps::FILTER_STEPS_MAX,
};
use crate::json::{DEPTH_CEILING, RawJson, Tree};

/// Bytes of a filter's JSON at most.
pub const FILTER_BYTES_MAX: usize = 8 * 1024;

/// A pattern over an event, parsed once and shared from then on; it shows as it was written.
#[derive(Clone)]
pub struct Filter(Arc<Parsed>);

/// What came of judging one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the filter wants it, or would have taken too long to say.
    pub matches: bool,
    /// What it looked at, at most [`FILTER_STEPS_MAX`].
    pub steps: u64,
}

struct Parsed {
    json: RawJson,
    tree: Tree,
    pattern: pattern::Pattern,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Everything that is wrong with it, and where.
    pub fn parse(json: &RawJson) -> Result<Self, FilterError> {
        if json.len() > FILTER_BYTES_MAX {
            let detail = format!("a filter has at most {FILTER_BYTES_MAX} bytes");
            return Err(FilterError::new("", "length", &detail));
        }
        // A text of its own, not a part of the request that it came in.
        let json = RawJson::trusted(Bytes::copy_from_slice(json.as_bytes()));
        let tree = Tree::of(&json);
        let pattern = parse::parse(&tree)?;
        Ok(Self(Arc::new(Parsed {
            json,
            tree,
            pattern,
        })))
    }

    /// As it was written.
    #[must_use]
    pub fn as_json(&self) -> &RawJson {
        &self.0.json
    }

    /// Whether it wants an event.
    #[must_use]
    pub fn matches(&self, event: &EventDocument) -> bool {
        self.judge(event).matches
    }

    /// Whether it wants an event, and what it cost to say so.
    #[must_use]
    pub fn judge(&self, event: &EventDocument) -> Judgement {
        let judging = steps::Judging::new(&self.0.tree);
        let holds = self.0.pattern.holds(&judging, Some(event.tree().root()));
        Judgement {
            matches: holds || judging.is_spent(),
            steps: judging.gone(),
        }
    }

    /// Whether it wants an event, clause by clause.
    #[must_use]
    pub fn explain(&self, event: &EventDocument) -> Explanation {
        explain::explain(&self.0.pattern, &self.0.tree, event.tree())
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let json = RawJson::parse(text.to_owned(), DEPTH_CEILING)
            .map_err(|fault| FilterError::new("", fault.kind.code(), &fault.to_string()))?;
        Self::parse(&json)
    }
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for Filter {}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json().as_str())
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.as_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = RawJson::deserialize(deserializer)?;
        Self::parse(&json).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod properties;
