//! What holds for every filter and every event, made at random.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{event::EventDetails, json::DEPTH_MAX};

/// Few names and values, so that they meet.
fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..4).prop_map(Value::from),
        (-3..4).prop_map(|halves| Value::from(f64::from(halves) / 2.0)),
        "[ab]{0,2}".prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("$c"), Just("")].prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn escaped(name: String) -> String {
    if name.starts_with('$') {
        format!("${name}")
    } else {
        name
    }
}

/// A pattern of a place inside the data.
fn pattern() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        scalar(),
        (prop::sample::select(vec!["$eq", "$neq"]), value()).prop_map(|(op, v)| json!({op: v})),
        (
            prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]),
            -3..4
        )
            .prop_map(|(op, n)| json!({op: n})),
        (
            prop::sample::select(vec!["$gt", "$lte", "$startsWith", "$endsWith"]),
            "[ab]{0,2}"
        )
            .prop_map(|(op, text)| json!({op: text})),
        (
            prop::sample::select(vec!["$in", "$nin"]),
            prop::collection::vec(value(), 1..4)
        )
            .prop_map(|(op, values)| json!({op: values})),
        any::<bool>().prop_map(|exists| json!({"$exists": exists})),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let some = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            some.clone().prop_map(Value::from),
            (prop::sample::select(vec!["$and", "$or"]), some)
                .prop_map(|(op, patterns)| json!({op: patterns})),
            inner.clone().prop_map(|pattern| json!({"$not": pattern})),
            prop::collection::btree_map(name().prop_map(escaped), inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn filter(pattern: &Value) -> Filter {
    json!({"data": pattern})
        .to_string()
        .parse()
        .expect("it is a filter")
}

fn event(data: &str) -> EventDocument {
    let data = RawJson::parse(data.to_owned(), DEPTH_MAX).expect("it is JSON");
    EventDocument::new(None, &EventDetails::default(), Some(&data))
}

proptest! {
    #[test]
    fn an_explanation_says_what_the_judgement_says(pattern in pattern(), data in value()) {
        let (filter, event) = (filter(&pattern), event(&data.to_string()));
        let explanation = filter.explain(&event);
        prop_assert_eq!(explanation.matches, filter.matches(&event));
        let all = explanation.clauses.iter().all(|clause| clause.matches);
        prop_assert_eq!(explanation.matches, all, "{:?}", explanation);
    }

    #[test]
    fn not_is_the_opposite(pattern in pattern(), data in value()) {
        let event = event(&data.to_string());
        let opposite = filter(&json!({"$not": pattern})).matches(&event);
        prop_assert_eq!(filter(&pattern).matches(&event), !opposite);
    }

    #[test]
    fn neq_and_nin_are_the_opposite_of_eq_and_in(asked in value(), data in value()) {
        let event = event(&data.to_string());
        let of = |operator: &str, operand: &Value| filter(&json!({operator: operand})).matches(&event);
        prop_assert_eq!(of("$eq", &asked), !of("$neq", &asked));
        let list = json!([asked]);
        prop_assert_eq!(of("$in", &list), !of("$nin", &list));
    }

    #[test]
    fn and_or_join(one in pattern(), two in pattern(), data in value()) {
        let event = event(&data.to_string());
        let of = |pattern: &Value| filter(pattern).matches(&event);
        prop_assert_eq!(of(&json!({"$and": [one, two]})), of(&one) && of(&two));
        prop_assert_eq!(of(&json!({"$or": [one, two]})), of(&one) || of(&two));
        prop_assert_eq!(of(&json!([one, two])), of(&one) || of(&two));
    }

    #[test]
    fn an_event_is_equal_to_itself_however_it_is_written(data in value()) {
        let pretty = event(&serde_json::to_string_pretty(&data).unwrap());
        for pattern in [json!({"$eq": data}), json!({"$in": [data]})] {
            let matches = filter(&pattern).matches(&pretty);
            prop_assert!(matches, "{}", pattern);
        }
    }

    #[test]
    fn what_is_shown_parses_to_the_same(pattern in pattern()) {
        let filter = filter(&pattern);
        prop_assert_eq!(filter.to_string().parse::<Filter>().unwrap(), filter);
    }

    #[test]
    fn any_text_is_a_filter_or_an_error(text in ".{0,40}", data in value()) {
        for text in [text.clone(), format!("{{\"data\":{text}}}")] {
            if let Ok(filter) = text.parse::<Filter>() {
                let _ = filter.explain(&event(&data.to_string()));
            }
        }
    }

    #[test]
    fn any_json_is_a_filter_or_says_why_not(pattern in value(), data in value()) {
        let text = json!({"data": pattern, "$or": [{"data": pattern}]}).to_string();
        match text.parse::<Filter>() {
            Ok(filter) => { let _ = filter.explain(&event(&data.to_string())); }
            Err(error) => prop_assert!(!error.faults().is_empty() && !error.to_string().is_empty()),
        }
    }
}
