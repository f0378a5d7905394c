//! The strict scanner, beside serde_json: it accepts exactly what is one value with one meaning.

use posthaste::json::{self, DEPTH_CEILING, DEPTH_MAX, FaultKind, RawJson};

use super::naive::{Naive, Refusal};

pub fn judge(text: &[u8]) {
    let found = json::check(text, DEPTH_CEILING);
    if let Err(fault) = found {
        assert!(fault.offset <= text.len());
        assert_eq!(
            fault.kind == FaultKind::Utf8,
            std::str::from_utf8(text).is_err()
        );
        // It stops reading there, and says nothing about the rest.
        if fault.kind == FaultKind::Depth {
            return;
        }
    }
    match Naive::read(text) {
        Ok(value) => {
            assert_eq!(found, Ok(()));
            depth(text, value.depth());
            kept(text, &value);
        }
        Err(Refusal::Twice) => {
            assert_eq!(
                found.map_err(|fault| fault.kind),
                Err(FaultKind::DuplicateKey)
            );
        }
        Err(Refusal::Malformed) => assert!(found.is_err()),
    }
}

/// A text is taken from its own depth on.
fn depth(text: &[u8], depth: usize) {
    assert_eq!(json::check(text, depth), Ok(()));
    if let Some(less) = depth.checked_sub(1) {
        let refused = json::check(text, less).map_err(|fault| fault.kind);
        assert_eq!(refused, Err(FaultKind::Depth));
    }
}

/// What is kept is the text itself, and means what it meant.
fn kept(text: &[u8], value: &Naive) {
    let kept = RawJson::parse(text.to_vec(), DEPTH_CEILING).expect("it was checked");
    assert_eq!(kept.as_bytes(), text.trim_ascii());
    if value.depth() < DEPTH_MAX
        && let Ok(expected) = serde_json::from_slice::<serde_json::Value>(text)
    {
        assert_eq!(json::value(&kept), expected);
    }
}
