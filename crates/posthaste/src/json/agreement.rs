//! The scanner and the sorted form beside serde_json, on documents made at random.

use proptest::prelude::*;
use serde_json::Value;

use super::{DEPTH_MAX, FaultKind, check, sorted};

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i32>().prop_map(|eighths| Value::from(f64::from(eighths) / 8.0)),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let member = (".{0,6}", inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            prop::collection::vec(member, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Where the two differ on purpose, and serde_json's word says nothing.
fn differs(error: &serde_json::Error) -> bool {
    // We never compute a number, so none is out of range.
    error.to_string().starts_with("number out of range")
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_accepted_and_sorting_keeps_its_meaning(value in document()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(check(text.as_bytes(), DEPTH_MAX), Ok(()), "{}", text);
            let once = sorted(text.as_bytes());
            prop_assert_eq!(&serde_json::from_slice::<Value>(&once).unwrap(), &value);
            prop_assert_eq!(sorted(&once), once, "sorting again changes nothing");
        }
    }

    #[test]
    fn a_document_with_changed_bytes_is_judged_as_serde_json_judges_it(
        value in document(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        printable in any::<bool>(),
    ) {
        let mut text = value.to_string().into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = if printable { br#"{}[]",:\0e-.u dtn"#[usize::from(byte) % 17] } else { byte };
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        match (check(&text, DEPTH_MAX), serde_json::from_slice::<Value>(&text)) {
            (Ok(()), Ok(_)) => {}
            (Ok(()), Err(error)) => prop_assert!(differs(&error), "{}: {}", shown, error),
            // serde_json lets the last of two equal keys win; a signature needs one meaning.
            (Err(fault), Ok(_)) => prop_assert_eq!(fault.kind, FaultKind::DuplicateKey, "{}", shown),
            (Err(fault), Err(_)) => prop_assert!(fault.offset <= text.len()),
        }
    }

    #[test]
    fn any_bytes_are_judged_without_a_panic(text in prop::collection::vec(any::<u8>(), 0..64)) {
        let ours = check(&text, DEPTH_MAX).is_ok();
        prop_assert_eq!(ours, serde_json::from_slice::<Value>(&text).is_ok());
        let _ = sorted(&text);
    }
}
