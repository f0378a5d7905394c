//! What is wrong with a filter, and where in it.

use std::fmt;

/// Faults that one filter is told about.
const FAULTS_MAX: usize = 20;
/// Bytes of a name that a pointer repeats.
const NAME_MAX: usize = 64;

/// Not a filter: every fault that was seen, at most 20.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError(Vec<FilterFault>);

/// One thing that is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterFault {
    /// The JSON Pointer into the filter; names longer than 64 bytes are cut, and characters that
    /// cannot be seen are escaped.
    pub pointer: String,
    /// A stable slug for machines.
    pub code: &'static str,
    /// What was expected there, for people.
    pub detail: String,
}

impl FilterError {
    /// What is wrong, in the order of the filter.
    #[must_use]
    pub fn faults(&self) -> &[FilterFault] {
        &self.0
    }

    pub(super) fn new(pointer: &str, code: &'static str, detail: &str) -> Self {
        Self(vec![FilterFault {
            pointer: visible(pointer),
            code,
            detail: visible(detail),
        }])
    }

    /// Both, as far as there is room.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self.0.truncate(FAULTS_MAX);
        self
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            let (
                comma,
                FilterFault {
                    pointer, detail, ..
                },
            ) = (if n > 0 { "; " } else { "" }, fault);
            match pointer.is_empty() {
                true => write!(f, "{comma}{detail}")?,
                false => write!(f, "{comma}at {pointer}: {detail}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for FilterError {}

/// A pointer to what stands below another under this name.
pub(super) fn below(pointer: &str, name: &[u8]) -> String {
    let name = shown(name).replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{name}")
}

/// A text with escapes for what hides or turns what stands around it.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => visible.push(c),
            _ => visible.extend(c.escape_debug()),
        }
    }
    visible
}

/// So much of a text as is repeated.
pub(super) fn shown(text: &[u8]) -> String {
    if text.len() <= NAME_MAX {
        return String::from_utf8_lossy(text).into_owned();
    }
    let text = &text[..NAME_MAX - '…'.len_utf8()];
    // A letter that is cut through goes whole.
    let whole = match std::str::from_utf8(text) {
        Ok(whole) => whole,
        Err(error) => str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default(),
    };
    format!("{whole}…")
}
