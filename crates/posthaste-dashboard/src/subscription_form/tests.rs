//! What is typed, and what is meant.

use posthaste::{
    clock::Timestamp,
    delivery::Health,
    event::TenantId,
    id::SubscriptionId,
    signature::Secrets,
    subscription::{Auth, HeaderValue, RateLimit, Subscription, SubscriptionStatus},
};
use posthaste_engine::operations::{NewSubscription, RequestedStatus, SubscriptionPatch};
use std::sync::Arc;

use super::*;
use crate::{query::Query, wrongs::Wrongs};

/// One with every default.
pub(crate) fn subscription() -> Subscription {
    let new = NewSubscription::to("https://example.com/hook".parse().expect("a URL"));
    let now = Timestamp::from_millis(1_700_000_000_000);
    Subscription {
        id: SubscriptionId::from_u64(7),
        tenant: TenantId::default_tenant(),
        external_id: None,
        url: new.url,
        description: new.description,
        events: new.events,
        filter: new.filter,
        status: SubscriptionStatus::Active,
        schemes: new.schemes,
        algorithm: new.algorithm,
        secrets: Secrets::new(new.algorithm.new_secret()),
        access: Arc::new(new.access),
        retry: new.retry,
        timeout: new.timeout,
        max_in_flight: new.max_in_flight,
        rate_limit: new.rate_limit,
        ordering: new.ordering,
        batch: new.batch,
        auto_pause_after: 5,
        format: new.format,
        versions: new.versions,
        metadata: new.metadata,
        health: Health::default(),
        created_at: now,
        updated_at: now,
        revision: 3,
    }
}

/// A form as a browser sends it: what is typed over what stood there.
fn typed(over: &Query, text: &str) -> Query {
    let changes = Query::parse(text);
    let over: Vec<(String, String)> = over.pairs().cloned().collect();
    let kept = over
        .into_iter()
        .filter(|(name, _)| changes.all(name).next().is_none());
    Query::of(kept.chain(changes.pairs().cloned()).collect())
}

fn new(text: &str) -> Result<NewSubscription, String> {
    let form = typed(&blank(), text);
    let asked = Asked::read(&form, |_| Ok(())).map_err(|wrongs| all(&wrongs))?;
    asked.into_new().map_err(|error| error.to_string())
}

fn all(wrongs: &Wrongs) -> String {
    let each = wrongs.all().map(|(field, what)| format!("{field}: {what}"));
    each.collect::<Vec<_>>().join(" | ")
}

const URL: &str = "url=https://example.com/";

/// What is made of fields, in the words of its Debug.
#[track_caller]
fn check<T: std::fmt::Debug>(fields: &str, member: fn(NewSubscription) -> T, expected: T) {
    let made = new(&format!("{URL}&{fields}"));
    let made = made.unwrap_or_else(|wrongs| panic!("{fields}: {wrongs}"));
    assert_eq!(
        format!("{:?}", member(made)),
        format!("{expected:?}"),
        "{fields}"
    );
}

#[track_caller]
fn refused(fields: &str, expected: &str) {
    let told = new(&format!("{URL}&{fields}")).map(drop);
    assert_eq!(told, Err(expected.to_owned()), "{fields}");
}

#[test]
fn an_empty_form_with_a_url_is_every_default() {
    let made = new(URL).expect("it is enough");
    let default = NewSubscription::to("https://example.com/".parse().unwrap());
    assert_eq!(made.url, default.url);
    assert_eq!(made.schemes, default.schemes);
    assert_eq!(made.retry, default.retry);
    assert_eq!((made.timeout, made.max_in_flight), (default.timeout, 32));
    assert_eq!((made.auto_pause_after, made.batch), (None, None));
    assert!(made.access.is_none() && made.secret.is_none() && made.filter.is_none());
}

#[test]
fn each_field_says_one_member() {
    let texts = |events: Vec<posthaste::subscription::EventPattern>| {
        events
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let made = new(&format!("{URL}&events=a.*&events=&events=+b+")).unwrap();
    assert_eq!(texts(made.events), "a.* b");
    check("description=+a+b+", |n| n.description, " a b ".to_owned());
    check("external_id=own", |n| n.external_id, Some("own".to_owned()));
    check("schemes=pt&schemes=standard", |n| n.schemes.len(), 2);
    check("timeout_ms=250", |n| n.timeout.as_millis(), 250);
    check(
        "rate_limit_per_s=0.5",
        |n| n.rate_limit.map(RateLimit::per_s),
        Some(0.5),
    );
    check("auto_pause_after=0", |n| n.auto_pause_after, Some(0));
    check(
        "ordering=fifo",
        |n| format!("{:?}", n.ordering),
        "Fifo".to_owned(),
    );
    check(
        "format=cloudevents",
        |n| format!("{:?}", n.format),
        "CloudEvents".to_owned(),
    );
    check("batch_max_events=7", |n| n.batch.is_some(), false);
    check(
        "mode=batch&batch_max_events=7",
        |n| n.batch.map(|b| b.max_events),
        Some(7),
    );
    check(
        "versions=a.b+2%0D%0Ac:+3",
        |n| format!("{:?}", n.versions.values()),
        "[2, 3]".to_owned(),
    );
    check(
        "metadata=%7B%22a%22:1%7D",
        |n| n.metadata.as_str().to_owned(),
        r#"{"a":1}"#.to_owned(),
    );
    check(
        "filter=%7B%22type%22:%22a%22%7D",
        |n| n.filter.is_some(),
        true,
    );
    check(
        "secret=0123456789abcdef",
        |n| n.secret.map(|s| s.expose().len()),
        Some(16),
    );
}

#[test]
fn retries_are_a_preset_or_one_of_three_forms() {
    let is = |fields: &str, expected: &str| {
        let json = |n: NewSubscription| serde_json::to_string(&n.retry).expect("it is JSON");
        check(fields, json, expected.to_owned());
    };
    is("retry=patient&retry_schedule=1", r#""patient""#);
    is(
        "retry=schedule&retry_schedule=0.5,+2;3&retry_jitter=0",
        r#"{"schedule_s":[0.5,2.0,3.0],"jitter":0.0}"#,
    );
    is(
        "retry=linear&retry_delay_s=2&retry_retries=3",
        r#"{"linear":{"delay_s":2.0,"retries":3},"jitter":0.2}"#,
    );
    is(
        "retry=exponential&retry_base_s=1&retry_factor=2&retry_max_s=9&retry_retries=4",
        r#"{"exponential":{"base_s":1.0,"factor":2.0,"max_s":9.0,"retries":4},"jitter":0.2}"#,
    );
}

#[test]
fn what_a_receiver_asks_for_is_read_row_by_row() {
    let rows = "header_name=X-Team&header_value=blue&header_kind=\
                &header_name=X-Api-Key&header_value=open&header_kind=\
                &header_name=&header_value=&header_kind=secret";
    let made = new(&format!(
        "{URL}&{rows}&auth=basic&auth_username=ada&auth_password=p+w"
    ))
    .unwrap();
    let shown: Vec<&str> = made
        .access
        .headers
        .values()
        .map(HeaderValue::shown)
        .collect();
    assert_eq!(shown, ["***", "blue"], "a name that looks secret is one");
    assert_eq!(format!("{:?}", made.access.auth), "Some(Basic(***))");
    refused(
        "header_name=Host&header_value=x&header_kind=",
        "headers: this header is not yours to set: the sender or HTTP itself does",
    );
    refused(
        "auth=bearer&auth_token=***",
        "*** stands for a secret that is set, and none is set here",
    );
    refused(
        "client_cert_pem=x",
        "client_key_pem: the client's certificate and its key go together",
    );
}

#[test]
fn the_white_space_that_is_typed_is_kept() {
    let auth = "auth=basic&auth_username=u+&auth_password=+p+";
    let expected = Auth::basic("u ", " p ").expect("credentials");
    let made = new(&format!("{URL}&{auth}")).unwrap();
    assert!(made.access.auth == Some(expected), "what is typed is sent");
    check(
        "external_id=+own+",
        |n| n.external_id,
        Some(" own ".to_owned()),
    );
    let why = HeaderValue::new("v ", false).map(drop).unwrap_err();
    refused(
        "header_name=+X-A+&header_value=v+&header_kind=",
        &format!("headers: {why}"),
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_by_its_field() {
    refused(
        "timeout_ms=99&max_in_flight=&mode=both&metadata=[]",
        "mode: expected one of the list | timeout_ms: expected 100 to 60000 \
         | max_in_flight: expected 1 to 1000 | metadata: expected a JSON object",
    );
    refused(
        "events=a..b",
        "events: \"a..b\": expected an event type such as memory.created, a prefix such as memory.*, or *",
    );
    refused(
        "description=%E2%80%AEx",
        "description: control and bidirectional control characters are not allowed",
    );
    refused("secret=short", "secret: expected at least 16 bytes");
    refused(
        "retry=schedule&retry_schedule=1,x",
        "retry_schedule: expected a number",
    );
    refused(
        "rate_limit_per_s=NaN",
        "rate_limit_per_s: expected a number",
    );
    refused(
        "retry=linear&retry_delay_s=2&retry_retries=31",
        "retry_retries: expected 1 to 30",
    );
    refused("schemes=", "schemes: expected at least one of the list");
    refused(
        "versions=a",
        "versions: expected a type and a version in each line, not \"a\"",
    );
    refused(
        "filter=%7B%22a%22:1%7D&x=",
        &format!(
            "filter: {}",
            told(&r#"{"a":1}"#.parse::<posthaste::filter::Filter>().unwrap_err())
        ),
    );
    let none = new("url=").map(drop).unwrap_err();
    assert!(none.starts_with("url: "), "{none}");
}

/// One that differs from the defaults wherever it can.
fn unusual() -> Subscription {
    let fields = "external_id=+own+&description=+d&events=a.*&events=b&filter=%7B%22type%22:%22a%22%7D\
        &schemes=pt&schemes=x-webhook&algorithm=hmac-sha512&retry=linear&retry_delay_s=2\
        &retry_retries=3&retry_jitter=0.5&timeout_ms=200&rate_limit_per_s=0.25&max_in_flight=1\
        &auto_pause_after=9&mode=batch&batch_max_events=7&ordering=fifo&versions=a.b+2\
        &format=cloudevents&metadata=%7B%22a%22:%22%5Cu0041%22%7D&auth=basic&auth_username=ada+\
        &auth_password=canary-1&header_name=X-Key&header_value=canary-2&header_kind=secret\
        &ca_pem=a%0D%0Ab&client_cert_pem=c&client_key_pem=canary-3";
    let new = new(&format!("{URL}&{fields}")).expect("a subscription");
    Subscription {
        url: new.url,
        external_id: new.external_id,
        description: new.description,
        events: new.events,
        filter: new.filter,
        schemes: new.schemes,
        algorithm: new.algorithm,
        access: Arc::new(new.access),
        retry: new.retry,
        timeout: new.timeout,
        max_in_flight: new.max_in_flight,
        rate_limit: new.rate_limit,
        ordering: new.ordering,
        batch: new.batch,
        auto_pause_after: new.auto_pause_after.expect("it was typed"),
        format: new.format,
        versions: new.versions,
        metadata: new.metadata,
        ..subscription()
    }
}

fn changes(now: &Subscription, text: &str) -> SubscriptionPatch {
    let form = typed(&written(now), text);
    let asked = Asked::read(&form, |_| Ok(()));
    asked
        .unwrap_or_else(|wrongs| panic!("{}", all(&wrongs)))
        .changes(now)
}

#[test]
fn a_form_that_is_sent_back_as_it_was_shown_changes_nothing() {
    for now in [subscription(), unusual()] {
        let patch = changes(&now, "");
        let nothing = format!("{:?}", SubscriptionPatch::default());
        assert_eq!(format!("{patch:?}"), nothing);
    }
}

#[test]
fn no_secret_stands_in_a_form() {
    let shown = format!("{:?}", written(&unusual()));
    assert!(
        !shown.contains("canary") && !shown.contains("whsec_"),
        "{shown}"
    );
}

#[test]
fn what_is_typed_anew_is_all_that_changes() {
    let patch = changes(
        &unusual(),
        "timeout_ms=300&mode=single&auth=none&status=disabled&external_id=",
    );
    assert_eq!(patch.timeout.map(|t| t.as_millis()), Some(300));
    assert_eq!(patch.batch, Some(None));
    assert!(matches!(patch.access.auth, Some(None)));
    assert_eq!(patch.status.map(RequestedStatus::as_str), Some("disabled"));
    assert_eq!(patch.external_id, Some(None));
    let rest = SubscriptionPatch {
        timeout: None,
        batch: None,
        mode: None,
        status: None,
        external_id: None,
        access: Default::default(),
        ..patch
    };
    assert_eq!(
        format!("{rest:?}"),
        format!("{:?}", SubscriptionPatch::default())
    );
}
