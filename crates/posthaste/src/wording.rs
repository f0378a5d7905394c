//! Names and lines that people write and others read: a bounded number of bytes, and no character
//! that hides or turns what stands around it. Nothing is normalised: what is taken stays as it is.

use std::ops::RangeInclusive;

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordingError {
    /// It has characters that one does not see.
    #[error("control and bidirectional control characters are not allowed")]
    Hidden,
    /// Too short or too long.
    #[error("expected {min} to {max} bytes")]
    Length {
        /// Bytes at least.
        min: usize,
        /// Bytes at most.
        max: usize,
    },
}

impl WordingError {
    /// A stable name of the reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hidden => "control_character",
            Self::Length { .. } => "length",
        }
    }
}

/// Whether a character hides or turns what stands around it.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether every character of a text is one that people see as it is.
///
/// # Errors
/// [`WordingError::Hidden`].
pub fn visible(text: &str) -> Result<&str, WordingError> {
    let hidden = text.chars().any(is_hidden);
    (!hidden).then_some(text).ok_or(WordingError::Hidden)
}

/// A visible text of so many bytes.
///
/// # Errors
/// It is none.
pub fn within(text: &str, bytes: RangeInclusive<usize>) -> Result<&str, WordingError> {
    let (min, max) = (*bytes.start(), *bytes.end());
    let fits = bytes.contains(&visible(text)?.len());
    fits.then_some(text)
        .ok_or(WordingError::Length { min, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_is_visible_and_bounded() {
        #[track_caller]
        fn check(text: &str, expected: Result<(), WordingError>) {
            assert_eq!(within(text, 1..=6).map(drop), expected, "{text:?}");
        }
        let length = Err(WordingError::Length { min: 1, max: 6 });
        check("a b", Ok(()));
        check("\u{e9}\u{6771}", Ok(()));
        check("", length);
        check("\u{6771}\u{4eac}\u{6771}", length);
        for hidden in ["a\0", "a\nb", "\u{202e}a", "\u{2066}a", "a\u{200f}"] {
            check(hidden, Err(WordingError::Hidden));
        }
    }
}
