use super::*;
use crate::{event::EventDetails, json::DEPTH_MAX};

fn event(data: &str) -> EventDocument {
    let data = RawJson::parse(data.to_owned(), DEPTH_MAX).expect("test data is JSON");
    let details = EventDetails {
        version: Some(2),
        source: Some("app \"one\"".into()),
        occurred_at: Some("2026-01-02T03:04:05.006Z".parse().unwrap()),
        metadata: Some(RawJson::trusted(Bytes::from_static(br#"{"tier":"gold"}"#))),
        ..EventDetails::default()
    };
    EventDocument::new(Some(&"order.paid".parse().unwrap()), &details, Some(&data))
}

/// Whether a filter wants an event with these data.
#[track_caller]
fn check(filter: &str, data: &str, expected: bool) {
    let filter: Filter = filter
        .parse()
        .unwrap_or_else(|error| panic!("{filter}: {error}"));
    let explanation = filter.explain(&event(data));
    assert_eq!(filter.matches(&event(data)), expected, "{filter} {data}");
    assert_eq!(
        explanation.matches, expected,
        "{filter} {data}: {explanation:?}"
    );
    let clauses = explanation.clauses.iter();
    assert_eq!(
        clauses.clone().all(|c| c.matches),
        expected,
        "{explanation:?}"
    );
}

/// The same for a pattern of `data.x`, with `x` as given, or absent where it is empty.
#[track_caller]
fn check_x(pattern: &str, x: &str, expected: bool) {
    let data = if x.is_empty() {
        "{}".to_owned()
    } else {
        format!("{{\"x\":{x}}}")
    };
    check(
        &format!("{{\"data\":{{\"x\":{pattern}}}}}"),
        &data,
        expected,
    );
}

/// What is wrong with a filter: pointer and code of each fault.
#[track_caller]
fn refused(filter: &str, expected: &[(&str, &str)]) -> String {
    let error = filter.parse::<Filter>().expect_err(filter);
    let found: Vec<_> = error
        .faults()
        .iter()
        .map(|f| (&*f.pointer, f.code))
        .collect();
    assert_eq!(found, expected, "{filter}: {error}");
    error.to_string()
}

#[test]
fn plain_values_match_equal() {
    check_x("1", "1.0", true);
    check_x("1", "1.01", false);
    check_x("1", r#""1""#, false);
    check_x(r#""EUR""#, r#""\u0045UR""#, true);
    check_x(r#""EUR""#, r#""eur""#, false);
    check_x("true", "true", true);
    check_x("true", "1", false);
    check_x("1", "", false);
}

#[test]
fn an_array_matches_any_of_its_items() {
    check_x(r#"["EUR","CHF"]"#, r#""CHF""#, true);
    check_x(r#"["EUR","CHF"]"#, r#""USD""#, false);
    check_x(r#"[1,{"$gt":10}]"#, "11", true);
    check_x(r#"[1,{"$gt":10}]"#, "1", true);
    check_x(r#"[1,{"$gt":10}]"#, "2", false);
    check_x(r#"[{"a":1},{"b":2}]"#, r#"{"b":2}"#, true);
    check_x("[[1,2],3]", "2", true);
    check_x("[null,1]", "", true);
}

#[test]
fn an_array_of_the_event_matches_by_any_item() {
    check_x("2", "[1,2]", true);
    check_x("2", "[1,[2]]", false);
    check_x(r#"{"$gt":5}"#, "[1,9]", true);
    check_x(r#"{"$gt":5}"#, "[]", false);
    check_x(r#"{"$startsWith":"a"}"#, r#"["b","ab"]"#, true);
    check_x(r#"{"$eq":[1,2]}"#, "[1,2.0]", true);
    check_x(r#"{"$eq":[1,2]}"#, "[[1,2]]", true);
    check_x(r#"{"$eq":[1,2]}"#, "[2,1]", false);
    check_x(r#"{"$neq":2}"#, "[1,2]", false);
    check_x(r#"{"$neq":2}"#, "[1,3]", true);
    check_x(r#"{"$nin":[2,3]}"#, "[1,3]", false);
}

#[test]
fn members_are_those_of_one_and_the_same_item() {
    let both = r#"{"sku":"a","n":{"$gt":1}}"#;
    check_x(both, r#"[{"sku":"a","n":2}]"#, true);
    check_x(both, r#"[{"sku":"a","n":1},{"sku":"b","n":2}]"#, false);
    check_x(both, "[]", false);
    check_x(
        r#"{"sku":{"$neq":"a"}}"#,
        r#"[{"sku":"a"},{"sku":"b"}]"#,
        true,
    );
    check_x(
        r#"{"$not":{"sku":"a"}}"#,
        r#"[{"sku":"a"},{"sku":"b"}]"#,
        false,
    );
    check_x(r#"{"sku":"a","$exists":true}"#, r#"{"sku":"a"}"#, true);
    check_x("{}", "[]", true);
    check_x("{}", "", true);
    check_x(r#"{"y":{"$exists":false}}"#, "5", true);
    check_x(r#"{"y":1}"#, "5", false);
}

#[test]
fn null_is_no_value_and_exists_tells_it_from_absence() {
    for x in ["null", ""] {
        check_x("null", x, true);
        check_x(r#"{"$eq":null}"#, x, true);
        check_x(r#"{"$in":[null,1]}"#, x, true);
        check_x(r#"{"$neq":null}"#, x, false);
        check_x(r#"{"$neq":1}"#, x, true);
        check_x(r#"{"$nin":[1]}"#, x, true);
        check_x(r#"{"$gt":0}"#, x, false);
    }
    check_x("null", "0", false);
    check_x(r#"{"$exists":true}"#, "null", true);
    check_x(r#"{"$exists":true}"#, "", false);
    check_x(r#"{"$exists":false}"#, "", true);
    check(
        r#"{"correlation_id":null,"ordering_key":{"$exists":false}}"#,
        "1",
        true,
    );
    check(r#"{"data":null}"#, "null", true);
}

#[test]
fn numbers_and_strings_are_ordered_and_nothing_else_is() {
    check_x(r#"{"$gt":9007199254740992}"#, "9007199254740993", true);
    check_x("9007199254740992", "9007199254740993", false);
    check_x(r#"{"$lt":1e400}"#, "1e399", true);
    check_x(r#"{"$gte":-0}"#, "0", true);
    check_x(r#"{"$lt":1e999999999}"#, "1e-999999999", true);
    check_x(r#"{"$gte":1,"$lt":5}"#, "5", false);
    check_x(r#"{"$gt":"a"}"#, r#""b""#, true);
    check_x(r#"{"$gt":"Z"}"#, r#""a""#, true);
    check_x(r#"{"$lte":"é"}"#, r#""z""#, true);
    check_x(r#"{"$gt":1}"#, r#""2""#, false);
    check_x(r#"{"$lte":1}"#, r#""0""#, false);
    check_x(r#"{"$gt":0}"#, "true", false);
    check_x(
        r#"{"$gte":"2026-01-01"}"#,
        r#""2026-01-02T00:00:00.000Z""#,
        true,
    );
}

#[test]
fn text_has_ends() {
    check_x(r#"{"$startsWith":"é"}"#, r#""\u00e9a""#, true);
    check_x(r#"{"$endsWith":".com"}"#, r#""a@b.com""#, true);
    check_x(r#"{"$endsWith":".com"}"#, r#""a@b.org""#, false);
    check_x(r#"{"$startsWith":""}"#, r#""""#, true);
    check_x(r#"{"$startsWith":""}"#, "1", false);
    check_x(r#"{"$startsWith":"1"}"#, "12", false);
}

#[test]
fn patterns_are_joined() {
    check_x(r#"{"$and":[{"$gt":1},{"$lt":5}]}"#, "3", true);
    check_x(r#"{"$or":[{"$lt":1},{"$gt":5},3]}"#, "3", true);
    check_x(r#"{"$not":{"$gt":1}}"#, r#""a""#, true);
    check_x(r#"{"$not":3}"#, "3", false);
    check_x(r#"{"$not":["a","b"]}"#, r#""b""#, false);
    let either = r#"{"$or":[{"type":"order.paid","data":{"x":1}},{"source":"y"}]}"#;
    check(either, r#"{"x":1}"#, true);
    check(either, r#"{"x":2}"#, false);
    check(
        r#"{"$not":{"data":{"x":1}},"version":2}"#,
        r#"{"x":2}"#,
        true,
    );
    check(
        r#"{"$and":[{"type":{"$startsWith":"order."}},{"data":{"x":1}}]}"#,
        r#"{"x":1}"#,
        true,
    );
}

#[test]
fn every_member_of_an_event_but_its_id_can_be_asked_for() {
    check("{}", "1", true);
    check(
        r#"{"type":"order.paid","version":{"$gte":2},"source":"app \"one\"",
            "occurred_at":"2026-01-02T03:04:05.006Z","metadata":{"tier":["gold","silver"]}}"#,
        "1",
        true,
    );
    check(r#"{"data":7}"#, "7", true);
    check(r#"{"data":{"$gt":7}}"#, "[1,8]", true);
    check(
        r#"{"data":{"$$ref":1,"a.b":2,"":3}}"#,
        r#"{"$ref":1,"a.b":2,"":3}"#,
        true,
    );
    refused(r#"{"id":"evt_0000000000000"}"#, &[("/id", "unknown_field")]);
}

#[test]
fn what_is_no_filter_is_refused_at_its_place() {
    refused("[]", &[("", "type")]);
    refused("null", &[("", "type")]);
    refused("{", &[("", "truncated")]);
    refused(r#"{"data":1,"data":2}"#, &[("", "duplicate_key")]);
    let amount = refused(r#"{"amount":5}"#, &[("/amount", "unknown_field")]);
    assert!(
        amount.ends_with(r#"as in {"data":{"amount":…}}"#),
        "{amount}"
    );
    let ne = refused(
        r#"{"data":{"a/b":{"$ne":1}}}"#,
        &[("/data/a~1b/$ne", "unknown_operator")],
    );
    assert_eq!(
        ne,
        "at /data/a~1b/$ne: unknown operator $ne, the nearest known one is $neq"
    );
    let ge = refused(
        r#"{"data":{"$ge":1}}"#,
        &[("/data/$ge", "unknown_operator")],
    );
    assert!(ge.ends_with("the nearest known one is $gte"), "{ge}");
    refused(
        "{\"data\":{\"\u{202e}é'\\u0000\":[]}}",
        &[("/data/\\u{202e}é'\\0", "length")],
    );
    refused(r#"{"$exists":true}"#, &[("/$exists", "misplaced_operator")]);
    refused(r#"{"$or":[{"data":1},5]}"#, &[("/$or/1", "type")]);
    refused(
        r#"{"data":{"a":{"$gt":true,"$in":[],"$startsWith":1,"$exists":"yes","$or":{}},"b":[]}}"#,
        &[
            ("/data/a/$gt", "type"),
            ("/data/a/$in", "length"),
            ("/data/a/$startsWith", "type"),
            ("/data/a/$exists", "type"),
            ("/data/a/$or", "type"),
            ("/data/b", "length"),
        ],
    );
    refused(
        r#"{"data":{"a":[1,{"$and":[]}]}}"#,
        &[("/data/a/1/$and", "length")],
    );
    let many = format!(
        "{{\"data\":{{{}}}}}",
        (0..50)
            .map(|n| format!("\"{n}\":[]"))
            .collect::<Vec<_>>()
            .join(",")
    );
    assert_eq!(many.parse::<Filter>().unwrap_err().faults().len(), 20);
}

#[test]
fn a_filter_is_bounded_in_size_and_depth() {
    let of_size = |bytes: usize| format!("{{\"data\":\"{}\"}}", "x".repeat(bytes - 11));
    assert!(of_size(FILTER_BYTES_MAX).parse::<Filter>().is_ok());
    refused(&of_size(FILTER_BYTES_MAX + 1), &[("", "length")]);
    let nested = |depth: usize| {
        format!(
            "{{\"data\":{}{}}}",
            "[".repeat(depth - 2),
            "[1]".to_owned() + &"]".repeat(depth - 2)
        )
    };
    assert!(nested(16).parse::<Filter>().is_ok());
    refused(
        &nested(17),
        &[(&format!("/data{}", "/0".repeat(15)), "depth")],
    );
    let literal = format!(
        "{{\"data\":{{\"$eq\":{}{}}}}}",
        "[".repeat(20),
        "]".repeat(20)
    );
    refused(
        &literal,
        &[(&format!("/data/$eq{}", "/0".repeat(14)), "depth")],
    );
}

#[test]
fn an_explanation_names_each_clause_and_what_it_found() {
    let filter: Filter =
        r#"{"type":"order.paid","data":{"amount":{"$gte":100},"currency":["EUR","CHF"],
        "items":{"sku":"a"},"$not":{"test":true},"$$ref":null,"x/y":{"$or":[1,{"$gt":5}]}}}"#
            .parse()
            .unwrap();
    let found = filter.explain(&event(r#"{"amount":5,"items":[{"sku":"b"}],"x/y":6}"#));
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap());
}

#[test]
fn an_explanation_is_bounded_and_still_says_what_did_not_match() {
    let members: Vec<String> = (100..400)
        .map(|n| format!("\"m{n}\":{{\"$neq\":1}}"))
        .collect();
    let filter: Filter = format!("{{\"data\":{{{}}}}}", members.join(","))
        .parse()
        .unwrap();
    let found = filter.explain(&event(r#"{"m107":1,"m399":1}"#));
    let paths: Vec<_> = found.clauses.iter().map(|clause| &*clause.path).collect();
    assert_eq!(paths, ["/data/m107", "/data/m399"]);
    let long = format!("{:?}", "é".repeat(100));
    let filter: Filter = format!("{{\"data\":{long}}}").parse().unwrap();
    let clause = &filter.explain(&event(&long)).clauses[0];
    assert_eq!(clause.expected, format!("\"{}…", "é".repeat(30)));
    assert_eq!(clause.found.as_deref(), Some(&*clause.expected));
}

#[test]
fn hostile_sizes_cost_no_more_than_their_bytes() {
    let numbers = format!("[{}]", vec!["1"; 20_000].join(","));
    let many: Vec<String> = (2..1500).map(|n| n.to_string()).collect();
    check_x(&format!("[{}]", many.join(",")), &numbers, false);
    let zeros = "0".repeat(20_000);
    check_x(r#"{"$lt":1}"#, &format!("0.{zeros}1e20000"), true);
    check_x(
        r#"{"$gt":1}"#,
        &format!("1{zeros}e-99999999999999999999999999999999999999999"),
        false,
    );
    let deep = format!("{}{}", "[".repeat(126), "]".repeat(126));
    check_x("1", &deep, false);
}

#[test]
fn a_filter_shows_as_it_was_written() {
    let text = r#" {"data" : {"a":1.0, "b":{"$exists":true}}} "#;
    let filter: Filter = text.parse().unwrap();
    assert_eq!(filter.to_string(), text.trim());
    assert_eq!(serde_json::to_string(&filter).unwrap(), text.trim());
    assert_eq!(serde_json::from_str::<Filter>(text).unwrap(), filter);
    assert!(serde_json::from_str::<Filter>("[]").is_err());
}

/// The table of `docs/reference/filters.md`.
#[test]
fn what_the_reference_says_is_true() {
    let reference = include_str!("../../../../docs/reference/filters.md");
    let rows = reference.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let (pattern, x, matches) = (cells.next()?, cells.next()?, cells.next()?);
        matches!(matches, "yes" | "no").then_some((pattern, x, matches == "yes"))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() > 30, "the table is found");
    for (pattern, x, matches) in rows {
        let x = x.trim_matches('`');
        check_x(
            pattern.trim_matches('`'),
            if x == "absent" { "" } else { x },
            matches,
        );
    }
}

/// The worst that a filter and an event in their bounds can do to each other, counted.
#[test]
fn no_filter_looks_at_more_than_its_steps() {
    let many = |item: &str, bytes: usize| {
        let items = vec![item; bytes / (item.len() + 1) - 1];
        format!("[{}]", items.join(","))
    };
    let alternatives = |one: &str| {
        let filter = r#"{"data":{"x":{"$or":}}}"#.len();
        let list = many(one, FILTER_BYTES_MAX - filter);
        format!(r#"{{"data":{{"x":{{"$or":{list}}}}}}}"#)
    };
    let text = format!("\"{}\"", "\\u0061".repeat(40_000));
    let members: Vec<_> = (0..20_000).map(|n| format!("\"k{n}\":1")).collect();
    let members = format!("{{{}}}", members.join(","));
    for (filter, x) in [
        (alternatives(r#"{"$gt":2}"#), many("1", 256 * 1024)),
        (alternatives(r#"{"a":1}"#), many(r#"{"b":1}"#, 256 * 1024)),
        (alternatives(r#"{"a":1}"#), members.clone()),
        (alternatives(r#"{"$eq":[]}"#), many("[1]", 256 * 1024)),
        (alternatives(r#"{"$eq":{"b":2}}"#), members),
        (alternatives(r#"{"$startsWith":"b"}"#), text.clone()),
        (alternatives(r#"{"$in":["b","c"]}"#), text),
        (alternatives(r#"{"$lt":2}"#), "1".repeat(256 * 1024)),
        (
            alternatives(r#"{"$not":{"$neq":2}}"#),
            many("1", 256 * 1024),
        ),
    ] {
        let shown = &filter[..60];
        let filter: Filter = filter.parse().unwrap_or_else(|error| panic!("{error}"));
        let event = event(&format!("{{\"x\":{x}}}"));
        let judgement = filter.judge(&event);
        assert_eq!(judgement, filter.judge(&event), "{shown}");
        let expected = Judgement {
            matches: true,
            steps: FILTER_STEPS_MAX,
        };
        assert_eq!(judgement, expected, "{shown}");
        let explanation = filter.explain(&event);
        assert!(explanation.matches, "{shown}");
        assert_eq!(explanation.clauses[0].operator, "undecided", "{shown}");
    }
}

#[test]
fn an_ordinary_judgement_takes_few_steps() {
    #[track_caller]
    fn check(filter: &str, data: &str, steps: u64) {
        let filter: Filter = filter.parse().unwrap();
        assert_eq!(filter.judge(&event(data)).steps, steps);
    }
    let filter = r#"{"data":{"amount":{"$gte":100},"currency":["EUR","CHF"]}}"#;
    check(filter, r#"{"amount":100,"currency":"CHF"}"#, 14);
    check(filter, r#"{"amount":99,"currency":"CHF"}"#, 12);
    let items = format!("{{\"x\":[{}]}}", vec!["1"; 10_000].join(","));
    check(r#"{"data":{"x":{"$gt":1}}}"#, &items, 10_010);
}

#[test]
fn an_event_that_someone_writes_is_judged_as_one_that_was_published() {
    let filter: Filter = r#"{"type":"order.paid","source":null,"data":{"amount":{"$gte":100}}}"#
        .parse()
        .unwrap();
    let written = |text: &str| text.parse::<EventDocument>();
    let event = r#"{"id":"evt_1","type":"order.paid","deliveries":2,"data":{"amount":100}}"#;
    assert!(filter.matches(&written(event).unwrap()));
    assert!(!filter.matches(&written("{}").unwrap()));
    assert_eq!(written("[]").unwrap_err(), EventDocumentError::Kind);
    let fault = written("{\"data\":").unwrap_err();
    assert!(matches!(fault, EventDocumentError::Json(_)), "{fault}");
}
